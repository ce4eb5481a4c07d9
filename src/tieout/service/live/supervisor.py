"""All monitors of a process: what starts them, and how they end together."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol, TypeVar

from tieout.errors import TieoutError
from tieout.service.live.monitor import RENEWED, Monitor
from tieout.service.live.setup import LiveBench
from tieout.service.runs import RunOutcome

_T = TypeVar("_T")

KEPT: Final = timedelta(days=7)
"""Runs that changed nothing are kept one by one for so long."""

DAY: Final = 86_400.0

logger = logging.getLogger("tieout.live")


class Every(Protocol):
    """Calls a coroutine function every so many seconds; returns what stops it."""

    def __call__(
        self, seconds: float, name: str, call: Callable[[], Awaitable[object]], /
    ) -> Callable[[], None]: ...


@dataclass(frozen=True, slots=True)
class Heard:
    """Something happened at a venue that is worth a comparison; values come from elsewhere.

    Attributes:
        symbols: where; None: anywhere.
        since: events from then on (UTC ns) have to be read again: until now nothing was heard.
    """

    symbols: frozenset[str] | None = None
    since: int | None = None


class Supervisor:
    """The monitors of a process.

    Args:
        signals: what each source tells of, by its name.
        heard: told of each comparison.
    """

    def __init__(
        self,
        monitors: Sequence[Monitor],
        bench: LiveBench,
        every: Every,
        signals: Mapping[str, Callable[[], AsyncIterator[Heard]]] | None = None,
        heard: Callable[[Monitor, RunOutcome], None] = lambda monitor, outcome: None,
    ) -> None:
        self.monitors = monitors
        self._bench = bench
        self._every = every
        self._signals = signals or {}
        self._heard = heard
        self._stops: list[Callable[[], None]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._begun: set[asyncio.Task[object]] = set()
        self._closed = False

    @property
    def listens(self) -> bool:
        """Whether a venue will be heard."""
        return bool(self._signals)

    async def start(self) -> None:
        """Compare everything once, before anything else; then at intervals and on events."""
        for monitor in self.monitors:
            monitor.kept = True
            self._task(self._hold(monitor), f"hold:{monitor.name}")
        await self.compare([each for each in self.monitors if "start" in each.setup.on])
        if self._closed:
            return
        for monitor in self.monitors:
            if "interval" in monitor.setup.on:
                self._watch(monitor)
        self._stops.append(self._every(DAY, "fold", self._fold))
        for source, listen in self._signals.items():
            told = [each for each in self.monitors if _is_about(each, source)]
            self._task(self._listen(source, listen, told), f"hear:{source}")

    async def compare(
        self,
        monitors: Iterable[Monitor] | None = None,
        *,
        symbols: frozenset[str] | None = None,
        since: int | None = None,
    ) -> list[RunOutcome]:
        """Compare at once, all side by side; the outcomes of those that were compared."""
        chosen = list(self.monitors if monitors is None else monitors)
        done = await asyncio.gather(
            *[self._compare(each, symbols=symbols, since=since) for each in chosen]
        )
        return [outcome for outcome in done if outcome is not None]

    def begin(
        self,
        monitors: Iterable[Monitor],
        *,
        symbols: frozenset[str] | None = None,
        since: int | None = None,
    ) -> None:
        """Compare soon, without being waited for."""
        for monitor in monitors:
            events = monitor.setup.rules.records in ("trades", "movements")
            task: asyncio.Task[object] = asyncio.create_task(
                self._compare(
                    monitor,
                    symbols=None if events else _named(monitor, symbols),
                    since=since if events else None,
                )
            )
            self._begun.add(task)
            task.add_done_callback(self._begun.discard)

    async def offload(self, work: Callable[[], _T]) -> _T:
        """Run what blocks beside the loop, where the store is used."""
        return await self._bench.offload(work)

    async def aclose(self) -> None:
        """Start nothing more, finish what is at work."""
        self._closed = True
        while self._stops:
            self._stops.pop()()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await asyncio.gather(*[each.aclose() for each in self.monitors])
        await asyncio.gather(*self._begun, return_exceptions=True)

    def _watch(self, monitor: Monitor) -> None:
        setup = monitor.setup

        async def compare() -> object:
            return await self._compare(monitor)

        async def whole() -> object:
            since = self._bench.now() - setup.timing.full
            return await self._compare(monitor, since=since)

        self._stops.append(self._every(setup.every / 1e9, monitor.name, compare))
        if setup.rules.records in ("trades", "movements"):
            self._stops.append(self._every(setup.timing.full / 1e9, f"{monitor.name}:full", whole))

    async def _compare(
        self,
        monitor: Monitor,
        *,
        symbols: frozenset[str] | None = None,
        since: int | None = None,
    ) -> RunOutcome | None:
        outcome = await monitor.compare(symbols=symbols, since=since)
        if outcome is not None:
            self._heard(monitor, outcome)
        return outcome

    def _task(self, work: Coroutine[object, object, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=f"tieout:{name}"))

    async def _hold(self, monitor: Monitor) -> None:
        """Keep the lease between comparisons; compare at once when another's was taken over."""
        while True:
            await asyncio.sleep(RENEWED)
            try:
                if await monitor.hold():
                    self.begin([monitor])
            except TieoutError as error:
                logger.warning("%s: the lease was not renewed: %s", monitor.name, error.what)

    async def _listen(
        self,
        source: str,
        listen: Callable[[], AsyncIterator[Heard]],
        told: Sequence[Monitor],
    ) -> None:
        """Compare what a venue says that it has touched. The socket itself reconnects."""
        try:
            async for signal in listen():
                chosen = [each for each in told if "events" in each.setup.on]
                self.begin(chosen, symbols=signal.symbols, since=signal.since)
        except TieoutError as error:
            logger.warning("%s: events are not heard any more: %s", source, error.what)

    async def _fold(self) -> object:
        before = self._bench.clock.now() - KEPT
        folded = await self._bench.offload(lambda: self._bench.monitors.fold(before=before))
        if folded:
            logger.info("%d runs without a change were folded into daily summaries", folded)
        return folded


def _is_about(monitor: Monitor, source: str) -> bool:
    return source in (monitor.setup.internal.name, monitor.setup.external.name)


def _named(monitor: Monitor, symbols: frozenset[str] | None) -> frozenset[str] | None:
    """What `symbols` are to a monitor: of balances, the currencies that are traded in them."""
    if symbols is None or monitor.setup.rules.records != "balances":
        return symbols
    return frozenset(name for symbol in symbols for name in re.split("[/:]", symbol))
