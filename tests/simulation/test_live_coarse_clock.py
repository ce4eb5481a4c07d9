"""A venue that tells the time in whole seconds: Kraken, while its market moves."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from live_world import Parts, World, reconciliation

from tieout.testing.exchange.planting import Drift, Plant


@pytest.mark.parametrize("lag", ["0s", "1500ms"])
@pytest.mark.parametrize("grace", ["0s", "5s"])
@pytest.mark.parametrize("delay", [(0.0, 0.0), (0.0, 2.0)], ids=["at once", "late"])
def test_a_book_that_agrees_never_breaks(
    tmp_path: Path, monkeypatch: Any, lag: str, grace: str, delay: tuple[float, float]
) -> None:
    """With a book that hears at once of what the venue has not been asked about yet: it is ahead
    of every list, by as much as the clock is not known."""
    late = 1.5 if lag == "1500ms" else 0.0
    if grace == "0s":
        delay = (0.0, 0.0)  # a book that is late needs a grace
    world = World(
        tmp_path,
        reconciliation("balances", grace=grace, lag=lag, every="20s"),
        product="spot",
        venue="kraken",
        currency="USD",
        seed=3,
        rate=10.0,
        visibility=(0.0, late),
        delay=delay,
        seconds=60,
    )
    seen = world.run(monkeypatch)
    assert seen.fills > 500
    assert len(seen.runs) >= 2
    assert [breaks for _, _, breaks in seen.runs if breaks] == []
    assert seen.runs[-1][1].counts.matched > 0


def test_a_drift_is_found_with_its_exact_size(tmp_path: Path, monkeypatch: Any) -> None:
    world = World(
        tmp_path,
        reconciliation("balances", every="20s"),
        product="spot",
        venue="kraken",
        currency="USD",
        rate=5.0,
        plants=[Plant(Drift.UNHEARD, at=100.0, symbol="BTC/USD")],
        seconds=60,
    )
    seen = world.run(monkeypatch)
    (planted,) = seen.truth
    breaks = seen.runs[-1][2]
    assert len(breaks) == len(planted.balances) >= 2
    for where, amount in planted.balances.items():
        (of_it,) = [each for each in breaks if set(where) <= set(each.content["key"].values())]
        assert Decimal(of_it.content["differences"][0]["difference"]) == amount
    assert not seen.runs[0][2]


def test_a_first_verdict_does_not_wait_for_the_second_to_end(
    tmp_path: Path, monkeypatch: Any
) -> None:
    took: list[float] = []

    async def then(parts: Parts) -> None:
        now = asyncio.get_running_loop().time
        for _ in range(4):
            started = now()
            await parts.supervisor.compare()
            took.append(now() - started)
            await asyncio.sleep(10)

    world = World(
        tmp_path,
        reconciliation("balances", lag="0s"),
        product="spot",
        venue="kraken",
        currency="USD",
        rate=0.01,
        visibility=(0.0, 0.0),
        delay=(0.0, 0.0),
        start=False,
        then=then,
    )
    seen = world.run(monkeypatch)
    assert [breaks for _, _, breaks in seen.runs if breaks] == []
    # Six questions of 20 to 80 ms each, and no second of the clock's.
    assert max(took) < 0.6
