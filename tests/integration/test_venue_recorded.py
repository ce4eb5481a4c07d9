"""Recorded answers of Binance, Bybit and Kraken, where somebody has them.

`TIEOUT_VENUE_FIXTURES` names a directory with `fixtures/<exchange>.json` (cases of a method with
`httpResponse` and ccxt's own exact reading, `exact_4_5_90`) and `markets/<exchange>.json`.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from venue_world import World, live

from tieout.adapters.venues.markets import Markets, market_of
from tieout.core.live import Answer, Ask

GIVEN = os.environ.get("TIEOUT_VENUE_FIXTURES")
pytestmark = pytest.mark.skipif(not GIVEN, reason="TIEOUT_VENUE_FIXTURES is not set")

CASES = [
    ("binance_spot", "fetchMyTrades/0", "/api/v3/myTrades", "trades"),
    ("binance_spot", "fetchBalance/0", "/api/v3/account", "balances"),
    ("binance_spot", "fetchOpenOrders/0", "/api/v3/openOrders", "orders"),
    ("binance_perp", "fetchPositions/0", "/fapi/v3/positionRisk", "positions"),
    ("binance_perp", "fetchPositions/1", "/fapi/v3/positionRisk", "positions"),
    ("bybit_spot", "fetchMyTrades/2", "/v5/execution/list", "trades"),
    ("bybit_perp", "fetchMyTrades/3", "/v5/execution/list", "trades"),
    ("bybit_perp", "fetchPositions/1", "/v5/position/list", "positions"),
    ("bybit_perp", "fetchBalance/0", "/v5/account/wallet-balance", "balances"),
    ("bybit_perp", "fetchClosedOrders/0", "/v5/order/history", "orders"),
    ("kraken_spot", "fetchOpenOrders/3", "/0/private/OpenOrders", "orders"),
]
LATER = datetime(2026, 11, 1, tzinfo=UTC)
"""After everything that was recorded: what is told before it happens is not believed."""
KINDS = {"binance_perp": ("swap", "future"), "bybit_perp": ("swap", "future")}


def recorded(exchange: str, name: str) -> dict[str, Any]:
    path = Path(GIVEN or "") / "fixtures" / f"{exchange}.json"
    cases = json.loads(path.read_text(), parse_float=str)["cases"]
    return next(each for each in cases if each["id"].startswith(f"{exchange}/{name}/"))


def markets(exchange: str, kinds: tuple[str, ...]) -> Markets:
    path = Path(GIVEN or "") / "markets" / f"{exchange}.json"
    listed = json.loads(path.read_text(), parse_float=str).values()
    found = Markets(market_of(each) for each in listed if each["type"] in kinds)
    for each in listed:
        if each["type"] in kinds and (each.get("info") or {}).get("altname"):
            found.alias(each["info"]["altname"], found.by_symbol[each["symbol"]])
    return found


def number(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def theirs(records: str, row: dict[str, Any]) -> tuple[Any, ...]:
    """One of ccxt's rows, by what both of us say."""
    fee = row.get("fee") or {}
    if records == "trades":
        numbers = number(row["amount"]), number(row["price"]), number(fee.get("cost"))
        return (str(row["id"]), row["symbol"], row["side"], *numbers, fee.get("currency"))
    if records == "positions":
        size = number(row["contracts"]) or Decimal(0)
        size *= number(row.get("contractSize")) or 1
        signed = -size if row["side"] == "short" else size
        return row["symbol"], signed, number(row["entryPrice"])
    numbers = number(row["amount"]), number(row["filled"])
    return (str(row["id"]), row["symbol"], row["side"], *numbers)


def ours(records: str, row: Any) -> tuple[Any, ...]:
    names = {
        "trades": ("trade_id", "symbol", "side", "quantity", "price", "fee", "fee_currency"),
        "positions": ("symbol", "quantity", "average_price"),
        "orders": ("order_id", "symbol", "side", "quantity", "filled"),
    }[records]
    return tuple(row[name] for name in names)


@pytest.mark.parametrize(("adapter", "name", "path", "records"), CASES, ids=str)
def test_it_reads_what_was_recorded(adapter: str, name: str, path: str, records: str) -> None:
    exchange = adapter.split("_", maxsplit=1)[0]
    case = recorded(exchange, name)
    expected = case["exact_4_5_90"]
    table = markets(exchange, KINDS.get(adapter, ("spot",)))

    async def asked(world: World) -> Answer:
        feed = world.feed()
        feed._client.markets[feed.market_kind] = table, 0.0
        body = case["httpResponse"]
        if isinstance(body, dict) and "nextPageCursor" in body.get("result", {}):
            body["result"]["nextPageCursor"] = ""  # one page was recorded
        # Whether there are two legs is not recorded.
        world.instead["/v5/position/list"] = {"retCode": 0, "result": {"list": []}}
        world.instead[path] = body
        since = until = symbols = None
        if isinstance(expected, list) and records != "positions":
            times = [int(row["timestamp"]) * 1_000_000 for row in expected]
            symbols = frozenset(row["symbol"] for row in expected)
            if records == "trades" or "Closed" in name:
                since, until = min(times), max(times) + 3_600_000_000_000
        return await feed.fetch(Ask(records, since, until, symbols))

    found = live(adapter, asked, start=LATER)
    assert not found.quarantined
    if records == "balances":
        totals = {row.values["currency"]: row.values["total"] for row in found.records}
        right = {name: Decimal(str(total)) for name, total in expected["total"].items() if total}
        assert totals == {name: total for name, total in right.items() if total}
        return
    seen = {ours(records, row.values) for row in found.records}
    right = {theirs(records, row) for row in expected}
    if records == "positions":
        right = {row for row in right if row[1]}
    assert seen == right
    assert seen
