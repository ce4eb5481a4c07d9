"""What a difference is worth, and when that is not known."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.model import OWN_PRICE, Money, Priced, Value
from tieout.core.money import multiply, rounded
from tieout.core.priced import prices_of, prices_text
from tieout.core.valuation import (
    Instrument,
    Prices,
    Quote,
    Valuation,
    instruments_of,
    quote_currency,
    quotes_of,
)

SECOND = 10**9
NOW = 1_000 * SECOND


def D(text: str | int) -> Decimal:
    return Decimal(text)


def usd(text: str) -> Money:
    return Money(Decimal(text), "USD")


def prices(via: tuple[str, ...] = (), max_age: int | None = None, **pairs: str) -> Prices:
    quotes = {name.replace("_", "/"): Quote(Decimal(price), NOW) for name, price in pairs.items()}
    return Prices(quotes, max_age, via)


BTC = {"symbol": "BTC/USDT:USDT", "quantity": D("2"), "price": D("100")}


@pytest.mark.parametrize(
    ("symbol", "currency"),
    [
        ("BTC/USDT:USDT", "USDT"),
        ("BTC/USDT", "USDT"),
        ("BTC/USD:BTC-240329", "USD"),
        ("AAPL", None),
        ("AAPL/", None),
        ("ES:CME", None),
        ("BRK/B", None),
        ("RDS/a.L", None),
        ("PEPE/1000SATS", "1000SATS"),
        ("BTC/usd", None),
    ],
)
def test_the_quote_of_a_unified_symbol(symbol: str, currency: str | None) -> None:
    assert quote_currency(symbol) == currency


def test_a_slash_in_a_share_class_is_no_pair() -> None:
    share = {"symbol": "BRK/B", "quantity": D(2), "cost_currency": "USD"}
    quotes = Prices({"BRK/B/USD": Quote(D(400), NOW)})
    assert Valuation(prices=quotes, as_of=NOW).whole(share) == usd("800")
    trade = {"symbol": "BRK/B", "quantity": D(2), "price": D(400)}
    assert Valuation().whole(trade) is None


def test_a_missing_trade_is_worth_quantity_times_price_times_multiplier() -> None:
    valuation = Valuation({"BTC/USDT:USDT": Instrument(multiplier=D("0.01"))})
    assert valuation.whole(BTC) == Money(D("2"), "USDT")
    assert Valuation().whole(BTC) == Money(D("200"), "USDT")


def test_a_short_position_is_worth_its_magnitude() -> None:
    short = {"symbol": "BTC/USDT", "quantity": D("-2"), "average_price": D("100")}
    assert Valuation().whole(short) == Money(D("200"), "USDT")


def test_a_negative_price_has_a_positive_value() -> None:
    oil = {"symbol": "CL", "quantity": D("10"), "price": D("-37.63"), "price_currency": "USD"}
    assert Valuation().whole(oil) == usd("376.3")


@pytest.mark.parametrize(
    ("values", "instruments", "currency"),
    [
        ({"symbol": "BTC/USDT", "price_currency": "EUR"}, {"BTC/USDT": Instrument(currency="X")},
         "EUR"),
        ({"symbol": "BTC/USDT"}, {"BTC/USDT": Instrument(currency="X")}, "X"),
        ({"symbol": "BTC/USDT", "price_currency": None}, {}, "USDT"),
        ({"symbol": "AAPL"}, {"AAPL": Instrument(currency="USD")}, "USD"),
        ({"symbol": "AAPL"}, {}, None),
        ({}, {}, None),
    ],
)  # fmt: skip
def test_the_currency_is_stated_else_the_instruments_else_the_symbols(
    values: dict[str, Value], instruments: dict[str, Instrument], currency: str | None
) -> None:
    assert Valuation(instruments).currency(values) == currency


@pytest.mark.parametrize(
    "values",
    [
        {"symbol": "AAPL", "quantity": D("1"), "price": D("2")},
        {"symbol": "BTC/USDT", "quantity": D("1")},
        {"symbol": "BTC/USDT", "quantity": D("1"), "average_price": None},
        {"total": D("5")},
        {"amount": D("5"), "currency": None},
        {"symbol": "X"},
    ],
    ids=str,
)
def test_what_cannot_be_valued_is_unknown_and_never_zero(values: dict[str, Value]) -> None:
    assert Valuation().whole(values) is None


def test_a_position_without_average_price_takes_the_price_of_its_pair() -> None:
    position = {"symbol": "BTC/USDT:USDT", "quantity": D("2"), "average_price": None}
    valuation = Valuation(prices=prices(BTC_USDT="50"), as_of=NOW)
    assert valuation.whole(position) == Money(D("100"), "USDT")
    stock = {"symbol": "AAPL", "quantity": D("2"), "average_price": None}
    valuation = Valuation({"AAPL": Instrument(currency="USD")}, prices(AAPL_USD="200"), NOW)
    assert valuation.whole(stock) == usd("400")


@pytest.mark.parametrize(
    ("column", "internal", "external", "value"),
    [
        ("quantity", {"quantity": D("3")}, {"quantity": D("2.5")}, "50"),
        ("price", {"price": D("100")}, {"price": D("100.5")}, "1"),
        ("quantity", {"quantity": D("100")}, {"quantity": D("-100")}, "20000"),
        ("fee", {"fee": D("1"), "fee_currency": "USD"}, {"fee": D("-0.5")}, "1.5"),
        ("fee", {"fee": D("1")}, {"fee": D("2"), "fee_currency": "USD"}, "1"),
        ("total", {"total": D("-100"), "currency": "USD"}, {"total": D("100")}, "200"),
        ("amount", {"amount": D("1"), "currency": "USD"}, {"amount": D("3")}, "2"),
        ("cost", {"cost": D("-5")}, {"cost": D("5")}, "10"),
        ("pnl_impact", {"pnl_impact": D("1"), "currency": "USD"}, {"pnl_impact": D("0")}, "1"),
    ],
)
def test_what_a_difference_in_a_column_is_worth(
    column: str, internal: dict[str, Value], external: dict[str, Value], value: str
) -> None:
    trade: dict[str, Value] = {
        "symbol": "X", "quantity": D("2"), "price": D("100"), "price_currency": "USD"
    }  # fmt: skip
    found = Valuation().difference(column, trade | internal, trade | external)
    assert found == usd(value)


def test_a_fee_in_an_unstated_currency_is_not_taken_for_the_price_currency() -> None:
    """It may be in a third asset, as BNB."""
    trade = {"symbol": "BTC/USDT", "quantity": D("1"), "price": D("1")}
    found = Valuation().difference("fee", trade | {"fee": D("1")}, trade | {"fee": D("2")})
    assert found is None


@pytest.mark.parametrize("column", ["symbol", "timestamp", "status", "an extra column"])
def test_what_is_no_amount_has_no_value(column: str) -> None:
    assert Valuation().difference(column, {column: "a"}, {column: "b"}) is None
    assert Valuation().difference(column, {column: D(1)}, {column: None}) is None


def test_an_inverse_contract_is_worth_quantity_times_multiplier() -> None:
    """100 contracts of 10 USD are 1000 USD, at any price."""
    instruments = {"BTC/USD:BTC": Instrument(multiplier=D("10"), inverse=True)}
    valuation = Valuation(instruments)
    position = {"symbol": "BTC/USD:BTC", "quantity": D("-100"), "price": D("40000")}
    assert valuation.whole(position) == usd("1000")
    other = position | {"price": D("40400")}
    assert valuation.difference("price", position, other) == usd("10")
    zero = position | {"price": D("0")}
    assert valuation.difference("price", zero, other) is None


numbers = st.decimals(D("-1e19"), D("1e19"), places=18, allow_nan=False)


@given(numbers, numbers, numbers)
def test_a_value_is_the_exact_product_rounded_once(
    quantity: Decimal, price: Decimal, multiplier: Decimal
) -> None:
    trade = {"symbol": "X/USD", "quantity": quantity, "price": price}
    found = Valuation({"X/USD": Instrument(multiplier=multiplier)}).whole(trade)
    assert found is not None
    exact = multiply(multiply(quantity, price), multiplier).copy_abs()
    assert found.amount == rounded(exact)
    assert found.amount >= 0


CONVERSIONS = """
amount  from  to   via   result
2       USD   USD  -     2
2       BTC   USD  -     200000
100     USD   BTC  -     0.001
1       EUR   USD  -     1.25
1       USD   EUR  -     0.8
3       USD   JPY  -     450
1       JPY   USD  -     0.006666666666666667
1       BNB   USD  -     unknown
1       BNB   USD  USDT  499.5
1       USD   BNB  USDT  0.002002002002002002
1       BNB   EUR  USDT  unknown
1       BNB   EUR  USDT,USD  399.6
1       XXX   USD  USDT  unknown
"""


@pytest.mark.parametrize("row", [line.split() for line in CONVERSIONS.strip().splitlines()[1:]])
def test_conversion_is_direct_or_inverse_or_by_the_stated_path(row: list[str]) -> None:
    amount, source, to, via, result = row
    path = () if via == "-" else tuple(via.split(","))
    book = prices(
        path, BTC_USD="100000", EUR_USD="1.25", USD_JPY="150", BNB_USDT="500", USDT_USD="0.999"
    )
    found = book.convert(Money(D(amount), source), to, NOW)
    assert found == (None if result == "unknown" else Money(D(result), to))


@pytest.mark.parametrize("price", ["0", "-1"])
def test_a_price_that_is_not_positive_converts_nothing(price: str) -> None:
    book = prices(A_B=price)
    assert book.convert(Money(D(1), "A"), "B", NOW) is None
    assert book.convert(Money(D(1), "B"), "A", NOW) is None


def test_a_price_further_away_than_max_age_is_not_used() -> None:
    book = prices(max_age=60 * SECOND, BTC_USD="100")
    btc = Money(D(1), "BTC")
    for age in (60, -60):
        assert book.convert(btc, "USD", NOW + age * SECOND) == usd("100")
        beyond = NOW + age * SECOND + (1 if age > 0 else -1)
        assert book.convert(btc, "USD", beyond) is None
    undated = Prices({"BTC/USD": Quote(D(100))}, max_age=60 * SECOND)
    assert undated.convert(btc, "USD", NOW) is None
    assert Prices({"BTC/USD": Quote(D(100))}).convert(btc, "USD", NOW) == usd("100")


def test_an_old_price_leaves_the_value_unknown() -> None:
    position = {"symbol": "BTC/USDT", "quantity": D("2")}
    book = prices(max_age=SECOND, BTC_USDT="50")
    assert Valuation(prices=book, as_of=NOW).whole(position) is not None
    assert Valuation(prices=book, as_of=NOW + 2 * SECOND).whole(position) is None


def test_instruments_from_records() -> None:
    found = instruments_of(
        [
            {"symbol": "BTC/USD:BTC", "multiplier": D("10"), "kind": "inverse", "tick": D("0.5"),
             "aliases": "XBTUSD| BTC-PERP |"},
            {"symbol": "AAPL", "multiplier": None, "currency": "USD"},
        ]
    )  # fmt: skip
    assert set(found) == {"BTC/USD:BTC", "XBTUSD", "BTC-PERP", "AAPL"}
    assert found["XBTUSD"] == Instrument(D("10"), inverse=True, tick=D("0.5"))
    assert found["AAPL"] == Instrument(D("1"), currency="USD")


def test_a_symbol_comes_before_another_instruments_alias() -> None:
    rows = [{"symbol": "A", "lot": D(1)}, {"symbol": "B", "lot": D(2), "aliases": "A"}]
    for order in (rows, rows[::-1]):
        assert instruments_of(order)["A"].lot == 1


def test_of_several_prices_the_newest_counts() -> None:
    rows = [
        {"pair": "A/B", "price": D(1), "as_of": 5},
        {"pair": "A/B", "price": D(2), "as_of": 9},
        {"pair": "A/B", "price": D(3)},
    ]
    for order in (rows, rows[::-1]):
        assert quotes_of(order) == {"A/B": Quote(D(2), 9)}


def test_a_tick_is_known_by_symbol() -> None:
    valuation = Valuation({"A": Instrument(tick=D("0.5"))})
    assert valuation.tick("A") == D("0.5")
    assert valuation.tick("B") is None
    assert valuation.tick(None) is None


def test_a_position_of_a_plain_symbol_is_worth_its_cost_currency() -> None:
    """Where nothing else says what its average price is in; a stated currency comes first."""
    position = {
        "symbol": "AAPL",
        "quantity": D("10"),
        "average_price": D("100"),
        "cost_currency": "USD",
    }
    assert Valuation().whole(position) == usd("1000")
    other = {**position, "average_price": D("101")}
    assert Valuation().difference("average_price", position, other) == usd("10")
    instruments = {"AAPL": Instrument(currency="EUR")}
    assert Valuation(instruments).whole(position) == Money(D("1000"), "EUR")
    assert Valuation().whole({**position, "symbol": "BTC/EUR"}) == Money(D("1000"), "EUR")


# By which prices


def by(value: Money | None) -> list[tuple[str | None, str | None, int | None]]:
    assert value is not None
    return [
        (each.pair, None if each.price is None else str(each.price), each.as_of)
        for each in value.by
    ]


def test_a_value_says_by_which_prices_it_came_about() -> None:
    known = prices(via=("USD",), BTC_USDT="50", USDT_USD="0.5", EUR_USD="1.25")
    valuation = Valuation(prices=known, as_of=NOW)
    own = valuation.whole(BTC)
    assert by(own) == [(None, None, None)]
    assert own is not None
    assert own.by is OWN_PRICE, "the same one for a million breaks"
    unpriced = valuation.whole({"symbol": "BTC/USDT", "quantity": D(2)})
    assert by(unpriced) == [("BTC/USDT", "50", NOW)]
    assert by(valuation.convert(unpriced, "USD")) == [
        ("BTC/USDT", "50", NOW),
        ("USDT/USD", "0.5", NOW),
    ]
    # Through a third currency, the last hop divided by the price as it stands there.
    assert by(valuation.convert(own, "EUR")) == [
        (None, None, None),
        ("USDT/USD", "0.5", NOW),
        ("EUR/USD", "1.25", NOW),
    ]


def test_an_amount_needs_no_price() -> None:
    valuation = Valuation(prices=prices(USDT_USD="0.5"), as_of=NOW)
    fee = {"fee": D(1), "fee_currency": "USDT"}
    gap = valuation.difference("fee", fee, {**fee, "fee": D(3)})
    assert by(gap) == []
    assert by(valuation.convert(gap, "USDT")) == []
    assert by(valuation.convert(gap, "USD")) == [("USDT/USD", "0.5", NOW)]


def test_the_prices_of_a_value_are_no_part_of_what_it_is() -> None:
    one, other = Money(D(1), "USD"), Money(D("1.0"), "USD", OWN_PRICE)
    assert one == other
    assert hash(one) == hash(other)
    assert one != Money(D(1), "EUR")
    assert one != D(1)


@given(
    st.lists(
        st.builds(
            Priced,
            st.text(min_size=1),
            st.decimals(allow_nan=False, allow_infinity=False, places=18).map(abs),
            st.none() | st.integers(0, 2**62),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_prices_come_back_from_their_text(found: list[Priced]) -> None:
    text = prices_text(Money(D(1), "USD", tuple(found)))
    assert prices_of(text) == tuple(found)
    assert prices_of(prices_text(Money(D(1), "USD", OWN_PRICE))) is OWN_PRICE
    assert prices_text(Money(D(1), "USD")) is None
    assert prices_text(None) is None
    assert prices_of(None) == ()


def test_a_price_may_have_an_age_of_its_own() -> None:
    old = Quote(D(2), NOW - 61 * SECOND)
    young = Prices({"A/USD": old, "B/USD": Quote(D(2), NOW - 61 * SECOND, 60 * SECOND)})
    assert young.price("A/USD", NOW) == 2
    assert young.price("B/USD", NOW) is None
    assert young.price("B/USD", NOW - SECOND) == 2
    both = Prices({"B/USD": Quote(D(2), NOW, 60 * SECOND)}, max_age=SECOND)
    assert both.price("B/USD", NOW + 2 * SECOND) == 2, "its own counts"
