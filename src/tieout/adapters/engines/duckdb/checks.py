"""The sources that checks look rows up in, by index in `Rules.checks`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb
import pyarrow as pa

from tieout.adapters.engines.duckdb import residue
from tieout.adapters.engines.duckdb.columns import name
from tieout.adapters.engines.duckdb.join import Checked, side_sql
from tieout.adapters.engines.duckdb.staging import ARROW_TYPES, resolve_doubts, stage
from tieout.core.checks import STATED
from tieout.core.match.identity import identify
from tieout.core.match.plan import Plan
from tieout.core.model import Pair, Quarantined, Record
from tieout.core.rules import Check
from tieout.errors import SourceError
from tieout.ports import CheckTask, SideFacts


def stage_check(con: duckdb.DuckDBPyConnection, rule: Check, task: CheckTask) -> Checked:
    """Stage a check's source, and `check<index>_unique`: its rows, one a key.

    Equal copies count once. Rows that contradict each other are quarantined: no check can be
    made with them.
    """
    label = f"check{task.index}"
    staged = stage(con, label, task.scan, task.reading)
    for column in (*rule.on, "pnl_impact"):
        if column not in staged.columns:
            raise SourceError(
                f"a check needs the column {column!r}, which {task.scan.source!r} does not have",
                where=f"{task.scan.source}: checks",
                hint=f"map it: `columns: {{{column}: <the source's name>}}`",
            )
    resolve_doubts(staged)
    side = side_sql(staged)
    keys = ", ".join(name(each) for each in rule.on)
    columns = ", ".join(name(each) for each in staged.columns)
    repeated = con.execute(
        f"CREATE TEMP TABLE {label}_repeated AS SELECT {keys} FROM ({side})"
        f" GROUP BY {keys} HAVING count(*) > 1"
    )
    on = " AND ".join(f"s.{name(each)} = k.{name(each)}" for each in rule.on)
    count = repeated.execute(f"SELECT count(*) FROM {label}_repeated").fetchall()[0][0]
    if not count:
        con.execute(f"CREATE TEMP VIEW {label}_unique AS {side}")
        return Checked(task.index, staged, rule.on)
    one_of = ", ".join(f"any_value(s.{name(each)})" for each in staged.columns)
    con.execute(
        f"CREATE TEMP TABLE {label}_unique AS SELECT s.* FROM ({side}) s ANTI JOIN {label}_repeated"
        f" k ON {on} UNION ALL SELECT min(s.row), 0, {one_of}"
        f" FROM ({side}) s JOIN {label}_repeated k ON {on} GROUP BY {_qualified(rule.on)}"
        f" HAVING count(DISTINCT [{_texts(staged.columns)}]) = 1"
    )
    contradicting = con.sql(
        f"SELECT s.row, {columns.replace(name('row'), '')} FROM ({side}) s SEMI JOIN"
        f" {label}_repeated k ON {on} ANTI JOIN {label}_unique u"
        f" ON {' AND '.join(f's.{name(c)} = u.{name(c)}' for c in rule.on)} ORDER BY row"
    ).to_arrow_table()
    for record in residue.to_records(contradicting, staged.columns):
        staged.quarantined.append(
            Quarantined(
                source=task.scan.source,
                place=task.scan.source,
                row=record.row or 0,
                field=rule.on[0],
                reason="several rows have this key and contradict each other",
                raw=", ".join(f"{k}={v}" for k, v in staged.bound.plain(record.values).items()),
                values=record.values,
            )
        )
    return Checked(task.index, staged, rule.on)


def _qualified(columns: Sequence[str]) -> str:
    return ", ".join(f"s.{name(each)}" for each in columns)


def _texts(columns: Sequence[str]) -> str:
    return ", ".join(f"CAST(s.{name(each)} AS VARCHAR)" for each in columns)


def facts_of(check: Checked) -> SideFacts:
    """What is known of a check's source."""
    staged = check.staged
    stated = [each for each in STATED if each in staged.columns]
    empty = ", ".join(f"count(*) FILTER ({name(each)} IS NULL)" for each in stated)
    counts = staged.con.execute(f"SELECT {empty} FROM {staged.label}_unique").fetchall()[0]
    return SideFacts(
        rows=staged.rows - len(staged.quarantined),
        quarantined=tuple(staged.quarantined),
        columns=staged.columns,
        identity=staged.bound.identity,
        blank=dict(zip(stated, counts, strict=True)),
    )


def look_up(
    con: duckdb.DuckDBPyConnection,
    checks: Sequence[Checked],
    plan: Plan,
    pairs: Sequence[Pair],
) -> Iterator[Pair]:
    """The pairs, with the rows that each check found for their internal record."""
    if not checks or not pairs:
        yield from pairs
        return
    found: list[dict[int, int]] = [{} for _ in pairs]
    rows: dict[int, Record] = {}
    for check in checks:
        arrays = {"pair": pa.array(range(len(pairs)), pa.int64())}
        for each in check.on:
            values = [pair.internal.values.get(each) for pair in pairs]
            arrays[f"on_{each}"] = pa.array(values, ARROW_TYPES[plan.records.columns[each].type])
        con.register("batch", pa.table(arrays))
        on = " AND ".join(f"b.{name(f'on_{each}')} = u.{name(each)}" for each in check.on)
        table = con.sql(
            f"SELECT b.pair, u.* FROM batch b JOIN {check.staged.label}_unique u ON {on}"
        ).to_arrow_table()
        con.unregister("batch")
        records = identify(
            residue.to_records(table, check.staged.columns),
            check.staged.bound.identity,
            check.staged.bound.reading.records,
        )
        for pair, record in zip(table.column("pair").to_pylist(), records, strict=True):
            found[pair][check.index] = len(rows)
            rows[len(rows)] = record
    for pair, own in zip(pairs, found, strict=True):
        checked = {index: rows[row] for index, row in own.items()}
        yield Pair(pair.internal, pair.external, pair.step, checked)
