"""A break goes on while a record of it is in a break, and while its row may lie in quarantine."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from integration.world import D1, D2, D3, Ran, World

from tieout.core.canonical import nanoseconds
from tieout.core.rows import BreakFilter

NONE = "trade_id"
SNAPSHOT = "account, symbol, quantity"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, internal="allow_empty: true", external="allow_empty: true")
    world.rules += ", max_quarantined: 100%"
    return world


@pytest.fixture
def positions(tmp_path: Path) -> World:
    return World(tmp_path, records="positions", rules="max_quarantined: 100%")


def aged(ran: Ran, since: Ran) -> None:
    """The one open break is as old as that of the run `since`."""
    (brk,), (first,) = ran.breaks.values(), since.breaks.values()
    assert (brk.first_seen, brk.opened_at) == (first.first_seen, first.opened_at)
    assert (ran.row.breaks.cleared, ran.row.breaks.new) == (0, 0)


# What goes on in another break


def test_edge_11_a_missing_record_that_arrives_in_conflict_goes_on(world: World) -> None:
    first = world.run(NONE, "trade_id\n X1", at="2026-03-02T18:00:00Z")
    assert first.shown == ["MISSING_INTERNAL X1"]
    ran = world.run("trade_id, quantity\n X1, 1\n X1, 2", NONE, day=D2)
    assert ran.shown == ["CONFLICT X1"]
    aged(ran, first)
    assert world.events(first.of("X1").id) == ["opened", "merged"]


def test_edge_22_a_missing_record_that_becomes_ambiguous_goes_on(world: World) -> None:
    world.rules = "match: [{on: [order_id]}], ignore: [trade_id]"
    first = world.run("trade_id, order_id\n B, O", NONE + ", order_id", at="2026-03-02T18:00:00Z")
    ran = world.run("trade_id, order_id\n A, O", "trade_id, order_id\n X, O\n Y, O", day=D2)
    assert (first.shown, ran.shown) == (["MISSING_EXTERNAL B"], ["AMBIGUOUS A"])
    aged(ran, first)
    assert world.run(NONE + ", order_id", NONE + ", order_id", day=D3).counts == "1 carried"


def test_a_pair_of_which_one_side_goes_and_returns_goes_on(positions: World) -> None:
    one, other = f"{SNAPSHOT}\n A, X, 10\n A, G, 1", f"{SNAPSHOT}\n A, X, 11\n A, G, 1"
    first = positions.run(one, other, at="2026-03-02T18:00:00Z")
    gone = positions.run(f"{SNAPSHOT}\n A, G, 1", other, day=D2, at="2026-03-03T18:00:00Z")
    assert (first.shown, gone.shown) == (["QUANTITY X"], ["MISSING_INTERNAL X"])
    aged(gone, first)
    back = positions.run(one, other, day=D3, at="2026-03-04T18:00:00Z")
    assert back.shown == ["QUANTITY X"]
    aged(back, first)
    assert positions.events(first.of("X").id) == ["opened", "merged", "merged"]
    assert positions.run(other, other, day=D3).counts == "2 matched 1 cleared"


def test_a_side_without_ids_goes_and_returns(world: World) -> None:
    """Its records have ids that are worked out from what is in them."""
    world.rules = "match: [{on: [order_id]}]"
    table = "order_id, quantity\n O1, 5"
    first = world.run("trade_id, order_id, quantity\n T1, O1, 6", table)
    gone = world.run("trade_id, order_id, quantity", table)
    assert gone.row.breaks.cleared == 0
    assert [each.content["kind"] for each in gone.breaks.values()] == ["MISSING_INTERNAL"]
    aged(gone, first)


@pytest.mark.parametrize("alone", [True, False])
def test_a_snapshot_goes_on_under_another_identity(tmp_path: Path, alone: bool) -> None:
    """The configuration says otherwise what identifies a record, or a later Tieout does."""
    world = World(tmp_path, records="orders", rules="", external="allow_empty: true")
    one, other = "order_id, quantity\n A, 5", "order_id, quantity" + ("" if alone else "\n A, 6")
    first = world.run(one, other, at="2026-03-02T18:00:00Z")
    world.internal, world.external = (
        ", ".join(filter(None, (each, "identity: [order_id, symbol]")))
        for each in (world.internal, world.external)
    )
    ran = world.run(one, other, day=D2)
    assert ran.breaks.keys().isdisjoint(first.breaks), "the identity is in the id"
    aged(ran, first)
    assert world.events(*first.breaks) == ["opened", "merged"]
    assert world.run(one, one, day=D3).counts == "1 matched 1 cleared"


def test_a_conflict_that_is_settled_clears(world: World) -> None:
    world.run("trade_id, quantity\n X1, 1\n X1, 2", "trade_id\n X1")
    assert world.run("trade_id, quantity\n X1, 1").counts == "1 matched 1 cleared"


@pytest.mark.parametrize("day", [D1, D2])
def test_a_conflict_that_is_settled_clears_while_its_partner_still_has_time(
    world: World, day: str
) -> None:
    world.rules += ", deadline: 3d"
    at = {D1: "2026-03-02T18:00:00Z", D2: "2026-03-03T18:00:00Z"}
    first = world.run("trade_id, quantity\n X1, 1\n X1, 2", NONE, at=at[D1]).of("X1")
    ran = world.run("trade_id, quantity\n X1, 1", NONE, day=day, at=at[day])
    assert (ran.shown, ran.counts) == ([], "1 expected 1 cleared")
    ran = world.run(NONE, NONE, day=D3)
    assert (ran.shown, ran.counts) == (["MISSING_EXTERNAL X1"], "1 reopened")
    assert world.events(first.id) == ["opened", "cleared", "reopened"]


def test_a_conflict_of_which_a_record_cannot_be_read_or_compared_stays(world: World) -> None:
    world.rules += ", deadline: 3d"
    at = "2026-03-02T18:00:00Z"
    world.run("trade_id, quantity\n X1, 1\n X1, 2", NONE, at=at)
    both = "trade_id, timestamp\n X1, 2026-03-02T09:00:00Z\n X1, 2026-03-02T17:00:00Z"
    for table, early in (
        ("trade_id, quantity\n X1, many", at),
        ("trade_id, quantity\n X1, 1\n X1, many", at),
        (both, "2026-03-02T12:00:00Z"),
    ):
        assert world.run(table, NONE, at=early).shown == ["CONFLICT X1"]


rows = st.lists(
    st.builds(
        "{}, {}, {}".format, st.sampled_from("ABC"), st.sampled_from("OP"), st.integers(1, 2)
    ),
    max_size=4,
)
runs = st.lists(
    st.tuples(st.sampled_from([0, 1]), rows, rows, st.sampled_from(["", "\n A\0, O, 1"])),
    min_size=2,
    max_size=4,
)


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(["order_id", "trade_id"]), runs)
def test_whatever_comes_nothing_that_is_broken_is_cleared_or_new(
    key: str, made: list[tuple[int, list[str], list[str], str]]
) -> None:
    """Over dates that come in order, or again."""
    day = 2
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), internal="allow_empty: true", external="allow_empty: true")
        world.rules = f"match: [{{on: [{key}]}}], ignore: [trade_id], max_quarantined: 100%"
        before: dict[tuple[str, str], int] = {}
        for later, *tables, unreadable in made:
            day += later
            texts = ["\n ".join(["trade_id, order_id, quantity", *each]) for each in tables]
            at = f"2026-03-{day:02}T18:00:00Z"
            world.run(texts[0] + unreadable, texts[1], day=at[:10], at=at)
            after, cleared = _records(world)
            assert not cleared & after.keys()
            assert all(after[each] <= before[each] for each in before.keys() & after.keys())
            before = after


def _records(world: World) -> tuple[dict[tuple[str, str], int], set[tuple[str, str]]]:
    """Since when each record is broken, and the records of what the newest run cleared."""
    since: dict[tuple[str, str], int] = {}
    cleared: set[tuple[str, str]] = set()
    with world.open() as store:
        newest = next(iter(store.runs())).run_id
        for brk in store.breaks(BreakFilter()):
            if brk.content["kind"] == "DUPLICATE":
                continue
            held = [(each["side"], each["record"]["trade_id"]) for each in brk.content["records"]]
            told = list(store.history(brk.id))[-1]
            if brk.state == "open":
                seen = nanoseconds(brk.first_seen)
                since |= {each: min(seen, since.get(each, seen)) for each in held}
            elif (told.event, told.run_id) == ("cleared", newest):
                cleared |= set(held)
    return since, cleared


# What may lie in quarantine


def test_a_break_whose_row_cannot_be_known_is_not_cleared(world: World) -> None:
    first = world.run("trade_id\n X1\n T9", "trade_id\n T9").of("X1")
    ran = world.run("trade_id\n X1\0\n T9")
    assert (ran.shown, ran.row.status) == (["MISSING_EXTERNAL X1"], "breaks")
    assert len(ran.quarantine) == 1
    assert world.run("trade_id\n T9").counts == "1 matched 1 cleared"
    assert world.events(first.id) == ["opened", "cleared"]


def test_it_is_carried_until_the_row_comes_again(world: World) -> None:
    first = world.run("trade_id\n X1\n T9", "trade_id\n T9").of("X1")
    world.run("trade_id\n X1\0\n T9")
    for day in (D2, D3):
        assert world.run(NONE, NONE, day=day).shown == ["MISSING_EXTERNAL X1"]
    assert world.run("trade_id\n X1", "trade_id\n X1", day=D3).shown == []
    assert world.events(first.id) == ["opened", "cleared"]


def test_the_partner_of_such_a_row_is_unknown(world: World) -> None:
    world.run("trade_id\n X1\n T9", "trade_id\n T9")
    world.run("trade_id\n X1\0\n T9")
    ran = world.run(NONE, "trade_id\n X1", day=D2)
    assert (ran.shown, ran.counts) == (["MISSING_EXTERNAL X1"], "1 unknown 1 carried")


def test_what_matches_beside_such_a_row_clears(world: World) -> None:
    """The row is another: that one is there."""
    header = "trade_id, quantity"
    world.run(f"{header}\n X1, 5\n X2, 6\n T9, 1", f"{header}\n X1, 4\n X2, 5\n T9, 1")
    ran = world.run(f"{header}\n X1, 5\n X2\0, 6\n T9, 1", f"{header}\n X1, 5\n T9, 1")
    assert (ran.shown, ran.counts) == (["QUANTITY X2"], "2 matched 1 carried 1 cleared")


def test_a_missing_record_that_matches_beside_such_a_row_clears(world: World) -> None:
    world.run("trade_id\n X1\n T9", "trade_id\n T9")
    ran = world.run("trade_id\n X1\n T9\n T8\0", "trade_id\n X1\n T9")
    assert (ran.shown, ran.counts) == ([], "2 matched 1 cleared")


def test_a_record_of_the_other_side_that_matches_beside_such_a_row_clears(world: World) -> None:
    """It is asked about by what the external side says of it."""
    world.run("trade_id\n T9", "trade_id\n X1\n X2\n T9")
    ran = world.run("trade_id\n X1\n T9", "trade_id\n X1\n T9\n T8\0")
    assert (ran.shown, ran.counts) == (["MISSING_INTERNAL X2"], "2 matched 1 carried 1 cleared")


def test_a_duplicate_whose_rows_cannot_be_known_is_not_cleared(world: World) -> None:
    world.run("trade_id\n X1\n X1\n T9", "trade_id\n X1\n T9")
    ran = world.run("trade_id\n X1\0\n T9", "trade_id\n T9")
    assert (ran.shown, ran.row.breaks.cleared) == (["DUPLICATE X1"], 0)
    assert world.run("trade_id\n X1\n T9", "trade_id\n X1\n T9").shown == []


def test_a_missing_record_that_matches_on_another_date_beside_such_a_row_clears(
    world: World,
) -> None:
    world.run("trade_id\n X1\n T9", "trade_id\n T9")
    ran = world.run("trade_id\n T8\0", "trade_id\n X1", day=D2)
    assert (ran.shown, ran.counts) == ([], "1 matched 1 cleared")


def test_a_row_of_another_account_is_no_evidence_for_it(positions: World) -> None:
    """What is readable of its identity differs."""
    rest = "\n A, G, 1\n B, G, 1"
    positions.run(f"{SNAPSHOT}\n A, X, 10{rest}", f"{SNAPSHOT}\n A, X, 11{rest}")
    ran = positions.run(f"{SNAPSHOT}\n B, X\0, 10{rest}", f"{SNAPSHOT}{rest}", day=D2)
    assert (ran.shown, ran.counts) == ([], "2 matched 1 cleared")


def test_a_position_whose_row_cannot_be_known_is_not_cleared(positions: World) -> None:
    rest = "\n A, G, 1"
    first = positions.run(f"{SNAPSHOT}\n A, X, 10{rest}", f"{SNAPSHOT}\n A, X, 11{rest}")
    ran = positions.run(f"{SNAPSHOT}\n A, X\0, 10{rest}", f"{SNAPSHOT}{rest}", day=D2)
    assert (ran.shown, ran.row.status) == (["QUANTITY X"], "breaks")
    aged(ran, first)
    assert positions.run(f"{SNAPSHOT}{rest}", day=D3).counts == "1 matched 1 cleared"


def test_a_torn_row_may_be_any(positions: World) -> None:
    rest = "\n A, G, 1"
    first = positions.run(f"{SNAPSHOT}\n A, X, 10{rest}", f"{SNAPSHOT}\n A, X, 11{rest}")
    path = positions.folder / positions.book
    positions.write(f"{SNAPSHOT}{rest}", f"{SNAPSHOT}{rest}")
    path.write_text(path.read_text() + "A,X,10\n")
    ran = positions.run(day=D2)
    assert (ran.shown, len(ran.quarantine)) == (["QUANTITY X"], 1)
    aged(ran, first)


def test_a_break_with_a_partner_beside_such_a_row_goes_on_in_doubt(positions: World) -> None:
    rest = "\n A, G, 1"
    first = positions.run(f"{SNAPSHOT}\n A, X, 10{rest}", f"{SNAPSHOT}\n A, X, 11{rest}")
    ran = positions.run(f"{SNAPSHOT}\n A, X\0, 10{rest}", day=D2)
    assert ran.shown == ["MISSING_INTERNAL X?"]
    aged(ran, first)
