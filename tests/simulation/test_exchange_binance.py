"""Binance's wire: what ccxt reads of it is the account's state; signatures, pages, limits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from simulation.exchange_clients import START, StoppedClock, binance, client, opened, signed_binance

from tieout.testing.exchange import Account, Exchange, FeePlan
from tieout.testing.exchange.server import serve

D = Decimal
BTC, ETH, PERP = "BTC/USDT", "ETH/USDT", "BTC/USDT:USDT"


def over_http(account: Account, work: Callable[[Any], Awaitable[Any]]) -> Any:
    """What `work` makes of a ccxt client of the account's exchange."""

    async def main() -> Any:
        async with serve(account.exchange) as server:
            exchange = client("binance", server)
            try:
                return await work(exchange)
            finally:
                await exchange.close()

    return asyncio.run(main())


def traded(**options: Any) -> Account:
    """An account with a bit of everything."""
    account = opened(Exchange(seed=1), "binance", **options)
    account.deposit("USDT", "100000")
    account.deposit("BNB", "10.5")
    account.transfer("USDT", "50000.125", "spot", "futures")
    account.trade(BTC, "buy", "0.51234", "90000.01")
    account.trade(BTC, "sell", "0.1", "90100.05")
    order = account.place(ETH, "buy", "1.5", "3000.10", client_id="mine-1")
    account.fill(order, "0.4", "3000.10", maker=True)
    return account


def test_spot_balances_by_ccxt_are_the_wallet() -> None:
    account = traded()
    found = over_http(account, lambda exchange: exchange.fetch_balance())
    totals = {asset: D(total) for asset, total in found["total"].items()}
    assert totals == account.state.holdings("spot")
    assert D(found["used"]["USDT"]) == D("1.1") * D("3000.10")
    assert D(found["free"]["USDT"]) == totals["USDT"] - D("3300.11")


def test_edge_45_trades_by_ccxt_keep_the_fee_in_bnb_exactly() -> None:
    account = traded(fees=FeePlan(asset="BNB"))
    found = over_http(account, lambda exchange: exchange.fetch_my_trades(BTC))
    fills = account.executions[BTC].fills
    assert [
        (row["id"], row["side"], D(row["amount"]), D(row["price"]), D(row["fee"]["cost"]))
        for row in found
    ] == [(str(each.id), each.side, each.quantity, each.price, each.fee) for each in fills]
    assert {row["fee"]["currency"] for row in found} == {"BNB"}
    assert [row["timestamp"] for row in found] == [each.at for each in fills]


def test_orders_by_ccxt_open_closed_and_by_client_id() -> None:
    account = traded()

    async def work(exchange: Any) -> Any:
        return (
            await exchange.fetch_open_orders(),
            await exchange.fetch_orders(ETH),
            await exchange.fetch_order("", ETH, {"origClientOrderId": "mine-1"}),
        )

    waiting, every, named = over_http(account, work)
    assert [(row["clientOrderId"], D(row["filled"]), row["status"]) for row in waiting] == [
        ("mine-1", D("0.4"), "open")
    ]
    assert [row["id"] for row in every] == [waiting[0]["id"]] == [named["id"]]


def test_futures_by_ccxt_positions_cash_trades_and_income() -> None:
    account = traded()
    account.trade(PERP, "sell", "0.123", "91000.10")
    account.trade(PERP, "buy", "0.023", "90000.00")
    account.fund(PERP, "0.0001")
    account.place("ETH/USDT:USDT", "buy", "1", "3000")

    async def work(exchange: Any) -> Any:
        return (
            await exchange.fetch_positions(),
            await exchange.fetch_balance({"type": "swap"}),
            await exchange.fetch_my_trades(PERP),
            await exchange.fapiPrivateGetIncome({}),
            await exchange.fetch_open_orders("ETH/USDT:USDT"),
        )

    positions, balance, trades, income, orders = over_http(account, work)
    (position,) = positions
    held = account.state.positions[PERP, "net"]
    assert (position["side"], D(position["contracts"])) == ("short", D("0.1"))
    assert D(position["entryPrice"]) == held.entry == D("91000.10")
    cash = {row["asset"]: D(row["walletBalance"]) for row in balance["info"]["assets"]}
    assert cash == account.state.holdings("futures")
    assert sum(D(row["info"]["realizedPnl"]) for row in trades) == held.realised
    # The income list is the whole history of the wallet.
    assert sum(D(row["income"]) for row in income) == cash["USDT"]
    assert [row["incomeType"] for row in income if row["tradeId"] == ""] == [
        "TRANSFER", "FUNDING_FEE",
    ]  # fmt: skip
    assert len(orders) == 1


def test_edge_34_hedge_legs_by_ccxt() -> None:
    account = opened(Exchange(), "binance", hedged=True)
    account.trade(PERP, "buy", "0.3", leg="long")
    account.trade(PERP, "sell", "0.2", leg="short")
    found = over_http(account, lambda exchange: exchange.fetch_positions())
    assert {(row["side"], D(row["contracts"]), row["hedged"]) for row in found} == {
        ("long", D("0.3"), True),
        ("short", D("0.2"), True),
    }


def test_deposits_withdrawals_and_transfers() -> None:
    exchange = Exchange(StoppedClock())
    account = opened(exchange, "binance")
    account.deposit("USDT", "250.5")
    account.withdraw("USDT", "20", fee="1.5")
    account.transfer("USDT", "100", "spot", "futures")
    deposits = binance(exchange, "/sapi/v1/capital/deposit/hisrec")[2]
    withdrawals = binance(exchange, "/sapi/v1/capital/withdraw/history")[2]
    moved = binance(exchange, "/sapi/v1/asset/transfer", {"type": "MAIN_UMFUTURE"})[2]
    back = binance(exchange, "/sapi/v1/asset/transfer", {"type": "UMFUTURE_MAIN"})[2]
    assert [(row["coin"], row["amount"]) for row in deposits] == [("USDT", "250.5")]
    assert [(row["amount"], row["transactionFee"]) for row in withdrawals] == [("20", "1.5")]
    assert withdrawals[0]["applyTime"] == "2026-03-02 12:00:00"
    assert [(row["amount"], row["status"]) for row in moved["rows"]] == [("100", "CONFIRMED")]
    assert back == {"total": 0}


# Keys and time


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"secret": "another"}, 400, -1022),
        ({"key": ""}, 401, -2014),
        ({"key": "unknown"}, 401, -2015),
        ({"timestamp": 0}, 400, -1021),
        ({"timestamp": int(START.timestamp() * 1000) + 1000}, 400, -1021),
        ({"timestamp": int(START.timestamp() * 1000) - 5001}, 400, -1021),
    ],
)
def test_what_is_signed_wrong_is_refused_in_the_venues_words(
    options: dict[str, Any], status: int, code: int
) -> None:
    exchange = Exchange(StoppedClock())
    opened(exchange, "binance")
    found = binance(exchange, "/api/v3/account", **options)
    assert (found[0], found[2]["code"]) == (status, code)
    assert binance(exchange, "/api/v3/account")[0] == 200


def test_a_changed_query_and_a_revoked_key_are_refused() -> None:
    exchange = Exchange(StoppedClock())
    opened(exchange, "binance")
    url, headers = signed_binance(exchange, "/api/v3/account", {"a": "1"})
    assert "-1022" in exchange.handle("GET", url.replace("a=1", "a=2"), headers)[2]
    exchange.keys["binance-key"].revoked = True
    assert "-2015" in exchange.handle("GET", url, headers)[2]


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("/api/v3/myTrades", {}, -1102),
        ("/api/v3/myTrades", {"symbol": "NOPE"}, -1121),
        ("/api/v3/myTrades", {"symbol": "BTCUSDT", "startTime": 0, "endTime": 86_400_001}, -1127),
        ("/api/v3/myTrades", {"symbol": "BTCUSDT", "fromId": 1, "startTime": 1}, -1128),
        ("/fapi/v1/userTrades", {"symbol": "BTCUSDT", "startTime": 0, "endTime": 8 * 86_400_000}, -4165),
        ("/api/v3/order", {"symbol": "BTCUSDT", "orderId": 5}, -2013),
    ],
)  # fmt: skip
def test_wrong_questions(path: str, params: dict[str, Any], code: int) -> None:
    exchange = Exchange(StoppedClock())
    opened(exchange, "binance")
    assert binance(exchange, path, params)[2]["code"] == code


def test_what_a_key_may_do_and_paths_that_are_not_there() -> None:
    exchange = Exchange(StoppedClock())
    opened(exchange, "binance", withdraw=True)
    found = binance(exchange, "/sapi/v1/account/apiRestrictions")[2]
    assert (found["enableWithdrawals"], found["enableSpotAndMarginTrading"]) == (True, False)
    assert exchange.handle("GET", "http://x/api/v3/nothing", {})[0] == 404
    assert exchange.handle("GET", "http://x/nothing", {})[0] == 404


# Pages


@pytest.mark.parametrize(
    ("path", "symbol"), [("/api/v3/myTrades", BTC), ("/fapi/v1/userTrades", PERP)]
)
def test_edge_09_pages_of_a_thousand_by_id_lose_nothing_where_many_share_a_millisecond(
    path: str, symbol: str
) -> None:
    clock = StoppedClock()
    exchange = Exchange(clock)
    account = opened(exchange, "binance")
    account.deposit("USDT", "1000000")
    for step in range(2500):
        account.trade(symbol, "buy", "0.001", "90000.00")
        if step % 7 == 0:
            clock.pass_(milliseconds=1)
    ids: list[int] = []
    start: dict[str, int] = {"startTime": exchange.began}
    while True:
        rows = binance(exchange, path, {"symbol": "BTCUSDT", "limit": 1000, **start})[2]
        ids += [row["id"] for row in rows]
        if len(rows) < 1000:
            break
        start = {"fromId": ids[-1] + 1}
    assert ids == [fill.id for fill in account.executions[symbol].fills]
    newest = binance(exchange, path, {"symbol": "BTCUSDT"})[2]
    assert [row["id"] for row in newest] == ids[-500:]


def test_a_window_is_inclusive_at_both_ends() -> None:
    clock = StoppedClock()
    exchange = Exchange(clock)
    account = opened(exchange, "binance")
    for _ in range(5):
        account.trade(BTC, "buy", "0.1")
        clock.pass_(seconds=1)
    at = exchange.began
    window = {"symbol": "BTCUSDT", "startTime": at + 1000, "endTime": at + 3000}
    rows = binance(exchange, "/api/v3/myTrades", window)[2]
    assert [row["time"] - at for row in rows] == [1000, 2000, 3000]


def test_the_weight_of_a_minute_then_429_then_a_ban_and_a_new_minute() -> None:
    clock = StoppedClock(START + timedelta(seconds=20))
    exchange = Exchange(clock)
    opened(exchange, "binance")
    first = binance(exchange, "/api/v3/account")
    assert first[1]["X-MBX-USED-WEIGHT-1M"] == "20"
    statuses = [binance(exchange, "/api/v3/account")[0] for _ in range(330)]
    assert statuses.count(200) == 299
    assert statuses[299] == 429
    assert statuses[-1] == 418
    limited = binance(exchange, "/api/v3/account")
    assert limited[2]["code"] == -1003
    assert int(limited[1]["Retry-After"]) > 0
    clock.pass_(seconds=40)
    assert binance(exchange, "/api/v3/account")[0] == 200
