"""`decide`, invariant by invariant: what differs, and what a break says; `core.decide_world` says how records are written."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from core.decide_world import (
    EXTERNAL,
    INTERNAL,
    NOON,
    TRADE,
    D,
    bench,
    found,
    narrow_context,  # noqa: F401 - applies to each test
    record,
    tolerance,
)
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.canonical import content
from tieout.core.compare import kind_of, within
from tieout.core.decide import decide
from tieout.core.model import (
    Agrees,
    Break,
    Difference,
    Kind,
    Money,
    Pair,
    Record,
    Severity,
    Single,
    Value,
    WithinTolerance,
)
from tieout.core.rules import Measure, Tolerance
from tieout.core.schema import RECORD_TYPES, ColumnType
from tieout.core.valuation import Instrument, Prices, Quote

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
    assert brk.aliases == (missing_internal.id,)


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
