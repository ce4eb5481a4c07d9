"""Five minutes of a busy market, from a seed, watched by all kinds of monitors: the whole truth.

    python tests/simulation/soak.py --seeds 20              # all of it
    python tests/simulation/soak.py --seed 7 --only quiet   # one world

Each world is one simulated exchange on virtual time, in Binance's format: 12 spot markets and 12
perpetuals of one account, 1,000 fills a second in all. Two books hear of each fill 0 to 2 s late,
out of order and some of them twice, and get some wrong on purpose. Monitors compare perpetual
positions, spot balances, and orders and trades of both; every verdict is held against the truth:

1. No break that was not planted, and none whose size is wrong. One in doubt has to be about a key
   that is wrong.
2. Nothing that is wrong is said to agree, once it can be known: an entry that one side lacks is in
   flight until its deadline.
3. What is planted is found by the first comparison that begins after that, so within one cycle plus
   the grace; unless the key was held back, which is counted.

Exit code: 0 if all of that holds, else 1.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import AsyncExitStack, ExitStack, closing
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain, combinations
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from live_world import KEY, SECRET, Alerts, Seen

from tieout import wiring
from tieout.config import load
from tieout.core.canonical import nanoseconds
from tieout.core.confirm import Confirmation, State, Verdict
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

SPAWN: Final = get_context("spawn")

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

    def faults(self, seed: int) -> Faults:
        """Each kind of fault, several of them at a time."""
        return Faults(
            seed,
            [
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
        began, ended: UTC nanoseconds.
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
            watch = Watch()
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
        faults = scale.faults(self.seed) if self.faults else Faults(self.seed)
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
    """Knows when each comparison began, and what it found of each key."""

    def __init__(self) -> None:
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
        ended = nanoseconds(row.as_of)
        return Told(monitor.name, began, ended, row, list(outcome.breaks()), verdicts)


# Holding it against the truth


class Wrong:
    """Something planted, with its times in nanoseconds.

    Attributes:
        due: from when on a comparison that begins has to know.
    """

    def __init__(self, planted: Planted, scale: Scale) -> None:
        self.kind, self.symbol, self.off = planted.kind, planted.symbol, planted.off
        self.trade_id, self.order_id = planted.trade_id, planted.order_id
        self.at = planted.at * 1_000_000
        deadline = round((scale.grace + scale.lag) * 1e9)
        self.due = max(self.at + deadline, planted.heard * 1_000_000)


@dataclass
class Score:
    """What the comparisons of one kind came to.

    Attributes:
        wrong: what should never be: a false break, a wrong size, a false agreement, a miss.
        found: planted and found by the first comparison that could; `held`: found later, as the
            comparisons in between left it open; `unseen`: no comparison could, or none did so far
            as all that could left it open.
        lag: seconds from a fill to the end of the comparison that found it.
    """

    kind: str
    statuses: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    breaks: int = 0
    doubts: int = 0
    excused: int = 0
    found: int = 0
    held: int = 0
    unseen: int = 0
    lag: float = 0.0
    wrong: list[str] = field(default_factory=list)


def score(world: World, kind: str) -> Score:
    """Hold what the comparisons of one kind said against the truth."""
    told = [each for each in world.told if each.name == kind]
    product, records = kind.split("-")
    result = Score(kind)
    result.statuses.update(each.row.status.value for each in told)
    result.breaks = sum(len(each.breaks) for each in told)
    result.doubts = sum(found.doubt for each in told for found in each.breaks)
    if not told or (not world.faults and result.statuses["failed"]):
        result.wrong.append("a comparison failed where nothing was wrong with the venue")
    truth = [Wrong(each, world.scale) for each in world.truth[product]]
    if records in ("positions", "balances"):
        for each in told:
            _judge_snapshot(each, truth, result)
        for planted in truth:
            for key in planted.off:
                if (key.kind.value + "s") == records and _ours(key, product):
                    _sought(planted, told, lambda one, key=key: _said(one, key), result)
    else:
        for each in told:
            _judge_events(each, truth, world.excused, records, result)
        for planted in truth:
            if records == "trades":
                _sought(planted, told, lambda one, planted=planted: _named(one, planted), result)
            elif planted.order_id in world.orders:
                seen = [each for each in told if each.began < planted.at + (CLOSED - 5) * 10**9]
                _sought(planted, seen, lambda one, planted=planted: _ordered(one, planted), result)
    return result


def _ours(key: Key, product: str) -> bool:
    return key.kind.value == "position" or (key.part == "futures") is (product == "perp")


def _judge_snapshot(told: Told, truth: Sequence[Wrong], result: Score) -> None:
    for key, verdict in told.verdicts.items():
        result.states[verdict.state.value] += 1
        possible = _possible(key, told, truth)
        if verdict.state is State.AGREES and Decimal(0) not in possible:
            result.wrong.append(f"{_when(told)} {key.name} is said to agree: it is {possible} off")
        if verdict.state is not State.BREAK:
            continue
        if verdict.doubt and (possible != {Decimal(0)} or "nothing is there" in verdict.why):
            continue
        if verdict.difference not in possible or not verdict.difference:
            result.wrong.append(
                f"{_when(told)} {key.name} is said to be {verdict.difference} off: {possible}"
            )
    broken = {key for key, each in told.verdicts.items() if each.state is State.BREAK}
    names = {key.name for key in broken}
    for found in told.breaks:
        content = found.content["key"]
        if told.verdicts and not names.intersection(map(str, content.values())):
            still = _possible_named(content, told, truth)
            if not still:
                result.wrong.append(f"{_when(told)} a break without a verdict: {content}")


def _possible_named(content: Mapping[str, Any], told: Told, truth: Sequence[Wrong]) -> bool:
    """Whether a break that stayed open is about a key that is wrong."""
    named = set(map(str, content.values()))
    return any(key.name in named for each in truth if each.at <= told.ended for key in each.off)


def _possible(key: Key, told: Told, truth: Sequence[Wrong]) -> set[Decimal]:
    """By how much the book may be off: a fill may be in flight until its deadline."""
    certain, recent = Decimal(0), []
    for each in truth:
        off = each.off.get(key)
        if off is None or each.at > told.ended:
            continue
        if each.due <= told.began:
            certain += off
        else:
            recent.append(off)
    subsets = chain.from_iterable(combinations(recent, n) for n in range(len(recent) + 1))
    return {certain + sum(subset, Decimal(0)) for subset in subsets}


def _judge_events(
    told: Told, truth: Sequence[Wrong], excused: set[tuple[str, str]], records: str, result: Score
) -> None:
    known = [each for each in truth if each.at <= told.ended]
    ids = {each.trade_id if records == "trades" else each.order_id for each in known}
    for found in told.breaks:
        content = found.content
        values = {str(value) for value in content["key"].values()}
        if ids & values:
            continue
        if records == "trades" and any({symbol, id_} <= values for symbol, id_ in excused):
            result.excused += 1
            continue
        if not found.doubt:
            result.wrong.append(f"{_when(told)} {content['kind']} {content['key']}")


Say = bool | None
"""Found; said to be right (False); left open (None)."""


def _said(told: Told, key: Key) -> Say:
    verdict = told.verdicts.get(key)
    if verdict is None or verdict.state not in (State.BREAK, State.AGREES):
        return None
    return verdict.state is State.BREAK


def _named(told: Told, planted: Wrong) -> Say:
    for found in told.breaks:
        values = {str(value) for value in found.content["key"].values()}
        if planted.trade_id in values and planted.symbol in values:
            return True
    return False if told.row.status.value in ("clean", "breaks") else None


def _ordered(told: Told, planted: Wrong) -> Say:
    if any(planted.order_id in found.content["key"].values() for found in told.breaks):
        return True
    return False if told.row.status.value in ("clean", "breaks") else None


def _sought(planted: Wrong, told: Sequence[Told], say: Any, result: Score) -> None:
    """When a planted drift was found."""
    said = [(each, say(each)) for each in told if each.began >= planted.due]
    position = next((n for n, (_, one) in enumerate(said) if one), None)
    before = said if position is None else said[:position]
    if any(one is False for _, one in before):
        # Of a snapshot another drift may have made up for it: that is judged by the amounts.
        if all(not each.verdicts for each, _ in before):
            result.wrong.append(f"{planted.kind} of {planted.symbol} {planted.trade_id} is missed")
            return
    if position is None:
        result.unseen += 1
        return
    if position:
        result.held += 1
    else:
        result.found += 1
        result.lag = max(result.lag, (said[0][0].ended - planted.at) / 1e9)


def _when(told: Told) -> str:
    start = nanoseconds(virtual.START)
    return f"{(told.began - start) / 1e9:.1f}-{(told.ended - start) / 1e9:.1f} s:"


# The table


def scored(seed: int, faults: bool, scale: Scale) -> tuple[World, list[Score]]:
    """A world, run and judged."""
    world = World(seed, faults, scale).run()
    return world, [score(world, kind) for kind in scale.kinds]


def _line(seed: int, faults: bool, scale: Scale) -> tuple[list[str], int]:
    gc.set_threshold(200_000, 20, 100)  # a market's history is large, and stays
    world, scores = scored(seed, faults, scale)
    lines = []
    for each in scores:
        runs = " ".join(f"{count} {status}" for status, count in sorted(each.statuses.items()))
        states = " ".join(f"{count} {state}" for state, count in sorted(each.states.items()))
        sought = (
            f"{each.found} at once (<= {each.lag:.1f} s), {each.held} later, {each.unseen} open"
        )
        lines.append(
            f"{seed:>4} {'faults' if faults else 'quiet':<6} {each.kind:<14} {runs:<36} "
            f"{sought:<38} {each.doubts} doubt {each.excused} excused {len(each.wrong)} WRONG"
            + (f"  [{states}]" if states else "")
        )
        lines += [f"       WRONG {each.kind}: {text}" for text in each.wrong]
    if not faults:
        lines += [
            f"       open: {each.name}: {_when(each)} {reason}"
            for each in world.told
            for reason in each.row.reasons
        ]
    lines.append(f"{seed:>4} {world.fills} fills, {world.cpu:.0f} s of CPU")
    return lines, sum(len(each.wrong) for each in scores)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the worlds side by side, print a line for each kind of each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="seeds 1 to N (default 20)")
    parser.add_argument("--seed", type=int, nargs="+", help="these seeds instead")
    parser.add_argument("--only", choices=("quiet", "faults"), help="without or with faults")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--rate", type=float, default=1000.0, help="fills a second in all")
    parser.add_argument("--seconds", type=float, default=300.0, help="of trading")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="worlds at a time")
    asked = parser.parse_args(arguments)
    scale = Scale(asked.rate, asked.seconds, kinds=asked.kinds)
    worlds = [
        (seed, faults)
        for seed in asked.seed or range(1, asked.seeds + 1)
        for faults in (False, True)
        if asked.only in (None, "faults" if faults else "quiet")
    ]
    wrong = 0
    with ProcessPoolExecutor(asked.jobs, max_tasks_per_child=1, mp_context=SPAWN) as pool:
        for done in as_completed(pool.submit(_line, *each, scale) for each in worlds):
            lines, count = done.result()
            wrong += count
            print("\n".join(lines), flush=True)  # noqa: T201
    print(f"{len(worlds)} worlds, {wrong} wrong")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
