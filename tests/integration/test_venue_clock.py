"""What is said of a venue's clock contains the truth, whatever the network and our clocks do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_venue_snapshots import Off
from venue_world import NOW_MS, D, World, live

from tieout.adapters.venues.clock import DRIFT, MILLI, Moment, Sample, VenueClock, sample_of
from tieout.adapters.venues.registry import Clients
from tieout.core.live import Answer, Ask
from tieout.core.money import add
from tieout.testing.virtual import VirtualClock

SECOND = 1000 * MILLI
EPOCH = 1_740_830_400 * SECOND


@dataclass
class Clocks:
    """Time as it is, and as three clocks tell it. Nanoseconds.

    Attributes:
        skew: the venue's clock minus the truth. `apart`: how much it gains in a second.
        steps: when our wall's clock is set, and by how much.
        sleeps: when our loop's clock stands still, and for how long.
    """

    skew: int
    apart: int = 0
    steps: list[tuple[int, int]] = field(default_factory=list)
    sleeps: list[tuple[int, int]] = field(default_factory=list)

    def ours(self, true: int) -> Moment:
        wall = EPOCH + true + sum(by for at, by in self.steps if at <= true)
        asleep = sum(min(by, max(0, true - at)) for at, by in self.sleeps)
        return Moment(wall, 77 * SECOND + true - asleep)

    def venue(self, true: int) -> int:
        return EPOCH + true + self.skew + true // SECOND * self.apart

    def ask(self, at: int, there: int, back: int, resolution: int) -> tuple[Sample, int]:
        """A question for the time, and when it is answered."""
        theirs = self.venue(at + there) // resolution * resolution
        after = at + there + back
        return sample_of(theirs, resolution, self.ours(at), self.ours(after)), after


trips = st.integers(0, 600 * MILLI)
asked = st.lists(st.tuples(st.integers(0, 40 * SECOND), trips, trips), min_size=1, max_size=9)
clocks = st.builds(
    Clocks,
    skew=st.integers(-5 * SECOND, 5 * SECOND),
    apart=st.integers(-DRIFT // 2, DRIFT // 2),
)
events = st.lists(
    st.tuples(st.integers(0, 300 * SECOND), st.integers(-3 * SECOND, 3 * SECOND)), max_size=3
)
pauses = st.lists(st.tuples(st.integers(0, 300 * SECOND), st.integers(0, 20 * SECOND)), max_size=1)
resolutions = st.sampled_from([MILLI, 100 * MILLI, SECOND])


@given(clocks, asked, events, pauses, st.booleans(), resolutions, st.tuples(trips, trips))
def test_the_window_of_a_snapshot_contains_its_moment(
    world: Clocks,
    questions: list[tuple[int, int, int]],
    steps: list[tuple[int, int]],
    sleeps: list[tuple[int, int]],
    wall: bool,
    resolution: int,
    snapshot: tuple[int, int],
) -> None:
    """One of our clocks may jump, or stand still, before a measurement, in it, and after it."""
    world.steps, world.sleeps = (steps, []) if wall else ([], sleeps)
    clock = VenueClock(VirtualClock(), resolution)
    now = 0
    for pause, there, back in questions:
        sample, now = world.ask(now + pause, there, back, resolution)
        clock.add(sample)
        low, high = clock.between(world.ours(now))
        assert low <= world.venue(now) <= high
        taken, answered = now + snapshot[0], now + sum(snapshot)
        earliest, _ = clock.between(world.ours(now))
        _, latest = clock.between(world.ours(answered))
        assert earliest <= world.venue(taken) <= latest


@given(st.integers(0, SECOND - 1), st.integers(10 * MILLI, 150 * MILLI), st.integers(0, 10**6))
def test_a_few_questions_at_the_right_moments_leave_little_more_than_a_round_trip(
    skew: int, trip: int, seed: int
) -> None:
    world, chance = Clocks(skew), Random(seed)
    clock = VenueClock(VirtualClock(), SECOND)
    now = asked = 0
    while asked < 8:
        asked += 1
        there = round(trip * chance.random())
        sample, now = world.ask(now, there, trip - there, SECOND)
        clock.add(sample)
        clock.moment = lambda now=now: world.ours(now)  # type: ignore[method-assign]
        wait = clock.worth_asking_in()
        if wait is None:
            break
        assert 0 <= wait < 1
        now += int(wait * SECOND)
    assert asked >= 3
    low, high = clock.between(world.ours(now))
    assert low <= world.venue(now) <= high
    assert high - low <= max(2 * trip, trip + 50 * MILLI) + 2 * MILLI


def test_a_clock_of_the_venue_that_was_set_is_believed_from_then_on() -> None:
    world, clock = Clocks(0), VenueClock(VirtualClock(), SECOND)
    now = 0
    for pause in (100, 370, 610, 930):
        sample, now = world.ask(now + pause * MILLI, 0, 0, SECOND)
        clock.add(sample)
    world.skew = 2 * SECOND
    sample, now = world.ask(now + SECOND, MILLI, MILLI, SECOND)
    clock.add(sample)
    low, high = clock.between(world.ours(now))
    assert low <= world.venue(now) <= high
    # What was not contradicted is known wrongly for half an hour at most.
    world.skew = 2 * SECOND + 30 * MILLI
    sample, now = world.ask(now + 1_801 * SECOND, MILLI, MILLI, SECOND)
    clock.add(sample)
    assert clock.between(world.ours(now)) == (sample.low, sample.high)


def holds(found: Answer, made: list[tuple[int, Any]]) -> None:
    stated = {each.values["currency"]: each.values["total"] for each in found.records}["BTC"]
    total, possible = D(0), set()
    for at, amount in made:
        if at * MILLI > found.answered_at:
            break
        if at * MILLI >= found.asked_at:
            possible.add(total)
        total = add(total, amount)
    possible.add(total)
    assert stated in possible


@pytest.mark.parametrize("off", [0.0, 0.4, -1.3], ids=lambda off: f"{off} s")
def test_edge_01_a_snapshot_of_kraken_is_a_moment_of_its_window(off: float) -> None:
    """Fills every few milliseconds, each of another size, so that the sum tells the moment."""

    async def ask(world: World) -> None:
        world.clients = Clients(Off(off), world._ask)
        made: list[tuple[int, Any]] = []
        following = [NOW_MS]
        world.account.deposit("USD", "100000000", wallet="spot")

        def advance(until: int) -> None:
            while following[0] <= until:
                size = D(len(made) + 1).scaleb(-6)
                world.account.trade("BTC/USD", "buy", size, at=following[0])
                made.append((following[0], size))
                following[0] += 3

        world.exchange.drive(advance)
        feed = world.feed()
        widths = []
        for _ in range(25):
            await asyncio.sleep(0.31)
            found = await feed.fetch(Ask("balances"))
            holds(found, made)
            widths.append(found.answered_at - found.asked_at)
        assert widths[0] > SECOND
        assert max(widths[-5:]) < 400 * MILLI, "asked a few times, its clock is known"
        times = [path for path in world.asked if path.endswith("/Time")]
        assert len(times) <= 9
        await feed.aclose()

    live("kraken_spot", ask)


def test_what_sharpens_a_clock_ends_with_its_client() -> None:
    async def ask(world: World) -> None:
        feed = world.feed()
        await feed.fetch(Ask("balances"))
        begun = feed._client._sharpening
        assert begun is not None
        assert not begun.done()
        await feed.aclose()
        assert begun.cancelled()
        seen = len(world.asked)
        await asyncio.sleep(5)
        assert len(world.asked) == seen

    live("kraken_spot", ask)
