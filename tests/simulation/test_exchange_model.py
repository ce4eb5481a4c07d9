"""The exchange itself: what events do to an account, and how it was at any past instant."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulation.exchange_clients import StoppedClock

from tieout.testing.exchange import Account, Exchange, FeePlan, Listing
from tieout.testing.exchange.records import Position, moved
from tieout.testing.exchange.state import STRIDE, State

D = Decimal
BTC, PERP = "BTC/USDT", "BTC/USDT:USDT"
FREE = FeePlan(D(0), D(0), "quote", D(0), D(0))


def account(venue: str = "binance", **options: object) -> Account:
    return Exchange(StoppedClock()).open(venue, **options)  # type: ignore[arg-type]


def test_a_spot_fill_moves_base_quote_and_the_fee_in_what_was_received() -> None:
    held = account()
    held.deposit("USDT", "1000")
    held.trade(BTC, "buy", "0.01", "90000.00")
    held.trade(BTC, "sell", "0.002", "91000.00")
    assert held.state.wallets == {
        ("spot", "USDT"): D(1000) - D(900) + D(182) - D("0.182"),
        ("spot", "BTC"): D("0.01") - D("0.00001") - D("0.002"),
    }


def test_edge_45_a_fee_in_a_third_asset_takes_from_that_asset_only() -> None:
    held = account(fees=FeePlan(asset="BNB"))
    held.deposit("BNB", "1")
    fill = held.trade(BTC, "buy", "0.01", "90210.00")
    assert (fill.fee_asset, fill.fee) == ("BNB", D("0.00100000"))  # 0.9021 USDT at 902.10
    assert held.state.wallets["spot", "BTC"] == D("0.01")
    assert held.state.wallets["spot", "BNB"] == D("0.999")


def test_a_rebate_is_a_negative_fee() -> None:
    held = account(fees=FeePlan(perpetual_maker=D("-0.0001")))
    fill = held.trade(PERP, "buy", "1", "90000", maker=True)
    assert fill.fee == D(-9)
    assert held.state.wallets["futures", "USDT"] == D(9)


def test_edge_36_a_flip_in_one_fill_realises_the_old_side_and_opens_at_its_price() -> None:
    held = account(fees=FREE)
    held.trade(PERP, "buy", "1", "90000")
    fill = held.trade(PERP, "sell", "3", "90500")
    held.trade(PERP, "sell", "2", "90600")
    position = held.state.positions[PERP, "net"]
    assert fill.realised == D(500)
    assert (position.quantity, position.entry) == (D(-4), D(90550))
    assert held.state.wallets["futures", "USDT"] == D(500)


def test_edge_34_hedge_legs_are_two_positions() -> None:
    held = account(hedged=True, fees=FREE)
    held.trade(PERP, "buy", "2", leg="long")
    held.trade(PERP, "sell", "2", leg="short")
    legs = {leg: position.quantity for (_, leg), position in held.state.positions.items()}
    assert legs == {"long": D(2), "short": D(-2)}


def test_edge_48_funding_is_of_what_is_left_and_signed() -> None:
    held = account(fees=FREE)
    held.trade(PERP, "buy", "2", "91250.00")
    held.trade(PERP, "sell", "1.5", "91250.00")
    paid = held.fund(PERP, "0.0001")
    assert paid is not None
    assert paid.amount == D("-4.5625")
    assert held.state.wallets["futures", "USDT"] == D("-4.5625")
    assert held.fund("ETH/USDT:USDT", "0.0001") is None


def test_a_transfer_is_one_event_with_both_wallets() -> None:
    held = account()
    held.deposit("USDT", "100")
    held.transfer("USDT", "30", "spot", "futures")
    assert [len(event.cash) for event in held.history.events] == [1, 2]
    assert held.state.holdings("spot") == {"USDT": D(70)}
    assert held.state.holdings("futures") == {"USDT": D(30)}


def test_a_liquidation_closes_and_is_no_order_of_ours() -> None:
    held = account(fees=FREE)
    held.trade(PERP, "sell", "0.5", "91250.00")
    fill = held.liquidate(PERP)
    assert fill is not None
    assert (fill.side, fill.quantity, fill.execution) == ("buy", D("0.5"), "liquidation")
    assert fill.order.client_id.startswith("autoclose-")
    assert not held.state.positions[PERP, "net"].quantity
    assert held.liquidate(PERP) is None


def test_edges_27_28_30_orders_end_as_they_ended_and_can_be_overfilled() -> None:
    held = account()
    order = held.place(BTC, "buy", "1", "90000.00")
    held.fill(order, "0.4", "90000.00")
    assert held.state.orders[order.id].status == "partially_filled"
    ended = held.cancel(order)
    assert (ended.status, ended.filled) == ("cancelled", D("0.4"))
    assert order.id not in held.state.orders
    late = held.fill(order, "0.6", "90000.00").order
    assert (late.status, late.filled) == ("cancelled", D(1))
    more = held.fill(held.place(BTC, "buy", "1", "90000.00"), "1.5", "90000.00").order
    assert (more.status, more.filled) == ("filled", D("1.5"))


def test_open_spot_orders_lock_and_take_nothing() -> None:
    held = account()
    held.deposit("USDT", "100000")
    held.place(BTC, "buy", "0.5", "90000.00")
    assert held.state.wallets["spot", "USDT"] == D(100000)
    assert held.state.locked() == {"USDT": D(45000)}


@pytest.mark.parametrize("number", [0.1, "0.123456789", "NaN"])
def test_what_no_venue_could_say_is_refused(number: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        account().deposit("USDT", number)  # type: ignore[arg-type]


def test_a_leg_or_a_symbol_that_the_account_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="mode"):
        account().trade(PERP, "buy", "1", leg="long")
    with pytest.raises(ValueError, match="does not list"):
        account("kraken").trade(PERP, "buy", "1")


def test_a_listing_of_ones_own() -> None:
    coin = Listing("X/USDT", "X", "USDT", D("0.1"), D(1), D(7), frozenset({"binance"}))
    held = Exchange(StoppedClock(), listings=[coin]).open("binance", fees=FREE)
    held.trade("X/USDT", "buy", "3")
    assert held.state.wallets == {("spot", "X"): D(3), ("spot", "USDT"): D(-21)}


# Positions: whatever the fills, the numbers add up

SIZES = st.integers(-50, 50).filter(bool).map(lambda n: D(n).scaleb(-3))
PRICES = st.integers(1, 10**6).map(lambda n: D(n).scaleb(-2))


@given(st.lists(st.tuples(SIZES, PRICES), min_size=1, max_size=30))
def test_quantity_is_the_sum_of_fills_and_pnl_the_cash_of_all_but_rounding(
    fills: list[tuple[D, D]],
) -> None:
    position = Position(PERP, "net")
    gains = []
    for quantity, price in fills:
        position, gain = moved(position, quantity, price, 1)
        gains.append(gain)
    quantity = sum((size for size, _ in fills), D(0))
    assert position.quantity == quantity
    assert position.realised == sum(gains)
    if not quantity:
        # Flat: what came in less what went out. Each average may be off by half a step.
        cash = -sum((size * price for size, price in fills), D(0))
        assert abs(position.realised - cash) <= D("0.00000001") * len(fills)
        assert position.entry == 0


@given(
    st.lists(
        st.tuples(st.sampled_from(["buy", "sell", "fund", "place", "move"]), st.integers(0, 3))
    ),
    st.integers(-1, 200),
)
def test_a_past_state_is_what_a_replay_up_to_then_gives(
    steps: list[tuple[str, int]], asked: int
) -> None:
    held = account()
    at = held.exchange.milliseconds()
    for step, gap in steps:
        at += gap
        if step == "fund":
            held.fund(PERP, "0.0001", at=at)
        elif step == "place":
            held.place(BTC, "buy", "0.1", "90000.00", at=at)
        elif step == "move":
            held.transfer("USDT", "1", "spot", "futures", at=at)
        else:
            held.trade(PERP, step, "0.1", "90000", at=at)
    instant = held.exchange.began + asked
    replayed = State()
    for event in held.history.events:
        if event.at <= instant:
            replayed.apply(event)
    assert held.history.state(instant) == replayed


def test_a_past_state_far_from_the_last_kept_one() -> None:
    held = account(fees=FREE)
    began = held.exchange.began
    for step in range(2 * STRIDE + 100):
        held.trade(PERP, "buy", "0.001", "90000", at=began + step)
    for past in (0, 1, STRIDE - 1, STRIDE, STRIDE + 7, 2 * STRIDE + 50):
        state = held.history.state(began + past)
        assert state.positions[PERP, "net"].quantity == D(past + 1) / 1000
    assert held.history.state(began - 1).positions == {}


def test_time_does_not_go_back() -> None:
    held = account()
    held.deposit("USDT", "1")
    with pytest.raises(ValueError, match="after one at"):
        held.deposit("USDT", "1", at=held.exchange.began - 1)
