"""Records from the future, in live comparisons and of venues' answers."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

from live_world import reconciliation
from review_world import MAIN, SECOND, Stage, play

from tieout.adapters.venues.cells import Rows
from tieout.adapters.venues.venue import Gathered
from tieout.core.asked import MAX_SKEW
from tieout.core.live import Ask
from tieout.core.schema import TRADES

HOUR = 3_600 * SECOND


def test_a_trade_from_the_future_is_quarantined_and_moves_no_window(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        trade = stage.trade("1", stage.now() - 30 * SECOND)
        stage.book.rows["trades"] = [trade]
        stage.venue.rows["trades"] = [{**trade, "timestamp": stage.now() + HOUR}]
        row, found = await stage.compare()
        assert (row.status.value, found) == ("incomplete", [])
        assert row.external is not None
        assert row.external.quarantined == 1
        (bad,) = stage.store.quarantine(row.run_id)
        assert bad.entry.field == "timestamp"
        assert "3600 s after it was told" in bad.entry.reason
        assert stage.store.monitors.cursor("it") is None, "it moves no watermark"
        stage.venue.rows["trades"] = [trade]
        row, found = await stage.compare()
        assert (row.status.value, found, row.counts.matched) == ("clean", [], 1)
        assert stage.store.monitors.cursor("it") is not None

    play(tmp_path, reconciliation("trades"), story)


def test_a_fill_from_the_future_leaves_a_position_unknown(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        symbol = "BTC/USDT:USDT"
        held = {**MAIN, "symbol": symbol, "leg": "net", "quantity": Decimal(1), "as_of": 0}
        stage.venue.rows["positions"] = [held]
        stage.book.rows["positions"] = [{**held, "quantity": Decimal(3)}]
        stage.book.rows["trades"] = [
            stage.trade("1", stage.now() + HOUR, symbol=symbol, quantity=Decimal(2), leg="net")
        ]
        row, found = await stage.compare()
        assert (row.status.value, found) == ("incomplete", [])
        assert "1 trades are unreadable" in " ".join(row.reasons)

    play(tmp_path, reconciliation("positions"), story)


def test_the_clock_of_a_venue_tells_what_is_its_future() -> None:
    """Its clock, with what is not known of it: a venue that is ahead of us has no future."""
    now = 1_740_830_400 * SECOND

    def read(time: int, latest: int) -> tuple[list[Any], list[Any]]:
        ask = Ask("trades", since=now - HOUR, until=now)
        rows = Rows("here", "trades", TRADES, {"account": "a", "venue": "v"})
        found = Gathered(ask, rows, now, window=(now - HOUR, now), latest=lambda: latest)
        values = {
            "symbol": "BTC/USDT", "trade_id": "1", "side": "buy", "quantity": Decimal(1),
            "price": Decimal(1), "timestamp": time,
        }  # fmt: skip
        found.read([{"raw": "row"}], lambda raw: values)
        return rows.kept(), rows.quarantined

    kept, bad = read(now + MAX_SKEW, now)
    assert (kept, bad) == ([], []), "only later than what was asked for"
    kept, bad = read(now + MAX_SKEW + 1, now)
    assert kept == []
    assert [(each.field, each.values["trade_id"]) for each in bad] == [("timestamp", "1")]
    assert read(now + MAX_SKEW + 1, now + 1) == ([], [])
    assert len(read(now, now - HOUR)[1]) == 1
