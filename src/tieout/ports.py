"""What the core and the services need from the outside world. Protocols and their values only.

Adapters implement these; `tieout.testing` has in-memory ones that pass the same conformance
suites. Nothing here names a concrete adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from tieout.core.found import Found
from tieout.core.held import Held
from tieout.core.journal import JournalEntry, JournalRow
from tieout.core.lifecycle import KnownBreak, OpenItem, Transition
from tieout.core.live import Answer, Ask, Permissions
from tieout.core.model import Candidate, Quarantined, Record, Severity, Side
from tieout.core.read import Reading
from tieout.core.rows import (
    BreakFilter,
    BreakRow,
    BreakTally,
    DaySummary,
    DriftStatistic,
    HistoryRow,
    Prior,
    QuarantineRow,
    RunIntent,
    RunRow,
)
from tieout.core.rules import Rules
from tieout.core.scan import Scan
from tieout.core.valuation import Instrument


class Clock(Protocol):
    """The only way to the present time."""

    def now(self) -> datetime:
        """Aware UTC."""
        ...


class Source(Protocol):
    """A place that records come from."""

    @property
    def name(self) -> str: ...

    def scan(self, *, business_date: date) -> Scan:
        """Say what to read.

        Raises:
            SourceMissing: it is not there.
            SourceError: it is there and cannot be read whole.
        """
        ...


# Live sources


class Feed(Protocol):
    """Somebody who answers now: a venue, or a book. Coroutines run on the loop of the monitors."""

    @property
    def name(self) -> str:
        """As the configuration calls it."""
        ...

    @property
    def offers(self) -> frozenset[str]:
        """The record types that it can be asked for."""
        ...

    async def fetch(self, ask: Ask) -> Answer:
        """Answer a question whole, or say in the answer how far it reaches.

        Raises:
            SourceError: there is no answer that can be used; for a venue it is a VenueError.
        """
        ...

    async def aclose(self) -> None:
        """Close connections. More than once is no error."""
        ...


class Venue(Feed, Protocol):
    """An account at an exchange."""

    @property
    def venue(self) -> str:
        """The exchange, `binance`: the `venue` of its records."""
        ...

    @property
    def account(self) -> str: ...

    async def skew(self) -> int:
        """The venue's clock minus ours, in nanoseconds, halfway between request and reply."""
        ...

    async def permissions(self) -> Permissions: ...

    async def instruments(self) -> Mapping[str, Instrument]:
        """By unified symbol. The only thing that is cached."""
        ...


class Book(Feed, Protocol):
    """What the firm believes.

    A book that offers `trades` and `movements` can be held against a snapshot at any instant.
    One that offers only snapshots can be compared while nothing moves.
    """

    async def version(self) -> str:
        """Changes whenever an answer could have changed; equal versions, equal answers."""
        ...


@dataclass(frozen=True, slots=True)
class Rows:
    """The records of a side, ready to be matched, and how far they reach.

    Attributes:
        columns: the canonical columns, where there may be no record to tell them.
        window: of events: the times that are covered.
    """

    source: str
    layout: Reading
    records: Sequence[Record]
    columns: Sequence[str]
    reasons: tuple[str, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    window: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()


class Notifier(Protocol):
    """Where alerts go."""

    def alert(self, severity: Severity, title: str, text: str, *, about: str) -> None:
        """Tell people. `about` names the matter: one alert a matter until it is settled.

        Never raises: an alert that cannot be sent is counted and logged.
        """
        ...

    def settled(self, about: str) -> None:
        """The matter is over: the next alert about it is a new one."""
        ...


# Engines


@dataclass(frozen=True, slots=True)
class SideTask:
    """One side of a match: what to read, how, and what is carried into it."""

    side: Side
    scan: Scan
    reading: Reading
    carried: Sequence[OpenItem] = ()


@dataclass(frozen=True, slots=True)
class CheckTask:
    """The rows that a check looks up, by index in `Rules.checks`."""

    index: int
    scan: Scan
    reading: Reading


@dataclass(frozen=True, slots=True)
class MatchTask:
    """Everything an engine needs to match two sides.

    Attributes:
        cut: records later than this (UTC nanoseconds) are counted `after_cut`, not compared.
        business_date: the run's; the `since` of records that are new and after the cut.
            Without it, that is the cut's day in UTC.
        instruments: by symbol. Their ticks are tolerances; and where one has a multiplier, no
            engine can say what a `cash` check comes to.
        watched: internal records, as far as known, whose pairs are handed out even if they agree.
    """

    rules: Rules
    internal: SideTask
    external: SideTask
    checks: Sequence[CheckTask] = ()
    cut: int | None = None
    business_date: date | None = None
    instruments: Mapping[str, Instrument] = field(default_factory=dict)
    watched: Sequence[Record] = ()


@dataclass(frozen=True, slots=True)
class SideFacts:
    """What an engine learned about a side.

    Attributes:
        rows: readable records of the scan (carried ones not counted).
        quarantined: the unreadable ones.
        after_cut: records later than the cut; to be carried.
        watermark: latest time of the record type's clock among them, UTC nanoseconds.
        totals: sums asked for by the scan's controls; `notional` is the sum of price x quantity.
        missing_symbols: of those that the controls require, the ones that were not there.
        outside_window: records outside the controls' window.
        columns: the canonical columns that the source has. `identity`: its identity columns.
        skipped: rows that `only` and `skip` left out.
        unreadable: carried unreadable items that the source has not sent again.
    """

    rows: int
    quarantined: Sequence[Quarantined] = ()
    after_cut: Sequence[OpenItem] = ()
    watermark: int | None = None
    totals: Mapping[str, Decimal] = field(default_factory=dict)
    missing_symbols: Sequence[str] = ()
    outside_window: int = 0
    columns: Sequence[str] = ()
    identity: Sequence[str] = ()
    skipped: int = 0
    unreadable: Sequence[OpenItem] = ()


@dataclass(frozen=True, slots=True)
class Matching:
    """An engine's answer.

    Attributes:
        agreed: pairs that do not break and were not handed out as candidates.
        agreed_within: those of them that differ, inside tolerance.
        candidates: everything that may be a break; read once. Closing the iterator early frees
            the engine's resources.
        checks: what is known of each check's source, in the order of `MatchTask.checks`.
    """

    internal: SideFacts
    external: SideFacts
    agreed: int
    agreed_within: int
    candidates: Iterator[Candidate]
    statistics: Sequence[DriftStatistic] = ()
    checks: Sequence[SideFacts] = ()


class Engine(Protocol):
    """Reads two sides, matches them, and hands out whatever may be a break.

    What `decide` breaks is among the candidates: an engine may hand out too much, never too
    little. Two engines give the same multiset of breaks, counts and facts for the same task.
    """

    @property
    def name(self) -> str: ...

    def match(self, task: MatchTask) -> AbstractContextManager[Matching]:
        """Raises SourceError where a side cannot be read."""
        ...

    def facts(self, side: SideTask) -> SideFacts:
        """What a side says of itself, where the other one could not be read. Nothing is carried.

        Raises SourceError where it cannot be read either.
        """
        ...


# The store


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run a monitor, for a while.

    Attributes:
        fence: rises with every holder; a result of an earlier one is refused.
        until: UTC nanoseconds.
    """

    name: str
    holder: str
    fence: int
    until: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Somebody stopped the monitors of `scope` (a reconciliation; `*` is all of them)."""

    scope: str
    by: str
    reason: str
    since: int
    until: int | None = None


class Journal(Protocol):
    """The embedded ledger's entries: append-only."""

    def append(self, entries: Sequence[JournalEntry]) -> int:
        """Add entries in one transaction; returns how many were new.

        The same id with the same content again is nothing new.

        Raises:
            JournalConflict: an id is there with other content. Nothing was added.
        """
        ...

    def read(
        self,
        *,
        account: str | None = None,
        venue: str | None = None,
        records: str | None = None,
        after: int = 0,
    ) -> Iterator[JournalRow]:
        """Rows with a greater number than `after`, in the order of their numbers."""
        ...

    def last(self) -> int:
        """The number of the newest row; 0 where there is none."""
        ...


class Monitors(Protocol):
    """What monitors of several processes have to agree on."""

    def acquire(self, name: str, holder: str, *, seconds: float, now: int) -> Lease | None:
        """The lease, where nobody else holds it; renewed, where `holder` has it already."""
        ...

    def release(self, lease: Lease) -> None:
        """Give it back early. Nothing happens where it was lost."""
        ...

    def pause(self, pause: Pause) -> None: ...

    def resume(self, scope: str) -> bool:
        """Whether it was paused."""
        ...

    def pauses(self, now: int) -> Sequence[Pause]:
        """Those that hold, by scope."""
        ...

    def cursor(self, name: str) -> int | None:
        """How far a window of events has come, UTC nanoseconds."""
        ...

    def advance(self, name: str, to: int) -> None:
        """Move a cursor forward; never back."""
        ...

    def fold(self, *, before: datetime) -> int:
        """Turn runs that changed no break into one summary a day; returns how many runs.

        They ended, and began before `before`. Kept are the newest of each reconciliation, those
        that a break or its history refers to, and those that a date's coverage rests on.
        """
        ...

    def summaries(self, *, reconciliation: str | None = None) -> Iterator[DaySummary]:
        """What was folded, by reconciliation and business date."""
        ...


class Spool(Protocol):
    """Keeps what a run found until it can be settled in the order of the ids."""

    def add(self, found: Found) -> None: ...

    def __iter__(self) -> Iterator[Found]:
        """All breaks, sorted by id; a new iterator each time."""
        ...

    def hold(self, held: Held) -> None:
        """Keep a record that is carried into the next run."""
        ...

    def held(self) -> Iterator[Held]:
        """The records to carry, sorted by key; a new iterator each time."""
        ...


class StoreView(Protocol):
    """A consistent reading of one reconciliation's breaks."""

    def holds_any(self) -> bool:
        """Whether there is any break, in any state. Without one nothing need be looked up."""
        ...

    def open_breaks(self) -> Iterator[KnownBreak]:
        """Every break that is not resolved, sorted by id."""
        ...

    def known(self, ids: Sequence[str]) -> Mapping[str, KnownBreak]:
        """Those of `ids` that exist, in any state."""
        ...


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run writes, in one transaction.

    Attributes:
        settle: called once inside the transaction; yields the transitions sorted by id.
        finish: called after the last transition: the run's row, with digest and break counts.
        open_items: all records to carry after this business date, sorted by key.
        quarantine: with their side (None for the rows of a check's source).
        lease: what entitles the writer to run this monitor; checked in the transaction.
    """

    intent: RunIntent
    fence: int
    settle: Callable[[StoreView], Iterator[Transition]]
    finish: Callable[[], RunRow]
    open_items: Iterable[Held] = ()
    quarantine: Iterable[tuple[Side | None, Quarantined]] = ()
    covered: Mapping[Side, bool] = field(default_factory=dict)
    lease: Lease | None = None


class Store(Protocol):
    """Where runs, breaks, their history, open items and quarantine are kept.

    A run's result is one transaction: killed at any instant it is either there or not, and the
    intent row says which.
    """

    def begin(self, intent: RunIntent) -> None:
        """Commit the intent row, status `running`. Marks dead `running` rows as `failed`."""
        ...

    def prior(self, reconciliation: str) -> Prior: ...

    def open_items(self, reconciliation: str, *, before: date) -> Iterator[Held]:
        """What was open at the end of the last run before the business date `before`.

        Sorted by key.
        """
        ...

    def view(self, reconciliation: str) -> AbstractContextManager[StoreView]: ...

    def commit(self, result: RunResult) -> RunRow:
        """Write everything, or nothing.

        Raises:
            RunSuperseded: another result of the reconciliation was committed since `fence`.
            LeaseLost: somebody else holds the lease that the result was worked out under.
        """
        ...

    def fail(self, run_id: str, row: RunRow) -> None:
        """End a run that has no result: its row says why; breaks and open items stay.

        Nothing happens to a run that ended already: whatever fails after the commit comes late.
        """
        ...

    def withdraw(self, run_id: str) -> None:
        """Forget a run that began and is about to be begun anew: it has neither failed nor ended.

        Nothing happens to a run that ended already.
        """
        ...

    def runs(
        self,
        *,
        reconciliation: str | None = None,
        limit: int | None = None,
        id_prefix: str | None = None,
    ) -> Iterator[RunRow]:
        """Newest first."""
        ...

    def breaks(self, where: BreakFilter) -> Iterator[BreakRow]:
        """Sorted by reconciliation, then id; or as `BreakFilter.worst` says."""
        ...

    def tally(self, where: BreakFilter) -> Iterator[BreakTally]:
        """How many `breaks` would give, by reconciliation, kind and severity; sorted by these.

        `where.worst` does not count.
        """
        ...

    def history(self, break_id: str) -> Iterator[HistoryRow]:
        """Oldest first."""
        ...

    def quarantine(self, run_id: str) -> Iterator[QuarantineRow]: ...

    @property
    def journal(self) -> Journal: ...

    @property
    def monitors(self) -> Monitors: ...

    def close(self) -> None: ...


# Reports


@dataclass(frozen=True, slots=True)
class ReportData:
    """What a report shows: one run each, its open breaks, and what could not be read.

    Attributes:
        breaks, quarantine: fresh iterators at each call; a report may read them twice.
        filters: what the breaks were restricted to, for a person; empty where they were not.
    """

    generated_at: datetime
    runs: Sequence[RunRow]
    breaks: Callable[[], Iterable[BreakRow]]
    quarantine: Callable[[], Iterable[QuarantineRow]]
    total_breaks: int
    filters: Mapping[str, str] = field(default_factory=dict)


class ReportWriter(Protocol):
    """Writes a report in one format."""

    suffix: str

    def write(self, data: ReportData, path: str) -> None:
        """Write whole or not at all: to a temporary name, then renamed."""
        ...
