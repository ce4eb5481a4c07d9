"""`decide`, invariant by invariant, in the words of the domain.

A record is written `symbol=BTC/USDT quantity=1.5 timestamp=+60s`: times are seconds after noon,
dates days of July 2025, a column that is not named is null. The sides have all columns that a
test names.
"""

from __future__ import annotations

import decimal
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.bench import Bearing, Bench
from tieout.core.canonical import break_id, content, nanoseconds, plain_record
from tieout.core.compare import kind_of, tolerance_text, within
from tieout.core.decide import decide
from tieout.core.match.plan import Plan, Step
from tieout.core.model import (
    Agrees,
    Break,
    Difference,
    Expected,
    Flat,
    Group,
    Kind,
    Money,
    Pair,
    Record,
    Role,
    Severity,
    Side,
    Single,
    Unknown,
    Value,
    WithinTolerance,
)
from tieout.core.rules import (
    BusinessDeadline,
    Check,
    Duration,
    Measure,
    PnlCheck,
    Rules,
    Tolerance,
)
from tieout.core.schema import PNL, RECORD_TYPES, ColumnType
from tieout.core.valuation import Instrument, Prices, Quote

SECOND = 10**9
NOON = nanoseconds(datetime(2025, 7, 25, 12, tzinfo=UTC))
INTERNAL, EXTERNAL = Side


@pytest.fixture(autouse=True, scope="module")
def narrow_context() -> Iterator[None]:
    """A caller's context of three digits changes no answer."""
    with decimal.localcontext() as context:
        context.prec = 3
        yield


def D(text: str | int) -> Decimal:
    return Decimal(text)


def value(text: str, type_: ColumnType) -> Value:
    match type_:
        case ColumnType.DECIMAL:
            return Decimal(text)
        case ColumnType.TIME:
            return NOON + int(Fraction(text.rstrip("s").lstrip("+")) * SECOND)
        case ColumnType.DATE:
            return date(2025, 7, int(text))
        case ColumnType.TEXT:
            return text


def record(text: str, type_: str = "trades", **columns: Value) -> Record:
    contract = RECORD_TYPES[type_]
    values: dict[str, Value] = {}
    for word in text.split():
        name, _, cell = word.partition("=")
        values[name] = value(cell, contract.columns[name].type)
    values |= columns
    identity = {name: values[name] for name in contract.identity(set(values)) if name in values}
    return Record(values, identity)


def bench(
    records: str = "trades",
    compared: str | None = None,
    *,
    as_of: str = "+1000000s",
    instruments: Mapping[str, Instrument] | None = None,
    prices: Prices | None = None,
    sides: Mapping[Side, Bearing] | None = None,
    **rules: Any,
) -> Bench:
    contract = RECORD_TYPES[records]
    columns = (
        tuple(name for name in contract.columns if name in compared.split())
        if compared is not None
        else tuple(contract.columns)
    )
    plan = Plan(contract, (Step(("trade_id",)),), columns, ())
    when = value(as_of, ColumnType.TIME)
    assert isinstance(when, int)
    return Bench(
        Rules("r", records, **rules),
        plan,
        when,
        {side: Bearing() for side in Side} | dict(sides or {}),
        instruments or {},
        prices or Prices(),
    )


def found(internal: str, external: str, on: Bench) -> Break:
    records = on.records.name
    outcome = decide(Pair(record(internal, records), record(external, records)), on)
    assert isinstance(outcome, Break), outcome
    return outcome


def tolerance(measure: Measure, amount: str) -> Tolerance:
    return Tolerance(measure, Decimal(amount))


# Kinds and differences

KINDS = """
trades     symbol=A                symbol=B                 SYMBOL     high
trades     side=buy                side=sell                SIDE       critical
trades     side=buy                -                        SIDE       critical
trades     price_currency=USD      price_currency=EUR       CURRENCY   high
trades     fee_currency=USD        fee_currency=EUR         CURRENCY   high
trades     quantity=100            quantity=99              QUANTITY   medium   1
trades     quantity=100            quantity=-100            QUANTITY   critical 200
trades     price=100               price=100.5              PRICE      low      -0.5
trades     fee=1                   fee=-1                   FEE        medium   2
trades     fee=1                   -                        FEE        medium
trades     timestamp=0s            timestamp=+0.1s          TIMESTAMP  low      -0.1
trades     trade_date=25           trade_date=26            SETTLEMENT low
trades     settle_date=25          -                        SETTLEMENT low
trades     order_id=O1             order_id=O2              FIELD      low
trades     liquidity=maker         liquidity=taker          FIELD      low
trades     version=1               version=2                FIELD      low      -1
positions  leg=long                leg=short                SIDE       critical
positions  quantity=100            quantity=-100            SIDE       critical 200
positions  quantity=-3             quantity=2               SIDE       critical -5
positions  quantity=100            quantity=0               QUANTITY   critical 100
positions  quantity=-100           quantity=-99             QUANTITY   medium   -1
positions  average_price=100       average_price=99         COST_BASIS medium   1
positions  cost=100                cost=-100                COST_BASIS medium   200
positions  cost_currency=USD       cost_currency=EUR        CURRENCY   high
positions  margin=100              margin=99.5              MARGIN     low      0.5
positions  strategy=a              strategy=b               FIELD      low
balances   total=-100              total=100                BALANCE    critical -200
balances   free=1                  free=2                   BALANCE    critical -1
balances   used=1                  used=2                   BALANCE    critical -1
balances   settled=1               settled=2                BALANCE    critical -1
balances   currency=USD            currency=EUR             CURRENCY   high
balances   wallet=spot             wallet=earn              FIELD      low
balances   as_of=0s                as_of=+1s                TIMESTAMP  low      -1
orders     status=open             status=expired           STATUS     high
orders     quantity=1              quantity=2               QUANTITY   critical -1
orders     quantity=9,filled=1     quantity=9,filled=2      QUANTITY   critical -1
orders     average_price=100       average_price=99         PRICE      medium   1
orders     price=100               -                        PRICE      medium
orders     created_at=0s           created_at=+60s          TIMESTAMP  low      -60
orders     updated_at=0s           updated_at=+60s          TIMESTAMP  low      -60
pnl        pnl_impact=1            pnl_impact=2             PNL        medium   -1
pnl        realised=1              realised=2               PNL        medium   -1
pnl        unrealised=1            unrealised=2             PNL        medium   -1
pnl        commission=1            commission=2             FEE        medium   -1
pnl        date=25                 date=26                  SETTLEMENT low
movements  amount=-5               amount=5                 BALANCE    critical -10
movements  type=fee                type=funding             FIELD      low
movements  value_date=25           value_date=26            SETTLEMENT low
instruments expiry=25              expiry=26                SETTLEMENT low
instruments tick=1                 tick=2                   FIELD      low      -1
prices     price=1                 price=2                  PRICE      medium   -1
"""


@pytest.mark.parametrize(
    "row", [line.split() for line in KINDS.strip().splitlines()], ids=lambda row: " ".join(row[:3])
)
def test_the_kind_and_severity_of_a_difference(row: list[str]) -> None:
    records, internal, external, kind, severity, *difference = row
    brk = found(internal.replace(",", " "), external.strip("-").replace(",", " "), bench(records))
    assert (brk.kind.value, brk.severity.label) == (kind, severity)
    assert brk.differences[0].difference == (difference[0] if difference else None)


def test_an_extra_column_is_a_field() -> None:
    for name, type_ in (("desk", ColumnType.TEXT), ("score", ColumnType.DECIMAL)):
        extended = RECORD_TYPES["trades"].with_extra({name: type_})
        assert kind_of("trades", extended.columns[name]) is Kind.FIELD


def test_every_column_of_every_contract_has_the_kind_that_the_table_says() -> None:
    """Free text and ids are FIELD; each number, time and date that is compared is not."""
    for name, contract in RECORD_TYPES.items():
        for column in contract.columns.values():
            plain_text = column.type is ColumnType.TEXT and not column.choices
            if kind_of(name, column) is Kind.FIELD and column.compared:
                assert plain_text or name == "instruments" or column.name in ("type", "liquidity")


ALL = "symbol side price_currency quantity price fee timestamp trade_date order_id"


@given(st.sets(st.sampled_from(ALL.split()), min_size=1))
def test_4_a_break_lists_every_breaking_field_in_order_under_the_first_kind(
    names: set[str],
) -> None:
    left = "symbol=A side=buy price_currency=USD quantity=1 price=1 fee=1 timestamp=0s trade_date=1"
    right = (
        "symbol=B side=sell price_currency=EUR quantity=2 price=2 fee=2 timestamp=9s trade_date=2"
    )
    internal = record(left + " order_id=1").values
    changed = {name: record(right + " order_id=2").values[name] for name in names}
    on = bench()
    brk = decide(Pair(Record(internal, {}), Record({**internal, **changed}, {})), on)
    assert isinstance(brk, Break)
    contract = list(on.records.columns)
    assert [each.field for each in brk.differences] == sorted(names, key=contract.index)
    kinds = [kind_of("trades", on.records.columns[name]) for name in names]
    assert brk.kind is min(kinds, key=list(Kind).index)


def test_4_a_field_inside_tolerance_is_not_listed() -> None:
    on = bench(compare={"price": tolerance(Measure.ABSOLUTE, "1")})
    brk = found("price=10 quantity=1", "price=11 quantity=2", on)
    assert [each.field for each in brk.differences] == ["quantity"]


def test_1_only_the_plans_columns_are_compared() -> None:
    outcome = decide(
        Pair(record("price=1 fee=1"), record("price=1 fee=2")), bench(compared="price")
    )
    assert isinstance(outcome, Agrees)


EQUAL = """
price=1.50      price=1.5
price=0         price=-0.0
price=1E+2      price=100
symbol=A        symbol=A
timestamp=1s    timestamp=1.000s
"""


@pytest.mark.parametrize("line", EQUAL.strip().splitlines())
def test_1_equal_by_value(line: str) -> None:
    internal, external = line.split()
    assert isinstance(decide(Pair(record(internal), record(external)), bench()), Agrees)


@pytest.mark.parametrize("text", [" A", "a", "A ", "\u0410"])
def test_1_texts_are_equal_character_by_character(text: str) -> None:
    outcome = decide(Pair(record("symbol=A"), record("", symbol=text)), bench())
    assert isinstance(outcome, Break)


MEASURES = st.sampled_from(Measure)


@given(MEASURES, st.sampled_from(["price", "timestamp", "symbol", "trade_date"]), st.booleans())
def test_1_a_null_against_a_value_differs_at_any_tolerance(
    measure: Measure, name: str, internal_is_null: bool
) -> None:
    full = record("price=0 timestamp=0s symbol=A trade_date=1")
    lacking = Record({**full.values, name: None}, full.identity)
    pair = Pair(lacking, full) if internal_is_null else Pair(full, lacking)
    on = bench(
        compare={name: Tolerance(measure, D(10**9))},
        instruments={"A": Instrument(tick=D(1))},
    )
    assert isinstance(decide(pair, on), Break)
    assert isinstance(decide(Pair(lacking, lacking), on), Agrees)


# Tolerances

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


# Orders


def test_edge_30_a_differing_fill_above_the_quantity_is_an_overfill() -> None:
    brk = found("quantity=10 filled=10", "quantity=10 filled=11", bench("orders"))
    assert (brk.kind, brk.severity) == (Kind.OVERFILL, Severity.HIGH)
    brk = found("quantity=10 filled=9", "quantity=10 filled=10", bench("orders"))
    assert brk.kind is Kind.QUANTITY


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


# Singles

TRADE = "trade_id=T1 symbol=A/USD side=buy quantity=2 price=10 timestamp=0s"


@pytest.mark.parametrize(
    ("side", "kind"),
    [(INTERNAL, Kind.MISSING_EXTERNAL), (EXTERNAL, Kind.MISSING_INTERNAL)],
)
def test_edge_07_a_record_on_one_side_only_is_missing_on_the_other(side: Side, kind: Kind) -> None:
    brk = decide(Single(side, record(TRADE)), bench())
    assert isinstance(brk, Break)
    assert (brk.kind, brk.severity, brk.differences) == (kind, Severity.HIGH, ())
    assert brk.value == Money(D(20), "USD")
    assert brk.primary(side) is not None
    assert brk.primary(side.other) is None
    assert brk.held == ((brk.records[0], record(TRADE)),)


def test_6_the_partner_of_an_unreadable_record_is_unknown() -> None:
    outcome = decide(Single(INTERNAL, record(TRADE), partner_quarantined=True), bench())
    assert isinstance(outcome, Unknown)
    assert outcome.quarantined


@given(st.sampled_from(Side), st.sampled_from(["trades", "positions", "balances", "orders"]))
def test_6_a_side_that_does_not_cover_a_record_cannot_lack_it(side: Side, records: str) -> None:
    one = record("total=0" if records == "balances" else "quantity=0", records)
    uncovered = Bearing(coverage_gap=lambda each: "the file is cut" if each is one else None)
    on = bench(records, sides={side.other: uncovered})
    assert decide(Single(side, one), on) == Unknown(side, one, "the file is cut")
    on = bench("trades", sides={side: uncovered})
    assert isinstance(decide(Single(side, one), on), Break | Expected)


FLAT = """
positions quantity=0      flat
positions quantity=-0.00  flat
positions quantity=0.001  missing
balances  total=0         flat
balances  total=-1        missing
orders    quantity=0      missing
"""


@pytest.mark.parametrize("row", [line.split() for line in FLAT.strip().splitlines()])
@pytest.mark.parametrize("side", Side)
def test_edge_41_zero_and_nothing_at_the_other_side_agree(row: list[str], side: Side) -> None:
    records, cells, verdict = row
    one = record(cells, records)
    outcome = decide(Single(side, one), bench(records))
    assert isinstance(outcome, Flat if verdict == "flat" else Break)


DEADLINES = """
trades     timestamp=0s   0    +0s           expected
trades     timestamp=0s   0    +0.000000001s missing
trades     timestamp=0s   60   +60s          expected
trades     timestamp=0s   60   +60.000000001s missing
trades     timestamp=+5s  0    +0s           expected
trades     -              0    +0s           missing
trades     -              60   +100s         missing
orders     created_at=0s  60   +60s          expected
orders     created_at=0s  60   +61s          missing
orders     -              0    +0s           missing
orders     -              60   +0s           missing
positions  as_of=0s       60   +0s           missing
balances   as_of=0s       60   +0s           missing
"""


@pytest.mark.parametrize("row", [line.split() for line in DEADLINES.strip().splitlines()])
def test_edge_57_the_deadline_decides_between_expected_and_missing(row: list[str]) -> None:
    records, cells, deadline, as_of, verdict = row
    amount = "total=1 " if records == "balances" else "quantity=1 "
    on = bench(records, as_of=as_of, deadline=Duration(int(deadline) * SECOND))
    one = record(amount + cells.strip("-"), records)
    outcome = decide(Single(INTERNAL, one), on)
    assert isinstance(outcome, Expected if verdict == "expected" else Break)


def test_8_a_business_deadline_is_a_wall_clock_time() -> None:
    """A trade of Friday noon is due on Monday at 09:00 in London, 08:00 UTC."""
    deadline = BusinessDeadline(1, time(9), "Europe/London")
    due = (3 * 24 - 4) * 3600
    for late, verdict in ((0, Expected), (1, Break)):
        on = bench(as_of=f"+{due + late}s", deadline=deadline)
        assert isinstance(decide(Single(INTERNAL, record(TRADE)), on), verdict)


def test_9_a_missing_record_is_in_doubt_where_keys_were_unreadable() -> None:
    doubtful = {EXTERNAL: Bearing(keyless_quarantined=True)}
    on = bench(sides=doubtful)
    lacking = decide(Single(INTERNAL, record(TRADE)), on)
    present = decide(Single(EXTERNAL, record(TRADE)), on)
    assert isinstance(lacking, Break)
    assert isinstance(present, Break)
    assert lacking.doubt
    assert not present.doubt
    assert not found("price=1", "price=2", on).doubt


def test_a_missing_position_is_critical_and_carries_nothing() -> None:
    brk = decide(Single(INTERNAL, record("symbol=A quantity=1", "positions")), bench("positions"))
    assert isinstance(brk, Break)
    assert (brk.severity, brk.value, brk.held) == (Severity.CRITICAL, None, ())


# Groups


def group(kind: Kind, *members: tuple[Side, Role, str]) -> Group:
    return Group(kind, tuple((side, role, record(text)) for side, role, text in members))


def test_edge_11_identical_copies_are_one_informative_duplicate_by_side() -> None:
    breaks = [
        decide(group(Kind.DUPLICATE, (side, Role.DUPLICATE, TRADE), (side, Role.PRIMARY, TRADE),
                     (side, Role.DUPLICATE, TRADE)), bench())
        for side in Side
    ]  # fmt: skip
    for brk, side in zip(breaks, Side, strict=True):
        assert isinstance(brk, Break)
        assert (brk.kind, brk.severity, brk.held) == (Kind.DUPLICATE, Severity.INFO, ())
        assert [part.role for part in brk.records] == [Role.PRIMARY, *[Role.DUPLICATE] * 2]
        assert brk.id == break_id("r", brk.key, side, duplicate=True)
    single = decide(Single(INTERNAL, record(TRADE)), bench())
    assert isinstance(single, Break)
    assert len({each.id for each in (*breaks, single) if isinstance(each, Break)}) == 3


def test_edge_11_one_id_with_different_content_is_a_conflict() -> None:
    other = TRADE.replace("price=10", "price=11")
    brk = decide(
        group(
            Kind.CONFLICT,
            (EXTERNAL, Role.CANDIDATE, TRADE),
            (INTERNAL, Role.PRIMARY, other),
            (INTERNAL, Role.PRIMARY, TRADE),
        ),
        bench(),
    )
    assert isinstance(brk, Break)
    assert (brk.kind, brk.severity) == (Kind.CONFLICT, Severity.HIGH)
    assert (brk.differences, brk.alias) == ((), None)
    assert brk.id == break_id("r", brk.key, INTERNAL)
    assert [part.side for part in brk.records] == [INTERNAL, INTERNAL, EXTERNAL]
    assert [part.side for part, _ in brk.held] == [INTERNAL, INTERNAL, EXTERNAL]


def test_edge_22_equal_candidates_are_ambiguous_and_anchored_on_the_internal_side() -> None:
    members = [
        (EXTERNAL, Role.CANDIDATE, TRADE.replace("T1", "X1")),
        (EXTERNAL, Role.CANDIDATE, TRADE.replace("T1", "X2")),
        (INTERNAL, Role.CANDIDATE, TRADE.replace("T1", "I9")),
    ]
    brk = decide(group(Kind.AMBIGUOUS, *members), bench())
    assert isinstance(brk, Break)
    assert (brk.kind, brk.severity) == (Kind.AMBIGUOUS, Severity.MEDIUM)
    assert brk.key["trade_id"] == "I9"


@given(st.permutations([
    (EXTERNAL, Role.CANDIDATE, TRADE), (INTERNAL, Role.CANDIDATE, TRADE),
    (EXTERNAL, Role.CANDIDATE, TRADE.replace("T1", "T2")), (INTERNAL, Role.PRIMARY, TRADE),
]))  # fmt: skip
def test_12_the_order_of_a_groups_records_changes_nothing(
    members: list[tuple[Side, Role, str]],
) -> None:
    brk, again = (
        decide(group(Kind.AMBIGUOUS, *each), bench()) for each in (members, sorted(members))
    )
    assert brk == again


# Breaks


def test_10_a_break_is_anchored_on_the_internal_record_and_knows_its_other_id() -> None:
    internal, external = TRADE + " fee=1", TRADE.replace("T1", "X1") + " fee=2"
    brk = found(internal, external, bench())
    missing_internal = decide(Single(EXTERNAL, record(external)), bench())
    missing_external = decide(Single(INTERNAL, record(internal)), bench())
    assert isinstance(missing_internal, Break)
    assert isinstance(missing_external, Break)
    assert brk.key["trade_id"] == "T1"
    assert brk.id == missing_external.id
    assert brk.alias == missing_internal.id


def test_10_the_key_holds_the_identity_even_where_the_id_is_derived() -> None:
    trade = record("symbol=A quantity=1 timestamp=0s trade_id=x", trade_id=None)
    derived = Record(trade.values, {"trade_id": "derived-1", "symbol": "A"})
    brk = decide(Single(INTERNAL, derived), bench())
    assert isinstance(brk, Break)
    assert list(brk.key.items()) == [("symbol", "A"), ("trade_id", "derived-1")]
    assert brk.records[0].record["trade_id"] is None


def test_10_another_reconciliation_gives_another_id() -> None:
    on = bench()
    other = replace(on, rules=replace(on.rules, name="s"))
    one, two = found("price=1", "price=2", on), found("price=1", "price=2", other)
    assert one.id != two.id


def test_11_severity_is_the_worst_and_value_the_largest_over_all_findings() -> None:
    brk = found(TRADE, TRADE.replace("price=10", "price=10.01").replace("=0s", "=9s"), bench())
    assert (brk.kind, brk.severity, brk.value) == (
        Kind.PRICE,
        Severity.LOW,
        Money(D("0.02"), "USD"),
    )
    both = TRADE.replace("price=10", "price=11").replace("quantity=2", "quantity=1")
    assert found(TRADE, both, bench()).value == Money(D(10), "USD")


def test_11_the_value_is_in_the_reporting_currency_or_unknown() -> None:
    eur = Prices({"EUR/USD": Quote(D("1.25"))})
    external = TRADE.replace("price=10", "price=11")
    assert found(TRADE, external, bench(reporting_currency="EUR")).value is None
    converted = found(TRADE, external, bench(reporting_currency="EUR", prices=eur)).value
    assert converted == Money(D("1.6"), "EUR")


def test_11_values_in_several_currencies_are_not_mixed_up() -> None:
    """A fee of 1000 BNB is not more than 2 USD only since 1000 is more than 2."""
    fees = " fee=0 fee_currency=BNB", " fee=1000 fee_currency=BNB"
    external = TRADE.replace("price=10", "price=11")
    assert found(TRADE + fees[0], external + fees[1], bench()).value == Money(D(2), "USD")


def test_edge_35_long_against_short_is_a_side_break_with_difference_200() -> None:
    brk = found("symbol=A quantity=100", "symbol=A quantity=-100", bench("positions"))
    assert brk.kind is Kind.SIDE
    assert brk.severity is Severity.CRITICAL
    assert brk.differences == (Difference("quantity", "100", "-100", "200"),)
    cash = found("currency=USD total=-100", "currency=USD total=100", bench("balances"))
    assert (cash.kind, cash.differences[0].difference) == (Kind.BALANCE, "-200")
    assert cash.value == Money(D(200), "USD")


def test_edge_23_a_wrong_side_or_symbol_is_one_break() -> None:
    assert found(TRADE, TRADE.replace("buy", "sell"), bench()).kind is Kind.SIDE
    assert found(TRADE, TRADE.replace("A/USD", "B/USD"), bench()).kind is Kind.SYMBOL


def test_differences_keep_every_digit() -> None:
    """38 digits a number, and ambient contexts of three."""
    high = "49999999999999999999.999999999999999999"
    brk = found(f"price={high}", f"price=-{high}", bench())
    assert brk.differences == (
        Difference("price", high, f"-{high}", "99999999999999999999.999999999999999998"),
    )


cells = st.fixed_dictionaries(
    {
        "symbol": st.sampled_from(["A/USD", "B/USD"]),
        "side": st.sampled_from(["buy", "sell", None]),
        "quantity": st.decimals(0, 10, places=2),
        "price": st.decimals(0, 10, places=2),
        "fee": st.decimals(-1, 1, places=1) | st.none(),
        "timestamp": st.integers(NOON, NOON + 3),
    }
)


@given(cells, cells, st.decimals(0, 3, places=1), st.decimals(0, 1, places=1))
def test_3_the_outcome_follows_from_the_columns_one_by_one(
    left: dict[str, Value], right: dict[str, Value], amount: Decimal, share: Decimal
) -> None:
    compare = {
        "price": Tolerance(Measure.ABSOLUTE, amount),
        "quantity": Tolerance(Measure.RELATIVE, share),
        "timestamp": Tolerance(Measure.WINDOW, D(1)),
    }
    on = bench(compare=compare)
    differing = {name for name in left if left[name] != right[name]}
    breaking = {
        name
        for name in differing
        if not within(compare.get(name, Tolerance()), left[name], right[name], None)
    }
    outcome = decide(Pair(Record(left, {}), Record(right, {})), on)
    if breaking:
        assert isinstance(outcome, Break)
        assert {each.field for each in outcome.differences} == breaking
    elif differing:
        assert isinstance(outcome, WithinTolerance)
        assert {name for name, _ in outcome.used} == differing
    else:
        assert isinstance(outcome, Agrees)


@given(cells, cells)
def test_12_equal_values_give_equal_breaks_however_they_are_written(
    left: dict[str, Value], right: dict[str, Value]
) -> None:
    """1.5 and 1.50 are the same record: the run digest must not see a file's formatting."""

    def padded(values: dict[str, Value]) -> dict[str, Value]:
        return {
            name: Decimal(f"{each:f}00") if isinstance(each, Decimal) and "." in f"{each:f}"
            else each
            for name, each in reversed(values.items())
        }  # fmt: skip

    one = decide(Pair(Record(left, {}), Record(right, {})), bench())
    two = decide(Pair(Record(padded(left), {}), Record(padded(right), {})), bench())
    assert type(one) is type(two)
    if isinstance(one, Break) and isinstance(two, Break):
        assert content(one) == content(two)
