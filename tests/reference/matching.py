"""Keyed matching as its specification says it, step by step: `tieout.core.match`.

Slow on purpose: lists, nested loops and dicts, so that each line can be held against a sentence
of the specification. Nothing here is shared with an engine that ships.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tieout.core.canonical import derived_id, dumps, plain_record
from tieout.core.match.plan import Plan
from tieout.core.model import Candidate, Group, Kind, Pair, Record, Role, Side, Single, Value
from tieout.core.read import BoundReading
from tieout.core.schema import RecordType

Key = tuple[Value, ...]


@dataclass(eq=False)
class Item:
    """A record on its way through the match. Two items are equal only if they are the same."""

    side: Side
    record: Record
    type_: RecordType

    @property
    def values(self) -> Mapping[str, Value]:
        return self.record.values

    @property
    def text(self) -> str:
        return dumps(plain_record(self.values, self.type_))

    @property
    def content(self) -> str:
        """What makes two records equal: a column that is absent is like one that is empty."""
        plain = plain_record(self.values, self.type_)
        return dumps({name: value for name, value in plain.items() if value is not None})

    @property
    def identity(self) -> str:
        return identity_text(self.record.identity, self.type_)

    def key(self, columns: Iterable[str]) -> Key | None:
        """The values of `columns`, or None where one of them is null."""
        return key_of(self.values, columns)


@dataclass
class SideRecords:
    """What is left of a side after section A, and its rows that could not be read."""

    free: list[Item]
    duplicates: list[list[Item]]
    conflicts: list[list[Item]]
    unreadable: Sequence[Mapping[str, Value]]


def key_of(values: Mapping[str, Value], columns: Iterable[str]) -> Key | None:
    names = list(columns)
    nulls = [name for name in names if values.get(name) is None]
    if any(name not in ("account", "venue", "wallet", "leg") for name in nulls):
        return None
    return tuple(values.get(name) for name in names)


def identity_text(identity: Mapping[str, Value], type_: RecordType) -> str:
    return dumps(plain_record(identity, type_))


# A. Identity


def identities(bound: BoundReading, rows: Sequence[Mapping[str, Value]]) -> list[dict[str, Value]]:
    """A.1: the identity of each row; a record without an id gets one from its content."""
    type_ = bound.reading.records
    seen: Counter[str] = Counter()
    found = []
    for values in rows:
        identity = {name: values.get(name) for name in bound.identity}
        ids = {"trades": ["trade_id"], "movements": ["movement_id"], "pnl": ["trade_id"]}
        ids["orders"] = ["order_id", "client_order_id"]
        id_ = next((name for name in ids.get(type_.name, []) if name in identity), None)
        if id_ is not None and identity[id_] is None:
            plain = bound.plain(values)
            identity[id_] = derived_id(plain, seen[dumps(plain)])
            seen[dumps(plain)] += 1
        found.append(identity)
    return found


def side_records(items: list[Item], unreadable: Sequence[Mapping[str, Value]]) -> SideRecords:
    """A.2 and A.3: what goes on, what is there twice, what contradicts itself."""
    side = SideRecords([], [], [], unreadable)
    by_identity: dict[str, list[Item]] = {}
    for item in without_superseded(items):
        by_identity.setdefault(item.identity, []).append(item)
    for same in by_identity.values():
        winners = newest(same)
        if not equal(winners):
            side.conflicts.append(winners)
            continue
        side.free.append(winners[0])
        if len(winners) > 1:
            side.duplicates.append(winners)
    return side


def without_superseded(items: list[Item]) -> list[Item]:
    removed: list[Item] = []
    for newer in items:
        target = newer.values.get("supersedes")
        if target is None and newer.values.get("exec_type") == "bust":
            target = newer.values.get("trade_id")
        if target is None:
            continue
        removed += [
            older
            for older in items
            if older is not newer
            and older.values.get("trade_id") == target
            and (
                newer.values.get("exec_type") == "bust" or older.values.get("supersedes") != target
            )
            and older.values.get("account") == newer.values.get("account")
            and older.values.get("venue") == newer.values.get("venue")
        ]
    return [
        item for item in items if item not in removed and item.values.get("exec_type") != "bust"
    ]


def newest(same: list[Item]) -> list[Item]:
    """Of records with one identity, those that count."""
    if equal(same):
        return same
    for column in ("version", "sequence"):
        numbers = [item.values.get(column) for item in same]
        if any(number != numbers[0] for number in numbers):
            highest = max(number for number in numbers if number is not None)
            return [
                item
                for item, number in zip(same, numbers, strict=True)
                if number is not None and number == highest
            ]
    return same


def newer_than_all(carried: Record, again: list[Record]) -> bool:
    """A carried record that its source's newer input has only in older versions."""
    for column in ("version", "sequence"):
        numbers = {record.values.get(column) for record in (carried, *again)}
        if len(numbers) > 1:
            own = carried.values.get(column)
            rest = [record.values.get(column) for record in again]
            return None not in numbers and all(own > other for other in rest)
    return False


def equal(items: list[Item]) -> bool:
    return all(item.content == items[0].content for item in items)


# B and C. Passes


def run_passes(plan: Plan, free: list[Item]) -> tuple[list[Candidate], list[Item]]:
    """The pairs and AMBIGUOUS groups of all passes, and the items that stay free."""
    found: list[Candidate] = []
    for number, step in enumerate(plan.steps):
        groups: dict[Key, list[Item]] = {}
        for item in free:
            if (key := item.key(step.on)) is not None:
                groups.setdefault(key, []).append(item)
        for group in groups.values():
            pairs, ambiguous = resolve(plan, group)
            found += [Pair(one.record, other.record, number) for one, other in pairs]
            if ambiguous:
                candidates = [(item, Role.CANDIDATE) for item in ambiguous]
                found.append(ordered_group(Kind.AMBIGUOUS, candidates))
            used = [item for pair in pairs for item in pair] + ambiguous
            free = [item for item in free if item not in used]
    return found, free


def resolve(plan: Plan, group: list[Item]) -> tuple[list[tuple[Item, Item]], list[Item]]:
    """B.1 to B.3 for the items that share a key."""
    internal, external = split(group)
    if not internal or not external:
        return [], []
    if len(internal) == 1 and len(external) == 1:
        return [(internal[0], external[0])], []
    pairs = alone(group, plan.common_identity) if plan.common_identity else []
    left = [item for item in group if not any(item in pair for pair in pairs)]
    more = alone(left, ("symbol", "side"))
    left = [item for item in left if not any(item in pair for pair in more)]
    internal, external = split(left)
    return pairs + more, left if internal and external else []


def alone(group: list[Item], columns: Sequence[str]) -> list[tuple[Item, Item]]:
    """Pairs of items, one on each side, that no third item agrees with in `columns`."""
    pairs = []
    for one in group:
        own = [one.values.get(name) for name in columns]
        agreeing = [item for item in group if [item.values.get(name) for name in columns] == own]
        internal, external = split(agreeing)
        if len(internal) == 1 and len(external) == 1 and one is internal[0]:
            pairs.append((internal[0], external[0]))
    return pairs


def split(items: Iterable[Item]) -> tuple[list[Item], list[Item]]:
    items = list(items)
    return (
        [item for item in items if item.side is Side.INTERNAL],
        [item for item in items if item.side is Side.EXTERNAL],
    )


# D and E. Blocked keys, and what is left


def block(
    plan: Plan, free: list[Item], internal: SideRecords, external: SideRecords
) -> tuple[list[Candidate], list[Item]]:
    """CONFLICT groups with those whom they block, blocked Singles, and the items left free."""
    conflicts = merged_conflicts(plan, internal.conflicts + external.conflicts)
    joined: list[list[Item]] = [[] for _ in conflicts]
    unreadable = {Side.INTERNAL: internal.unreadable, Side.EXTERNAL: external.unreadable}
    blocked: list[Candidate] = []
    for step in plan.steps:
        left = []
        for item in free:
            key = item.key(step.on)
            hit = next(
                (
                    number
                    for number, conflict in enumerate(conflicts)
                    if key is not None
                    and any(
                        other.side is not item.side and other.key(step.on) == key
                        for other in conflict
                    )
                ),
                None,
            )
            if hit is not None:
                joined[hit].append(item)
            elif key is not None and any(
                key_of(values, step.on) == key
                for values in unreadable[item.side.other]
                if all(name in values for name in step.on)
            ):
                blocked.append(Single(item.side, item.record, partner_quarantined=True))
            else:
                left.append(item)
        free = left
    groups = [
        ordered_group(
            Kind.CONFLICT,
            [(item, Role.CANDIDATE) for item in conflict + more],
        )
        for conflict, more in zip(conflicts, joined, strict=True)
    ]
    return [*groups, *blocked], free


def merged_conflicts(plan: Plan, conflicts: list[list[Item]]) -> list[list[Item]]:
    """Conflicts that block each other's key are one; sorted by anchor."""
    groups: list[list[Item]] = []
    for conflict in conflicts:
        touching = [group for group in groups if share_a_key(plan, group, conflict)]
        groups = [group for group in groups if group not in touching]
        groups.append([item for group in touching for item in group] + conflict)
    return sorted(groups, key=anchor)


def anchor(group: list[Item]) -> tuple[int, int, str, str]:
    return min(order(item, Role.CANDIDATE) for item in group)


def share_a_key(plan: Plan, group: list[Item], conflict: list[Item]) -> bool:
    return any(
        one.side is not other.side
        and (key := one.key(step.on)) is not None
        and key == other.key(step.on)
        for step in plan.steps
        for one in group
        for other in conflict
    )


def ordered_group(kind: Kind, parts: list[tuple[Item, Role]]) -> Group:
    parts = sorted(parts, key=lambda part: order(*part))
    return Group(kind, tuple((item.side, role, item.record) for item, role in parts))


def order(item: Item, role: Role) -> tuple[int, int, str, str]:
    """Equal rows without an id have ids of their own; these decide which comes first."""
    return list(Side).index(item.side), list(Role).index(role), item.text, item.identity


def duplicate_group(same: list[Item]) -> Group:
    first, *others = same
    parts = [(first, Role.PRIMARY), *((item, Role.DUPLICATE) for item in others)]
    return ordered_group(Kind.DUPLICATE, parts)


def match_records(plan: Plan, internal: SideRecords, external: SideRecords) -> list[Candidate]:
    """Everything: each record of the two sides is in exactly one pair, single or group, and the
    copies of one are in a DUPLICATE group with it."""
    found = [duplicate_group(same) for same in internal.duplicates + external.duplicates]
    paired, free = run_passes(plan, internal.free + external.free)
    blocked, free = block(plan, free, internal, external)
    singles = [Single(item.side, item.record) for item in free]
    return [*found, *paired, *blocked, *singles]
