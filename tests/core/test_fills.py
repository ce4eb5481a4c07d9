"""Fills of one order, summed: exact, in any order, and never more than the fills say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tieout.core.fills import by_order, fees
from tieout.core.model import Record
from tieout.core.money import quotient


def fill(number: int, /, **values: Any) -> Record:
    row = {
        "account": "main",
        "venue": "binance",
        "symbol": "BTC/USDT",
        "trade_id": f"t{number}",
        "side": "buy",
        "order_id": "V1",
        "quantity": Decimal(1),
        "price": Decimal(100),
        "fee": Decimal("0.1"),
        "fee_currency": "USDT",
        "timestamp": number,
        "liquidity": "maker",
        **values,
    }
    return Record(row, {}, number)


def test_edge_21_fills_of_an_order_are_one_trade_at_their_average() -> None:
    (order,) = by_order(
        [
            fill(1, quantity=Decimal("0.1"), price=Decimal(100)),
            fill(2, quantity=Decimal("0.2"), price=Decimal(101), liquidity="taker"),
        ]
    )
    assert order.values == {
        "account": "main",
        "venue": "binance",
        "symbol": "BTC/USDT",
        "trade_id": "order:V1",
        "side": "buy",
        "order_id": "V1",
        "quantity": Decimal("0.3"),
        "price": Decimal("100.666666666666666667"),
        "fee": Decimal("0.2"),
        "fee_currency": "USDT",
        "timestamp": 2,
        "liquidity": None,
    }
    assert order.identity == {
        "account": "main",
        "venue": "binance",
        "symbol": "BTC/USDT",
        "trade_id": "order:V1",
        "side": "buy",
    }


def test_orders_sides_symbols_accounts_and_venues_stay_apart() -> None:
    apart = [
        fill(1),
        fill(2, order_id="V2"),
        fill(3, side="sell"),
        fill(4, symbol="ETH/USDT"),
        fill(5, account="other"),
        fill(6, venue="bybit"),
    ]
    assert [each.values["timestamp"] for each in by_order(apart)] == [1, 2, 3, 4, 5, 6]


def test_edge_32_a_trade_without_an_order_stays_as_it_is() -> None:
    liquidations = [fill(1, order_id=None), fill(2, order_id=None)]
    assert by_order(liquidations) == liquidations


def test_edge_45_fees_in_several_currencies_have_no_sum() -> None:
    mixed = [fill(1), fill(2, fee_currency="BNB", fee=Decimal("-0.01")), fill(3)]
    (order,) = by_order(mixed)
    assert (order.values["fee"], order.values["fee_currency"]) == (None, None)
    assert fees(mixed) == {"USDT": Decimal("0.2"), "BNB": Decimal("-0.01")}


def test_edge_46_a_fee_that_is_not_known_yet_leaves_the_sum_unknown() -> None:
    (order,) = by_order([fill(1), fill(2, fee=None)])
    assert order.values["fee"] is None


def test_what_says_something_of_one_fill_is_not_said_of_the_order() -> None:
    (order,) = by_order([fill(1, version=Decimal(3), sequence=Decimal(9), supersedes="t0")])
    assert [order.values[name] for name in ("version", "sequence", "supersedes")] == [None] * 3


def test_a_zero_order_keeps_a_price() -> None:
    (order,) = by_order([fill(1, quantity=Decimal(0))])
    assert order.values["price"] == Decimal(100)


numbers = st.decimals("0.00000001", "100000", places=8)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=8), st.randoms())
def test_the_order_of_arrival_changes_nothing(parts: list[tuple[Any, Any]], chance: Any) -> None:
    fills = [
        fill(number, quantity=quantity, price=price, fee=price)
        for number, (quantity, price) in enumerate(parts)
    ]
    shuffled = list(fills)
    chance.shuffle(shuffled)
    (order,), (again,) = by_order(fills), by_order(shuffled)
    assert order.values == again.values
    assert order.values["quantity"] == sum(quantity for quantity, _ in parts)
    notional = sum(quantity * price for quantity, price in parts)
    assert order.values["price"] == quotient(notional, sum(quantity for quantity, _ in parts))


@given(st.lists(numbers, min_size=2, max_size=6))
def test_summing_sums_again_gives_the_same_quantity(quantities: list[Decimal]) -> None:
    fills = [fill(number, quantity=each) for number, each in enumerate(quantities)]
    once = by_order(fills)
    assert by_order(once)[0].values == once[0].values


def test_edge_16_17_what_was_busted_or_replaced_is_not_in_the_sum() -> None:
    """In any order of arrival; also where the venue lists the bust alone."""
    rows = [
        fill(1, quantity=Decimal(1)),
        fill(2, quantity=Decimal(2)),
        fill(3, quantity=Decimal(2), supersedes="t2", exec_type="bust"),
        fill(4, quantity=Decimal(4)),
        fill(5, quantity=Decimal(3), supersedes="t4", exec_type="correct"),
        fill(6, quantity=Decimal(9), supersedes="t0", exec_type="bust"),
        fill(7, quantity=Decimal(7), exec_type="bust"),
    ]
    for given_ in (rows, rows[::-1]):
        (order,) = by_order(given_)
        assert order.values["quantity"] == 4
        assert order.values["fee"] == Decimal("0.2")
    assert by_order([rows[1], rows[2]]) == []
    (correct,) = by_order([rows[4]])
    assert correct.values["quantity"] == 3, "what it stands for was listed elsewhere, or not at all"


def test_edge_14_a_bust_of_another_account_takes_nothing_away() -> None:
    bust = fill(2, supersedes="t1", exec_type="bust", account="other")
    assert [each.values["quantity"] for each in by_order([fill(1), bust])] == [1]
