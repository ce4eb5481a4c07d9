"""Which records a run left open without a break: `tieout runs show` names them."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.world import D1, D2, Ran, World

from tieout.core.rows import RunRow
from tieout.service.pending import pending

NONE = "trade_id"
NOW = "2026-03-02T18:00:00Z"


@pytest.fixture
def world(tmp_path: Path) -> World:
    rules = "match: [{on: [trade_id]}], deadline: 1d, max_quarantined: 100%"
    options = "allow_empty: true"
    return World(tmp_path, rules=rules, internal=options, external=options)


def left(world: World, row: RunRow) -> list[tuple[str, str | None, bool, str]] | None:
    with world.open() as store:
        found = pending(store, row)
    if found is None:
        return None
    return [
        (each.side, each.identity["trade_id"], each.unreadable, each.since.isoformat())
        for each in found
    ]


def test_what_is_expected_unknown_or_after_the_cut_is_named_and_what_is_broken_is_not(
    world: World,
) -> None:
    ours = """
        trade_id, quantity, timestamp
        OLD,      1,        2026-03-01T09:00:00Z
        NEW,      1,        2026-03-02T09:00:00Z
        UNKNOWN,  1,        2026-03-01T09:00:00Z
        LATE,     1,        2026-03-05T09:00:00Z
        DIFFERS,  1,        2026-03-01T09:00:00Z
    """
    theirs = """
        trade_id, quantity, timestamp
        UNKNOWN,  ten,      2026-03-01T09:00:00Z
        DIFFERS,  2,        2026-03-01T09:00:00Z
    """
    ran = world.run(ours, theirs, at=NOW)
    assert sorted(ran.shown) == ["MISSING_EXTERNAL OLD", "QUANTITY DIFFERS"]
    assert left(world, ran.row) == [
        ("internal", "LATE", False, D1),
        ("internal", "NEW", False, D1),
        ("internal", "UNKNOWN", False, D1),
        ("external", "UNKNOWN", True, D1),
    ]


def test_only_the_last_run_of_the_latest_date_tells(world: World) -> None:
    """A break of an earlier run may have cleared since: its records were not pending."""
    old = "trade_id, timestamp\n OLD, 2026-03-01T09:00:00Z\n NEW, 2026-03-02T09:00:00Z"
    first = world.run(old, NONE, at=NOW)
    assert (first.shown, left(world, first.row)) == (
        ["MISSING_EXTERNAL OLD"],
        [("internal", "NEW", False, D1)],
    )
    second = world.run(NONE, "trade_id, timestamp\n OLD, 2026-03-01T09:00:00Z", day=D2, at=NOW)
    assert left(world, second.row) == [("internal", "NEW", False, D1)]
    assert left(world, first.row) is None
    assert "told of the last run for the latest business date only" in printed(world, first)
    third = world.run(old, NONE, day=D1, at=NOW, restate=True)
    assert (left(world, second.row), left(world, third.row)) == (None, None)


def test_the_table_says_how_many_more_there_are(world: World) -> None:
    ours = "trade_id\n" + "\n".join(f"T{number:02}" for number in range(52))
    ran = world.run(ours, NONE, at=NOW)
    text = printed(world, ran)
    assert "  internal  2026-03-02               symbol AAPL, trade_id T49\n" in text
    assert "T50" not in text
    assert f"  and 2 others: tieout runs show {ran.row.run_id} --format json\n" in text


def printed(world: World, ran: Ran) -> str:
    store = f"sqlite:///{world.folder}/store.db"
    return world.cli("runs", "show", ran.row.run_id, "--store", store, code=0).out
