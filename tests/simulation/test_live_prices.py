"""Which prices a live comparison uses: a venue's own ones age as well."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from live_world import reconciliation
from review_world import MAIN, SECOND, Stage, play

from tieout.core.canonical import nanoseconds
from tieout.core.valuation import Quote
from tieout.service.live.setup import LiveSetup
from tieout.service.live.verdict import _fresh

MINUTE = 60 * SECOND
NOW = 1_700_000_000 * SECOND


def priced(tmp: Path, *ages: int) -> list[tuple[Any, Any]]:
    """(value, time of the price before the comparison's, ns) of a break, by the price's age."""
    found: list[tuple[Any, Any]] = []

    async def story(stage: Stage) -> None:
        stage.venue.offers |= {"prices"}
        held = {**MAIN, "symbol": "BTC/USDT:USDT", "leg": "net", "as_of": 0}
        stage.venue.rows["positions"] = [{**held, "quantity": Decimal(2)}]
        for age in ages:
            at = stage.now() - age
            price = {"pair": "BTC/USDT", "price": Decimal(50), "as_of": at}
            stage.venue.rows["prices"] = [price]
            row, (brk,) = await stage.compare()
            (by,) = brk.value_prices or (None,)
            when = None if by is None else (by.pair, nanoseconds(row.as_of) - by.as_of > age)
            found.append((brk.value_amount, when))
            await asyncio.sleep(60)

    play(tmp, reconciliation("positions"), story)
    return found


def test_an_old_price_of_the_venue_is_no_price(tmp_path: Path) -> None:
    known = (Decimal(100), ("BTC/USDT", True))
    # A comparison takes a few seconds, and the price grows older.
    assert priced(tmp_path, 0, 4 * MINUTE, 5 * MINUTE, 6 * MINUTE) == [
        known, known, (None, None), (None, None),
    ]  # fmt: skip


def test_a_price_is_as_old_as_the_clock_that_dates_it_says() -> None:
    """A venue whose clock is an hour ahead of ours has young prices, and we know their time."""
    hour = 60 * MINUTE
    quotes = {
        "A/USD": Quote(Decimal(1), NOW + hour - MINUTE),
        "B/USD": Quote(Decimal(1), NOW + hour - 6 * MINUTE),
        "C/USD": Quote(Decimal(1)),
    }
    found = _fresh(quotes, 5 * MINUTE, NOW + hour, NOW)
    assert found == {"A/USD": Quote(Decimal(1), NOW - MINUTE, 5 * MINUTE)}
    near = _fresh({"A/USD": Quote(Decimal(1), NOW)}, MINUTE, NOW + SECOND // 3, NOW)
    assert near == {"A/USD": Quote(Decimal(1), NOW, MINUTE)}, "milliseconds are left as they are"


@pytest.mark.parametrize(("said", "age"), [("", 5 * MINUTE), ("max_age: 1m, ", MINUTE)])
def test_the_source_says_how_old_a_price_may_be(said: str, age: int) -> None:
    from tieout.config import parse
    from tieout.testing.virtual import VirtualClock
    from tieout.wiring import open_store
    from tieout.wiring.feeds import Feeds
    from tieout.wiring.live import live_setup

    settings = parse(
        f"{{version: 1, sources: {{book: {{type: book}}, v: {{type: venue, {said}"
        "venue: binance_spot, api_key: env:A, secret: env:A}}, reconciliations:"
        " {r: {records: balances, internal: book, external: v}}}",
        None,
        {"A": "a"},
    )

    async def setup() -> LiveSetup:
        feeds = Feeds(settings, store, VirtualClock())
        try:
            return live_setup(settings.reconciliations["r"], settings, feeds)
        finally:
            await feeds.aclose()

    store = open_store("sqlite://")
    try:
        assert asyncio.run(setup()).price_age == age
    finally:
        store.close()
