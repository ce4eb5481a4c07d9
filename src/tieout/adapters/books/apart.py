"""Readings of a database beside the loop, each within a limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from tieout.adapters.threads import DaemonThread
from tieout.errors import SourceError

_T = TypeVar("_T")


class Apart:
    """A book's readings, each on a thread of its own.

    A database that does not answer keeps its thread for as long as it hangs. Until then nothing
    more is asked of it: so it never has more threads than were at work side by side, and nobody
    else waits for one.

    Args:
        name: the book's.
        seconds: how long one reading may take.
    """

    def __init__(self, name: str, seconds: float) -> None:
        self._name = name
        self._seconds = seconds
        self._begun: dict[object, float] = {}

    async def read(self, work: Callable[[], _T]) -> _T:
        """What `work` comes to.

        Raises:
            TimeoutError: it takes longer than the limit.
            SourceError: an earlier one did, and has not come back.
        """
        loop = asyncio.get_running_loop()
        mark, now = object(), loop.time()
        waited = now - min(tuple(self._begun.values()), default=now)
        if waited > self._seconds:
            raise SourceError(
                f"the database still hangs: what it was asked {waited:.0f} s ago is not answered",
                where=self._name,
                hint="look what it waits for; it is asked again once that has ended, or by a new"
                " process",
            )

        def marked() -> _T:
            self._begun[mark] = now
            try:
                return work()
            finally:
                del self._begun[mark]

        thread = DaemonThread(f"tieout-{self._name}")
        try:
            reading = loop.run_in_executor(thread, marked)
        finally:
            thread.shutdown(wait=False)
        async with asyncio.timeout(self._seconds):
            return await reading
