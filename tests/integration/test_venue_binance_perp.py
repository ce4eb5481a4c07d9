"""Binance USD-M at the simulated exchange."""

from __future__ import annotations

import pytest
from venue_world import (
    EVERYTHING,
    HOUR,
    NOW_MS,
    D,
    World,
    answer,
    explained,
    live,
    told,
    totals,
)

from tieout.core.live import Answer, Ask

PERP = "binance_perp"
PERPS = frozenset({"BTC/USDT:USDT", "ETH/USDT:USDT"})
MOVED = Ask("movements", since=EVERYTHING)


def test_edge_34_positions_have_their_sign_and_their_leg() -> None:
    def hedge(world: World) -> None:
        world.account.deposit("USDT", "100000", wallet="futures")
        world.account.trade("BTC/USDT:USDT", "buy", "0.3", "90000", leg="long")
        world.account.trade("BTC/USDT:USDT", "sell", "0.2", "91000", leg="short")

    found = answer(PERP, hedge, Ask("positions"), hedged=True)
    assert sorted(told(found, "symbol", "leg", "quantity", "average_price")) == [
        ("BTC/USDT:USDT", "long", "0.3", "90000"),
        ("BTC/USDT:USDT", "short", "-0.2", "91000"),
    ]

    def net(world: World) -> None:
        world.account.trade("BTC/USDT:USDT", "sell", "0.3", "90000")
        world.account.trade("ETH/USDT:USDT", "sell", "1", "3000")
        world.account.trade("ETH/USDT:USDT", "buy", "1", "3000")

    found = answer(PERP, net, Ask("positions"))
    assert told(found, "symbol", "leg", "quantity") == [("BTC/USDT:USDT", "net", "-0.3")]
    assert found.complete
    assert found.together


@pytest.mark.parametrize("adapter", ["binance_perp", "bybit_perp"])
def test_edge_34_fills_name_the_leg_that_they_changed(adapter: str) -> None:
    async def asked(world: World) -> None:
        account, at = world.account, NOW_MS - HOUR
        wallet = "futures" if adapter == PERP else "unified"
        account.deposit("USDT", "100000", wallet=wallet, at=at)
        account.trade("BTC/USDT:USDT", "buy", "0.3", "90000", leg="long", at=at + 1)
        account.trade("BTC/USDT:USDT", "sell", "0.2", "91000", leg="short", at=at + 2)
        account.trade("BTC/USDT:USDT", "sell", "0.1", "92000", leg="long", at=at + 3)
        account.trade("BTC/USDT:USDT", "buy", "0.05", "92000", leg="short", at=at + 4)
        feed = world.feed()
        trades, moved = await feed.fetch(Ask("trades", EVERYTHING)), await feed.fetch(MOVED)
        legs = {each[0] for each in told(trades, "leg")}
        assert legs == {"long", "short"}
        held = totals(await feed.fetch(Ask("positions")))
        found = explained(trades, moved)
        assert {key: found[key] for key in held} == held

    live(adapter, asked, hedged=True)


def test_a_balance_is_cash_without_what_is_not_realised() -> None:
    def happened(world: World) -> None:
        world.account.deposit("USDT", "1000", wallet="futures")
        world.account.trade("BTC/USDT:USDT", "buy", "0.1", "90000")
        world.exchange.set_price("BTC/USDT:USDT", D(99000))

    found = answer(PERP, happened, Ask("balances"))
    assert told(found, "currency", "wallet", "total") == [("USDT", "futures", "995.5")]


def test_edge_47_all_that_moves_a_futures_balance_is_among_the_events() -> None:
    async def asked(world: World) -> None:
        account, at = world.account, NOW_MS - HOUR
        account.deposit("USDT", "100000", at=at)
        account.transfer("USDT", "50000", "spot", "futures", at=at + 1)
        account.trade("BTC/USDT:USDT", "buy", "0.3", "90000", at=at + 2)
        account.trade("ETH/USDT:USDT", "sell", "2", "3000", at=at + 3)
        account.trade("BTC/USDT:USDT", "sell", "0.1", "91234.5", at=at + 4)
        account.fund("BTC/USDT:USDT", "0.0001", at=at + 5)
        account.fund("ETH/USDT:USDT", "0.0001", at=at + 5)
        account.trade("ETH/USDT:USDT", "buy", "3", "2900", at=at + 6)
        feed = world.feed()
        # No symbols: they come from the income, and from the positions.
        trades = await feed.fetch(Ask("trades", EVERYTHING))
        moved = await feed.fetch(Ask("movements", EVERYTHING))
        assert trades.symbols == PERPS
        assert len(trades.records) == 4
        held = await feed.fetch(Ask("balances")), await feed.fetch(Ask("positions"))
        assert explained(trades, moved) == totals(*held)
        funded = [each for each in told(moved, "type", "symbol") if each[0] == "funding"]
        assert sorted(str(each[1]) for each in funded) == sorted(PERPS)
        assert len(moved.records) == 5, "one transfer, two fundings, two realised; no commission"

    live(PERP, asked)


@pytest.mark.parametrize("kind", ["liquidation", "adl"])
def test_edge_32_what_the_venue_closed_itself_is_marked(kind: str) -> None:
    def happened(world: World) -> None:
        world.account.trade("BTC/USDT:USDT", "buy", "0.3", "90000")
        world.account.liquidate("BTC/USDT:USDT", execution=kind)

    found = answer(PERP, happened, Ask("trades", EVERYTHING))
    assert told(found, "side", "exec_type") == [("buy", "trade"), ("sell", kind)]


def test_conditional_orders_are_among_the_open_ones() -> None:
    row = {
        "algoId": 3358, "clientAlgoId": "stop", "algoType": "CONDITIONAL", "orderType": "STOP",
        "symbol": "BTCUSDT", "side": "SELL", "positionSide": "BOTH", "quantity": "0.002",
        "algoStatus": "NEW", "triggerPrice": "80000.00", "price": "79000.00",
        "createTime": NOW_MS - 10, "updateTime": NOW_MS - 10,
    }  # fmt: skip

    async def asked(world: World) -> Answer:
        world.instead["/fapi/v1/openAlgoOrders"] = [row]
        return await world.feed().fetch(Ask("orders"))

    columns = ("order_id", "client_order_id", "side", "quantity", "filled", "price", "status")
    assert told(live(PERP, asked), *columns) == [
        ("algo-3358", "stop", "sell", "0.002", "0", "79000", "open")
    ]


def test_an_income_that_nobody_knows_is_quarantined_and_not_left_out() -> None:
    row = {
        "symbol": "", "incomeType": "SOMETHING_NEW", "income": "-1.5", "asset": "USDT",
        "time": NOW_MS - 10, "info": "", "tranId": 7, "tradeId": "",
    }  # fmt: skip

    async def asked(world: World) -> Answer:
        world.instead["/fapi/v1/income"] = [row]
        return await world.feed().fetch(Ask("movements"))

    found = live(PERP, asked)
    assert found.records == ()
    assert "SOMETHING_NEW" in found.quarantined[0].reason
    assert not found.complete
