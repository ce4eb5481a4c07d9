"""Exact numbers. Money and quantity are `Decimal` from the wire to the report; a float is refused.

Invariants:

1. Every number in a record fits DECIMAL(38,18) with a magnitude below 5e19, so that the
   difference of two of them fits as well.
2. Arithmetic here never rounds: the context is wide enough for a product of two such numbers,
   and `Inexact` is trapped. (`abs()` and unary minus round to the ambient 28 digits: use
   `copy_abs` and `copy_negate`.)
3. A number has one text: no exponent, no trailing zeros, no minus zero.
"""

from __future__ import annotations

from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
)
from typing import Final

SCALE: Final = 18
"""Digits after the point that a number may have."""

LIMIT: Final = Decimal("5e19")
"""Magnitudes are below this. Half of DECIMAL(38,18)'s range, so that a difference still fits."""

_EXACT: Final = Context(prec=160, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])
_HALF_EVEN: Final = Context(
    prec=160, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow]
)
_UNIT: Final = Decimal((0, (1,), -SCALE))


def exact(value: Decimal | int | str) -> Decimal:
    """`value` as a Decimal, unchanged.

    Raises:
        TypeError: for a float: its binary digits are not what anybody wrote.
        ValueError: for what is no finite number.
    """
    if isinstance(value, float | bool):
        raise TypeError(f"{value!r} is a {type(value).__name__}; pass a Decimal, an int or a text")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a number") from None
    if isinstance(value, str) and "_" in value:
        raise ValueError(f"{value!r} is not a number; write it without underscores")
    if not number.is_finite():
        raise ValueError(f"{value!r} is not a finite number")
    return number


def fits(number: Decimal) -> bool:
    """Whether `number` is stored without loss: at most 18 decimals, magnitude below 5e19."""
    return number.copy_abs() < LIMIT and decimals(number) <= SCALE


def decimals(number: Decimal) -> int:
    """How many digits after the point `number` needs: 0 for 5 and 5.00, 2 for 5.25."""
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int) or exponent >= 0:
        return 0
    zeros = 0
    for digit in reversed(digits):
        if digit or zeros == -exponent:
            break
        zeros += 1
    return max(0, -exponent - zeros) if any(digits) else 0


def plain(number: Decimal) -> str:
    """The one text of `number`: `1E+2` is `100`, `1.50` is `1.5`, `-0.0` is `0`."""
    text = str(number)
    if "E" in text:
        text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def add(left: Decimal, right: Decimal) -> Decimal:
    """`left + right`, exactly."""
    return _EXACT.add(left, right)


def subtract(left: Decimal, right: Decimal) -> Decimal:
    """`left - right`, exactly."""
    return _EXACT.subtract(left, right)


def multiply(left: Decimal, right: Decimal) -> Decimal:
    """`left * right`, exactly: up to 36 digits after the point."""
    return _EXACT.multiply(left, right)


def distance(left: Decimal, right: Decimal) -> Decimal:
    """`|left - right|`, exactly."""
    return _EXACT.subtract(left, right).copy_abs()


def beyond_share(part: Decimal, whole: Decimal, share: Decimal) -> bool:
    """Whether `part / whole > share`, by cross-multiplication. `whole` is not negative."""
    return _EXACT.multiply(whole, share) < part


def rounded(number: Decimal) -> Decimal:
    """`number` at the declared scale: 18 digits after the point, half to even."""
    return number.quantize(_UNIT, context=_HALF_EVEN)


def quotient(dividend: Decimal, divisor: Decimal) -> Decimal:
    """`dividend / divisor` at the declared scale, half to even.

    Rounding twice is safe: with 160 digits, no quotient of two such numbers comes so near to a
    tie without being one.

    Raises:
        ZeroDivisionError: `divisor` is zero.
    """
    if not divisor:
        raise ZeroDivisionError(f"{dividend} / 0")
    return rounded(_HALF_EVEN.divide(dividend, divisor))
