"""Matches that are kept: records that come again after their match, alone. ADR 19."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from integration.world import D1, D2, D3, D4, World

NONE = "trade_id, quantity"
ONE = """
    trade_id, quantity
    T1,       5
"""
AMENDED = """
    trade_id, quantity
    T1,       7
"""
BOTH = """
    trade_id, quantity
    T1,       5
    T2,       6
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    rules = "match: [{on: [trade_id]}], keep_matches: true"
    options = "allow_empty: true"
    return World(tmp_path, rules=rules, internal=options, external=options)


def logs(world: World) -> list[Path]:
    return sorted(world.folder.glob("store.db.matches/*/*"))


def test_edge_20_a_confirmation_amended_after_its_match_is_reopened_with_its_history(
    world: World,
) -> None:
    """Through the command line, with the files of two days: a break, its correction, an amendment."""
    command = ("run", "tieout.yaml", "--format", "json", "--business-date")
    world.write(ONE, AMENDED)
    (first,) = world.cli(*command, D1, code=1).json
    assert (first["breaks"]["new"], first["matched"]) == (1, 0)
    world.write(NONE, ONE)
    (second,) = world.cli(*command, D2, code=0).json
    assert (second["breaks"]["cleared"], second["matched"]) == (1, 1)
    world.write(NONE, AMENDED)
    (third,) = world.cli(*command, D3, "--breaks", "open.ndjson", code=1).json
    assert third["breaks"]["by_kind"] == {"QUANTITY": 1}
    assert (third["breaks"]["reopened"], third["breaks"]["open"]) == (1, 1)
    (line,) = (world.folder / "open.ndjson").read_text().splitlines()
    found = json.loads(line)
    assert (found["internal"]["quantity"], found["external"]["quantity"]) == ("5", "7")
    assert world.events(found["id"]) == ["opened", "cleared", "reopened"]


@pytest.mark.parametrize("amended", ["internal", "external"])
def test_a_record_amended_alone_is_compared_with_its_old_partner(
    world: World, amended: str
) -> None:
    world.run(ONE, ONE)
    files = (AMENDED, NONE) if amended == "internal" else (NONE, AMENDED)
    ran = world.run(*files, day=D2)
    assert (ran.shown, ran.counts) == (["QUANTITY T1"], "1 new")
    ran = world.run(*(ONE if each is AMENDED else each for each in files), day=D3)
    assert (ran.shown, ran.counts) == ([], "1 matched 1 cleared")


def test_without_it_the_partner_is_missing(world: World) -> None:
    world.rules = "match: [{on: [trade_id]}]"
    world.run(ONE, ONE)
    assert world.run(NONE, AMENDED, day=D2).shown == ["MISSING_INTERNAL T1"]
    assert logs(world) == []


def test_an_amendment_inside_tolerance_is_a_match_and_the_new_partner(world: World) -> None:
    world.rules += ", compare: {quantity: {within: 2}}"
    world.run(ONE, ONE)
    assert world.run(NONE, AMENDED, day=D2).counts == "1 matched 1 within"
    ran = world.run("trade_id, quantity\n T1, 4", NONE, day=D3)
    (difference,) = ran.of("T1").content["differences"]
    assert (difference["internal"], difference["external"]) == ("4", "7")


def test_a_record_that_comes_again_unchanged_is_reconciled(world: World) -> None:
    world.run(BOTH, BOTH)
    ran = world.run(NONE, BOTH, day=D2)
    assert (ran.shown, ran.counts, ran.row.status) == ([], "", "clean")
    assert ran.row.external is not None
    assert ran.row.external.rows == 2
    note = "2 records matched on an earlier date and came again unchanged"
    assert note in ran.row.external.notes
    shown = world.cli("runs", "show", ran.row.run_id, "--store", world.store, code=0).out
    assert note in shown
    said = world.cli("run", "tieout.yaml", "--business-date", D2, code=0).out
    assert f"broker: {note}\n" in said


def test_a_record_that_both_send_again_is_a_pair_as_usual(world: World) -> None:
    world.run(ONE, ONE)
    assert world.run(AMENDED, AMENDED, day=D2).counts == "1 matched"
    assert world.run(NONE, AMENDED, day=D3).counts == ""
    assert world.run(NONE, ONE, day=D4).shown == ["QUANTITY T1"]


def test_a_reconciled_record_stays_known_for_as_long_as_it_comes(world: World) -> None:
    world.rules = world.rules.replace("true", "1")
    world.run(ONE, ONE)
    for day in (D2, D3, D4):
        assert world.run(NONE, ONE, day=day).counts == ""
        assert len(logs(world)) <= 2
    assert world.run(NONE, NONE, day="2026-03-06").counts == ""
    assert world.run(NONE, ONE, day="2026-03-09").shown == ["MISSING_INTERNAL T1"]


def test_the_newest_word_counts(world: World) -> None:
    """A pair that broke and was taken back by both is not matched by an older log."""
    busts = "trade_id, quantity, exec_type\n T1, 5, bust"
    world.run(ONE, ONE)
    assert world.run(NONE, AMENDED, day=D2).shown == ["QUANTITY T1"]
    assert world.run(busts, busts, day=D3).counts == "1 cleared"
    assert world.run(ONE, NONE, day=D4).shown == ["MISSING_EXTERNAL T1"]


def test_a_bust_by_one_side_leaves_the_other_alone(world: World) -> None:
    world.run(ONE, ONE)
    ran = world.run(NONE, "trade_id, quantity, exec_type\n T1, 5, bust", day=D2)
    assert (ran.shown, ran.counts) == (["MISSING_EXTERNAL T1"], "1 new")
    ran = world.run("trade_id, quantity, exec_type\n T1, 5, bust", NONE, day=D3)
    assert (ran.shown, ran.counts) == ([], "1 cleared")


def test_a_correction_under_a_new_id_meets_the_old_partner(world: World) -> None:
    world.rules = world.rules.replace("trade_id", "order_id")
    matched = "trade_id, order_id, quantity\n T1, O1, 5"
    world.run(matched, matched)
    corrected = "trade_id, order_id, quantity, supersedes\n T2, O1, 6, T1"
    ran = world.run("trade_id, order_id, quantity", corrected, day=D2)
    assert (ran.shown, ran.counts) == (["QUANTITY T1"], "1 new")


def test_a_stale_copy_loses_against_the_version_that_matched(world: World) -> None:
    version = "trade_id, quantity, version\n T1, {}, {}"
    world.run(version.format(5, 2), version.format(5, 2))
    ran = world.run("trade_id, quantity, version", version.format(4, 1), day=D2)
    assert (ran.shown, ran.counts) == ([], "1 matched")
    ran = world.run("trade_id, quantity, version", version.format(6, 3), day=D3)
    assert ran.shown == ["QUANTITY T1"]


def test_a_record_without_an_id_may_be_another_one(world: World) -> None:
    """Two equal rows without an id are two records, also on two days."""
    world.rules = world.rules.replace("trade_id", "symbol")
    fill = "symbol, quantity\n AAPL, 5"
    none = "symbol, quantity"
    world.run(fill, fill)
    assert world.run(fill, none, day=D2).counts == "1 new"


CHAIN = """
    trade_id, quantity, supersedes
    T1,       5,
    T2,       6,        T1
"""


def test_a_correction_that_comes_again_still_replaces(world: World) -> None:
    world.run(CHAIN, CHAIN)
    ran = world.run("trade_id, quantity, supersedes", CHAIN, day=D2)
    assert (ran.shown, ran.counts) == ([], "1 matched")


def test_who_repeats_the_history_loses_a_record_for_good(world: World) -> None:
    world.internal += ", covers: everything"
    world.external += ", covers: everything"
    world.run(BOTH, BOTH)
    assert world.run("trade_id, quantity\n T2, 6", BOTH, day=D2).shown == ["MISSING_INTERNAL T1"]
    assert logs(world) == []


@pytest.mark.parametrize("ours", [ONE, AMENDED], ids=["unchanged", "amended"])
def test_an_unreadable_partner_is_unknown(world: World, ours: str) -> None:
    """What it said on the day before is not what it says now."""
    world.rules += ", max_quarantined: 100%"
    world.run(ONE, ONE)
    ran = world.run(ours, "trade_id, quantity\n T1, ten", day=D2)
    assert (ran.shown, ran.row.counts.unknown) == ([], 1)


@pytest.mark.parametrize(
    ("ours", "rows"),
    [("T1, 5\n T1, 5", 2), ("T1, 5\n T1, 5\n T1, 4", 1)],
    ids=["copies", "a conflict"],
)
def test_a_pair_of_which_a_side_has_copies_is_kept_once(world: World, ours: str, rows: int) -> None:
    """Copies are counted by the join, which is corrected; so is what it copies into the log."""
    world.run(f"trade_id, quantity\n T2, 6\n {ours}", BOTH)
    (run,) = world.runs()
    assert run.matches is not None
    assert run.matches.rows == rows
    assert world.run(NONE, "trade_id, quantity\n T2, 6", day=D2).row.breaks.new == 0


def test_a_duplicate_of_what_matched_is_told(world: World) -> None:
    world.run(ONE, ONE)
    ran = world.run(NONE, "trade_id, quantity\n T1, 5\n T1, 5", day=D2)
    assert (ran.shown, ran.counts) == (["DUPLICATE T1"], "1 matched 1 new")


def test_records_after_the_cut_are_looked_up_when_their_time_comes(world: World) -> None:
    late = "trade_id, quantity, timestamp\n T1, 7, 2026-03-03T20:00:00Z"
    world.rules += ", ignore: [timestamp]"
    world.run(ONE, ONE)
    assert world.run(NONE, late, day=D2, at="2026-03-03T18:00:00Z").counts == "1 after_cut"
    assert world.run(NONE, NONE, day=D3).shown == ["QUANTITY T1"]


def test_a_restatement_replaces_the_log_of_its_date(world: World) -> None:
    world.run(ONE, ONE)
    world.run(NONE, NONE, day=D2)
    world.run(AMENDED, AMENDED, restate=True)
    assert len(logs(world)) == 2
    assert world.run(NONE, AMENDED, day=D3).counts == ""
    assert world.run(NONE, ONE, day=D4).shown == ["QUANTITY T1"]


def test_the_same_date_again_gives_the_same(world: World) -> None:
    world.run(ONE, ONE)
    first = world.run(NONE, AMENDED, day=D2)
    again = world.run(day=D2)
    assert (again.shown, again.counts) == (["QUANTITY T1"], "1 carried")
    assert again.row.digest == first.row.digest
    ran = world.run(NONE, NONE, day=D2)
    assert (ran.shown, ran.counts) == ([], "1 cleared")
    assert world.run(NONE, ONE, day=D3).counts == ""


def test_an_incomplete_run_forgets_no_match_of_its_date(world: World) -> None:
    world.run(BOTH, BOTH)
    world.external += ", expect: {rows: 2}"
    assert world.run(ONE, ONE).row.status == "incomplete"
    world.external = "allow_empty: true"
    assert world.run(NONE, BOTH, day=D2).counts == ""


def test_a_dry_run_looks_and_leaves_nothing(world: World) -> None:
    world.run(ONE, ONE)
    before = logs(world)
    assert world.run(NONE, AMENDED, day=D2, dry_run=True).shown == ["QUANTITY T1"]
    assert logs(world) == before
