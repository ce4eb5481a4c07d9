"""Bybit's wire: what ccxt reads of it is the account's state; signatures, cursors, windows."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from simulation.exchange_clients import START, StoppedClock, bybit, client, opened

from tieout.testing.exchange import Exchange
from tieout.testing.exchange.server import serve

D = Decimal
BTC, ETH, PERP = "BTC/USDT", "ETH/USDT", "BTC/USDT:USDT"
DAY = 86_400_000


def test_ccxt_reads_the_accounts_state() -> None:
    account = opened(Exchange(), "bybit")
    account.deposit("USDT", "100000")
    account.trade(BTC, "buy", "0.51234", "90000.01")
    account.trade(PERP, "sell", "0.123", "91000.10")
    account.trade(PERP, "buy", "0.023", "90000.00")
    account.fund(PERP, "0.0001")
    order = account.place(ETH, "buy", "1.5", "3000.10", client_id="mine-1")
    account.fill(order, "0.4", "3000.10", maker=True)

    async def work() -> Any:
        async with serve(account.exchange) as server:
            exchange = client("bybit", server)
            try:
                return (
                    await exchange.fetch_balance(),
                    await exchange.fetch_positions(),
                    await exchange.fetch_my_trades(BTC),
                    await exchange.fetch_my_trades(PERP),
                    await exchange.fetch_open_orders(ETH),
                )
            finally:
                await exchange.close()

    balance, positions, spot, perps, orders = asyncio.run(work())
    totals = {asset: D(total) for asset, total in balance["total"].items()}
    assert totals == account.state.holdings("unified")
    (position,) = positions
    held = account.state.positions[PERP, "net"]
    assert (position["side"], D(position["contracts"])) == ("short", D("0.1"))
    assert D(position["entryPrice"]) == held.entry
    assert [(row["symbol"], D(row["amount"]), row["fee"]["currency"]) for row in spot] == [
        (BTC, D("0.51234"), "BTC")
    ]
    assert [row["symbol"] for row in perps] == [PERP, PERP]
    assert sum(D(row["fee"]["cost"]) for row in perps) == D("11.1930123") * D("0.5") + D("1.035")
    assert [(row["clientOrderId"], D(row["filled"])) for row in orders] == [("mine-1", D("0.4"))]


def test_executions_of_every_kind_and_the_log_that_explains_the_wallet() -> None:
    exchange = Exchange(StoppedClock())
    account = opened(exchange, "bybit")
    account.deposit("USDT", "1000")
    account.trade(PERP, "buy", "0.1")
    account.fund(PERP, "0.0001")
    account.liquidate(PERP)
    rows = bybit(exchange, "/v5/execution/list", {"category": "linear"})[2]["result"]["list"]
    assert [row["execType"] for row in rows] == ["BustTrade", "Funding", "Trade"]
    only = {"category": "linear", "execType": "Trade"}
    assert len(bybit(exchange, "/v5/execution/list", only)[2]["result"]["list"]) == 1
    log = bybit(exchange, "/v5/account/transaction-log")[2]["result"]["list"]
    assert [row["type"] for row in log] == ["LIQUIDATION", "SETTLEMENT", "TRADE", "TRANSFER_IN"]
    assert sum(D(row["change"]) for row in log) == account.state.wallets["unified", "USDT"]
    assert D(log[0]["cashBalance"]) == account.state.wallets["unified", "USDT"]
    for row in log[:3]:
        change = D(row["cashFlow"]) + D(row["funding"] or 0) - D(row["fee"])
        assert change == D(row["change"])


def test_edge_34_hedge_mode_has_two_indices() -> None:
    exchange = Exchange(StoppedClock())
    account = opened(exchange, "bybit", hedged=True)
    account.trade(PERP, "buy", "0.3", leg="long")
    account.trade(PERP, "sell", "0.2", leg="short")
    asked = {"category": "linear", "settleCoin": "USDT"}
    rows = bybit(exchange, "/v5/position/list", asked)[2]["result"]["list"]
    assert [(row["positionIdx"], row["side"], row["size"]) for row in rows] == [
        (1, "Buy", "0.3"),
        (2, "Sell", "0.2"),
    ]


def test_a_named_symbol_is_listed_though_it_is_flat() -> None:
    exchange = Exchange(StoppedClock())
    opened(exchange, "bybit")
    asked = {"category": "linear", "symbol": "BTCUSDT"}
    (row,) = bybit(exchange, "/v5/position/list", asked)[2]["result"]["list"]
    assert (row["size"], row["side"]) == ("0", "")
    assert bybit(exchange, "/v5/position/list", {"category": "linear"})[2]["retCode"] == 10001


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"key": "unknown"}, 10003),
        ({"secret": "another"}, 10004),
        ({"timestamp": int(START.timestamp() * 1000) - 5001}, 10002),
        ({"timestamp": int(START.timestamp() * 1000) + 1000}, 10002),
    ],
)
def test_what_is_signed_wrong_is_refused_with_200(options: dict[str, Any], code: int) -> None:
    exchange = Exchange(StoppedClock())
    opened(exchange, "bybit")
    status, _, body = bybit(exchange, "/v5/account/info", **options)
    assert (status, body["retCode"]) == (200, code)
    assert bybit(exchange, "/v5/account/info")[2]["retCode"] == 0


def test_edge_09_a_cursor_goes_on_where_it_was_though_more_happens() -> None:
    exchange = Exchange(StoppedClock())
    account = opened(exchange, "bybit")
    for _ in range(250):
        account.trade(PERP, "buy", "0.001")
    expected = [fill.id for fill in account.executions[PERP].fills]
    found: list[str] = []
    asked: dict[str, Any] = {"category": "linear", "limit": 100}
    while True:
        result = bybit(exchange, "/v5/execution/list", asked)[2]["result"]
        found += [row["execId"] for row in result["list"]]
        if not result["nextPageCursor"]:
            break
        asked = {**asked, "cursor": result["nextPageCursor"]}
        account.trade(PERP, "sell", "0.001")
    assert [int(each[16:], 16) for each in reversed(found)] == expected


def test_a_window_of_more_than_seven_days_is_refused() -> None:
    exchange = Exchange(StoppedClock())
    opened(exchange, "bybit")
    at = exchange.began
    asked = {"category": "spot", "startTime": at - 7 * DAY - 1, "endTime": at}
    assert bybit(exchange, "/v5/execution/list", asked)[2]["retCode"] == 10001


def test_a_limit_a_second() -> None:
    clock = StoppedClock()
    exchange = Exchange(clock)
    opened(exchange, "bybit")
    codes = [bybit(exchange, "/v5/account/info")[2]["retCode"] for _ in range(51)]
    assert codes == [0] * 50 + [10006]
    clock.pass_(seconds=1)
    assert bybit(exchange, "/v5/account/info")[2]["retCode"] == 0


def test_a_key_that_only_reads_says_so() -> None:
    exchange = Exchange(StoppedClock())
    opened(exchange, "bybit")
    assert bybit(exchange, "/v5/user/query-api")[2]["result"]["readOnly"] == 1
