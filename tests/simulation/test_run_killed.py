"""kill -9 of `tieout run` at any point: the result is in the store, or it is not."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from integration.world import command, environment
from sqlalchemy import create_engine, select

from tieout.adapters.store import tables

ROWS = 5_000
CONFIG = """
version: 1
store: "{store}"
sources:
  book: {{type: file, path: "book-{{business_date:%d}}.csv", timezone: UTC}}
  broker: {{type: file, path: "broker-{{business_date:%d}}.csv", timezone: UTC}}
reconciliations:
  r: {{records: trades, internal: book, external: broker, match: [{{on: [trade_id]}}]}}
"""
KEPT = [tables.breaks, tables.history, tables.open_items, tables.quarantine, tables.covered]
Dump = dict[str, list[tuple[Any, ...]]]


def write_day(folder: Path, day: int, first: int) -> None:
    """A third of the day's trades breaks; one in ten of the external side is missing."""
    header = "trade_id,symbol,quantity,price,timestamp\n"
    time_ = f"2026-03-0{day}T09:00:00Z\n"
    numbers = range(first, first + ROWS)
    (folder / f"book-0{day}.csv").write_text(
        header + "".join(f"T{n},AAPL,{n % 7 + 1},10,{time_}" for n in numbers)
    )
    (folder / f"broker-0{day}.csv").write_text(
        header
        + "".join(f"T{n},AAPL,{n % 7 + 1 + (n % 3 == 0)},10,{time_}" for n in numbers if n % 10)
    )


def arguments(day: int) -> list[str]:
    date = f"2026-03-0{day}"
    return ["run", "tieout.yaml", "--business-date", date, "--as-of", "2026-03-09T00:00:00Z"]


def run(folder: Path, day: int) -> None:
    done = subprocess.run(
        command(*arguments(day), "--quiet"),
        cwd=folder,
        env=environment(measured=False),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, (done.stdout, done.stderr)


def dump(url: str, *, runs: bool) -> Dump:
    """What the store keeps of results, row by row; with or without which run wrote it."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return {
                table.name: sorted(
                    (
                        tuple(row)
                        for row in connection.execute(
                            select(
                                *(
                                    c
                                    for c in table.c
                                    if runs or c.name not in ("run", "opener", "seq")
                                )
                            )
                        )
                    ),
                    key=repr,
                )
                for table in KEPT
            }
    finally:
        engine.dispose()


def last_run(url: str) -> Any:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return connection.execute(
                select(tables.runs).order_by(tables.runs.c.seq.desc()).limit(1)
            ).one()
    finally:
        engine.dispose()


class Stage:
    """A store with one day's result, and what the second day must make of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder / 'store.db'}"
        (folder / "tieout.yaml").write_text(CONFIG.format(store="sqlite:///store.db"))
        write_day(folder, 2, 0)
        write_day(folder, 3, ROWS)
        run(folder, 2)
        self.before = dump(self.url, runs=True)
        self._keep()
        began = time.monotonic()
        run(folder, 3)
        self.seconds = time.monotonic() - began
        self.after = dump(self.url, runs=False)
        self.digest = last_run(self.url).digest

    def _keep(self) -> None:
        (self.folder / "kept").mkdir()
        for path in self.folder.glob("store.db*"):
            shutil.copy(path, self.folder / "kept")

    def restore(self) -> None:
        for path in self.folder.glob("store.db*"):
            path.unlink()
        for path in (self.folder / "kept").iterdir():
            shutil.copy(path, self.folder)

    def check(self) -> str:
        """Whether the result is there; it must be there whole or not at all."""
        last = last_run(self.url)
        if last.business_date == "2026-03-03" and last.status != "running":
            assert last.status == "breaks"
            assert last.digest == self.digest
            assert dump(self.url, runs=False) == self.after
            return "whole"
        assert last.status == ("running" if last.business_date == "2026-03-03" else "breaks")
        assert dump(self.url, runs=True) == self.before
        return "nothing" if last.status == "running" else "not begun"

    def check_next(self) -> None:
        """The next run buries a dead one, and its answer is that of a run without a kill."""
        run(self.folder, 3)
        last = last_run(self.url)
        assert last.digest == self.digest
        assert dump(self.url, runs=False) == self.after
        engine = create_engine(self.url)
        with engine.connect() as connection:
            statuses = list(connection.scalars(select(tables.runs.c.status)))
        engine.dispose()
        assert "running" not in statuses


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("killed"))


def test_killed_at_random_moments_the_result_is_whole_or_not_there(stage: Stage) -> None:
    chance = random.Random(20260302)
    seen = []
    for _ in range(8):
        stage.restore()
        process = subprocess.Popen(
            command(*arguments(3)),
            cwd=stage.folder,
            env=environment(measured=False),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(timeout=chance.uniform(0.1, stage.seconds * 1.05))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        seen.append(stage.check())
    assert set(seen) != {"whole"}
    stage.check_next()


POINTS = {
    "before the intent": ("tieout.adapters.store.store:SqlStore.begin", 0, "before", "not begun"),
    "after the intent": ("tieout.adapters.store.store:SqlStore.begin", 0, "after", "nothing"),
    "matching": ("tieout.adapters.engines.duckdb.engine:join", 0, "before", "nothing"),
    "deciding": ("tieout.service.outcomes:decide", 1_000, "before", "nothing"),
    "writing the first break": (
        "tieout.adapters.store.breaks:BreakWriter.add",
        0,
        "before",
        "nothing",
    ),
    "writing a later break": (
        "tieout.adapters.store.breaks:BreakWriter.add",
        1_500,
        "after",
        "nothing",
    ),
    "all breaks written": ("tieout.adapters.store.breaks:BreakWriter.flush", 0, "after", "nothing"),
    "open items written": ("tieout.adapters.store.open_items:replace", 0, "after", "nothing"),
    "run row written": ("tieout.adapters.store.store:_end", 0, "after", "nothing"),
    "committed": ("tieout.adapters.store.store:SqlStore.commit", 0, "after", "whole"),
}
DRIVER = """
import importlib, os, signal, sys
place, count, when, *arguments = sys.argv[1:]
module, _, path = place.partition(":")
*owner, name = path.split(".")
holder = importlib.import_module(module)
for each in owner:
    holder = getattr(holder, each)
original, left = getattr(holder, name), int(count)

def patched(*given, **named):
    global left
    if when == "before" and left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    result = original(*given, **named)
    if when == "after" and left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return result

setattr(holder, name, patched)
from tieout.cli import main
main(arguments)
"""


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_each_step_the_result_is_whole_or_not_there(stage: Stage, point: str) -> None:
    place, count, when, expected = POINTS[point]
    stage.restore()
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, place, str(count), when, *arguments(3)],
        cwd=stage.folder,
        env=environment(measured=False),
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert stage.check() == expected


def test_after_a_kill_in_the_middle_of_writing_the_next_run_is_as_if_nothing_was(
    stage: Stage,
) -> None:
    test_killed_at_each_step_the_result_is_whole_or_not_there(stage, "run row written")
    stage.check_next()


def test_a_kill_leaves_a_postgresql_store_as_it_was(stage: Stage, postgres_url: str) -> None:
    config = stage.folder / "tieout.yaml"
    sqlite = config.read_text()
    config.write_text(CONFIG.format(store=postgres_url))
    try:
        run(stage.folder, 2)
        before = dump(postgres_url, runs=True)
        for point in ("after the intent", "writing a later break", "run row written"):
            place, count, when, _ = POINTS[point]
            done = subprocess.run(
                [sys.executable, "-c", DRIVER, place, str(count), when, *arguments(3)],
                cwd=stage.folder,
                env=environment(measured=False),
                capture_output=True,
                check=False,
            )
            assert done.returncode == -signal.SIGKILL, done.stderr
            assert dump(postgres_url, runs=True) == before
            assert last_run(postgres_url).status == "running"
        run(stage.folder, 3)
        assert last_run(postgres_url).digest == stage.digest
    finally:
        config.write_text(sqlite)
