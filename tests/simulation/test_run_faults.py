"""Two runs at once on one store, and a disk that is full."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from integration.world import World, command, environment

from tieout import wiring
from tieout.core.rows import BreakFilter
from tieout.errors import RunSuperseded

ROWS = 3_000


def write(world: World) -> None:
    internal = "trade_id, quantity\n" + "".join(f"T{n}, {n + 1}\n" for n in range(ROWS))
    external = "trade_id, quantity\n" + "".join(
        f"T{n}, {n + 1 + (n % 3 == 0)}\n" for n in range(ROWS) if n % 10
    )
    world.write(internal, external)
    world.configure()


ARGUMENTS = ("run", "tieout.yaml", "--as-of", "2026-03-02T18:00:00Z", "--format", "json")


def start(world: World, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*ARGUMENTS, *arguments),
        cwd=world.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> dict[str, object]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 1, err
    (run,) = json.loads(out)
    assert isinstance(run, dict)
    return run


def check_one_history(world: World, expected: int) -> None:
    """Every break is there once, and was opened once."""
    with world.open() as store:
        found = list(store.breaks(BreakFilter(reconciliation="r")))
        assert len(found) == len({row.id for row in found}) == expected
        for row in found[:: max(1, len(found) // 50)]:
            assert [each.event for each in store.history(row.id)] == ["opened"]
        rows = list(store.runs())
    assert {row.status for row in rows} == {"breaks"}
    assert len({row.digest for row in rows}) == 1
    assert sorted(row.breaks.new for row in rows) == [0] * (len(rows) - 1) + [expected]


def both_at_once(world: World) -> None:
    """Also where the store is not there yet, so that both create it."""
    write(world)
    for _ in range(2):
        one, other = start(world), start(world)
        runs = [finish(one), finish(other)]
        assert len({run["run_id"] for run in runs}) == 2
        assert len({run["digest"] for run in runs}) == 1
    breaks = runs[0]["breaks"]
    assert isinstance(breaks, dict)
    check_one_history(world, breaks["open"])


def test_two_runs_at_once_on_sqlite_double_nothing(tmp_path: Path) -> None:
    both_at_once(World(tmp_path))


def test_two_runs_at_once_on_postgresql_double_nothing(tmp_path: Path, postgres_url: str) -> None:
    both_at_once(World(tmp_path, store=postgres_url))


def test_a_run_that_another_came_before_is_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deterministic: the other run commits while this one is matching."""
    from tieout.adapters.engines.duckdb import engine

    world = World(tmp_path)
    world.write("trade_id\n T1\n T2", "trade_id\n T1")
    join, inside = engine.join, []

    def join_after_another(*arguments, **named):  # type: ignore[no-untyped-def]
        if not inside:
            inside.append(True)
            assert world.run().counts == "1 matched 1 new"
        return join(*arguments, **named)

    monkeypatch.setattr(engine, "join", join_after_another)
    ran = world.run()
    assert ran.counts == "1 matched 1 carried"
    assert world.events(ran.of("T2").id) == ["opened"]
    assert [row.status for row in world.runs()] == ["breaks", "breaks"]


def test_a_run_that_others_keep_coming_before_fails_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieout.adapters.store.store import SqlStore

    world = World(tmp_path)
    world.write("trade_id\n T1\n T2", "trade_id\n T1")

    def too_late(*_: object) -> None:
        raise RunSuperseded("another run of 'r' was committed while this one worked")

    monkeypatch.setattr(SqlStore, "commit", too_late)
    with pytest.raises(RunSuperseded):
        world.run()
    (row,) = world.runs()
    assert (row.status, row.reasons) == (
        "failed",
        ("another run of 'r' was committed while this one worked",),
    )


def limited(size: int) -> Callable[[], None]:
    """No file may grow beyond `size` bytes."""

    def apply() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return apply


def test_a_full_disk_is_a_clear_error_and_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write("trade_id\n T1", "trade_id\n T2")
    assert world.cli(*ARGUMENTS, code=1).json[0]["breaks"]["open"] == 2
    write(world)
    done = subprocess.run(
        command(*ARGUMENTS),
        cwd=tmp_path,
        env=environment(measured=False),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limited(400_000),
    )
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stdout == ""
    assert "the store" in done.stderr or "disk" in done.stderr
    assert "Traceback" not in done.stderr
    assert "fault of Tieout" not in done.stderr, done.stderr
    settings = world.configure()
    assert settings.exists()
    with closing(wiring.open_store(f"sqlite:///{tmp_path / 'store.db'}")) as store:
        names = {row.content["key"]["trade_id"] for row in store.breaks(BreakFilter())}
        assert names == {"T1", "T2"}
    ran = world.cli(*ARGUMENTS, code=1).json[0]
    assert ran["breaks"]["open"] > 1000
    rows = world.runs()
    assert [row.status for row in rows] == ["breaks", "failed", "breaks"]
    assert (rows[1].breaks.open, rows[1].breaks.carried) == (2, 2)  # those that were and stay


def test_a_full_disk_for_the_file_of_breaks_says_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    write(world)
    assert world.cli(*ARGUMENTS, code=1)
    for suffix in ("ndjson", "csv", "parquet"):
        target = tmp_path / f"out.{suffix}"
        target.write_text("as it was")
        done = subprocess.run(
            command(*ARGUMENTS, "--breaks", target.name),
            cwd=tmp_path,
            env=environment(measured=False),
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=limited(20_000 if suffix == "parquet" else 100_000),
        )
        assert done.returncode == 2
        assert "fault of Tieout" not in done.stderr, done.stderr
        assert target.read_text() == "as it was"


def test_a_full_disk_for_a_report_says_so_and_nothing_else(tmp_path: Path) -> None:
    world = World(tmp_path)
    write(world)
    assert world.cli(*ARGUMENTS, code=1)
    for suffix, size in (("xlsx", 50_000), ("html", 50_000)):
        target = tmp_path / f"report.{suffix}"
        target.write_text("as it was")
        done = subprocess.run(
            command("report", "-o", target.name),
            cwd=tmp_path,
            env=environment(measured=False),
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=limited(size),
        )
        assert (done.returncode, done.stdout) == (2, "")
        first, *rest = done.stderr.splitlines()
        assert first.startswith("error: cannot write the file: ")
        assert all(line.startswith("  ") for line in rest), done.stderr
        assert target.read_text() == "as it was"


@pytest.mark.parametrize("arguments", [ARGUMENTS, ("breaks", "list", "--format", "csv")])
def test_output_that_cannot_be_written_is_a_plain_failure(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    world = World(tmp_path)
    write(world)
    assert world.cli(*ARGUMENTS, code=1)
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            command(*arguments),
            cwd=tmp_path,
            env=environment(measured=False),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == (
        "error: the output cannot be written: No space left on device"
    )
    assert "fault of Tieout" not in done.stderr


PACKED = """
import sys
from contextlib import contextmanager
from pathlib import Path
from tieout.adapters.reports import whole, xlsx

@contextmanager
def full(path):
    try:
        yield Path("/dev/full")
    except OSError as error:
        raise whole.UsageError(f"cannot write the file: {error.strerror}", where=path) from error

xlsx.whole = full
from tieout.cli import main
main(sys.argv[1:])
"""


def test_a_workbook_that_cannot_be_packed_says_so_and_nothing_else(tmp_path: Path) -> None:
    """What its sheets spool is elsewhere, and there is room for it."""
    world = World(tmp_path)
    write(world)
    assert world.cli(*ARGUMENTS, code=1)
    done = subprocess.run(
        [sys.executable, "-c", PACKED, "report", "-o", "report.xlsx"],
        cwd=tmp_path,
        env=environment(measured=False),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    first, *rest = done.stderr.splitlines()
    assert first.startswith("error: cannot write the file: ")
    assert all(line.startswith("  ") for line in rest), done.stderr


INTERRUPTED = """
import os, signal, sys
from tieout.adapters.engines.duckdb import engine
original = engine.join

def interrupted(*given, **named):
    os.kill(os.getpid(), signal.SIGINT)
    return original(*given, **named)

engine.join = interrupted
from tieout.cli import main
main(sys.argv[1:])
"""


def test_an_interrupted_run_is_130_and_its_row_says_that_it_failed(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write("trade_id\n T1", "trade_id\n T1")
    world.configure()
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, *ARGUMENTS],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (130, "")
    assert "Traceback" not in done.stderr
    (row,) = world.runs()
    assert (row.status, row.digest) == ("failed", None)
    assert "KeyboardInterrupt" in row.reasons[0]
