"""dYdX over HTTP: children of a sub-account, fills that ccxt lacks, cash without PnL."""

from __future__ import annotations

import json
from typing import Any

import pytest
from venue_replay import WALLETS, ago, asking, told

from tieout.adapters.venues.settings import Credentials
from tieout.adapters.venues.venue import VenueFeed
from tieout.core.live import Answer, Ask, Permissions
from tieout.errors import UsageError, VenueError, VenueMalformed
from tieout.testing.replay import Asked, Replay, Reply

VENUE = "dydx_perp"
DAY = ago(hours=24)
PARENT = f"/v4/addresses/{WALLETS[VENUE]}/parentSubaccountNumber/0"
FILLS = "/v4/fills/parentSubaccountNumber"


def answer(ask: Ask, **settings: Any) -> Answer:
    async def one(feed: VenueFeed, replay: Replay) -> Answer:
        return await feed.fetch(ask)

    return asking(VENUE, "dydx.txt", one, **settings)


def test_isolated_positions_are_in_children_and_not_flat() -> None:
    found = answer(Ask("positions"))
    assert told(found, "symbol", "leg", "quantity", "average_price") == [
        ("BTC/USDC:USDC", "net", "-0.407", "88692.048409090909090909"),
        ("EIGEN/USDC:USDC", "net", "100", "1.4"),
    ]
    assert found.complete


def test_a_child_may_be_asked_alone() -> None:
    who = Credentials(wallet=WALLETS[VENUE], subaccount="128")
    found = answer(Ask("positions"), credentials=who)
    assert told(found, "symbol", "quantity") == [("EIGEN/USDC:USDC", "100")]


def test_one_market_in_two_sub_accounts_is_one_position_without_a_price() -> None:
    def position(size: str, side: str) -> dict[str, str]:
        return {
            "market": "BTC-USD",
            "side": side,
            "size": size,
            "entryPrice": "1",
            "unrealizedPnl": "0",
        }

    def child(number: int, size: str, side: str) -> dict[str, Any]:
        return {
            "subaccountNumber": number,
            "equity": "1",
            "openPerpetualPositions": {"BTC-USD": position(size, side)},
            "assetPositions": {},
        }

    async def both(feed: VenueFeed, replay: Replay) -> Answer:
        children = [child(0, "0.5", "LONG"), child(128, "-0.2", "SHORT")]
        replay.on("GET", PARENT, {"subaccount": {"equity": "2", "childSubaccounts": children}})
        return await feed.fetch(Ask("positions"))

    found = asking(VENUE, "dydx.txt", both)
    assert told(found, "symbol", "quantity", "average_price") == [("BTC/USDC:USDC", "0.3", None)]


def test_cash_is_equity_without_unrealised_pnl_of_all_children() -> None:
    found = answer(Ask("balances"))
    # 1000.5 + 57.26681734000000000000037, and 509.5 - 10, at 18 digits
    assert told(found, "currency", "wallet", "total") == [("USDC", "futures", "1557.26681734")]
    assert found.symbols == {"USDC"}


def test_fills_with_liquidations_and_rebates() -> None:
    found = answer(Ask("trades", since=DAY))
    columns = ("trade_id", "symbol", "side", "quantity", "price", "fee", "exec_type", "order_id")
    assert told(found, *columns) == [
        ("f3", "ETH/USDC:USDC", "sell", "0.5", "2000", "15.5", "liquidation", None),
        ("f2", "BTC/USDC:USDC", "sell", "0.407", "88692", "18.048822", "trade", "dad46410-3444-5566-a129-19a619300fb8"),
        ("f1", "EIGEN/USDC:USDC", "buy", "100", "1.4", "-0.0154", "trade", "o9"),
    ]  # fmt: skip


def test_edge_47_two_markets_funded_at_one_height_and_transfers() -> None:
    found = answer(Ask("movements", since=DAY))
    assert told(found, "movement_id", "type", "symbol", "amount") == [
        ("x2", "transfer", None, "-25.5"),
        ("x1", "transfer", None, "100"),
        ("funding:BTC-USD:0:45058000", "funding", "BTC/USDC:USDC", "0.457875"),
        ("funding:EIGEN-USD:128:45058000", "funding", "EIGEN/USDC:USDC", "-0.003"),
    ]


def test_orders() -> None:
    columns = ("order_id", "client_order_id", "quantity", "filled", "price", "status")
    assert told(answer(Ask("orders", since=DAY)), *columns) == [
        ("dad46410-3444-5566-a129-19a619300fb7", "716238006", "0.002", "0.001", "80000", "partially_filled"),
        ("dad46410-3444-5566-a129-19a619300fb8", "716238007", "0.407", "0.407", None, "filled"),
    ]  # fmt: skip


def test_prices_instruments_and_permissions() -> None:
    assert told(answer(Ask("prices")), "pair", "price")[0] == ("BTC/USDC", "90000.123456789")
    rows = told(answer(Ask("instruments")), "symbol", "tick", "lot")
    assert rows[0] == ("BTC/USDC:USDC", "1", "0.0001")

    async def ask(feed: VenueFeed, replay: Replay) -> Permissions:
        return await feed.permissions()

    assert asking(VENUE, None, ask) == Permissions(True, False, False)


@pytest.mark.parametrize("wallet", [None, "0x00000000000000000000000000000000000000a1"])
def test_an_address_of_another_chain_is_an_error(wallet: str | None) -> None:
    with pytest.raises(UsageError, match="needs the address"):
        answer(Ask("positions"), credentials=Credentials(wallet=wallet))


def test_an_account_that_is_not_there_is_no_flat_one() -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> None:
        body = {"errors": [{"msg": "No subaccounts found for address"}]}
        replay.on("GET", PARENT, Reply(body, 404))
        with pytest.raises(VenueError, match="No subaccounts found"):
            await feed.fetch(Ask("positions"))

    asking(VENUE, "dydx.txt", ask)


@pytest.mark.parametrize("body", ["{}", '{"subaccount": {}}', '{"subaccount": {"childSubaccounts": []}}', '{"subaccount": {"childSubaccounts": [{"equity": "1"}]}}', "[]", "", "<html>"])  # fmt: skip
def test_edge_05_a_body_that_says_nothing_is_no_flat_account(body: str) -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> None:
        replay.on("GET", PARENT, Reply(body))
        for records in ("positions", "balances"):
            with pytest.raises(VenueMalformed):
                await feed.fetch(Ask(records))

    asking(VENUE, "dydx.txt", ask)


def fill(number: int, height: int) -> dict[str, Any]:
    return {"id": f"f{number}", "side": "BUY", "liquidity": "TAKER", "type": "LIMIT", "market": "BTC-USD", "price": "1", "size": "1", "fee": "0", "createdAt": "2025-03-01T11:00:00.000Z", "createdAtHeight": str(height), "orderId": "o", "subaccountNumber": 0}  # fmt: skip


def fills_of(fills: list[dict[str, Any]]) -> Answer:
    def page(asked: Asked) -> Reply:
        below = int(asked.query.get("createdBeforeOrAtHeight", 1 << 62))
        rows = [each for each in fills if int(each["createdAtHeight"]) <= below]
        return Reply(json.dumps({"fills": rows[: int(asked.query["limit"])]}))

    async def ask(feed: VenueFeed, replay: Replay) -> Answer:
        replay.on("GET", FILLS, page)
        return await feed.fetch(Ask("trades", since=DAY))

    return asking(VENUE, "dydx.txt", ask)


def test_edge_09_no_fill_is_lost_at_a_page_edge_inside_a_block() -> None:
    fills = [fill(number, 1_000 - number // 70) for number in range(1_050)]
    found = fills_of(fills)
    assert (
        len({record.values["trade_id"] for record in found.records}) == len(found.records) == 1_050
    )


def test_a_block_with_more_fills_than_a_page_is_an_error() -> None:
    with pytest.raises(VenueMalformed, match="block 1000"):
        fills_of([fill(number, 1_000) for number in range(150)])
