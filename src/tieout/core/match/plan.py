"""What a match will do, worked out once from the rules and the columns that the sides have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from tieout.core.model import Value
from tieout.core.read import BoundReading
from tieout.core.rules import Measure, Rules
from tieout.core.schema import ID_COLUMNS, ColumnType, RecordType
from tieout.errors import SourceError

OWNERS: Final = frozenset({"account", "venue", "wallet", "leg"})
"""Columns that say whose a record is: absent on both sides, it is the same one's."""

Key: TypeAlias = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One pass with its whole key. `relaxed`: a wrong side or symbol pairs too."""

    on: tuple[str, ...]
    relaxed: bool = False

    def key(self, values: Mapping[str, Value]) -> Key | None:
        """A record's key; None where it has none, so that it takes no part in the pass."""
        key = tuple(map(values.get, self.on))
        if None in key and any(
            value is None and name not in OWNERS for name, value in zip(self.on, key, strict=True)
        ):
            return None
        return key


@dataclass(frozen=True, slots=True)
class Plan:
    """The passes to run and the columns to compare, for two sources.

    Attributes:
        records: the contract, with the extras of both sides.
        steps: strictest first, relaxed ones last.
        compared: columns that a pair is compared on, in contract order.
        common_identity: identity columns present on both sides.
    """

    records: RecordType
    steps: tuple[Step, ...]
    compared: tuple[str, ...]
    common_identity: tuple[str, ...]


def plan(rules: Rules, internal: BoundReading, external: BoundReading) -> Plan:
    """The plan for two sources.

    Raises:
        SourceError: a side has no identity, no pass is possible, or a pass or tolerance names a
            column that a side lacks.
    """
    for side in (internal, external):
        _check_identity(side)
    records = _merged(internal.reading.records, external.reading.records)
    both = [name for name in records.columns if _on_both(name, internal, external)]
    common = tuple(name for name in internal.identity if name in external.identity and name in both)
    steps = _steps(rules, internal, external, common)
    compared = tuple(
        name
        for name in both
        if name not in rules.ignore and (records.columns[name].compared or name in rules.compare)
    )
    for name in rules.compare:
        if name in rules.assumed and name not in both:
            continue
        _require(name, "compare", internal, external)
        _check_measure(rules, name, records)
    return Plan(records, steps, compared, common)


def _merged(internal: RecordType, external: RecordType) -> RecordType:
    extras = {
        name: column.type
        for name, column in {**internal.columns, **external.columns}.items()
        if name not in internal.columns
    }
    return internal.with_extra(extras) if extras else internal


def _on_both(name: str, internal: BoundReading, external: BoundReading) -> bool:
    return name in internal.present and name in external.present


def _steps(
    rules: Rules, internal: BoundReading, external: BoundReading, common: tuple[str, ...]
) -> tuple[Step, ...]:
    owner = tuple(name for name in ("account", "venue") if _on_both(name, internal, external))
    keys: list[tuple[str, ...]] = []
    for each in rules.passes:
        for name in each.on:
            _require(name, "match", internal, external)
        keys.append(owner + tuple(name for name in each.on if name not in owner))
    if not keys:
        if not set(common) - set(owner):
            raise SourceError(
                "the sides have no identity column in common, so nothing can be matched",
                where=f"{rules.name}: {internal.reading.source}, {external.reading.source}",
                hint="say by which columns: `match: [{on: [...]}]`",
            )
        keys.append(common)
    relaxed = [
        tuple(name for name in key if name not in dropped)
        for key in keys
        for dropped in (("side",), ("symbol",), ("side", "symbol"))
        if any(name in key for name in dropped)
        and not (rules.ids_per_symbol and "symbol" in dropped)
    ]
    steps = [Step(key) for key in dict.fromkeys(keys)]
    tried = {frozenset(key) for key in keys}
    for key in relaxed:
        if ID_COLUMNS & set(key) and frozenset(key) not in tried:
            tried.add(frozenset(key))
            steps.append(Step(key, relaxed=True))
    return tuple(steps)


def _check_identity(side: BoundReading) -> None:
    """A source must be able to say when two of its records are the same one."""
    records, source = side.reading.records, side.reading.source
    if not side.identity:
        ids = " or ".join(repr(each[-1]) for each in records.identities)
        raise SourceError(
            f"the source {source!r} has no column that identifies its {records.name}: no {ids};"
            f" it has: {', '.join(side.present)}",
            where=source,
            hint="map one under `columns:`, or state `identity: [...]` for the source",
        )
    derived = records.id_column
    for name in side.identity:
        if name not in side.present and name != derived:
            raise SourceError(
                f"identity names {name!r}, which the source {source!r} does not have;"
                f" it has: {', '.join(side.present)}",
                where=f"{source}: identity",
                hint=f"map it: `columns: {{{name}: <the source's name>}}`",
            )


def _require(name: str, where: str, internal: BoundReading, external: BoundReading) -> None:
    for side in (internal, external):
        if name not in side.present:
            raise SourceError(
                f"{where} names {name!r}, which the source {side.reading.source!r} does not have;"
                f" it has: {', '.join(side.present)}",
                where=f"{side.reading.source}: {where}",
                hint=f"map it: `columns: {{{name}: <the source's name>}}`",
            )


def _check_measure(rules: Rules, name: str, records: RecordType) -> None:
    measure = rules.compare[name].measure
    type_ = records.columns[name].type
    fits = {
        Measure.EXACT: True,
        Measure.WINDOW: type_ is ColumnType.TIME,
    }.get(measure, type_ is ColumnType.DECIMAL)
    if not fits:
        raise SourceError(
            f"a tolerance of measure {measure.value!r} does not fit {name!r}, a {type_.value}",
            where=f"{rules.name}: compare.{name}",
            hint="numbers take absolute, relative or ticks; times a window; all others `exact`",
        )
