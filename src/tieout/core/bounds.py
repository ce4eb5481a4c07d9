"""Tolerances -> plain numbers, by column and symbol, that an engine compares differences with.

1. A difference beyond its bound is what `compare.within` does not allow. The bound may be
   smaller than what is allowed, so that more is looked at; it is never larger.
2. Whatever no engine can say is a bound of zero: any difference is beyond it.
3. Every number fits its column where engines compare: DECIMAL(38,18) for numbers, BIGINT for
   times and parts. Ticks are multiplied here, exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Final

from tieout.core.match.plan import Plan
from tieout.core.money import SCALE, decimals, multiply
from tieout.core.rules import EXACT, Measure, Rules, Tolerance
from tieout.core.schema import ColumnType
from tieout.core.valuation import Valuation

_FLOOR: Final = Context(prec=160, rounding=ROUND_FLOOR)
_UNIT: Final = Decimal((0, (1,), -SCALE))
_LARGEST_NUMBER: Final = Decimal((0, (9,) * 38, -SCALE))
_LARGEST_TIME: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Bound:
    """Two values may be `amount` apart, or `parts` (of the column's scale) of the larger one.

    Attributes:
        amount: at most 18 decimals; of a time, nanoseconds.
    """

    amount: Decimal | int = 0
    parts: int = 0


@dataclass(frozen=True, slots=True)
class ColumnBounds:
    """The bounds of one column.

    Attributes:
        scale: what parts are counted in, a power of ten up to 10^18: 100 for per cent.
        default: of every symbol that has none of its own, and where there is no symbol.
        own: by symbol, those that differ from the default.
    """

    type: ColumnType
    scale: int
    default: Bound
    own: Mapping[str, Bound]

    @property
    def largest(self) -> Decimal | int:
        """The largest amount."""
        return max(bound.amount for bound in self._all())

    @property
    def most_parts(self) -> int:
        return max(bound.parts for bound in self._all())

    def _all(self) -> Iterator[Bound]:
        yield self.default
        yield from self.own.values()


def bounds_of(plan: Plan, rules: Rules, valuation: Valuation) -> dict[str, ColumnBounds]:
    """The bounds of the columns in which a pair may differ without a break, in contract order."""
    found = {}
    for column in plan.compared:
        type_ = plan.records.columns[column].type
        default = rules.compare.get(column, EXACT)
        own = dict(_own(rules, column, default, valuation))
        if any(_applies(each, type_) for each in (default, *own.values())):
            found[column] = _column_bounds(type_, default, own, valuation)
    return found


def _own(
    rules: Rules, column: str, default: Tolerance, valuation: Valuation
) -> Iterator[tuple[str, Tolerance]]:
    """The tolerances of the symbols that may have bounds of their own."""
    if default.measure is Measure.TICKS:
        for symbol in valuation.instruments:
            yield symbol, default
    for symbol, listed in rules.overrides.items():
        if (tolerance := listed.get(column)) is not None:
            yield symbol, tolerance


def _applies(tolerance: Tolerance, type_: ColumnType) -> bool:
    """Whether values of a type can be inside a tolerance without being equal."""
    match tolerance.measure:
        case Measure.EXACT:
            return False
        case Measure.WINDOW:
            return type_ is ColumnType.TIME
        case _:
            return type_ is ColumnType.DECIMAL


def _column_bounds(
    type_: ColumnType, default: Tolerance, own: Mapping[str, Tolerance], valuation: Valuation
) -> ColumnBounds:
    scale = _scale((default, *own.values()))
    usual = _bound(default, type_, scale, None)
    bounds = {
        symbol: _bound(tolerance, type_, scale, valuation.tick(symbol))
        for symbol, tolerance in own.items()
    }
    return ColumnBounds(
        type_, scale, usual, {symbol: bound for symbol, bound in bounds.items() if bound != usual}
    )


def _scale(tolerances: Iterable[Tolerance]) -> int:
    shares = (each.amount for each in tolerances if each.measure is Measure.RELATIVE)
    return 10 ** min(SCALE, max(map(decimals, shares), default=0))  # type: ignore[no-any-return]


def _bound(tolerance: Tolerance, type_: ColumnType, scale: int, tick: Decimal | None) -> Bound:
    if not _applies(tolerance, type_):
        return Bound()
    match tolerance.measure:
        case Measure.RELATIVE:
            parts = _FLOOR.to_integral_value(multiply(tolerance.amount, Decimal(scale)))
            return Bound(parts=max(0, min(int(parts), scale)))
        case Measure.WINDOW:
            return Bound(max(0, min(int(tolerance.amount), _LARGEST_TIME)))
        case Measure.TICKS if tick is None:
            return Bound()
        case Measure.TICKS:
            assert tick is not None
            return Bound(_number(multiply(tolerance.amount, tick.copy_abs())))
        case _:
            return Bound(_number(tolerance.amount))


def _number(amount: Decimal) -> Decimal:
    """Cut to 18 decimals: no difference of two numbers lies between that and the amount."""
    if amount >= _LARGEST_NUMBER:
        return _LARGEST_NUMBER
    return max(Decimal(0), amount.quantize(_UNIT, context=_FLOOR))
