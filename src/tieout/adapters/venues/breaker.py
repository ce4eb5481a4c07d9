"""A circuit breaker: after a number of failures in a row, nobody asks for a while.

Time is the event loop's, so that it is virtual where the loop's is.
"""

from __future__ import annotations

import asyncio


class Breaker:
    """Closed, open for `cooldown` seconds, then half open: one question goes through."""

    def __init__(self, failures: int, cooldown: float) -> None:
        self._limit = failures
        self._cooldown = cooldown
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def failures(self) -> int:
        """How many questions failed one after the other."""
        return self._failures

    def remaining(self) -> float:
        """Seconds until the next question may go through; 0 where one may now."""
        if self._opened_at is None:
            return 0.0
        left = self._opened_at + self._cooldown - asyncio.get_running_loop().time()
        if left <= 0:
            return self._cooldown if self._probing else 0.0
        return left

    def enter(self) -> None:
        """A question goes through now: `remaining` was 0."""
        self._probing = self._opened_at is not None

    def succeeded(self) -> None:
        self._failures = 0
        self._opened_at = None
        self._probing = False

    def failed(self) -> None:
        self._failures += 1
        self._probing = False
        if self._failures >= self._limit:
            self._opened_at = asyncio.get_running_loop().time()

    def left(self) -> None:
        """The question ended without saying anything of the venue: it was cancelled."""
        self._probing = False
