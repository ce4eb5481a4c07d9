"""`tieout run` as a process: its streams, what it imports, how it ends, what it leaves behind."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from integration.run_world import AS_OF, CONFIG, written
from integration.world import cli, command, environment


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return written(tmp_path)


def test_in_a_process_of_its_own_data_is_on_stdout_and_the_rest_on_stderr(work: Path) -> None:
    done = cli(work, "run", "tieout.yaml", "bad", "--format", "json", "--breaks", "b.csv", code=1)
    assert done.json[0]["reconciliation"] == "bad"
    assert "wrote the open breaks to b.csv" in done.err
    done = cli(work, "run", "tieout.yaml", "bad", "good", "--quiet", code=1)
    assert done.err == ""


def as_parquet(work: Path) -> None:
    """The files of both sides, and the configuration, with Parquet in place of CSV."""
    for name in ("book", "broker"):
        with (work / f"{name}.csv").open(encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        pq.write_table(pa.Table.from_pylist(rows), work / f"{name}.parquet")
    (work / "tieout.yaml").write_text(CONFIG.replace(".csv", ".parquet"))


def test_a_run_imports_only_what_it_needs(work: Path) -> None:
    """Of Parquet into a new SQLite store: each of these would add to the start of every run."""
    as_parquet(work)
    done = python(
        work,
        "import sys\n"
        "before = set(sys.modules)  # of what measures the coverage\n"
        "from tieout.cli import main\n"
        "try:\n    main(['run', 'tieout.yaml', 'bad', '--format', 'json'])\n"
        "finally:\n    print(*set(sys.modules) - before, file=sys.stderr)",
    )
    assert json.loads(done.stdout)[0]["status"] == "breaks"
    loaded = set(done.stderr.split())
    assert {"duckdb", "sqlalchemy", "tieout.adapters.files.parquet"} <= loaded
    others = "alembic jinja2 pandas polars psycopg python_calamine rich xlsxwriter xml zstandard"
    assert not loaded & set(others.split())
    assert not [name for name in loaded if name.startswith(("tieout.core.infer", "tieout.testing"))]
    files = {f"tieout.adapters.files.{name}" for name in ("json_rows", "plain_text", "xlsx")}
    rest = {"tieout.config.explain", "tieout.adapters.frames", "tieout.adapters.reports"}
    assert not loaded & (files | rest)


@pytest.mark.parametrize("names", [["bad"], ["failed"], ["nonsense"]])
def test_a_process_ends_as_the_command_does(work: Path, names: list[str]) -> None:
    """It ends at once, without the interpreter's own clearing up: nothing of it may be missed."""
    code = "import atexit, sys, tieout.cli\natexit.register(print, 'last')\n"
    run = ["run", "tieout.yaml", *names, "--format", "json", "--quiet", *AS_OF]
    whole = python(work, f"{code}tieout.cli.main({run!r})")
    ended = python(work, f"{code}sys.argv[1:] = {run!r}\ntieout.cli.main()")
    assert whole.returncode == ended.returncode == (1 if names == ["bad"] else 2)
    assert ended.stdout.endswith("last\n")
    assert len(ended.stdout.splitlines()) == len(whole.stdout.splitlines())
    assert ended.stderr == whole.stderr


def test_a_full_disk_below_stdout_is_a_failure(work: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = python(
            work,
            "import sys, tieout.cli\n"
            "sys.argv[1:] = ['run', 'tieout.yaml', 'good', '-q']\n"
            "tieout.cli.main()",
            stdout=full,
        )
    assert done.returncode == 2
    assert "No space left" in done.stderr


def python(
    work: Path, code: str, stdout: int | IO[str] = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    """A process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=work,
        env=environment(),
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("form", ["csv", "parquet", "frame"])
def test_stderr_is_empty_when_quiet_also_when_the_interpreter_ends(work: Path, form: str) -> None:
    """With every extra imported: DuckDB counts its objects when it is unloaded."""
    if form == "parquet":
        as_parquet(work)
    run = (
        "from tieout.cli import main; main(['run', 'tieout.yaml', 'bad', '--quiet'])"
        if form != "frame"
        else "import tieout\n"
        "table = pandas.DataFrame({'trade_id': ['T1'], 'symbol': ['A'], 'quantity': [1],"
        " 'price': [2], 'timestamp': ['2026-03-02T09:00:00Z']})\n"
        "rules = {'records': 'trades', 'match': [{'on': ['trade_id']}],"
        " 'compare': {'price': {'relative': '1%'}}}\n"
        "tieout.reconcile(table, polars.from_pandas(table), rules)"
    )
    done = python(work, f"import numpy, pandas, polars, psycopg, holidays\n{run}")
    assert done.returncode == (0 if form == "frame" else 1)
    assert done.stderr == ""


def test_what_narwhals_keeps_of_duckdb_is_released_before_the_end(tmp_path: Path) -> None:
    """The trap itself; without the hook this prints a report of leaked instances."""
    script = (
        "import sys, numpy, duckdb, narwhals\n"
        "if len(sys.argv) > 1: import tieout.adapters.engines.duckdb\n"
        "relation = duckdb.sql('SELECT 1::DECIMAL(38,18) AS a')\n"
        "narwhals.from_native(relation).with_columns(b=narwhals.col('a') * 2).to_native()\n"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", script, *more],
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        ).stderr
        for more in ([], ["hooked"])
    ]
    assert "leaked" in said[0], "the trap is gone: so may the hook go"
    assert said[1] == ""


def test_environment_variables_do_not_leak_into_the_answer(work: Path) -> None:
    """Another time zone and locale of the machine: the same digest."""
    digests = set()
    for more in ({"TZ": "UTC"}, {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "COLUMNS": "20"}):
        done = subprocess.run(
            command("run", "tieout.yaml", "bad", "--format", "json", *AS_OF),
            cwd=work,
            env=environment() | more,
            capture_output=True,
            text=True,
            check=False,
        )
        digests.add((json.loads(done.stdout)[0]["digest"], json.loads(done.stdout)[0]["as_of"]))
    assert len(digests) == 1


def test_no_temporary_files_are_left_behind(work: Path, tmp_path_factory: Any) -> None:
    temporary = tmp_path_factory.mktemp("tmp")
    subprocess.run(
        command("run", "tieout.yaml", "--quiet", *AS_OF),
        cwd=work,
        env=environment() | {"TMPDIR": os.fspath(temporary)},
        capture_output=True,
        check=False,
    )
    assert list(temporary.iterdir()) == []
