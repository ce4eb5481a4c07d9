"""Virtual time: it jumps, it is deterministic, and a hang is an error."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from tieout.testing import virtual
from tieout.testing.virtual import Stalled, VirtualClock

START = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def test_sleeping_for_an_hour_takes_no_time_and_moves_the_clock() -> None:
    async def main() -> tuple[timedelta, float]:
        clock = VirtualClock()
        loop = asyncio.get_running_loop()
        before = loop.time()
        await asyncio.sleep(3600)
        return clock.now() - START, loop.time() - before

    started = time.process_time()
    assert virtual.run(main(), START) == (timedelta(hours=1), 3600.0)
    assert time.process_time() - started < 5


def test_timers_run_by_their_times_and_always_in_the_same_order() -> None:
    async def main() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        heard: list[tuple[str, float]] = []
        for name, delay in (("c", 3.0), ("a", 0.1), ("b", 2.0), ("a2", 0.1), ("c2", 3.0)):
            loop.call_later(delay, lambda name=name: heard.append((name, loop.time())))
        await asyncio.sleep(3.0)
        await asyncio.sleep(0)
        return heard

    heard = virtual.run(main())
    assert [time for _, time in heard] == [0.1, 0.1, 2.0, 3.0, 3.0]
    assert {name for name, _ in heard[:2]} == {"a", "a2"}
    assert virtual.run(main()) == heard


def test_a_timeout_passes_in_virtual_time() -> None:
    async def main() -> datetime:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 30)
        return VirtualClock().now()

    assert virtual.run(main(), START) == START + timedelta(seconds=30)


def test_a_tenth_of_a_second_ten_thousand_times_is_a_thousand_seconds() -> None:
    async def main() -> datetime:
        for _ in range(10_000):
            await asyncio.sleep(0.1)
        return VirtualClock().now()

    assert virtual.run(main(), START) == START + timedelta(seconds=1000)


def test_waiting_for_what_nobody_will_set_is_an_error() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Stalled, match="nothing is scheduled"):
        virtual.run(main())


def test_time_stands_still_while_a_thread_works() -> None:
    async def main() -> tuple[str, datetime]:
        clock = VirtualClock()
        async with asyncio.timeout(1):
            found = await asyncio.to_thread(lambda: (time.sleep(0.05), "done")[1])
        return found, clock.now()

    assert virtual.run(main(), START) == ("done", START)


def test_a_thread_may_read_the_clock_that_the_loop_has_used() -> None:
    async def main() -> datetime:
        clock = VirtualClock()
        await asyncio.sleep(7)
        return await asyncio.to_thread(clock.now)

    assert virtual.run(main(), START) == START + timedelta(seconds=7)


def test_a_clock_without_virtual_time_says_so() -> None:
    async def main() -> None:
        VirtualClock().now()

    with pytest.raises(RuntimeError, match=r"virtual\.run"):
        asyncio.run(main())
    with pytest.raises(RuntimeError, match="no running event loop"):
        VirtualClock().now()


def test_a_start_without_a_zone_is_refused() -> None:
    async def main() -> None: ...

    with pytest.raises(ValueError, match="no time zone"):
        virtual.run(main(), START.replace(tzinfo=None))


def test_tasks_that_are_left_are_cancelled() -> None:
    ended = []

    async def forever() -> None:
        try:
            await asyncio.sleep(10**6)
        finally:
            ended.append(True)

    async def main() -> asyncio.Task[None]:
        task = asyncio.create_task(forever())
        await asyncio.sleep(1)
        return task

    assert virtual.run(main()).cancelled()
    assert ended == [True]
