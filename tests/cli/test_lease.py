"""`tieout lease`: real processes hold leases, live and dead, with clocks that are ahead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import tieout
from tieout import wiring

SOURCE = str(Path(tieout.__file__).parents[1])
AHEAD = 3600 * 1_000_000_000
HOLDER = """
import sys, time
from tieout.adapters.store import open_store
from tieout.adapters.store.processes import holder_here
url, ahead, renews = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
holder, store = sys.argv[4] or holder_here("x"), open_store(url)
while True:
    store.monitors.acquire("it", holder, seconds=30, now=time.time_ns() + ahead)
    print("held", flush=True)
    ahead = min(ahead, 0) if renews else ahead  # the clock is put right, and the lease stays
    time.sleep(renews or 1000)
"""


@contextmanager
def holding(url: str, *, ahead: int = AHEAD, renews: float = 0, name: str = "") -> Iterator[Any]:
    """A process that holds the lease of `it`. `name`: called so, instead of by host and id."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, url, str(ahead), str(renews), name],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": SOURCE},
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def call(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tieout", "lease", *arguments, "--store", url],
        env={**os.environ, "PYTHONPATH": SOURCE},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@pytest.fixture
def url(tmp_path: Path) -> str:
    found = f"sqlite:///{tmp_path / 'store.db'}"
    wiring.open_store(found).close()
    return found


def test_the_lease_of_a_dead_process_whose_clock_was_ahead_can_be_broken(url: str) -> None:
    with holding(url) as process:
        pid = process.pid
    with closing(wiring.open_store(url)) as store:
        assert store.monitors.acquire("it", "next", seconds=30, now=time.time_ns()) is None
    listed = json.loads(call(url, "list", "--format", "json").stdout)
    assert [(each["reconciliation"], each["pid"], each["lapsed"]) for each in listed] == [
        ("it", pid, False)
    ]
    assert str(pid) in call(url, "list").stdout
    broken = call(url, "break", "it", "--yes", "--watch", "0.5")
    assert broken.returncode == 0, broken.stderr
    assert call(url, "list").stdout == "nobody holds a lease\n"
    with closing(wiring.open_store(url)) as store:
        lease = store.monitors.acquire("it", "next", seconds=30, now=time.time_ns())
        assert lease is not None
        assert lease.fence > listed[0]["fence"] + 1


def test_a_process_that_runs_on_this_host_keeps_its_lease(url: str) -> None:
    with holding(url) as process:
        refused = call(url, "break", "it", "--yes", "--watch", "0")
        assert refused.returncode == 2
        assert f"{process.pid} on " in refused.stderr
        assert json.loads(call(url, "list", "--format", "json").stdout)[0]["pid"] == process.pid


def test_a_holder_elsewhere_that_renews_keeps_it_though_its_clock_was_set_back(url: str) -> None:
    with holding(url, renews=0.3, name="elsewhere:7::x"):
        refused = call(url, "break", "it", "--yes", "--watch", "10")
        assert refused.returncode == 2
        assert "7 on elsewhere has just renewed" in refused.stderr
        assert len(json.loads(call(url, "list", "--format", "json").stdout)) == 1


def test_a_person_is_asked_and_what_is_not_held_is_refused(url: str) -> None:
    nobody = call(url, "break", "it", "--yes")
    assert (nobody.returncode, "nobody holds" in nobody.stderr) == (2, True)
    with holding(url, ahead=-60 * 1_000_000_000):
        pass
    lapsed = call(url, "break", "it", "--yes")
    assert (lapsed.returncode, "has lapsed" in lapsed.stderr) == (2, True)
    with holding(url):
        pass
    asked = call(url, "break", "it", "--watch", "0")
    assert (asked.returncode, "--yes" in asked.stderr) == (2, True)
    assert len(json.loads(call(url, "list", "--format", "json").stdout)) == 1
