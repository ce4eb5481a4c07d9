"""Breaks and open items from run to run: new, carried, changed, cleared, reopened.

Invariants:

1. A break clears only on evidence. A run that is not complete clears nothing.
2. Each break that is open after a run is exactly one of new, carried, changed, reopened.
3. The same result again is no change: no history, only carried breaks.
4. A break keeps its `first_seen` for ever; `opened_at` restarts when it reopens.
5. A break that holds a record of an open break goes on from it and keeps its age, whatever the
   two are: see `core.merging`. No break is cleared while one that was found holds its record.
6. A run of an older business date leaves alone what a later one found or cleared, unless the
   break's own records took part in it.
7. A DUPLICATE of events clears with the first of the dates that had the copies, run again.
8. A suppressed break stays suppressed until its date, while what it was bound to is unchanged.

Both inputs are sorted by id and merged; nothing here holds more than a page of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import islice
from typing import TypeAlias, TypeVar

from msgspec import Struct

from tieout.core.found import Found
from tieout.core.model import Kind, Record, Side, State

PAGE = 1000
"""How many found breaks are looked up in the store at a time."""


class Event(StrEnum):
    """What a run did to a break."""

    OPENED = "opened"
    CARRIED = "carried"
    CHANGED = "changed"
    REOPENED = "reopened"
    CLEARED = "cleared"
    MERGED = "merged"


# For what is asked of every break: an enumeration is slow to find its members.
_OPEN, _RESOLVED, _SUPPRESSED = State.OPEN, State.RESOLVED, State.SUPPRESSED
_OPENED, _CARRIED = Event.OPENED, Event.CARRIED
_DUPLICATE = Kind.DUPLICATE.value


class KnownBreak(Struct, frozen=True):
    """What the store knows of a break before a run.

    Attributes:
        content: canonical JSON of the break's content. `binding` is the digest of what a
            person's decision was bound to.
        business_date: the business date of the run that last found it; of the copies in files
            of several dates, the earliest: another date's file says nothing about them.
        first_seen, opened_at: UTC nanoseconds.
        suppressed_until: UTC nanoseconds; None, in state suppressed, is without end.
        cleared_on: the business date of the run that cleared or merged it.
    """

    id: str
    state: State
    content: str
    binding: str
    business_date: date
    first_seen: int
    opened_at: int
    suppressed_until: int | None = None
    cleared_on: date | None = None


class Transition(Struct, frozen=True):
    """One break's step in a run.

    Attributes:
        brk: the break as found; None where it was carried without being compared again, or
            cleared, or merged away.
        known: what was known of it before; None for a new one.
        content: canonical JSON of the content after the run (before it, for a cleared one).
        state: the state after the run.
        merged_from: the id under which the break was known while a side was missing.
        merged_into: of a merged one, the id under which it goes on.
    """

    id: str
    event: Event
    content: str
    binding: str
    business_date: date
    first_seen: int
    opened_at: int
    brk: Found | None = None
    known: KnownBreak | None = None
    merged_from: str | None = None
    state: State = State.OPEN
    merged_into: str | None = None

    @property
    def open(self) -> bool:
        """Whether the break is open after the run: what is counted, digested and reported."""
        return self.state is not _RESOLVED and self.state is not _SUPPRESSED

    @property
    def written(self) -> bool:
        """Whether history tells of it: not of a carried break with the same content and age."""
        known = self.known
        return (
            self.event is not _CARRIED
            or known is None
            or known.content != self.content
            or (known.first_seen, known.opened_at) != (self.first_seen, self.opened_at)
        )


@dataclass(frozen=True, slots=True)
class Since:
    """What a found break takes over from the open ones whose records it holds.

    Attributes:
        first_seen, opened_at: the earliest of theirs.
        merged: the id of the oldest of those that go on as this one; None where all of them were
            found as well.
    """

    first_seen: int
    opened_at: int
    merged: str | None = None


@dataclass(frozen=True, slots=True)
class Merges:
    """How the open breaks go on in those that were found, see `core.merging`.

    Attributes:
        into: the id of an open break that was not found again to the id under which it goes on.
        since: by the id of a found break.
    """

    into: Mapping[str, str] = field(default_factory=dict)
    since: Mapping[str, Since] = field(default_factory=dict)


_Identified = TypeVar("_Identified", KnownBreak, Found)
Lookup: TypeAlias = Callable[[Sequence[str]], Mapping[str, KnownBreak]]


@dataclass(frozen=True, slots=True)
class OpenItem:
    """A record carried into the next run.

    Attributes:
        since: the business date on which it first appeared.
        unreadable: it was quarantined, with a readable key: its partner stays unknown.
    """

    side: Side
    record: Record
    since: date
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run can prove about breaks that it did not find again.

    Attributes:
        complete: both sides were complete. Without it nothing clears.
        business_date: the run's.
        everything: both sides repeat their whole history.
        snapshot: the records are snapshots: the newest complete one decides about every key.
        unresolved: known breaks of which a record is there and can not be judged: it is
            unreadable, after the cut, or its partner is expected or unknown; or it may be a row
            of which nobody can read which one it is.
        evaluated: known breaks whose records took part in this run (they were carried into it,
            or came again).
        records: the ids of breaks anchored on a known break's records; its own among them.
    """

    complete: bool
    business_date: date
    everything: bool = False
    snapshot: bool = False
    evaluated: Callable[[KnownBreak], bool] = field(default=lambda known: False)
    unresolved: Callable[[KnownBreak], bool] = field(default=lambda known: False)
    records: Callable[[KnownBreak], Collection[str]] = field(default=lambda known: (known.id,))

    def clears(self, known: KnownBreak) -> bool:
        """Whether not finding `known` again proves that it is gone."""
        if not self.complete or self.unresolved(known):
            return False
        if known.business_date == self.business_date:
            return True
        newer = known.business_date < self.business_date
        return (newer and (self.snapshot or self.everything)) or self.evaluated(known)

    def overtaken(self, known: KnownBreak) -> bool:
        """Whether a later business date has found `known`, and this run says nothing of it."""
        return known.business_date > self.business_date and not self.evaluated(known)


def settle(
    open_breaks: Iterable[KnownBreak],
    found: Iterable[Found],
    lookup: Lookup,
    evidence: Evidence,
    *,
    as_of: int,
    merges: Merges,
) -> Iterator[Transition]:
    """Merge what is open with what was found.

    Args:
        open_breaks: every break that is not resolved, sorted by id.
        found: the breaks of this run, sorted by id, each id once.
        lookup: id to what is known, for ids that may be resolved ones.
        as_of: UTC nanoseconds; the time of every change.
        merges: what `core.merging` says of the two.

    Yields:
        One transition a break, sorted by id. Nothing for a break that a later business date
        has cleared already.

    Raises:
        ValueError: an input is not sorted.
    """
    both = joined(open_breaks, found)
    step = _Step(evidence, as_of, merges)
    while page := list(islice(both, PAGE)):
        unmatched = [brk.id for known, brk in page if known is None and brk is not None]
        resolved = lookup(unmatched) if unmatched else {}
        for known, brk in page:
            if brk is None:
                assert known is not None
                yield step.without(known)
            elif (done := step.found(brk, known or resolved.get(brk.id))) is not None:
                yield done


def joined(
    known: Iterable[KnownBreak], found: Iterable[Found]
) -> Iterator[tuple[KnownBreak | None, Found | None]]:
    """The full outer join of two inputs sorted by id. Raises ValueError where one is not."""
    left, right = _ascending(known), _ascending(found)
    one, other = next(left, None), next(right, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one.id < other.id):
            yield one, None
            one = next(left, None)
        elif one is None or other.id < one.id:
            yield None, other
            other = next(right, None)
        else:
            yield one, other
            one, other = next(left, None), next(right, None)


def _ascending(items: Iterable[_Identified]) -> Iterator[_Identified]:
    last = ""
    for item in items:
        if item.id <= last:
            raise ValueError(f"break {item.id} after {last}: breaks come sorted by id, each once")
        last = item.id
        yield item


class _Step:
    """What a run does to one break."""

    def __init__(self, evidence: Evidence, as_of: int, merges: Merges) -> None:
        self.evidence = evidence
        self.as_of = as_of
        self.into, self.since = merges.into, merges.since

    def without(self, known: KnownBreak) -> Transition:
        """An open break that was not found again."""
        into = self.into.get(known.id)
        if into is not None:
            event, state = Event.MERGED, State.RESOLVED
        elif self.evidence.clears(known):
            event, state = Event.CLEARED, State.RESOLVED
        else:
            event, state = _CARRIED, self._state(known)
        return Transition(
            id=known.id,
            event=event,
            content=known.content,
            binding=known.binding,
            business_date=known.business_date,
            first_seen=known.first_seen,
            opened_at=known.opened_at,
            known=known,
            state=state,
            merged_into=into,
        )

    def found(self, brk: Found, known: KnownBreak | None) -> Transition | None:
        """A break that was found, and what was known of it in any state."""
        text, bound = brk.content, brk.binding
        first_seen, opened_at, state = self.as_of, self.as_of, _OPEN
        since = self.since.get(brk.id)
        merged_from = None if since is None else since.merged
        if known is None:
            event = _OPENED
        else:
            first_seen = known.first_seen
            if known.state is _RESOLVED:
                if merged_from is None and self._cleared_later(known, bound):
                    return None
                event = Event.REOPENED
            else:
                event = _CARRIED if known.binding == bound else Event.CHANGED
                opened_at = known.opened_at
                state = self._state(known) if event is _CARRIED else _OPEN
        if merged_from is not None:
            event, state = Event.CHANGED, _OPEN
        if since is not None:
            first_seen = min(first_seen, since.first_seen)
            opened_at = min(opened_at, since.opened_at)
        return Transition(
            id=brk.id,
            event=event,
            content=text,
            binding=bound,
            business_date=self._date(brk, known),
            first_seen=first_seen,
            opened_at=opened_at,
            brk=brk,
            known=known,
            merged_from=merged_from,
            state=state,
        )

    def _date(self, brk: Found, known: KnownBreak | None) -> date:
        """The business date that a found break is of; see invariant 7."""
        day, evidence = self.evidence.business_date, self.evidence
        if brk.kind != _DUPLICATE or known is None or known.state is _RESOLVED:
            return day
        return day if evidence.snapshot or evidence.everything else min(day, known.business_date)

    def _state(self, known: KnownBreak) -> State:
        """The state of a carried break: what a person decided holds until its date."""
        until = known.suppressed_until
        if known.state is _SUPPRESSED and until is not None and until <= self.as_of:
            return _OPEN
        return known.state

    def _cleared_later(self, known: KnownBreak, bound: str) -> bool:
        """Whether a later business date has proof that this very break is gone."""
        return (
            known.cleared_on is not None
            and known.cleared_on > self.evidence.business_date
            and known.binding == bound
        )
