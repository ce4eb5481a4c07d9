"""ccxt's exchange, kept exact: it signs requests and knows their cost, and no more.

Requests go through our own transport, numbers stay as they are written, the clock is ours, and
what a reply means is judged by `classify` before ccxt sees it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

from tieout.adapters.venues.classify import Wire, parse_exact
from tieout.adapters.venues.limiter import Limiter
from tieout.adapters.venues.settings import VenueSettings, relocated
from tieout.errors import MissingExtra, UsageError

Ask: TypeAlias = Callable[[str, str, Mapping[str, str], str | None], Awaitable[Any]]
"""(method, url, headers, body) -> the data of a good reply; raises `Failed`."""


def exchange_of(
    settings: VenueSettings, wire: Wire, ask: Ask, milliseconds: Callable[[], int]
) -> Any:
    """An object of ccxt for an account.

    Raises:
        MissingExtra: ccxt is not installed.
        UsageError: it has no such exchange.
    """
    try:
        import ccxt.async_support as library
    except ImportError:
        raise MissingExtra("venues", f"source {settings.name!r}") from None
    if wire.exchange not in library.exchanges:
        raise UsageError(
            f"ccxt {library.__version__} has no exchange {wire.exchange!r}",
            where=settings.name,
            hint="python -c 'import ccxt; print(ccxt.exchanges)' lists them",
        )
    given = settings.credentials
    exchange = _exact(getattr(library, wire.exchange))(
        {
            "apiKey": given.key or "",
            "secret": given.secret or "",
            "password": given.password or "",
            "walletAddress": given.wallet or "",
            "number": str,
            "timeout": round(settings.timeout * 1000),
            "enableRateLimit": settings.options.get("rate_limit", True) is not False,
            "options": {**wire.options, **settings.options.get("ccxt", {})},
        }
    )
    if settings.base_url is not None:
        exchange.urls["api"] = relocated(exchange.urls["api"], settings.base_url)
    interval = settings.options.get("rate_limit", True)
    milli = exchange.rateLimit if isinstance(interval, bool) else interval
    exchange.ask_exactly = ask
    exchange.our_milliseconds = milliseconds
    exchange.our_costs = wire.costs
    exchange.our_limiter = Limiter(float(milli) / 1000, wire.burst)
    return exchange


@lru_cache
def _exact(base: type) -> type:
    """`base`, with what is ours in place of ccxt's."""

    class Exact(base):  # type: ignore[misc]
        timeout_on_exit = 0  # no session of ccxt's is ever opened

        def on_json_response(self, body: str) -> Any:
            return parse_exact(body)

        def milliseconds(self) -> int:
            return int(self.our_milliseconds())

        def seconds(self) -> int:
            return self.milliseconds() // 1000

        def microseconds(self) -> int:
            return self.milliseconds() * 1000

        def calculate_rate_limiter_cost(
            self, api: Any, method: Any, path: Any, params: Any, config: Any = None
        ) -> Any:
            own = self.our_costs.get((api if isinstance(api, str) else api[0], path))
            if own is not None:
                return own
            return super().calculate_rate_limiter_cost(api, method, path, params, config or {})

        async def throttle(self, cost: Any = None) -> None:
            await self.our_limiter(1.0 if cost is None else float(cost))

        async def fetch(
            self, url: str, method: str = "GET", headers: Any = None, body: Any = None
        ) -> Any:
            return await self.ask_exactly(method, url, self.prepare_request_headers(headers), body)

    Exact.__name__ = base.__name__
    return Exact


def falls() -> tuple[type[Exception], ...]:
    """What ccxt raises: its own errors, and whatever its parsers fall over where a body is odd."""
    import ccxt

    odd = (LookupError, TypeError, AttributeError, ValueError, ArithmeticError)
    return (ccxt.BaseError, AssertionError, RuntimeError, OSError, *odd)
