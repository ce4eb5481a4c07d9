"""What positions cost is what plain fractions come to, to the last digit."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.costing import ReferenceCosting

from tieout.core.ledger import Method, Position, costs, ratios
from tieout.core.ledger.costs import Costing

SIZES = st.decimals("-9", "9", places=2)
PRICES = st.decimals("0", "110", places=1) | st.decimals("1", "3", places=6)
FEES = st.sampled_from([None, "0", "0.5", "-0.1", "0.007"])
STEPS = (
    st.tuples(st.just("fill"), SIZES, PRICES, FEES, st.sampled_from(["USDT", "BTC", None]))
    | st.tuples(st.just("fill"), SIZES, PRICES, FEES, st.just("USDT"))
    | st.tuples(st.just("split"), SIZES)
)
METHODS = st.builds(
    Method, basis=st.sampled_from(["average", "fifo"]), fees=st.sampled_from(["in", "out"])
)
OPENINGS = st.tuples(SIZES, st.none() | PRICES, st.none() | SIZES)


def told(position: Position) -> list[Any]:
    shown = [getattr(position, name) for name in position.__struct_fields__]
    return [*shown, {name: str(fee) for name, fee in position.fees.items()}]


def do(costing: Any, step: tuple[Any, ...]) -> None:
    if step[0] == "split":
        costing.adjust(step[1])
    else:
        _, size, price, fee, currency = step
        costing.fill(size, price, None if fee is None else Decimal(fee), currency)


@pytest.mark.parametrize("bits", [24, 4096])
@given(
    method=METHODS,
    inverse=st.booleans(),
    multiplier=st.sampled_from(["1", "0.01", "7"]),
    opening=st.none() | OPENINGS,
    steps=st.lists(STEPS, max_size=14),
    asked=st.sets(st.integers(0, 14), max_size=3),
)
def test_the_same_as_plain_fractions(
    bits: int,
    method: Method,
    inverse: bool,
    multiplier: str,
    opening: tuple[Decimal, Decimal | None, Decimal | None] | None,
    steps: list[tuple[Any, ...]],
    asked: set[int],
) -> None:
    """At every step that one asks at, and whatever was asked before."""
    given_: dict[str, Any] = {"multiplier": Decimal(multiplier), "inverse": inverse}
    ours = Costing(method, currency="USDT", **given_)
    plain = ReferenceCosting(method, currency="USDT", bits=bits, **given_)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(costs, "EXACT_BITS", bits)
        if opening is not None:
            ours.open(*opening)
            plain.open(*opening)
        for number, step in enumerate(steps):
            do(ours, step)
            do(plain, step)
            if number in asked:
                assert told(ours.position(Decimal(1))) == told(plain.position(Decimal(1)))
        assert told(ours.position(Decimal(1))) == told(plain.position(Decimal(1)))


RATIOS = st.fractions() | st.builds(
    Fraction, st.integers(-(2**200), 2**200), st.integers(1, 2**200)
)


def pair(number: Fraction) -> ratios.Ratio:
    return number.numerator, number.denominator


@given(RATIOS, RATIOS)
def test_ratios_are_fractions(one: Fraction, other: Fraction) -> None:
    ours, theirs = pair(one), pair(other)
    assert ratios.plus(ours, theirs) == pair(one + other)
    assert ratios.minus(ours, theirs) == pair(one - other)
    assert ratios.times(ours, theirs) == pair(one * other)
    if other:
        assert ratios.over(ours, theirs) == pair(one / other)


@given(st.lists(RATIOS, max_size=9))
def test_a_sum_is_their_sum(numbers: list[Fraction]) -> None:
    total = ratios.Sum()
    for number in numbers:
        total.add(pair(number))
    assert total.total() == total.total() == pair(sum(numbers, Fraction(0)))


@given(RATIOS | st.integers(-99, 99).map(lambda n: Fraction(n, 32)), st.integers(0, 260))
def test_rounding_is_half_to_even_and_says_what_it_added(number: Fraction, bits: int) -> None:
    rounded, added = ratios.rounded_at(pair(number), bits)
    assert Fraction(*rounded) == Fraction(round(number * 2**bits), 2**bits)
    assert rounded == pair(Fraction(*rounded))
    assert Fraction(*added) == (Fraction(*rounded) - number) * 2**bits
