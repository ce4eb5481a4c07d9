"""Real processes on real databases: killed, at the same time, or both."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text, update
from store_values import D1, D2, brk, commit, intent, item

from tieout.adapters.store import open_store
from tieout.adapters.store.tables import runs
from tieout.core.model import RunStatus
from tieout.core.rows import BreakFilter
from tieout.ports import Store

TESTS = Path(__file__).parents[1]
COUNT = 3000


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url)
    yield opened
    opened.close()


def start(url: str, *arguments: str) -> subprocess.Popen[str]:
    # A process that is killed tears the file of its coverage, so these write none.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    return subprocess.Popen(
        [sys.executable, str(TESTS / "store_process.py"), url, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**kept, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
    )


def begun(process: subprocess.Popen[str]) -> str:
    """Wait until it has begun; the id of its run."""
    assert process.stdout is not None
    line = process.stdout.readline().split()
    assert line and line[0] == "begun", process.communicate()[1]
    return line[1]


def ended(process: subprocess.Popen[str], word: str = "\n") -> str:
    """Let it commit, and wait for its end; its last word."""
    out, err = process.communicate(word, timeout=120)
    assert err == ""
    return out.strip()


def row_of(store: Store, run_id: str) -> RunStatus:
    (row,) = store.runs(id_prefix=run_id)
    return row.status


def result(store: Store) -> tuple[int, int]:
    """How many breaks and open items there are."""
    breaks = sum(1 for _ in store.breaks(BreakFilter()))
    return breaks, sum(1 for _ in store.open_items("r", before=date(2099, 1, 1)))


def wait_for_the_server(store: Store) -> None:
    """A server may be about to commit what a process sent before it was killed."""
    database = store._database  # type: ignore[attr-defined]
    others = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    for _ in range(1000):
        if database.sqlite:
            return
        with database.reading() as connection:
            if connection.scalar(others) == 0:
                return
        time.sleep(0.01)
    pytest.fail("the killed process's session does not end")


@pytest.mark.parametrize("die_at", ["0", "1500", "2999", "finish"])
def test_killed_while_it_commits_a_run_leaves_nothing_and_its_row_says_so(
    url: str, store: Store, die_at: str
) -> None:
    commit(store, D1, [brk("a")], items=[item("a")])
    process = start(url, D2.isoformat(), str(COUNT), die_at)
    run_id = begun(process)
    assert ended(process) == ""
    assert process.returncode == -signal.SIGKILL
    assert result(store) == (1, 1)
    assert row_of(store, run_id) is RunStatus.RUNNING
    # The next run of the reconciliation finds out that nobody works on it any more.
    commit(store, D2, [brk("a")], items=[item("a")])
    (row,) = store.runs(id_prefix=run_id)
    assert row.status is RunStatus.FAILED
    assert f"pid {process.pid}" in row.reasons[0]
    assert row.finished_at is not None
    assert result(store) == (1, 1)


def test_killed_at_any_instant_a_run_is_there_or_not(url: str, store: Store) -> None:
    delays = [0.0, 0.05, 0.1, 0.2, 0.4]
    expected = 0
    for number, delay in enumerate(delays):
        process = start(url, f"2026-07-{number + 10}", str(COUNT))
        run_id = begun(process)
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        time.sleep(delay)
        process.kill()
        process.communicate()
        wait_for_the_server(store)
        status = row_of(store, run_id)
        assert status in (RunStatus.RUNNING, RunStatus.BREAKS)
        if status is RunStatus.BREAKS:
            expected += COUNT
        # An item is carried by the last run only.
        breaks, items = result(store)
        assert breaks == expected
        assert items == (COUNT if expected else 0)


def test_after_the_commit_a_kill_loses_nothing(url: str, store: Store) -> None:
    process = start(url, D1.isoformat(), "10")
    run_id = begun(process)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "committed\n"
    process.kill()
    process.communicate()
    assert row_of(store, run_id) is RunStatus.BREAKS
    assert result(store) == (10, 10)


def test_of_two_runs_at_once_one_is_refused_and_nothing_doubles(url: str, store: Store) -> None:
    both = [start(url, D1.isoformat(), str(COUNT)) for _ in range(2)]
    ids = [begun(process) for process in both]
    for process in both:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert sorted(ended(process) for process in both) == ["committed", "superseded"]
    assert result(store) == (COUNT, COUNT)
    assert len({row.run_id for row in store.runs()} & set(ids)) == 2
    assert store.prior("r").fence == 1
    assert {row.event for row in store.history(f"{D1}-000000")} == {"opened"}


def test_two_processes_create_a_new_store_together(url: str) -> None:
    both = [start(url, D1.isoformat(), "1") for _ in range(2)]
    for process in both:
        begun(process)
    assert sorted(ended(process) for process in both) == ["committed", "superseded"]
    opened = open_store(url, create=False)
    assert result(opened) == (1, 1)
    opened.close()


def test_a_run_whose_process_lives_is_left_alone(url: str, store: Store) -> None:
    process = start(url, D1.isoformat(), "1")
    run_id = begun(process)
    commit(store, D1)
    assert row_of(store, run_id) is RunStatus.RUNNING
    assert ended(process) == "superseded"


def test_a_later_process_with_the_same_id_is_another(store: Store) -> None:
    """As in a container, where the first process always is 1."""
    began = intent(pid=os.getpid())
    store.begin(began)

    commit(store, D1)
    assert row_of(store, began.run_id) is RunStatus.RUNNING
    with store._database.writing() as connection:  # type: ignore[attr-defined]
        connection.execute(update(runs).values(birth="1").where(runs.c.run_id == began.run_id))
    commit(store, D1)
    assert row_of(store, began.run_id) is RunStatus.FAILED


def test_another_hosts_run_is_dead_after_a_day(store: Store) -> None:
    now = datetime(2026, 7, 5, 12, tzinfo=UTC)
    fresh = intent(host="other-host", as_of=now - timedelta(hours=24))
    stale = intent(host="other-host", as_of=now - timedelta(hours=24, seconds=1))
    store.begin(fresh)
    store.begin(stale)
    store.begin(intent(host=socket.gethostname(), as_of=now))
    assert row_of(store, fresh.run_id) is RunStatus.RUNNING
    assert row_of(store, stale.run_id) is RunStatus.FAILED
