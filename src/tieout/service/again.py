"""A second look at both sides, where the candidates of the first do not tell of a break.

A pair that agrees is counted and not handed out. Of a few open breaks it must be known what
became of their records: the two sides are matched once more, and these are handed out whatever
they are. That is done only where one such break is open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tieout.core.canonical import break_id, plain_record
from tieout.core.held import values_of
from tieout.core.lifecycle import Evidence, KnownBreak, joined
from tieout.core.merging import merging
from tieout.core.model import Candidate, Group, Pair, Record, Side
from tieout.core.schema import RecordType
from tieout.ports import Engine, Spool, Store
from tieout.service.known import KnownRecord, KnownRecords

Suspects: TypeAlias = list[tuple[KnownBreak, list[KnownRecord]]]


@dataclass(frozen=True, slots=True)
class Again:
    """What a second look is taken with.

    Attributes:
        last: what this run finds is its answer; it is not judged once more if it is incomplete.
    """

    store: Store
    engine: Engine
    last: bool = True


def suspects(
    store: Store,
    found: Spool,
    evidence: Evidence,
    stored: KnownRecords,
    asked: Callable[[KnownRecord], bool],
) -> Suspects:
    """The breaks that would clear by `evidence`, with those of their records that are asked for."""
    with store.view(stored.reconciliation) as view:
        if not view.holds_any():
            return []
        into = merging(view.open_breaks, found, evidence).into
        chosen = []
        for known, brk in joined(view.open_breaks(), found):
            if known is None or brk is not None or known.id in into or not evidence.clears(known):
                continue
            if parts := [part for part in stored.of(known) if asked(part)]:
                chosen.append((known, parts))
        return chosen


def as_records(parts: Sequence[KnownRecord], records: RecordType) -> tuple[Record, ...]:
    """Stored records, to be handed out with their pairs: see `MatchTask.watched`."""
    return tuple(
        Record(values_of(part.record, records)[0], values_of(part.identity, records)[0])
        for part in parts
    )


def parts_of(candidate: Candidate) -> Iterator[tuple[Side, Record]]:
    """The records of a candidate, each with its side."""
    if isinstance(candidate, Pair):
        yield Side.INTERNAL, candidate.internal
        yield Side.EXTERNAL, candidate.external
    elif isinstance(candidate, Group):
        yield from ((side, record) for side, _, record in candidate.records)
    else:
        yield candidate.side, candidate.record


def key_of(name: str, side: Side, record: Record, records: RecordType) -> str:
    """The id of a break of the reconciliation `name` that is anchored on a record."""
    return break_id(name, plain_record(record.identity, records), side)
