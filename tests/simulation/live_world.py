"""A world for live tests: one simulated exchange, a book that hears late, monitors over both.

Everything is on virtual time and on a seed: a world is the same each time.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tieout import wiring
from tieout.config import load
from tieout.core.model import Severity
from tieout.ports import Store
from tieout.service.live.monitor import Monitor
from tieout.service.live.supervisor import Supervisor
from tieout.service.runs import RunOutcome
from tieout.testing import virtual
from tieout.testing.exchange import Account, Exchange
from tieout.testing.exchange.book import SimulatedBook
from tieout.testing.exchange.faults import Faults
from tieout.testing.exchange.market import Market
from tieout.testing.exchange.planting import Plant, Planted
from tieout.wiring import live

KEY, SECRET = "key-1234567890", "secret-1234567890"
WARM = 90.0
"""Seconds of trading before the monitors start."""


@dataclass
class Seen:
    """What a world came to.

    Attributes:
        runs: (reconciliation, outcome's row, its open breaks), in order.
        truth: what was planted. `alerts`: (severity, title) and "settled".
    """

    runs: list[tuple[str, Any, list[Any]]] = field(default_factory=list)
    truth: Sequence[Planted] = ()
    alerts: list[tuple[Severity, str]] = field(default_factory=list)
    fills: int = 0

    def of(self, name: str) -> list[tuple[Any, list[Any]]]:
        return [(row, breaks) for each, row, breaks in self.runs if each == name]

    def statuses(self) -> list[str]:
        return [row.status.value for _, row, _ in self.runs]


class Alerts:
    """A notifier that remembers."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._open: set[str] = set()

    def alert(self, severity: Severity, title: str, text: str, *, about: str) -> None:
        if about not in self._open:
            self._open.add(about)
            self._seen.alerts.append((severity, title))

    def settled(self, about: str) -> None:
        self._open.discard(about)


def every(seconds: float, name: str, call: Callable[[], Awaitable[object]]) -> Callable[[], None]:
    """Intervals on the loop's own time."""

    async def again() -> None:
        while True:
            await asyncio.sleep(seconds)
            await call()

    return asyncio.create_task(again(), name=name).cancel


@dataclass
class World:
    """What is simulated, and how it is watched.

    Attributes:
        reconcile: lines of YAML under `reconciliations:`.
        then: called with the parts once the monitors are there, in place of waiting `seconds`.
    """

    tmp: Path
    reconcile: str
    product: str = "perp"
    seed: int = 1
    rate: float = 20.0
    seconds: float = 60.0
    visibility: tuple[float, float] = (0.0, 1.5)
    delay: tuple[float, float] = (0.0, 2.0)
    plants: Sequence[Plant] = ()
    faults: Callable[[int], Faults] = Faults
    start: bool = True
    then: Callable[[Parts], Awaitable[None]] | None = None
    store: str = "sqlite://"
    warm: float = WARM
    options: str = "{rate_limit: false}"
    currency: str = "USDT"
    sources: str = ""
    venue: str = "binance"

    @property
    def secret(self) -> str:
        """Kraken's are base64."""
        return b64encode(SECRET.encode()).decode() if self.venue == "kraken" else SECRET

    def run(self, monkeypatch: Any) -> Seen:
        monkeypatch.setenv("VENUE_KEY", KEY)
        monkeypatch.setenv("VENUE_SECRET", self.secret)
        result: Seen = virtual.run(self._live())
        return result

    def settings(self) -> Any:
        text = f"""
version: 1
reporting_currency: {self.currency}
sources:
{self.sources}
  book: {{type: frame}}
  binance:
    type: venue
    venue: {self.venue}_{self.product}
    account: main
    api_key: env:VENUE_KEY
    secret: env:VENUE_SECRET
    options: {self.options}
reconciliations:
{self.reconcile}
"""
        path = self.tmp / "live.yaml"
        path.write_text(text)
        return load(path)

    async def _live(self) -> Seen:
        seen = Seen()
        clock = virtual.VirtualClock()
        exchange = Exchange(
            clock,
            seed=self.seed,
            visibility=self.visibility,
            limits=False,
            faults=self.faults(self.seed),
        )
        account = exchange.open(self.venue, "main", key=KEY, secret=self.secret)
        market = Market(exchange, [account], seed=self.seed, rate=self.rate)
        market.endow()
        book = SimulatedBook(
            exchange,
            [account],
            seed=self.seed,
            delay=self.delay,
            plants=self.plants,
            product=self.product,
        )

        def heard(monitor: Monitor, outcome: RunOutcome) -> None:
            seen.runs.append((monitor.name, outcome.row, list(outcome.breaks())))

        world = live.World(clock=clock, transport=exchange.transport(), every=every, inline=True)
        with closing(wiring.open_store(self.store)) as store:
            async with live.supervised(
                self.settings(),
                store,
                feeds={"book": book},
                heard=heard,
                notifier=Alerts(seen),
                world=world,
            ) as supervisor:
                await asyncio.sleep(self.warm)
                parts = Parts(seen, exchange, account, book, market, supervisor, store, clock)
                if self.start:
                    await supervisor.start()
                if self.then is not None:
                    await self.then(parts)
                else:
                    await asyncio.sleep(self.seconds)
        seen.truth, seen.fills = list(book.truth), market.fills
        return seen


@dataclass
class Parts:
    """What a running world is made of."""

    seen: Seen
    exchange: Exchange
    account: Account
    book: SimulatedBook
    market: Market
    supervisor: Supervisor
    store: Store
    clock: Any

    @property
    def monitor(self) -> Monitor:
        return self.supervisor.monitors[0]


def reconciliation(records: str, **keys: object) -> str:
    """One live reconciliation `it`, as YAML."""
    lines = {"records": records, "internal": "book", "external": "binance", "every": "30s", **keys}
    return "\n".join(["  it:", *[f"    {name}: {value}" for name, value in lines.items()]])
