"""`ccxt:<id>`: exchanges without an adapter of their own, by ccxt's unified methods."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
from venue_replay import ago, asking, told

from tieout.adapters.venues import generic
from tieout.adapters.venues.cells import BadCell
from tieout.adapters.venues.generic_rows import order, position
from tieout.adapters.venues.markets import Market, Markets
from tieout.adapters.venues.registry import adapter_of
from tieout.adapters.venues.venue import VenueFeed
from tieout.core.live import Answer, Ask
from tieout.errors import UsageError, VenueError, VenueMalformed, VenueRefused, VenueUnsupported
from tieout.testing.replay import Asked, Replay, Reply

VENUE = "ccxt:bitvavo"
FIXTURE = "bitvavo.txt"
DAY = ago(hours=24)
BTC = frozenset({"BTC/EUR"})


def answer(ask: Ask, **settings: Any) -> Answer:
    async def one(feed: VenueFeed, replay: Replay) -> Answer:
        return await feed.fetch(ask)

    return asking(VENUE, FIXTURE, one, **settings)


def test_balances_keep_all_eighteen_digits() -> None:
    found = answer(Ask("balances"))
    assert told(found, "venue", "currency", "wallet", "total", "free", "used") == [
        ("bitvavo", "EUR", "spot", "120.15", "100.1", "20.05"),
        ("bitvavo", "BTC", "spot", "0.123456789012345678", "0.123456789012345678", "0"),
    ]


def test_trades_with_exact_prices_and_rebates() -> None:
    found = answer(Ask("trades", since=DAY, symbols=BTC))
    assert told(found, "trade_id", "side", "quantity", "price", "fee", "fee_currency") == [
        ("t1", "sell", "0.0004", "80000", "-0.01", "EUR"),
        ("t2", "sell", "0.0006", "80000.123456789123456", "0.06", "EUR"),
    ]
    assert found.symbols == BTC


def test_where_ccxt_needs_a_symbol_coverage_is_what_was_asked() -> None:
    found = answer(Ask("trades", since=DAY))
    assert found.symbols == frozenset()
    assert any("by symbol only" in note for note in found.notes)


@pytest.mark.parametrize(("said", "own"), [("0", None), ("", None), ("mine-1", "mine-1")])
def test_a_client_id_of_zero_is_none(said: str, own: str | None) -> None:
    raw = {
        "id": "1", "clientOrderId": said, "symbol": "BTC/EUR", "side": "buy", "amount": "1",
        "status": "open",
    }  # fmt: skip
    values = order(Markets([Market("BTC-EUR", "BTC/EUR", "BTC", "EUR")]))(raw)
    assert values is not None
    assert values["client_order_id"] == own


def test_orders_movements_prices_and_instruments() -> None:
    orders = answer(Ask("orders", since=DAY, symbols=BTC))
    assert told(orders, "order_id", "quantity", "filled", "status") == [
        ("o1", "0.002", "0.0005", "partially_filled"),
        ("o2", "0.001", "0.001", "filled"),
    ]
    movements = answer(Ask("movements", since=DAY))
    assert told(movements, "movement_id", "type", "currency", "amount", "wallet") == [
        ("h1", "transfer", "EUR", "500", "spot")
    ]
    assert told(answer(Ask("prices")), "pair", "price") == [("BTC/EUR", "80500.5")]
    assert told(answer(Ask("instruments")), "symbol", "tick", "lot")[0] == (
        "BTC/EUR",
        "1",
        "0.00000001",
    )


def test_what_ccxt_lacks_is_refused() -> None:
    with pytest.raises(VenueUnsupported, match="has no positions"):
        answer(Ask("positions"))


def test_an_exchange_that_ccxt_does_not_have() -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> None: ...

    with pytest.raises(UsageError, match="no exchange 'nowhere'"):
        asking("ccxt:nowhere", None, ask)


def test_one_class_an_exchange() -> None:
    assert adapter_of(VENUE) is adapter_of(VENUE)
    assert adapter_of(VENUE).exchange == "bitvavo"


@pytest.mark.parametrize(
    "body", ["", "<html>x</html>", '[{"symbol": "EU', "null", "{}", '"ok"', "0"]
)
@pytest.mark.parametrize("records", ["balances", "trades", "orders"])
def test_edge_05_a_body_that_says_nothing_is_no_empty_account(body: str, records: str) -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> None:
        for path in ("balance", "trades", "ordersOpen", "orders"):
            replay.on("GET", f"/v2/{path}", Reply(body))
        with pytest.raises(VenueMalformed):
            await feed.fetch(
                Ask(
                    records,
                    since=None if records == "balances" else DAY,
                    symbols=BTC if records != "balances" else None,
                )
            )

    asking(VENUE, FIXTURE, ask)


def test_edge_06_an_empty_balance_is_doubted() -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> Answer:
        replay.on("GET", "/v2/balance", [])
        return await feed.fetch(Ask("balances"))

    found = asking(VENUE, FIXTURE, ask)
    assert found.records == ()
    assert found.doubt is not None


def test_edge_52_a_currency_without_a_number_is_unknown_and_not_zero() -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> Answer:
        replay.on("GET", "/v2/balance", [{"symbol": "EUR", "available": "1"}, {"symbol": "BTC"}])
        return await feed.fetch(Ask("balances"))

    found = asking(VENUE, FIXTURE, ask)
    assert found.records == ()
    assert len(found.quarantined) == 2


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (403, 305, VenueRefused),
        (403, 309, VenueRefused),
        (400, 205, VenueError),
        (503, 107, VenueError),
    ],
)
def test_ccxts_classes_are_believed(status: int, code: int, error: type[VenueError]) -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> None:
        replay.on("GET", "/v2/balance", Reply({"errorCode": code, "error": "no"}, status))
        with pytest.raises(VenueError) as caught:
            await feed.fetch(Ask("balances"))
        assert type(caught.value) is error
        assert "nobody" not in str(caught.value)

    asking(VENUE, FIXTURE, ask)


@pytest.mark.parametrize(
    ("body", "holds"),
    [
        ([], False),
        ({"code": "0", "data": []}, False),
        ({"code": "0", "data": {"list": [], "next": ""}}, False),
        ([{"symbol": "X"}], True),
        ({"code": "0", "data": {"list": [{"symbol": "X"}]}}, True),
    ],
)
def test_what_has_rows(body: Any, *, holds: bool) -> None:
    assert generic.holds_rows(body) is holds


def test_edge_06_rows_that_ccxt_overlooks_are_doubted_and_not_no_orders() -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> None:
        exchange = feed._client.exchange

        async def overlooking(*_: Any, **__: Any) -> list[Any]:
            await exchange.privateGetOrdersOpen({})
            return []

        exchange.fetch_open_orders = overlooking
        replay.on("GET", "/v2/ordersOpen", {"elsewhere": [{"orderId": "o1"}]})
        found = await feed.fetch(Ask("orders"))
        assert found.doubt is not None
        assert "read nothing" in found.doubt
        replay.on("GET", "/v2/ordersOpen", {"elsewhere": []})
        assert (await feed.fetch(Ask("orders"))).doubt is None

    asking(VENUE, FIXTURE, ask, options={"by_symbol": False})


def test_an_open_order_of_one_market_is_not_a_closed_one_of_another() -> None:
    """Some exchanges count orders per symbol."""

    def row(symbol: str, status: str) -> dict[str, Any]:
        at = 1_740_826_800_000
        return {
            "id": "28", "symbol": symbol, "side": "buy", "amount": "1", "filled": "0",
            "status": status, "timestamp": at, "lastUpdateTimestamp": at,
        }  # fmt: skip

    async def ask(feed: VenueFeed, replay: Replay) -> Answer:
        async def still(*_: Any, **__: Any) -> list[Any]:
            return [row("ADA/EUR", "open")]

        async def closed(*_: Any, **__: Any) -> list[Any]:
            return [row("BTC/EUR", "canceled")]

        exchange = feed._client.exchange
        exchange.fetch_open_orders = still
        exchange.fetch_closed_orders = exchange.fetch_orders = closed
        return await feed.fetch(Ask("orders", since=DAY))

    found = asking(VENUE, FIXTURE, ask, options={"by_symbol": False})
    assert sorted(told(found, "symbol", "status")) == [
        ("ADA/EUR", "open"),
        ("BTC/EUR", "cancelled"),
    ]


# Pages


def trade(number: int, time: int) -> dict[str, Any]:
    return {"id": f"t{number}", "orderId": "o", "timestamp": time, "market": "BTC-EUR", "side": "buy", "amount": "1", "price": "1", "taker": True, "fee": "0", "feeCurrency": "EUR", "settled": True}  # fmt: skip


def test_edge_09_newest_first_pages_are_halved_until_they_fit() -> None:
    start = ago(hours=3) // 1_000_000
    trades = [trade(number, start + number // 300) for number in range(4_500)][::-1]

    def page(asked: Asked) -> Reply:
        first, last = int(asked.query["start"]), int(asked.query["end"])
        inside = [each for each in trades if first <= each["timestamp"] <= last]
        return Reply(json.dumps(inside[: int(asked.query["limit"])]))

    async def ask(feed: VenueFeed, replay: Replay) -> Answer:
        replay.on("GET", "/v2/trades", page)
        return await feed.fetch(Ask("trades", since=start * 1_000_000, symbols=BTC))

    found = asking(VENUE, FIXTURE, ask)
    assert len({each.values["trade_id"] for each in found.records}) == len(found.records) == 4_500
    assert found.complete


def walked(rows: list[dict[str, Any]], *, newest: bool, limit: int = 10) -> Any:
    async def page(since: int, until: int | None, count: int) -> list[Any]:
        inside = [row for row in rows if row["timestamp"] >= since]
        return inside[-count:] if newest else inside[:count]

    window = rows[0]["timestamp"], rows[-1]["timestamp"]
    return asyncio.run(generic._upward(page, window, limit))


def test_an_oldest_first_list_is_walked_with_overlap() -> None:
    rows = [{"id": str(number), "timestamp": 10**12 + number // 7} for number in range(500)]
    found = walked(rows, newest=False)
    assert len(found.rows) == 500
    assert not found.reasons


def test_a_list_over_several_days() -> None:
    rows = [{"id": str(number), "timestamp": 10**12 + number * 40_000_000} for number in range(25)]
    assert len(walked(rows, newest=False).rows) == 25


def test_a_newest_first_list_without_an_end_time_says_that_it_is_cut() -> None:
    rows = [{"id": str(number), "timestamp": 10**12 + number} for number in range(500)]
    assert walked(rows, newest=True).reasons == [
        "a full page begins with its newest row: older ones are cut"
    ]


def test_more_rows_at_one_instant_than_a_page_holds() -> None:
    rows = [{"id": str(number), "timestamp": 10**12} for number in range(25)]
    with pytest.raises(generic.Stalled, match="one instant"):
        walked(rows, newest=False)


# Wallets

MOVED = [
    {"id": "l1", "type": "transfer", "direction": "in", "amount": "5", "currency": "EUR", "timestamp": ago(hours=1) // 1_000_000, "status": "ok"},
]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "has_spot", "ledger", "arrival"),
    [
        ({}, True, "spot", "spot"),
        ({"wallet": "unified"}, True, "unified", "unified"),
        ({"type": "swap"}, False, "futures", "futures"),
        ({"type": "swap"}, True, "futures", "spot"),
        ({"type": "margin"}, True, "margin", "spot"),
        ({"type": "swap", "wallet": "unified"}, True, "unified", "unified"),
    ],
)
@pytest.mark.parametrize("by_ledger", [True, False])
def test_movements_are_in_the_wallet_that_they_moved(
    options: dict[str, Any], ledger: str, arrival: str, *, has_spot: bool, by_ledger: bool
) -> None:
    """A ledger is that of the wallet; a deposit arrives in spot, where there is such a thing."""

    async def ask(feed: VenueFeed, replay: Replay) -> Answer:
        exchange = feed._client.exchange

        async def listed(*_: Any, **__: Any) -> list[Any]:
            return MOVED

        async def none(*_: Any, **__: Any) -> list[Any]:
            return []

        exchange.fetch_ledger = exchange.fetch_deposits = listed
        exchange.fetch_withdrawals = none
        exchange.has = {**exchange.has, "fetchLedger": by_ledger, "spot": has_spot}
        exchange.has |= dict.fromkeys(("fetchDeposits", "fetchWithdrawals"), True)
        found = await feed.fetch(Ask("movements", since=DAY))
        assert feed.conventions.home == arrival
        assert (await feed.fetch(Ask("balances"))).wallets == {ledger}
        return found

    found = asking(VENUE, FIXTURE, ask, options=options)
    assert told(found, "amount", "wallet") == [("5", ledger if by_ledger else arrival)]


@pytest.mark.parametrize(
    ("options", "paid_from"),
    [
        ({}, "spot"),
        ({"type": "margin"}, "margin"),
        ({"type": "swap", "wallet": "unified"}, "unified"),
        ({"type": "swap"}, None),
    ],
)
def test_a_fill_is_paid_from_the_wallet_of_its_kind_of_account(
    options: dict[str, Any], paid_from: str | None
) -> None:
    asked = Ask("trades", since=DAY, symbols=BTC)
    found = answer(asked, options={"by_symbol": True, **options})
    assert told(found, "wallet") == [(paid_from,)] * 2


# Contracts


LINEAR = Market(
    "X", "LTC/USDT:USDT", "LTC", "USDT", kind="swap", settle="USDT", size=Decimal("0.1")
)
INVERSE = Market(
    "Y", "BTC/USD:BTC", "BTC", "USD", kind="swap", settle="BTC", size=Decimal(100), inverse=True
)


@pytest.mark.parametrize(
    ("row", "quantity", "leg"),
    [
        ({"symbol": LINEAR.symbol, "contracts": "3", "side": "short"}, "-0.3", "net"),
        (
            {"symbol": LINEAR.symbol, "contracts": "3", "side": "long", "hedged": True},
            "0.3",
            "long",
        ),
        ({"symbol": LINEAR.symbol, "contracts": "-3", "side": "short"}, "-0.3", "net"),
        ({"symbol": INVERSE.symbol, "contracts": "5", "side": "long"}, "5", "net"),
    ],
)
def test_contracts_become_signed_quantities(row: dict[str, Any], quantity: str, leg: str) -> None:
    values = position(Markets([LINEAR, INVERSE]), 1)(row)
    assert values is not None
    assert (values["quantity"], values["leg"]) == (Decimal(quantity), leg)


@pytest.mark.parametrize(
    "row",
    [
        {"symbol": LINEAR.symbol, "contracts": None, "side": "long"},
        {"symbol": LINEAR.symbol, "contracts": "1", "side": None},
        {"symbol": LINEAR.symbol, "contracts": 1.5, "side": "long"},
        {"symbol": "NEW/USDT:USDT", "contracts": "1", "side": "long"},
    ],
)
def test_a_position_that_cannot_be_read_is_not_flat(row: dict[str, Any]) -> None:
    with pytest.raises(BadCell):
        position(Markets([LINEAR, INVERSE]), 1)(row)
