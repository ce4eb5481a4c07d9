"""The fast path: one hash join over keys that are unique on both sides, proved by its counts.

If pairs + left-only = |left| and pairs + right-only = |right|, every matched key is unique. Only
when they disagree are the repeated keys looked for, and taken out of the join.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Final, TypeAlias

import narwhals as nw
import polars as pl

from tieout.adapters.engines.polars.columns import NUMBER, TYPES
from tieout.core.bounds import ColumnBounds
from tieout.core.match.plan import Plan
from tieout.core.money import add
from tieout.core.prefilter import differs, may_break, symbol_columns
from tieout.core.rows import DriftStatistic
from tieout.core.rules import Check

INTERNAL: Final = "internal_"
EXTERNAL: Final = "external_"
_MOST: Final = 10**19
_MOST_NANOSECONDS: Final = 2**62
"""Sums up to these stay inside DECIMAL(38,18), which ends at 1e20, and inside 64 bits."""
_ROWS: Final = (f"{INTERNAL}__row", f"{EXTERNAL}__row")


@dataclass(frozen=True, slots=True)
class Joined:
    """A join of two frames by the first pass.

    Attributes:
        pairs: with the columns of both, prefixed by side.
        left_only, right_only: the rows of each that met none of the other.
    """

    pairs: pl.DataFrame
    left_only: pl.DataFrame
    right_only: pl.DataFrame


def join(plan: Plan, internal: pl.DataFrame, external: pl.DataFrame) -> Joined:
    """Join by the key of the first pass. Frames hold no row without a key."""
    left, right = _prefixed(INTERNAL, internal), _prefixed(EXTERNAL, external)
    on = plan.steps[0].on
    joined = left.join(
        right,
        left_on=[f"{INTERNAL}{each}" for each in on],
        right_on=[f"{EXTERNAL}{each}" for each in on],
        how="full",
        coalesce=False,
        nulls_equal=True,
    )
    if not any(joined.get_column(each).null_count() for each in _ROWS):
        return Joined(joined, joined.clear(), joined.clear())
    no_left, no_right = (pl.col(each).is_null() for each in _ROWS)
    return Joined(
        joined.filter(~(no_left | no_right)), joined.filter(no_right), joined.filter(no_left)
    )


def _prefixed(prefix: str, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.rename({name: f"{prefix}{name}" for name in frame.columns})


@dataclass(frozen=True, slots=True)
class Judged:
    """Pairs, judged by `may_break`.

    Attributes:
        kept: those that may break.
        agreed, agreed_within: how many others there are, and how many of them differ.
    """

    kept: pl.DataFrame
    agreed: int
    agreed_within: int
    statistics: tuple[DriftStatistic, ...]


def judge(
    plan: Plan,
    pairs: pl.DataFrame,
    bounds: Mapping[str, ColumnBounds],
    checks: Sequence[Check],
    *,
    multipliers: bool,
) -> Judged:
    """Tell the pairs that may break from those that cannot.

    Args:
        pairs: with the columns that `prefilter` names for `checks`.
    """
    on = plan.steps[0].on
    bounds = {column: own for column, own in bounds.items() if column not in on}
    keep = may_break(plan, bounds, checks, multipliers=multipliers, paired_on=on)
    marked = (
        nw.from_native(_with_tolerances(pairs, bounds), eager_only=True)
        .with_columns(__keep=keep, __within=differs(bounds))
        .to_native()
    )
    kept = marked.filter("__keep")
    if not bounds:
        return Judged(kept, marked.height - kept.height, 0, ())
    within = marked.filter(pl.col("__within") & ~pl.col("__keep"))
    statistics = tuple(_statistics(within, bounds)) if within.height else ()
    return Judged(kept, marked.height - kept.height, within.height, statistics)


def _with_tolerances(pairs: pl.DataFrame, bounds: Mapping[str, ColumnBounds]) -> pl.DataFrame:
    """The pairs with the bounds of their symbols, where some have their own."""
    own = [
        (name, values, TYPES[each.type] if name.startswith("tolerance_") else pl.Int64())
        for column, each in bounds.items()
        for name, values in symbol_columns(column, each).items()
    ]
    if not own:
        return pairs
    symbols = sorted({symbol for _, values, _ in own for symbol in values})
    table = pl.DataFrame(
        [
            pl.Series("__symbol", symbols, dtype=pl.String),
            *(pl.Series(name, _bounds(values, symbols, type_)) for name, values, type_ in own),
        ]
    )
    return pairs.with_columns(__symbol=_symbol(pairs)).join(
        table, on="__symbol", how="left", maintain_order="left"
    )


def _bounds(
    values: Mapping[str, Decimal | int], symbols: Sequence[str], type_: pl.DataType
) -> pl.Series:
    """By symbol; null where it has none of its own."""
    kind = Decimal if type_ == NUMBER else int
    found = [kind(values[symbol]) if symbol in values else None for symbol in symbols]
    return pl.Series(found, dtype=type_)


def _symbol(pairs: pl.DataFrame) -> pl.Expr:
    """A pair's symbol: the internal record's, else the external one's, as `decide` has it."""
    ours, theirs = (
        pl.col(name) if name in pairs.columns else pl.lit(None, dtype=pl.String)
        for name in (f"{INTERNAL}symbol", f"{EXTERNAL}symbol")
    )
    return pl.when(ours != "").then(ours).otherwise(theirs)


def _statistics(
    within: pl.DataFrame, bounds: Mapping[str, ColumnBounds]
) -> Iterator[DriftStatistic]:
    """The largest and summed differences of pairs inside tolerance, by column and symbol."""
    for column in bounds:
        left, right = pl.col(f"{INTERNAL}{column}"), pl.col(f"{EXTERNAL}{column}")
        apart = within.select(symbol=_symbol(within), gap=(left - right).abs()).filter(
            pl.col("gap") != 0
        )
        for symbol, pairs, largest, total in _sums(apart):
            yield DriftStatistic(0, column, symbol, pairs, Decimal(largest), Decimal(total))


Sums: TypeAlias = Iterable[tuple[str | None, int, Decimal | int, Decimal | int]]


def _sums(apart: pl.DataFrame) -> Sums:
    """By symbol: how many gaps, the largest, and their sum; exact."""
    largest = apart.select(pl.max("gap")).item()
    if largest is None:
        return []
    most = _MOST_NANOSECONDS if isinstance(largest, int) else _MOST
    if (int(largest) + 1) * apart.height < most:
        gap = pl.col("gap")
        groups = apart.group_by("symbol", maintain_order=True)
        return groups.agg(pl.len(), gap.max().alias("largest"), gap.sum().alias("sum")).rows()
    gaps: defaultdict[str | None, list[Decimal | int]] = defaultdict(list)
    for symbol, each in apart.iter_rows():
        gaps[symbol].append(each)
    return [
        (symbol, len(each), max(each), reduce(add, map(Decimal, each), Decimal(0)))
        for symbol, each in gaps.items()
    ]


def different_types(
    plan: Plan, internal: pl.DataFrame, external: pl.DataFrame
) -> dict[str, pl.DataType]:
    """The compared columns that the sides hold in different types, as extras may be, with the
    internal one."""
    names = {*plan.steps[0].on, *plan.compared}
    return {
        name: internal.schema[name]
        for name in names
        if internal.schema[name] != external.schema[name]
    }
