"""Gate over HTTP: the kind of account is never guessed, and a fill may cost three fees."""

from __future__ import annotations

import json
from typing import Any

import pytest
from venue_replay import ago, asking, told

from tieout.adapters.venues.venue import VenueFeed
from tieout.core.live import Answer, Ask
from tieout.errors import (
    VenueError,
    VenueMalformed,
    VenueRateLimited,
    VenueRefused,
    VenueUnsupported,
)
from tieout.testing.replay import Asked, Replay, Reply

VENUE = "gateio_spot"
DAY = ago(hours=24)
DETAIL = "/api/v4/account/detail"


ODD = ("gateio.txt", "gateio_odd.txt")


def answer(ask: Ask, fixture: Any = "gateio.txt", **settings: Any) -> Answer:
    async def one(feed: VenueFeed, replay: Replay) -> Answer:
        return await feed.fetch(ask)

    return asking(VENUE, fixture, one, **settings)


def test_balances() -> None:
    found = answer(Ask("balances"))
    assert told(found, "currency", "wallet", "total", "used") == [
        ("USDT", "spot", "235.500000000000000001", "35.5"),
        ("LTC", "spot", "0.0735", "0"),
        ("GATEPOINT", "spot", "10", "0"),
    ]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply({"label": "SERVER_ERROR", "message": "later"}, 500), VenueError),
        (Reply({"label": "FORBIDDEN", "message": "no permission"}, 403), VenueRefused),
        (Reply("<html>maintenance</html>"), VenueMalformed),
        (Reply("{}"), VenueMalformed),
        (Reply({"user_id": 1}), VenueMalformed),
    ],
)
def test_a_failed_question_about_the_account_is_not_a_classic_account(
    reply: Reply, error: type[VenueError]
) -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> None:
        replay.on("GET", DETAIL, reply)
        for records in ("balances", "orders", "trades"):
            with pytest.raises(error):
                await feed.fetch(Ask(records, since=None if records == "balances" else DAY))
        assert not replay.asked("GET", "/api/v4/spot/accounts")

    asking(VENUE, "gateio.txt", ask)


def test_the_kind_of_account_may_be_given() -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> None:
        await feed.fetch(Ask("trades", since=DAY))
        assert not replay.asked("GET", DETAIL)
        assert replay.asked("GET", "/api/v4/spot/my_trades")[0].query["account"] == "unified"
        with pytest.raises(VenueUnsupported, match="contain unrealised PnL"):
            await feed.fetch(Ask("balances"))

    asking(VENUE, "gateio.txt", ask, options={"unified": True})


def test_edge_45_three_fees_and_none_is_lost() -> None:
    trades = answer(Ask("trades", since=DAY))
    assert told(trades, "trade_id", "side", "fee", "fee_currency", "sequence") == [
        ("7342180139", "sell", "0.0007", "GATEPOINT", "1388788"),
        ("7342180138", "buy", "0.00001", "LTC", "1388787"),
        ("7342180137", "buy", "0.00005", "LTC", "1388786"),
        ("7342180136", "buy", "0.003", "GT", "1388785"),
    ]
    movements = answer(Ask("movements", since=DAY))
    fees = [
        row
        for row in told(movements, "type", "movement_id", "currency", "amount")
        if row[0] == "fee"
    ]
    assert fees == [
        ("fee", "fee:7342180138:buy:GT", "GT", "-2.2"),
        ("fee", "fee:7342180138:buy:GATEPOINT", "GATEPOINT", "-1.1"),
    ]


def test_times_are_exact_to_the_microsecond() -> None:
    found = answer(Ask("trades", since=DAY))
    assert found.records[1].values["timestamp"] == 1_740_825_001_841_999_999


def test_orders() -> None:
    found = answer(Ask("orders", since=DAY))
    columns = ("order_id", "client_order_id", "symbol", "quantity", "filled", "price", "status")
    assert told(found, *columns) == [
        ("497245022600", "t-bot-7", "LTC/USDT", "0.5", "0.1", "71", "partially_filled"),
        ("497245022561", None, "LTC/USDT", "0.0735", "0.0735", None, "filled"),
        ("497245022562", None, "BTC/USDT", "0.001", "0", "99000", "cancelled"),
    ]


def test_movements_leave_out_what_trades_tell_and_nothing_that_is_new() -> None:
    found = answer(Ask("movements", since=DAY), ODD)
    assert told(found, "movement_id", "type", "currency", "amount")[:2] == [
        ("900001", "transfer", "USDT", "100"),
        ("900002", "transfer", "USDT", "-25.5"),
    ]
    assert [row.field for row in found.quarantined] == ["type"]
    assert not found.complete


def test_prices_and_instruments() -> None:
    assert told(answer(Ask("prices")), "pair", "price") == [
        ("BTC/USDT", "90000.5"),
        ("LTC/USDT", "120.01"),
    ]
    assert told(answer(Ask("instruments")), "symbol", "tick", "lot") == [
        ("BTC/USDT", "0.1", "0.000001"),
        ("LTC/USDT", "0.01", "0.0001"),
    ]


def test_open_orders_of_all_pages() -> None:
    def order(number: int) -> dict[str, Any]:
        return {"id": str(number), "text": "web", "create_time_ms": 1740826800123, "update_time_ms": 1740826800123, "status": "open", "currency_pair": "LTC_USDT", "type": "limit", "side": "buy", "amount": "1", "price": "1", "left": "1", "filled_amount": "0"}  # fmt: skip

    orders = [order(number) for number in range(130)]

    def page(asked: Asked) -> Reply:
        first = (int(asked.query["page"]) - 1) * 100
        return Reply(
            json.dumps(
                [{"currency_pair": "LTC_USDT", "total": 130, "orders": orders[first : first + 100]}]
            )
        )

    async def ask(feed: VenueFeed, replay: Replay) -> Answer:
        replay.on("GET", "/api/v4/spot/open_orders", page)
        return await feed.fetch(Ask("orders"))

    assert len(asking(VENUE, "gateio.txt", ask).records) == 130


def test_edge_09_trades_that_share_a_second_are_all_there() -> None:
    start = ago(hours=3) // 1_000_000_000

    def trade(number: int) -> dict[str, Any]:
        time = start + number // 900
        return {"id": str(number), "create_time_ms": f"{time}000.000000", "currency_pair": "LTC_USDT", "side": "buy", "role": "taker", "amount": "1", "price": "1", "order_id": "1", "fee": "0", "fee_currency": "LTC", "point_fee": "0", "gt_fee": "0", "seconds": time}  # fmt: skip

    trades = [trade(number) for number in range(3_600)]

    def page(asked: Asked) -> Reply:
        first, last = int(asked.query["from"]), int(asked.query["to"])
        inside = [each for each in trades if first <= each["seconds"] <= last]
        return Reply(json.dumps(inside[::-1][: int(asked.query["limit"])]))

    async def ask(feed: VenueFeed, replay: Replay) -> Answer:
        replay.on("GET", "/api/v4/spot/my_trades", page)
        return await feed.fetch(Ask("trades", since=start * 1_000_000_000))

    found = asking(VENUE, "gateio.txt", ask)
    assert len(found.records) == 3_600
    assert found.complete


@pytest.mark.parametrize(
    ("status", "label", "error"),
    [
        (401, "INVALID_KEY", VenueRefused),
        (401, "INVALID_SIGNATURE", VenueRefused),
        (403, "FORBIDDEN", VenueRefused),
        (429, "TOO_MANY_REQUESTS", VenueRateLimited),
        (500, "INTERNAL", VenueError),
    ],
)
def test_refusals_and_limits_are_told_apart(
    status: int, label: str, error: type[VenueError]
) -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> None:
        replay.on("GET", "/api/v4/spot/accounts", Reply({"label": label, "message": "x"}, status))
        with pytest.raises(VenueError) as caught:
            await feed.fetch(Ask("balances"))
        assert type(caught.value) is error

    asking(VENUE, "gateio.txt", ask)
