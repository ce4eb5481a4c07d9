"""Intervals by APScheduler. It only triggers: whether a monitor runs is decided elsewhere.

It goes by the wall's clock: where that is set back by an hour, its next call is an hour away. So
somebody who goes by the loop's clock looks after each interval, and has it begun anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Final, Self

from tieout.errors import MissingExtra

LATE: Final = 1.5
"""After so many intervals without a call the schedule is begun anew."""


class Schedule:
    """Calls coroutines at intervals, on the loop that it is entered on.

    Raises:
        MissingExtra: APScheduler is not installed.
    """

    def __init__(self) -> None:
        if find_spec("apscheduler") is None:
            raise MissingExtra("live", "`tieout serve`")
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        # Missed ones are not made up for, and of one job there is one call at a time: the
        # monitors merge requests themselves.
        defaults = {"coalesce": True, "max_instances": 100, "misfire_grace_time": None}
        self._scheduler = AsyncIOScheduler(timezone="UTC", job_defaults=defaults)
        self._watching: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._scheduler.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for each in self._watching:
            each.cancel()
        self._scheduler.shutdown(wait=False)

    def every(
        self, seconds: float, name: str, call: Callable[[], Awaitable[object]]
    ) -> Callable[[], None]:
        """Call `call` every so many seconds, first after that time; returns what stops it."""
        every = max(1, round(seconds))
        time = asyncio.get_running_loop().time
        called = [time()]

        async def tick() -> None:
            # What is no coroutine function itself (a lambda) would be called on a thread, and the
            # coroutine that it gives never awaited.
            called[0] = time()
            await call()

        job = self._scheduler.add_job(tick, _interval(every), name=name)

        async def watch() -> None:
            while True:
                await asyncio.sleep(every)
                if time() - called[0] > LATE * every:
                    called[0] = time()
                    job.reschedule(_interval(every))

        watching = asyncio.create_task(watch(), name=f"{name}: intervals")
        self._watching.add(watching)
        watching.add_done_callback(self._watching.discard)

        def stop() -> None:
            watching.cancel()
            if self._scheduler.get_job(job.id) is not None:
                job.remove()

        return stop


def _interval(seconds: int) -> Any:
    from apscheduler.triggers.interval import IntervalTrigger

    return IntervalTrigger(seconds=seconds, timezone="UTC")
