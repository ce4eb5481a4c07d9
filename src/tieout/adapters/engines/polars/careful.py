"""What must not be joined: records that share an identity, replace others, or are carried.

All records under a *careful* key, of both sides, are taken out of the join and matched in memory
by `core.match.keyed`, together with what the join left one-sided.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import polars as pl

from tieout.adapters.engines.polars.columns import TYPES
from tieout.adapters.engines.polars.sides import SideState
from tieout.adapters.engines.polars.staging import records_of
from tieout.core.canonical import derived_id, plain_record
from tieout.core.lifecycle import OpenItem
from tieout.core.match.identity import outlives, replaces
from tieout.core.match.plan import Plan, Step
from tieout.core.model import Record, Value

_ITEM: Final = "__item"


def keys_of(plan: Plan, rows: Iterable[Record]) -> pl.DataFrame:
    """The keys that records have in the first pass."""
    step = plan.steps[0]
    keys = {key for row in rows if (key := step.key(row.values)) is not None}
    contract = plan.records.columns
    return pl.DataFrame(
        [
            pl.Series(name, [key[index] for key in keys], dtype=TYPES[contract[name].type])
            for index, name in enumerate(step.on)
        ]
    )


def repeated_keys(step: Step, frame: pl.DataFrame) -> pl.DataFrame:
    """The keys that several rows of a frame have."""
    keys = frame.select(step.on)
    return keys.filter(keys.is_duplicated()).unique()


def special_keys(plan: Plan, side: SideState) -> Iterator[pl.DataFrame]:
    """The keys of records that share an identity, that replace others, and of those others.

    Carried records, which are loose already, may replace others as well.
    """
    step, frame, present = plan.steps[0], side.frame, side.staged.columns
    if not set(step.on) <= set(side.staged.bound.identity):
        yield from _shared_identities(step, side)
    named = {replaces(record) for record in side.loose} - {None}
    acting = [pl.col("supersedes").is_not_null()] if "supersedes" in present else []
    acting += [pl.col("exec_type") == "bust"] if "exec_type" in present else []
    rows = frame.filter(pl.any_horizontal(acting)) if acting else frame.clear()
    if rows.height:
        yield rows.select(step.on)
        named |= {replaces(record) for record in records_of(rows, present)} - {None}
    if named and "trade_id" in present:
        yield frame.filter(pl.col("trade_id").is_in(list(named))).select(step.on)


def _shared_identities(step: Step, side: SideState) -> Iterator[pl.DataFrame]:
    identity, frame = side.staged.bound.identity, side.frame
    id_column = side.staged.bound.reading.records.id_of(identity)
    if id_column is not None and id_column not in side.staged.columns:
        return  # every id is derived, and no two are the same
    if id_column is not None:
        frame = frame.filter(pl.col(id_column).is_not_null())
    yield frame.filter(frame.select(identity).is_duplicated()).select(step.on)


def still_carried(
    side: SideState, carried: Sequence[OpenItem]
) -> tuple[list[OpenItem], list[Record]]:
    """The carried items whose identity no row of the side has, or only older versions of it.

    Returns:
        these items, and the older rows.
    """
    again = _identities_again(side, carried)
    newer = {
        index
        for index, rows in again.items()
        if not carried[index].unreadable and outlives(carried[index].record, rows)
    }
    gone = (again.keys() - newer) | _contents_again(side, carried)
    left = [item for index, item in enumerate(carried) if index not in gone]
    return left, [row for index in newer for row in again[index]]


def _identities_again(side: SideState, carried: Sequence[OpenItem]) -> dict[int, list[Record]]:
    """By carried item, the rows that have its identity."""
    identity, present = side.staged.bound.identity, side.staged.columns
    if not identity or not set(identity) <= set(present):
        return {}
    items = dict(enumerate(item.record.identity for item in carried))
    rows = _rows_with(side, items, identity)
    again: dict[int, list[Record]] = {}
    for item, record in zip(rows.get_column(_ITEM), records_of(rows, present), strict=True):
        again.setdefault(item, []).append(record)
    return again


def _contents_again(side: SideState, carried: Sequence[OpenItem]) -> set[int]:
    """Items whose id was derived from content that the side has again."""
    records, columns = side.staged.bound.reading.records, side.staged.columns
    id_column = records.id_of(side.staged.bound.identity)
    if id_column is None:
        return set()
    derived = {
        index: item.record.values
        for index, item in enumerate(carried)
        if item.record.values.get(id_column) is None
        and item.record.identity.get(id_column) is not None
    }
    again = set()
    for index, count in _rows_with(side, derived, columns).group_by(_ITEM).len().iter_rows():
        own = {name: derived[index].get(name) for name in columns}
        ids = {derived_id(plain_record(own, records), n) for n in range(count)}
        if carried[index].record.identity[id_column] in ids:
            again.add(index)
    return again


def _rows_with(
    side: SideState, items: Mapping[int, Mapping[str, Value]], columns: Sequence[str]
) -> pl.DataFrame:
    """The rows that have an item's values in `columns`, each with the item's number."""
    contract = side.staged.bound.reading.records.columns
    values = [
        pl.Series(
            name, [each.get(name) for each in items.values()], dtype=TYPES[contract[name].type]
        )
        for name in columns
    ]
    table = pl.DataFrame([pl.Series(_ITEM, list(items), dtype=pl.Int64), *values])
    return table.join(side.frame, on=list(columns), nulls_equal=True)
