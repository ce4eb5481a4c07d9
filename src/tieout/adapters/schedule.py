"""Intervals by APScheduler. It only triggers: whether a monitor runs is decided elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from types import TracebackType
from typing import Self

from tieout.errors import MissingExtra


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

    async def __aenter__(self) -> Self:
        self._scheduler.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._scheduler.shutdown(wait=False)

    def every(
        self, seconds: float, name: str, call: Callable[[], Awaitable[object]]
    ) -> Callable[[], None]:
        """Call `call` every so many seconds, first after that time; returns what stops it."""
        from apscheduler.triggers.interval import IntervalTrigger

        async def tick() -> None:
            # What is no coroutine function itself (a lambda) would be called on a thread, and the
            # coroutine that it gives never awaited.
            await call()

        trigger = IntervalTrigger(seconds=max(1, round(seconds)), timezone="UTC")
        job = self._scheduler.add_job(tick, trigger, name=name)

        def stop() -> None:
            if self._scheduler.get_job(job.id) is not None:
                job.remove()

        return stop
