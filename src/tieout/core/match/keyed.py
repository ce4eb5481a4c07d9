"""Stages A to E of keyed matching, on records in memory.

Live snapshots use this as it is. A batch engine first takes out, where the data is, the pairs
whose keys are unique on both sides, and hands the rest in here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tieout.core.canonical import dumps, plain_record
from tieout.core.match.identity import GroupRecords, settle_identities
from tieout.core.match.plan import Key, Plan, Step
from tieout.core.model import Candidate, Group, Kind, Pair, Record, Role, Side, Single, Value


@dataclass(slots=True)
class _Pool:
    """The records of both sides that are still free, and what became of the others."""

    internal: list[Record]
    external: list[Record]
    pairs: list[Pair] = field(default_factory=list)
    ambiguous: list[Group] = field(default_factory=list)


def match_records(
    plan: Plan,
    internal: Sequence[Record],
    external: Sequence[Record],
    blocked: Mapping[Side, Sequence[Mapping[str, Value]]],
) -> Iterator[Candidate]:
    """Match two sides by the plan's passes.

    Args:
        internal, external: identified records (`identity.identify`).
        blocked: per side, what was readable of its quarantined rows.

    Yields:
        Every record in exactly one candidate, except superseded ones and the first of
        duplicates, which is in its DUPLICATE group and goes on as well.
    """
    left = settle_identities(Side.INTERNAL, internal)
    right = settle_identities(Side.EXTERNAL, external)
    for copies in (*left.duplicates, *right.duplicates):
        yield Group(Kind.DUPLICATE, _ordered(copies, plan))
    pool = _Pool(left.free, right.free)
    for index, step in enumerate(plan.steps):
        _run_pass(pool, index, step, plan)
    yield from pool.pairs
    yield from pool.ambiguous
    conflicts = _Conflicts(plan, left.conflicts, right.conflicts)
    free = {
        Side.INTERNAL: conflicts.take(Side.INTERNAL, pool.internal),
        Side.EXTERNAL: conflicts.take(Side.EXTERNAL, pool.external),
    }
    yield from conflicts.groups()
    for side, records in free.items():
        unreadable = _blocked_keys(plan, blocked.get(side.other, ()))
        for record in records:
            hidden = any(
                (key := step.key(record.values)) is not None and key in keys
                for step, keys in unreadable
            )
            yield Single(side, record, partner_quarantined=hidden)


def _by_key(records: Iterable[Record], step: Step) -> dict[Key | None, list[Record]]:
    groups: defaultdict[Key | None, list[Record]] = defaultdict(list)
    for record in records:
        groups[step.key(record.values)].append(record)
    return groups


def _run_pass(pool: _Pool, index: int, step: Step, plan: Plan) -> None:
    if not pool.internal or not pool.external:
        return
    left, right = _by_key(pool.internal, step), _by_key(pool.external, step)
    used: set[int] = set()
    for key, ours in left.items():
        theirs = right.get(key)
        if key is None or theirs is None:
            continue
        pairs, rest_ours, rest_theirs = _pair_group(ours, theirs, plan)
        for one, other in pairs:
            pool.pairs.append(Pair(one, other, index))
            used.update((id(one), id(other)))
        if rest_ours and rest_theirs:
            candidates = [(Side.INTERNAL, Role.CANDIDATE, each) for each in rest_ours]
            candidates += [(Side.EXTERNAL, Role.CANDIDATE, each) for each in rest_theirs]
            pool.ambiguous.append(Group(Kind.AMBIGUOUS, _ordered(candidates, plan)))
            used.update(id(record) for record in (*rest_ours, *rest_theirs))
    pool.internal = [record for record in pool.internal if id(record) not in used]
    pool.external = [record for record in pool.external if id(record) not in used]


Pairs = list[tuple[Record, Record]]


def _pair_group(
    ours: list[Record], theirs: list[Record], plan: Plan
) -> tuple[Pairs, list[Record], list[Record]]:
    """Pair the records under one key: alone, else by identity, else by symbol and side."""
    if len(ours) == 1 and len(theirs) == 1:
        return [(ours[0], theirs[0])], [], []
    pairs: Pairs = []
    for columns in (plan.common_identity, ("symbol", "side")):
        alone, ours, theirs = _alone(ours, theirs, columns)
        pairs += alone
    return pairs, ours, theirs


def _alone(
    ours: list[Record], theirs: list[Record], columns: Sequence[str]
) -> tuple[Pairs, list[Record], list[Record]]:
    """The pairs that are alone on each side with their values in `columns`, and the rest."""
    left, right = _by_values(ours, columns), _by_values(theirs, columns)
    pairs = [
        (same[0], right[values][0])
        for values, same in left.items()
        if len(same) == 1 and len(right.get(values, ())) == 1
    ]
    used = {id(record) for pair in pairs for record in pair}
    return (
        pairs,
        [record for record in ours if id(record) not in used],
        [record for record in theirs if id(record) not in used],
    )


def _by_values(records: Iterable[Record], columns: Sequence[str]) -> dict[Key, list[Record]]:
    groups: defaultdict[Key, list[Record]] = defaultdict(list)
    for record in records:
        groups[tuple(record.values.get(name) for name in columns)].append(record)
    return groups


class _Conflicts:
    """CONFLICT groups, and the records of the other side that belong to them."""

    def __init__(
        self, plan: Plan, internal: Sequence[GroupRecords], external: Sequence[GroupRecords]
    ) -> None:
        self._plan = plan
        ordered = [_ordered(group, plan) for group in (*internal, *external)]
        ordered.sort(key=lambda group: _anchor(group, plan))
        self._members: list[list[tuple[Side, Role, Record]]] = [list(group) for group in ordered]
        self._join_opposite()

    def _join_opposite(self) -> None:
        """Conflicts on opposite sides with an equal key are about the same record, and so are all
        that one of them meets."""
        home = list(range(len(self._members)))
        for step in self._plan.steps:
            ours, theirs = self._holders(step, Side.INTERNAL), self._holders(step, Side.EXTERNAL)
            for key in ours.keys() & theirs.keys():
                first, *others = sorted({_root(home, each) for each in (*ours[key], *theirs[key])})
                for other in others:
                    home[other] = first
        for index, members in enumerate(self._members):
            if (first := _root(home, index)) != index:
                self._members[first] += members
                self._members[index] = []

    def _holders(self, step: Step, side: Side) -> dict[Key, list[int]]:
        """The conflicts that have a record of the side under a key."""
        holders: defaultdict[Key, list[int]] = defaultdict(list)
        for index, members in enumerate(self._members):
            for where, _, record in members:
                if where is side and (key := step.key(record.values)) is not None:
                    holders[key].append(index)
        return holders

    def _keys(self, step: Step, side: Side) -> dict[Key, int]:
        keys: dict[Key, int] = {}
        for index, members in enumerate(self._members):
            for where, _, record in members:
                if where is side and (key := step.key(record.values)) is not None:
                    keys.setdefault(key, index)
        return keys

    def take(self, side: Side, free: list[Record]) -> list[Record]:
        """Put the partners of the other side's conflicts into their groups; return the rest."""
        if not any(self._members):
            return free
        for step in self._plan.steps:
            keys = self._keys(step, side.other)
            rest = []
            for record in free:
                found = keys.get(step.key(record.values) or ())
                if found is None:
                    rest.append(record)
                else:
                    self._members[found].append((side, Role.CANDIDATE, record))
            free = rest
        return free

    def groups(self) -> Iterator[Group]:
        for members in self._members:
            if members:
                yield Group(Kind.CONFLICT, _ordered(members, self._plan))


def _root(home: Sequence[int], index: int) -> int:
    while home[index] != index:
        index = home[index]
    return index


def _blocked_keys(
    plan: Plan, quarantined: Sequence[Mapping[str, Value]]
) -> list[tuple[Step, frozenset[Key]]]:
    """The keys of each pass that an unreadable row has, as far as all of it could be read."""
    return [
        (
            step,
            frozenset(
                key
                for values in quarantined
                if values.keys() >= set(step.on) and (key := step.key(values)) is not None
            ),
        )
        for step in plan.steps
    ]


def _ordered(records: Iterable[tuple[Side, Role, Record]], plan: Plan) -> GroupRecords:
    """Records by side, role, content and identity, so that equal groups are equal."""
    parts = list(records)
    places = {(side, role) for side, role, _ in parts}
    if len(places) == len(parts):  # as a record and its copy: their contents decide nothing
        return tuple(sorted(parts, key=_place))
    return tuple(
        sorted(
            parts,
            key=lambda part: (
                _place(part),
                dumps(plain_record(part[2].values, plan.records)),
                dumps([str(value) for _, value in sorted(part[2].identity.items())]),
            ),
        )
    )


_ROLES: Final = list(Role)


def _place(part: tuple[Side, Role, Record]) -> tuple[bool, int]:
    return part[0] is Side.EXTERNAL, _ROLES.index(part[1])


def _anchor(group: GroupRecords, plan: Plan) -> tuple[bool, str]:
    side, _, _ = group[0]
    return (side is Side.EXTERNAL, dumps(plain_record(group[0][2].identity, plan.records)))
