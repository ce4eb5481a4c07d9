"""Rules -> a predicate that engines run where the data is.

1. What `decide` breaks, `may_break` keeps. It may keep too much, never too little.
2. Only comparison, subtraction, `abs` and multiplication by an integer with clipped operands:
   a decimal product fails at 100 on one engine, is rounded by another and loses digits on a third.
   The PnL checks need a product, so theirs is taken in doubles, with a margin that is wider than
   the error of doubles.

Pairs are rows with the columns `internal_<column>` and `external_<column>`; the row that a check
looked up has `check<index>_pnl_impact`, null where there was none, and `check<index>_commission`:
the row's commission, else the trade's fee, else zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Final

import narwhals as nw

from tieout.core.match.plan import Plan
from tieout.core.money import decimals
from tieout.core.rules import Check, Measure, PnlCheck, Rules, Tolerance

_RANGE: Final = 10**19
"""Products stay at or below this; DECIMAL(38,18) holds 1e20."""

_DOUBLE_MARGIN: Final = 1e-12
"""Of the sum of the magnitudes. Five roundings of a double err by less than 1e-15 of it."""


def may_break(
    plan: Plan, rules: Rules, *, multipliers: bool = False, paired_on: Sequence[str] = ()
) -> nw.Expr:
    """The pairs that `decide` must see.

    Args:
        multipliers: instruments with a multiplier other than one take part, so that a `cash`
            check cannot be estimated from the trade alone.
        paired_on: columns in which every pair agrees, since it was joined on them.
    """
    tests = [
        _column_may_break(plan, rules, name) for name in plan.compared if name not in paired_on
    ]
    tests += [
        _check_may_break(check, index, multipliers=multipliers)
        for index, check in enumerate(rules.checks)
    ]
    return _any(tests)


def differs(columns: Iterable[str]) -> nw.Expr:
    """The pairs that differ at all in one of the columns."""
    return _any([_differs(*_sides(name)) for name in columns])


def tolerant(plan: Plan, rules: Rules) -> tuple[str, ...]:
    """The columns in which a pair may differ without a break."""
    listed = {
        column
        for own in (rules.compare, *rules.overrides.values())
        for column, tolerance in own.items()
        if tolerance.measure is not Measure.EXACT
    }
    return tuple(column for column in plan.compared if column in listed)


def _any(tests: Sequence[nw.Expr]) -> nw.Expr:
    """Whether one of the tests holds. A test of two absent values is null: it does not."""
    if not tests:
        return nw.lit(False)
    return reduce(or_, tests).fill_null(value=False)


def _sides(name: str) -> tuple[nw.Expr, nw.Expr]:
    return nw.col(f"internal_{name}"), nw.col(f"external_{name}")


def _differs(left: nw.Expr, right: nw.Expr) -> nw.Expr:
    return (left != right) | (left.is_null() != right.is_null())


def _column_may_break(plan: Plan, rules: Rules, name: str) -> nw.Expr:
    left, right = _sides(name)
    test = _beyond(left, right, rules.tolerance(name, None))
    if test is None or any(name in own for own in rules.overrides.values()):
        test = left != right
    if plan.records.columns[name].required:
        return test  # a readable record has a value there
    return test | (left.is_null() != right.is_null())


def _beyond(left: nw.Expr, right: nw.Expr, tolerance: Tolerance) -> nw.Expr | None:
    """Whether two values are further apart than allowed; None where no engine can say."""
    match tolerance.measure:
        case Measure.ABSOLUTE:
            return (left - right).abs() > nw.lit(tolerance.amount)
        case Measure.WINDOW:
            return (left - right).abs() > nw.lit(int(tolerance.amount))
        case Measure.RELATIVE if 0 < tolerance.amount <= 1 and decimals(tolerance.amount) <= 18:
            return _beyond_share(left, right, tolerance.amount)
        case _:
            return None


def _beyond_share(left: nw.Expr, right: nw.Expr, share: Decimal) -> nw.Expr:
    """|a - b| x 10^k > max(|a|, |b|) x n for the share n / 10^k, with both operands clipped.

    A difference above its clip is kept. Clipping the right-hand side makes it smaller, so that
    more is kept.
    """
    scale = 10 ** decimals(share)
    numerator = int(share * scale)
    difference_limit = _RANGE // scale
    whole_limit = _RANGE // numerator
    difference = (left - right).abs()
    clipped = nw.min_horizontal(difference, nw.lit(Decimal(difference_limit)))
    whole = nw.max_horizontal(left.abs(), right.abs())
    part = nw.min_horizontal(whole, nw.lit(Decimal(whole_limit)))
    beyond: nw.Expr = clipped * scale > part * numerator
    return (difference > nw.lit(Decimal(difference_limit))) | beyond


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
