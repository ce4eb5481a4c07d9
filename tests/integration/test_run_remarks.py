"""What a run says of sides of which nothing is wrong by itself, and which may mislead all the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.world import D1, D2, Ran, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def notes(ran: Ran) -> list[str]:
    sides = [side for side in (ran.row.internal, ran.row.external) if side is not None]
    return [f"{side.source}: {note}" for side in sides for note in side.notes]


ONE = "trade_id\n T1"


def test_two_good_sides_need_no_remark(world: World) -> None:
    assert notes(world.run(ONE, ONE, day=D1)) == []


def test_a_side_that_only_one_file_has_is_said_not_to_be_compared(world: World) -> None:
    ran = world.run("trade_id, side, fee\n T1, buy, 1", ONE, day=D1)
    assert ran.row.status == "clean"
    assert notes(ran) == ["book: broker has no side and no fee: not compared"]
    world.rules += ", ignore: [side, fee]"
    assert notes(world.run(day=D1)) == []


def test_rows_that_are_left_out_are_counted(world: World) -> None:
    world.internal = "skip: {kind: [gift]}"
    ran = world.run("trade_id, kind\n T1, fill\n T2, gift\n T3, gift", ONE, day=D1)
    assert notes(ran) == ["book: 2 rows are left out by `only` or `skip`"]


def test_yesterdays_file_is_said_to_be_yesterdays(world: World) -> None:
    new = "trade_id, timestamp\n T1, 2026-03-03T09:00:00Z"
    ran = world.run(new, ONE, day=D2)
    assert notes(ran) == [
        "broker: its latest record is of 2026-03-02, and the business date is 2026-03-03"
    ]
    world.internal = world.external = "covers: everything"
    assert notes(world.run(day=D2)) == []


def test_a_snapshot_of_yesterday_is_incomplete_where_it_may_not_be_so_old(world: World) -> None:
    world.records, world.rules = "positions", ""
    today = "symbol, quantity, as_of\n AAPL, 5, 2026-03-03T16:00:00Z"
    yesterday = "symbol, quantity, as_of\n AAPL, 5, 2026-03-02T16:00:00Z"
    ran = world.run(today, yesterday, day=D2, at="2026-03-03T20:00:00Z")
    assert ran.row.status == "clean"
    assert notes(ran) == [
        "broker: its latest record is of 2026-03-02, and the business date is 2026-03-03"
    ]
    world.external = "max_age: 1d"
    ran = world.run(day=D2, at="2026-03-03T20:00:00Z")
    assert ran.row.status == "incomplete"
    assert ran.reasons == "its latest record is of 2026-03-02T16:00:00Z: older than its max_age"
    world.external = "max_age: 28h"
    assert world.run(day=D2, at="2026-03-03T20:00:00Z").row.status == "clean"


def test_that_everything_is_after_the_as_of_is_said(world: World) -> None:
    ran = world.run(ONE, ONE, day=D1, at="2026-03-02T08:00:00Z")
    assert ran.counts == "2 after_cut"
    assert notes(ran) == [
        f"{name}: all of its records are after 2026-03-02T08:00:00Z, the as_of"
        for name in ("book", "broker")
    ]
