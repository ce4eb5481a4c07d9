"""Our clock is set wrongly across midnight, and right again: comparisons go on where they were."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import edge_world
import pytest
from edge_world import PERP, Desk, Judged, all_of, tell

from tieout.testing import virtual
from tieout.testing.exchange import Exchange

NEW_YEAR, SECOND = date(2026, 1, 1), date(2026, 1, 2)
NAMES = ("positions", "trades")


class Wrong(virtual.VirtualClock):
    """A clock that goes wrong; the exchange's does not."""

    off = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.off


@contextmanager
def wrong(desk: Desk, by: timedelta) -> Any:
    desk.clock.off = by
    yield
    desk.clock.off = timedelta(0)


def told(tmp_path: Path, monkeypatch: Any, story: Callable[[Desk], Awaitable[None]]) -> Any:
    right = virtual.VirtualClock
    monkeypatch.setattr(edge_world.virtual, "VirtualClock", Wrong)
    monkeypatch.setattr(edge_world, "Exchange", lambda clock, **keys: Exchange(right(), **keys))
    return tell(tmp_path, monkeypatch, all_of(*NAMES), story)


async def compared(desk: Desk, after: float = 60.0) -> tuple[Judged, Judged]:
    await asyncio.sleep(after)
    positions, trades = [await desk.compare(name) for name in NAMES]
    return positions, trades


def noted(judged: Judged) -> bool:
    return any("is added to that business date" in each for each in judged.row.internal.notes)


def test_what_was_open_before_a_jump_ahead_stays_so_until_it_is_settled(
    tmp_path: Path, monkeypatch: Any
) -> None:
    async def story(desk: Desk) -> None:
        desk.account.trade(PERP, "buy", "1")
        desk.believe()
        desk.account.trade(PERP, "buy", "2")  # the book never hears of it
        first = await compared(desk)
        assert [each.kinds for each in first] == [["QUANTITY"], ["MISSING_INTERNAL"]]
        ids = [each.only.id for each in first]

        with wrong(desk, timedelta(hours=26)):
            ahead = await compared(desk, 10)
        assert {each.row.business_date for each in ahead} == {SECOND}
        assert [each.only.id for each in ahead] == ids

        for _ in range(3):
            back = await compared(desk)
            assert [each.status for each in back] == ["breaks", "breaks"]
            assert [each.only.id for each in back] == ids
            assert {each.row.business_date for each in back} == {SECOND}
            assert all(map(noted, back))
        assert [each.only.opened_at for each in back] == [each.only.opened_at for each in first]

        desk.believe()
        right = await compared(desk)
        assert [each.status for each in right] == ["clean", "clean"]
        assert [each.row.breaks.cleared for each in right] == [1, 1]

    told(tmp_path, monkeypatch, story)


def test_what_happens_after_the_jump_is_found_and_carried_over_the_real_midnight(
    tmp_path: Path, monkeypatch: Any
) -> None:
    async def story(desk: Desk) -> None:
        desk.account.trade(PERP, "buy", "1")
        desk.believe()
        await compared(desk)
        with wrong(desk, timedelta(hours=26)):
            await compared(desk, 10)
        desk.account.trade(PERP, "buy", "3")
        after = await compared(desk)
        assert [each.kinds for each in after] == [["QUANTITY"], ["MISSING_INTERNAL"]]
        ids = [each.only.id for each in after]

        for day, hours in ((SECOND, 24), (date(2026, 1, 3), 24)):
            later = await compared(desk, hours * 3600)
            assert {each.row.business_date for each in later} == {day}
            assert not any(map(noted, later))
            assert [each.only.id for each in later] == ids
        desk.believe()
        assert [each.status for each in await compared(desk)] == ["clean", "clean"]

    told(tmp_path, monkeypatch, story)


def test_a_jump_back_over_midnight_changes_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(desk: Desk) -> None:
        desk.account.trade(PERP, "buy", "1")
        desk.believe()
        assert [each.status for each in await compared(desk, 5)] == ["clean", "clean"]
        desk.account.trade(PERP, "buy", "2")
        with wrong(desk, timedelta(minutes=-4)):  # yesterday, which is last year
            back = await compared(desk, 30)
            assert [each.kinds for each in back] == [["QUANTITY"], ["MISSING_INTERNAL"]]
            assert {each.row.business_date for each in back} == {NEW_YEAR}
            assert all(map(noted, back))
            desk.believe()
            assert [each.status for each in await compared(desk, 5)] == ["clean", "clean"]
        assert [each.status for each in await compared(desk, 5)] == ["clean", "clean"]

    told(tmp_path, monkeypatch, story)


@pytest.mark.parametrize("hours", [26, -1])
def test_nobody_is_told_of_failures_that_a_wrong_clock_is_no_reason_for(
    tmp_path: Path, monkeypatch: Any, hours: int
) -> None:
    async def story(desk: Desk) -> None:
        desk.account.trade(PERP, "buy", "1")
        desk.believe()
        await desk.supervisor.start()
        await asyncio.sleep(150)
        with wrong(desk, timedelta(hours=hours)):
            await asyncio.sleep(90)
        await asyncio.sleep(600)
        assert all(each.failures == 0 for each in desk.supervisor.monitors)

    seen = told(tmp_path, monkeypatch, story)
    assert seen.alerts == []
