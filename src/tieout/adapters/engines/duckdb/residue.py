"""What the fast path must not join: repeated keys, superseded and carried records.

All records under a *careful* key, of both sides, are taken out of the join and matched in memory
by `core.match.keyed`, together with what the join left one-sided.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import duckdb
import pyarrow as pa

from tieout.adapters.engines.duckdb.columns import name
from tieout.adapters.engines.duckdb.join import same_key, side_sql
from tieout.adapters.engines.duckdb.rows import cells
from tieout.adapters.engines.duckdb.staging import ARROW_TYPES, Staged
from tieout.core.canonical import derived_id, plain_record
from tieout.core.lifecycle import OpenItem
from tieout.core.match.identity import outlives, replaces
from tieout.core.match.plan import OWNERS, Plan, Step
from tieout.core.model import Record

CAREFUL = "careful"

CROWD_SAMPLE: Final = 20_000
"""Records of a side of which the keys are counted before a join."""

CROWD: Final = 1_000_000
"""Pairs that a join may have beyond CROWD_PAIRS for each record: they take a few hundred MB."""

CROWD_PAIRS: Final = 4


def create_careful(con: duckdb.DuckDBPyConnection, step: Step, staged: Staged) -> None:
    """An empty table of careful keys."""
    columns = ", ".join(name(each) for each in step.on)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {CAREFUL} AS"
        f" SELECT {columns} FROM {staged.label}_extra LIMIT 0"
    )


def add_keys(con: duckdb.DuckDBPyConnection, step: Step, plan: Plan, rows: Iterable[Record]) -> int:
    """Make the keys of `rows` careful ones. Returns how many were given."""
    keys = {key for row in rows if (key := step.key(row.values)) is not None}
    if not keys:
        return 0
    arrays = {
        each: pa.array([key[index] for key in keys], ARROW_TYPES[plan.records.columns[each].type])
        for index, each in enumerate(step.on)
    }
    con.register("batch", pa.table(arrays))
    con.execute(f"INSERT INTO {CAREFUL} SELECT * FROM batch")
    con.unregister("batch")
    return len(keys)


def add_repeated(con: duckdb.DuckDBPyConnection, step: Step, side: str) -> None:
    """Make the keys that several rows of a side, given as SQL, have careful ones."""
    columns = ", ".join(name(each) for each in step.on)
    present = " AND ".join(f"{name(each)} IS NOT NULL" for each in step.on if each not in OWNERS)
    con.execute(
        f"INSERT INTO {CAREFUL} SELECT {columns} FROM ({side})"
        f" WHERE {present or 'true'} GROUP BY {columns} HAVING count(*) > 1"
    )


def is_crowded(
    con: duckdb.DuckDBPyConnection, step: Step, internal: Staged, external: Staged, *, above: int
) -> bool:
    """Whether the join by a pass would have many more pairs than there are records.

    A thousand records of each side under one key are a million pairs. A guess: the first records
    of each side stand for all. Wrong, it costs memory and time, and nothing else.

    Args:
        above: pairs beyond CROWD_PAIRS for each record.
    """
    columns = ", ".join(name(each) for each in step.on)
    parts, weight = [], 1
    for staged in (internal, external):
        first = f"SELECT {columns} FROM {staged.relation} LIMIT {CROWD_SAMPLE}"
        parts.append(
            f"(SELECT {columns}, count(*) AS number FROM ({first})"
            f" GROUP BY {columns} HAVING count(*) > 1)"
        )
        weight *= max(1, staged.rows // CROWD_SAMPLE)
    found = con.execute(
        f"SELECT coalesce(sum(s.number * k.number), 0) FROM {parts[0]} AS s"
        f" JOIN {parts[1]} AS k ON {same_key(step, 's', 'k')}"
    ).fetchall()
    pairs: int = found[0][0] * weight
    return pairs > above + CROWD_PAIRS * (internal.rows + external.rows)


def add_repeated_identities(con: duckdb.DuckDBPyConnection, step: Step, staged: Staged) -> None:
    """Make the keys of records that share their identity careful ones.

    A pass key inside the identity needs no search: rows of one identity then share their key.
    """
    identity = staged.bound.identity
    id_column = staged.bound.reading.records.id_of(identity)
    if set(step.on) <= set(identity):
        return
    if id_column is not None and id_column not in staged.columns:
        return  # every id is derived, and no two are the same
    columns = ", ".join(name(each) for each in identity)
    where = f" WHERE {name(id_column)} IS NOT NULL" if id_column is not None else ""
    keys = ", ".join(f"s.{name(each)}" for each in step.on)
    same = " AND ".join(f"s.{name(each)} IS NOT DISTINCT FROM d.{name(each)}" for each in identity)
    side = side_sql(staged)
    con.execute(
        f"INSERT INTO {CAREFUL} SELECT {keys} FROM ({side}) s JOIN (SELECT {columns} FROM ({side})"
        f"{where} GROUP BY {columns} HAVING count(*) > 1) d ON {same}"
    )


def add_superseded(con: duckdb.DuckDBPyConnection, step: Step, staged: Staged) -> None:
    """Make the keys of records that replace or bust others, and of those others, careful ones."""
    present = staged.columns
    tests, targets = [], []
    if "supersedes" in present:
        tests.append("supersedes IS NOT NULL")
        targets.append("supersedes")
    if "exec_type" in present:
        tests.append("exec_type = 'bust'")
        targets += ["trade_id"] if "trade_id" in present else []
    if not tests:
        return
    keys = ", ".join(name(each) for each in step.on)
    side = side_sql(staged)
    acting = f"SELECT * FROM ({side}) WHERE {' OR '.join(tests)}"
    con.execute(f"INSERT INTO {CAREFUL} SELECT {keys} FROM ({acting})")
    if "trade_id" in present and targets:
        target = f"coalesce({', '.join(targets)})"
        con.execute(
            f"INSERT INTO {CAREFUL} SELECT {keys} FROM ({side}) WHERE trade_id IN"
            f" (SELECT {target} FROM ({acting}) WHERE {target} IS NOT NULL)"
        )


def name_replaced(con: duckdb.DuckDBPyConnection, rows: Iterable[Record]) -> bool:
    """Register `named`, the trade ids that `rows` replace or bust; tells if there are any."""
    named = {replaces(record) for record in rows} - {None}
    if named:
        con.register("named", pa.table({"trade_id": pa.array(list(named), pa.string())}))
    return bool(named)


def add_named(
    con: duckdb.DuckDBPyConnection, step: Step, staged: Staged, rows: Iterable[Record]
) -> None:
    """Make the keys of records that `rows` replace or bust careful ones."""
    if "trade_id" not in staged.columns or not name_replaced(con, rows):
        return
    keys = ", ".join(name(each) for each in step.on)
    con.execute(
        f"INSERT INTO {CAREFUL} SELECT {keys} FROM ({side_sql(staged)})"
        " SEMI JOIN named USING (trade_id)"
    )
    con.unregister("named")


def replaces_any(con: duckdb.DuckDBPyConnection, staged: Staged) -> bool:
    """Whether a record of a side replaces or busts another one."""
    tests = ["supersedes IS NOT NULL"] if "supersedes" in staged.columns else []
    tests += ["exec_type = 'bust'"] if "exec_type" in staged.columns else []
    if not tests:
        return False
    rows = f"SELECT 1 FROM {staged.relation} WHERE {' OR '.join(tests)} LIMIT 1"
    return con.execute(rows).fetchone() is not None


def take_out(con: duckdb.DuckDBPyConnection, step: Step, staged: Staged) -> list[Record]:
    """The records of a side under careful keys; from now on they are not in its relation."""
    on = same_key(step, "s", "k")
    where = f"({side_sql(staged)}) s SEMI JOIN {CAREFUL} k ON {on}"
    return take_where(con, staged, f"SELECT s.* FROM {where}")


def take_where(con: duckdb.DuckDBPyConnection, staged: Staged, sql: str) -> list[Record]:
    """The rows of `sql` as records; from now on they are not in the side's relation."""
    table = con.sql(sql).to_arrow_table()
    if len(table):
        con.register("batch", table.select(["row"]))
        con.execute(f"INSERT INTO {staged.label}_out SELECT row FROM batch")
        con.unregister("batch")
    return to_records(table, staged.columns)


def to_records(table: Any, columns: Sequence[str]) -> list[Record]:
    """Arrow rows with a `row` column as records, without identity."""
    values = [
        [value for chunk in table.column(each).chunks for value in cells(chunk)]
        for each in ("row", *columns)
    ]
    return [
        Record(dict(zip(columns, own, strict=True)), {}, row)
        for row, *own in zip(*values, strict=True)
    ]


def still_carried(
    con: duckdb.DuckDBPyConnection,
    step: Step,
    plan: Plan,
    staged: Staged,
    carried: Sequence[OpenItem],
) -> list[OpenItem]:
    """The carried items whose identity no row of the side has, or only older versions of it.

    The keys of these older rows become careful ones.
    """
    if not carried:
        return []
    rows = _identities_again(con, step, plan, staged, carried)
    newer = {
        index
        for index, again in rows.items()
        if not carried[index].unreadable and outlives(carried[index].record, again)
    }
    add_keys(con, step, plan, (row for index in newer for row in rows[index]))
    gone = (rows.keys() - newer) | _contents_again(con, plan, staged, carried)
    return [item for index, item in enumerate(carried) if index not in gone]


def _identities_again(
    con: duckdb.DuckDBPyConnection,
    step: Step,
    plan: Plan,
    staged: Staged,
    carried: Sequence[OpenItem],
) -> dict[int, list[Record]]:
    """The rows that have the identity of a carried item, as far as what follows needs them."""
    identity = [each for each in staged.bound.identity if each in staged.columns]
    if not identity or len(identity) < len(staged.bound.identity):
        return {}
    arrays: dict[str, Any] = {"item": pa.array(range(len(carried)), pa.int64())}
    for each in identity:
        type_ = ARROW_TYPES[plan.records.columns[each].type]
        arrays[each] = pa.array([item.record.identity.get(each) for item in carried], type_)
    same = " AND ".join(f"s.{name(each)} IS NOT DISTINCT FROM c.{name(each)}" for each in identity)
    con.register("batch", pa.table(arrays))
    numbers = [each for each in ("version", "sequence") if each in staged.columns]
    wanted = list(dict.fromkeys((*numbers, *step.on))) if numbers else []
    table = con.sql(
        f"SELECT c.item, {', '.join(['s.row', *(f's.{name(each)}' for each in wanted)])}"
        f" FROM batch c JOIN ({side_sql(staged)}) s ON {same}"
    ).to_arrow_table()
    con.unregister("batch")
    again: dict[int, list[Record]] = {}
    for item, record in zip(
        table.column("item").to_pylist(), to_records(table, wanted), strict=True
    ):
        again.setdefault(item, []).append(record)
    return again


def _contents_again(
    con: duckdb.DuckDBPyConnection, plan: Plan, staged: Staged, carried: Sequence[OpenItem]
) -> set[int]:
    """Items whose id was derived from content that the side has again."""
    id_column = plan.records.id_of(staged.bound.identity)
    derived = [
        index
        for index, item in enumerate(carried)
        if id_column is not None
        and item.record.values.get(id_column) is None
        and item.record.identity.get(id_column) is not None
    ]
    if not derived:
        return set()
    columns = staged.columns
    arrays: dict[str, Any] = {"item": pa.array(derived, pa.int64())}
    for each in columns:
        type_ = ARROW_TYPES[plan.records.columns[each].type]
        arrays[each] = pa.array([carried[i].record.values.get(each) for i in derived], type_)
    same = " AND ".join(f"s.{name(each)} IS NOT DISTINCT FROM c.{name(each)}" for each in columns)
    con.register("batch", pa.table(arrays))
    counts = con.execute(
        f"SELECT c.item, count(*) FROM batch c JOIN ({side_sql(staged)}) s ON {same}"
        f" GROUP BY c.item"
    ).fetchall()
    con.unregister("batch")
    again = set()
    for index, count in counts:
        record = carried[index].record
        own = {each: record.values.get(each) for each in columns}
        ids = {derived_id(plain_record(own, plan.records), n) for n in range(count)}
        if record.identity[id_column or ""] in ids:
            again.add(index)
    return again
