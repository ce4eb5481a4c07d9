"""How far a venue's clock is from ours, as an interval: what lies in it is possible.

A snapshot was so at some moment between question and answer, by our clock; by the venue's, with
which its fills are timed, that is known as well as the difference of the clocks is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any, Final

from tieout.adapters.venues.classify import Misshapen
from tieout.adapters.venues.shapes import Shape
from tieout.ports import Clock

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLI: Final = 1_000_000
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
        if age == inf:
            return seen
        known = self.aged(age)
        low, high = max(known.low, seen.low), min(known.high, seen.high)
        return Offset(low, high) if low <= high else seen

    def aged(self, age: float) -> Offset:
        """What is possible `age` seconds later. Never measured, it stays what it was taken for."""
        apart = 0 if age == inf else int(age * _DRIFT) // _MILLI * _MILLI
        return Offset(self.low - apart, self.high + apart) if apart else self


def offset_of(theirs: int, resolution: int, before: int, after: int) -> Offset:
    """From one question: `theirs`, cut down to `resolution`, was read between our two times."""
    return Offset(theirs - after, theirs + resolution - before)


def nanoseconds(clock: Clock) -> int:
    """The clock's time in UTC nanoseconds, exactly."""
    return (clock.now() - _EPOCH) // timedelta(microseconds=1) * 1000


def time_shape(read: Callable[[Any], int]) -> Shape:
    """The shape of a time endpoint's answer: their milliseconds, when asked, when answered."""

    def shape(timed: Any) -> tuple[int, int, int]:
        data, before, after = timed
        try:
            return read(data), before, after
        except (KeyError, TypeError, ValueError):
            raise Misshapen("it names no time") from None

    return shape
