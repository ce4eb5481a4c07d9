"""How far a venue's clock is from ours, as an interval: what lies in it is possible.

A snapshot was so at some moment between question and answer, by our clock; by the venue's, with
which its fills are timed, that is known as well as the difference of the clocks is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_DRIFT: Final = 100_000
"""Nanoseconds a second that two clocks may run apart."""


@dataclass(frozen=True, slots=True)
class Offset:
    """The venue's clock minus ours is between `low` and `high`, nanoseconds."""

    low: int
    high: int

    @property
    def middle(self) -> int:
        return (self.low + self.high) // 2

    def narrowed(self, seen: Offset, age: float) -> Offset:
        """What this, known `age` seconds ago, and a new measurement leave possible.

        Where they contradict each other, a clock was set, and the new one counts.
        """
        if age == float("inf"):
            return seen
        apart = int(age * _DRIFT)
        low, high = max(self.low - apart, seen.low), min(self.high + apart, seen.high)
        return Offset(low, high) if low <= high else seen


def offset_of(theirs: int, resolution: int, before: int, after: int) -> Offset:
    """From one question: `theirs`, cut down to `resolution`, was read between our two times."""
    return Offset(theirs - after, theirs + resolution - before)
