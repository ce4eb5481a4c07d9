"""Events of the last moment: one side has told them, the other ends a little before."""

from __future__ import annotations

import asyncio
from pathlib import Path

from live_world import reconciliation
from review_world import SECOND, Stage, play


def test_an_event_beyond_what_the_other_side_told_is_in_flight(tmp_path: Path) -> None:
    """On a busy market there is one in every reading: it must not leave the run incomplete."""

    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        now = stage.now()
        stage.venue.window = (0, now - SECOND)
        stage.book.rows["trades"] = [stage.trade("1", now - SECOND // 2)]
        row, found = await stage.compare()
        assert (row.status.value, found, row.counts.expected) == ("clean", [], 1)
        cursor = stage.store.monitors.cursor("it")
        assert cursor == now - SECOND, "nobody has told what happened since"

        await asyncio.sleep(30)
        stage.venue.window = None
        row, found = await stage.compare()
        assert [each.content["kind"] for each in found] == ["MISSING_EXTERNAL"]

    play(tmp_path, reconciliation("trades", grace="5s"), story)


def test_it_is_unknown_once_it_had_its_time(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        now = stage.now()
        stage.venue.window = (0, now - 20 * SECOND)
        stage.book.rows["trades"] = [stage.trade("1", now - 10 * SECOND)]
        row, found = await stage.compare()
        assert (row.status.value, found, row.counts.unknown) == ("incomplete", [], 1)

    play(tmp_path, reconciliation("trades", grace="5s"), story)


def test_a_symbol_that_nobody_asked_about_is_unknown_however_new(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        now = stage.now()
        stage.venue.narrow, stage.venue.window = True, (0, now - SECOND)
        stage.book.rows["trades"] = [
            stage.trade("1", now - 10 * SECOND),
            stage.trade("2", now - SECOND // 2, symbol="ETH/USDT"),
        ]
        stage.venue.rows["trades"] = [stage.trade("1", now - 10 * SECOND)]
        stage.monitor.setup.universe.known = _only_bitcoin  # type: ignore[method-assign]
        row, found = await stage.compare()
        assert (row.status.value, found, row.counts.unknown) == ("incomplete", [], 1)

    play(tmp_path, reconciliation("trades", grace="5s"), story)


async def _only_bitcoin(*_: object) -> frozenset[str]:
    return frozenset({"BTC/USDT"})
