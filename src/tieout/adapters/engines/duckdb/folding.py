"""Keys that a side has several times, corrected in what one join counted.

Most repeated keys are copies: a file that was sent twice, a page that was fetched twice. Their
rows are few, so they are joined once more by themselves, as they are and with each record's copies
folded into one; the difference corrects the first join. A second join of everything is needed only
where records under one key are not the same and one of their differences was the largest.

Records under one key that are not copies of each other are *mixed*: they are matched in memory,
with all others under their key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import duckdb

from tieout.adapters.engines.duckdb import residue
from tieout.adapters.engines.duckdb.columns import OK, name
from tieout.adapters.engines.duckdb.join import LABELS, Joined, Sides, same_key
from tieout.adapters.engines.duckdb.staging import Staged
from tieout.core.match.identity import identify
from tieout.core.match.plan import Plan, Step
from tieout.core.model import Group, Kind, Record, Role, Side
from tieout.core.rows import DriftStatistic

MIXED: Final = "mixed"


@dataclass(frozen=True, slots=True)
class Folded:
    """A join without the repetition of copies.

    Attributes:
        joined: what it counted, with `kept` of the folded records only.
        once_sql: of the join of the folded records, see `Joined.sql`.
        gone: the rows of each side that count no more in the `kept` of the first join.
        singles: how many records of each side stand for their copies in `joined`.
        duplicates: one group a record that is there several times.
        mixed: the records of each side, not identified, that must be matched in memory.
    """

    joined: Joined
    once_sql: str
    gone: tuple[frozenset[int], frozenset[int]]
    singles: tuple[int, int]
    duplicates: list[Group]
    mixed: tuple[list[Record], list[Record]]


def fold(
    con: duckdb.DuckDBPyConnection,
    plan: Plan,
    staged: tuple[Staged, Staged],
    sides: Sides,
    joined: Joined,
    guilty: Sequence[Staged],
    join: Callable[[Sides], Joined],
) -> Folded | None:
    """Correct `joined`, in which keys of the `guilty` sides are repeated.

    Args:
        sides: what was joined.

    Returns:
        None where the sums cannot be corrected, so that everything must be joined again.
    """
    step = plan.steps[0]
    residue.create_careful(con, step, staged[0])
    for each, relation in zip(staged, sides.relations, strict=True):
        if each in guilty:
            residue.add_repeated(con, step, relation)
    on = ", ".join(map(name, step.on))
    for label, own, relation in zip(LABELS, sides.columns, sides.relations, strict=True):
        rows = f"({relation}) AS s SEMI JOIN {residue.CAREFUL} AS k ON {same_key(step, 's', 'k')}"
        _create_folded(con, label, own, rows)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {MIXED} AS {_mixed_sql(plan, staged, on)}")

    def of(table: str, which: str) -> Sides:
        selected = (
            f"SELECT row, {OK} AS state, {', '.join(map(name, own))} FROM {label}_{table} AS s"
            f" {which} JOIN {MIXED} AS m ON {same_key(step, 's', 'm')}"
            for label, own in zip(LABELS, sides.columns, strict=True)
        )
        return Sides(sides.columns, (next(selected), next(selected)))

    single = of("folded", "ANTI")
    once = join(single)
    corrected = joined.less(join(of("repeated", "ANTI"))).plus(once)
    mixed: list[list[Record]] = [[], []]
    if con.execute(f"SELECT 1 FROM {MIXED} LIMIT 1").fetchall():
        part = of("repeated", "SEMI")
        contributed = join(part)
        if _any_is_largest(contributed.statistics, joined.statistics):
            return None
        corrected = corrected.less(contributed)
        mixed = [
            residue.to_records(con.sql(relation).to_arrow_table(), own)
            for relation, own in zip(part.relations, sides.columns, strict=True)
        ]
    return Folded(
        joined=replace(corrected, kept=once.kept),
        once_sql=once.sql,
        gone=(_rows(con, LABELS[0]), _rows(con, LABELS[1])),
        singles=(_count(con, single.relations[0]), _count(con, single.relations[1])),
        duplicates=[
            group
            for side, each in zip(Side, staged, strict=True)
            for group in _duplicates(con, side, each, step)
        ],
        mixed=(mixed[0], mixed[1]),
    )


def _rows(con: duckdb.DuckDBPyConnection, label: str) -> frozenset[int]:
    return frozenset(row for (row,) in con.execute(f"SELECT row FROM {label}_repeated").fetchall())


def _count(con: duckdb.DuckDBPyConnection, relation: str) -> int:
    count: int = con.execute(f"SELECT count(*) FROM ({relation})").fetchall()[0][0]
    return count


def _create_folded(
    con: duckdb.DuckDBPyConnection, label: str, own: Sequence[str], rows: str
) -> None:
    columns = ", ".join(map(name, own))
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {label}_repeated AS SELECT row, {columns} FROM {rows}"
    )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {label}_folded AS SELECT min(row) AS row, {columns},"
        f" list(row ORDER BY row) AS rows FROM {label}_repeated GROUP BY {columns}"
    )


def _mixed_sql(plan: Plan, staged: tuple[Staged, Staged], on: str) -> str:
    """The keys under which a side has records that differ, or that have no id of their own."""
    parts = []
    for label, each in zip(LABELS, staged, strict=True):
        parts.append(f"SELECT {on} FROM {label}_folded GROUP BY {on} HAVING count(*) > 1")
        id_column = plan.records.id_of(each.bound.identity)
        if id_column is not None:
            nameless = f"{name(id_column)} IS NULL" if id_column in each.columns else "true"
            parts.append(f"SELECT {on} FROM {label}_folded WHERE {nameless}")
    return " UNION ".join(parts)


def _any_is_largest(some: Sequence[DriftStatistic], every: Sequence[DriftStatistic]) -> bool:
    """Whether one of the largest differences is among `some`: without them, it is not known."""
    largest = {(each.column, each.symbol): each.largest for each in every}
    return any(each.largest >= largest[each.column, each.symbol] for each in some)


def _duplicates(
    con: duckdb.DuckDBPyConnection, side: Side, staged: Staged, step: Step
) -> Iterator[Group]:
    """The first record of each, by its row, as primary, and the others as its duplicates."""
    table: Any = con.sql(
        f"SELECT s.* FROM {staged.label}_folded AS s ANTI JOIN {MIXED} AS m"
        f" ON {same_key(step, 's', 'm')} WHERE len(rows) > 1 ORDER BY row"
    ).to_arrow_table()
    first = identify(
        residue.to_records(table, staged.columns),
        staged.bound.identity,
        staged.bound.reading.records,
    )
    for record, rows in zip(first, table.column("rows").to_pylist(), strict=True):
        copies = (
            (side, Role.DUPLICATE, Record(record.values, record.identity, row)) for row in rows[1:]
        )
        yield Group(Kind.DUPLICATE, ((side, Role.PRIMARY, record), *copies))
