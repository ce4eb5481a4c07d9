"""Recorded answers of the venues that are replayed, and of `ccxt:<id>`, where somebody has them.

They are read where `TIEOUT_VENUE_FIXTURES` names a directory of them: `fixtures/<venue>.json` with
cases, and the `markets` that they need. Their numbers are mostly quoted, unlike the wire's.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
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
HERE = Path(GIVEN or "")
pytestmark = pytest.mark.skipif(not GIVEN, reason="TIEOUT_VENUE_FIXTURES is not set")

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
}
GENERIC = ("krakenfutures", "coinbaseexchange", "mexc", "gate")
PARAMETERS = {"uta": True}
"""What the adapters have an option for; a case with other parameters is of another account."""


def symbol_of(case: Case) -> str | None:
    first = case.input[0] if case.input else None
    if isinstance(first, list):
        return str(first[0])
    return first if isinstance(first, str) else None


def parameters(case: Case) -> dict[str, Any]:
    return next((each for each in case.input if isinstance(each, dict)), {})


def fits_ours(case: Case) -> bool:
    """Whether the case is of the kind of account, and of the endpoint, that our adapter asks."""
    perp = ADAPTERS[case.venue].endswith("perp")
    swap = ":" in (symbol_of(case) or "") or case.options.get("defaultType") == "swap"
    records = METHODS[case.method]
    if case.id.startswith("coinbase/fetchBalance"):
        return False  # ccxt asks v2
    if perp and parameters(case).get("type") == "spot":
        return True
    if not parameters(case).items() <= PARAMETERS.items():
        return False
    return swap is perp if records != "balances" else True


def fits_generic(case: Case) -> bool:
    """Whether the adapter would send what was sent; ccxt has no entry price on Kraken."""
    return (
        not parameters(case)
        and not case.options
        and case.venue + case.method != "krakenfetchPositions"
    )


def cases(venues: Iterable[str], fits: Any) -> Iterator[Any]:
    for venue in venues if GIVEN else ():
        for case in recorded(HERE, venue):
            if case.method in METHODS and case.expected and fits(case):
                if (
                    METHODS[case.method] != "positions"
                    or fits is fits_generic
                    or venue == "hyperliquid"
                ):
                    yield pytest.param(case, id=case.id)


LATER = datetime(2026, 11, 1, tzinfo=UTC)
"""After everything that was recorded: what is told before it happens is not believed."""


def say_time(replay: Replay, at: int) -> None:
    """Each venue's clock, in milliseconds."""
    replay.on("POST", "/info", {"time": at}, where={"type": "exchangeStatus"})
    replay.on("GET", "/api/v3/time", {"serverTime": at})
    replay.on("GET", "/api/v4/spot/time", {"server_time": at})
    replay.on("GET", "/api/v2/public/time", {"code": "00000", "data": {"serverTime": str(at)}})
    replay.on("GET", "/api/v3/brokerage/time", {"epochMillis": str(at)})


def ours(case: Case, records: str) -> Answer:
    """What our adapter makes of a recorded body."""
    venue, symbol, body = ADAPTERS[case.venue], symbol_of(case), case.responses["*"]
    kind = "swap" if venue.endswith("perp") else "spot"
    table = recorded_table(HERE, "markets", case.venue)
    markets = Markets(market_of(each) for each in table.values() if each["type"] == kind)
    for market in markets if case.venue == "hyperliquid" else ():
        markets.by_id[market.base] = market  # ours are coins, ccxt's are numbers

    async def load() -> Markets:
        return markets

    async def ask(feed: VenueFeed, replay: Replay) -> Answer:
        feed._load_markets = load  # type: ignore[method-assign]
        feed._client.markets["dexes"] = ("",)
        # As on the day of the recording: a venue keeps trades for so many days.
        day = case.expected[0]["timestamp"] if records == "trades" else LATER.timestamp() * 1000
        say_time(replay, int(day) + 3_600_000)
        await feed.skew()
        await feed.instruments()
        replay.on("POST", "/info", body)
        replay.on("POST", "/info", {"role": "user"}, where={"type": "userRole"})
        if parameters(case).get("type") == "spot":
            replay.load(FIXTURES_OF_PERP)
            replay.on("POST", "/info", body, where={"type": "spotClearinghouseState"})
        replay.on("GET", "*", body)
        if case.venue == "coinbase":
            last = {"fills": [], "cursor": ""}
            replay.on("GET", "*", last, where={"cursor": body.get("cursor")})
        return await feed.fetch(
            Ask(records, symbols=None if symbol is None else frozenset({symbol}))
        )

    options = {
        "unified": False,
        "spot": "type" in parameters(case),
        "uta": "uta" in parameters(case),
    }
    return asking(
        venue, f"{venue.split('_')[0]}.txt", ask, unanswered=True, now=LATER, options=options
    )


FIXTURES_OF_PERP = Path(__file__).parents[1] / "fixtures" / "venues" / "hyperliquid.txt"


def theirs(case: Case, records: str) -> Answer:
    """What the generic adapter makes of a recorded body."""
    symbol = symbol_of(case)
    swap = ":" in (symbol or "") or case.venue == "krakenfutures"

    async def ask(feed: VenueFeed, replay: Replay) -> Answer:
        tables = [recorded_table(HERE, kind, case.venue) for kind in ("markets", "currencies")]

        async def load() -> Markets:
            feed._client.exchange.set_markets(*tables)
            return Markets(market_of(each) for each in tables[0].values())

        feed._load_markets = load  # type: ignore[method-assign]
        replay.on("*", "/*", case.responses["*"])
        since = until = None
        if records == "trades":
            times = [row["timestamp"] for row in case.expected]
            since, until = (min(times) - 1_000) * 1_000_000, (max(times) + 1_000) * 1_000_000
        symbols = None if symbol is None else frozenset({symbol})
        return await feed.fetch(Ask(records, since, until, symbols))

    kind = {"type": "swap" if swap else "spot", "by_symbol": symbol is not None}
    return asking(f"ccxt:{case.venue}", None, ask, unanswered=True, now=LATER, options=kind)


def number(record: Record, name: str) -> Decimal:
    value = record.values[name]
    assert isinstance(value, Decimal)
    return value


NAMES = {"trades": "trade_id", "orders": "order_id"}


def agree(records: tuple[Record, ...], expected: Any, kind: str) -> int:
    """Compare what is comparable with what ccxt read exactly; how many records that were."""
    if kind == "balances":
        told = {
            str(each.values["currency"]): number(each, "total")
            for each in records
            if each.values["wallet"] != "futures" or len(records) == 1
        }
        totals = {
            code: Decimal(total) for code, total in expected["total"].items() if total is not None
        }
        assert {code: told[code] for code in totals} == totals
        return len(totals)
    rows = {str(row.get("id") or row.get("symbol")): row for row in expected}
    for record in records:
        values = record.values
        row = rows[str(values[NAMES.get(kind, "symbol")])]
        assert values["symbol"] == row["symbol"]
        if kind == "positions":
            size = Decimal(row["contracts"]) * Decimal(row["contractSize"] or 1)
            assert number(record, "quantity") == (size if row["side"] == "long" else -size)
            assert number(record, "average_price") == Decimal(row["entryPrice"])
            continue
        assert values["side"] == row["side"]
        assert number(record, "quantity") == Decimal(row["amount"]) * size_of(values, row)
        if row["price"] is not None:
            assert number(record, "price") == Decimal(row["price"])
        if kind == "trades":
            assert int(str(values["timestamp"])) // 1_000_000 == row["timestamp"]
    return len(records)


def size_of(values: Any, row: Any) -> Decimal:
    """What is left of a contract's size where ccxt counts contracts and we count units."""
    return (
        Decimal(str(values["quantity"])) / Decimal(row["amount"])
        if ":" in row["symbol"]
        else Decimal(1)
    )


@pytest.mark.parametrize("case", list(cases(ADAPTERS, fits_ours)))
def test_our_adapters_read_what_was_recorded(case: Case) -> None:
    records = METHODS[case.method]
    found = ours(case, records)
    assert not found.quarantined
    assert agree(found.records, case.expected, records) > 0


@pytest.mark.parametrize("case", list(cases(GENERIC, fits_generic)))
def test_the_generic_adapter_reads_what_was_recorded(case: Case) -> None:
    records = METHODS[case.method]
    found = theirs(case, records)
    assert not found.quarantined
    assert agree(found.records, case.expected, records) > 0
