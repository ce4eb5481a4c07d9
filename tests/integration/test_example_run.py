"""The bundled day through files, engine, service and store, on both of its business dates."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tieout import wiring
from tieout.config import load
from tieout.core.rows import BreakRow, RunRow
from tieout.testing.example import Planted, Truth, write_example

TRADES = "executions-vs-confirmations"


@dataclass
class Day:
    """One day's truth, the rows of its runs, and the breaks that are open after them."""

    truth: Truth
    runs: dict[str, RunRow]
    open: list[BreakRow]
    unreadable: Counter[str]


def run_day(directory: Path, *, second_day: bool) -> Day:
    truth = write_example(directory, second_day=second_day)
    settings = load(directory / "tieout.yaml")
    with closing(wiring.open_store(settings.store.resolve())) as store:
        outcomes = wiring.run(
            settings, store=store, as_of=truth.as_of, business_date=truth.business_date
        )
        return Day(
            truth,
            {each.row.reconciliation: each.row for each in outcomes},
            [row for each in outcomes for row in each.breaks()],
            Counter(row.entry.source for each in outcomes for row in each.quarantine()),
        )


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> tuple[Day, Day]:
    directory = tmp_path_factory.mktemp("example")
    return run_day(directory, second_day=False), run_day(directory, second_day=True)


def named(planted: Planted, row: BreakRow) -> bool:
    return (
        row.reconciliation == planted.reconciliation
        and row.content["kind"] == planted.kind.value
        and planted.key.items() <= row.content["key"].items()
    )


@pytest.mark.parametrize("number", [0, 1])
def test_the_open_breaks_are_the_planted_ones(days: tuple[Day, Day], number: int) -> None:
    day = days[number]
    unexplained = [
        (row.reconciliation, row.content["kind"], dict(row.content["key"]))
        for row in day.open
        if not any(named(planted, row) for planted in day.truth.planted)
    ]
    assert not unexplained
    for planted in day.truth.planted:
        assert sum(named(planted, row) for row in day.open) == 1, planted


@pytest.mark.parametrize("number", [0, 1])
def test_the_counts_are_the_known_ones(days: tuple[Day, Day], number: int) -> None:
    day = days[number]
    row = day.runs[TRADES]
    assert row.counts.matched == day.truth.matched
    assert row.counts.within_tolerance == day.truth.within_tolerance
    assert row.counts.expected == day.truth.expected
    assert row.counts.unknown == day.truth.unknown
    assert day.unreadable == day.truth.quarantined


@pytest.mark.parametrize("number", [0, 1])
def test_every_side_is_complete(days: tuple[Day, Day], number: int) -> None:
    for row in days[number].runs.values():
        for coverage in (row.internal, row.external):
            assert coverage is not None
            assert coverage.complete, (row.reconciliation, coverage.reasons)


def test_the_second_day_carries_clears_one_and_brings_one(days: tuple[Day, Day]) -> None:
    first, second = days
    counts = second.runs[TRADES].breaks
    assert (counts.new, counts.cleared, counts.changed, counts.reopened) == (1, 1, 0, 0)
    assert counts.carried == first.runs[TRADES].breaks.open - 1
    for name, row in second.runs.items():
        if name != TRADES:
            assert (row.breaks.new, row.breaks.cleared, row.breaks.reopened) == (0, 0, 0), name
            assert row.breaks.open == first.runs[name].breaks.open


def test_carried_breaks_keep_their_ids_and_age(days: tuple[Day, Day]) -> None:
    first, second = days
    since = {row.id: row.first_seen for row in first.open}
    carried = [row for row in second.open if row.id in since]
    assert len(carried) == len(first.open) - 1
    assert all(row.first_seen == since[row.id] == first.truth.as_of for row in carried)
