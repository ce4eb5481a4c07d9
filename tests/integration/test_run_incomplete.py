"""What matches in a run that is not complete: it clears nothing, and a later one may."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.world import D1, D2, D3, D4, World

NONE = "trade_id"
ONE = "trade_id, quantity\n T1, 5"
OTHER = "trade_id, quantity\n T1, 6"
EMPTY = "allow_empty: true"
CUT = "allow_empty: true, expect: {rows: 9}"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, internal=EMPTY, external=EMPTY)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((ONE, NONE), (NONE, ONE)),
        ((NONE, ONE), (ONE, NONE)),
        ((ONE, OTHER), (NONE, ONE)),
        ((ONE, NONE), (ONE, ONE)),  # neither record is carried: the pair is not handed out
        ((ONE + "\n T1, 6", NONE), (ONE, ONE)),
    ],
)
def test_what_matched_in_an_incomplete_run_clears_in_a_later_complete_one(
    world: World, first: tuple[str, str], second: tuple[str, str]
) -> None:
    opened = world.run(*first).of("T1")
    world.external = CUT
    for day in (D2, D3):
        ran = world.run(*(second if day == D2 else (NONE, NONE)), day=day)
        assert (len(ran.shown), ran.counts) == (1, "1 matched 1 carried")
    world.external = EMPTY
    ran = world.run(NONE, NONE, day=D4)
    assert (ran.shown, ran.counts) == ([], "1 matched 1 cleared")
    assert world.events(opened.id) == ["opened", "cleared"]


def test_a_date_that_was_sent_again_cut_off_loses_no_match_either(world: World) -> None:
    world.run(ONE, OTHER)
    world.external = CUT
    assert world.run(ONE, ONE).counts == "1 matched 1 carried"
    world.external = EMPTY
    assert world.run(NONE, NONE, day=D2).counts == "1 matched 1 cleared"
    assert world.run(NONE, NONE, day=D3).counts == ""


def test_a_pair_without_an_open_break_is_not_carried(world: World) -> None:
    """T1 was expected, T3 is new; only T2 was broken."""
    world.rules += ", deadline: 2d"
    table, other = "trade_id, quantity\n T1, 5\n T2, 5", "trade_id, quantity\n T2, 6"
    world.run(table, other, at="2026-03-02T18:00:00Z")
    world.external = CUT
    late = "trade_id, quantity\n T1, 5\n T2, 5\n T3, 5"
    ran = world.run("trade_id, quantity\n T3, 5", late, day=D2, at="2026-03-03T18:00:00Z")
    assert (ran.shown, ran.counts) == (["QUANTITY T2"], "3 matched 1 carried")
    world.external = EMPTY
    ran = world.run(NONE, NONE, day=D3, at="2026-03-04T18:00:00Z")
    assert ran.counts == "1 matched 1 cleared"


def test_a_pair_of_which_only_a_copy_was_a_break_is_not_carried(world: World) -> None:
    world.run("trade_id\n T2\n T2", "trade_id\n T2")
    world.external = CUT
    ran = world.run("trade_id\n T2", "trade_id\n T2")
    assert (ran.shown, ran.counts) == (["DUPLICATE T2"], "1 matched 1 carried")
    world.external = EMPTY
    assert world.run(NONE, NONE, day=D2).counts == "1 carried"


def test_an_incomplete_date_that_is_run_again_starts_from_what_was_before(world: World) -> None:
    """What was carried for a later date is not what that one starts from."""
    world.run(ONE, NONE)
    world.external = CUT
    world.run(NONE, ONE, day=D2)
    world.external = EMPTY
    assert world.run(NONE, NONE, day=D2).shown == ["MISSING_EXTERNAL T1"]
    assert world.run(NONE, ONE, day=D2).counts == "1 matched 1 cleared"
    assert world.run(NONE, NONE, day=D3).counts == ""


def test_what_differs_again_after_such_a_match_is_the_same_break(world: World) -> None:
    opened = world.run(ONE, NONE).of("T1")
    world.external = CUT
    world.run(NONE, ONE, day=D2)
    world.external = EMPTY
    ran = world.run(NONE, OTHER, day=D3)
    assert (ran.shown, ran.counts) == (["QUANTITY T1"], "1 changed")
    assert (ran.of("T1").id, world.events(opened.id)) == (opened.id, ["opened", "changed"])


def test_an_unreadable_copy_in_the_incomplete_run_holds_nothing_up(world: World) -> None:
    world.rules += ", max_quarantined: 100%"
    world.run(ONE, NONE)
    world.external = CUT
    assert world.run(NONE, f"{ONE}\n T1, many", day=D2).counts == "1 matched 1 carried"
    world.external = EMPTY
    assert world.run(NONE, NONE, day=D3).counts == "1 matched 1 cleared"


def test_a_dry_run_of_an_older_date_carries_nothing(world: World) -> None:
    world.run(ONE, NONE)
    world.run(NONE, NONE, day=D2)
    world.external = CUT
    assert world.run(ONE, ONE, day=D1, dry_run=True).counts == "1 matched 1 carried"
    world.external = EMPTY
    assert world.run(NONE, NONE, day=D3).shown == ["MISSING_EXTERNAL T1"]
