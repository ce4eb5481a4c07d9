"""How often one question is asked again, and when."""

from __future__ import annotations

from tieout.adapters.venues.classify import Action, Fault
from tieout.adapters.venues.settings import Retry


class Patience:
    """What is left of one question's patience. Keeps no clock: it says how long, not until when."""

    def __init__(self, retry: Retry) -> None:
        self._retry = retry
        self._retried = 0
        self._waited = 0
        self._clocked = False
        self._budget = retry.budget

    def next(self, fault: Fault) -> float | None:
        """Seconds until the next attempt; None where this was the last one."""
        if fault.action in (Action.RETRY, Action.MALFORMED):
            if self._retried >= len(self._retry.delays):
                return None
            self._retried += 1
            return self._retry.delays[self._retried - 1]
        if fault.action is Action.WAIT:
            if self._waited >= len(self._retry.waits):
                return None
            self._waited += 1
            asked = fault.retry_after
            delay = self._retry.waits[self._waited - 1] if asked is None else asked
            return delay if delay <= self._budget else None
        return None

    def clock(self) -> bool:
        """Whether the clock may be set and the question asked again: once."""
        first, self._clocked = not self._clocked, True
        return first

    def spend(self, seconds: float) -> bool:
        """Whether there is patience to wait for that long; then it is spent."""
        if seconds > self._budget:
            return False
        self._budget -= seconds
        return True
