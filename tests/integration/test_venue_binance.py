"""Binance at the simulated exchange: spot, USD-M, and what the two share."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs

import pytest
from venue_world import (
    DAY,
    EVERYTHING,
    HOUR,
    MILLI,
    NOW_MS,
    World,
    answer,
    explained,
    live,
    told,
    totals,
)

from tieout.core.live import Answer, Ask
from tieout.errors import VenueError, VenueRefused
from tieout.testing.exchange import Fault, Faults, FeePlan, Trouble

SPOT, PERP = "binance_spot", "binance_perp"
BTC, PERPS = frozenset({"BTC/USDT"}), frozenset({"BTC/USDT:USDT", "ETH/USDT:USDT"})
BNB = FeePlan(asset="BNB", perpetual_asset="BNB")
MOVED = Ask("movements", since=EVERYTHING)
TRADES = Ask("trades", since=EVERYTHING, symbols=BTC)


def nothing(_: World) -> None:
    """An account in which nothing happened."""


# Spot


@pytest.mark.parametrize("adapter", [SPOT, PERP])
def test_orders_of_one_id_in_two_markets_are_two(adapter: str) -> None:
    """Ids count per symbol."""
    symbols = ("BTC/USDT", "ETH/USDT") if adapter == SPOT else sorted(PERPS)

    def happened(world: World) -> None:
        for number, symbol in enumerate(symbols, 1):
            world.account.place(symbol, "buy", str(number), "10")
        path = "/api/v3/openOrders" if adapter == SPOT else "/fapi/v1/openOrders"
        world.instead[path] = lambda rows: [{**row, "orderId": 28} for row in rows]

    found = answer(adapter, happened, Ask("orders"))
    assert sorted(told(found, "symbol", "order_id", "quantity")) == [
        (symbols[0], "28", "1"),
        (symbols[1], "28", "2"),
    ]
    assert found.quarantined == ()


def test_edge_45_a_fee_in_a_third_asset_keeps_its_currency() -> None:
    def happened(world: World) -> None:
        world.account.deposit("USDT", "100000")
        world.account.deposit("BNB", "5")
        world.account.trade("BTC/USDT", "buy", "0.5", "90000.1")

    found = answer(SPOT, happened, TRADES, fees=BNB)
    (row,) = told(found, "side", "quantity", "price", "fee_currency", "liquidity", "exec_type")
    assert row == ("buy", "0.5", "90000.1", "BNB", "taker", "trade")
    assert found.symbols == BTC


def test_edge_09_2500_fills_with_shared_milliseconds_are_all_there_once() -> None:
    def happened(world: World) -> None:
        for number in range(2_500):
            world.account.trade("BTC/USDT", "buy", "0.001", at=NOW_MS - 5_000 + number // 7)

    found = answer(SPOT, happened, TRADES)
    ids = [int(each[0] or 0) for each in told(found, "trade_id")]
    assert len(ids) == len(set(ids)) == 2_500
    assert max(ids) - min(ids) == 2_499
    assert found.complete


def test_fills_of_many_days_are_found_day_by_day() -> None:
    def happened(world: World) -> None:
        for day in range(9, 0, -1):
            world.account.trade("BTC/USDT", "buy", "0.001", at=NOW_MS - day * DAY)

    def asked(since: int) -> Answer:
        return answer(SPOT, happened, Ask("trades", since=since, symbols=BTC))

    assert len(asked(EVERYTHING).records) == 9
    part = asked((NOW_MS - 4 * DAY) * MILLI)
    assert len(part.records) == 4, "both ends are inclusive"
    assert part.window is not None
    assert part.window[0] == (NOW_MS - 4 * DAY) * MILLI


def test_rows_that_come_twice_are_one_trade() -> None:
    async def asked(world: World) -> Answer:
        world.exchange.faults = Faults(3, [Fault(Trouble.DOUBLED, rate=1.0)])
        world.exchange.faults.began = NOW_MS
        for number in range(20):
            world.account.trade("BTC/USDT", "buy", "0.001", at=NOW_MS - 5_000 + number)
        feed = world.feed()
        found = await feed.fetch(TRADES)
        await feed.aclose()
        return found

    found = live(SPOT, asked)
    assert len(found.records) == 20
    assert found.complete


def test_edge_11_one_id_with_two_contents_is_neither() -> None:
    async def asked(world: World) -> Answer:
        for number in range(3):
            world.account.trade("BTC/USDT", "buy", "0.001", at=NOW_MS - 5_000 + number)

        def forged(rows: Any) -> Any:
            return [*rows, {**rows[1], "qty": "7"}] if rows else rows

        world.instead["/api/v3/myTrades"] = forged
        feed = world.feed()
        return await feed.fetch(TRADES)

    found = live(SPOT, asked)
    assert len(found.records) == 2
    assert {str(each.values["quantity"]) for each in found.quarantined} == {"0.00100000", "7"}
    assert not found.complete


@pytest.mark.parametrize("forged_first", [True, False])
@pytest.mark.parametrize(
    ("records", "path", "column"),
    [("positions", "/fapi/v3/positionRisk", "positionAmt"), ("balances", "/fapi/v3/balance", "balance")],
)  # fmt: skip
def test_two_rows_of_a_snapshot_that_contradict_each_other_are_neither(
    records: str, path: str, column: str, *, forged_first: bool
) -> None:
    def happened(world: World) -> None:
        world.account.trade("BTC/USDT:USDT", "buy", "1")
        world.account.trade("ETH/USDT:USDT", "buy", "3")
        world.instead[path] = lambda rows: (
            [*forged(rows), *rows] if forged_first else [*rows, *forged(rows)]
        )

    def forged(rows: Any) -> Any:
        names = ("BTCUSDT", "USDT")
        return [
            {**row, column: "7"} for row in rows if row.get("symbol", row.get("asset")) in names
        ]

    found = answer(PERP, happened, Ask(records))
    name = "symbol" if records == "positions" else "currency"
    assert told(found, name) == ([("ETH/USDT:USDT",)] if records == "positions" else [])
    assert len({each.values[name] for each in found.quarantined}) == 1
    assert len(found.quarantined) == 2, "both, so that nothing is said of their key"
    assert all("different things" in each.reason for each in found.quarantined)
    assert not found.complete


def test_a_symbol_that_is_none_of_the_markets_is_quarantined_and_the_markets_asked_again() -> None:
    async def asked(world: World) -> tuple[Answer, int]:
        world.account.place("BTC/USDT", "buy", "0.1", "80000")
        world.account.place("ETH/USDT", "buy", "0.1", "2000")
        world.instead["/api/v3/openOrders"] = lambda rows: [rows[0], {**rows[1], "symbol": "NEW1"}]
        feed = world.feed()
        found = await feed.fetch(Ask("orders"))
        await asyncio.sleep(120)
        await feed.fetch(Ask("orders"))
        await feed.fetch(Ask("orders"))
        return found, sum(path.startswith("api/v3/exchangeInfo") for path in world.asked)

    found, listed = live(SPOT, asked)
    assert [each.field for each in found.quarantined] == ["symbol"]
    assert "NEW1" in found.quarantined[0].reason
    assert len(found.records) == 1
    assert not found.complete
    assert listed == 2


def test_without_symbols_nothing_is_covered_and_a_note_says_so() -> None:
    found = answer(SPOT, nothing, Ask("trades"))
    assert found.symbols == frozenset()
    assert any("symbols" in note for note in found.notes)
    named = answer(SPOT, nothing, Ask("trades"), symbols=BTC)
    assert named.symbols == BTC
    other = answer(SPOT, nothing, Ask("trades", symbols=frozenset({"BTC/USDT", "ZZZ/USDT"})))
    assert other.symbols == BTC
    assert any("ZZZ/USDT" in note for note in other.notes)


def test_balances_say_which_currencies_they_know_and_keep_earn_apart() -> None:
    async def asked(world: World) -> Answer:
        world.account.deposit("USDT", "10")
        rows = [
            {"asset": "BTC", "free": "0.10000000", "locked": "0.05000000"},
            {"asset": "LDBTC", "free": "2.00000001", "locked": "0.00000000"},
            {"asset": "LDO", "free": "3", "locked": "0"},
            {"asset": "ETH", "free": "0.00000000", "locked": "0.00000000"},
        ]
        world.instead["/api/v3/account"] = {"balances": rows}
        return await world.feed().fetch(Ask("balances"))

    found = live(SPOT, asked)
    assert told(found, "currency", "wallet", "total", "free", "used") == [
        ("BTC", "spot", "0.15", "0.1", "0.05"),
        ("BTC", "earn", "2.00000001", "2.00000001", "0"),
        ("LDO", "spot", "3", "3", "0"),
    ]
    assert found.symbols is not None
    assert "ETH" in found.symbols
    assert "SOL" not in found.symbols, "edge 52: a currency that is missing is unknown, not zero"
    assert found.together


def test_a_funding_wallet_is_asked_for_by_name() -> None:
    def happened(world: World) -> None:
        world.account.deposit("USDT", "10")
        world.account.transfer("USDT", "4", "spot", "funding")

    found = answer(SPOT, happened, Ask("balances"), options={"wallets": ["spot", "funding"]})
    assert told(found, "wallet", "total") == [("spot", "6"), ("funding", "4")]
    assert found.wallets == {"spot", "funding"}
    assert answer(SPOT, happened, Ask("balances")).wallets == {"spot"}
    assert not found.together


def test_orders_open_and_of_a_window() -> None:
    def happened(world: World) -> None:
        at, account = NOW_MS - HOUR, world.account
        old = account.place("BTC/USDT", "sell", "0.2", "99000", at=at - 3 * DAY)
        account.cancel(old, at=at - 3 * DAY + 1)
        part = account.place("BTC/USDT", "buy", "0.4", "80000", client_id="mine", at=at)
        account.fill(part, "0.1", "80000", at=at + 1)
        gone = account.place("BTC/USDT", "sell", "0.2", "99000", at=at + 2)
        account.fill(gone, "0.05", "99000", at=at + 3)
        account.cancel(gone, at=at + 4)

    columns = ("side", "quantity", "filled", "price", "status")
    assert told(answer(SPOT, happened, Ask("orders")), *columns) == [
        ("buy", "0.4", "0.1", "80000", "partially_filled")
    ]
    since = Ask("orders", since=(NOW_MS - DAY) * MILLI, symbols=BTC)
    found = answer(SPOT, happened, since)
    assert sorted(told(found, *columns)) == [
        ("buy", "0.4", "0.1", "80000", "partially_filled"),
        ("sell", "0.2", "0.05", "99000", "cancelled"),  # edge 27: its fills are kept
    ]
    assert found.symbols == BTC


@pytest.mark.parametrize("hours", [1, 2, 4, 24 * 80])
def test_a_deposit_counts_from_when_it_was_credited_however_long_that_took(hours: int) -> None:
    """The venue lists it by when it was seen: an hour and a half before, at this exchange."""
    credited = NOW_MS - HOUR // 6

    def happened(world: World) -> None:
        world.account.deposit("BTC", "3", at=credited - 100 * DAY)
        world.account.deposit("BTC", "2", at=credited)

    found = answer(SPOT, happened, Ask("movements", (NOW_MS - hours * HOUR) * MILLI))
    assert found.complete
    assert told(found, "type", "amount") == [("transfer", "2")]
    assert [row.values["timestamp"] for row in found.records] == [credited * MILLI]


def test_a_deposit_that_was_seen_weeks_ago_is_asked_for_in_one_question() -> None:
    seen, credited = NOW_MS - 29 * DAY, NOW_MS - HOUR // 6
    row = {"id": "77", "amount": "2", "coin": "BTC", "status": 1, "txId": "0xabc"}
    row |= {"insertTime": seen, "completeTime": credited}

    async def one(world: World) -> Answer:
        path = "/sapi/v1/capital/deposit/hisrec"

        def listed(_: Any) -> list[dict[str, Any]]:
            asked = parse_qs(world.asked[-1])
            first, last = (int(asked[f"{name}Time"][0]) for name in ("start", "end"))
            return [row] if first <= seen <= last else []

        world.instead[path] = listed
        found = await world.feed().fetch(Ask("movements", (NOW_MS - HOUR) * MILLI))
        assert sum(each.startswith(path[1:]) for each in world.asked) == 1
        return found

    assert told(live(SPOT, one), "movement_id", "amount") == [("deposit:77", "2")]


def test_a_withdrawal_counts_from_when_it_was_asked_for() -> None:
    def happened(world: World) -> None:
        world.account.deposit("USDT", "10", at=NOW_MS - DAY)
        world.account.withdraw("USDT", "1", at=NOW_MS - HOUR)
        world.account.withdraw("USDT", "2", at=NOW_MS - 60_000)  # still on its way

    found = answer(SPOT, happened, Ask("movements", (NOW_MS - 30 * 60_000) * MILLI))
    assert told(found, "type", "amount") == [("transfer", "-2")]


def test_edge_49_all_that_moves_a_spot_balance_is_among_the_events() -> None:
    async def asked(world: World) -> None:
        account, at = world.account, NOW_MS - HOUR
        account.deposit("USDT", "100000", at=at)
        account.deposit("BNB", "3", at=at + 1)
        account.trade("BTC/USDT", "buy", "0.51234", "90000.01", at=at + 2)
        account.trade("BTC/USDT", "sell", "0.1", "91000", maker=True, at=at + 3)
        account.withdraw("BTC", "0.2", fee="0.0005", at=at + 4)
        account.transfer("USDT", "1234.5", "spot", "futures", at=at + 5)
        account.transfer("USDT", "34.5", "futures", "spot", at=at + 6)
        account.transfer("USDT", "100", "spot", "funding", at=at + 7)
        feed = world.feed(symbols=BTC)
        trades, moved = await feed.fetch(TRADES), await feed.fetch(Ask("movements", EVERYTHING))
        assert explained(trades, moved) == totals(await feed.fetch(Ask("balances")))
        kinds = sorted(str(each[0]) for each in told(moved, "type"))
        assert kinds == ["fee", *["transfer"] * 6]

    live(SPOT, asked, fees=BNB)


# Both


def test_spot_and_perp_of_one_account_share_one_client() -> None:
    async def asked(world: World) -> None:
        spot, perp = world.feed(SPOT), world.feed(PERP)
        other = world.feed(SPOT, account="other")
        assert spot._client is perp._client
        assert other._client is not spot._client
        await spot.fetch(Ask("balances"))
        await perp.fetch(Ask("balances"))
        assert sum(path.startswith("api/v3/time") for path in world.asked) == 1
        await spot.aclose()
        await perp.fetch(Ask("positions"))
        await perp.aclose()
        assert world.clients._open.keys() == {
            key for key in world.clients._open if key[1] == "other"
        }
        await other.aclose()
        assert not world.clients._open

    live(SPOT, asked)


def test_a_revoked_key_stops_both_and_names_each() -> None:
    async def asked(world: World) -> None:
        spot, perp = world.feed(SPOT), world.feed(PERP)
        await spot.fetch(Ask("balances"))
        await perp.instruments()
        next(iter(world.exchange.keys.values())).revoked = True
        matters = set()
        for feed in (spot, perp, spot, perp):
            with pytest.raises(VenueRefused) as raised:
                await feed.fetch(Ask("balances"))
            assert raised.value.venue == feed.name
            assert raised.value.code == "-2015"
            matters.add(raised.value.matter)
        assert len(matters) == 1
        signed = [path for path in world.asked if "signature=" in path]
        assert len(signed) == 3, "one good question, two that were refused, and no more"

    live(SPOT, asked)


def test_permissions_are_what_the_venue_says() -> None:
    async def asked(world: World) -> None:
        found = await world.feed().permissions()
        assert (found.read, found.trade, found.withdraw) == (True, False, False)

    live(SPOT, asked)


@pytest.mark.parametrize(
    "trouble", [Trouble.TIMEOUT, Trouble.HTML, Trouble.OUTAGE, Trouble.CUT, Trouble.EMPTY_OBJECT]
)
def test_edge_05_a_failed_question_is_no_answer(trouble: Trouble) -> None:
    async def asked(world: World) -> None:
        feed = world.feed(PERP)
        world.account.trade("BTC/USDT:USDT", "buy", "0.3", "90000")
        await feed.fetch(Ask("positions"))
        world.exchange.faults = Faults(3, [Fault(trouble)])
        world.exchange.faults.began = NOW_MS
        with pytest.raises(VenueError):
            await feed.fetch(Ask("positions"))

    live(PERP, asked)


def test_the_window_of_a_snapshot_leaves_out_what_was_waited() -> None:
    """Attempts that failed do not widen it: the answer is of the last one."""

    async def asked(world: World) -> Answer:
        feed = world.feed(PERP)
        await feed.fetch(Ask("positions"))
        world.exchange.faults = Faults(3, [Fault(Trouble.TIMEOUT, at=[0.0])])
        world.exchange.faults.began = NOW_MS
        return await feed.fetch(Ask("positions"))

    found = live(PERP, asked)
    assert found.answered_at - found.asked_at < 500 * MILLI


def test_prices_name_the_pair_and_are_restricted_to_what_was_asked() -> None:
    found = answer(PERP, nothing, Ask("prices", symbols=frozenset({"BTC/USDT"})))
    assert told(found, "pair", "price") == [("BTC/USDT", "91250")]


def test_a_row_that_cannot_be_read_keeps_the_key_that_can() -> None:
    async def asked(world: World) -> Answer:
        for number in range(4):
            world.account.trade("BTC/USDT", "buy", "0.001", at=NOW_MS - 5_000 + number)

        def broken(rows: Any) -> Any:
            if len(rows) == 4:
                rows[0]["price"] = "1.0000000000000000001"
                rows[1]["qty"] = None
                rows[2]["commission"] = {"a": 1}
            return rows

        world.instead["/api/v3/myTrades"] = broken
        return await world.feed().fetch(TRADES)

    found = live(SPOT, asked)
    assert len(found.records) == 1
    assert [each.field for each in found.quarantined] == ["price", "qty", "commission"]
    known = found.records[0].values["trade_id"]
    assert [each.values["trade_id"] for each in found.quarantined] == [
        str(int(str(known)) - back) for back in (3, 2, 1)
    ]
    assert {each.values["symbol"] for each in found.quarantined} == {"BTC/USDT"}
