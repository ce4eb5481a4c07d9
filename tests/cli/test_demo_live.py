"""`tieout demo live`: a fill is lost, found, traced to its trade, and cleared; nothing is left."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import tieout
from tieout import wiring
from tieout.cli import demo_live
from tieout.cli.console import Options
from tieout.errors import MissingExtra, UsageError

SOURCE = str(Path(tieout.__file__).parents[1])


def demo(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    temporary = directory / "tmp"
    temporary.mkdir()
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "tieout", "demo", "live", *arguments],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": SOURCE, "TMPDIR": str(temporary)},
        capture_output=True,
        encoding="utf-8",
        timeout=180,
        check=False,
    )


def test_it_shows_a_lost_fill_and_keeps_its_store_where_told(tmp_path: Path) -> None:
    done = demo(tmp_path, "--seconds", "20", "--dir", "kept")
    assert done.returncode == 0, done.stdout + done.stderr
    steps = [
        "the book is open",
        "the book loses a fill",
        "MISSING_INTERNAL",
        "found after",
        "because the book has no trade",
        "the fill that the book lost",
        "the lost fill is imported into the book",
        "1 break cleared",
        "1 lost fill, found and cleared",
    ]
    places = [done.stdout.index(step) for step in steps]
    assert places == sorted(places)
    assert done.stderr.startswith("its store is in ")
    assert len(done.stderr.splitlines()) == 1, "nothing else went wrong"
    with closing(wiring.open_store(f"sqlite:///{tmp_path / 'kept' / 'tieout.db'}")) as store:
        statuses = {run.status.value for run in store.runs()}
    assert {"clean", "breaks"} <= statuses
    assert "running" not in statuses
    assert list((tmp_path / "tmp").iterdir()) == []


def test_what_it_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_live, "NEEDED", ("a_package_that_is_not_there",))
    with pytest.raises(MissingExtra) as found:
        demo_live.demo_live(20, None, Options())
    hint = "pip install 'tieout[venues]', or in a clone: pip install -e '.[venues]'"
    assert found.value.hint == hint


def test_too_little_time_is_refused() -> None:
    with pytest.raises(UsageError, match="too short"):
        demo_live.demo_live(3, None, Options())


def test_somebody_elses_directory_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="holds files that are not the demo's"):
        demo_live.demo_live(20, tmp_path, Options())


def test_without_a_directory_nothing_is_left(tmp_path: Path) -> None:
    with demo_live._directory(None) as made:
        (made / "tieout.db").touch()
    assert not made.exists()
