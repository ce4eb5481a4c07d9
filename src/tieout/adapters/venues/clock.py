"""What is known of a venue's clock: an interval, and what lies in it is possible.

A snapshot was so at some moment between question and answer, by our clocks; by the venue's, with
which its fills are timed, that is known as well as the venue's clock is. A venue that tells whole
seconds is asked several times: each answer leaves an interval of a second and a round trip, and
what all of them leave is narrow where some were given just before and others just after its clock
went on to the next second.

Our own time is kept by two clocks. The wall's may be set while we measure; the loop's is never set,
and may stand still while the machine sleeps. What is said here holds where one of them was right.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any, Final

from tieout.adapters.venues.classify import Misshapen
from tieout.adapters.venues.shapes import Shape
from tieout.ports import Clock

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

MILLI: Final = 1_000_000
"""Nanoseconds in a millisecond."""

DRIFT: Final = 100_000
"""Nanoseconds a second that two clocks may run apart."""

FRESH: Final = 120.0
"""Seconds for which a measured clock is believed."""

STEP: Final = 50 * MILLI
"""Nanoseconds by which one of our clocks was set, if the two differ so much more than before."""

KEPT: Final = 1_800.0
"""Seconds for which a measurement narrows others. A venue's clock that was set a little, so that no
later measurement contradicts an earlier one, is known wrongly for so long and no longer."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment by both of our clocks, nanoseconds: the wall's (UTC), and the loop's."""

    wall: int
    loop: int

    @property
    def ahead(self) -> int:
        return self.wall - self.loop


@dataclass(frozen=True, slots=True)
class Sample:
    """When it was `at` by our clocks, it was between `low` and `high` by the venue's."""

    at: Moment
    low: int
    high: int

    @property
    def trip(self) -> int:
        """Nanoseconds between question and answer, and the venue's resolution."""
        return self.high - self.low

    def at_moment(self, moment: Moment) -> tuple[int, int]:
        """The venue's time then."""
        passed = (moment.wall - self.at.wall, moment.loop - self.at.loop)
        apart = abs(moment.loop - self.at.loop) // 1_000_000_000 * DRIFT
        return self.low + min(passed) - apart, self.high + max(passed) + apart


def sample_of(theirs: int, resolution: int, before: Moment, after: Moment) -> Sample:
    """From one question: `theirs`, cut down to `resolution`, was read between our two moments."""
    passed = max(after.wall - before.wall, after.loop - before.loop, 0)
    return Sample(after, theirs, theirs + resolution + passed)


class VenueClock:
    """A venue's clock as far as it is known. Never measured, it is taken for ours.

    Args:
        resolution: nanoseconds that the venue's time is exact to.

    Attributes:
        coarse: it tells no milliseconds.
    """

    def __init__(self, clock: Clock, resolution: int) -> None:
        self._clock = clock
        self._resolution = resolution
        self.coarse = resolution > MILLI
        # Of a clock that tells milliseconds the last answer is as good as all of them.
        self._samples: deque[Sample] = deque(maxlen=16 if self.coarse else 1)

    def moment(self) -> Moment:
        """Now, by our clocks."""
        return Moment(self.nanoseconds(), int(asyncio.get_running_loop().time() * 1e9))

    def nanoseconds(self) -> int:
        """Now, by our wall's clock, exactly."""
        return (self._clock.now() - _EPOCH) // timedelta(microseconds=1) * 1000

    def between(self, moment: Moment | None = None) -> tuple[int, int]:
        """The venue's time is, or was then, not before the first and not behind the second."""
        moment = moment or self.moment()
        if not self._samples:
            return moment.wall, moment.wall
        low, high = self._common(moment)
        return min(low, high), max(low, high)

    def _common(self, moment: Moment) -> tuple[int, int]:
        known = [each.at_moment(moment) for each in self._samples]
        return max(low for low, _ in known), min(high for _, high in known)

    @property
    def offset(self) -> int:
        """The venue's time minus ours, nanoseconds, in the middle of what is possible."""
        moment = self.moment()
        low, high = self.between(moment)
        return (low + high) // 2 - moment.wall

    @property
    def begun(self) -> bool:
        """Whether it was measured once only, or just set."""
        return len(self._samples) == 1

    @property
    def fresh(self) -> bool:
        """Whether it was measured lately, and no clock of ours was set since."""
        if not self._samples:
            return False
        now, last = self.moment(), self._samples[-1].at
        return _seconds(last, now) < FRESH and abs(now.ahead - last.ahead) < STEP

    def add(self, sample: Sample) -> None:
        """Take a measurement into account. One that contradicts the others counts alone: a clock
        was set."""
        kept = [each for each in self._samples if _seconds(each.at, sample.at) < KEPT]
        self._samples.clear()
        self._samples.extend([*kept, sample])
        low, high = self._common(sample.at)
        if low > high:
            self._samples.clear()
            self._samples.append(sample)

    def worth_asking_in(self) -> float | None:
        """Seconds until another answer would halve what is possible; None: none would.

        That is when the venue's clock goes on to its next tick in the middle of what is possible:
        the answer says whether it has. No answer makes it narrower than a round trip.
        """
        if not self.coarse or not self._samples:
            return None
        low, high = self.between()
        trip = sum(each.trip for each in self._samples) // len(self._samples) - self._resolution
        if high - low < trip + max(trip, self._resolution // 20):
            return None
        arrives = (low + high + trip) // 2
        return (-arrives % self._resolution) / 1e9


def _seconds(earlier: Moment, later: Moment) -> float:
    """By whichever clock more has passed; endless where one went backwards by far."""
    passed = max(later.wall - earlier.wall, later.loop - earlier.loop) / 1e9
    return passed if passed >= 0 else inf


def time_shape(read: Callable[[Any], int]) -> Shape:
    """The shape of a time endpoint's answer: their milliseconds, when asked, when answered."""

    def shape(timed: Any) -> tuple[int, Moment, Moment]:
        data, before, after = timed
        try:
            return read(data), before, after
        except (KeyError, TypeError, ValueError):
            raise Misshapen("it names no time") from None

    return shape
