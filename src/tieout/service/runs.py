"""One run of a reconciliation: intent, match, decide, settle, one transaction.

1. Nothing is concluded from a source that failed: the run fails, breaks and open items stay.
2. The intent row is committed before any work; the result is one later transaction.
3. If another run of the same reconciliation came between, this one is repeated.
4. A dry run does the same and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from heapq import nsmallest
from time import monotonic
from typing import Protocol
from zoneinfo import ZoneInfo

from tieout.core.calendars import add_business_days, business_date_of, moment_of
from tieout.core.canonical import nanoseconds
from tieout.core.lifecycle import OpenItem
from tieout.core.model import Record, RunStatus, Side
from tieout.core.rows import BreakFilter, BreakRow, Prior, QuarantineRow, RunIntent, RunRow, badness
from tieout.core.scan import Coverage, Scan
from tieout.errors import MatchLogLost, RunSuperseded, SourceError, SourceMissing, UsageError
from tieout.ports import (
    CheckTask,
    Clock,
    Engine,
    Lease,
    LogFile,
    Matches,
    MatchTask,
    SideTask,
    Spool,
    Store,
)
from tieout.service.again import Again
from tieout.service.carry import Carried, carried
from tieout.service.coverage import coverage_of
from tieout.service.evidence import watched
from tieout.service.intents import aborted_row, empty_row, intent_of, open_of
from tieout.service.judge import Judged, judge
from tieout.service.matched import matched
from tieout.service.settle import dry_settle, settle_and_commit, still_open
from tieout.service.setup import Progress, Reference, Request, Setup, SideSetup

ATTEMPTS = 3
"""How often a run is repeated when others of the same reconciliation come between."""


class OpenBreaks(Protocol):
    def __call__(self, worst: int | None = None) -> Iterator[BreakRow]: ...


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """A run that ended. Breaks are those open after it; both are fresh iterators each time.

    Attributes:
        breaks: all of them, by id; or, given how many, the worst.
    """

    row: RunRow
    breaks: OpenBreaks
    quarantine: Callable[[], Iterator[QuarantineRow]]


@dataclass(frozen=True, slots=True)
class Bench:
    """What a service runs with."""

    engine: Engine
    store: Store
    clock: Clock
    spool: Callable[[], AbstractContextManager[Spool]]
    progress: Progress
    lease: Lease | None = None
    matches: Matches | None = None


def run(setup: Setup, request: Request, bench: Bench) -> RunOutcome:
    """Run a reconciliation once.

    Raises:
        UsageError: the business date is before the latest one, without `restate` or `dry_run`.
        StoreError: the store cannot be used, or others kept coming between.
    """
    started, as_of, own = _when(setup, request, bench.clock)
    for attempt in range(1, ATTEMPTS + 1):
        prior = bench.store.prior(setup.rules.name)
        day = _in_order(setup, request, prior, own)
        intent = intent_of(setup, request, started, as_of, day, prior.fence)
        if not request.dry_run:
            bench.store.begin(intent)
        try:
            return _Run(setup, request, bench, intent, prior, own).go()
        except RunSuperseded as error:
            if attempt == ATTEMPTS:
                bench.store.fail(intent.run_id, aborted_row(intent, error.what, bench.store))
                raise
            # It has not failed: the run that repeats it stands in its place.
            bench.store.withdraw(intent.run_id)
        except BaseException as error:
            if not request.dry_run:
                reason = f"{type(error).__name__}: {error}".splitlines()[0]
                bench.store.fail(intent.run_id, aborted_row(intent, reason, bench.store))
            raise
    raise AssertionError("unreachable")


def check(setup: Setup, request: Request, bench: Bench) -> None:
    """Refuse what `run` would refuse, before anything runs. Raises UsageError, StoreError."""
    _, _, day = _when(setup, request, bench.clock)
    _in_order(setup, request, bench.store.prior(setup.rules.name), day)


def _when(setup: Setup, request: Request, clock: Clock) -> tuple[datetime, datetime, date]:
    started = clock.now()
    as_of = request.as_of or started
    cutoff, now = setup.internal.cutoff, nanoseconds(as_of)
    day = cutoff.date_of(now) if cutoff is not None else business_date_of(now, setup.zone)
    return started, as_of, request.business_date or day


def _in_order(setup: Setup, request: Request, prior: Prior, day: date) -> date:
    """The business date of a run on `day`. Raises UsageError where the latest one is after it.

    A live run adds to the latest one: what is open is of that, and the clock by which it was
    today need not have been right.
    """
    late = prior.latest is not None and day < prior.latest
    if late and setup.live is not None:
        assert prior.latest is not None
        return prior.latest
    if late and not request.restate and not request.dry_run:
        raise UsageError(
            f"business date {day} is before {prior.latest}, the latest one that"
            f" {setup.rules.name!r} ran for",
            hint="restate it with --restate, or look without writing with --dry-run",
        )
    return day


class _Run:
    """One attempt. `day`: the date by our clock."""

    def __init__(
        self,
        setup: Setup,
        request: Request,
        bench: Bench,
        intent: RunIntent,
        prior: Prior,
        day: date,
    ) -> None:
        self.setup = setup
        self.request = request
        self.bench = bench
        self.intent = intent
        self.prior = prior
        self.day = day
        self.began = monotonic()
        # Who repeats the whole history needs no log: what is not there any more is gone.
        repeats = setup.internal.everything or setup.external.everything
        keep = None if repeats else setup.keep
        self.matched = matched(keep, bench.matches, bench.store, intent)

    def go(self) -> RunOutcome:
        self.bench.progress(f"{self.intent.reconciliation}: reading")
        scans, failures = self._scans()
        if failures:
            return self._failed(failures, scans)
        try:
            reference = self.setup.reference(self.intent.business_date)
            items = self._carried()
            live = self.setup.live
            start = [item for item in items.first() if live is None or not live.voided(item)]
            again = items.again()
            logs = None if self.matched is None else self.matched.before()
            with self._judged(scans, reference, items, start, logs, last=again is None) as judged:
                if again is None or judged.evidence.complete:
                    return self._finish(judged)
            logs = None if self.matched is None else self.matched.again()
            with self._judged(scans, reference, items, again, logs, last=True) as judged:
                return self._finish(replace(judged, open_items=items.unsettled(judged.open_items)))
        except SourceError as error:
            return self._failed([error], scans)

    def _carried(self) -> Carried:
        sides = ((Side.INTERNAL, self.setup.internal), (Side.EXTERNAL, self.setup.external))
        return carried(
            self.bench.store,
            self.intent.reconciliation,
            self.prior,
            self.intent.business_date,
            self.setup.internal.reading.records,
            frozenset(side for side, each in sides if each.everything),
            adding=self.setup.live is not None,
        )

    @contextmanager
    def _judged(
        self,
        scans: Sequence[Scan | None],
        reference: Reference,
        items: Carried,
        start: Sequence[OpenItem],
        logs: Sequence[LogFile] | None,
        *,
        last: bool,
    ) -> Iterator[Judged]:
        """Match and decide, with the open records `start`. `last`: see `service.again`."""
        watching = self._watched()
        there = [scan for scan in scans if scan is not None]
        task = replace(
            self._task(there, reference, start), watched=tuple(watching.values()), logs=logs
        )
        self.bench.progress(f"{self.intent.reconciliation}: matching")
        with self.bench.spool() as spool, self.bench.engine.match(task) as matching:
            self.bench.progress(f"{self.intent.reconciliation}: deciding")
            yield judge(
                self.setup,
                task,
                matching,
                reference,
                self.prior,
                spool,
                self.intent,
                items.known(),
                watching,
                Again(self.bench.store, self.bench.engine, last),
            )

    def _watched(self) -> dict[str, Record]:
        if not self.setup.checks:
            return {}
        with self.bench.store.view(self.intent.reconciliation) as view:
            return watched(view, self.setup.internal.reading.records)

    def _scans(self) -> tuple[list[Scan | None], list[SourceError]]:
        """The scans of both sides and of the checks' sources; None where one failed."""
        scans: list[Scan | None] = []
        failures: list[SourceError] = []
        for each in (self.setup.internal, self.setup.external, *self.setup.checks):
            scan = None
            try:
                scan = each.source.scan(business_date=self.intent.business_date)
            except SourceMissing as error:
                failures.append(self._late(each, error))
            except SourceError as error:
                failures.append(error)
            scans.append(scan)
        return scans, failures

    def _late(self, side: SideSetup, error: SourceMissing) -> SourceError:
        """A missing source is only late until it is due."""
        due = side.due_by
        if due is None:
            return error
        zone = ZoneInfo(due.timezone)
        moment = moment_of(self.intent.business_date, due.at, zone)
        if due.business_days:
            day = add_business_days(self.intent.business_date, due.business_days, due.calendar)
            moment = moment_of(day, due.at, zone)
        if nanoseconds(self.intent.as_of) <= moment:
            return _NotDue(error.what, where=error.where, hint="it is not due yet; run again later")
        return error

    def _task(
        self, scans: Sequence[Scan], reference: Reference, start: Sequence[OpenItem]
    ) -> MatchTask:
        items: dict[Side, list[OpenItem]] = {side: [] for side in Side}
        for item in start:
            items[item.side].append(item)
        return MatchTask(
            rules=self.setup.rules,
            internal=SideTask(
                Side.INTERNAL, scans[0], self.setup.internal.reading, items[Side.INTERNAL]
            ),
            external=SideTask(
                Side.EXTERNAL, scans[1], self.setup.external.reading, items[Side.EXTERNAL]
            ),
            checks=[
                CheckTask(index, scan, check.reading)
                for index, (scan, check) in enumerate(
                    zip(scans[2:], self.setup.checks, strict=True)
                )
            ],
            cut=self._cut(),
            business_date=self.intent.business_date,
            instruments=reference.instruments,
        )

    def _cut(self) -> int | None:
        """From when on records are not compared, UTC nanoseconds; None: all of them are.

        A file may hold what is of after `as_of`. A live comparison has asked both sides how things
        are, or what had happened until then, and nothing in their answers is of after that,
        whatever its time says: that is by the venue's clock, and `as_of` by ours. To leave out the
        rows of a venue that is ahead of us would be to call it flat. An event so new that the other
        side need not know it waits for its deadline; one that is dated beyond any clock's error is
        quarantined by whoever read it.
        """
        return None if self.setup.live is not None else nanoseconds(self.intent.as_of)

    def _failed(self, failures: Sequence[SourceError], scans: Sequence[Scan | None]) -> RunOutcome:
        """End the run without a result: whatever was open stays open."""
        late = all(isinstance(error, _NotDue | MatchLogLost) for error in failures)
        row = replace(
            empty_row(self.intent),
            status=RunStatus.INCOMPLETE if late else RunStatus.FAILED,
            finished_at=self.bench.clock.now(),
            internal=self._survey(Side.INTERNAL, self.setup.internal, scans[0]),
            external=self._survey(Side.EXTERNAL, self.setup.external, scans[1]),
            breaks=still_open(self.bench.store.tally(self._open())),
            reasons=tuple(dict.fromkeys(str(error) for error in failures)),
            seconds=round(monotonic() - self.began, 3),
        )
        if not self.request.dry_run:
            self.bench.store.fail(self.intent.run_id, row)
        return RunOutcome(row, self._stored_breaks, lambda: iter(()))

    def _survey(self, side: Side, setup: SideSetup, scan: Scan | None) -> Coverage | None:
        """What a side says of itself, where another source failed; None where it is the one."""
        if scan is None:
            return None
        try:
            facts = self.bench.engine.facts(SideTask(side, scan, setup.reading))
            return coverage_of(
                scan,
                facts,
                max_quarantined=self.setup.rules.max_quarantined,
                everything=setup.everything,
            )
        except SourceError:
            return None

    def _finish(self, judged: Judged) -> RunOutcome:
        self.bench.progress(f"{self.intent.reconciliation}: storing")
        judged = self._dated(judged)

        def seconds() -> float:
            return monotonic() - self.began

        if self.request.dry_run:
            row, rows = dry_settle(self.bench.store, self.intent, judged, self.bench.clock, seconds)
            bad = [
                QuarantineRow(self.intent.run_id, side, entry) for side, entry in judged.quarantine
            ]

            def breaks(worst: int | None = None) -> Iterator[BreakRow]:
                return iter(rows if worst is None else nsmallest(worst, rows, key=badness))

            return RunOutcome(row, breaks, lambda: iter(bad))
        if self.matched is not None and judged.log is not None:
            judged = replace(judged, place=self.matched.written(judged.log))
        row = settle_and_commit(
            self.bench.store,
            self.intent,
            self.prior,
            judged,
            self.bench.clock,
            seconds,
            lease=self.bench.lease,
        )
        if self.matched is not None:
            self.matched.sweep()
        return RunOutcome(
            row, self._stored_breaks, lambda: self.bench.store.quarantine(self.intent.run_id)
        )

    def _dated(self, judged: Judged) -> Judged:
        """With a note where a live run is of a later date than ours."""
        latest = self.intent.business_date
        if self.setup.live is None or latest <= self.day:
            return judged
        note = (
            f"it is {self.day} by our clock, and an earlier run was of {latest}: what is found is"
            " added to that business date"
        )
        notes = (*judged.internal.notes, note)
        return replace(judged, internal=replace(judged.internal, notes=notes))

    def _stored_breaks(self, worst: int | None = None) -> Iterator[BreakRow]:
        return self.bench.store.breaks(replace(self._open(), worst=worst))

    def _open(self) -> BreakFilter:
        return open_of(self.intent.reconciliation)


class _NotDue(SourceError):
    """A source that is not there, and need not be yet."""
