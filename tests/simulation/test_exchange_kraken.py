"""Kraken's wire: what ccxt reads of it is the account's state; nonces, pages of fifty, the counter."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from itertools import count
from typing import Any

from simulation.exchange_clients import StoppedClock, client, kraken, opened

from tieout.testing.exchange import Exchange, FeePlan
from tieout.testing.exchange.server import serve

D = Decimal
BTC, ETH = "BTC/USD", "ETH/USD"


def test_ccxt_reads_the_accounts_state() -> None:
    account = opened(Exchange(), "kraken")
    account.deposit("USD", "100000")
    account.deposit("BTC", "0.25", wallet="earn")
    account.trade(BTC, "buy", "0.51234", "90000.01")
    account.trade(ETH, "buy", "10", "3000.00", margin=True)
    account.trade(ETH, "sell", "4", "3100.00", margin=True)
    account.place(ETH, "sell", "1", "4000.00", margin=True, client_id="mine-1")

    async def work() -> Any:
        async with serve(account.exchange) as server:
            exchange = client("kraken", server)
            try:
                return (
                    await exchange.fetch_balance(),
                    await exchange.fetch_positions(),
                    await exchange.fetch_my_trades(),
                    await exchange.fetch_open_orders(),
                    await exchange.fetch_closed_orders(),
                    await exchange.fetch_ledger(),
                )
            finally:
                await exchange.close()

    balance, positions, trades, waiting, closed, ledger = asyncio.run(work())
    totals = {asset: D(total) for asset, total in balance["total"].items()}
    wallets = account.state.wallets
    assert totals == {
        "USD": wallets["spot", "USD"],
        "BTC": wallets["spot", "BTC"],
        "BTC.F": D("0.25"),
    }
    (position,) = positions
    volume, done = D(position["info"]["vol"]), D(position["info"]["vol_closed"])
    assert (position["side"], volume - done) == ("long", D(6))
    assert D(position["contracts"]) == D(10)  # what ccxt makes of it: the trap that it is
    assert {(row["symbol"], row["side"], D(row["amount"]), D(row["cost"])) for row in trades} == {
        (BTC, "buy", D("0.51234"), D("46110.6051234")),
        (ETH, "buy", D(10), D(30000)),
        (ETH, "sell", D(4), D(12400)),
    }
    assert [(row["clientOrderId"], row["status"]) for row in waiting] == [("mine-1", "open")]
    assert len(closed) == 3
    moved = [
        D(row["info"]["amount"]) - D(row["info"]["fee"])
        for row in ledger
        if row["currency"] == "USD"
    ]
    assert sum(moved) == wallets["spot", "USD"]


def test_a_fee_in_base_is_in_quote_in_the_trades_and_true_in_the_ledger() -> None:
    exchange = Exchange(StoppedClock())
    account = opened(exchange, "kraken", fees=FeePlan(asset="received"))
    account.trade(BTC, "buy", "1", "90000.00")
    trades = kraken(exchange, "/0/private/TradesHistory", nonce=1)[2]["result"]["trades"]
    (trade,) = trades.values()
    assert D(trade["fee"]) == D(90)
    ledger = kraken(exchange, "/0/private/Ledgers", nonce=2)[2]["result"]["ledger"]
    fees = {row["asset"]: D(row["fee"]) for row in ledger.values()}
    assert fees == {"XXBT": D("0.001"), "ZUSD": D(0)}


def test_a_nonce_grows_and_a_signature_is_checked() -> None:
    exchange = Exchange(StoppedClock())
    opened(exchange, "kraken")

    def errors(**options: Any) -> list[str]:
        found: list[str] = kraken(exchange, "/0/private/Balance", **options)[2]["error"]
        return found

    assert errors(nonce=10) == []
    assert errors(nonce=10) == ["EAPI:Invalid nonce"]
    assert errors(nonce=9) == ["EAPI:Invalid nonce"]
    assert errors(nonce=11, secret="b3RoZXI=") == ["EAPI:Invalid signature"]
    assert errors(nonce=11, key="unknown") == ["EAPI:Invalid key"]
    assert errors(nonce=11) == []


def test_edge_09_pages_of_fifty_by_offset_with_a_count() -> None:
    clock = StoppedClock()
    exchange = Exchange(clock)
    account = opened(exchange, "kraken")
    for step in range(120):
        account.trade(BTC if step % 2 else ETH, "buy", "0.01")
    nonces = count(1)
    found: dict[str, Any] = {}
    sizes = []
    for offset in (0, 50, 100, 150):
        asked = {"ofs": offset}
        answer = kraken(exchange, "/0/private/TradesHistory", asked, nonce=next(nonces))[2][
            "result"
        ]
        assert answer["count"] == 120
        sizes.append(len(answer["trades"]))
        found |= answer["trades"]
    assert sizes == [50, 50, 20, 0]
    assert len(found) == 120  # ids differ over all symbols


def test_the_start_of_a_window_is_exclusive_and_its_end_inclusive() -> None:
    clock = StoppedClock()
    exchange = Exchange(clock)
    account = opened(exchange, "kraken")
    for _ in range(4):
        account.trade(BTC, "buy", "0.01")
        clock.pass_(milliseconds=500)
    began = D(exchange.began) / 1000
    asked = {"start": began + D("0.5"), "end": began + D("1.5")}
    trades = kraken(exchange, "/0/private/TradesHistory", asked, nonce=1)[2]["result"]["trades"]
    assert sorted(D(row["time"]) - began for row in trades.values()) == [D(1), D("1.5")]


def test_the_counter_falls_as_time_passes() -> None:
    clock = StoppedClock()
    exchange = Exchange(clock)
    opened(exchange, "kraken")
    nonces = count(1)

    def limited(path: str = "Balance") -> bool:
        found = kraken(exchange, f"/0/private/{path}", nonce=next(nonces))[2]["error"]
        return bool(found == ["EAPI:Rate limit exceeded"])

    assert [limited("Ledgers") for _ in range(11)] == [False] * 10 + [True]
    clock.pass_(seconds=1)
    assert [limited(), limited()] == [False, True]


def test_methods_and_pairs_that_are_not_there() -> None:
    exchange = Exchange(StoppedClock())
    opened(exchange, "kraken")
    unknown = kraken(exchange, "/0/private/Nothing", nonce=1)[2]
    assert unknown == {"error": ["EGeneral:Unknown method"]}
    pair = exchange.handle("GET", "http://x/0/public/Ticker?pair=NOPE", {})[2]
    assert "EQuery:Unknown asset pair" in pair
