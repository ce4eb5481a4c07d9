"""Any other exchange of ccxt, by its unified methods: `ccxt:<id>`.

What it answers is what ccxt makes of it, with exact numbers. What ccxt lacks for an exchange is
refused; what it does not tell is in the notes. Three things cannot be known here:

1. What a good answer of the exchange has: an empty balance is doubted, whatever came before.
2. In which order it cuts a full page: where it takes an end time, windows are halved until they
   fit; else the venue is asked which row comes first, and only its oldest-first lists are whole.
3. Its error codes: ccxt's classes are believed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, ClassVar, Final

from msgspec.structs import replace

from tieout.adapters.venues import generic_rows as parsers
from tieout.adapters.venues.cells import Raw
from tieout.adapters.venues.classify import Misshapen, Wire
from tieout.adapters.venues.markets import Market, Markets, listed, market_of
from tieout.adapters.venues.paging import Pages, Stalled, by_window, in_millis
from tieout.adapters.venues.shapes import rows, table
from tieout.adapters.venues.venue import Gathered, VenueFeed, together
from tieout.core.entries import VENUES, Conventions
from tieout.core.live import Ask

DAY: Final = 86_400_000
"""Milliseconds."""
ASSUMED: Final = 100
"""Rows of a full page, where ccxt does not say."""

_NEEDS: Final = {
    "balances": ("fetchBalance",),
    "positions": ("fetchPositions",),
    "orders": ("fetchOpenOrders",),
    "trades": ("fetchMyTrades",),
    "prices": ("fetchTickers",),
}
_CLOSED: Final = {"fetchClosedOrders": "fetch_closed_orders", "fetchOrders": "fetch_orders"}
OVERLOOKED: Final = "ccxt read nothing from an answer that has rows in it"

_bodies: ContextVar[list[Any] | None] = ContextVar("bodies", default=None)
"""What came for the question under way, as the exchange said it."""

_WALLETS: Final = {"spot": "spot", "swap": "futures", "future": "futures", "margin": "margin"}
_KINDS: Final = frozenset({"spot", "swap", "future"})

Page = Callable[[int, int | None, int], Awaitable[list[Any]]]
"""(since, until, limit) in milliseconds -> rows."""


class GenericVenue(VenueFeed):
    """An exchange of ccxt. `options: {type: swap}` asks about contracts instead of spot."""

    market_kind: ClassVar[str] = "ccxt"
    orders_by_symbol = True  # nobody has looked; that they are not is not certain

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        _keep_bodies(self._client.exchange)

    @property
    def offers(self) -> frozenset[str]:
        found = {records for records, needed in _NEEDS.items() if all(map(self._has, needed))}
        if self._kind == "spot":
            found.discard("positions")  # they would be its balances, told twice
        if self._has("fetchLedger") or (
            self._has("fetchDeposits") and self._has("fetchWithdrawals")
        ):
            found.add("movements")
        return frozenset(found | {"instruments"})

    def _has(self, method: str) -> bool:
        """What ccxt emulates from other answers is not asked for."""
        return self._client.exchange.has.get(method) is True

    @property
    def _kind(self) -> str:
        given = self._settings.options.get("type")
        return (
            str(given) if given else ("spot" if self._client.exchange.has.get("spot") else "swap")
        )

    @property
    def _wallet(self) -> str:
        """The one that it is asked about: its balances, and what moves them."""
        return str(self._settings.options.get("wallet") or _WALLETS.get(self._kind, "spot"))

    def _paying(self, market: Market) -> str | None:
        """The wallet that a fill is paid from; None where it is of the other kind of account."""
        if self._settings.options.get("wallet") or self._contracts == (market.settle is not None):
            return self._wallet
        return None

    @property
    def _contracts(self) -> bool:
        return self._kind in ("swap", "future")

    @property
    def _arrivals(self) -> str:
        """Where deposits arrive: in the spot wallet, where the exchange has one. An exchange with
        one wallet for everything looks like that as well: then `options: {wallet: ...}` says so."""
        elsewhere = self._client.exchange.has.get("spot") is True
        given = self._settings.options.get("wallet")
        return "spot" if elsewhere and not given and self._kind != "spot" else self._wallet

    @property
    def conventions(self) -> Conventions:
        """Which wallet a record is about that names none: it depends on the options."""
        usual, wallet = VENUES.get(self.exchange, Conventions()), self._wallet
        if self._contracts:
            return replace(usual, derivatives=wallet, arrivals=self._arrivals)
        return replace(usual, spot=wallet, arrivals=self._arrivals)

    def _feature(self, method: str, name: str) -> Any:
        """What ccxt says of a method for this kind of market; None where it does not."""
        found: Any = (self._client.exchange.features or {}).get(self._kind) or {}
        if self._kind != "spot":
            found = found.get("linear") or {}
        return (found.get(method) or {}).get(name)

    async def _unified(self, method: str, *args: Any, shape: Any, **params: Any) -> Any:
        has = self._client.exchange.has
        if has.get("spot") is True and has.get("swap") is True:
            # An exchange with one kind of account would be sent the word as it is.
            params["type"] = self._kind
        return await self._client.unified(method, *args, shape=shape, name=self.name, params=params)

    async def _every(self, method: str, found: Gathered) -> list[Any]:
        """A list of everything there is; one that ccxt found nothing in is doubted if it has rows.

        They may be rows of nothing, such as closed positions, which ccxt leaves out.
        """
        bodies: list[Any] = []
        token = _bodies.set(bodies)
        try:
            listed: list[Any] = await self._unified(method, shape=rows())
        finally:
            _bodies.reset(token)
        if not listed and any(map(holds_rows, bodies)):
            found.notes.append(OVERLOOKED)
        return listed

    async def _load_markets(self) -> Markets:
        found: Markets = await self._client.unified(
            "load_markets", True, shape=_markets, signed=False, name=self.name
        )
        return found

    async def _ready(self) -> None:
        """The exchange's clock is not measured: not every one tells it."""
        await self.markets()

    def _doubt(self, ask: Ask, found: Gathered) -> str | None:
        if OVERLOOKED in found.notes:
            return OVERLOOKED
        if ask.records == "balances" and not found.rows.records and not found.rows.quarantined:
            return f"no balances at all, and what {self.exchange} answers is known from ccxt only"
        return super()._doubt(ask, found)

    # Snapshots

    async def _balances(self, _: Ask, found: Gathered) -> None:
        at = self._client.now()
        whole = await self._unified("fetch_balance", shape=table(has=("total",)))
        body = [{**whole[code], "currency": code} for code in whole["total"]]
        found.wallets = frozenset({self._wallet})
        found.read(body, parsers.balance(self._wallet, at))
        if self._kind != "spot":
            found.notes.append("a total may contain unrealised PnL: ccxt does not tell it apart")

    async def _positions(self, _: Ask, found: Gathered) -> None:
        markets, at = await self.markets(), self._client.now()
        positions = await self._every("fetch_positions", found)
        found.read(positions, parsers.position(markets, at))

    async def _orders(self, ask: Ask, found: Gathered) -> None:
        markets = await self.markets()
        parse = parsers.order(markets)
        closing = next((each for each in _CLOSED if self._has(each)), None)
        by_symbol = self._by_symbol("fetchOpenOrders", ask)
        if ask.since is not None:
            if closing is None:
                found.reasons.append(f"ccxt cannot list closed orders of {self.exchange}")
            else:
                by_symbol = by_symbol or self._by_symbol(closing, ask)

        async def one(symbol: str | None) -> None:
            if symbol is None:
                still = await self._every("fetch_open_orders", found)
            else:
                still = await self._unified("fetch_open_orders", symbol, shape=rows())
            limit = self._feature("fetchOpenOrders", "limit")
            if limit and len(still) >= limit:
                found.reasons.append(f"{limit} orders are open, which is all that one page holds")
            closed: list[Raw] = []
            if ask.since is not None and closing is not None:
                closed = (await self._closed(closing, symbol, ask)).rows
            gone = {_order_key(raw) for raw in closed}
            found.read((raw for raw in still if _order_key(raw) not in gone), parse)
            found.read(closed, parse)

        await self._for_each(ask, found, markets, by_symbol, one)

    async def _closed(self, method: str, symbol: str | None, ask: Ask) -> Pages:
        assert ask.since is not None
        until = self._client.now() if ask.until is None else ask.until
        return await self._pages(method, _CLOSED[method], symbol, in_millis((ask.since, until)))

    # Events

    async def _trades(self, ask: Ask, found: Gathered) -> None:
        markets = await self.markets()
        parse = parsers.trade(markets, self._paying)

        async def one(symbol: str | None) -> None:
            window = in_millis(found.window)
            found.read(await self._pages("fetchMyTrades", "fetch_my_trades", symbol, window), parse)

        await self._for_each(ask, found, markets, self._by_symbol("fetchMyTrades", ask), one)
        found.notes.append("liquidations and settlements are told as far as ccxt lists them")

    async def _movements(self, _: Ask, found: Gathered) -> None:
        window = in_millis(found.window)
        if self._has("fetchLedger"):
            book = await self._pages("fetchLedger", "fetch_ledger", None, window)
            found.read(book, parsers.ledger(self._wallet))
            return
        arrived, left = await together(
            self._pages("fetchDeposits", "fetch_deposits", None, window),
            self._pages("fetchWithdrawals", "fetch_withdrawals", None, window),
        )
        found.read(arrived, parsers.deposit(self._arrivals))
        found.read(left, parsers.withdrawal(self._arrivals))
        found.notes.append("movements are deposits and withdrawals only")

    # Symbols and pages

    def _by_symbol(self, method: str, ask: Ask) -> bool:
        given = self._settings.options.get("by_symbol")
        if isinstance(given, bool):
            return given
        return self._feature(method, "symbolRequired") is True and ask.records != "movements"

    async def _for_each(
        self,
        ask: Ask,
        found: Gathered,
        markets: Markets,
        by_symbol: bool,
        one: Callable[[str | None], Awaitable[None]],
    ) -> None:
        if not by_symbol:
            await one(None)
            return
        known = self._markets_of(ask, markets, found)
        await self._each([market.symbol for market in known], one)

    async def _pages(
        self, feature: str, method: str, symbol: str | None, window: tuple[int, int]
    ) -> Pages:
        """All rows of a window, however the exchange cuts a page.

        Raises:
            Stalled: more rows at one instant than a page holds.
        """
        limit = self._feature(feature, "limit") or ASSUMED

        async def page(since: int, until: int | None, count: int) -> list[Any]:
            params = {} if until is None else {"until": until}
            return list(await self._unified(method, symbol, since, count, shape=rows(), **params))

        if self._feature(feature, "untilDays") is None:
            return await _upward(page, window, limit)
        days = self._feature(feature, "untilDays")
        return await by_window(
            lambda start, end: page(start, end, limit),
            parsers.row_key,
            since=window[0],
            until=window[1],
            span=max(1, int(days)) * DAY,
            limit=limit,
        )

    # Reference data

    async def _prices(self, _: Ask, found: Gathered) -> None:
        markets, at = await self.markets(), self._client.now()
        tickers = await self._unified("fetch_tickers", shape=table())
        known = (each for each in tickers.values() if isinstance(each, dict))
        found.read(known, parsers.price(markets, self._kind, at))


async def _upward(page: Page, window: tuple[int, int], limit: int) -> Pages:
    """Walk upward by time, a day at most at a time; pages overlap by their last instant."""
    pages = Pages(parsers.row_key)
    since, until = window
    for day in range(since, until + 1, DAY):
        start, end = day, min(day + DAY - 1, until)
        while True:
            found = await page(start, None, limit)
            new = pages.add(found)
            times = [_time(raw) for raw in found]
            if not found or len(found) < limit or max(times) > end:
                break
            first = await page(start, None, 1)
            if not first or _time(first[0]) != min(times):
                pages.reasons.append("a full page begins with its newest row: older ones are cut")
                break
            if not new or max(times) == start:
                raise Stalled(f"{len(found):,} rows at one instant are as many as a page holds")
            start = max(times)
    return pages


def _keep_bodies(exchange: Any) -> None:
    """Have each body noted for the question that it came for; once an exchange."""
    ask = exchange.ask_exactly
    if getattr(ask, "notes", False):
        return

    async def noted(*request: Any) -> Any:
        body = await ask(*request)
        bodies = _bodies.get()
        if bodies is not None:
            bodies.append(body)
        return body

    noted.notes = True  # type: ignore[attr-defined]
    exchange.ask_exactly = noted


def holds_rows(body: Any) -> bool:
    """Whether there is a list of objects in it, at any depth."""
    if isinstance(body, list):
        return any(isinstance(each, dict) and each for each in body)
    if isinstance(body, dict):
        return any(map(holds_rows, body.values()))
    return False


def _order_key(raw: Raw) -> tuple[Any, Any]:
    return raw.get("symbol"), raw.get("id")


def _time(raw: Raw) -> int:
    """Milliseconds."""
    found = raw.get("timestamp")
    if isinstance(found, bool) or not isinstance(found, int):
        raise Stalled("a row has no time")
    return found


def _markets(found: Any) -> Markets:
    if not isinstance(found, dict):
        raise Misshapen("it lists no markets")
    unified = (each for each in found.values() if each and each.get("type") in _KINDS)
    return listed(market_of(each) for each in unified)


@lru_cache
def generic_venue(exchange: str) -> type[GenericVenue]:
    """The adapter for an exchange by ccxt's id. Whether ccxt has it is seen when it is opened."""
    made: type[GenericVenue] = type(
        f"Ccxt{exchange.title()}",
        (GenericVenue,),
        {"exchange": exchange, "wire": Wire(exchange, ccxt=True)},
    )
    return made
