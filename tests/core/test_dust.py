"""What is too small to be traded, or to be worth anything, is at most low."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.bench import Bench
from tieout.core.decide import decide
from tieout.core.match.plan import Plan, Step
from tieout.core.model import Break, Kind, Money, Pair, Record, Severity, Side, Single, Value
from tieout.core.rules import Rules, SeverityRules
from tieout.core.schema import RECORD_TYPES
from tieout.core.severity import Finding, grade
from tieout.core.valuation import Prices, Quote

NOON = 1_700_000_000 * 10**9
PRICES = Prices({"BTC/USD": Quote(Decimal(100), NOON)})
NAMES = {"positions": ("symbol", "BTC/USD", "quantity"), "balances": ("currency", "BTC", "total")}


def severity_of(
    records: str, one: str | None, other: str | None, prices: Prices = PRICES, **small: Any
) -> Severity:
    """Of the break between two amounts of one thing; None: that side has no record."""
    name, of, column = NAMES[records]
    contract = RECORD_TYPES[records]
    bench = Bench(
        Rules("r", records, severity=SeverityRules(**small)),
        Plan(contract, (Step((name,)),), (column,), ()),
        NOON,
        prices=prices,
    )

    def record(amount: str) -> Record:
        values: dict[str, Value] = {name: of, column: Decimal(amount), "as_of": NOON}
        return Record(values, {name: of})

    if one is None or other is None:
        side = Side.INTERNAL if other is None else Side.EXTERNAL
        found = decide(Single(side, record(one or other or "")), bench)
    else:
        found = decide(Pair(record(one), record(other)), bench)
    assert isinstance(found, Break), found
    return found.severity


def sizes(of: str, least: str) -> dict[str, Any]:
    return {"minimum": {of: Decimal(least)}}


def dust(least: str, currency: str = "USD") -> dict[str, Any]:
    return {"dust": {currency: Decimal(least)}}


@pytest.mark.parametrize("records", NAMES)
@pytest.mark.parametrize(
    ("one", "other", "usual"),
    [
        ("0.002", "0.001", Severity.CRITICAL),
        ("-0.001", "-0.002", Severity.CRITICAL),
        ("0.0005", "-0.0005", Severity.CRITICAL),
        (None, "0.001", None),
        ("-0.001", None, None),
    ],
)
def test_edge_44_what_is_below_the_minimum_is_low(
    records: str, one: str | None, other: str | None, usual: Severity | None
) -> None:
    of = NAMES[records][1]
    without = severity_of(records, one, other)
    assert without > Severity.LOW
    assert usual in (None, without)
    assert severity_of(records, one, other, **sizes(of, "0.0010001")) is Severity.LOW
    assert severity_of(records, one, other, **sizes(of, "0.001")) is without
    assert severity_of(records, one, other, **sizes("ETH", "1000")) is without


@pytest.mark.parametrize("records", NAMES)
@pytest.mark.parametrize(("one", "other"), [("0.02", "0.01"), (None, "-0.01"), ("0.01", None)])
def test_edge_44_what_is_worth_less_than_dust_is_low(
    records: str, one: str | None, other: str | None
) -> None:
    without = severity_of(records, one, other)
    assert severity_of(records, one, other, **dust("1.0001")) is Severity.LOW
    assert severity_of(records, one, other, **dust("1")) is without
    assert severity_of(records, one, other, **dust("0.009", "BTC")) is without
    unknown = severity_of(records, one, other, Prices())
    if records == "balances":  # the value of a position is in USD with any price
        assert severity_of(records, one, other, Prices(), **dust("1000000")) is unknown


def test_dust_comes_before_what_is_said_of_a_kind() -> None:
    fixed = dict.fromkeys(Kind, Severity.HIGH)
    assert severity_of("balances", "2", "1", kinds=fixed) is Severity.HIGH
    assert severity_of("balances", "2", "1", kinds=fixed, **sizes("BTC", "5")) is Severity.LOW


def test_dust_never_raises_a_severity() -> None:
    fixed = dict.fromkeys(Kind, Severity.INFO)
    assert severity_of("balances", "2", "1", kinds=fixed, **sizes("BTC", "5")) is Severity.INFO


CONTRADICTIONS = [
    Kind.CONFLICT,
    Kind.DUPLICATE,
    Kind.AMBIGUOUS,
    Kind.SYMBOL,
    Kind.CURRENCY,
    Kind.OVERFILL,
    Kind.STATUS,
    Kind.TIMESTAMP,
    Kind.SETTLEMENT,
]


@pytest.mark.parametrize("kind", CONTRADICTIONS)
def test_a_contradiction_is_no_trifle(kind: Kind) -> None:
    finding = Finding(kind, value=Money(Decimal("0.01"), "USD"), amount=Decimal(1), of="BTC")
    rules = SeverityRules(kinds={kind: Severity.HIGH}, **dust("10"), **sizes("BTC", "10"))
    assert grade([finding], rules, convert=lambda value, _: value) is Severity.HIGH


AMOUNTS = st.decimals("-10", "10", places=3)


@given(AMOUNTS, AMOUNTS, st.decimals("0", "10", places=3), st.sampled_from(sorted(NAMES)))
def test_a_break_is_low_exactly_where_its_difference_is_smaller(
    one: Decimal, other: Decimal, least: Decimal, records: str
) -> None:
    if one == other:
        return
    of = NAMES[records][1]
    without = severity_of(records, str(one), str(other))
    found = severity_of(records, str(one), str(other), **sizes(of, str(least)))
    capped = min(without, Severity.LOW)
    assert found is (capped if abs(one - other) < least else without)
