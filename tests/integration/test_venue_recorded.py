"""Recorded responses of venues, through our adapters: what was exact there is exact here.

They are read where `TIEOUT_VENUE_FIXTURES` names a directory of them: `fixtures/<venue>.json` with
cases, and the `markets` that they need. Their numbers are mostly quoted, unlike the wire's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from venue_replay import asking

from tieout.adapters.venues.markets import Markets, market_of
from tieout.adapters.venues.venue import VenueFeed
from tieout.core.live import Answer, Ask
from tieout.core.model import Record
from tieout.testing.replay import Case, Replay, recorded, recorded_table

GIVEN = os.environ.get("TIEOUT_VENUE_FIXTURES")
pytestmark = pytest.mark.skipif(
    GIVEN is None, reason="TIEOUT_VENUE_FIXTURES names no directory of recorded responses"
)

ADDRESS = "dydx14zzueazeh0hj67cghhf9jypslcf9sh2n5k6art"
METHODS = {
    "fetchMyTrades": "trades",
    "fetchPositions": "positions",
    "fetchBalance": "balances",
    "fetchOpenOrders": "orders",
}
ADAPTERS = {
    "hyperliquid": "hyperliquid_perp",
    "mexc": "mexc_spot",
    "gate": "gateio_spot",
    "bitget": "bitget_spot",
    "coinbase": "coinbase_spot",
    "dydx": "dydx_perp",
}
GENERIC = ("krakenfutures", "coinbaseexchange", "mexc", "gate", "hyperliquid")


def cases(venues: Any) -> Iterator[Any]:
    if GIVEN is None:
        return
    for venue in venues:
        for case in recorded(Path(GIVEN), venue):
            if case.method in METHODS and case.raises is None and case.expected is not None:
                yield pytest.param(case, id=case.id)


def markets_of(venue: str, kinds: frozenset[str]) -> Markets:
    assert GIVEN is not None
    table = recorded_table(Path(GIVEN), "markets", venue)
    return Markets(market_of(each) for each in table.values() if each.get("type") in kinds)


def symbol_of(case: Case) -> str | None:
    first = case.input[0] if case.input else None
    if isinstance(first, list):
        return str(first[0])
    return first if isinstance(first, str) else None


def ours(case: Case, records: str) -> Answer:
    """What our adapter makes of a recorded body."""
    venue = ADAPTERS[case.venue]
    perp = venue.endswith("perp")
    body = case.responses["*"]

    async def ask(feed: VenueFeed, replay: Replay) -> Answer:
        kinds = frozenset({"swap"}) if perp else frozenset({"spot"})
        markets = markets_of(case.venue, kinds)
        for market in markets:
            # Our ids of perpetuals are coins and tickers, ccxt's are numbers.
            if case.venue == "hyperliquid":
                markets.by_id[market.base] = market
        feed._load_markets = lambda: found(markets)  # type: ignore[method-assign]
        feed._client.markets["dexes"] = ("",)
        replay.on("POST", "/info", body)
        replay.on("POST", "/info", {"role": "user"}, where={"type": "userRole"})
        replay.on("GET", "*", body)
        symbol = symbol_of(case)
        since = 1_000_000_000_000_000_000 if records == "trades" else None
        return await feed.fetch(
            Ask(records, since, symbols=None if symbol is None else frozenset({symbol}))
        )

    async def found(markets: Markets) -> Markets:
        return markets

    return asking(
        venue,
        f"{venue.split('_')[0]}.txt",
        ask,
        unanswered=True,
        options={"unified": False, "uta": any("uta" in str(each) for each in case.input)},
    )


def number(record: Record, name: str) -> Decimal:
    value = record.values[name]
    assert isinstance(value, Decimal)
    return value


def agree(records: tuple[Record, ...], expected: Any, kind: str) -> int:
    """Compare what is comparable: symbol, side, size, price, and fees where ccxt is right."""
    if kind == "balances":
        totals = {code: total for code, total in expected["total"].items() if total is not None}
        told = {str(record.values["currency"]): number(record, "total") for record in records}
        for code, total in totals.items():
            assert told[code] == Decimal(total)
        return len(totals)
    rows = {str(row.get("id") or row.get("symbol")): row for row in expected}
    for record in records:
        values = record.values
        row = rows[
            str(values.get({"trades": "trade_id", "orders": "order_id"}.get(kind, "symbol")))
        ]
        assert values["symbol"] == row["symbol"]
        if kind == "positions":
            signed = Decimal(row["contracts"]) * Decimal(row["contractSize"] or 1)
            assert number(record, "quantity") == (signed if row["side"] == "long" else -signed)
            assert number(record, "average_price") == Decimal(row["entryPrice"])
            continue
        assert values["side"] == row["side"]
        assert number(record, "quantity") == Decimal(row["amount"])
        if row["price"] is not None:
            assert number(record, "price") == Decimal(row["price"])
        if kind == "trades":
            assert values["timestamp"] // 1_000_000 == row["timestamp"]  # type: ignore[operator]
    return len(records)


SPOT_ONLY = "is of another kind of account than the adapter's"


@pytest.mark.parametrize("case", list(cases(ADAPTERS)))
def test_our_adapters_read_what_was_recorded(case: Case) -> None:
    records = METHODS[case.method]
    wants_swap = ":" in (symbol_of(case) or "") or case.options.get("defaultType") == "swap"
    if wants_swap is not ADAPTERS[case.venue].endswith("perp") and records != "balances":
        pytest.skip(SPOT_ONLY)
    if any(
        isinstance(each, dict) and (each.get("marginMode") or each.get("type"))
        for each in case.input
    ):
        pytest.skip(SPOT_ONLY)
    if records == "positions" and not ADAPTERS[case.venue].endswith("perp"):
        pytest.skip(SPOT_ONLY)
    if case.id.startswith(("coinbase/fetchBalance", "dydx/")):
        pytest.skip("ccxt asks another endpoint than we do")
    found = ours(case, records)
    assert not found.quarantined
    assert agree(found.records, case.expected, records) > 0
