"""The invariants of `tieout.core.money`, whatever the ambient decimal context is."""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.money import (
    LIMIT,
    SCALE,
    add,
    beyond_share,
    decimals,
    distance,
    exact,
    fits,
    multiply,
    plain,
    quotient,
    rounded,
    subtract,
)

numbers = st.integers(-(5 * 10**37) + 1, 5 * 10**37 - 1).map(
    lambda units: Decimal((units < 0, tuple(map(int, str(abs(units)))), -SCALE))
)
"""Every number that a record may hold."""

UNIT = Fraction(1, 10**SCALE)


@pytest.fixture(autouse=True, scope="module")
def narrow_context() -> Iterator[None]:
    """A caller's context of three digits must not reach our arithmetic."""
    with decimal.localcontext() as context:
        context.prec = 3
        yield


@given(numbers, numbers)
def test_arithmetic_is_exact(left: Decimal, right: Decimal) -> None:
    a, b = Fraction(left), Fraction(right)
    assert Fraction(add(left, right)) == a + b
    assert Fraction(subtract(left, right)) == a - b
    assert Fraction(multiply(left, right)) == a * b
    assert Fraction(distance(left, right)) == abs(a - b)


@given(numbers, numbers, numbers)
def test_a_product_of_three_numbers_is_exact(a: Decimal, b: Decimal, c: Decimal) -> None:
    assert Fraction(multiply(multiply(a, b), c)) == Fraction(a) * Fraction(b) * Fraction(c)


def test_what_would_have_to_be_rounded_raises() -> None:
    wide = Decimal((0, (1,) * 100, 0))
    with pytest.raises(decimal.Inexact):
        multiply(wide, wide)


@given(numbers, numbers, st.decimals(0, 1, places=4))
def test_beyond_share_is_part_over_whole_without_the_division(
    part: Decimal, whole: Decimal, share: Decimal
) -> None:
    whole = whole.copy_abs()
    expected = Fraction(part) > Fraction(share) * Fraction(whole)
    assert beyond_share(part, whole, share) == expected


@given(numbers)
def test_every_storable_number_fits_and_has_one_text(number: Decimal) -> None:
    assert fits(number)
    text = plain(number)
    assert Decimal(text) == number
    assert "E" not in text
    assert text != "-0"
    assert not ("." in text and text.endswith(("0", ".")))


@given(numbers, st.integers(0, 12))
def test_equal_numbers_have_equal_texts(number: Decimal, zeros: int) -> None:
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    assert plain(Decimal((sign, (*digits, *(0,) * zeros), exponent - zeros))) == plain(number)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1E+2", "100"),
        ("0E+3", "0"),
        ("-0.00", "0"),
        ("0E-30", "0"),
        ("1E-18", "0.000000000000000001"),
        ("-1.50", "-1.5"),
        ("1234567890123456789012345", "1234567890123456789012345"),
    ],
)
def test_plain(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


@pytest.mark.parametrize(
    ("number", "needed"),
    [("5", 0), ("5.00", 0), ("5.25", 2), ("5E+3", 0), ("0.000", 0), ("1E-18", 18), ("10.10", 1)],
)
def test_decimals_counts_the_digits_that_are_needed(number: str, needed: int) -> None:
    assert decimals(Decimal(number)) == needed


def test_fits_ends_at_5e19_and_at_18_decimals() -> None:
    below = Decimal("49999999999999999999.999999999999999999")
    assert fits(below)
    assert fits(below.copy_negate())
    assert not fits(LIMIT)
    assert not fits(LIMIT.copy_negate())
    assert fits(Decimal("0.1000000000000000000"))
    assert not fits(Decimal("1E-19"))


def test_the_difference_of_the_two_extremes_fits_decimal_38_18() -> None:
    below = Decimal("49999999999999999999.999999999999999999")
    gap = subtract(below, below.copy_negate())
    assert len(gap.as_tuple().digits) <= 38


@pytest.mark.parametrize("value", [1.5, True, float("nan")])
def test_a_float_or_a_bool_is_no_amount(value: object) -> None:
    with pytest.raises(TypeError):
        exact(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "abc", "NaN", "Infinity", "-inf", "1,5", "1_000"])
def test_exact_refuses_what_is_no_finite_number(text: str) -> None:
    with pytest.raises(ValueError, match="number"):
        exact(text)


def test_exact_keeps_every_digit() -> None:
    text = "12345678901234567890.123456789012345678"
    assert str(exact(text)) == text


@given(numbers, numbers)
def test_a_value_is_rounded_once_half_to_even(left: Decimal, right: Decimal) -> None:
    product = multiply(left, right)
    assert Fraction(rounded(product)) == _half_even(Fraction(product))


@given(numbers, numbers.filter(bool))
def test_a_quotient_is_rounded_once_half_to_even(left: Decimal, right: Decimal) -> None:
    assert Fraction(quotient(left, right)) == _half_even(Fraction(left) / Fraction(right))


@pytest.mark.parametrize(
    ("number", "result"),
    [("0.5E-18", "0"), ("1.5E-18", "2E-18"), ("2.5E-18", "2E-18"), ("-1.5E-18", "-2E-18")],
)
def test_ties_go_to_the_even_digit(number: str, result: str) -> None:
    assert rounded(Decimal(number)) == Decimal(result)


def test_nothing_is_divided_by_zero() -> None:
    with pytest.raises(ZeroDivisionError):
        quotient(Decimal(1), Decimal("0.00"))


def _half_even(number: Fraction) -> Fraction:
    return round(number / UNIT) * UNIT
