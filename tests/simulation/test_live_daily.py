"""The daily comparison that reaches further back than the cursor, for who restarts before a day."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from live_world import reconciliation
from review_world import SECOND, Stage, broken, play

from tieout.testing.virtual import START

HOUR = 3600
DAY = 24 * HOUR * SECOND
LINES = reconciliation("trades", every="1h", lookback="1m")


def reached(stage: Stage) -> list[float]:
    """How many hours back each question for trades went."""
    now = stage.now()
    return [
        round((now - ask.since) / (HOUR * SECOND), 1)
        for ask in stage.venue.calls
        if ask.records == "trades" and ask.since is not None and ask.since > 0
    ]


@pytest.mark.parametrize("hours", [20, 6])
def test_who_restarts_before_a_day_is_over_gets_the_full_comparison_too(
    tmp_path: Path, hours: int
) -> None:
    """Nothing runs for a day at a stretch; a trade that came after the lookback is found."""
    url = f"sqlite:///{tmp_path / 'store.db'}"
    late = int((START + timedelta(hours=1)).timestamp()) * SECOND
    found = []

    async def session(stage: Stage) -> None:
        if stage.now() > late + hours * HOUR * SECOND:  # a session later: the cursor is past it
            stage.venue.rows["trades"] = [stage.trade("late", late)]
        await stage.supervisor.start()
        found.append(len(stage.seen.runs[-1][2]))

    for number in range(48 // hours + 1):
        play(tmp_path, LINES, session, start=START + timedelta(hours=hours * number), store=url)
    assert found[0] == 0
    assert found[-1] == 1


def test_a_restart_before_it_is_due_reads_no_more_than_the_lookback(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    back = []

    async def session(stage: Stage) -> None:
        await stage.supervisor.start()
        back.append(max(reached(stage)))

    for hours in (0, 2, 23, 25, 26):
        play(tmp_path, LINES, session, start=START + timedelta(hours=hours), store=url)
    assert back[0] >= 24
    assert back[1] < 3
    assert back[2] < 22
    assert back[3] >= 48, "due: back over the one before it"
    assert back[4] < 2


def test_one_that_failed_is_begun_anew_and_not_at_every_comparison(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"

    async def first(stage: Stage) -> None:
        await stage.compare()

    async def second(stage: Stage) -> None:
        stage.venue.down = broken()
        row, _ = await stage.compare()
        assert row.status.value == "failed"
        stage.venue.down = None
        for minutes, full in ((1, False), (30, False), (31, True), (1, False)):
            await asyncio.sleep(minutes * 60)
            stage.venue.calls.clear()
            await stage.compare()
            assert (max(reached(stage)) >= 48) is full, minutes

    play(tmp_path, LINES, first, store=url)
    play(tmp_path, LINES, second, start=START + timedelta(hours=30), store=url)


def test_a_mark_of_a_clock_that_was_ahead_does_not_put_it_off(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"

    async def first(stage: Stage) -> None:
        await stage.compare()

    play(tmp_path, LINES, first, start=START + timedelta(hours=5), store=url)

    async def second(stage: Stage) -> None:
        await stage.compare()
        assert max(reached(stage)) >= 48

    play(tmp_path, LINES, second, start=START, store=url)


def test_a_dry_run_does_not_stand_for_it(tmp_path: Path) -> None:
    from tieout.service.live.verdict import verdict

    url = f"sqlite:///{tmp_path / 'store.db'}"

    async def first(stage: Stage) -> None:
        await stage.compare()

    async def second(stage: Stage) -> None:
        bench = stage.monitor._bench
        await verdict(stage.monitor.setup, bench, dry_run=True)
        stage.venue.calls.clear()
        await stage.compare()
        assert max(reached(stage)) >= 48

    play(tmp_path, LINES, first, store=url)
    play(tmp_path, LINES, second, start=START + timedelta(days=2), store=url)
