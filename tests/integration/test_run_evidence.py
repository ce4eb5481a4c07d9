"""What is not known clears nothing: unreadable, late, cut off and interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.world import D1, D2, D3, D4, World

from tieout import wiring
from tieout.config import load
from tieout.errors import UsageError

NONE = "trade_id"
ONE = "trade_id, quantity\n T1, 5\n T9, 1"
OTHER = "trade_id, quantity\n T1, 6\n T9, 1"
UNREADABLE = "trade_id, quantity\n T1, many\n T9, 1"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, internal="allow_empty: true", external="allow_empty: true")
    world.rules += ", max_quarantined: 100%"
    return world


@pytest.mark.parametrize(
    "files", [(ONE, UNREADABLE), (UNREADABLE, OTHER), (UNREADABLE, UNREADABLE)]
)
def test_a_pair_is_not_cleared_by_a_file_in_which_it_cannot_be_read(
    world: World, files: tuple[str, str]
) -> None:
    first = world.run(ONE, OTHER).of("T1")
    ran = world.run(*files)
    assert (ran.shown, ran.row.status) == (["QUANTITY T1"], "breaks")
    assert world.events(first.id) == ["opened"]
    assert world.run(ONE, ONE).shown == []
    assert world.events(first.id) == ["opened", "cleared"]


def test_a_missing_break_is_not_cleared_by_a_partner_that_cannot_be_read(world: World) -> None:
    first = world.run(ONE, "trade_id\n T9").of("T1")
    ran = world.run(NONE, UNREADABLE, day=D2)
    assert "MISSING_EXTERNAL T1" in ran.shown
    ran = world.run(NONE, "trade_id, quantity\n T1, 5\n T9, 1", day=D3)
    assert "T1" not in " ".join(ran.shown)
    assert world.events(first.id) == ["opened", "cleared"]


@pytest.mark.parametrize("account", ["A", ""])
def test_a_missing_break_is_not_cleared_by_its_own_row_that_cannot_be_read(
    world: World, account: str
) -> None:
    """An account that is empty is known: that there is none."""
    table = "trade_id, account, quantity\n T1, {0}, {1}\n T9, {0}, 1"
    other = f"trade_id, account\n T9, {account}"
    first = world.run(table.format(account, 5), other).of("T1")
    ran = world.run(table.format(account, "many"))
    assert (ran.shown, ran.row.status) == (["MISSING_EXTERNAL T1"], "breaks")
    assert world.run(NONE, NONE, day=D2).shown == ["MISSING_EXTERNAL T1"]
    whole = table.format(account, 5)
    assert world.run(whole, whole, day=D3).shown == []
    assert world.events(first.id) == ["opened", "cleared"]


COPY = "trade_id, quantity, version\n T1, 5, {}\n T1, many, {}\n T9, 1, 1"


@pytest.mark.parametrize("versions", [("", ""), ("1", "1"), ("2", "1"), ("2", "")])
@pytest.mark.parametrize("partner", [OTHER, "trade_id\n T9"])
def test_an_unreadable_copy_of_a_record_keeps_no_break_open(
    world: World, partner: str, versions: tuple[str, str]
) -> None:
    first = world.run(COPY.format(*versions), partner).of("T1")
    ran = world.run(NONE, "trade_id, quantity\n T1, 5", day=D2)
    assert (ran.shown, ran.counts) == ([], "1 matched 1 cleared")
    assert world.events(first.id) == ["opened", "cleared"]
    assert world.run(NONE, NONE, day=D3).counts == ""


def test_an_unreadable_copy_beside_a_pair_that_agrees_keeps_no_break_open(world: World) -> None:
    """The pair is counted and not handed out: it takes a second look."""
    first = world.run("trade_id, quantity\n T1, 4\n T9, 1", "trade_id, quantity\n T9, 1").of("T1")
    ran = world.run("trade_id, quantity\n T1, 5\n T1, many\n T9, 1", ONE)
    assert (ran.shown, ran.counts) == ([], "2 matched 1 cleared")
    assert world.events(first.id) == ["opened", "cleared"]
    assert world.run(NONE, NONE, day=D2).counts == ""


@pytest.mark.parametrize("order", ["A", "B"])
def test_the_second_look_goes_by_what_the_row_says_of_a_pass_as_well(
    world: World, order: str
) -> None:
    """The break holds the record as it was."""
    world.rules = "match: [{on: [order_id]}], ignore: [trade_id], max_quarantined: 100%"
    table = "trade_id, order_id, quantity\n {}, {}, {}"
    first = world.run(table.format("T1", "A", 4), "trade_id, order_id").of("T1")
    row = f"\n T1, {order}, many"
    ran = world.run(table.format("T1", order, 5) + row, table.format("X", order, 5))
    assert (ran.shown, ran.counts) == ([], "1 matched 1 cleared")
    assert world.events(first.id) == ["opened", "cleared"]


@pytest.mark.parametrize(
    ("own", "other"),
    [
        ("version, exec_type\n T1, 5, 1, trade", "2, trade"),
        ("version, exec_type\n T1, 5, 1, trade", "two, trade"),
        ("sequence, exec_type\n T1, 5, 1, trade", "2, trade"),
        ("version, exec_type\n T1, 5, 1, trade", "1, bust"),
        ("version, exec_type\n T1, 5, 1, trade", "1, unheard of"),
        ("version, supersedes\n T1, 5, 1, T0", "1, T1"),
    ],
)
def test_an_unreadable_row_that_may_replace_its_record_keeps_the_break_open(
    world: World, own: str, other: str
) -> None:
    table = f"trade_id, quantity, {own}"
    world.run(f"{table}\n T1, many, {other}", f"{table.replace('T1, 5', 'T1, 6')}")
    partner = f"{table}\n T9, 1, {own.rpartition('5, ')[2]}"
    assert "QUANTITY T1" in world.run("trade_id\n T9", partner, day=D2).shown
    ran = world.run(table, table, day=D3)
    assert "T1" not in " ".join(ran.shown)


def test_a_row_of_a_later_date_that_cannot_be_read_keeps_the_break_open(world: World) -> None:
    """It may be what corrects the record that is carried."""
    world.run(ONE, OTHER)
    world.run("trade_id, quantity\n T1, many", NONE, day=D2)
    ran = world.run(NONE, "trade_id, quantity\n T1, 5", day=D3)
    assert (ran.shown, ran.counts) == (["QUANTITY T1"], "1 matched 1 carried")
    assert world.run(ONE, ONE, day=D4).counts == "2 matched 1 cleared"


def test_a_position_that_cannot_be_read_clears_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, records="positions", rules="max_quarantined: 100%")
    world.run("symbol, quantity\n BTC, 1\n ETH, 1", "symbol, quantity\n BTC, 2\n ETH, 1")
    ran = world.run(None, "symbol, quantity\n BTC, two\n ETH, 1", day=D2)
    assert (ran.shown, ran.counts) == (["QUANTITY BTC"], "1 matched 1 unknown 1 carried")


def test_a_position_beside_an_unreadable_row_of_its_own_clears_nothing(tmp_path: Path) -> None:
    """The row may be the other half of it; the next snapshot says."""
    world = World(tmp_path, records="positions", rules="max_quarantined: 100%")
    world.run("symbol, quantity\n BTC, 1\n ETH, 1", "symbol, quantity\n BTC, 2\n ETH, 1")
    ran = world.run(None, "symbol, quantity\n BTC, 1\n BTC, two\n ETH, 1", day=D2)
    assert (ran.shown, ran.counts) == (["QUANTITY BTC"], "2 matched 1 carried")
    ran = world.run(None, "symbol, quantity\n BTC, 1\n ETH, 1", day=D3)
    assert ran.counts == "2 matched 1 cleared"


def test_a_break_after_an_earlier_cut_is_not_cleared(world: World) -> None:
    """The clock jumped back: its records are not compared."""
    table = "trade_id, timestamp, quantity\n T1, 2026-03-02T15:00:00Z, 5"
    first = world.run(table, table.replace("5", "6"), at="2026-03-02T18:00:00Z")
    assert len(first.breaks) == 1
    ran = world.run(at="2026-03-02T12:00:00Z")
    assert ran.counts == "2 after_cut 1 carried"


def test_a_missing_break_that_is_expected_again_is_not_cleared(world: World) -> None:
    first = world.run("trade_id\n T1", NONE, at="2026-03-02T18:00:00Z").of("T1")
    world.rules += ", deadline: 1d"
    ran = world.run(at="2026-03-02T18:00:00Z")
    assert (ran.shown, ran.counts) == (["MISSING_EXTERNAL T1"], "1 expected 1 carried")
    assert world.run(NONE, "trade_id\n T1", day=D2).counts == "1 matched 1 cleared"
    assert world.events(first.id) == ["opened", "cleared"]


def test_an_interrupt_after_the_commit_leaves_the_result_as_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was committed stays committed, and its row says so."""
    from tieout.adapters.engines.duckdb import connection

    class Interrupted(BaseException):
        pass

    def interrupted(*arguments: object, **named: object) -> None:
        raise Interrupted

    with monkeypatch.context() as patched:
        patched.setattr(connection.shutil, "rmtree", interrupted)
        with pytest.raises(Interrupted):
            world.run(ONE, OTHER)
    (row,) = world.runs()
    assert (row.status, row.breaks.new) == ("breaks", 1)
    assert row.digest is not None
    assert world.run().counts == "1 matched 1 carried"


def test_what_cannot_be_asked_for_is_refused_before_anything_runs(world: World) -> None:
    """The second reconciliation is of a later day already: the first one does not run either."""
    world.write("trade_id\n T1", "trade_id\n T1")
    config = world.configure()
    config.write_text(
        config.read_text() + "  s: {internal: book, external: broker, records: trades}\n"
    )
    settings = load(config)
    with world.open() as store:
        from datetime import date

        day = date.fromisoformat
        wiring.run(settings, ["s"], store=store, business_date=day(D2))
        with pytest.raises(UsageError, match="before 2026-03-03"):
            wiring.run(settings, ["r", "s"], store=store, business_date=day(D1))
        assert [row.reconciliation for row in store.runs()] == ["s"]
