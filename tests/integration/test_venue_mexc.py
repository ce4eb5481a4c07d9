"""MEXC over HTTP: by symbol only, 30 days back, no made-up ids."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from venue_replay import NOW_NS, SECOND, ago, asking, told

from tieout.adapters.venues.venue import VenueFeed
from tieout.core.live import Answer, Ask
from tieout.errors import VenueError, VenueMalformed, VenueRateLimited, VenueRefused
from tieout.testing.replay import Asked, Replay, Reply

VENUE = "mexc_spot"
DAY = ago(hours=24)
PAIRS = frozenset({"BTC/USDT", "MX/USDT"})
BTC = frozenset({"BTC/USDT"})


ODD = ("mexc.txt", "mexc_odd.txt")


def answer(ask: Ask, fixture: Any = "mexc.txt", **settings: Any) -> Answer:
    async def one(feed: VenueFeed, replay: Replay) -> Answer:
        return await feed.fetch(ask)

    return asking(VENUE, fixture, one, **settings)


def test_balances_are_exact_and_of_the_spot_wallet() -> None:
    found = answer(Ask("balances"))
    assert told(found, "currency", "wallet", "total", "free", "used") == [
        ("USDT", "spot", "1045.500000000674", "1000.000000000674", "45.5"),
        ("BTC", "spot", "0.0102", "0.0102", "0"),
        ("MX", "spot", "0", "0", "0"),
    ]
    assert found.complete


def test_trades_with_both_sides_of_a_self_trade_and_none_without_an_id() -> None:
    found = answer(Ask("trades", since=DAY, symbols=BTC), ODD)
    assert told(found, "trade_id", "side", "quantity", "price", "fee", "fee_currency") == [
        ("600000000000000000000000000000a2", "buy", "0.0002", "89000", "0.0089", "USDT"),
        ("600000000000000000000000000000a1", "buy", "0.004", "70000", "0.05", "MX"),
        ("600000000000000000000000000000a1", "sell", "0.004", "70000", "0", "USDT"),
    ]
    assert [row.field for row in found.quarantined] == ["id"]
    assert not found.complete


def test_coverage_is_the_symbols_that_were_asked() -> None:
    found = answer(Ask("trades", since=DAY), symbols=BTC)
    assert found.symbols == BTC
    assert len(found.records) == 3
    nothing = answer(Ask("trades", since=DAY))
    assert nothing.symbols == frozenset()
    assert any("symbols" in note for note in nothing.notes)


def test_open_orders_and_those_that_closed() -> None:
    still = answer(Ask("orders", symbols=PAIRS))
    columns = ("order_id", "client_order_id", "quantity", "filled", "price", "status")
    assert told(still, *columns) == [
        ("C02__500000000000000001", "bot-1", "0.0004", "0.0001", "80000", "partially_filled")
    ]
    found = answer(Ask("orders", since=DAY, symbols=BTC))
    assert told(found, *columns)[1:] == [
        ("C02__500000000000000002", None, "0.0002", "0.0002", None, "filled"),
        ("C02__500000000000000003", None, "0.01", "0.004", "70000", "cancelled"),
    ]


def test_movements_are_signed_and_only_those_that_took_place() -> None:
    found = answer(Ask("movements", since=DAY))
    assert told(found, "movement_id", "type", "currency", "amount") == [
        ("deposit:7701:0", "transfer", "USDT", "50"),
        ("withdrawal:w1", "transfer", "USDT", "-20"),
        ("transfer:t1", "transfer", "USDT", "-5.5"),
    ]


@pytest.mark.parametrize("hours", [1, 2, 4])
def test_a_deposit_counts_from_when_it_was_credited_however_long_that_took(hours: int) -> None:
    seen, credited = ago(hours=20 * 24) // 1_000_000, ago(hours=0.2) // 1_000_000
    row = {"amount": "50", "coin": "USDT-TRX", "status": 5, "txId": "7703:0"}

    def listed(asked: Asked) -> Reply:
        first, last = (int(asked.query[f"{name}Time"]) for name in ("start", "end"))
        assert last - first <= 7 * 86_400_000
        here = [{**row, "insertTime": seen, "updateTime": credited}]
        return Reply(json.dumps(here if first <= seen <= last else []))

    async def ask(feed: VenueFeed, replay: Replay) -> Answer:
        replay.on("GET", "/api/v3/capital/deposit/hisrec", listed)
        return await feed.fetch(Ask("movements", since=ago(hours=hours)))

    found = asking(VENUE, "mexc.txt", ask)
    assert found.complete
    deposits = [row for row in told(found, "movement_id", "amount") if row[0] == "deposit:7703:0"]
    assert deposits == [("deposit:7703:0", "50")]


def test_prices_and_instruments() -> None:
    assert told(answer(Ask("prices")), "pair", "price") == [
        ("BTC/USDT", "90000.5"),
        ("MX/USDT", "3.21"),
    ]
    assert told(answer(Ask("instruments")), "symbol", "tick", "lot") == [
        ("BTC/USDT", "0.01", "0.000001"),
        ("MX/USDT", "0.0001", "0.01"),
    ]


def trade(number: int, time: int) -> dict[str, Any]:
    return {"symbol": "BTCUSDT", "id": f"{number:032x}", "orderId": "o", "price": "1", "qty": "1", "commission": "0", "commissionAsset": "USDT", "time": time, "isBuyer": True, "isMaker": False}  # fmt: skip


class Trades:
    """The newest 100 trades of a span, as the venue gives them: whatever else there is, is cut."""

    def __init__(self, trades: list[dict[str, Any]]) -> None:
        self.trades = sorted(trades, key=lambda each: -each["time"])

    def __call__(self, asked: Asked) -> Reply:
        start, end = int(asked.query["startTime"]), int(asked.query["endTime"])
        inside = [each for each in self.trades if start <= each["time"] <= end]
        return Reply(json.dumps(inside[: int(asked.query["limit"])]))


def trades_of(trades: list[dict[str, Any]], since: int) -> Answer:
    async def ask(feed: VenueFeed, replay: Replay) -> Answer:
        replay.on("GET", "/api/v3/myTrades", Trades(trades))
        return await feed.fetch(Ask("trades", since=since, symbols=BTC))

    return asking(VENUE, "mexc.txt", ask)


def test_edge_09_nothing_is_lost_or_there_twice_at_a_page_edge() -> None:
    start = ago(hours=3) // 1_000_000
    trades = [trade(number, start + number // 7) for number in range(2_000)]
    found = trades_of(trades, start * 1_000_000)
    ids = [record.values["trade_id"] for record in found.records]
    assert len(ids) == len(set(ids)) == 2_000
    assert found.complete


def test_more_trades_at_one_instant_than_a_page_holds_are_an_error() -> None:
    start = ago(hours=3) // 1_000_000
    with pytest.raises(VenueMalformed, match="one instant"):
        trades_of([trade(number, start) for number in range(150)], start * 1_000_000)


def test_what_is_older_than_thirty_days_is_not_covered() -> None:
    found = trades_of([], ago(days=40))
    assert found.window is not None
    assert 0 <= found.window[0] - ago(days=30) < SECOND  # by the venue's clock, which goes on
    assert found.window[1] == NOW_NS
    assert found.reasons == ("mexc gives trades of the last 30 days only",)


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, 700002, VenueRefused),
        (400, 10072, VenueRefused),
        (400, 700006, VenueRefused),
        (400, 700007, VenueRefused),
        (429, 429, VenueRateLimited),
        (403, None, VenueRateLimited),
        (500, None, VenueError),
        (400, -1121, VenueError),
    ],
)
def test_refusals_and_limits_are_told_apart(
    status: int, code: int | None, error: type[VenueError]
) -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> None:
        body = "denied" if code is None else {"code": code, "msg": "no"}
        replay.on("GET", "/api/v3/account", Reply(body, status))
        with pytest.raises(VenueError) as caught:
            await feed.fetch(Ask("balances"))
        assert type(caught.value) is error
        assert "nobody" not in str(caught.value)

    asking(VENUE, "mexc.txt", ask)


def test_requests_are_signed() -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> None:
        await feed.fetch(Ask("balances"))
        (asked,) = replay.asked("GET", "/api/v3/account")
        query = dict(asked.query)
        signature = query.pop("signature")
        secret = b"c2VjcmV0LW9mLW5vYm9keQ=="
        assert signature == hmac.new(secret, urlencode(query).encode(), hashlib.sha256).hexdigest()
        assert asked.headers["X-MEXC-APIKEY"] == "key-of-nobody"

    asking(VENUE, "mexc.txt", ask)
