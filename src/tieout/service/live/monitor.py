"""When a live reconciliation is compared, and what is done when that fails.

1. A monitor compares when it is asked: at the start, at intervals, on events, by call. While it
   compares, further requests are merged into one that follows.
2. Of several processes one compares: the holder of the lease, whose fence the store checks. It
   keeps the lease between comparisons, and gives it back at its end; when it dies, another one
   has it after `LEASE_SECONDS`.
3. A paused monitor compares nothing; nothing that was open changes.
4. A failure is a run that says so. After three in a row one alert is raised, and no other before
   the matter is settled; so it is where comparisons leave something open for five minutes. Of
   credentials that are refused there is an alert at once, and no other. What fails in one monitor
   never touches another.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tieout.core.canonical import instant
from tieout.core.model import RunStatus, Severity
from tieout.errors import LeaseLost, TieoutError, VenueRefused
from tieout.ports import Lease, Spending, spending
from tieout.service.live.budget import Share
from tieout.service.live.setup import SECOND, LiveBench, LiveSetup
from tieout.service.live.verdict import refusal, verdict
from tieout.service.runs import RunOutcome

FAILURES: Final = 3
"""Failures in a row before somebody is told."""

UNSURE: Final = 300 * SECOND
"""Nanoseconds for which comparisons may leave something open before somebody is told."""

LEASE_SECONDS: Final = 30.0
"""How long a monitor that died blocks its successor at most."""

FAR: Final = 4 * LEASE_SECONDS
"""Seconds until its end after which a lease is not that of a clock that goes right."""

RENEWED: Final = LEASE_SECONDS / 3
"""Seconds after which a lease is renewed."""

PATIENCE: Final = 5.0
"""Seconds that a comparison at work is given at the end; what is being written is waited for."""

ELSEWHERE: Final = "another process compares it"

CANCELLED: Final = "the comparison was cancelled before its end"

logger = logging.getLogger("tieout.live")


@dataclass(slots=True)
class Wanted:
    """What the next comparison is asked to do; several requests are merged into one.

    Attributes:
        symbols: None: everything. `since`: the earliest that anybody asked for.
    """

    symbols: frozenset[str] | None
    since: int | None
    waiters: list[asyncio.Future[RunOutcome | None]] = field(default_factory=list)

    def merge(self, symbols: frozenset[str] | None, since: int | None) -> None:
        """Let this request also do what another one asks for."""
        whole = self.symbols is None or symbols is None
        self.symbols = None if whole else (self.symbols or frozenset()) | (symbols or frozenset())
        if since is not None:
            self.since = since if self.since is None else min(self.since, since)


class Monitor:
    """One live reconciliation, compared again and again.

    Args:
        holder: names this process among those that share the store.

    Attributes:
        kept: the lease is not given back between comparisons: more of them will come.
        last: what the last comparison came to; `whole`: the last one of all symbols.
        trouble: why there was none when it was asked for last: then `last` says nothing of now.
    """

    def __init__(self, setup: LiveSetup, bench: LiveBench, *, holder: str) -> None:
        self.setup = setup
        self._bench = bench
        self._holder = holder
        self._wanted: Wanted | None = None
        self._worker: asyncio.Task[None] | None = None
        self._closed = False
        self._lease: Lease | None = None
        self.kept = False
        self.failures = 0
        self._open_since: int | None = None
        self.last: RunOutcome | None = None
        self.whole: RunOutcome | None = None
        self.trouble: str | None = None
        self._refusal: str | None = None
        self._spent: deque[float] = deque(maxlen=2)

    @property
    def share(self) -> Share | None:
        """What it takes of its venue's rate limit; not known before it has compared twice.

        The lesser of two: the first comparison asks for a whole day, and one that confirms a break
        asks twice.
        """
        if len(self._spent) < 2:
            return None
        return Share(self.name, min(self._spent), self.setup.every)

    @property
    def name(self) -> str:
        return self.setup.rules.name

    @property
    def about(self) -> frozenset[str]:
        """Names by which a person may ask for it: its sources, and the exchange."""
        exchange = getattr(self.setup.external, "venue", None)
        names = (self.setup.internal.name, self.setup.external.name, exchange)
        return frozenset(name for name in names if name is not None)

    async def compare(
        self, *, symbols: frozenset[str] | None = None, since: int | None = None
    ) -> RunOutcome | None:
        """Compare, or join the comparison that follows the one at work.

        Returns:
            None where it was not compared: it is paused, another process does it, or it ends.
        """
        if self._closed:
            return None
        waiter: asyncio.Future[RunOutcome | None] = asyncio.get_running_loop().create_future()
        if self._wanted is None:
            self._wanted = Wanted(symbols, since)
        else:
            self._wanted.merge(symbols, since)
        self._wanted.waiters.append(waiter)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work(), name=f"tieout:{self.name}")
        return await waiter

    async def hold(self) -> bool:
        """Renew the lease, or take it when nobody has it. Whether it was not ours before.

        Raises:
            StoreError: the store cannot be used.
        """
        held, self._lease = self._lease, await self._bench.offload(self._acquire)
        return held is None and self._lease is not None

    async def aclose(self) -> None:
        """Finish the comparison at work, begin no other. What was asked for besides is dropped.

        A comparison that still reads after a few seconds is given up: it has written nothing.
        """
        self._closed = True
        if self._wanted is not None:
            _answer(self._wanted, None)
            self._wanted = None
        if self._worker is not None:
            await asyncio.wait({self._worker}, timeout=PATIENCE)
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
        await self.release()

    async def release(self) -> None:
        """Give the lease back, so that another process need not wait until it lapses."""
        lease, self._lease = self._lease, None
        if lease is None:
            return
        try:
            await self._bench.offload(lambda: self._bench.monitors.release(lease))
        except TieoutError as error:
            logger.warning("%s: the lease was not given back: %s", self.name, error.what)

    async def _work(self) -> None:
        while self._wanted is not None:
            wanted, self._wanted = self._wanted, None
            outcome: RunOutcome | None = None
            try:
                outcome = await self._leased(wanted)
            except LeaseLost as error:
                self._lease = None
                self._skipped(ELSEWHERE)
                logger.warning("%s: %s", self.name, error.what)
            except TieoutError as error:
                self.trouble = str(error)
                self._failed(self.trouble)
            except asyncio.CancelledError:
                if self._closed:
                    raise
                self.trouble = CANCELLED
                self._failed(self.trouble)
                if _is_being_cancelled():
                    raise
            except Exception as error:  # the process boundary of a monitor: the others go on
                logger.exception("%s: an error that nobody expected", self.name)
                self.trouble = f"{type(error).__name__}: {error}"
                self._failed(self.trouble)
            finally:
                _answer(wanted, outcome)

    async def _leased(self, wanted: Wanted) -> RunOutcome | None:
        bench = self._bench
        paused = await self._paused()
        if paused is not None:
            self._skipped(paused)
            return None
        lease = self._lease = await bench.offload(self._acquire)
        if lease is None:
            self._skipped(await bench.offload(self._elsewhere))
            return None
        renewing = asyncio.create_task(self._renew())
        refused: list[VenueRefused] = []
        spent = Spending()
        token = spending.set(spent)
        try:
            outcome = await verdict(
                self.setup,
                replace(bench, lease=lease),
                symbols=wanted.symbols,
                since=wanted.since,
                refused=refused.append,
            )
        finally:
            spending.reset(token)
            await _ended(renewing)
            if not self.kept:
                await self.release()
        if wanted.symbols is None:
            self.whole = outcome
            self._spent.append(spent.seconds)
        self._noted(outcome, refused)
        return outcome

    async def _paused(self) -> str | None:
        """Who paused it and why; None: nobody did."""
        now = self._bench.now()
        pauses = await self._bench.offload(lambda: self._bench.monitors.pauses(now))
        for each in pauses:
            if each.scope in ("*", self.name):
                return f"paused by {each.by}" + (f": {each.reason}" if each.reason else "")
        return None

    def _elsewhere(self) -> str:
        """Who compares it; what to do where that one holds its lease far too long to be alive."""
        now = self._bench.now()
        for each in self._bench.monitors.leases():
            if each.name == self.name and each.until > now + round(FAR * SECOND):
                return (
                    f"{each.holder} holds its lease until {instant(each.until)}: its clock is, or"
                    f" was, ahead. If it is dead: `tieout lease break {self.name}`"
                )
        return ELSEWHERE

    def _skipped(self, why: str) -> None:
        """Say once why nothing is compared."""
        if self.trouble != why:
            logger.info("%s is not compared: %s", self.name, why)
        self.trouble = why

    def _acquire(self) -> Lease | None:
        return self._bench.monitors.acquire(
            self.name, self._holder, seconds=LEASE_SECONDS, now=self._bench.now()
        )

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEWED)
            if await self._bench.offload(self._acquire) is None:
                return

    def _noted(self, outcome: RunOutcome, refused: Sequence[VenueRefused]) -> None:
        self.last, self.trouble = outcome, None
        if refused:  # somebody has been told; once more after three of them says nothing new
            self._refusal = refusal(refused[0])
            logger.error("%s: %s", self.name, refused[0])
            return
        if outcome.row.status is RunStatus.FAILED:
            self._failed("; ".join(outcome.row.reasons) or "a source failed")
            return
        if self.failures >= FAILURES:
            self._bench.notifier.settled(self._matter)
        self.failures = 0
        if self._refusal is not None:
            self._bench.notifier.settled(self._refusal)
            self._refusal = None
        self._unsure(outcome)

    def _unsure(self, outcome: RunOutcome) -> None:
        """Tell somebody where comparisons have left something open for too long."""
        now, about = self._bench.now(), f"unsure:{self.name}"
        if outcome.row.status is not RunStatus.INCOMPLETE:
            if self._open_since is not None:
                self._bench.notifier.settled(about)
            self._open_since = None
            return
        self._open_since = now if self._open_since is None else self._open_since
        if now - self._open_since >= UNSURE:
            sides = (outcome.row.internal, outcome.row.external)
            why = [*outcome.row.reasons, *(each for one in sides if one for each in one.reasons)]
            self._bench.notifier.alert(
                Severity.HIGH,
                f"{self.name}: comparisons have left something open for 5 minutes",
                "; ".join(why),
                about=about,
            )

    def _failed(self, why: str) -> None:
        self.failures += 1
        logger.error("%s: %s", self.name, why)
        if self.failures == FAILURES:
            self._bench.notifier.alert(
                Severity.CRITICAL,
                f"{self.name}: {FAILURES} comparisons in a row have failed",
                why,
                about=self._matter,
            )

    @property
    def _matter(self) -> str:
        return f"failing:{self.name}"


def _is_being_cancelled() -> bool:
    """Whether somebody wants this task to end, and not only what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _answer(wanted: Wanted, outcome: RunOutcome | None) -> None:
    for waiter in wanted.waiters:
        if not waiter.done():
            waiter.set_result(outcome)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
