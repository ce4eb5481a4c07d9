"""The cut of a side: what comes after it is of its next business date; design, 8."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.world import D2, D3, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


NEW_YORK = 'timezone: America/New_York, cutoff: "17:00"'
DAY, EVENING = "2026-03-02T15:00:00Z", "2026-03-02T22:30:00Z"
"""10:00 and 17:30 in New York on a Monday."""


def events(**times: str) -> str:
    return "trade_id, timestamp" + "".join(f"\n {id_}, {time}" for id_, time in times.items())


@pytest.mark.parametrize("deadline", ["0s", "1h"])
def test_a_record_past_a_sides_cut_comes_with_its_next_date(world: World, deadline: str) -> None:
    world.external = NEW_YORK
    world.rules += f", deadline: {deadline}"
    ran = world.run(events(T1=DAY, T2=EVENING), events(T1=DAY))
    assert (ran.shown, ran.counts, ran.row.status) == ([], "1 matched 1 expected", "clean")
    assert (again := world.run()).counts == ran.counts
    assert again.row.digest == ran.row.digest
    three = "2026-03-03T15:00:00Z"
    ran = world.run(events(T3=three), events(T2=EVENING, T3=three), day=D2)
    assert (ran.shown, ran.counts) == ([], "2 matched")


@pytest.mark.parametrize("side", ["internal", "external"])
def test_it_is_missing_once_a_complete_file_of_that_date_lacks_it(world: World, side: str) -> None:
    setattr(world, side, NEW_YORK)
    here, there = events(T1=DAY, T2=EVENING), events(T1=DAY)
    world.run(*((there, here) if side == "internal" else (here, there)))
    today = events(T3="2026-03-03T15:00:00Z")
    assert world.run(today, today, day=D2).shown == [f"MISSING_{side.upper()} T2"]


def test_the_file_of_its_date_must_have_been_complete(world: World) -> None:
    """Not that of the date it came with: that one ends at the cut."""
    world.external = NEW_YORK
    world.run(events(T1=DAY, T2=EVENING), events(T1=DAY))
    two, three = events(T3="2026-03-03T15:00:00Z"), events(T4="2026-03-04T15:00:00Z")
    world.external = f"{NEW_YORK}, expect: {{rows: 5}}"
    ran = world.run(two, two, day=D2)
    assert (ran.shown, ran.counts) == ([], "1 matched 1 unknown")
    world.external = NEW_YORK
    ran = world.run(three, three, day=D3)
    assert (ran.shown, ran.counts) == ([], "1 matched 1 unknown")
    assert world.run(two, two, day=D2, restate=True).shown == ["MISSING_EXTERNAL T2"]


def test_the_cut_is_inclusive_and_knows_weekends(world: World) -> None:
    """Friday 17:00 in New York, and all of Saturday, are of Monday; a second before is not."""
    world.external = NEW_YORK
    friday, before = "2026-03-06T22:00:00Z", "2026-03-06T21:59:59Z"
    book = events(T1=DAY, T2=before, T3=friday, T4="2026-03-07T15:00:00Z")
    ran = world.run(book, events(T1=DAY), day="2026-03-06")
    assert (ran.shown, ran.counts) == (["MISSING_EXTERNAL T2"], "1 matched 2 expected 1 new")
    monday = events(T5="2026-03-09T15:00:00Z")
    ran = world.run(monday, monday, day="2026-03-09")
    assert ran.shown == [f"MISSING_EXTERNAL T{number}" for number in (2, 3, 4)]


def test_a_history_is_cut_as_well_and_a_window_says_itself_what_it_covers(world: World) -> None:
    world.internal, world.external = "covers: everything", f"{NEW_YORK}, covers: everything"
    ran = world.run(events(T1=DAY, T2=EVENING), events(T1=DAY))
    assert (ran.shown, ran.counts) == ([], "1 matched 1 expected")
    window = '{from: "2026-03-02T00:00:00Z", to: "2026-03-03T00:00:00Z"}'
    world.internal, world.external = "", f"{NEW_YORK}, covers: {window}"
    assert world.run().shown == ["MISSING_EXTERNAL T2"]


def test_a_position_looked_at_after_the_cut_does_not_wait_for_ever(world: World) -> None:
    world.records, world.rules = "positions", ""
    world.external = f"{NEW_YORK}, allow_empty: true"
    ran = world.run(
        f"symbol, quantity, as_of\n AAPL, 5, {EVENING}", "symbol, quantity", at="2026-03-03T00:00Z"
    )
    assert ran.shown == ["MISSING_EXTERNAL AAPL"]


def test_the_default_date_is_that_of_the_cut_and_a_business_day(world: World) -> None:
    world.internal = NEW_YORK
    world.write(events(T1=DAY), events(T1=DAY))
    dates = {}
    for at in ("2026-11-20T21:59:59Z", "2026-11-20T22:00:00Z", "2026-11-21T15:00:00Z"):
        told = world.cli("run", "tieout.yaml", "--as-of", at, "--format", "json", "--dry-run")
        dates[at] = told.json[0]["business_date"]
    assert list(dates.values()) == ["2026-11-20", "2026-11-23", "2026-11-23"]
