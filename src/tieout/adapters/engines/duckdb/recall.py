"""Records that come again after their match: what the logs of earlier dates say of them.

1. A record is looked up by its side and identity; one without an id of its own is not: it may be
   another that looks the same. A record that replaces or busts another is looked up by the trade
   that it names as well. Records later than the cut take no part; those that are carried into the
   run do.
2. The newest word about a record counts: the newest log that has it, and in this a pair before one
   that ended.
3. Of a pair that one record comes again of, once, unchanged and named by none, nothing is new: the
   record is left out (*reconciled*), and the pair is kept on. Not where it acts on another one, nor
   where the pair may be judged in another way by now: where it matched by other rules, where there
   are checks, or where rows of either side are unreadable, of which one may be its partner.
4. Where both records come again, they are matched as usual; unless one is older, by version or
   sequence, than the log has it.
5. Otherwise both records of the pair are carried into the run, and what is said of carried records
   applies to them: one that is there again, and no older, stands in place of the logged one.
   A record of which an unreadable row has come is not: that row is the newest word.
6. A pair of 4 or 5 is *ended*: from this date on, the log of this date speaks of its records, or
   the open ones do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import duckdb
import pyarrow as pa

from tieout.adapters.engines.duckdb.columns import name
from tieout.adapters.engines.duckdb.join import LABELS, readable_sql
from tieout.adapters.engines.duckdb.logged import VIEW, Logged
from tieout.adapters.engines.duckdb.rows import cells
from tieout.adapters.engines.duckdb.sides import SideState
from tieout.adapters.engines.duckdb.staging import ARROW_TYPES, Staged, resolve_doubts
from tieout.core.canonical import derived_id, plain_record
from tieout.core.lifecycle import OpenItem
from tieout.core.match.identity import outlives
from tieout.core.match.plan import Plan
from tieout.core.model import Record, Side, Value

MET: Final = "met"
"""Pairs of `logged` that something came for: `ours` and `theirs` count the records of each side
that came again, `our_mark` and `their_mark` are one of these, and `named` if a record names one."""
AGAIN: Final = "again"
"""Those of them whose record is left out, with its side and its `mark`."""

_SIDES: Final = tuple(Side)


@dataclass(frozen=True, slots=True)
class Recalled:
    """What comes of the logs, by side.

    Attributes:
        items: records that are carried into the run.
        reconciled: how many records were left out.
    """

    items: tuple[list[OpenItem], list[OpenItem]] = ((), ())  # type: ignore[assignment]
    reconciled: tuple[int, int] = (0, 0)


def recall(
    con: duckdb.DuckDBPyConnection,
    plan: Plan,
    sides: Sequence[SideState],
    logged: Logged,
    cut: int | None,
    *,
    checked: bool,
) -> Recalled:
    """Look up every record in the logs, and take those that are reconciled out of their side.

    Args:
        checked: pairs are checked, so that none is reconciled for good.
    """
    for label, side in zip(LABELS, sides, strict=True):
        resolve_doubts(side.staged)
        _create_incoming(con, plan, label, side, cut)
    _create_met(con, plan, sides, logged)
    if not con.execute(f"SELECT 1 FROM {MET} LIMIT 1").fetchall():
        con.execute(f"CREATE TEMP TABLE {AGAIN} (place INT, number BIGINT, side INT, mark BIGINT)")
        return Recalled()
    unread = [_unreadable(side) for side in sides]
    _create_again(con, sides, logged, left_out=not checked and not any(unread))
    left_out = []
    for index, label in enumerate(LABELS):
        found = f"FROM {AGAIN} WHERE side = {index}"
        con.execute(f"INSERT INTO {label}_out SELECT mark {found}")
        left_out.append(_count(con, found))
    table = con.sql(_recalled_sql(sides)).to_arrow_table()
    own = [
        _carried_in(table, index, plan, side, logged, unread[index])
        for index, side in enumerate(sides)
    ]
    return Recalled((own[0], own[1]), (left_out[0], left_out[1]))


def _count(con: duckdb.DuckDBPyConnection, found: str) -> int:
    return con.execute(f"SELECT count(*) {found}").fetchall()[0][0]  # type: ignore[no-any-return]


# What comes


def _create_incoming(
    con: duckdb.DuckDBPyConnection, plan: Plan, label: str, side: SideState, cut: int | None
) -> None:
    """`<label>_incoming`: the records of a side by their `__mark`, the row; of carried ones it is
    negative."""
    staged, clock = side.staged, plan.records.clock
    columns = ", ".join(map(name, staged.columns))
    in_time = "true"
    if cut is not None and clock in staged.columns:
        in_time = f"{name(clock or '')} IS NULL OR {name(clock or '')} <= {cut}"
    carried = [item.record.values for item in side.task.carried if not item.unreadable]
    arrays: dict[str, Any] = {"__mark": pa.array(range(-len(carried), 0), pa.int64())}
    for each in staged.columns:
        type_ = ARROW_TYPES[plan.records.columns[each].type]
        arrays[each] = pa.array([values.get(each) for values in carried], type_)
    con.register("batch", pa.table(arrays))
    con.execute(
        f"CREATE TEMP TABLE {label}_open AS SELECT __mark, {columns} FROM batch WHERE {in_time}"
    )
    con.unregister("batch")
    con.execute(
        f"CREATE TEMP VIEW {label}_incoming AS SELECT row AS __mark, {columns}"
        f" FROM ({readable_sql(staged)}) WHERE {in_time}"
        f" UNION ALL SELECT __mark, {columns} FROM {label}_open"
    )


# What is met


def _create_met(
    con: duckdb.DuckDBPyConnection, plan: Plan, sides: Sequence[SideState], logged: Logged
) -> None:
    for index, (label, side) in enumerate(zip(LABELS, sides, strict=True)):
        columns = logged.columns[index]
        found = _identity_sql(plan, label, side.staged, columns)
        con.execute(
            f"CREATE TEMP TABLE {label}_met AS SELECT mark, place, number FROM"
            f" (SELECT * FROM ({found})"
            " QUALIFY dense_rank() OVER (PARTITION BY mark ORDER BY place, ended) = 1)"
            " WHERE NOT ended"
        )
        named = _named_sql(label, side.staged, columns)
        con.execute(
            f"CREATE TEMP TABLE {label}_named AS SELECT place, number FROM ({named})"
            f" ANTI JOIN {label}_met USING (mark, place, number)"
        )
    kinds = []
    for index, label in enumerate(LABELS):
        kinds.append(
            f"SELECT place, number, mark, {index} AS side, false AS named FROM {label}_met"
        )
        kinds.append(f"SELECT place, number, NULL, {index}, true FROM {label}_named")
    con.execute(
        f"CREATE TEMP TABLE {MET} AS SELECT place, number, count(mark) FILTER (side = 0) AS ours,"
        " count(mark) FILTER (side = 1) AS theirs, max(mark) FILTER (side = 0) AS our_mark,"
        " max(mark) FILTER (side = 1) AS their_mark, bool_or(named) AS named"
        f" FROM ({' UNION ALL '.join(kinds)}) GROUP BY ALL"
    )


def _same(columns: Iterable[str], present: Iterable[str], label: str) -> str:
    """Whether a record `s` and one of `logged`, `l`, are equal; absent is like empty."""
    there = set(present)
    tests = [
        f"l.{name(f'{label}_{each}')}"
        + (f" IS NOT DISTINCT FROM s.{name(each)}" if each in there else " IS NULL")
        for each in columns
    ]
    return " AND ".join(tests) or "true"


def _identity_sql(plan: Plan, label: str, staged: Staged, columns: Sequence[str]) -> str:
    """The records with the rows of `logged` that have their identity, invariant 1."""
    identity, present = staged.bound.identity, staged.columns
    id_column = plan.records.id_of(identity)
    found = (
        "SELECT s.__mark AS mark, l.place, l.number, l.ended"
        f" FROM {label}_incoming AS s JOIN {VIEW} AS l"
    )
    if id_column is not None and id_column not in present:
        return f"{found} ON false"
    id_ = "" if id_column is None else f" AND s.{name(id_column)} IS NOT NULL"
    own = [each for each in identity if each in columns]
    return f"{found} ON {_same(own, present, label)}{id_}"


def _named_sql(label: str, staged: Staged, columns: Sequence[str]) -> str:
    """The records with the rows of `logged` that they replace or bust."""
    present = set(staged.columns)
    targets = ["s.supersedes"] if "supersedes" in present else []
    if {"exec_type", "trade_id"} <= present:
        targets.append("CASE WHEN s.exec_type = 'bust' THEN s.trade_id END")
    nothing = "SELECT 0::BIGINT AS mark, 0 AS place, 0::BIGINT AS number WHERE false"
    if not targets or "trade_id" not in columns:
        return nothing
    owner = _same([each for each in ("account", "venue") if each in columns], present, label)
    identity = ", ".join(
        name(f"{label}_{each}") for each in staged.bound.identity if each in columns
    )
    return (
        f"SELECT mark, place, number FROM (SELECT s.__mark AS mark, l.* FROM {label}_incoming AS s"
        f" JOIN {VIEW} AS l ON l.{label}_trade_id = coalesce({', '.join(targets)}) AND {owner}"
        f" QUALIFY dense_rank() OVER (PARTITION BY mark, {identity} ORDER BY place, ended) = 1)"
        " WHERE NOT ended"
    )


# What comes of it


def _create_again(
    con: duckdb.DuckDBPyConnection, sides: Sequence[SideState], logged: Logged, *, left_out: bool
) -> None:
    """Invariant 3. A record that stands for several pairs, or a pair of several, is carried."""
    con.execute(f"CREATE TEMP TABLE {AGAIN} (place INT, number BIGINT, side INT, mark BIGINT)")
    holding = [str(place) for place, log in enumerate(logged.logs) if log.same_rules]
    if not left_out or not holding:
        return
    counts = (("ours", "theirs", "our_mark"), ("theirs", "ours", "their_mark"))
    for index, (label, side) in enumerate(zip(LABELS, sides, strict=True)):
        own, other, mark = counts[index]
        same = _same(logged.columns[index], side.staged.columns, label)
        con.execute(
            f"INSERT INTO {AGAIN} SELECT m.place, m.number, {index}, m.mark FROM"
            f" (SELECT *, {mark} AS mark, count(*) OVER (PARTITION BY {mark}) AS pairs FROM {MET}"
            f" WHERE {own} > 0) AS m JOIN {VIEW} AS l ON l.place = m.place AND l.number = m.number"
            f" JOIN {label}_incoming AS s ON s.__mark = m.mark WHERE m.{own} = 1"
            f" AND m.{other} = 0 AND NOT m.named AND m.pairs = 1 AND m.mark > 0 AND {same}"
            f" AND m.place IN ({', '.join(holding)})"
            f" AND {_acts_not(side.staged)}"
        )


def _acts_not(staged: Staged) -> str:
    """Whether a record `s` neither replaces nor busts another: else that one would stand again."""
    tests = ["s.supersedes IS NULL"] if "supersedes" in staged.columns else []
    if "exec_type" in staged.columns:
        tests.append("s.exec_type IS DISTINCT FROM 'bust'")
    return " AND ".join(tests) or "true"


def _recalled_sql(sides: Sequence[SideState]) -> str:
    """Invariants 4 and 5."""
    tests = ["m.ours = 0", "m.theirs = 0", "m.named"]
    for label, side in zip(LABELS, sides, strict=True):
        newer = [
            f"o.{label}_{each} > s.{each}"
            for each in ("version", "sequence")
            if each in side.staged.columns
        ]
        if newer:
            tests.append(
                f"(m.place, m.number) IN (SELECT (o.place, o.number) FROM {label}_met AS x"
                f" JOIN {VIEW} AS o ON o.place = x.place AND o.number = x.number"
                f" JOIN {label}_incoming AS s ON s.__mark = x.mark WHERE {' OR '.join(newer)})"
            )
    return (
        f"SELECT l.* FROM (SELECT * FROM {MET} ANTI JOIN {AGAIN} USING (place, number)) AS m"
        f" JOIN {VIEW} AS l USING (place, number) WHERE {' OR '.join(tests)}"
        " ORDER BY l.place, l.number"
    )


def _unreadable(side: SideState) -> list[Mapping[str, Value]]:
    """What is readable of a side's unreadable rows, of carried ones too."""
    carried = [item.record.values for item in side.task.carried if item.unreadable]
    return [*carried, *(each.values for each in side.staged.quarantined if each.values)]


def _carried_in(
    table: Any,
    index: int,
    plan: Plan,
    side: SideState,
    logged: Logged,
    unread: Sequence[Mapping[str, Value]],
) -> list[OpenItem]:
    """The records of a side, but for those that are carried already and are no older, and those of
    which an unreadable row has come.
    """
    identity = side.staged.bound.identity
    gone = {frozenset((each, row.get(each)) for each in identity) for row in unread}
    open_: defaultdict[frozenset[tuple[str, Value]], list[Record]] = defaultdict(list)
    for item in side.task.carried:
        if not item.unreadable:
            open_[_id(item.record)].append(item.record)
    items = []
    for record in logged_records(table, index, plan, side.staged.bound.identity, logged):
        known = open_[_id(record)]
        if _id(record) in gone:
            continue
        if known and not outlives(record, known):
            continue
        known.append(record)
        assert record.carried_from is not None
        items.append(OpenItem(_SIDES[index], record, record.carried_from))
    return items


def _id(record: Record) -> frozenset[tuple[str, Value]]:
    return frozenset(record.identity.items())


def logged_records(
    table: Any, index: int, plan: Plan, identity: Sequence[str], logged: Logged
) -> list[Record]:
    """Rows of `logged` as the records of a side, with the columns that they had."""
    label = LABELS[index]
    columns = logged.columns[index]
    names = (
        "place",
        f"since_{label}",
        f"derived_{label}",
        *(f"{label}_{each}" for each in columns),
    )
    lists = [
        [value for chunk in table.column(each).chunks for value in cells(chunk)] for each in names
    ]
    id_column = plan.records.id_of(identity)
    found = []
    for place, since, derived, *row in zip(*lists, strict=True):
        there = set(logged.of[place][index])
        values = {each: value for each, value in zip(columns, row, strict=True) if each in there}
        own = {each: values.get(each) for each in identity}
        if id_column is not None and own[id_column] is None:
            own[id_column] = derived or derived_id(plain_record(values, plan.records), 0)
        found.append(Record(values, own, carried_from=_day(since)))
    return found


def _day(since: Any) -> date:
    assert isinstance(since, date)
    return since
