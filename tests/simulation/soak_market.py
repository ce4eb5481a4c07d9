"""One world of the soak: a simulated exchange, two books that hear of its fills, and monitors.

Twelve spot markets and twelve perpetuals of one account in Binance's format, on virtual time. The
books hear of each fill 0 to 2 s late, out of order and some of them twice, and get some wrong on
purpose (`PLANTS`); with faults the exchange answers late, in part, stale or not at all. Its clock
is ahead of ours or behind, in three of four worlds.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, closing
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from live_world import KEY, SECRET, Alerts, Seen

from tieout import wiring
from tieout.config import load
from tieout.core.canonical import nanoseconds
from tieout.core.confirm import Confirmation, Verdict
from tieout.core.entries import Key
from tieout.core.live import Ask
from tieout.ports import Clock
from tieout.service.live import monitor as monitor_module
from tieout.service.live import snapshots
from tieout.service.live.monitor import Monitor
from tieout.service.live.verdict import verdict as real_verdict
from tieout.service.runs import RunOutcome
from tieout.testing import virtual
from tieout.testing.exchange import Exchange
from tieout.testing.exchange.book import SimulatedBook
from tieout.testing.exchange.faults import Fault, Faults, Trouble
from tieout.testing.exchange.market import Market
from tieout.testing.exchange.model import SystemClock
from tieout.testing.exchange.planting import Drift, Plant, Planted
from tieout.testing.exchange.server import Server, serve
from tieout.wiring import live

KINDS: Final = (
    "perp-positions", "spot-balances", "perp-orders", "spot-orders", "perp-trades", "spot-trades",
)  # fmt: skip
LINE: Final = (
    Trouble.TIMEOUT, Trouble.DROPPED, Trouble.RATE_LIMITED, Trouble.SERVER_ERROR, Trouble.HTML,
    Trouble.CUT, Trouble.EMPTY_BODY, Trouble.EMPTY_OBJECT, Trouble.DOUBLED,
)  # fmt: skip
PLANTS: Final = {
    "perp": (
        (Drift.UNHEARD, 0.10, "BTC/USDT:USDT"), (Drift.PHANTOM, 0.25, "SOL/USDT:USDT"),
        (Drift.QUANTITY, 0.45, "XRP/USDT:USDT"), (Drift.UNHEARD, 0.60, "DOGE/USDT:USDT"),
    ),
    "spot": (
        (Drift.UNHEARD, 0.12, "BTC/USDT"), (Drift.FEE, 0.27, "ETH/USDT"),
        (Drift.QUANTITY, 0.43, "XRP/USDT"), (Drift.PHANTOM, 0.62, "ADA/USDT"),
    ),
}  # fmt: skip
"""What the books get wrong, and at which part of the time."""
SKEWS: Final = (0.0, 3.0, -3.0, -1.2)
"""Seconds that the venue's clock is ahead, in turn by seed."""
CLOSED: Final = 45
"""Seconds for which orders that were closed are compared."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a world is. Times in seconds.

    Attributes:
        rate: fills a second in all.
        seconds: of trading while the monitors watch; `warm` before that.
        late: until a book has heard of a fill, and until the venue lists it, at most.
        http: on loopback and in real time.
    """

    rate: float = 1000.0
    seconds: float = 300.0
    warm: float = 30.0
    cycle: float = 30.0
    grace: float = 5.0
    lag: float = 2.0
    late: float = 2.0
    kinds: Sequence[str] = KINDS
    http: bool = False

    def at(self, part: float) -> float:
        """Seconds since the exchange began."""
        return self.warm + part * self.seconds

    def plants(self, product: str) -> list[Plant]:
        return [Plant(kind, self.at(part), symbol) for kind, part, symbol in PLANTS[product]]

    def faults(self, seed: int, *, quiet: bool = False) -> Faults:
        """Each kind of fault, several of them at a time. `quiet`: a clock that is wrong is none."""
        skew = SKEWS[seed % len(SKEWS)]
        skewed = [Fault(Trouble.SKEW, seconds=(skew, skew))]
        if quiet:
            return Faults(seed, skewed)
        return Faults(
            seed,
            [
                *skewed,
                *(Fault(each, rate=0.005, seconds=(0.5, 2.0)) for each in LINE),
                Fault(Trouble.STALE, rate=0.2, seconds=(0.5, 10.0)),
                Fault(Trouble.EMPTY_ACCOUNT, at=[self.at(0.23), self.at(0.53)]),
                Fault(Trouble.MISSING_FILL, rate=0.00001),
                Fault(Trouble.LATE_FILL, rate=0.0001, seconds=(2.0, 10.0)),
                Fault(Trouble.OUTAGE, between=[(self.at(0.40), self.at(0.45))]),
                Fault(Trouble.LIQUIDATION, rate=0.02),
                Fault(Trouble.ADL, rate=0.02),
            ],
        )


@dataclass
class Told:
    """One comparison: what it said, and when it began.

    Attributes:
        began, ended: UTC nanoseconds by the venue's clock, as is the truth.
        verdicts: of snapshots.
    """

    name: str
    began: int
    ended: int
    row: Any
    breaks: list[Any]
    verdicts: Mapping[Key, Verdict]


@dataclass
class World:
    """One world, and what came of it.

    Attributes:
        truth: by product.
        excused: symbols and ids of fills that the venue itself lists late or never.
        orders: ids of orders that a book has otherwise than the venue in the end.
    """

    seed: int
    faults: bool
    scale: Scale = field(default_factory=Scale)
    told: list[Told] = field(default_factory=list)
    truth: dict[str, Sequence[Planted]] = field(default_factory=dict)
    excused: set[tuple[str, str]] = field(default_factory=set)
    orders: set[str] = field(default_factory=set)
    fills: int = 0
    cpu: float = 0.0

    def run(self) -> World:
        """Trade and watch; afterwards `told` and `truth` are there."""
        began = time.process_time()
        os.environ.update(VENUE_KEY=KEY, VENUE_SECRET=SECRET)
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            watch = Watch(round(SKEWS[self.seed % len(SKEWS)] * 1e9))
            stack.enter_context(patch.object(monitor_module, "verdict", watch.verdict))
            stack.enter_context(patch.object(snapshots, "Confirmation", watch.confirmation()))
            if self.scale.http:
                asyncio.run(self._served(folder, watch))
            else:
                virtual.run(self._live(folder, watch, virtual.VirtualClock()))
        self.cpu = time.process_time() - began
        return self

    async def _served(self, folder: Path, watch: Watch) -> None:
        await self._live(folder, watch, SystemClock())

    async def _live(self, folder: Path, watch: Watch, clock: Clock) -> None:
        scale = self.scale
        faults = scale.faults(self.seed, quiet=not self.faults)
        late = 0.0, scale.late
        exchange = Exchange(clock, seed=self.seed, visibility=late, limits=False, faults=faults)
        account = exchange.open("binance", "main", key=KEY, secret=SECRET)
        market = Market(exchange, [account], seed=self.seed, rate=scale.rate)
        market.endow()
        books = {
            product: SimulatedBook(
                exchange, [account], name=f"{product}-book", seed=self.seed, delay=late,
                plants=scale.plants(product), product=product,
            )
            for product in PLANTS
        }  # fmt: skip

        seen: set[str] = set()

        def heard(monitor: Monitor, outcome: RunOutcome) -> None:
            if outcome.row.run_id not in seen:  # requests that were merged hear of one run
                seen.add(outcome.row.run_id)
                self.told.append(watch.told(monitor, outcome))

        began = clock.now()
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(serve(exchange)) if scale.http else None
            world = live.World(
                clock=clock,
                transport=None if scale.http else exchange.transport(),
                every=every,
                inline=not scale.http,
            )
            store = stack.enter_context(closing(wiring.open_store(self._store(folder))))
            supervisor = await stack.enter_async_context(
                live.supervised(
                    self._settings(folder, server),
                    store,
                    feeds={f"{product}-book": book for product, book in books.items()},
                    heard=heard,
                    notifier=Alerts(Seen()),
                    world=world,
                )
            )
            await asyncio.sleep(scale.warm)
            await supervisor.start()
            passed = (clock.now() - began).total_seconds()
            await asyncio.sleep(max(0.0, scale.warm + scale.seconds - passed))
        self.truth = {product: list(book.truth) for product, book in books.items()}
        self.fills = market.fills
        for book in books.values():
            self.orders |= await _unlike(book, {each.order_id for each in book.truth})
        for each in faults.of(Trouble.MISSING_FILL, Trouble.LATE_FILL):
            _, _, symbol, number = each.subject.split()
            self.excused.add((symbol, number))

    def _store(self, folder: Path) -> str:
        return f"sqlite:///{folder}/tieout.db" if self.scale.http else "sqlite://"

    def _settings(self, folder: Path, server: Server | None) -> Any:
        scale, urls, on = self.scale, "", "start, interval"
        if server is not None:
            urls = f", base_url: '{server.base_url}', ws_url: '{server.ws_url}'"
            on += ", events"
        text = ["version: 1", "reporting_currency: USDT", "sources:"]
        for product in PLANTS:
            text.append(f"  {product}-book: {{type: frame}}")
            text.append(
                f"  {product}: {{type: venue, venue: binance_{product}, account: main,"
                " api_key: env:VENUE_KEY, secret: env:VENUE_SECRET, options: {rate_limit: false}"
                f"{urls}}}"
            )
        text.append("reconciliations:")
        window = {"orders": f", lookback: {CLOSED}s", "trades": ", lookback: 15s, full: 60s"}
        for kind in scale.kinds:
            product, records = kind.split("-")
            text.append(
                f"  {kind}: {{records: {records}, internal: {product}-book, external: {product},"
                f" every: {_ms(scale.cycle)}, grace: {_ms(scale.grace)}, lag: {_ms(scale.lag)}"
                f", on: [{on}]{window.get(records, '')}}}"
            )
        path = folder / "live.yaml"
        path.write_text("\n".join(text))
        return load(path)


def every(seconds: float, name: str, call: Callable[[], Awaitable[object]]) -> Callable[[], None]:
    """Ticks on virtual time, however long a comparison takes: a monitor merges what is too much."""
    begun = set()

    async def tick() -> None:
        while True:
            await asyncio.sleep(seconds)
            task = asyncio.ensure_future(call())
            begun.add(task)
            task.add_done_callback(begun.discard)

    return asyncio.create_task(tick(), name=name).cancel


def _ms(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


async def _unlike(book: SimulatedBook, ids: set[str]) -> set[str]:
    """Those of `ids` of which the book does not have what the venue has."""
    answer = await book.fetch(Ask("orders", since=0))
    believed = {row.values["order_id"]: row.values["filled"] for row in answer.records}
    return {
        str(id_)
        for account in book._accounts
        for id_, order in account.orders.items()
        if str(id_) in ids and believed.get(str(id_)) != order.filled
    }


class Watch:
    """Knows when each comparison began, and what it found of each key.

    Args:
        ahead: nanoseconds that the venue's clock is ahead of ours.
    """

    def __init__(self, ahead: int) -> None:
        self._ahead = ahead
        self._of: ContextVar[list[Mapping[Key, Verdict]]] = ContextVar("of")
        self._runs: dict[str, tuple[int, Mapping[Key, Verdict]]] = {}

    async def verdict(self, setup: Any, bench: Any, **asked: Any) -> RunOutcome:
        began, found = bench.now(), list[Mapping[Key, Verdict]]()
        self._of.set(found)
        outcome = await real_verdict(setup, bench, **asked)
        self._runs[outcome.row.run_id] = began, found[-1] if found else {}
        return outcome

    def confirmation(self) -> type[Confirmation]:
        watch = self

        class Watched(Confirmation):
            def verdicts(self, keys: Iterable[Key] | None = None) -> Mapping[Key, Verdict]:
                found = super().verdicts(keys)
                watch._of.get().append(found)
                return found

        return Watched

    def told(self, monitor: Monitor, outcome: RunOutcome) -> Told:
        row = outcome.row
        began, verdicts = self._runs.pop(row.run_id)
        began, ended = began + self._ahead, nanoseconds(row.as_of) + self._ahead
        return Told(monitor.name, began, ended, row, list(outcome.breaks()), verdicts)
