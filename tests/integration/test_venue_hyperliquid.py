"""Hyperliquid over HTTP: builders' exchanges, wrong addresses, fees, the end of what it keeps."""

from __future__ import annotations

import json
from typing import Any

import pytest
from venue_replay import NOW_NS, SECOND, WALLETS, ago, asking, told

from tieout.adapters.venues.settings import Credentials
from tieout.adapters.venues.venue import VenueFeed
from tieout.core.live import Answer, Ask, Permissions
from tieout.errors import UsageError, VenueError, VenueMalformed, VenueRefused
from tieout.testing.replay import Asked, Replay, Reply

VENUE = "hyperliquid_perp"
SPOT = {"options": {"spot": True}}
DAY = ago(hours=24)


ODD = ("hyperliquid.txt", "hyperliquid_odd.txt")


def answer(ask: Ask, fixture: Any = "hyperliquid.txt", **settings: Any) -> Answer:
    async def one(feed: VenueFeed, replay: Replay) -> Answer:
        return await feed.fetch(ask)

    return asking(VENUE, fixture, one, **settings)


def test_positions_are_signed_and_those_of_builders_exchanges_are_there() -> None:
    found = answer(Ask("positions"))
    assert told(found, "symbol", "leg", "quantity", "average_price", "margin", "cost_currency") == [
        ("BTC/USDC:USDC", "net", "0.05", "88000", "225", "USDC"),
        ("KPEPE/USDC:USDC", "net", "-100000", "0.0085", "150", "USDC"),
        ("GLD-GOLD/USDH:USDH", "net", "0.1", "2890", "29", "USDH"),
    ]
    assert found.complete
    assert found.stated_at == 1_740_830_400_123_000_000
    assert found.symbols is not None
    assert "GLD-GOLD/USDH:USDH" in found.symbols
    assert "BTC/USDC" not in found.symbols  # spot is not covered, so nothing is missing there


def test_a_builders_exchange_that_is_not_asked_is_not_covered() -> None:
    found = answer(Ask("positions"), options={"dexes": []})
    assert [symbol for (symbol,) in told(found, "symbol")] == ["BTC/USDC:USDC", "KPEPE/USDC:USDC"]
    assert found.symbols is not None
    assert "GLD-GOLD/USDH:USDH" not in found.symbols


def test_an_exchange_that_does_not_exist_is_an_error_and_not_flat() -> None:
    with pytest.raises(UsageError, match="no builder's exchange xyz"):
        answer(Ask("positions"), options={"dexes": ["xyz"]})


def test_a_symbol_asked_for_restricts_answer_and_coverage() -> None:
    found = answer(Ask("positions", symbols=frozenset({"BTC/USDC:USDC", "BTC/USDC"})))
    assert told(found, "symbol", "quantity") == [("BTC/USDC:USDC", "0.05")]
    assert found.symbols == {"BTC/USDC:USDC"}


def test_cash_has_no_unrealised_pnl_in_it() -> None:
    found = answer(Ask("balances"))
    # 10250.75 - 100.0 + 50.5, and 500.0 - 1.0
    assert told(found, "currency", "wallet", "total") == [
        ("USDC", "futures", "10201.25"),
        ("USDH", "futures", "499"),
    ]
    assert found.symbols == {"USDC", "USDH"}
    assert found.wallets == {"futures"}


def test_spot_balances_are_a_wallet_of_their_own() -> None:
    found = answer(Ask("balances"), **SPOT)
    assert told(found, "currency", "wallet", "total", "free", "used")[2:] == [
        ("USDC", "spot", "1200.5", "1000.25", "200.25"),
        ("BTC", "spot", "0.0123456789", "0.0123456789", "0"),
        ("PURR", "spot", "999.65004", "999.65004", "0"),
    ]
    assert found.symbols is None
    assert found.wallets == {"futures", "spot"}


def test_the_builders_fee_is_counted_once() -> None:
    found = answer(Ask("trades", since=DAY))
    fills = {row[0]: row[1:] for row in told(found, "trade_id", "fee", "fee_currency", "exec_type")}
    assert fills["500000000000002"] == ("0.968", "USDC", "trade")  # 0.176 of it is the builder's


def test_liquidations_adl_twap_and_the_other_side_of_a_liquidation() -> None:
    found = answer(Ask("trades", since=DAY))
    assert told(found, "trade_id", "symbol", "side", "quantity", "exec_type", "liquidity") == [
        ("500000000000001", "BTC/USDC:USDC", "buy", "0.03", "trade", "maker"),
        ("500000000000002", "BTC/USDC:USDC", "buy", "0.02", "trade", "taker"),
        ("500000000000003", "ETH/USDC:USDC", "sell", "1", "liquidation", "taker"),
        ("500000000000004", "ETH/USDC:USDC", "buy", "0.5", "trade", "maker"),
        ("500000000000005", "KPEPE/USDC:USDC", "sell", "100000", "adl", "taker"),
        ("500000000000006", "GLD-GOLD/USDH:USDH", "buy", "0.1", "trade", "taker"),
    ]
    assert found.complete
    assert found.window == (DAY, NOW_NS)


def test_a_fee_in_the_coin_that_was_bought_keeps_its_currency() -> None:
    found = answer(Ask("trades", since=DAY), **SPOT)
    assert told(found, "symbol", "quantity", "fee", "fee_currency")[-1] == (
        "BTC/USDC",
        "0.0123456789",
        "0.0000086419",
        "BTC",
    )


def test_movements_are_of_the_perpetuals_cash_and_an_unknown_one_is_not_left_out() -> None:
    found = answer(Ask("movements", since=DAY), ODD)
    assert told(found, "movement_id", "type", "currency", "symbol", "amount") == [
        ("funding:1740826800010:BTC", "funding", "USDC", "BTC/USDC:USDC", "-0.125"),
        ("funding:1740826800010:ETH", "funding", "USDC", "ETH/USDC:USDC", "0.0625"),
        ("0xa1:1740826000000:deposit", "transfer", "USDC", None, "1000"),
        ("0xa2:1740826100000:accountClassTransfer", "transfer", "USDC", None, "-50"),
        ("0xa3:1740826200000:subAccountTransfer", "transfer", "USDC", None, "25"),
        ("0xa5:1740826400000:send", "transfer", "USDC", None, "15"),
        ("pnl:500000000000003:sell", "settlement", "USDC", "ETH/USDC:USDC", "-150.25"),
    ]
    assert {wallet for (wallet,) in told(found, "wallet")} == {"futures"}
    assert [row.reason for row in found.quarantined] == ["type: 'somethingNew' is unknown here"]
    assert not found.complete


def test_open_orders() -> None:
    found = answer(Ask("orders"))
    assert told(found, "order_id", "symbol", "side", "quantity", "filled", "price", "status") == [
        ("77738308001", "ETH/USDC:USDC", "buy", "0.5", "0.2", "2000", "partially_filled"),
        ("77738308003", "BTC/USDC:USDC", "sell", "0.05", "0", None, "open"),
    ]


def test_closed_orders_have_their_latest_state_only() -> None:
    found = answer(Ask("orders", since=DAY))
    assert told(found, "order_id", "filled", "status")[2:] == [
        ("77738307900", "0.05", "filled"),
        ("77738307800", "0", "cancelled"),
    ]


def test_an_order_that_closes_between_the_two_questions_is_told_once() -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> Answer:
        body = {"order": {"coin": "ETH", "side": "B", "limitPx": "2000.0", "sz": "0.0", "oid": 77738308001, "timestamp": 1740830000000, "orderType": "Limit", "origSz": "0.5"}, "status": "filled", "statusTimestamp": 1740830399999}  # fmt: skip
        replay.on("POST", "/info", [body], where={"type": "historicalOrders"})
        return await feed.fetch(Ask("orders", since=DAY))

    found = asking(VENUE, "hyperliquid.txt", ask)
    assert ("77738308001", "filled") in told(found, "order_id", "status")
    assert found.complete


def test_prices_and_instruments() -> None:
    prices = answer(Ask("prices"))
    assert told(prices, "pair", "price")[0] == ("BTC/USDC", "90000.5")
    instruments = answer(Ask("instruments"))
    rows = told(instruments, "symbol", "multiplier", "kind", "lot", "currency")
    assert ("KPEPE/USDC:USDC", "1", "linear", "1", "USDC") in rows
    assert ("BTC/USDC", "1", "linear", "0.00001", "USDC") in rows
    # Anybody may name a token PURR: the second one is not the first.
    assert ("PURR-205/USDC", "1", "linear", "0.01", "USDC") in rows


@pytest.mark.parametrize(
    ("role", "error", "says"),
    [
        ({"role": "agent", "data": {"user": "0xb0"}}, VenueRefused, "that of an API wallet"),
        ({"role": "missing"}, VenueError, "does not know the address"),
        ({}, VenueMalformed, "empty object"),
    ],
)
def test_an_address_that_is_no_account_is_an_error_and_not_an_empty_account(
    role: dict[str, Any], error: type[VenueError], says: str
) -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> None:
        replay.on("POST", "/info", role, where={"type": "userRole"})
        with pytest.raises(error, match=says):
            await feed.fetch(Ask("positions"))

    asking(VENUE, "hyperliquid.txt", ask)


def test_no_address_is_an_error() -> None:
    with pytest.raises(UsageError, match="needs the address"):
        answer(Ask("positions"), credentials=Credentials())


def test_nothing_is_signed_and_a_sub_account_is_asked_by_its_own_address() -> None:
    sub = "0x00000000000000000000000000000000000000dd"

    async def ask(feed: VenueFeed, replay: Replay) -> None:
        await feed.fetch(Ask("balances"))
        assert await feed.permissions() == Permissions(True, False, False)
        users = {each.fields["user"] for each in replay.requests if "user" in each.fields}
        assert users == {sub}
        assert not any("signature" in each.fields for each in replay.requests)

    who = Credentials(wallet=WALLETS[VENUE], subaccount=sub)
    asking(VENUE, "hyperliquid.txt", ask, credentials=who)


# Paging


def fill(number: int, time: int) -> dict[str, Any]:
    return {"coin": "BTC", "px": "1.5", "sz": "0.1", "side": "B", "time": time, "closedPnl": "0.0", "hash": f"0x{number:x}", "oid": number, "crossed": True, "fee": "0.01", "tid": number, "feeToken": "USDC"}  # fmt: skip


class Fills:
    """Serves fills as the venue does: the oldest 2,000 of a span, of the newest 10,000."""

    def __init__(self, fills: list[dict[str, Any]]) -> None:
        self.fills = fills[-10_000:]

    def __call__(self, asked: Asked) -> Reply:
        start, end = asked.fields["startTime"], asked.fields.get("endTime", 1 << 62)
        inside = [each for each in self.fills if start <= each["time"] <= end]
        return Reply(json.dumps(inside[:2_000]))


def trades_of(fills: list[dict[str, Any]], since: int) -> Answer:
    async def ask(feed: VenueFeed, replay: Replay) -> Answer:
        replay.on("POST", "/info", Fills(fills), where={"type": "userFillsByTime"})
        return await feed.fetch(Ask("trades", since=since))

    return asking(VENUE, "hyperliquid.txt", ask)


START = ago(hours=2) // 1_000_000


def test_edge_09_no_fill_is_lost_at_a_page_edge_with_equal_times() -> None:
    # 1,950 fills a millisecond: no page ends where a millisecond does.
    fills = [fill(number, START + number // 1_950) for number in range(5_850)]
    found = trades_of(fills, START * 1_000_000)
    assert len(found.records) == 5_850
    assert found.complete


def test_fills_that_the_venue_no_longer_keeps_are_not_covered() -> None:
    fills = [fill(number, START + number) for number in range(12_500)]
    found = trades_of(fills, START * 1_000_000)
    assert len(found.records) <= 10_000
    assert found.window == ((START + 2_501) * 1_000_000, NOW_NS)
    assert found.reasons == ("only the newest 10,000 fills are kept",)
    covered = [record.values["timestamp"] for record in found.records]
    assert min(covered) >= found.window[0]  # type: ignore[type-var]


def test_ten_thousand_fills_are_whole_where_there_is_an_older_one() -> None:
    fills = [fill(number, START + number) for number in range(12_500)]
    found = trades_of(fills, (START + 2_501) * 1_000_000)
    assert len(found.records) == 9_999
    assert found.complete


def test_more_fills_at_one_instant_than_a_page_holds_are_an_error() -> None:
    fills = [fill(number, START) for number in range(2_100)]
    with pytest.raises(VenueMalformed, match="one instant"):
        trades_of(fills, START * 1_000_000)


@pytest.mark.parametrize("kind", ["clearinghouseState", "userRole", "meta", "spotMeta", "perpDexs"])
@pytest.mark.parametrize("body", ["{}", "[]", "null", "<html>", "", '{"marginSummary": {', "[[]]"])
def test_edge_05_a_body_that_says_nothing_is_no_flat_account(kind: str, body: str) -> None:
    if (kind, body) == ("perpDexs", "[[]]"):
        return  # refused all the same, as a name that is no object

    async def ask(feed: VenueFeed, replay: Replay) -> None:
        replay.on("POST", "/info", Reply(body), where={"type": kind})
        with pytest.raises(VenueMalformed) as caught:
            await feed.fetch(Ask("positions"))
        assert caught.value.where == f"main: {kind}"

    asking(VENUE, "hyperliquid.txt", ask)


def test_the_clock_is_measured() -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> int:
        body = {"time": 1_740_830_400_000 + 2_000, "specialStatuses": None}
        replay.on("POST", "/info", body, where={"type": "exchangeStatus"})
        return await feed.skew()

    # Known but for half of the time that the question took.
    assert abs(asking(VENUE, "hyperliquid.txt", ask) - 2 * SECOND) <= SECOND // 2
