"""The benchmarks run and print their table. What they measure is no test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb

ROOT = Path(__file__).parent.parent
RUN = ROOT / "benchmarks" / "run.py"
DATA = ROOT / "benchmarks" / "data.py"


def made(folder: Path, **options: Any) -> dict[str, Any]:
    command = [sys.executable, str(DATA), json.dumps(options), str(folder)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(RUN), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_quick_run_prints_a_table_and_writes_every_measurement(tmp_path: Path) -> None:
    ran = bench("--quick", "--rows", "5000", "--build", str(tmp_path),
                "--only", "keyed", "storm", "large", "snapshots")  # fmt: skip
    assert ran.returncode == 0, ran.stderr

    table = [line for line in ran.stdout.splitlines() if line.startswith("|")]
    assert len({len(line) for line in table}) == 1
    cases = [line.split("|")[1].strip() for line in table]
    assert cases == ["case", "-" * len(cases[1]), *["keyed"] * 3, "storm", "large", "snapshots"]

    written = json.loads((tmp_path / "results.json").read_text())
    assert [line["case"] for line in written["lines"]] == cases[2:]
    assert {run["program"] for run in written["runs"]["keyed"]} == {"tieout", "peer"}
    assert all(run["megabytes"] > 0 for runs in written["runs"].values() for run in runs)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"data", "results.json"}, "a run leaves its store behind"


def test_a_case_that_is_not_there_is_refused() -> None:
    ran = bench("--only", "quick")
    assert ran.returncode == 2
    assert "invalid choice: 'quick'" in ran.stderr


def rows_of(path: str) -> list[tuple[Any, ...]]:
    return duckdb.connect().execute(f"SELECT * FROM '{path}'").fetchall()


def test_a_seed_gives_the_same_files_in_any_folder_and_another_seed_others(tmp_path: Path) -> None:
    first = made(tmp_path / "a", rows=500, breaks=100_000)
    again = made(tmp_path / "b", rows=500, breaks=100_000)
    other = made(tmp_path / "a", rows=500, breaks=100_000, seed=1)
    for side in ("internal", "external"):
        assert rows_of(first[side]) == rows_of(again[side])
        assert rows_of(first[side]) != rows_of(other[side])


def trades(path: str) -> dict[str, list[tuple[Any, ...]]]:
    """A side's rows without their price, which also differs inside the tolerance, by id."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for row in duckdb.connect().execute(f"SELECT * EXCLUDE price FROM '{path}'").fetchall():
        found.setdefault(row[0], []).append(row)
    return found


def test_breaks_are_planted_in_the_share_that_was_asked_for(tmp_path: Path) -> None:
    files = made(tmp_path, rows=4000, breaks=120_000)
    internal, external = trades(files["internal"]), trades(files["external"])
    assert len(internal.keys() | external.keys()) == 4000
    broken = [key for key in internal if internal[key] != external.get(key)]
    # A sixth of the 480 lacks its internal side, another differs only in its price.
    assert 250 < len(broken) < 390
    assert 50 < len(external.keys() - internal.keys()) < 110
    assert 50 < len(internal.keys() - external.keys()) < 110


def test_duplicates_are_whole_copies_on_one_side_and_never_of_a_broken_trade(
    tmp_path: Path,
) -> None:
    files = made(tmp_path, rows=4000, breaks=0, duplicates=100_000)
    internal, external = trades(files["internal"]), trades(files["external"])
    assert internal.keys() == external.keys()
    twice = [{key for key, rows in side.items() if len(rows) == 2} for side in (internal, external)]
    assert not twice[0] & twice[1]
    assert all(130 < len(each) < 270 for each in twice)
    assert all(len(set(internal[key] + external[key])) == 1 for key in internal)
