"""Breaks and open items from run to run: new, carried, changed, cleared, reopened.

Invariants:

1. A break clears only on evidence. A run that is not complete clears nothing.
2. Each break that is open after a run is exactly one of new, carried, changed, reopened.
3. The same result again is no change: no history, only carried breaks.
4. A break keeps its `first_seen` for ever; `opened_at` restarts when it reopens.
5. When the missing side of a break appears, the break goes on under the id of the pair and
   keeps its age.

Both inputs are sorted by id and merged; nothing here holds more than a page of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from tieout.core.canonical import content, digest, dumps
from tieout.core.model import Break, Record, Side, State

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


@dataclass(frozen=True, slots=True)
class KnownBreak:
    """What the store knows of a break before a run.

    Attributes:
        content: canonical JSON of the break's content. `binding` is the digest of what a
            person's decision was bound to.
        business_date: the business date of the run that last found it.
        first_seen, opened_at: UTC nanoseconds.
    """

    id: str
    state: State
    content: str
    binding: str
    business_date: date
    first_seen: int
    opened_at: int


@dataclass(frozen=True, slots=True)
class Transition:
    """One break's step in a run.

    Attributes:
        brk: the break as found; None where it was carried without being compared again, or
            cleared, or merged away.
        known: what was known of it before; None for a new one.
        content: canonical JSON of the content after the run (before it, for a cleared one).
        written: whether anything but `last seen` changes in the store.
        merged_from: the id under which the break was known while a side was missing.
    """

    id: str
    event: Event
    content: str
    binding: str
    business_date: date
    first_seen: int
    opened_at: int
    brk: Break | None = None
    known: KnownBreak | None = None
    merged_from: str | None = None


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
        evaluated: ids of known breaks whose records took part in this run (they were carried
            into it, or came again).
    """

    complete: bool
    business_date: date
    everything: bool = False
    snapshot: bool = False
    evaluated: Callable[[KnownBreak], bool] = field(default=lambda known: False)

    def clears(self, known: KnownBreak) -> bool:
        """Whether not finding `known` again proves that it is gone."""
        if not self.complete:
            return False
        return (
            self.snapshot
            or self.everything
            or known.business_date == self.business_date
            or self.evaluated(known)
        )


def binding(brk: Break, *, snapshot: bool) -> str:
    """The digest of what a person's decision about `brk` is bound to.

    For snapshots (field, difference): both sides may move by the same amount. Else the content.
    """
    if not snapshot or not brk.differences:
        return digest(dumps(content(brk)))
    bound = [[each.field, each.difference or [each.internal, each.external]]
             for each in brk.differences]
    return digest(dumps([brk.kind.value, bound]))


def settle(
    open_breaks: Iterable[KnownBreak],
    found: Iterable[Break],
    lookup: Callable[[Sequence[str]], Mapping[str, KnownBreak]],
    evidence: Evidence,
    *,
    as_of: int,
) -> Iterator[Transition]:
    """Merge what is open with what was found.

    Args:
        open_breaks: every break that is not resolved, sorted by id.
        found: the breaks of this run, sorted by id, each id once.
        lookup: id to what is known, for ids that may be resolved ones.
        as_of: UTC nanoseconds; the time of every change.

    Yields:
        One transition a break, sorted by id, except that `merged` ones stand where they fall.
    """
    raise NotImplementedError
