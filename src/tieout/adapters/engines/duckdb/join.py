"""The fast path: one hash join over keys that are unique on both sides, proved by its counts.

If pairs + left-only = |left| and pairs + right-only = |right|, every matched key is unique. Only
when they disagree are the repeated keys looked for, and taken out of the join.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

import duckdb
import narwhals as nw

from tieout.adapters.engines.duckdb.columns import OK, name, sql_type
from tieout.adapters.engines.duckdb.staging import Staged
from tieout.adapters.engines.duckdb.tolerances import joined_tolerances
from tieout.core.bounds import ColumnBounds
from tieout.core.match.plan import OWNERS, Plan, Step
from tieout.core.money import add
from tieout.core.prefilter import differs, may_break
from tieout.core.rows import DriftStatistic
from tieout.core.rules import Check
from tieout.core.schema import ColumnType

LABELS: Final = ("internal", "external")
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
        sides: what was joined.
        kept: Arrow structs of pairs that may break and of one-sided rows, chunked.
        faults: rows of each side that are doubtful or unwanted: the join must be done again
            without them.
        sql: every pair and one-sided row, with `__keep`.
    """

    sides: Sides
    pairs: int
    left_only: int
    right_only: int
    agreed: int
    agreed_within: int
    faults: int
    watermarks: tuple[int | None, int | None]
    statistics: tuple[DriftStatistic, ...]
    kept: Any
    sql: str = ""

    def plus(self, other: Joined) -> Joined:
        """Both together, with the `kept` of this one."""
        return self._with(other, 1)

    def less(self, other: Joined) -> Joined:
        """This without a part of it. Its largest differences and `kept` are left as they are."""
        return self._with(other, -1)

    def _with(self, other: Joined, sign: int) -> Joined:
        return replace(
            self,
            pairs=self.pairs + sign * other.pairs,
            left_only=self.left_only + sign * other.left_only,
            right_only=self.right_only + sign * other.right_only,
            agreed=self.agreed + sign * other.agreed,
            agreed_within=self.agreed_within + sign * other.agreed_within,
            statistics=_added(self.statistics, other.statistics, sign),
        )


def _added(
    some: Iterable[DriftStatistic], others: Iterable[DriftStatistic], sign: int
) -> tuple[DriftStatistic, ...]:
    sums = {(each.column, each.symbol): each for each in some}
    for each in others:
        key = (each.column, each.symbol)
        known = sums.get(key, replace(each, pairs=0, total=Decimal(0)))
        sums[key] = replace(
            known,
            pairs=known.pairs + sign * each.pairs,
            largest=max(known.largest, each.largest),
            total=add(known.total, each.total if sign > 0 else each.total.copy_negate()),
        )
    return tuple(each for each in sums.values() if each.pairs)


def same_key(step: Step, one: str, other: str) -> str:
    """The condition under which two relations agree in a pass's key, as `Step.key` says."""
    return " AND ".join(
        f"{one}.{name(each)} {'IS NOT DISTINCT FROM' if each in OWNERS else '='}"
        f" {other}.{name(each)}"
        for each in step.on
    )


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


@dataclass(frozen=True, slots=True)
class Sides:
    """What a join reads: of each side the columns, and a relation with `row`, `state` and these.

    Attributes:
        by_symbol: the test of a group's symbol, where nobody looked at the internal symbols yet.
        where_kept: the test of a joined row that is kept; None where no test is left to make.
    """

    columns: tuple[tuple[str, ...], tuple[str, ...]]
    relations: tuple[str, str]
    by_symbol: str | None = None
    where_kept: str | None = None


def sure_sides(internal: Staged, external: Staged) -> Sides:
    """Only the rows that were found right."""
    return Sides((internal.columns, external.columns), (side_sql(internal), side_sql(external)))


def join(
    con: duckdb.DuckDBPyConnection,
    plan: Plan,
    rules: Sequence[Check],
    bounds: Mapping[str, ColumnBounds],
    sides: Sides,
    checks: tuple[Checked, ...],
    *,
    number: int,
    multipliers: bool,
    one_sided: bool,
) -> Joined:
    """Join by a pass; count everything, keep what may break.

    Args:
        rules: of the checks.
        bounds: as `tolerances.create_tolerances` was given them.
        number: of the pass.
        one_sided: keep one-sided rows as well.
    """
    step = plan.steps[number]
    bounds = {column: own for column, own in bounds.items() if column not in step.on}
    relation = con.sql(_pairs_sql(plan, step, sides, checks, bounds))
    may = may_break(plan, bounds, rules, multipliers=multipliers, paired_on=step.on)
    alone = nw.col("internal_row").is_null() | nw.col("external_row").is_null()
    joined = (
        nw.from_native(relation)
        .with_columns(__keep=alone | may, __within=differs(bounds), __alone=alone)
        .to_native()
    )
    kept = "__keep" if one_sided else "__keep AND NOT __alone"
    every = joined.sql_query()
    sql = _aggregate_sql(every, sides, bounds, kept)
    found = _joined(con.sql(sql).to_arrow_table(), sides, tuple(bounds), number)
    return replace(found, sql=every)


def _pairs_sql(
    plan: Plan,
    step: Step,
    sides: Sides,
    checks: tuple[Checked, ...],
    bounds: Mapping[str, ColumnBounds],
) -> str:
    clock = plan.records.clock
    columns = []
    for own, label in zip(sides.columns, LABELS, strict=True):
        alias = label[0]
        columns += [f"{alias}.row AS {label}_row", f"{alias}.state AS {label}_state"]
        columns += [f"{alias}.{name(each)} AS {name(f'{label}_{each}')}" for each in own]
        has_clock = clock is not None and clock in own
        columns.append(
            f"{alias}.{name(clock or '')} AS {label}__clock"
            if has_clock
            else f"CAST(NULL AS BIGINT) AS {label}__clock"
        )
    on = same_key(step, "i", "e")
    allowed, joins = joined_tolerances(sides.columns, bounds)
    columns += allowed
    internal, external = sides.relations
    if checks and "side" not in sides.columns[0]:
        columns.append("CAST(NULL AS VARCHAR) AS internal_side")
    for check in checks:
        table = f"c{check.index}"
        present = check.staged.columns
        fee = "i.fee" if "fee" in sides.columns[0] else "NULL"
        commission = f"{table}.commission" if "commission" in present else "NULL"
        columns += [
            f"{table}.pnl_impact AS check{check.index}_pnl_impact",
            f"coalesce({commission}, {fee}, CAST(0 AS {sql_type(ColumnType.DECIMAL)}))"
            f" AS check{check.index}_commission",
        ]
        keys = " AND ".join(f"i.{name(each)} = {table}.{name(each)}" for each in check.on)
        joins += f" LEFT JOIN {check.staged.label}_unique AS {table} ON {keys}"
    return (
        f"SELECT {', '.join(columns)} FROM ({internal}) AS i FULL OUTER JOIN ({external}) AS e"
        f" ON {on}{joins}"
    )


def _aggregate_sql(joined: str, sides: Sides, bounds: Mapping[str, ColumnBounds], kept: str) -> str:
    fields = [
        f"{name(each)} := {name(each)}"
        for own, label in zip(sides.columns, LABELS, strict=True)
        for each in (f"{label}_row", *(f"{label}_{column}" for column in own))
    ]
    fault = f"internal_state <> {OK} OR external_state <> {OK}"
    if sides.where_kept:  # CASE, so that only what is kept is looked at
        fault += f" OR CASE WHEN __keep THEN {sides.where_kept} ELSE false END"
    parts = [
        "count(*) AS joined",
        "count(*) FILTER (external_row IS NULL) AS left_only",
        "count(*) FILTER (internal_row IS NULL) AS right_only",
        "count(*) FILTER (NOT __keep) AS agreed",
        "count(*) FILTER (__within AND NOT __keep) AS agreed_within",
        f"count(*) FILTER ({fault}) AS faults",
        "max(internal__clock) AS internal_clock",
        "max(external__clock) AS external_clock",
        f"list(struct_pack({', '.join(fields)})) FILTER ({kept}) AS kept",
    ]
    distances = ""
    for column, own_bounds in bounds.items():
        ours, theirs = name(f"internal_{column}"), name(f"external_{column}")
        gap = name(f"__{column}")
        distances += f", CASE WHEN __within AND NOT __keep AND {ours} <> {theirs}"
        distances += f" THEN abs({ours} - {theirs}) END AS {gap}"
        whole, part = _sums(gap, own_bounds)
        parts += [
            f"count({gap}) AS {name(f'{column}_pairs')}",
            f"max({gap}) AS {name(f'{column}_largest')}",
            f"{whole} AS {name(f'{column}_whole')}",
            f"{part} AS {name(f'{column}_part')}",
        ]
    symbols = [
        f"{label}_symbol"
        for own, label in zip(sides.columns, LABELS, strict=True)
        if "symbol" in own
    ]
    by_symbol = bool(bounds and symbols)
    symbol = f"coalesce({', '.join(symbols)})" if by_symbol else "NULL"
    counted = (
        f"SELECT {symbol} AS symbol, {', '.join(parts)} FROM (SELECT *{distances} FROM ({joined}))"
        f"{' GROUP BY symbol' if by_symbol else ''}"
    )
    if sides.by_symbol is None:
        return counted
    faults = f"faults + CASE WHEN {sides.by_symbol} THEN joined ELSE 0 END"
    return f"SELECT * REPLACE ({faults} AS faults) FROM ({counted})"


def _sums(gap: str, bounds: ColumnBounds) -> tuple[str, str]:
    """Whole numbers and fractions apart, where the sum of decimals might abort at 1e20."""
    small = not bounds.most_parts and bounds.largest < _SMALL
    if bounds.type is ColumnType.TIME or small:
        return f"sum({gap})", "0"
    return f"sum(CAST(trunc({gap}) AS HUGEINT))", f"sum({gap} - trunc({gap}))"


def _joined(table: Any, sides: Sides, columns: tuple[str, ...], number: int) -> Joined:
    rows = table.drop_columns(["kept"]).to_pylist()

    def total(column: str) -> int:
        return sum(row[column] for row in rows)

    def latest(column: str) -> int | None:
        return max((row[column] for row in rows if row[column] is not None), default=None)

    statistics = tuple(
        DriftStatistic(
            step=number,
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
        sides=sides,
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
