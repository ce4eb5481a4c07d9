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
from itertools import chain
from typing import Final, Protocol, TypeVar

from tieout.core.live import EVENTS
from tieout.core.model import Severity
from tieout.errors import TieoutError
from tieout.service.live.budget import SPARE, crowded
from tieout.service.live.daily import period
from tieout.service.live.monitor import RENEWED, Monitor, Wanted
from tieout.service.live.setup import LiveBench
from tieout.service.live.silence import Silence
from tieout.service.runs import RunOutcome

_T = TypeVar("_T")

KEPT: Final = timedelta(days=7)
"""Runs that changed nothing are kept one by one for so long."""

DAY: Final = 86_400.0
REST: Final = 15.0
"""Seconds between two comparisons of a monitor because of events: each of them asks the venue some
ten times, and the engine's own requests share the venue's limit."""

AGAIN: Final = 30.0
"""Seconds until a venue is listened to again after an error that nobody expected."""

LOOK: Final = 10.0
"""Seconds between two looks at whether monitors go on."""

LEAVE: Final = 30.0
"""Seconds for all that is at work at the end, what is being written included. A store that does not
answer is left then: a transaction that was not committed is undone."""

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
        self._tasks: set[asyncio.Task[None]] = set()
        self._begun: set[asyncio.Task[object]] = set()
        self._rested: dict[str, float] = {}
        self._told: dict[str, Wanted] = {}
        self._said: dict[str, RunOutcome] = {}
        self._beats: dict[tuple[object, ...], list[Monitor]] = {}
        self._crowded: set[str] = set()
        self._silence = Silence(bench.notifier)
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
        self._task(self._look(), "look")
        await asyncio.gather(*[self._begin(each) for each in self.monitors])
        if self._closed:
            return
        # At once as well: who is restarted each day never gets as far as the end of one.
        self._task(self._folded(), "fold")
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
            task: asyncio.Task[object] = asyncio.create_task(
                self._compare(monitor, symbols=symbols, since=since)
            )
            self._begun.add(task)
            task.add_done_callback(self._begun.discard)

    async def offload(self, work: Callable[[], _T]) -> _T:
        """Run what blocks beside the loop, where the store is used."""
        return await self._bench.offload(work)

    async def aclose(self) -> None:
        """Start nothing more, finish what is at work; give up what takes too long."""
        self._closed = True
        while self._stops:
            self._stops.pop()()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(LEAVE):
                await asyncio.gather(*[each.aclose() for each in self.monitors])
                await asyncio.gather(*self._begun, return_exceptions=True)
        except TimeoutError:
            logger.warning("the store does not answer: what it was given is left to it")

    async def _begin(self, monitor: Monitor) -> None:
        """Compare, then at intervals: none waits for the first comparison of another."""
        if "start" in monitor.setup.on:
            await self._compare(monitor)
        if "interval" in monitor.setup.on and not self._closed:
            self._watch(monitor)

    def _watch(self, monitor: Monitor) -> None:
        """Compare at intervals: monitors of an account with the same interval begin together, so
        that what they all ask is asked once."""
        setup = monitor.setup

        async def compare() -> object:
            return await self._compare(monitor)

        beat = self._beats.setdefault((*_account(monitor), setup.every), [])
        beat.append(monitor)
        if len(beat) == 1:
            every = setup.every / 1e9
            self._stops.append(self._every(every, monitor.name, lambda: self._beat(beat)))
        if setup.rules.records in EVENTS and setup.every > (full := period(setup)):
            self._stops.append(self._every(full / 1e9, f"{monitor.name}:full", compare))

    async def _beat(self, monitors: Sequence[Monitor]) -> None:
        """Compare them; none waits for another at the next beat."""
        if len(monitors) == 1:
            await self._compare(monitors[0])
        else:
            self.begin(monitors)

    async def _compare(
        self,
        monitor: Monitor,
        *,
        symbols: frozenset[str] | None = None,
        since: int | None = None,
    ) -> RunOutcome | None:
        outcome = await monitor.compare(symbols=_named(monitor, symbols), since=since)
        self._silence.ended(monitor, asyncio.get_running_loop().time())
        if outcome is not None and outcome is not self._said.get(monitor.name):
            self._said[monitor.name] = outcome  # several that asked share one comparison
            self._heard(monitor, outcome)
            self._check_room(monitor)
        return outcome

    def _check_room(self, monitor: Monitor) -> None:
        """Tell somebody where a venue's rate limit has no room for all that is asked of it."""
        account = _account(monitor)
        others = [each for each in chain(*self._beats.values()) if _account(each) == account]
        place = " ".join(map(str, account))
        most = SPARE if place in self._crowded else 1.0
        why = crowded((share for each in others if (share := each.share) is not None), most)
        if why is not None and place not in self._crowded:
            self._crowded.add(place)
            self._bench.notifier.alert(
                Severity.MEDIUM, f"{place}: its monitors ask too much", why, about=f"room:{place}"
            )
        elif why is None and place in self._crowded:
            self._crowded.remove(place)
            self._bench.notifier.settled(f"room:{place}")

    def _task(self, work: Coroutine[object, object, None], name: str) -> None:
        task = asyncio.create_task(work, name=f"tieout:{name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hold(self, monitor: Monitor) -> None:
        """Keep the lease between comparisons; compare at once when another's was taken over."""
        while True:
            await asyncio.sleep(RENEWED)
            try:
                if await monitor.hold():
                    self.begin([monitor])
            except TieoutError as error:
                logger.warning("%s: the lease was not renewed: %s", monitor.name, error.what)

    async def _look(self) -> None:
        """See that every monitor goes on."""
        while True:
            self._silence.look(self.monitors, asyncio.get_running_loop().time())
            await asyncio.sleep(LOOK)

    async def _listen(
        self,
        source: str,
        listen: Callable[[], AsyncIterator[Heard]],
        told: Sequence[Monitor],
    ) -> None:
        """Compare what a venue says that it has touched. The socket itself reconnects."""
        chosen = [each for each in told if "events" in each.setup.on]
        while True:
            heard = self._bench.now()
            try:
                async for signal in listen():
                    for monitor in chosen:
                        self._tell(monitor, signal)
                    heard = self._bench.now()
            except TieoutError as error:
                logger.warning("%s: events are not heard any more: %s", source, error.what)
                return
            except Exception:  # the process boundary of a listener: it begins anew
                logger.exception("%s: an error that nobody expected; listening again", source)
            else:
                return
            await asyncio.sleep(AGAIN)
            self.begin(chosen, since=heard)

    def _tell(self, monitor: Monitor, signal: Heard) -> None:
        """Compare what was touched: at once after a rest, else with what is told until then."""
        waiting = self._told.get(monitor.name)
        if waiting is not None:
            waiting.merge(signal.symbols, signal.since)
            return
        self._told[monitor.name] = Wanted(signal.symbols, signal.since)
        self._task(self._rest(monitor), f"told:{monitor.name}")

    async def _rest(self, monitor: Monitor) -> None:
        now = asyncio.get_running_loop().time
        await asyncio.sleep(self._rested.get(monitor.name, 0.0) - now())
        self._rested[monitor.name] = now() + REST
        wanted = self._told.pop(monitor.name)
        self.begin([monitor], symbols=wanted.symbols, since=wanted.since)

    async def _folded(self) -> None:
        try:
            await self._fold()
        except TieoutError as error:
            logger.warning("old runs were not folded: %s", error.what)

    async def _fold(self) -> object:
        before = self._bench.clock.now() - KEPT
        folded = await self._bench.offload(lambda: self._bench.monitors.fold(before=before))
        if folded:
            logger.info("%d runs without a change were folded into daily summaries", folded)
        return folded


def _account(monitor: Monitor) -> tuple[object, ...]:
    """Whose rate limit its questions count to."""
    venue = monitor.setup.external
    return getattr(venue, "venue", venue.name), getattr(venue, "account", "")


def _is_about(monitor: Monitor, source: str) -> bool:
    return source in (monitor.setup.internal.name, monitor.setup.external.name)


def _named(monitor: Monitor, symbols: frozenset[str] | None) -> frozenset[str] | None:
    """What `symbols` are to a monitor: of balances, the currencies that are traded in them; of
    events, everything: these are always compared whole."""
    records = monitor.setup.rules.records
    if symbols is None or records in EVENTS:
        return None
    if records != "balances":
        return symbols
    return frozenset(name for symbol in symbols for name in re.split("[/:]", symbol))
