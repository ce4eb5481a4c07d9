"""Bitget over HTTP: the kind of account is said and not guessed; fees as costs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from venue_replay import ago, asking, told

from tieout.adapters.venues.venue import VenueFeed
from tieout.core.live import Answer, Ask
from tieout.errors import VenueError, VenueMalformed, VenueRateLimited, VenueRefused
from tieout.testing.replay import Asked, Replay, Reply

VENUE = "bitget_spot"
DAY = ago(hours=24)
BTC = frozenset({"BTC/USDT"})
UTA = {"options": {"uta": True}}


ODD = ("bitget.txt", "bitget_odd.txt")


def answer(ask: Ask, fixture: Any = "bitget.txt", **settings: Any) -> Answer:
    async def one(feed: VenueFeed, replay: Replay) -> Answer:
        found = await feed.fetch(ask)
        assert not any("settings" in each.path for each in replay.requests)  # never probed
        return found

    return asking(VENUE, fixture, one, **settings)


def test_balances() -> None:
    found = answer(Ask("balances"))
    assert told(found, "currency", "wallet", "total", "free", "used") == [
        ("USDT", "spot", "121.00000001", "100.50000001", "20.5"),
        ("BTC", "spot", "0", "0", "0"),
    ]


def test_cash_of_a_unified_account_has_no_unrealised_pnl_in_it() -> None:
    found = answer(Ask("balances"), **UTA)
    assert told(found, "currency", "wallet", "total") == [("USDT", "unified", "1000.25")]
    assert found.wallets == {"unified"}


def test_what_moves_a_unified_account_says_so() -> None:
    """The venue's name does not tell: a classic account has a spot wallet."""
    for records in ("trades", "movements"):
        assert told(answer(Ask(records, since=DAY), **UTA), "wallet") == [("unified",)]
    assert told(answer(Ask("movements", since=DAY)), "wallet") == [("spot",)]


def test_a_fee_is_a_cost_in_the_currency_that_it_was_paid_in() -> None:
    found = answer(Ask("trades", since=DAY, symbols=BTC))
    assert told(found, "trade_id", "quantity", "price", "fee", "fee_currency", "liquidity") == [
        ("1400000000000000011", "0.0002", "89000", "0.0000002", "BTC", "taker"),
        ("1400000000000000012", "0.0001", "80000", "0.0064", "BGB", "maker"),
    ]
    assert found.symbols == BTC


def test_fills_of_a_unified_account_need_no_symbol() -> None:
    found = answer(Ask("trades", since=DAY), **UTA)
    assert told(found, "trade_id", "symbol", "side", "quantity", "fee", "fee_currency") == [
        ("1322441401010528257", "ETH/USDT", "sell", "0.01", "0.0126024", "USDT")
    ]
    assert found.symbols is None


def test_orders() -> None:
    columns = ("order_id", "client_order_id", "quantity", "filled", "price", "status")
    assert told(answer(Ask("orders", since=DAY)), *columns) == [
        ("1400000000000000002", "bot-2", "0.00025", "0.0001", "80000", "partially_filled"),
        ("1400000000000000001", "bot-1", "0.0002", "0.0002", None, "filled"),
    ]
    assert told(answer(Ask("orders", since=DAY), **UTA), *columns) == [
        ("1321323928055336960", "bot-3", "0.001", "0", "50000", "open")
    ]


def test_movements_leave_out_what_trades_tell_and_nothing_that_is_new() -> None:
    found = answer(Ask("movements", since=DAY), ODD)
    assert told(found, "movement_id", "type", "amount") == [
        ("1500000000000000001", "transfer", "-11.64958799")
    ]
    assert [row.field for row in found.quarantined] == ["type"]
    unified = answer(Ask("movements", since=DAY), **UTA)
    assert told(unified, "movement_id", "type", "amount") == [
        ("13111111111111112", "transfer", "30")
    ]


def test_prices_and_instruments() -> None:
    assert told(answer(Ask("prices")), "pair", "price") == [("BTC/USDT", "90000.5")]
    assert told(answer(Ask("instruments")), "symbol", "tick", "lot")[1] == (
        "ETH/USDT",
        "0.01",
        "0.0001",
    )


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "40037", VenueRefused),
        (400, "40012", VenueRefused),
        (400, "40014", VenueRefused),
        (429, "429", VenueRateLimited),
        (400, "40085", VenueError),  # it is a unified account: not an empty classic one
        (200, "40085", VenueError),
        (200, "40725", VenueError),
    ],
)
def test_refusals_and_limits_are_told_apart(
    status: int, code: str, error: type[VenueError]
) -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> None:
        body = {"code": code, "msg": "no", "requestTime": 1, "data": None}
        replay.on("GET", "/api/v2/spot/account/assets", Reply(body, status))
        with pytest.raises(VenueError) as caught:
            await feed.fetch(Ask("balances"))
        assert type(caught.value) is error
        assert caught.value.code == code

    asking(VENUE, "bitget.txt", ask)


@pytest.mark.parametrize(
    "body", ['{"data": []}', '{"code": "00000"}', '{"code": "00000", "data": null}', "{}"]
)
@pytest.mark.parametrize("uta", [True, False])
def test_edge_05_an_envelope_that_lacks_something_is_no_empty_account(body: str, uta: bool) -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> None:
        replay.on("GET", "/api/v2/spot/*", Reply(body))
        replay.on("GET", "/api/v3/*", Reply(body))
        for ask in (Ask("balances"), Ask("orders"), Ask("trades", since=DAY, symbols=BTC)):
            with pytest.raises(VenueMalformed):
                await feed.fetch(ask)

    asking(VENUE, "bitget.txt", ask, options={"uta": uta})


def test_edge_09_fills_at_a_page_edge() -> None:
    start = ago(hours=3) // 1_000_000

    def fill(number: int) -> dict[str, Any]:
        return {"symbol": "BTCUSDT", "orderId": "1", "tradeId": str(number), "side": "buy", "priceAvg": "1", "size": "1", "feeDetail": {"deduction": "no", "feeCoin": "USDT", "totalFee": "0"}, "tradeScope": "taker", "cTime": str(start + number // 9)}  # fmt: skip

    fills = [fill(number) for number in range(1_000)][::-1]

    def page(asked: Asked) -> Reply:
        first, last = int(asked.query["startTime"]), int(asked.query["endTime"])
        inside = [each for each in fills if first <= int(each["cTime"]) <= last]
        rows = inside[: int(asked.query["limit"])]
        return Reply(json.dumps({"code": "00000", "msg": "", "data": rows}))

    async def ask(feed: VenueFeed, replay: Replay) -> Answer:
        replay.on("GET", "/api/v2/spot/trade/fills", page)
        return await feed.fetch(Ask("trades", since=start * 1_000_000, symbols=BTC))

    found = asking(VENUE, "bitget.txt", ask)
    assert (
        len({record.values["trade_id"] for record in found.records}) == len(found.records) == 1_000
    )


def test_open_orders_of_all_pages() -> None:
    def order(number: int) -> dict[str, Any]:
        return {"symbol": "BTCUSDT", "orderId": str(10_000 - number), "priceAvg": "1", "size": "1", "orderType": "limit", "side": "buy", "status": "live", "baseVolume": "0", "cTime": "1740826800000", "uTime": "1740826800000"}  # fmt: skip

    orders = [order(number) for number in range(250)]

    def page(asked: Asked) -> Reply:
        below = int(asked.query.get("idLessThan", 1 << 62))
        rows = [each for each in orders if int(each["orderId"]) < below][:100]
        return Reply(json.dumps({"code": "00000", "msg": "", "data": rows}))

    async def ask(feed: VenueFeed, replay: Replay) -> Answer:
        replay.on("GET", "/api/v2/spot/trade/unfilled-orders", page)
        return await feed.fetch(Ask("orders"))

    assert len(asking(VENUE, "bitget.txt", ask).records) == 250
