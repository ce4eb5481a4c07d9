"""Breaks and open records from run to run, on files and a SQLite store: design, 7 and 8."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from integration.world import D1, D2, D3, D4, World

from tieout.errors import UsageError

NONE = "trade_id"
ONE = """
    trade_id, quantity
    T1,       5
"""
OTHER = """
    trade_id, quantity
    T1,       6
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, internal="allow_empty: true", external="allow_empty: true")


def test_a_one_sided_record_is_expected_until_its_deadline_then_missing(world: World) -> None:
    world.rules += ", deadline: 1h"
    early = world.run(ONE, NONE, at="2026-03-02T10:00:00Z")
    assert (early.shown, early.counts) == ([], "1 expected")
    assert early.row.status == "clean"
    late = world.run(at="2026-03-02T10:00:01Z")
    assert (late.shown, late.counts) == (["MISSING_EXTERNAL T1"], "1 new")


def test_an_expected_record_is_carried_into_the_next_day_and_falls_due_there(world: World) -> None:
    world.rules += ", deadline: 20h"
    assert world.run(ONE, NONE, at="2026-03-02T18:00:00Z").counts == "1 expected"
    late = world.run(NONE, NONE, day=D2, at="2026-03-03T18:00:00Z")
    assert (late.shown, late.counts) == (["MISSING_EXTERNAL T1"], "1 new")


def test_an_expected_record_matches_its_partner_of_the_next_day(world: World) -> None:
    world.rules += ", deadline: 20h"
    world.run(ONE, NONE, at="2026-03-02T18:00:00Z")
    assert world.run(NONE, ONE, day=D2).counts == "1 matched"
    assert world.run(NONE, NONE, day=D3).counts == ""


@pytest.mark.parametrize("late", ["internal", "external"])
def test_a_late_partner_clears_a_missing_break(world: World, late: str) -> None:
    first, second = ((NONE, ONE), (ONE, NONE)) if late == "internal" else ((ONE, NONE), (NONE, ONE))
    missing = world.run(*first).of("T1")
    assert missing.content["kind"] == f"MISSING_{late.upper()}"
    ran = world.run(*second, day=D2)
    assert (ran.shown, ran.counts, ran.row.status) == ([], "1 matched 1 cleared", "clean")
    assert world.events(missing.id) == ["opened", "cleared"]


def test_a_missing_break_is_carried_with_its_id_and_age(world: World) -> None:
    first = world.run(ONE, NONE, at="2026-03-02T18:00:00Z").of("T1")
    ran = world.run(NONE, NONE, day=D2, at="2026-03-03T18:00:00Z")
    assert ran.counts == "1 carried"
    again = ran.of("T1")
    assert (again.id, again.first_seen, again.opened_at) == (
        first.id,
        first.first_seen,
        datetime(2026, 3, 2, 18, tzinfo=UTC),
    )
    assert world.events(first.id) == ["opened"]


def test_a_late_partner_that_differs_changes_the_break_under_its_id(world: World) -> None:
    missing = world.run(ONE, NONE).of("T1")
    ran = world.run(NONE, OTHER, day=D2)
    assert (ran.shown, ran.counts) == (["QUANTITY T1"], "1 changed")
    assert ran.of("T1").id == missing.id
    assert world.events(missing.id) == ["opened", "changed"]


def test_the_late_internal_record_of_a_break_takes_over_its_age(world: World) -> None:
    world.internal += ", constants: {account: A}"  # so that the two sides' identities differ
    missing = world.run(NONE, OTHER, at="2026-03-02T18:00:00Z").of("T1")
    ran = world.run(ONE, NONE, day=D2, at="2026-03-03T18:00:00Z")
    assert (ran.shown, ran.counts) == (["QUANTITY T1"], "1 changed")
    pair = ran.of("T1")
    assert pair.id != missing.id
    assert pair.first_seen == missing.first_seen
    assert pair.opened_at == missing.opened_at
    assert world.events(missing.id)[-1] == "merged"


def test_two_sided_breaks_do_not_vanish_with_the_next_days_files(world: World) -> None:
    first = world.run(ONE, OTHER).of("T1")
    for day in (D2, D3):
        ran = world.run(NONE, NONE, day=day)
        assert (ran.shown, ran.counts) == (["QUANTITY T1"], "1 carried")
    assert world.events(first.id) == ["opened"]


def test_an_amended_confirmation_clears_the_break_of_a_pair(world: World) -> None:
    first = world.run(ONE, OTHER).of("T1")
    ran = world.run(NONE, ONE, day=D2)
    assert (ran.shown, ran.counts) == ([], "1 matched 1 cleared")
    assert world.events(first.id) == ["opened", "cleared"]


def test_an_amended_confirmation_that_still_differs_changes_the_break(world: World) -> None:
    first = world.run(ONE, OTHER).of("T1")
    ran = world.run(NONE, "trade_id, quantity\n T1, 7", day=D2)
    assert (ran.shown, ran.counts) == (["QUANTITY T1"], "1 changed")
    (difference,) = ran.of("T1").content["differences"]
    assert difference["external"] == "7"
    assert ran.of("T1").id == first.id


def test_a_resent_file_that_lacks_a_record_voids_it(world: World) -> None:
    world.run("trade_id\n T1\n T2", "trade_id\n T1")
    ran = world.run("trade_id\n T1", "trade_id\n T1")
    assert (ran.shown, ran.counts) == ([], "1 matched 1 cleared")
    assert world.run(NONE, NONE, day=D2).counts == ""


def test_a_resent_file_voids_its_record_of_a_pair(world: World) -> None:
    first = world.run(ONE, OTHER).of("T1")
    ran = world.run(ONE, NONE)
    assert (ran.shown, ran.counts) == (["MISSING_EXTERNAL T1"], "1 changed")
    assert ran.of("T1").id == first.id


def test_a_run_starts_from_the_last_run_before_its_date(world: World) -> None:
    """Also where days lie between, and however often the day itself is run."""
    world.run(ONE, NONE)
    for _ in range(2):
        ran = world.run(NONE, ONE, day=D4)
        assert ran.row.counts.matched == 1
        assert ran.shown == []
    assert world.run(NONE, NONE, day=D4).shown == ["MISSING_EXTERNAL T1"]


def test_an_older_date_is_refused_without_restate(world: World) -> None:
    world.run(ONE, ONE, day=D2)
    with pytest.raises(UsageError, match="before 2026-03-03"):
        world.run(day=D1)
    assert len(world.runs()) == 1
    assert world.run(day=D1, dry_run=True).row.status == "clean"
    assert len(world.runs()) == 1
    assert world.run(day=D1, restate=True).row.status == "clean"


def test_a_restatement_leaves_other_keys_alone(world: World) -> None:
    world.run("trade_id\n T1", NONE)
    world.run("trade_id\n T2", NONE, day=D2)
    ran = world.run("trade_id\n T1\n T3", NONE, day=D1, restate=True)
    assert ran.counts == "1 new 2 carried"
    assert ran.shown == ["MISSING_EXTERNAL T1", "MISSING_EXTERNAL T2", "MISSING_EXTERNAL T3"]
    ran = world.run(NONE, "trade_id\n T1\n T2\n T3", day=D3)
    assert (ran.shown, ran.counts) == ([], "3 matched 3 cleared")


def test_a_restatement_that_lacks_a_record_voids_it_for_good(world: World) -> None:
    world.run("trade_id\n T1\n T2", "trade_id\n T1")
    world.run(NONE, NONE, day=D2)
    ran = world.run("trade_id\n T1", "trade_id\n T1", day=D1, restate=True)
    assert (ran.shown, ran.counts) == ([], "1 matched 1 cleared")
    assert world.run(NONE, NONE, day=D3).shown == []


def test_a_restatement_that_corrects_a_pair_clears_its_break(world: World) -> None:
    world.run(ONE, OTHER)
    world.run(NONE, NONE, day=D2)
    ran = world.run(OTHER, OTHER, day=D1, restate=True)
    assert (ran.shown, ran.counts) == ([], "1 matched 1 cleared")
    assert world.run(NONE, NONE, day=D3).shown == []


def test_a_restatement_does_not_reopen_what_a_later_day_cleared(world: World) -> None:
    world.run(ONE, NONE)
    world.run(NONE, ONE, day=D2)
    ran = world.run(ONE, NONE, day=D1, restate=True)
    assert ran.shown == []
    assert world.run(NONE, NONE, day=D3).shown == []


def test_records_after_the_cut_are_compared_in_the_next_run(world: World) -> None:
    table = """
        trade_id, quantity, timestamp
        T1,       1,        2026-03-02T09:00:00Z
        T2,       1,        2026-03-02T15:00:00Z
    """
    other = table.replace("T2,       1", "T2,       2")
    ran = world.run(table, other, at="2026-03-02T12:00:00Z")
    assert (ran.shown, ran.counts) == ([], "1 matched 2 after_cut")
    ran = world.run(NONE, NONE, day=D2, at="2026-03-03T12:00:00Z")
    assert (ran.shown, ran.counts) == (["QUANTITY T2"], "1 new")


def test_a_record_exactly_at_the_cut_is_compared(world: World) -> None:
    table = "trade_id, timestamp\n T1, 2026-03-02T12:00:00Z"
    assert world.run(table, table, at="2026-03-02T12:00:00Z").counts == "1 matched"
    assert world.run(table, table, at="2026-03-02T11:59:59.999999Z").counts == "2 after_cut"


def test_an_incomplete_run_clears_nothing(world: World) -> None:
    first = world.run(ONE, OTHER).of("T1")
    world.external += ", expect: {rows: 9}"
    ran = world.run(NONE, ONE, day=D2)
    assert (ran.shown, ran.row.status) == (["QUANTITY T1"], "incomplete")
    assert "1 records were read, but 9 are expected" in ran.reasons
    assert world.events(first.id) == ["opened"]


def test_an_incomplete_run_does_not_lose_what_it_could_not_compare(world: World) -> None:
    """What an incomplete day left open goes on to the next day."""
    world.run(ONE, OTHER)
    world.external += ", expect: {rows: 9}"
    world.run(NONE, ONE, day=D2)
    world.external = "allow_empty: true"
    ran = world.run(NONE, ONE, day=D2)
    assert (ran.shown, ran.counts) == ([], "1 matched 1 cleared")


def test_a_cut_file_sent_again_for_the_same_date_loses_no_open_record(world: World) -> None:
    """The day was complete; then a part of the internal file came again; then a late partner."""
    missing = world.run("trade_id\n T1\n T2", "trade_id\n T1").of("T2")
    world.internal += ", expect: {rows: 2}"
    ran = world.run("trade_id\n T1", "trade_id\n T1")
    assert (ran.shown, ran.row.status) == (["MISSING_EXTERNAL T2"], "incomplete")
    world.internal = "allow_empty: true"
    ran = world.run(NONE, "trade_id\n T2", day=D2)
    assert (ran.shown, ran.counts) == ([], "1 matched 1 cleared")
    assert world.events(missing.id) == ["opened", "cleared"]


def test_a_cut_file_sent_again_neither_reopens_nor_doubles_what_the_whole_one_settled(
    world: World,
) -> None:
    """Yesterday's T1 got its partner today; then half of today's file came again."""
    missing = world.run(ONE, NONE).of("T1")
    assert world.run(NONE, ONE, day=D2).counts == "1 matched 1 cleared"
    world.external += ", expect: {rows: 1}"
    ran = world.run(NONE, NONE, day=D2)
    assert (ran.shown, ran.row.status) == ([], "incomplete")
    ran = world.run(NONE, "trade_id, quantity\n T1, 5\n T9, 1", day=D2)
    assert (ran.shown, ran.row.status) == (["MISSING_INTERNAL T9"], "incomplete")
    world.external = "allow_empty: true"
    assert world.run(NONE, NONE, day=D3).shown == ["MISSING_INTERNAL T9"]
    assert world.events(missing.id) == ["opened", "cleared"]


def test_a_cut_file_does_not_make_a_record_missing_whose_partner_it_may_lack(world: World) -> None:
    world.rules += ", deadline: 1d"
    assert world.run(ONE, NONE, at="2026-03-02T18:00:00Z").counts == "1 expected"
    world.external += ", expect: {rows: 9}"
    assert world.run(NONE, NONE, day=D2).counts == "1 unknown"
    world.external = "allow_empty: true"
    assert world.run(NONE, NONE, day=D3).shown == ["MISSING_EXTERNAL T1"]


def test_a_later_file_may_not_say_that_a_record_is_gone_that_only_its_day_repeats(
    world: World,
) -> None:
    """A duplicate stays reported until its own day is sent again without it."""
    first = world.run("trade_id\n T1\n T1", "trade_id\n T1")
    assert first.shown == ["DUPLICATE T1"]
    assert world.run(NONE, NONE, day=D2).counts == "1 carried"
    ran = world.run("trade_id\n T1", "trade_id\n T1", day=D1, restate=True)
    assert ran.counts == "1 matched 1 cleared"


def test_copies_in_the_files_of_two_dates_clear_with_the_first_of_them(world: World) -> None:
    twice, once = "trade_id\n T1\n T1", "trade_id\n T1"
    first = world.run(twice, once).of("T1")
    assert world.run(twice, once, day=D2).shown == ["DUPLICATE T1"]
    assert world.run(once, once, day=D2).shown == ["DUPLICATE T1"]
    world.run(twice, once, day=D2)
    assert world.run(once, once, day=D1, restate=True).counts == "1 matched 1 cleared"
    assert world.run(twice, once, day=D2).counts == "1 matched 1 reopened"
    assert world.run(once, once, day=D2).counts == "1 matched 1 cleared"
    assert world.events(first.id) == ["opened", "cleared", "reopened", "cleared"]


@pytest.mark.parametrize(
    ("records", "covers"), [("positions", ""), ("trades", "covers: everything")]
)
def test_copies_in_what_the_newest_file_repeats_clear_with_it(
    tmp_path: Path, records: str, covers: str
) -> None:
    world = World(tmp_path, records=records, internal=covers, external=covers, rules="")
    head = "symbol, quantity" if records == "positions" else "symbol, trade_id"
    twice, once = f"{head}\n A, 1\n A, 1", f"{head}\n A, 1"
    for day in (D1, D2):
        assert len(world.run(twice, once, day=day).shown) == 1
    assert world.run(once, once, day=D1, restate=True).counts == "1 matched 1 carried"
    assert world.run(once, once, day=D3).counts == "1 matched 1 cleared"


def test_without_coverage_a_record_is_unknown_and_the_run_incomplete(world: World) -> None:
    world.external += ", expect: {rows: 9}"
    ran = world.run(ONE, NONE)
    assert (ran.shown, ran.counts, ran.row.status) == ([], "1 unknown", "incomplete")
    world.external = "allow_empty: true"
    assert world.run().shown == ["MISSING_EXTERNAL T1"]


def test_a_record_of_an_uncovered_day_stays_unknown_until_that_day_is_covered(
    world: World,
) -> None:
    world.external += ", expect: {rows: 9}"
    world.run(ONE, NONE)
    world.external = "allow_empty: true"
    ran = world.run(NONE, NONE, day=D2)
    assert (ran.shown, ran.counts, ran.row.status) == ([], "1 unknown", "incomplete")
    assert "never complete for 2026-03-02" in ran.reasons or "unknown" in ran.reasons
    assert world.run(ONE, NONE, day=D1, restate=True).shown == ["MISSING_EXTERNAL T1"]
    assert world.run(NONE, NONE, day=D3).counts == "1 carried"


@pytest.mark.parametrize("side", ["book.csv", "broker.csv"])
def test_a_failed_source_leaves_breaks_and_open_records_as_they_are(
    world: World, side: str
) -> None:
    first = world.run(ONE, NONE).of("T1")
    (world.folder / side).unlink()
    ran = world.run(day=D2)
    assert ran.row.status == "failed"
    assert ran.shown == ["MISSING_EXTERNAL T1"]
    failed, good = ran.row.external, ran.row.internal
    if side == "book.csv":
        failed, good = good, failed
    assert failed is None
    assert good is not None
    assert ran.row.digest is None
    assert world.run(NONE, ONE, day=D2).counts == "1 matched 1 cleared"
    assert world.events(first.id) == ["opened", "cleared"]


def test_a_missing_file_is_only_late_before_it_is_due(world: World) -> None:
    world.external += ', due_by: "18:00"'
    world.write(ONE)
    early = world.run(at="2026-03-02T18:00:00Z")
    assert (early.row.status, early.row.external) == ("incomplete", None)
    assert world.run(at="2026-03-02T18:00:01Z").row.status == "failed"


def test_a_file_that_repeats_the_whole_history_clears_what_it_no_longer_shows(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, internal="covers: everything", external="covers: everything")
    world.run("trade_id\n T1\n T2", "trade_id\n T1")
    ran = world.run("trade_id\n T1", "trade_id\n T1", day=D2)
    assert (ran.shown, ran.counts) == ([], "1 matched 1 cleared")


def test_snapshots_clear_on_a_newer_complete_snapshot(tmp_path: Path) -> None:
    world = World(tmp_path, records="positions", rules="")
    flat = "symbol, quantity\n AAPL, 5\n MSFT, 1"
    first = world.run(flat, "symbol, quantity\n AAPL, 6\n MSFT, 1").of("AAPL")
    ran = world.run(flat, "symbol, quantity\n AAPL, 7\n MSFT, 1", day=D2)
    assert (ran.shown, ran.counts) == (["QUANTITY AAPL"], "1 matched 1 changed")
    world.external = "expect: {rows: 9}"
    assert world.run(flat, flat, day=D3).counts == "2 matched 1 carried"
    world.external = ""
    assert world.run(flat, flat, day=D3).counts == "2 matched 1 cleared"
    again = world.run(flat, "symbol, quantity\n AAPL, 8\n MSFT, 1", day=D4)
    assert again.counts == "1 matched 1 reopened"
    assert world.events(first.id) == ["opened", "changed", "cleared", "reopened"]


def test_snapshots_that_move_together_are_carried(tmp_path: Path) -> None:
    world = World(tmp_path, records="positions", rules="")
    world.run("symbol, quantity\n AAPL, 5", "symbol, quantity\n AAPL, 6")
    ran = world.run("symbol, quantity\n AAPL, 105", "symbol, quantity\n AAPL, 106", day=D2)
    assert ran.counts == "1 carried"


def test_the_clock_may_jump_backwards_between_runs(world: World) -> None:
    """An earlier as_of than before: nothing breaks, nothing doubles, ages are not negative."""
    world.run(ONE, NONE, at="2026-03-02T18:00:00Z")
    ran = world.run(at="2026-03-02T12:00:00Z")
    assert ran.counts == "1 carried"
    assert ran.of("T1").first_seen == datetime(2026, 3, 2, 18, tzinfo=UTC)
    assert world.events(ran.of("T1").id) == ["opened"]


def test_the_default_business_date_is_as_ofs_in_the_sources_zone(tmp_path: Path) -> None:
    world = World(tmp_path, internal="type: file, path: book.csv, timezone: Asia/Tokyo")
    world.write(ONE, ONE)
    done = world.cli("run", "tieout.yaml", "--format", "json", "--as-of", "2026-03-02T20:00:00Z")
    assert done.json[0]["business_date"] == date(2026, 3, 3).isoformat()
