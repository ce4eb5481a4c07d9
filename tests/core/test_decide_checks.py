"""`decide`: rules about one record, and checks against P&L; `core.decide_world` says how records are written."""

from __future__ import annotations

from decimal import Decimal

import pytest
from core.decide_world import (
    EXTERNAL,
    INTERNAL,
    D,
    bench,
    found,
    narrow_context,  # noqa: F401 - applies to each test
    record,
    tolerance,
)

from tieout.core.canonical import plain_record
from tieout.core.decide import decide
from tieout.core.model import (
    Agrees,
    Break,
    Difference,
    Kind,
    Money,
    Pair,
    Record,
    Role,
    Severity,
    Value,
)
from tieout.core.rules import Check, Measure, PnlCheck
from tieout.core.schema import PNL
from tieout.core.valuation import Instrument

# Orders


def test_edge_30_a_differing_fill_above_the_quantity_is_an_overfill() -> None:
    brk = found("quantity=10 filled=10", "quantity=10 filled=11", bench("orders"))
    assert (brk.kind, brk.severity) == (Kind.OVERFILL, Severity.HIGH)
    brk = found("quantity=10 filled=9", "quantity=10 filled=10", bench("orders"))
    assert brk.kind is Kind.QUANTITY


def test_edge_30_an_overfill_that_both_sides_know_of_is_a_break_too() -> None:
    orders = bench("orders")
    text = "quantity=10 filled=11.5 price=4 symbol=BTC/USDT status=filled"
    brk = found(text, text, orders)
    assert (brk.kind, brk.severity) == (Kind.OVERFILL, Severity.HIGH)
    assert brk.differences == (Difference("filled", "11.5", "11.5", "0"),)
    assert brk.value == Money(Decimal("6.0"), "USDT"), "what there is too much of"
    both = found("quantity=10 filled=12 status=open", "quantity=10 filled=11 status=filled", orders)
    assert [each.field for each in both.differences] == ["filled", "status"]
    assert both.kind is Kind.OVERFILL


@pytest.mark.parametrize(
    ("internal", "external"),
    [
        ("quantity=10 filled=10", "quantity=10 filled=10"),
        ("quantity=0 filled=11", "quantity=0 filled=11"),  # by its worth: no quantity is stated
        ("filled=11", "filled=11"),
        ("quantity=10", "quantity=10"),
    ],
)
def test_edge_30_what_is_filled_as_ordered_is_no_overfill(internal: str, external: str) -> None:
    pair = Pair(record(internal, "orders"), record(external, "orders"))
    assert isinstance(decide(pair, bench("orders")), Agrees)


@pytest.mark.parametrize(
    ("internal", "external", "kind"),
    [
        ("quantity=0 filled=5", "quantity=0 filled=5.1", Kind.QUANTITY),
        ("quantity=0 filled=5 status=open", "quantity=0 filled=5 status=filled", Kind.STATUS),
        ("quantity=0 filled=5", "quantity=4 filled=4", Kind.QUANTITY),
        ("quantity=0 filled=5", "quantity=4 filled=6", Kind.OVERFILL),  # the other states one
    ],
)
def test_edge_30_a_quantity_of_zero_states_none_whatever_else_differs(
    internal: str, external: str, kind: Kind
) -> None:
    for ours, theirs in ((internal, external), (external, internal)):
        assert found(ours, theirs, bench("orders")).kind is kind


def test_edge_30_what_is_not_compared_is_no_overfill() -> None:
    text = "quantity=10 filled=11 status=filled"
    for compared in ("quantity status", "filled status"):
        pair = Pair(record(text, "orders"), record(text, "orders"))
        assert isinstance(decide(pair, bench("orders", compared)), Agrees)


CANCELLED = """
status=cancelled,filled=1  status=filled,filled=1            critical
status=cancelled           status=filled                     critical
status=cancelled,filled=1  status=partially_filled,filled=2  critical
status=cancelled           status=open,filled=2              critical
status=cancelled,filled=2  status=expired,filled=2           high
status=cancelled           status=open,filled=0              high
status=rejected            status=filled                     high
"""


@pytest.mark.parametrize("line", CANCELLED.strip().splitlines())
def test_edge_28_cancelled_yet_filled_is_critical_on_either_side(line: str) -> None:
    one, other, severity = (part.replace(",", " ") for part in line.split())
    on = bench("orders", "status")
    for internal, external in ((one, other), (other, one)):
        brk = found(internal, external, on)
        assert (brk.kind, brk.severity.label) == (Kind.STATUS, severity)


# Checks


def check(pnl: PnlCheck, amount: str) -> Check:
    return Check(pnl, "pnl", ("trade_id",), Decimal(amount))


CHECKS = """
as-given 1.0  side=buy  price=10 quantity=10  fee=5    commission=2 pnl_impact=98        agrees
as-given 1.0  side=buy  price=10 quantity=10  fee=5    commission=2 pnl_impact=98.999999 agrees
as-given 1.0  side=buy  price=10 quantity=10  fee=5    commission=2 pnl_impact=99        -1
as-given 1.0  side=buy  price=10 quantity=10  fee=5    commission=2 pnl_impact=97        1
as-given 1.0  side=buy  price=10 quantity=10  fee=5    -            pnl_impact=95        agrees
as-given 1.0  side=buy  price=10 quantity=10  -        -            pnl_impact=100       agrees
as-given 1.0  -         price=10 quantity=10  -        -            pnl_impact=0         100
as-given 1.0  side=buy  price=10 quantity=10  -        -            -                    agrees
as-given 1.0  side=buy  price=10 -            -        -            pnl_impact=0         agrees
cash     0    side=buy  price=10 quantity=10  fee=5    -            pnl_impact=-205      agrees
cash     0    side=sell price=10 quantity=10  fee=5    -            pnl_impact=195       agrees
cash     0    side=sell price=10 quantity=10  fee=5    -            pnl_impact=195.01    -0.01
cash     0.01 side=sell price=10 quantity=10  fee=5    -            pnl_impact=195.01    agrees
cash     0.01 side=buy  price=10 quantity=10  fee=5    commission=0 pnl_impact=-200.02   0.02
cash     0    -         price=10 quantity=10  fee=5    -            pnl_impact=0         agrees
"""


@pytest.mark.parametrize("line", CHECKS.strip().splitlines())
def test_5_a_check_ties_the_internal_trade_to_its_pnl(line: str) -> None:
    name, amount, *cells, verdict = line.split()
    trade = " ".join(["symbol=A", *(cell for cell in cells[:4] if cell != "-")])
    row = record(" ".join(cell for cell in cells[4:] if cell != "-"), "pnl")
    on = bench(
        compared="price quantity",
        checks=(check(PnlCheck(name), amount),),
        instruments={"A": Instrument(multiplier=D(2))},
    )
    outcome = decide(Pair(record(trade), record(trade + " exec_type=trade"), checked={0: row}), on)
    if verdict == "agrees":
        assert isinstance(outcome, Agrees)
        return
    assert isinstance(outcome, Break)
    assert outcome.kind is Kind.PNL
    (difference,) = outcome.differences
    assert (difference.field, difference.difference) == ("pnl_impact", verdict)
    assert [part.role for part in outcome.records] == [Role.PRIMARY, Role.MEMBER, Role.PRIMARY]
    assert outcome.records[1].record == plain_record(row.values, PNL)


@pytest.mark.parametrize(
    ("trade", "row", "made"),
    [
        ({}, {}, True),  # nothing says what it cost: nothing
        ({}, {"commission": None}, False),  # it cost something that is not said
        ({"fee": None}, {}, False),
        ({"fee": None}, {"commission": None}, False),
        ({"fee": D(0)}, {"commission": None}, True),
        ({"fee": None}, {"commission": D(0)}, True),
    ],
)
def test_5_an_unknown_commission_is_not_zero(
    trade: dict[str, Value], row: dict[str, Value], made: bool
) -> None:
    on = bench(checks=(check(PnlCheck.AS_GIVEN, "1"),))
    one = record("price=10 quantity=10")
    ours = Record({**one.values, **trade}, one.identity)
    stated = Record({"pnl_impact": D(5), **row}, {})
    outcome = decide(Pair(ours, one, checked={0: stated}), on)
    assert isinstance(outcome, Break if made else Agrees)


def test_5_without_a_row_there_is_no_check() -> None:
    on = bench(checks=(check(PnlCheck.AS_GIVEN, "1"),))
    trade = record("price=10 quantity=10")
    assert isinstance(decide(Pair(trade, trade), on), Agrees)


def test_5_cash_of_an_inverse_contract_is_not_checked() -> None:
    on = bench(checks=(check(PnlCheck.CASH, "0"),), instruments={"A": Instrument(inverse=True)})
    trade = record("symbol=A side=buy price=10 quantity=10")
    pair = Pair(trade, trade, checked={0: record("pnl_impact=7", "pnl")})
    assert isinstance(decide(pair, on), Agrees)


def test_5_a_failing_check_stands_after_the_fields_and_is_worth_its_gap() -> None:
    on = bench(
        compare={"price": tolerance(Measure.ABSOLUTE, "1")},
        checks=(check(PnlCheck.AS_GIVEN, "1"), check(PnlCheck.CASH, "0")),
    )
    internal = record("trade_id=T symbol=A/USD side=buy quantity=10 price=10 timestamp=0s")
    external = record("trade_id=T symbol=A/USD side=buy quantity=10 price=11 timestamp=5s")
    row = record("trade_id=T pnl_impact=0", "pnl")
    brk = decide(Pair(internal, external, checked={0: row, 1: row}), on)
    assert isinstance(brk, Break)
    assert [each.field for each in brk.differences] == ["timestamp", "pnl_impact", "pnl_impact"]
    assert brk.kind is Kind.PNL
    assert brk.value == Money(D(100), "USD")
    assert sum(part.role is Role.MEMBER for part in brk.records) == 1
    assert [(part.side, kept) for part, kept in brk.held] == [
        (INTERNAL, internal),
        (EXTERNAL, external),
    ]


def test_the_seeds_own_example_row_breaks_as_given() -> None:
    """150 shares at 172.55 less 1.25 are 25881.25, and the row says 34.5."""
    on = bench(checks=(check(PnlCheck.AS_GIVEN, "1.0"),))
    trade = record("trade_id=T1 symbol=AAPL side=buy quantity=150 price=172.55")
    row = record("trade_id=T1 pnl_impact=34.5 commission=1.25", "pnl")
    brk = decide(Pair(trade, trade, checked={0: row}), on)
    assert isinstance(brk, Break)
    assert brk.differences == (Difference("pnl_impact", "25881.25", "34.5", "25846.75"),)
