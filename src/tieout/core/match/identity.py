"""Stage A of matching: what is the same record twice inside one source."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from tieout.core.canonical import derived_id, dumps, plain_record
from tieout.core.model import Record, Role, Side, Value
from tieout.core.schema import RecordType

GroupRecords = tuple[tuple[Side, Role, Record], ...]

Identity: TypeAlias = frozenset[tuple[str, Value]]


@dataclass(frozen=True, slots=True)
class Identified:
    """A side after stage A.

    Attributes:
        free: the records that go on to matching.
        duplicates: one group an identity, the record that went on as primary.
        conflicts: one group an identity; none of its records went on.
    """

    free: list[Record]
    duplicates: list[GroupRecords]
    conflicts: list[GroupRecords]


def identify(rows: Iterable[Record], identity: Sequence[str], records: RecordType) -> list[Record]:
    """`rows` with their identity filled in; ids that are missing are derived from content.

    Records that come with an identity (carried ones) keep it. All rows of equal content must be
    given together, for they are told apart by counting.
    """
    seen: Counter[str] = Counter()
    id_column = records.id_of(identity)
    identified = []
    for record in rows:
        if record.identity:
            identified.append(record)
            continue
        values = record.values
        own: dict[str, Value] = {name: values.get(name) for name in identity}
        if id_column is not None and own[id_column] is None:
            plain = plain_record(values, records)
            content = dumps(plain)
            own[id_column] = derived_id(plain, seen[content])
            seen[content] += 1
        identified.append(Record(values, own, record.row, record.carried_from))
    return identified


def settle_identities(side: Side, rows: Sequence[Record]) -> Identified:
    """Drop what is superseded, fold identical copies, set conflicts aside.

    Args:
        rows: identified records. Their order does not matter.
    """
    alive = _without_superseded(rows)
    by_identity: defaultdict[Identity, list[Record]] = defaultdict(list)
    for record in alive:
        by_identity[same_as(record)].append(record)
    free: list[Record] = []
    duplicates: list[GroupRecords] = []
    conflicts: list[GroupRecords] = []
    for same in by_identity.values():
        if len(same) == 1:
            free.append(same[0])
            continue
        winners = _latest(same)
        if not _are_copies(winners):
            conflicts.append(tuple((side, Role.CANDIDATE, record) for record in winners))
            continue
        winners.sort(key=_place)
        free.append(winners[0])
        if len(winners) > 1:
            copies = ((side, Role.DUPLICATE, record) for record in winners[1:])
            duplicates.append(((side, Role.PRIMARY, winners[0]), *copies))
    return Identified(free, duplicates, conflicts)


def same_as(record: Record) -> Identity:
    """What records of one identity have in common, whatever the order of its columns.

    A column that is absent is like one that is empty: a carried record may be from before the
    source had it.
    """
    return frozenset([item for item in record.identity.items() if item[1] is not None])


def _without_superseded(rows: Sequence[Record]) -> list[Record]:
    """The rows that no other row replaces, busts and what they busted left out."""
    replaced: set[tuple[Value, ...]] = set()
    busted: set[tuple[Value, ...]] = set()
    acting = [record for record in rows if _is_bust(record) or replaces(record) is not None]
    if not acting:
        return list(rows)
    for record in acting:
        if (target := replaces(record)) is not None:
            (busted if _is_bust(record) else replaced).add(_named(record, target))
    alive = []
    for record in rows:
        own = record.values.get("trade_id")
        named = _named(record, own)
        corrects_itself = own is not None and record.values.get("supersedes") == own
        if not _is_bust(record) and named not in busted:
            if corrects_itself or named not in replaced:
                alive.append(record)
    return alive


def replaces(record: Record) -> Value:
    """The trade that a record replaces or busts, if any."""
    target = record.values.get("supersedes")
    return record.values.get("trade_id") if target is None and _is_bust(record) else target


def _is_bust(record: Record) -> bool:
    return record.values.get("exec_type") == "bust"


def _named(record: Record, trade_id: Value) -> tuple[Value, ...]:
    return (trade_id, record.values.get("account"), record.values.get("venue"))


def _latest(same: Sequence[Record]) -> list[Record]:
    """The records with the highest version; where no version differs, the highest sequence."""
    for column in ("version", "sequence"):
        if all(record.values.get(column) is None for record in same):
            continue
        ranks = [_rank(record, column) for record in same]
        if len(set(ranks)) > 1:
            highest = max(ranks)
            return [record for record, rank in zip(same, ranks, strict=True) if rank == highest]
    return list(same)


def outlives(carried: Record, rows: Sequence[Record]) -> bool:
    """Whether a carried record is newer than all rows of its identity that came since.

    The first of version and sequence in which they differ says so. A row without a number there
    is the source's latest word.
    """
    for column in ("version", "sequence"):
        own, others = carried.values.get(column), [row.values.get(column) for row in rows]
        if any(other != own for other in others):
            return isinstance(own, Decimal) and all(
                isinstance(other, Decimal) and other < own for other in others
            )
    return False


def _rank(record: Record, column: str) -> tuple[bool, Decimal]:
    value = record.values.get(column)
    return (value is not None, value if isinstance(value, Decimal) else Decimal(0))


def _are_copies(same: Sequence[Record]) -> bool:
    """Whether records are equal in every column; one that is absent is like one that is empty."""
    first = same[0].values
    return all(
        each.values == first or _content(each.values) == _content(first) for each in same[1:]
    )


def _content(values: Mapping[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in values.items() if value is not None}


def _place(record: Record) -> tuple[bool, int]:
    """New records before carried ones, then by row."""
    return (record.row is None, record.row or 0)
