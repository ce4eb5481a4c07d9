"""The fast path: one hash join over keys that are unique on both sides, proved by its counts.

If pairs + left-only = |left| and pairs + right-only = |right|, every matched key is unique. Only
when they disagree are the repeated keys looked for, and taken out of the join.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb
import narwhals as nw

from tieout.adapters.engines.duckdb.columns import DOUBT, OK, UNWANTED, name, sql_type
from tieout.adapters.engines.duckdb.staging import Staged
from tieout.core.match.plan import Plan, Step
from tieout.core.prefilter import differs, may_break
from tieout.core.rules import Measure, Rules
from tieout.core.schema import ColumnType
from tieout.core.rows import DriftStatistic


@dataclass(frozen=True, slots=True)
class Checked:
    """A check's staged source and the columns that tie a trade to its row."""

    index: int
    staged: Staged
    on: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """What one join found.

    Attributes:
        kept: Arrow structs of pairs that may break and of one-sided rows, chunked.
        faults: rows of each side that are doubtful or unwanted: the join must be done again
            without them.
    """

    pairs: int
    left_only: int
    right_only: int
    agreed: int
    agreed_within: int
    faults: int
    watermarks: tuple[int | None, int | None]
    statistics: tuple[DriftStatistic, ...]
    kept: Any


def readable_sql(staged: Staged) -> str:
    """The readable rows of a side: the sure ones, and those that were read again."""
    columns = ", ".join(name(column) for column in staged.columns)
    return (
        f"SELECT row, state, {columns} FROM {staged.relation} WHERE state = {OK}"
        f" UNION ALL SELECT row, {OK}, {columns} FROM {staged.label}_extra"
    )


def side_sql(staged: Staged, *, sure: bool) -> str:
    """The rows to join: as staged (`sure` False), or the readable ones that are not taken out."""
    if sure:
        return f"SELECT * FROM ({readable_sql(staged)}) ANTI JOIN {staged.label}_out USING (row)"
    columns = ", ".join(name(column) for column in staged.columns)
    return f"SELECT row, state, {columns} FROM {staged.relation}"


def join(
    con: duckdb.DuckDBPyConnection,
    plan: Plan,
    rules: Rules,
    sides: tuple[str, str],
    staged: tuple[Staged, Staged],
    checks: tuple[Checked, ...],
    *,
    multipliers: bool,
) -> Joined:
    """Join by the first pass; count everything, keep what may break.

    Args:
        sides: SQL of the internal and the external rows.
    """
    step = plan.steps[0]
    relation = con.sql(_pairs_sql(plan, step, sides, staged, checks))
    paired = ~nw.col("internal_row").is_null() & ~nw.col("external_row").is_null()
    joined = (
        nw.from_native(relation)
        .with_columns(
            __paired=paired,
            __keep=(~paired) | may_break(plan, rules, multipliers=multipliers),
            __differs=paired & differs(plan),
        )
        .to_native()
    )
    tolerant = _tolerant(plan, rules)
    sql = _aggregate_sql(joined.sql_query(), plan, staged, tolerant)
    return _joined(con.sql(sql).to_arrow_table(), plan, tolerant)


def _pairs_sql(
    plan: Plan,
    step: Step,
    sides: tuple[str, str],
    staged: tuple[Staged, Staged],
    checks: tuple[Checked, ...],
) -> str:
    clock = plan.records.clock
    columns = []
    for side, label in zip(staged, ("internal", "external"), strict=True):
        alias = label[0]
        columns += [f"{alias}.row AS {label}_row", f"{alias}.state AS {label}_state"]
        columns += [f"{alias}.{name(each)} AS {name(f'{label}_{each}')}" for each in side.columns]
        has_clock = clock is not None and clock in side.columns
        columns.append(f"{alias}.{name(clock or '')} AS {label}__clock" if has_clock
                       else f"CAST(NULL AS BIGINT) AS {label}__clock")
    on = " AND ".join(f"i.{name(each)} = e.{name(each)}" for each in step.on)
    joins = ""
    if checks and "side" not in staged[0].columns:
        columns.append("CAST(NULL AS VARCHAR) AS internal_side")
    for check in checks:
        table = f"c{check.index}"
        present = check.staged.columns
        fee = "i.fee" if "fee" in staged[0].columns else "NULL"
        commission = f"{table}.commission" if "commission" in present else "NULL"
        columns += [
            f"{table}.pnl_impact AS check{check.index}_pnl_impact",
            f"coalesce({commission}, {fee}, CAST(0 AS {sql_type(ColumnType.DECIMAL)}))"
            f" AS check{check.index}_commission",
        ]
        keys = " AND ".join(f"i.{name(each)} = {table}.{name(each)}" for each in check.on)
        joins += f" LEFT JOIN {check.staged.label}_unique AS {table} ON {keys}"
    return (
        f"SELECT {', '.join(columns)} FROM ({sides[0]}) AS i FULL OUTER JOIN ({sides[1]}) AS e"
        f" ON {on}{joins}"
    )


def _tolerant(plan: Plan, rules: Rules) -> tuple[str, ...]:
    """Columns that may differ without a break, of which the run keeps statistics."""
    listed = {
        column
        for own in (rules.compare, *rules.overrides.values())
        for column, tolerance in own.items()
        if tolerance.measure is not Measure.EXACT
    }
    return tuple(column for column in plan.compared if column in listed)


def _aggregate_sql(
    joined: str, plan: Plan, staged: tuple[Staged, Staged], tolerant: tuple[str, ...]
) -> str:
    fields = []
    for side, label in zip(staged, ("internal", "external"), strict=True):
        names = (f"{label}_row", *(f"{label}_{each}" for each in side.columns))
        fields += [f"{name(each)} := {name(each)}" for each in names]
    parts = [
        "count(*) FILTER (__paired) AS pairs",
        "count(*) FILTER (external_row IS NULL) AS left_only",
        "count(*) FILTER (internal_row IS NULL) AS right_only",
        "count(*) FILTER (__paired AND NOT __keep) AS agreed",
        "count(*) FILTER (__differs AND NOT __keep) AS agreed_within",
        f"count(*) FILTER (internal_state IN ({DOUBT}, {UNWANTED})"
        f" OR external_state IN ({DOUBT}, {UNWANTED})) AS faults",
        "max(internal__clock) AS internal_clock",
        "max(external__clock) AS external_clock",
        f"list(struct_pack({', '.join(fields)})) FILTER (__keep) AS kept",
    ]
    for column in tolerant:
        distance = f"abs(internal_{column} - external_{column})"
        where = f"FILTER (NOT __keep AND internal_{column} <> external_{column})"
        parts += [
            f"count(*) {where} AS {name(f'{column}_pairs')}",
            f"max({distance}) {where} AS {name(f'{column}_largest')}",
            f"sum(CAST(trunc({distance}) AS HUGEINT)) {where} AS {name(f'{column}_whole')}",
            f"sum({distance} - trunc({distance})) {where} AS {name(f'{column}_part')}",
        ]
    symbols = [f"{label}_symbol" for side, label in zip(staged, ("internal", "external"),
                                                        strict=True) if "symbol" in side.columns]
    group = f"coalesce({', '.join(symbols)})" if tolerant and symbols else "NULL"
    grouping = " GROUP BY symbol" if tolerant and symbols else ""
    return f"SELECT {group} AS symbol, {', '.join(parts)} FROM ({joined}){grouping}"


def _joined(table: Any, plan: Plan, tolerant: tuple[str, ...]) -> Joined:
    rows = table.drop_columns(["kept"]).to_pylist()

    def total(column: str) -> int:
        return sum(row[column] for row in rows)

    def latest(column: str) -> int | None:
        return max((row[column] for row in rows if row[column] is not None), default=None)

    statistics = tuple(
        DriftStatistic(
            step=0,
            column=column,
            symbol=row["symbol"],
            pairs=row[f"{column}_pairs"],
            largest=Decimal(row[f"{column}_largest"]),
            total=Decimal(row[f"{column}_whole"]) + Decimal(row[f"{column}_part"]),
        )
        for column in tolerant
        for row in rows
        if row[f"{column}_pairs"]
    )
    return Joined(
        pairs=total("pairs"),
        left_only=total("left_only"),
        right_only=total("right_only"),
        agreed=total("agreed"),
        agreed_within=total("agreed_within"),
        faults=total("faults"),
        watermarks=(latest("internal_clock"), latest("external_clock")),
        statistics=statistics,
        kept=table.column("kept"),
    )
