"""One's own trading engine as a book: a few async methods, in the words that engines use.

What an engine gives is read like any other source: a row that cannot be read is quarantined, and
what is not there is unknown. An engine that fails, hangs or gives nothing at all is an error.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from tieout.adapters.books.engine_rows import Shape, balance_rows, rows_of
from tieout.core.asked import answered
from tieout.core.canonical import dumps, instant, nanoseconds, plain_record
from tieout.core.live import Answer, Ask
from tieout.core.model import Quarantined
from tieout.core.schema import RECORD_TYPES
from tieout.errors import SourceError
from tieout.ports import Clock

_METHODS: Final = {
    "positions": "get_positions",
    "balances": "get_account_info",
    "orders": "get_open_orders",
    "trades": "get_fills",
}


class EngineAdapter(Protocol):
    """What an engine has to offer. Rows are dicts or objects; `docs/books.md` has their fields.

    Numbers are Decimal, int or text; times are aware datetimes, ISO texts or UTC nanoseconds.
    """

    async def get_positions(self) -> Any:
        """Every position: rows with `symbol` and a signed `quantity` (or an unsigned one and a
        `side`), and `average_price` where it is known; or a mapping from symbol to them."""
        ...

    async def get_account_info(self) -> Any:
        """`balances`: a mapping from currency to total, or rows; or `cash` and its `currency`.
        Cash, without unrealised PnL."""
        ...

    async def get_open_orders(self) -> Any:
        """Every order that may still fill: rows with `order_id`, `symbol`, `side`, `quantity`."""
        ...


class FillingEngine(EngineAdapter, Protocol):
    """An engine that knows its fills as well: with it, a difference is traced to its trades."""

    async def get_fills(self, since: datetime | None) -> Any:
        """Every fill at or after `since` (UTC): rows with `trade_id`, `order_id`, `symbol`,
        `side`, `quantity`, `price`, `fee`, `fee_currency` and `timestamp`."""
        ...


class EngineBook:
    """Implements `ports.Book`.

    Args:
        account, venue, wallet: of rows that do not name their own.
        floats: `refuse`, or `shortest`: take binary floats as their shortest decimals.
        timeout: seconds for one call.
        loop: where the engine's coroutines run; that of the caller, where it has one. A book is
            asked from the thread of the monitors, and an engine's locks belong to its own loop.
    """

    def __init__(
        self,
        adapter: EngineAdapter,
        *,
        name: str,
        account: str,
        venue: str,
        clock: Clock,
        wallet: str | None = None,
        floats: str = "refuse",
        timeout: float = 5.0,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._adapter = adapter
        self._shape = Shape(name, account, venue, wallet, floats)
        self._clock = clock
        self._timeout = timeout
        self._loop = loop or _running_loop()

    @property
    def name(self) -> str:
        return self._shape.source

    @property
    def offers(self) -> frozenset[str]:
        return frozenset(
            records for records, method in _METHODS.items() if hasattr(self._adapter, method)
        )

    async def fetch(self, ask: Ask) -> Answer:
        """Raises SourceError: the engine fails, hangs, or does not give what it should."""
        if ask.records not in self.offers:
            raise SourceError(
                f"the engine gives no {ask.records}",
                where=self.name,
                hint=f"write `async def {_METHODS[ask.records]}`"
                if ask.records in _METHODS
                else f"it gives {', '.join(sorted(self.offers))}",
            )
        asked_at = nanoseconds(self._clock.now())
        given = await self._call(_METHODS[ask.records], *self._arguments(ask))
        rows = balance_rows(given, self._shape) if ask.records == "balances" else given
        records, unreadable = rows_of(rows, ask.records, self._shape, asked_at)
        return answered(
            self.name,
            ask,
            records,
            unreadable,
            asked_at=asked_at,
            answered_at=nanoseconds(self._clock.now()),
            reasons=_only_open(ask),
        )

    async def version(self) -> str:
        """What the engine's own `version()` says; else a digest of all that it gives.

        Of fills, those of the day: one digest a day is new without any change.
        """
        if hasattr(self._adapter, "version"):
            return str(await self._call("version"))
        day = self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        texts = []
        for records in sorted(self.offers):
            since = nanoseconds(day) if records == "trades" else None
            answer = await self.fetch(Ask(records, since=since))
            type_ = RECORD_TYPES[records]
            rows = [_lasting(plain_record(each.values, type_)) for each in answer.records]
            rows += [_unread(row, answer.asked_at) for row in answer.quarantined]
            texts.append(dumps(sorted(dumps(row) for row in rows)))
        return hashlib.sha256("\n".join(texts).encode("utf-8", "surrogatepass")).hexdigest()

    async def symbols(self) -> frozenset[str]:
        """Every symbol that the engine holds or has ordered."""
        found: set[str] = set()
        for records in sorted(self.offers & {"positions", "orders"}):
            answer = await self.fetch(Ask(records))
            found |= {str(row.values["symbol"]) for row in answer.records}
        return frozenset(found)

    async def aclose(self) -> None:
        """The engine is not ours to close."""

    @staticmethod
    def _arguments(ask: Ask) -> Sequence[object]:
        if ask.records != "trades":
            return ()
        if ask.since is None:
            return (None,)
        # Cut to microseconds, downwards: what comes too much is left out again.
        return (datetime.fromtimestamp(ask.since // 1_000 / 1e6, UTC),)

    async def _call(self, method: str, *arguments: object) -> Any:
        where = f"{self.name}: {method}"
        try:
            async with asyncio.timeout(self._timeout):
                given = await self._run(getattr(self._adapter, method), arguments)
        except TimeoutError:
            raise SourceError(
                f"the engine gave no answer within {self._timeout:g} s",
                where=where,
                hint="nothing is concluded from it; if the engine is only slow, raise `timeout`",
            ) from None
        except asyncio.CancelledError as error:
            if _is_being_cancelled():
                raise
            raise SourceError(
                "the engine cancelled its own call",
                where=where,
                hint="nothing is concluded from it; the engine may be stopping",
            ) from error
        except Exception as error:
            raise SourceError(
                f"the engine failed: {type(error).__name__}: {error}",
                where=where,
                hint="nothing is concluded from it; the engine's own log says more",
            ) from error
        if given is None:
            raise SourceError(
                "the engine gave None, which says nothing",
                where=where,
                hint="an empty list means that there is none",
            )
        return given

    async def _run(self, method: Callable[..., Awaitable[Any]], arguments: Sequence[object]) -> Any:
        """The method's result, worked out on the engine's own loop."""
        if self._loop is None or self._loop is asyncio.get_running_loop():
            return await method(*arguments)

        async def called() -> Any:
            return await method(*arguments)

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(called(), self._loop))


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _is_being_cancelled() -> bool:
    """Whether it is the caller that is cancelled, and not what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _only_open(ask: Ask) -> tuple[str, ...]:
    if ask.records != "orders" or (ask.since is None and ask.until is None):
        return ()
    return ("the engine gives open orders; those that are closed are not known",)


def _unread(row: Quarantined, asked_at: int) -> dict[str, str | None]:
    """A row that cannot be read, without the time at which it was asked for.

    Its reason says nothing more, and counts how far a time is ahead.
    """
    return {"unreadable": row.raw.replace(instant(asked_at), ""), "field": row.field}


def _lasting(row: dict[str, str | None]) -> dict[str, str | None]:
    """A record without the time at which it was asked for."""
    return {name: text for name, text in row.items() if name != "as_of"}
