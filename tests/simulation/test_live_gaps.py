"""What happened around a snapshot has to be known whole: else nothing is clean, nothing a break."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from live_world import Parts, World, reconciliation
from msgspec import structs

from tieout.core.live import Answer, Ask
from tieout.ports import Feed
from tieout.service.live.fitness import unfit
from tieout.testing.exchange.planting import Drift, Plant

BTC = "BTC/USDT:USDT"
WHY = "does not cover its {} around the snapshot"


class Short:
    """A feed whose answers about some records say that they cover less."""

    def __init__(self, feed: Feed, records: str, start: int = 0, end: int = 0) -> None:
        self._feed = feed
        self._cut = records, start, end

    def __getattr__(self, name: str) -> Any:
        return getattr(self._feed, name)

    async def fetch(self, ask: Ask) -> Answer:
        answer = await self._feed.fetch(ask)
        records, start, end = self._cut
        if ask.records != records or answer.window is None:
            return answer
        first, last = answer.window
        return structs.replace(answer, window=(first + start, last - end), coarse=False)


def outcome(tmp_path: Path, monkeypatch: Any, side: str, plants: list[Plant], **cut: Any) -> Any:
    """The run of a monitor one side of which is `Short`."""
    found: list[Any] = []

    async def then(parts: Parts) -> None:
        setup = parts.monitor.setup
        parts.monitor.setup = replace(setup, **{side: Short(getattr(setup, side), **cut)})
        found.append(await parts.monitor.compare())

    rules = reconciliation("positions")
    World(tmp_path, rules, start=False, plants=plants, then=then, warm=45.0).run(monkeypatch)
    return found[0]


# A book is asked without an end: it has told all that there is.
CUTS = [
    ("external", "trades", {"start": 1}),
    ("external", "trades", {"end": 1}),
    ("external", "movements", {"start": 1}),
    ("external", "movements", {"end": 1}),
    ("internal", "trades", {"start": 1}),
]


@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.parametrize(("side", "records", "cut"), CUTS)
def test_events_that_do_not_reach_the_whole_window_decide_nothing(
    tmp_path: Path, monkeypatch: Any, side: str, records: str, cut: dict[str, int], wrong: bool
) -> None:
    plants = [Plant(Drift.UNHEARD, at=30.0, symbol=BTC)] if wrong else []
    made = outcome(tmp_path, monkeypatch, side, plants, records=records, **cut)
    assert made.row.status.value == "incomplete"
    assert made.row.breaks.new == 0
    sides = (made.row.internal, made.row.external)
    why = [*made.row.reasons, *(each for one in sides for each in one.reasons)]
    assert any(WHY.format(records) in each for each in why), why


def test_events_of_just_the_window_are_enough(tmp_path: Path, monkeypatch: Any) -> None:
    plants = [Plant(Drift.UNHEARD, at=30.0, symbol=BTC)]
    made = outcome(tmp_path, monkeypatch, "external", plants, records="trades")
    assert made.row.status.value == "breaks"


def test_after_a_comparison_of_one_symbol_the_last_whole_one_still_counts(
    tmp_path: Path, monkeypatch: Any
) -> None:
    async def then(parts: Parts) -> None:
        monitor = parts.monitor

        def why() -> list[str]:
            return unfit(monitor, parts.clock.now())

        setup = monitor.setup
        monitor.setup = replace(setup, external=Short(setup.external, "trades", start=1))
        await monitor.compare()
        assert monitor.whole is not None
        assert monitor.whole.row.status.value == "incomplete"
        assert any("incomplete" in each for each in why())

        monitor.setup = setup
        await monitor.compare(symbols=frozenset({BTC}))
        assert monitor.last is not None
        assert monitor.last.row.status.value == "clean"
        assert any("incomplete" in each for each in why()), "nothing is known of other symbols"

        await monitor.compare()
        assert why() == []

    World(tmp_path, reconciliation("positions"), start=False, then=then).run(monkeypatch)
