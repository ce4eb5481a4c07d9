"""Two scripted sides and the monitors between them, on virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from live_world import Alerts, Seen, every

from tieout import wiring
from tieout.config import load
from tieout.core.asked import answered, belongs, identified
from tieout.core.canonical import nanoseconds
from tieout.core.live import EVENTS, Answer, Ask
from tieout.core.model import Record, Value
from tieout.errors import SourceError
from tieout.service.live.monitor import Monitor
from tieout.service.live.supervisor import Supervisor
from tieout.testing import virtual
from tieout.wiring import live

SECOND = 1_000_000_000
MAIN = {"account": "main", "venue": "binance"}


@dataclass
class Side:
    """Answers what `rows` say, within what was asked.

    Attributes:
        narrow: of events by symbol only, like a venue that wants a symbol.
        down: what every question gets. `calls`: the questions so far.
        before: called before each answer.
    """

    name: str
    clock: Any
    rows: dict[str, list[dict[str, Value]]] = field(default_factory=dict)
    offers: frozenset[str] = frozenset({"positions", "balances", "orders", "trades", "movements"})
    narrow: bool = False
    down: Exception | None = None
    reasons: tuple[str, ...] = ()
    doubt: str | None = None
    window: tuple[int, int] | None = None
    calls: list[Ask] = field(default_factory=list)
    before: Callable[[Ask], None] = lambda ask: None
    venue: str = "binance"
    account: str = "main"

    async def version(self) -> str:
        return str(self.rows)

    async def fetch(self, ask: Ask) -> Answer:
        self.calls.append(ask)
        self.before(ask)
        if self.down is not None:
            raise self.down
        now = nanoseconds(self.clock.now())
        given = [Record(dict(row), {}, n) for n, row in enumerate(self.rows.get(ask.records, []))]
        records, bad = identified(given, ask.records, source=self.name, place="rows")
        covered = None
        if self.narrow and ask.records == "trades":
            covered = ask.symbols or frozenset()
            records = [each for each in records if each.values["symbol"] in covered]
        found = answered(
            self.name, ask, records, bad, asked_at=now, answered_at=now, covered=covered,
            reasons=self.reasons, doubt=self.doubt,
        )  # fmt: skip
        if self.window is not None and ask.records in EVENTS:
            from msgspec.structs import replace

            inside = Ask(ask.records, *self.window, ask.symbols)
            found = replace(
                found,
                window=self.window,
                records=tuple(each for each in found.records if belongs(each.values, inside)),
            )
        return found

    async def aclose(self) -> None:
        pass


@dataclass
class Stage:
    """The parts of a story."""

    seen: Seen
    book: Side
    venue: Side
    supervisor: Supervisor
    store: Any
    clock: Any

    @property
    def monitor(self) -> Monitor:
        return self.supervisor.monitors[0]

    def now(self) -> int:
        return nanoseconds(self.clock.now())

    async def compare(self, **keys: Any) -> tuple[Any, list[Any]]:
        outcome = await self.monitor.compare(**keys)
        assert outcome is not None, self.monitor.trouble
        return outcome.row, list(outcome.breaks())

    def trade(self, id_: str, at: int, **values: Value) -> dict[str, Value]:
        from decimal import Decimal

        return {
            **MAIN, "symbol": "BTC/USDT", "trade_id": id_, "side": "buy", "order_id": f"o{id_}",
            "quantity": Decimal(1), "price": Decimal(100), "fee": Decimal(0),
            "fee_currency": "USDT", "timestamp": at, **values,
        }  # fmt: skip


def play(
    tmp: Path,
    reconcile: str,
    story: Callable[[Stage], Awaitable[None]],
    *,
    start: datetime = virtual.START,
    store: str = "sqlite://",
) -> Seen:
    """Let `story` happen between two sides called `book` and `binance`."""
    path = tmp / "review.yaml"
    path.write_text(
        "version: 1\nreporting_currency: USDT\nsources:\n"
        "  book: {type: frame}\n"
        "  binance: {type: venue, venue: mexc_spot, account: main, api_key: env:A, secret: env:B}\n"
        f"reconciliations:\n{reconcile}\n"
    )

    async def whole() -> Seen:
        seen, clock = Seen(), virtual.VirtualClock()
        book, venue = Side("book", clock), Side("binance", clock)

        def heard(monitor: Monitor, outcome: Any) -> None:
            seen.runs.append((monitor.name, outcome.row, list(outcome.breaks())))

        world = live.World(clock=clock, every=every, inline=True)
        with closing(wiring.open_store(store)) as opened:
            async with live.supervised(
                load(path),
                opened,
                feeds={"book": book, "binance": venue},
                heard=heard,
                notifier=Alerts(seen),
                world=world,
            ) as supervisor:
                await story(Stage(seen, book, venue, supervisor, opened, clock))
        return seen

    result: Seen = virtual.run(whole(), start)
    return result


def broken(what: str = "no answer") -> SourceError:
    return SourceError(what, where="binance")
