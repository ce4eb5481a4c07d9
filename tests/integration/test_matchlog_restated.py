"""Kept matches and dates that run again: what later dates took on, what is gone, other rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.test_run_matched import AMENDED, BOTH, NONE, ONE, logs
from integration.world import D1, D2, D3, D4, World

RULES = "match: [{on: [trade_id]}], keep_matches: true"
D5, D6, D7 = "2026-03-06", "2026-03-09", "2026-03-10"
TWO = "trade_id, quantity\n T2, 6"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, rules=RULES, internal="allow_empty: true", external="allow_empty: true")


def refused(world: World, day: str, *said: str) -> None:
    """A run that nothing comes of, and that says why."""
    before = world.runs()[0].breaks.open
    done = world.cli("run", "tieout.yaml", "--business-date", day, "--restate", code=3)
    for each in said:
        assert each in done.out + done.err
    run = world.runs()[0]
    assert (run.status, run.breaks.open, run.matches) == ("incomplete", before, None)


# A date that was restated after later ones had taken its pairs on


@pytest.mark.parametrize("again", [ONE, AMENDED], ids=["unchanged", "amended"])
def test_a_date_restated_after_a_later_one_took_its_pairs_on(world: World, again: str) -> None:
    world.run(ONE, ONE)
    world.run(NONE, again, day=D2)
    world.run(AMENDED, AMENDED, restate=True)
    world.write(NONE, NONE)
    refused(
        world,
        D3,
        f"the log of what matched on {D2} rests on {D1}, which ran again after it",
        f"tieout.yaml r --business-date {D2} --restate",
    )
    ran = world.run(NONE, again, day=D2, restate=True)
    assert ran.shown == (["QUANTITY T1"] if again is ONE else [])
    assert world.run(NONE, NONE, day=D3).shown == ran.shown
    assert world.run(NONE, AMENDED, day=D4).shown == []


def test_dates_are_named_one_after_the_other(world: World) -> None:
    world.run(ONE, ONE)
    world.run(NONE, ONE, day=D2)
    world.run(NONE, ONE, day=D3)
    world.run(BOTH, BOTH, restate=True)
    world.write(NONE, ONE)
    refused(world, D4, f"matched on {D2} rests on {D1}")
    refused(world, D3, f"matched on {D2} rests on {D1}")
    world.run(NONE, ONE, day=D2, restate=True)
    refused(world, D4, f"matched on {D3} rests on {D1}")
    world.run(NONE, ONE, day=D3, restate=True)
    assert world.run(NONE, ONE, day=D4).row.status == "clean"


def test_a_pair_rests_on_every_date_since(world: World) -> None:
    """On D2 the record did not come; restated, it is amended."""
    world.run(ONE, ONE)
    world.run(TWO, TWO, day=D2)
    world.run(NONE, ONE, day=D3)
    world.run(AMENDED, NONE, day=D2, restate=True)
    world.write(NONE, NONE)
    refused(world, D4, f"matched on {D3} rests on {D2}")
    assert world.run(NONE, ONE, day=D3, restate=True).shown == ["QUANTITY T1"]
    assert world.run(NONE, NONE, day=D4).shown == ["QUANTITY T1"]


def test_a_restated_date_of_which_nothing_was_taken_on_costs_nothing(world: World) -> None:
    world.run(ONE, ONE)
    world.run(TWO, TWO, day=D2)
    world.run(AMENDED, AMENDED, restate=True)
    assert world.run(NONE, ONE, day=D3).shown == ["QUANTITY T1"]


def test_a_pair_that_keeps_coming_rests_on_dates_long_ago(world: World) -> None:
    world.rules = RULES.replace("true", "1")
    for day in (D1, D2, D3, D4, D5):
        world.run(ONE if day == D1 else NONE, ONE, day=day)
    world.run(AMENDED, AMENDED, restate=True)
    world.write(NONE, ONE)
    refused(world, D6, f"matched on {D5} rests on {D1}")


def test_a_date_restated_without_keeping_says_nothing_any_more(world: World) -> None:
    world.run(ONE, ONE)
    world.run(NONE, ONE, day=D2)
    world.rules = RULES.replace("true", "false")
    world.run(ONE, ONE, restate=True)
    world.rules = RULES
    world.write(NONE, ONE)
    refused(world, D3, f"matched on {D2} rests on {D1}")
    assert world.run(NONE, ONE, day=D2, restate=True).shown == ["MISSING_INTERNAL T1"]
    assert world.run(NONE, NONE, day=D3).shown == ["MISSING_INTERNAL T1"]


def test_an_incomplete_run_does_not_take_an_outdated_log_of_its_date_on(world: World) -> None:
    world.run(BOTH, BOTH)
    world.run(NONE, ONE, day=D2)
    world.run(AMENDED, AMENDED, restate=True)
    world.external += ", expect: {rows: 7}"
    world.write(NONE, ONE)
    world.configure()
    refused(world, D2, f"matched on {D2} rests on {D1}", "but 7 are expected")


def test_a_dry_run_sees_it_as_well(world: World) -> None:
    world.run(ONE, ONE)
    world.run(NONE, ONE, day=D2)
    world.run(AMENDED, AMENDED, restate=True)
    ran = world.run(NONE, ONE, day=D3, dry_run=True)
    assert ran.row.status == "incomplete"
    assert f"rests on {D1}" in ran.reasons


# Dates whose logs were removed


def removed(world: World) -> None:
    """Five dates, of which the logs of the newest two days are left; of the first one, a pair."""
    world.rules = RULES.replace("true", "1")
    world.run(ONE, ONE)
    for number, day in enumerate((D2, D3, D4, D5)):
        table = f"trade_id, quantity\n N{number}, 1"
        world.run(table, table, day=day)


def test_logs_stay_for_twice_their_days(world: World) -> None:
    removed(world)
    assert len(logs(world)) == 3  # of two days, and its own
    assert world.run(NONE, NONE, day=D4, restate=True).row.status == "clean"
    assert len(logs(world)) == 3


def test_a_date_is_not_restated_without_the_logs_that_it_had(world: World) -> None:
    removed(world)
    world.write(NONE, AMENDED)
    refused(
        world,
        D2,
        f"the log of what matched on {D1} is kept no more",
        f"tieout.yaml r --business-date {D1} --restate",
        "keep_matches: false",
    )
    world.run(ONE, ONE, restate=True)
    assert world.run(NONE, AMENDED, day=D2, restate=True).shown == ["QUANTITY T1"]
    assert world.run(NONE, ONE, day=D3, restate=True).shown == []


def test_dates_are_restated_from_one_that_looks_at_no_log(world: World) -> None:
    removed(world)
    world.write(NONE, NONE)
    refused(world, D3, f"matched on {D2} is kept no more")
    world.rules = "match: [{on: [trade_id]}]"
    world.run(ONE, ONE, day=D3, restate=True)
    world.rules = RULES.replace("true", "1")
    assert world.run(TWO, TWO, day=D4, restate=True).row.status == "clean"
    assert world.run(NONE, AMENDED, day=D5, restate=True).shown == ["MISSING_INTERNAL T1"]


def test_keeping_more_days_asks_for_nothing_that_was_removed(world: World) -> None:
    removed(world)
    world.rules = RULES
    assert world.run(NONE, NONE, day=D6).row.status == "clean"
    assert world.run(NONE, NONE, day=D7).row.status == "clean"
    assert world.run(NONE, NONE, day=D6, restate=True).row.status == "clean"


def test_dates_without_a_run_or_a_log_are_not_asked_for(world: World) -> None:
    world.rules = "match: [{on: [trade_id]}]"
    world.run(ONE, ONE, day=D3)
    world.rules = RULES.replace("true", "1")
    for day in (D4, D5, D6, D7):
        world.run(NONE, NONE, day=day)
    for day in (D1, D2, D3, D4):
        assert world.run(NONE, NONE, day=day, restate=True).row.status == "clean"


# Rules that changed


def test_other_rules_compare_what_comes_again_anew(world: World) -> None:
    world.rules += ", compare: {quantity: {within: 2}}"
    world.run(ONE, AMENDED)
    assert world.run(ONE, NONE, day=D2).counts == ""
    world.rules = RULES
    ran = world.run(ONE, NONE, day=D3)
    assert (ran.shown, ran.counts) == (["QUANTITY T1"], "1 new")


def test_the_same_pair_under_other_rules_is_matched_and_kept_under_them(world: World) -> None:
    world.run(ONE, ONE)
    world.rules += ", compare: {quantity: {within: 2}}"
    assert world.run(NONE, ONE, day=D2).counts == "1 matched"
    assert world.run(NONE, ONE, day=D3).counts == ""


def test_a_log_of_several_rules_is_compared_anew(world: World) -> None:
    """An incomplete run under other rules keeps the pairs that nothing came for."""
    world.rules += ", compare: {quantity: {within: 2}}"
    world.run(ONE, AMENDED)
    world.rules, world.external = RULES, "allow_empty: true, expect: {rows: 2}"
    assert world.run(TWO, TWO).row.status == "incomplete"
    world.external = "allow_empty: true"
    assert world.run(ONE, NONE, day=D2).shown == ["QUANTITY T1"]
