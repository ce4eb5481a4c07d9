"""A snapshot was so at one of the moments that its answer names, while fills come all the time.

The confirmation of a break rests on it: the sum of the fills up to some moment between `asked_at`
and `answered_at` is what the snapshot says, whatever our clock says, and however long it took.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from venue_world import MILLI, NOW_MS, D, World, live

from tieout.adapters.venues.registry import Clients
from tieout.core.live import Answer, Ask
from tieout.core.money import add
from tieout.errors import VenueError
from tieout.testing.exchange import Fault, Faults, Trouble
from tieout.testing.virtual import VirtualClock

PERP = "BTC/USDT:USDT"


class Off:
    """Our clock, which is off by some seconds."""

    def __init__(self, seconds: float) -> None:
        self._true, self._by = VirtualClock(), timedelta(seconds=seconds)

    def now(self) -> datetime:
        return self._true.now() + self._by


def trading(world: World, seed: int) -> list[tuple[int, Decimal]]:
    """Fills every few milliseconds, from now on; (milliseconds, signed quantity) of each."""
    chance, made = Random(seed), list[tuple[int, Decimal]]()
    following = [NOW_MS]

    def advance(until: int) -> None:
        while following[0] <= until:
            side = chance.choice(("buy", "sell"))
            size = D(chance.randint(1, 99)).scaleb(-3)
            world.account.trade(PERP, side, size, at=following[0])
            made.append((following[0], size if side == "buy" else -size))
            following[0] += chance.choice((0, 1, 2, 7))

    world.exchange.drive(advance)
    return made


@pytest.mark.parametrize("adapter", ["binance_perp", "bybit_perp"])
@pytest.mark.parametrize("off", [0.0, 0.4, -1.3], ids=lambda off: f"{off} s")
@pytest.mark.parametrize("faults", [False, True], ids=["all well", "timeouts and 5xx"])
def test_edge_01_a_snapshot_is_a_moment_of_its_window(
    adapter: str, off: float, *, faults: bool
) -> None:
    async def asked(world: World) -> None:
        if faults:
            world.exchange.faults = Faults(
                5, [Fault(Trouble.TIMEOUT, rate=0.1), Fault(Trouble.SERVER_ERROR, rate=0.2)]
            )
            world.exchange.faults.began = NOW_MS
        world.clients = Clients(Off(off), world._ask)
        made = trading(world, 11)
        feed = world.feed(timeout=1.0)
        done = 0
        for _ in range(12):
            await asyncio.sleep(0.31)
            try:
                found = await feed.fetch(Ask("positions"))
            except VenueError:
                continue
            done += 1
            holds(found, made)
        assert done > 3

    live(adapter, asked)


def holds(found: Answer, made: list[tuple[int, Decimal]]) -> None:
    values: dict[str, Any] = {str(each.values["symbol"]): each.values for each in found.records}
    stated = values[PERP]["quantity"] if PERP in values else D(0)
    total, possible = D(0), set[Decimal]()
    for at, amount in made:
        if at * MILLI >= found.asked_at:
            possible.add(total)
        if at * MILLI > found.answered_at:
            break
        total = add(total, amount)
    else:
        possible.add(total)
    assert stated in possible
    if found.together:
        assert found.answered_at - found.asked_at < 600 * MILLI, "what failed before is not in it"
