"""Rules -> a predicate that engines run where the data is.

1. What `decide` breaks, `may_break` keeps. It may keep too much, never too little.
2. Only comparison, subtraction, `abs` and multiplication by an integer with clipped operands:
   a decimal product fails at 100 on one engine, is rounded by another and loses digits on a third.
   The PnL checks need a product, so theirs is taken in doubles, with a margin that is wider than
   the error of doubles.

Pairs are rows with the columns `internal_<column>` and `external_<column>`; the row that a check
looked up has `check<index>_pnl_impact`, null where there was none, and `check<index>_commission`:
the row's commission, else the trade's fee, else zero. Where symbols have bounds of their own, the
columns of `symbol_columns` hold them, null where the pair's symbol has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Final

import narwhals as nw

from tieout.core.bounds import ColumnBounds
from tieout.core.match.plan import Plan
from tieout.core.rules import Check, PnlCheck

_RANGE: Final = 10**19
"""Products stay at or below this; DECIMAL(38,18) holds 1e20."""

_DOUBLE_MARGIN: Final = 1e-12
"""Of the sum of the magnitudes. Five roundings of a double err by less than 1e-15 of it."""


def may_break(
    plan: Plan,
    bounds: Mapping[str, ColumnBounds],
    checks: Sequence[Check] = (),
    *,
    multipliers: bool = False,
    paired_on: Sequence[str] = (),
) -> nw.Expr:
    """The pairs that `decide` must see.

    Args:
        bounds: of the columns that have tolerances, see `bounds.bounds_of`.
        multipliers: instruments with a multiplier other than one take part, so that a `cash`
            check cannot be estimated from the trade alone.
        paired_on: columns in which every pair agrees, since it was joined on them.
    """
    tests = [
        _column_may_break(plan, name, bounds.get(name))
        for name in plan.compared
        if name not in paired_on
    ]
    if plan.records.name == "orders" and {"filled", "quantity"} <= set(plan.compared):
        tests.append(_overfilled(paired_on))
    tests += [
        _check_may_break(check, index, multipliers=multipliers)
        for index, check in enumerate(checks)
    ]
    return _any(tests)


def differs(columns: Iterable[str]) -> nw.Expr:
    """The pairs that differ at all in one of the columns."""
    return _any([_differs(*_sides(name)) for name in columns])


def symbol_columns(name: str, bounds: ColumnBounds) -> dict[str, dict[str, Decimal | int]]:
    """What a table by symbol must hold for a column: by its name, by symbol.

    `tolerance_<column>` is the amount, `share_<column>` the parts; there is none of which every
    value is zero.
    """
    if not bounds.own:
        return {}
    found: dict[str, dict[str, Decimal | int]] = {}
    if bounds.largest:
        found[f"tolerance_{name}"] = {symbol: own.amount for symbol, own in bounds.own.items()}
    if bounds.most_parts:
        found[f"share_{name}"] = {symbol: own.parts for symbol, own in bounds.own.items()}
    return found


def _any(tests: Sequence[nw.Expr]) -> nw.Expr:
    """Whether one of the tests holds. A test of two absent values is null: it does not."""
    if not tests:
        return nw.lit(False)
    return reduce(or_, tests).fill_null(value=False)


def _sides(name: str) -> tuple[nw.Expr, nw.Expr]:
    return nw.col(f"internal_{name}"), nw.col(f"external_{name}")


def _differs(left: nw.Expr, right: nw.Expr) -> nw.Expr:
    return (left != right) | (left.is_null() != right.is_null())


def _column_may_break(plan: Plan, name: str, bounds: ColumnBounds | None) -> nw.Expr:
    left, right = _sides(name)
    test = left != right if bounds is None else _beyond(left, right, name, bounds)
    if plan.records.columns[name].required:
        return test  # a readable record has a value there
    return test | (left.is_null() != right.is_null())


def _beyond(left: nw.Expr, right: nw.Expr, name: str, bounds: ColumnBounds) -> nw.Expr:
    """Whether two values are further apart than their bound."""
    difference = (left - right).abs()
    if not bounds.most_parts:
        return difference > _of_symbol(f"tolerance_{name}", bounds.default.amount, bounds)
    whole = nw.max_horizontal(left.abs(), right.abs())
    parts = _of_symbol(f"share_{name}", bounds.default.parts, bounds)
    beyond = _beyond_share(difference, whole, parts, bounds)
    if bounds.largest:
        amount = _of_symbol(f"tolerance_{name}", bounds.default.amount, bounds)
        return (difference > amount) & beyond
    return beyond


def _overfilled(paired_on: Sequence[str]) -> nw.Expr:
    """Whether both sides say that more of an order was filled than its quantity."""
    if {"filled", "quantity"} & set(paired_on):
        return nw.lit(value=True)  # pairs need not have the columns that they were joined on
    (ours, theirs), (our_whole, their_whole) = _sides("filled"), _sides("quantity")
    return (ours > our_whole) & (theirs > their_whole)


def _of_symbol(column: str, default: Decimal | int, bounds: ColumnBounds) -> nw.Expr:
    """The symbol's own value where it has one."""
    if not bounds.own:
        return nw.lit(default)
    return nw.coalesce(nw.col(column), nw.lit(default))


def _beyond_share(
    difference: nw.Expr, whole: nw.Expr, parts: nw.Expr, bounds: ColumnBounds
) -> nw.Expr:
    """difference x scale > whole x parts, with both operands clipped.

    A difference above its clip is kept. Clipping the right-hand side makes it smaller, so that
    more is kept.
    """
    limit = nw.lit(Decimal(_RANGE // bounds.scale))
    clipped = nw.min_horizontal(difference, limit)
    part = nw.min_horizontal(whole, nw.lit(Decimal(_RANGE // bounds.most_parts)))
    beyond: nw.Expr = clipped * bounds.scale > part * parts
    return (difference > limit) | beyond


def _check_may_break(check: Check, index: int, *, multipliers: bool) -> nw.Expr:
    found = ~nw.col(f"check{index}_pnl_impact").is_null()
    if multipliers and check.pnl is PnlCheck.CASH:
        return found
    price = nw.col("internal_price").cast(nw.Float64)
    quantity = nw.col("internal_quantity").cast(nw.Float64)
    impact = nw.col(f"check{index}_pnl_impact").cast(nw.Float64)
    fee = nw.col(f"check{index}_commission").cast(nw.Float64)
    gross = price * quantity
    if check.pnl is PnlCheck.CASH:
        gross = nw.when(nw.col("internal_side") == "sell").then(gross).otherwise(-gross)
    margin = (gross.abs() + fee.abs() + impact.abs()) * _DOUBLE_MARGIN
    off = (gross - fee - impact).abs() + margin >= float(check.tolerance)
    return found & off.fill_null(value=True)
