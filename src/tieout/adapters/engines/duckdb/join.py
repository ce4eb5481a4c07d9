"""The fast path: one hash join over keys that are unique on both sides, proved by its counts.

If pairs + left-only = |left| and pairs + right-only = |right|, every matched key is unique. Only
when they disagree are the repeated keys looked for, and taken out of the join.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import duckdb
import narwhals as nw

from tieout.adapters.engines.duckdb.columns import OK, name, sql_type
from tieout.adapters.engines.duckdb.staging import Staged
from tieout.core.match.plan import Plan, Step
from tieout.core.prefilter import differs, may_break, tolerant
from tieout.core.rows import DriftStatistic
from tieout.core.rules import Measure, Rules, Tolerance
from tieout.core.schema import ColumnType

_SMALL: Final = 10**8
"""Differences below this can be added up a trillion times before they reach 1e20."""


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


def side_sql(staged: Staged) -> str:
    """The readable rows of a side that are not taken out."""
    return f"SELECT * FROM ({readable_sql(staged)}) ANTI JOIN {staged.label}_out USING (row)"


def join(
    con: duckdb.DuckDBPyConnection,
    plan: Plan,
    rules: Rules,
    staged: tuple[Staged, Staged],
    checks: tuple[Checked, ...],
    *,
    sure: bool,
    multipliers: bool,
) -> Joined:
    """Join by the first pass; count everything, keep what may break.

    Args:
        sure: join only rows that were found right; else all, and count those to be doubted.
    """
    step = plan.steps[0]
    sides = [side_sql(each) if sure else f"SELECT * FROM {each.relation}" for each in staged]
    relation = con.sql(_pairs_sql(plan, step, sides, staged, checks))
    may = may_break(plan, rules, multipliers=multipliers, paired_on=step.on)
    columns = tuple(name for name in tolerant(plan, rules) if name not in step.on)
    one_sided = nw.col("internal_row").is_null() | nw.col("external_row").is_null()
    joined = (
        nw.from_native(relation)
        .with_columns(__keep=one_sided | may, __within=differs(columns))
        .to_native()
    )
    sql = _aggregate_sql(joined.sql_query(), plan, staged, rules, columns)
    return _joined(con.sql(sql).to_arrow_table(), columns)


def _pairs_sql(
    plan: Plan,
    step: Step,
    sides: Sequence[str],
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
        columns.append(
            f"{alias}.{name(clock or '')} AS {label}__clock"
            if has_clock
            else f"CAST(NULL AS BIGINT) AS {label}__clock"
        )
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


def _aggregate_sql(
    joined: str,
    plan: Plan,
    staged: tuple[Staged, Staged],
    rules: Rules,
    columns: tuple[str, ...],
) -> str:
    fields = []
    for side, label in zip(staged, ("internal", "external"), strict=True):
        names = (f"{label}_row", *(f"{label}_{each}" for each in side.columns))
        fields += [f"{name(each)} := {name(each)}" for each in names]
    parts = [
        "count(*) AS joined",
        "count(*) FILTER (external_row IS NULL) AS left_only",
        "count(*) FILTER (internal_row IS NULL) AS right_only",
        "count(*) FILTER (NOT __keep) AS agreed",
        "count(*) FILTER (__within AND NOT __keep) AS agreed_within",
        f"count(*) FILTER (internal_state <> {OK} OR external_state <> {OK}) AS faults",
        "max(internal__clock) AS internal_clock",
        "max(external__clock) AS external_clock",
        f"list(struct_pack({', '.join(fields)})) FILTER (__keep) AS kept",
    ]
    distances = ""
    for column in columns:
        ours, theirs = name(f"internal_{column}"), name(f"external_{column}")
        gap = name(f"__{column}")
        distances += f", CASE WHEN __within AND NOT __keep AND {ours} <> {theirs}"
        distances += f" THEN abs({ours} - {theirs}) END AS {gap}"
        whole, part = _sums(gap, plan.records.columns[column].type, rules.compare.get(column))
        parts += [
            f"count({gap}) AS {name(f'{column}_pairs')}",
            f"max({gap}) AS {name(f'{column}_largest')}",
            f"{whole} AS {name(f'{column}_whole')}",
            f"{part} AS {name(f'{column}_part')}",
        ]
    symbols = [
        f"{label}_symbol"
        for side, label in zip(staged, ("internal", "external"), strict=True)
        if "symbol" in side.columns
    ]
    by_symbol = bool(columns and symbols)
    symbol = f"coalesce({', '.join(symbols)})" if by_symbol else "NULL"
    return (
        f"SELECT {symbol} AS symbol, {', '.join(parts)} FROM (SELECT *{distances} FROM ({joined}))"
        f"{' GROUP BY symbol' if by_symbol else ''}"
    )


def _sums(gap: str, type_: ColumnType, tolerance: Tolerance | None) -> tuple[str, str]:
    """Whole numbers and fractions apart, where the sum of decimals might abort at 1e20."""
    small = (
        tolerance is not None
        and tolerance.measure is Measure.ABSOLUTE
        and tolerance.amount < _SMALL
    )
    if type_ is ColumnType.TIME or small:
        return f"sum({gap})", "0"
    return f"sum(CAST(trunc({gap}) AS HUGEINT))", f"sum({gap} - trunc({gap}))"


def _joined(table: Any, columns: tuple[str, ...]) -> Joined:
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
        for column in columns
        for row in rows
        if row[f"{column}_pairs"]
    )
    return Joined(
        pairs=total("joined") - total("left_only") - total("right_only"),
        left_only=total("left_only"),
        right_only=total("right_only"),
        agreed=total("agreed"),
        agreed_within=total("agreed_within"),
        faults=total("faults"),
        watermarks=(latest("internal_clock"), latest("external_clock")),
        statistics=statistics,
        kept=table.column("kept"),
    )
