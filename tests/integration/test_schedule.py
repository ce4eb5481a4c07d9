"""Intervals: whatever gives a coroutine is called on the loop and awaited."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta

from tieout.adapters.schedule import Schedule


def test_a_lambda_that_gives_a_coroutine_is_awaited_on_the_loop() -> None:
    async def main() -> int:
        called: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def call() -> None:
            if not called.done():
                called.set_result(threading.get_ident())

        async with Schedule() as schedule:
            stop = schedule.every(1, "it", lambda: call())  # noqa: PLW0108 - this is the point
            found = await asyncio.wait_for(called, 60)
            stop()
            stop()
        return found

    assert asyncio.run(main()) == threading.get_ident()


def test_a_clock_that_is_set_back_delays_nothing_for_long() -> None:
    """The next call is an hour away then, by the wall's clock; by the loop's it is late."""

    async def main() -> bool:
        called = asyncio.Event()

        async def call() -> None:
            called.set()

        async with Schedule() as schedule:
            schedule.every(1, "it", call)
            (job,) = schedule._scheduler.get_jobs()
            job.modify(next_run_time=datetime.now(UTC) + timedelta(hours=1))
            return await asyncio.wait_for(called.wait(), 60)

    assert asyncio.run(main())
