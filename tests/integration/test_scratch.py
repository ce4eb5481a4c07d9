"""Temporary directories: those of processes that were killed go, all others stay."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from integration.world import World, command, environment

from tieout.adapters import scratch
from tieout.adapters.store.processes import birth

KILLED = """
import os, signal, tempfile
from tieout.adapters import scratch
made = tempfile.mkdtemp(prefix=scratch.prefix())
open(os.path.join(made, "spill"), "w").write("x")
print(made, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of temporary files, that nobody has looked into yet."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    scratch._sweep.cache_clear()
    yield tmp_path
    scratch._sweep.cache_clear()


def killed(folder: Path) -> Path:
    """The directory of a process that was killed."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED],
        env=environment(measured=False) | {"TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return Path(done.stdout.strip())


def test_what_a_killed_process_left_is_removed_by_the_next_one(folder: Path) -> None:
    left = killed(folder)
    assert (left / "spill").exists()
    scratch.prefix()
    assert not left.exists()


def test_what_may_still_be_of_use_stays(folder: Path) -> None:
    left = killed(folder)
    pid = int(left.name.split("-")[2])
    renamed = left.rename(folder / re.sub(r"tieout-[0-9a-f]{12}", "tieout-0123456789ab", left.name))
    own = Path(
        tempfile.mkdtemp(prefix=f"tieout-{scratch._place()}-{os.getpid()}-{birth(os.getpid())}-")
    )
    kept = [renamed, own]
    for name in (f"tieout-{pid}-x", "tieout-abc", f"other-{scratch._place()}-{pid}-1-x"):
        (folder / name).mkdir()
        kept.append(folder / name)
    precious = folder / "precious"
    precious.mkdir()
    link = folder / f"tieout-{scratch._place()}-{pid}-1-link"
    link.symlink_to(precious)
    file = folder / f"tieout-{scratch._place()}-{pid}-1-file"
    file.touch()
    scratch.prefix()
    assert all(each.exists() for each in (*kept, precious, link, file))


def test_a_process_of_another_birth_is_another_one(folder: Path) -> None:
    """Ids come again: what is named after this one, and was not born when it was, is orphaned."""
    other = folder / f"tieout-{scratch._place()}-{os.getpid()}-1-x"
    other.mkdir()
    scratch.prefix()
    assert not other.exists()


def test_a_run_leaves_nothing_and_removes_what_one_left(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write("trade_id\n T1", "trade_id\n T1")
    world.configure()
    folder = tmp_path / "tmp"
    folder.mkdir()
    assert killed(folder).exists()
    subprocess.run(
        command("run", "tieout.yaml", "--business-date", "2026-03-02"),
        cwd=tmp_path,
        env=environment() | {"TMPDIR": str(folder)},
        capture_output=True,
        check=True,
    )
    assert list(folder.iterdir()) == []
