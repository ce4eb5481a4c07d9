"""`decide`: what is inside a tolerance; `core.decide_world` says how records are written."""

from __future__ import annotations

from decimal import Decimal

import pytest
from core.decide_world import (
    NOON,
    D,
    bench,
    found,
    narrow_context,  # noqa: F401 - applies to each test
    record,
    tolerance,
)
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.compare import tolerance_text, within
from tieout.core.decide import decide
from tieout.core.model import Agrees, Break, Kind, Pair, WithinTolerance
from tieout.core.rules import Measure, Tolerance
from tieout.core.valuation import Instrument

TOLERANCES = """
absolute 0.005  10.000   10.005   inside    edge 42
absolute 0.005  10.005   10.000   inside
absolute 0.005  10.000   10.005000000000000001 outside
absolute 0.005  -10.000  -10.005  inside
absolute 0      1        1.000000000000000001  outside
relative 0.01   100      99       inside
relative 0.01   99       100      inside
relative 0.01   100      98.999999999999999999 outside
relative 0.01   -100     -99      inside
relative 0.01   100      101.0101010101010101  inside
relative 0.01   100      101.0101010101010102  outside
relative 1      0        5        inside
relative 0.99   0        0.000000000000000001  outside
relative 1      1        -1       outside
ticks    2      10       11       inside
ticks    2      10       11.000000000000000001 outside
exact    0      10       10.000000000000000001 outside
window   5      10       11       outside
"""


@pytest.mark.parametrize(
    "row", [line.split() for line in TOLERANCES.strip().splitlines()], ids=" ".join
)
def test_2_a_tolerance_is_inclusive_and_exact(row: list[str]) -> None:
    measure, amount, internal, external, verdict = row[:5]
    on = bench(
        compare={"price": tolerance(Measure(measure), amount)},
        instruments={"A": Instrument(tick=D("0.5"))},
    )
    left, right = (record(f"symbol=A price={price}") for price in (internal, external))
    for pair in (Pair(left, right), Pair(right, left)):
        assert isinstance(decide(pair, on), WithinTolerance) == (verdict == "inside")


numbers = st.decimals(D("-4e19"), D("4e19"), places=18, allow_nan=False)


@given(numbers, numbers, st.decimals(0, 1, places=6), st.decimals(0, 10**6, places=18))
def test_2_tolerances_do_not_depend_on_which_side_is_which(
    left: Decimal, right: Decimal, share: Decimal, amount: Decimal
) -> None:
    for each in (Tolerance(Measure.RELATIVE, share), Tolerance(Measure.ABSOLUTE, amount)):
        assert within(each, left, right, None) == within(each, right, left, None)


@pytest.mark.parametrize(("gap", "inside"), [(10**8, True), (-(10**8), True), (10**8 + 1, False)])
def test_2_a_time_window_is_inclusive_to_the_nanosecond(gap: int, inside: bool) -> None:
    on = bench(compare={"timestamp": Tolerance(Measure.WINDOW, D(10**8))})
    outcome = decide(Pair(record("timestamp=0s"), record("", timestamp=NOON + gap)), on)
    assert isinstance(outcome, WithinTolerance) == inside


def test_2_ticks_of_an_unknown_instrument_are_exact() -> None:
    on = bench(compare={"price": tolerance(Measure.TICKS, "5")}, instruments={"B": Instrument()})
    for symbol in ("A", "B"):
        assert found(f"symbol={symbol} price=1", f"symbol={symbol} price=2", on).kind is Kind.PRICE


def test_2_a_symbols_own_tolerance_comes_before_the_general_one() -> None:
    on = bench(
        compare={"price": tolerance(Measure.ABSOLUTE, "1")},
        overrides={"A": {"price": tolerance(Measure.ABSOLUTE, "9")}, "B": {"price": Tolerance()}},
    )
    outcomes = {
        symbol: type(decide(Pair(record(f"symbol={symbol} price=1"),
                                 record(f"symbol={symbol} price={price}")), on))
        for symbol, price in (("A", 10), ("B", "1.1"), ("C", 2))
    }  # fmt: skip
    assert outcomes == {"A": WithinTolerance, "B": Break, "C": WithinTolerance}


def test_2_the_internal_symbol_decides_else_the_external_one() -> None:
    on = bench(compared="price", overrides={"A": {"price": tolerance(Measure.ABSOLUTE, "9")}})
    internal, external = record("symbol=A price=1"), record("symbol=B price=2")
    assert isinstance(decide(Pair(internal, external), on), WithinTolerance)
    assert isinstance(decide(Pair(external, internal), on), Break)
    nameless = record("price=1")
    assert isinstance(decide(Pair(nameless, record("symbol=A price=1")), on), Agrees)
    assert isinstance(decide(Pair(nameless, record("symbol=A price=2")), on), WithinTolerance)


def test_3_what_is_within_tolerance_names_each_tolerance_used() -> None:
    on = bench(
        compare={
            "quantity": tolerance(Measure.RELATIVE, "0.01"),
            "price": tolerance(Measure.TICKS, "1"),
            "fee": tolerance(Measure.ABSOLUTE, "0.50"),
            "timestamp": tolerance(Measure.WINDOW, "100000000"),
        },
        instruments={"A": Instrument(tick=D("0.01"))},
    )
    internal = record("symbol=A quantity=100 price=1 fee=1 timestamp=0s")
    external = record("symbol=A quantity=99 price=1.01 fee=0.5 timestamp=0.1s")
    outcome = decide(Pair(internal, external), on)
    assert outcome == WithinTolerance(
        internal,
        external,
        (
            ("quantity", "within 1 %"),
            ("price", "within 1 tick of 0.01"),
            ("fee", "within 0.5"),
            ("timestamp", "within 0.1 s"),
        ),
    )
    assert tolerance_text(Tolerance()) == "exact"
