"""Where runs, breaks and the journal are kept, and what processes agree on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from tieout.core.found import Found
from tieout.core.held import Held
from tieout.core.journal import JournalEntry, JournalRow
from tieout.core.lifecycle import KnownBreak, Transition
from tieout.core.matched import LoggedDate
from tieout.core.model import Quarantined, Side
from tieout.core.rows import (
    BreakFilter,
    BreakRow,
    BreakTally,
    DaySummary,
    HistoryRow,
    Prior,
    QuarantineRow,
    RunIntent,
    RunRow,
)


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

    def leases(self) -> Sequence[Lease]:
        """Those that somebody holds, lapsed or not, by name. Each renewal raises `until`."""
        ...

    def break_lease(self, lease: Lease) -> bool:
        """Take it from its holder, and raise the fence: what that one works out is refused.

        Whether it did: not where it was renewed, given back or taken over since `lease` was read.
        """
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

    def logged(self, reconciliation: str, *, since: date) -> Sequence[LoggedDate]:
        """The business dates from `since` on that a run was committed for, the newest first.

        The order of two of them is the order in which their last runs were committed.
        """
        ...

    def unchanging(self, reconciliation: str) -> AbstractContextManager[Collection[str]]:
        """While it lasts, no run of the reconciliation is committed. Gives the ids of those that
        are running."""
        ...

    @property
    def id(self) -> str:
        """What tells it from other stores. A copy of its file or its database has the same."""
        ...

    @property
    def file(self) -> str | None:
        """The path of its file; None where it is in a server, or in memory."""
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
