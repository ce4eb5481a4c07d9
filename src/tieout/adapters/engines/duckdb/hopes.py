"""What is joined in the hope that nothing is special: few tests, each counted where it fails.

Looking at texts is a third of a join, so there are two shortcuts. Neither is right by itself: a
row that fails a test is a fault, and one fault sends everything through the careful path.
"""

from __future__ import annotations

from collections.abc import Mapping

from tieout.adapters.engines.duckdb.columns import Cell, either, name
from tieout.adapters.engines.duckdb.join import Sides
from tieout.adapters.engines.duckdb.staging import Staged
from tieout.core.bounds import ColumnBounds
from tieout.core.match.plan import Plan


def hoped_sides(
    plan: Plan, bounds: Mapping[str, ColumnBounds], sides: tuple[Staged, Staged], sample: int
) -> Sides:
    """All rows; those to be doubted are counted as faults.

    A text that the first rows have as it should be is taken as it is. And a value that is equal to
    a tested one needs no test: the external values of pairs that agree, and the symbols that are
    grouped by.

    Args:
        sample: how many rows are looked at first.
    """
    ours, theirs = (_hoped(each, sample) for each in sides)
    internal, external = sides
    exact = frozenset(plan.compared).difference(bounds) | frozenset(plan.steps[0].on)
    tested = {each for each in exact if not ours or ours[each].odd}
    left = {each: cell.odd for each, cell in theirs.items() if cell.odd and each in tested}
    where_kept = either(*(odd(name(f"external_{each}")) for each, odd in left.items()))
    grouped = ours.get("symbol") if set(bounds) - set(plan.steps[0].on) else None
    by_symbol = grouped.odd if grouped is not None else None
    return Sides(
        (internal.columns, external.columns),
        (
            internal.unproved(ours, {"symbol"} if by_symbol else ()),
            external.unproved(theirs, left),
        ),
        by_symbol("symbol") if by_symbol else None,
        where_kept,
    )


def _hoped(staged: Staged, sample: int) -> dict[str, Cell]:
    """The SQL of the columns, with texts as they are where the first rows show none that is odd.

    One that is odd further on costs a second join; one that always is shall not.
    """
    suspects = {column: cell.suspect() for column, cell in staged.verbatim.items()}
    if not suspects or staged.rows <= sample:
        return dict(staged.cells)
    odd = ", ".join(f"coalesce(bool_or({each}), false)" for each in suspects.values())
    first = f"SELECT {odd} FROM (SELECT * FROM {staged.raw} LIMIT {sample})"
    (found,) = staged.con.execute(first).fetchall()
    usual = (column for column, any_ in zip(suspects, found, strict=True) if not any_)
    return {**staged.cells, **{column: staged.verbatim[column] for column in usual}}
