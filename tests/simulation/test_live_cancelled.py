"""A comparison that is cancelled before its end: counted as failed, unless the monitor closes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from live_world import reconciliation
from review_world import Stage, play

from tieout.core.live import Answer, Ask

POSITIONS = reconciliation("positions")


def test_a_comparison_that_cancels_itself_has_failed_and_the_next_one_comes(
    tmp_path: Path,
) -> None:
    async def story(stage: Stage) -> None:
        await stage.compare()
        stage.venue.down = asyncio.CancelledError()  # type: ignore[assignment]
        for failures in (1, 2, 3, 4):
            await asyncio.sleep(60)
            assert await stage.monitor.compare() is None
            assert stage.monitor.failures == failures
            assert stage.monitor.trouble == "the comparison was cancelled before its end"
        titles = [title for _, title in stage.seen.alerts]
        assert titles == ["it: 3 comparisons in a row have failed"]
        stage.venue.down = None
        await stage.compare()
        assert (stage.monitor.failures, stage.monitor.trouble) == (0, None)

    play(tmp_path, POSITIONS, story)


def test_what_is_asked_for_meanwhile_is_compared_all_the_same(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        whole = stage.venue.fetch

        async def fetch(ask: Ask) -> Answer:
            stage.venue.fetch = whole  # type: ignore[method-assign]
            await asyncio.sleep(1)
            raise asyncio.CancelledError

        stage.venue.fetch = fetch  # type: ignore[method-assign]
        first = asyncio.create_task(stage.monitor.compare())
        await asyncio.sleep(0.5)
        second = asyncio.create_task(stage.monitor.compare())
        assert await first is None
        assert await second is not None

    play(tmp_path, POSITIONS, story)


@pytest.mark.parametrize("closing", [True, False])
def test_a_monitor_that_is_stopped_stops(tmp_path: Path, closing: bool) -> None:
    async def story(stage: Stage) -> None:
        monitor, hangs = stage.monitor, asyncio.Event()

        async def fetch(ask: object) -> None:
            hangs.set()
            await asyncio.sleep(10_000)

        stage.venue.fetch = fetch  # type: ignore[assignment, method-assign]
        asked = asyncio.create_task(monitor.compare())
        await hangs.wait()
        (worker,) = [each for each in asyncio.all_tasks() if each.get_name() == "tieout:it"]
        if closing:
            await monitor.aclose()
        else:
            worker.cancel()
        assert await asked is None
        await asyncio.wait({worker})
        assert worker.cancelled()
        assert monitor.failures == (0 if closing else 1)

    play(tmp_path, POSITIONS, story)
