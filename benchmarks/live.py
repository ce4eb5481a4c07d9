"""Live comparisons, in one process that is warm, as `tieout serve` is.

    python live.py keys ROWS        # both answers in memory -> stored verdict, five venues
    python live.py venues           # 12 venue adapters at 100 ms a request: first verdicts
    python live.py cycles COUNT     # what the process takes after so many comparisons

Prints JSON. `keys` has no network: five venues, ROWS positions each, one in a thousand breaks; each
comparison reads both sides twice, since a break takes two readings. `venues` is Binance spot and
perpetuals, Bybit spot and perpetuals, Kraken spot and margin, each with two accounts at the
simulated exchange, through the real adapters; 100 ms pass between each request and its answer, and
nobody trades. `cycles` compares 200 positions of a book that agrees and 20 that break, again and
again, with its store in a file.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any, Final

from snapshots import VENUES, positions

from tieout import wiring
from tieout.config import load
from tieout.core.live import Answer, Ask
from tieout.core.model import Record
from tieout.core.read import Reading
from tieout.core.rules import Rules
from tieout.core.schema import POSITIONS
from tieout.service.live.setup import LiveBench, LiveSetup, Timing
from tieout.service.live.verdict import verdict
from tieout.testing.exchange import Exchange, Latency, SimulatedBook
from tieout.wiring import live, silent
from tieout.wiring.feeds import system_clock

ROUNDS: Final = 7
LATENCY: Final = 0.1
FEEDS: Final = (
    ("binance_spot", "balances"), ("binance_perp", "positions"), ("bybit_spot", "balances"),
    ("bybit_perp", "positions"), ("kraken_spot", "balances"), ("kraken_margin", "positions"),
)  # fmt: skip
ACCOUNTS: Final = ("one", "two")
SECRET: Final = base64.b64encode(b"no secret at all").decode()


# Answers in memory


@dataclass
class Memory:
    """A feed that has its positions in memory, and nothing else ever happened."""

    name: str
    records: tuple[Record, ...]
    offers: frozenset[str] = frozenset({"positions", "trades"})

    async def fetch(self, ask: Ask) -> Answer:
        now = time.time_ns()
        if ask.records == "trades":
            return Answer(self.name, ask, (), now, now, window=(ask.since or 0, ask.until or now))
        return Answer(self.name, ask, self.records, now, now, together=True)

    async def aclose(self) -> None:
        return None


def in_memory(venue: str, rows: int) -> LiveSetup:
    """A book and a venue; one position in a thousand differs, and no other does."""
    book = [_identified(row) for row in positions(venue, rows, differing=False)]
    stated = [row if number % 1_000 else _differing(row) for number, row in enumerate(book)]
    return LiveSetup(
        rules=Rules(f"positions-{venue}", "positions"),
        internal=Memory("book", tuple(book)),
        external=Memory(venue, tuple(stated)),
        layouts=(Reading("book", POSITIONS), Reading(venue, POSITIONS)),
        timing=Timing(lag=0, grace=0),
    )


def _identified(row: Record) -> Record:
    names = POSITIONS.identity(frozenset(row.values))
    return Record(row.values, {name: row.values[name] for name in names})


def _differing(row: Record) -> Record:
    quantity = row.values["quantity"]
    assert isinstance(quantity, Decimal)
    return Record({**row.values, "quantity": quantity + 1}, row.identity)


class Timed:
    """A store whose writes are timed: the transactions that begin and end a run."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return self._timed(found) if name in ("begin", "commit", "fail") else found

    def _timed(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return write(*arguments, **named)
            finally:
                self.seconds += time.perf_counter() - started

        return timed


@asynccontextmanager
async def bench_on_file() -> AsyncIterator[tuple[LiveBench, Timed]]:
    """What comparisons run with, engine and store on a thread of their own; the store is a file."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        store = stack.enter_context(closing(wiring.open_store(f"sqlite:///{folder}/tieout.db")))
        timed = Timed(store)
        async with live._bench(  # noqa: SLF001
            timed, system_clock(), progress=silent, notifier=None
        ) as bench:
            yield bench, timed


async def keys(rows: int) -> dict[str, Any]:
    """The median of some rounds over five venues, all side by side."""
    setups = [in_memory(venue, rows) for venue in VENUES]
    took, worked, written, breaks = [], [], [], 0
    async with bench_on_file() as (bench, timed):
        for _ in range(ROUNDS + 1):
            timed.seconds = 0.0
            started, busy = time.perf_counter(), time.process_time()
            outcomes = await asyncio.gather(*[verdict(each, bench) for each in setups])
            took.append(time.perf_counter() - started)
            worked.append(time.process_time() - busy)
            written.append(timed.seconds / len(setups))
            breaks = sum(sum(1 for _ in each.breaks()) for each in outcomes)
    return {
        "rows": rows,
        "breaks": breaks,
        "verdicts": median(took[1:]),
        "cpu": median(worked[1:]),
        "store": median(written[1:]),
    }


# Adapters


def _world(exchange: Exchange, folder: str) -> tuple[Any, dict[str, SimulatedBook]]:
    """The configuration of all adapters, and their books."""
    sources, reconciliations, feeds = [], [], {}
    os.environ["SECRET"] = SECRET
    for venue, account in product(("binance", "bybit", "kraken"), ACCOUNTS):
        key = f"{venue}-{account}-key"
        os.environ[f"{venue}_{account}_KEY".upper()] = key
        _trade(exchange.open(venue, account, key=key, secret=SECRET), venue)
    for account, (adapter, records) in product(ACCOUNTS, FEEDS):
        venue, kind = adapter.split("_")
        name = f"{adapter}_{account}"
        sources.append(f"  {name}-book: {{type: frame}}")
        sources.append(
            f"  {name}: {{type: venue, venue: {adapter}, account: {account},"
            f" api_key: env:{venue.upper()}_{account.upper()}_KEY, secret: env:SECRET,"
            " options: {rate_limit: false}}"
        )
        reconciliations.append(
            f"  {name}: {{records: {records}, internal: {name}-book, external: {name},"
            " grace: 0s, lag: 0s}"
        )
        accounts = [exchange.accounts[venue, account]]
        feeds[f"{name}-book"] = SimulatedBook(exchange, accounts, product=kind)
    path = Path(folder, "tieout.yaml")
    lines = ["version: 1", "sources:", *sources, "reconciliations:", *reconciliations]
    path.write_text("\n".join(lines))
    return load(path), feeds


async def venues() -> dict[str, Any]:
    """Seconds until the first verdict of each adapter, all side by side; then again, and alone."""
    exchange = Exchange(seed=1, limits=False)
    done: dict[str, float] = {}
    statuses: set[str] = set()
    started = 0.0

    def heard(monitor: Any, outcome: Any) -> None:
        done[monitor.name] = time.perf_counter() - started
        statuses.add(outcome.row.status.value)

    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        settings, feeds = _world(exchange, folder)
        transport = exchange.transport(latency=Latency(LATENCY, LATENCY))
        store = stack.enter_context(closing(wiring.open_store(f"sqlite:///{folder}/tieout.db")))
        timed = Timed(store)
        world = live.World(transport=transport)
        supervisor = await stack.enter_async_context(
            live.supervised(settings, timed, feeds=feeds, heard=heard, world=world)
        )
        started, busy = time.perf_counter(), time.process_time()
        await supervisor.compare()
        first, requests, written = dict(done), transport.requests, timed.seconds
        busy = time.process_time() - busy
        started = time.perf_counter()
        await supervisor.compare()
        again, alone = dict(done), {}
        for monitor in supervisor.monitors:
            started = time.perf_counter()
            await monitor.compare()
            alone[monitor.name] = time.perf_counter() - started
    return {
        "adapters": len(first),
        "statuses": sorted(statuses),
        "requests": requests,
        "first": max(first.values()),
        "cpu": busy,
        "again": max(again.values()),
        "alone": max(alone.values()),
        "alone_median": median(alone.values()),
        "store": written / len(first),
        "each_first": {name: round(seconds, 3) for name, seconds in sorted(first.items())},
        "each_alone": {name: round(seconds, 3) for name, seconds in sorted(alone.items())},
    }


def _trade(account: Any, venue: str) -> None:
    """Some money, and some trades of each product."""
    quote = "USD" if venue == "kraken" else "USDT"
    account.deposit(quote, "1000000", wallet=account.spot_wallet)
    if account.spot_wallet != account.perpetual_wallet:
        account.transfer(quote, Decimal(500_000), account.spot_wallet, account.perpetual_wallet)
    for coin in ("BTC", "ETH", "SOL"):
        account.trade(f"{coin}/{quote}", "buy", "1")
        if venue != "kraken":
            account.trade(f"{coin}/{quote}:{quote}", "buy", "2")


# Again and again


async def cycles(count: int) -> dict[str, Any]:
    """Resident memory after a tenth of the cycles, and at their end."""
    setup = in_memory("binance", 220)
    stated = [row if number >= 20 else _differing(row) for number, row in
              enumerate(setup.internal.records)]  # type: ignore[attr-defined]  # fmt: skip
    setup = replace(setup, external=Memory("binance", tuple(stated)))
    readings = {}
    async with bench_on_file() as (bench, _):
        started = time.perf_counter()
        for number in range(1, count + 1):
            await verdict(setup, bench)
            if number % max(1, count // 10) == 0:
                readings[number] = round(_resident(), 1)
        took = time.perf_counter() - started
    first, *_, last = readings.values()
    return {"cycles": count, "growth": last - first, "resident": readings, "each": took / count}


def _resident() -> float:
    """Megabytes."""
    gc.collect()
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / (1 << 20)


def main(arguments: list[str]) -> None:
    """Measure one of the cases."""
    case, *rest = arguments
    cases: dict[str, Callable[..., Any]] = {"keys": keys, "venues": venues, "cycles": cycles}
    print(json.dumps(asyncio.run(cases[case](*map(int, rest)))))


if __name__ == "__main__":
    main(sys.argv[1:])
