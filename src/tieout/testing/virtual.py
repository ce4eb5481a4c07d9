"""An asyncio event loop on virtual time: five minutes of a market in a second, and the same twice.

`run(main(), start)` runs a coroutine as `asyncio.run` does. Inside, `loop.time()`, `asyncio.sleep`,
`wait_for`, `timeout` and `call_later` count simulated seconds: when nothing is ready, time jumps to
the next timer. `VirtualClock` is the wall clock that belongs to it.

    async def main() -> None:
        clock = VirtualClock()
        await asyncio.sleep(3600)       # takes no time
        assert clock.now() == start + timedelta(hours=1)

Time stands still while code runs and while a thread works (`asyncio.to_thread`): the thread must
not wait for one of the loop's timers. Sockets are not for this loop: the other end does not know
that an hour passed.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

T = TypeVar("T")

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Where virtual time begins, unless told."""

_RESOLUTION: Final = 1e-9


class Stalled(RuntimeError):
    """Everything waits, and nothing is scheduled that could end it."""


class _Selector(selectors.BaseSelector):
    """Asks the operating system without waiting, and lets time jump instead."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.passed = 0.0
        self.working = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.working:
            # A thread ends by a byte in the loop's own pipe. Until then time stands still.
            return self._real.select(timeout if timeout == 0 else None)
        ready = self._real.select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise Stalled(
                "everything waits and nothing is scheduled: some task awaits what nobody will set"
            )
        self.passed += max(timeout, _RESOLUTION)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time passes only where there is nothing to do."""

    def __init__(self, start: datetime = START) -> None:
        self._virtual = _Selector()
        self._start = start.astimezone(UTC)
        super().__init__(self._virtual)
        # Timers that the rounding of a sum leaves a hair in the future are due.
        self._clock_resolution = _RESOLUTION

    def time(self) -> float:
        return self._virtual.passed

    def wall(self) -> datetime:
        """The present time, aware UTC."""
        return self._start + timedelta(microseconds=round(self._virtual.passed * 1e6))

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self._virtual.working += 1
        future.add_done_callback(self._worked)
        return future

    def _worked(self, _: asyncio.Future[Any]) -> None:
        self._virtual.working -= 1

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109
        """Wait for the threads for as long as they take: in virtual time any limit is over."""
        self._virtual.working += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self._virtual.working -= 1


class VirtualClock:
    """A `ports.Clock` of the loop that it is first used on; other threads may read it after."""

    def __init__(self) -> None:
        self._loop: VirtualLoop | None = None
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            return
        if isinstance(running, VirtualLoop):
            self._loop = running

    def now(self) -> datetime:
        """Aware UTC.

        Raises:
            RuntimeError: it was never used inside `run`.
        """
        if self._loop is None:
            running = asyncio.get_running_loop()
            if not isinstance(running, VirtualLoop):
                raise RuntimeError("this clock belongs to virtual time: use it inside virtual.run")
            self._loop = running
        return self._loop.wall()


def run(main: Coroutine[Any, Any, T], start: datetime = START) -> T:
    """Run `main` to its end on a new loop whose time begins at `start`.

    Tasks that are left are cancelled, as `asyncio.run` does.

    Raises:
        Stalled: everything waits, and nothing is scheduled that could end it.
        ValueError: `start` has no time zone.
    """
    if start.tzinfo is None:
        main.close()
        raise ValueError(f"{start} has no time zone; pass an aware time")
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(start)) as runner:
        return runner.run(main)
