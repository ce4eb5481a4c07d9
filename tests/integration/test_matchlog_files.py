"""The files of the match logs: crashes, loss, alteration, removal, and where they lie. ADR 19."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from integration.test_run_matched import AMENDED, BOTH, NONE, ONE, logs
from integration.world import D1, D2, D3, D4, World, command, environment

from tieout.core.matched import Keep, KeptLog
from tieout.core.rules import Calendar
from tieout.errors import EngineError, UsageError

RULES = "match: [{on: [trade_id]}], keep_matches: true"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, rules=RULES, internal="allow_empty: true", external="allow_empty: true")


def kept(world: World) -> KeptLog:
    log = world.runs()[0].matches
    assert log is not None
    return log


def test_a_run_names_its_log_by_the_digest_of_the_file(world: World) -> None:
    from hashlib import sha256

    world.run(BOTH, ONE)
    (file,) = logs(world)
    log = kept(world)
    assert file.name == f"{log.digest}.parquet"
    assert sha256(file.read_bytes()).hexdigest() == log.digest
    assert log.rows == 1
    assert pq.read_table(file).num_rows == 1


def test_values_that_the_rules_make_equal_are_written_once(world: World) -> None:
    world.rules += ", compare: {price: {within: 1}}"
    world.run("trade_id, price\n T1, 10", "trade_id, price\n T1, 10.5")
    (file,) = logs(world)
    names = pq.read_schema(file).names
    assert {"both_quantity", "internal_price", "external_price"} <= set(names)
    assert not {"both_price", "internal_quantity"} & set(names)


@pytest.mark.parametrize("lost", ["missing", "altered"])
def test_a_lost_log_leaves_the_run_incomplete_and_everything_as_it_was(
    world: World, lost: str
) -> None:
    world.run(BOTH, ONE)
    (file,) = logs(world)
    if lost == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    world.write(NONE, AMENDED)
    done = world.cli("run", "tieout.yaml", "--business-date", D2, code=3)
    said = done.out + done.err
    assert ("is not there" if lost == "missing" else "was altered") in said
    assert f"run {world.folder.name}" in said or "tieout.yaml r --business-date 2026-03-02" in said
    run = world.runs()[0]
    assert (run.status, run.breaks.open, run.breaks.carried) == ("incomplete", 1, 1)
    assert run.matches is None
    # The hint's command makes it anew, and the next run goes on.
    world.write(BOTH, ONE)
    world.cli("run", "tieout.yaml", "r", "--business-date", D1, "--restate", code=1)
    assert "QUANTITY T1" in world.run(NONE, AMENDED, day=D2).shown


def test_a_date_without_a_log_ends_what_is_looked_at(world: World) -> None:
    """What the older log says may have been overtaken on it."""
    world.run(ONE, ONE)
    world.rules = RULES.replace("true", "false")
    world.run(NONE, NONE, day=D2)
    assert len(logs(world)) == 1
    world.rules = RULES
    assert world.run(NONE, AMENDED, day=D3).shown == ["MISSING_INTERNAL T1"]
    assert len(logs(world)) <= 2


def test_logs_are_removed_when_their_days_are_over(world: World) -> None:
    world.rules = RULES.replace("true", "1")
    world.run(ONE, ONE)
    for number, day in enumerate((D2, D3), 1):
        world.run(f"trade_id\n N{number}", f"trade_id\n N{number}", day=day)
        assert len(logs(world)) == number + 1
    world.run("trade_id\n T4", "trade_id\n T4", day=D4)
    names = [row.matches.digest for row in world.runs() if row.matches][:3]
    assert sorted(f"{name}.parquet" for name in names) == [each.name for each in logs(world)]
    # Keeping more from now on does not ask for what was removed.
    world.rules = RULES
    ran = world.run(NONE, NONE, day="2026-03-06")
    assert ran.row.status == "clean"


def test_what_a_killed_run_left_is_removed_and_never_counts(world: World) -> None:
    """Killed between the file's name and the commit: an orphan. Before it: a part of one."""
    world.run(ONE, ONE)
    folder = logs(world)[0].parent
    orphan, part = folder / f"{'0' * 64}.parquet", folder / f"{'1' * 32}.part"
    for each in (orphan, part):
        each.write_bytes(logs(world)[0].read_bytes())
    assert world.run(NONE, AMENDED, day=D2).shown == ["QUANTITY T1"]
    assert not orphan.exists()
    assert not part.exists()


KILLED = """
import os, signal, sys
from tieout.adapters.matches import MatchFolder
place = MatchFolder.place
def placed(self, *arguments):
    place(self, *arguments)
    os.kill(os.getpid(), signal.SIGKILL)
MatchFolder.place = placed
from tieout.cli import main
sys.argv = ["tieout", "run", "tieout.yaml", "--business-date", "2026-03-03"]
main()
"""


def test_a_run_killed_before_its_commit_leaves_the_log_of_the_one_before(world: World) -> None:
    world.run(ONE, ONE)
    world.run("trade_id\n T2", "trade_id\n T2", day=D2)
    world.write(AMENDED, AMENDED)
    world.configure()
    done = subprocess.run(
        [command()[0], "-c", KILLED],
        cwd=world.folder,
        env=environment(measured=False),
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL
    assert len(logs(world)) == 3
    ran = world.run(NONE, ONE, day=D3)
    assert (ran.shown, ran.counts) == ([], "")
    assert {each.stem for each in logs(world)} == {
        row.matches.digest for row in world.runs() if row.matches
    }


def ran_into_kept(world: World, day: str) -> None:
    """A run whose logs go into the directory `kept` beside the configuration."""
    path = world.configure()
    path.write_text(path.read_text() + "match_logs: kept\n")
    subprocess.run(
        command("run", "tieout.yaml", "--business-date", day),
        cwd=world.folder,
        env=environment(),
        check=True,
        capture_output=True,
        timeout=120,
    )


def test_a_directory_can_be_named(world: World) -> None:
    world.write(ONE, ONE)
    ran_into_kept(world, D1)
    with world.open() as store:
        own = world.folder / "kept" / store.id
    assert len(list(own.glob("*/*.parquet"))) == 1
    assert logs(world) == []


def test_stores_that_share_a_directory_leave_each_other_alone(world: World) -> None:
    world.write(BOTH, BOTH)
    ran_into_kept(world, D1)
    first, world.store = world.store, "sqlite:///other.db"
    ran_into_kept(world, D1)
    assert len(list((world.folder / "kept").glob("*/*/*.parquet"))) == 2
    world.write(NONE, ONE)
    for url in (first, world.store):
        world.store = url
        ran_into_kept(world, D2)
        assert world.runs()[0].status == "clean"


def test_a_store_in_a_server_needs_a_directory(tmp_path: Path) -> None:
    from tieout import wiring
    from tieout.config import load
    from tieout.testing.store import MemoryStore

    world = World(tmp_path, rules=RULES)
    world.write(ONE, ONE)
    with pytest.raises(UsageError, match="the store is in a server") as raised:
        wiring.run(load(world.configure()), store=MemoryStore())
    assert raised.value.hint is not None
    assert "match_logs" in raised.value.hint


def test_a_full_disk_is_told_and_stores_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieout.adapters.matches import MatchFolder

    monkeypatch.setattr(MatchFolder, "part", lambda self, name, run_id: "/nowhere/at/all.part")
    with pytest.raises(EngineError, match="the log of what matched cannot be written"):
        world.run(ONE, ONE)
    assert [each.status for each in world.runs()] == ["failed"]


def test_days_are_counted_over_weekends_and_holidays() -> None:
    from datetime import date

    monday = date(2026, 3, 9)
    assert Keep(1).since(monday) == date(2026, 3, 6)
    assert Keep(5).since(monday) == date(2026, 3, 2)
    easter = Calendar("easter", holidays=frozenset({date(2026, 3, 6)}))
    assert Keep(1, easter).since(monday) == date(2026, 3, 5)
