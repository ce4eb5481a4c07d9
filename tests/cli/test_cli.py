"""The command line's own promises: help, exit codes, what is on which stream, light imports."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import typer
from cli.process import python

import tieout
from tieout import wiring
from tieout.cli import GLOBAL, main
from tieout.cli.app import app
from tieout.cli.arguments import sqlite_file
from tieout.cli.demo import MARK
from tieout.cli.run import exit_code
from tieout.core.model import RunStatus
from tieout.core.rows import RunRow
from tieout.core.tally import BreakCounts
from tieout.errors import UsageError
from tieout.service.onboarding import onboard, source_names

NOW = datetime(2026, 11, 20, tzinfo=UTC)
FILES = Path(__file__).parent / "files"


def commands(group: Any, path: str = "tieout") -> Iterator[tuple[str, Any]]:
    for name, command in getattr(group, "commands", {}).items():
        yield f"{path} {name}", command
        yield from commands(command, f"{path} {name}")


ALL = dict(commands(typer.main.get_command(app)))


def test_the_commands_are_these() -> None:
    names = {name.removeprefix("tieout ") for name in ALL}
    assert names == {
        "demo",
        "demo live",
        "init",
        "run",
        "status",
        "serve",
        "pause",
        "resume",
        "doctor",
        "report",
        "breaks",
        "breaks list",
        "breaks show",
        "runs",
        "runs list",
        "runs show",
        "config",
        "config check",
        "config explain",
        "db",
        "db upgrade",
        "lease",
        "lease list",
        "lease break",
        "book",
        "book open",
        "book import",
        "book show",
        "book journal",
    }


@pytest.mark.parametrize("name", ALL)
def test_every_command_and_option_has_a_help_text(name: str) -> None:
    command = ALL[name]
    assert command.help
    for parameter in command.params:
        assert parameter.name == "help" or parameter.help, f"{name}: {parameter.name}"


def test_run_has_exactly_the_options_that_scripts_depend_on() -> None:
    options = {option for parameter in ALL["tieout run"].params for option in parameter.opts}
    assert {option for option in options if option.startswith("-")} == {
        "--store",
        "--as-of",
        "--business-date",
        "--restate",
        "--format",
        "--breaks",
        "--fail-on",
        "--dry-run",
    }


def test_help_needs_nothing_heavy() -> None:
    heavy = {"duckdb", "sqlalchemy", "pyarrow", "pydantic", "narwhals", "ruamel", "jinja2", "rich"}
    done = python(
        "import sys, tieout.cli\n"
        "try:\n    tieout.cli.main(['--help'])\n"
        "except SystemExit:\n    pass\n"
        "print(sorted(name for name in sys.modules if '.' not in name), file=sys.stderr)"
    )
    assert "Usage: tieout" in done.stdout
    loaded = set(eval(done.stderr))
    assert not loaded & heavy


def run_row(status: str, **by_severity: int) -> RunRow:
    return RunRow(
        run_id="0" * 32,
        reconciliation="r",
        status=RunStatus(status),
        as_of=NOW,
        business_date=date(2026, 11, 20),
        started_at=NOW,
        finished_at=NOW,
        rules_digest="",
        breaks=BreakCounts(open=sum(by_severity.values()), by_severity=by_severity),
    )


@pytest.mark.parametrize(
    ("rows", "threshold", "code"),
    [
        ([run_row("clean")], "any", 0),
        ([run_row("breaks", high=1)], "high", 1),
        ([run_row("breaks", medium=1)], "high", 0),
        ([run_row("breaks", medium=1)], "medium", 1),
        ([run_row("breaks", critical=1)], "high", 1),
        ([run_row("breaks", info=1)], "any", 1),
        ([run_row("breaks", info=1)], "info", 1),
        ([run_row("incomplete", critical=1)], "high", 3),
        ([run_row("failed")], "high", 2),
        ([run_row("clean"), run_row("breaks", high=1)], "high", 1),
        ([run_row("breaks", high=1), run_row("incomplete")], "high", 3),
        ([run_row("incomplete"), run_row("failed"), run_row("breaks", high=1)], "high", 2),
        ([], "high", 0),
    ],
)
def test_exit_codes(rows: list[RunRow], threshold: str, code: int) -> None:
    assert exit_code(rows, threshold) == code


def code_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as done:
        main(arguments)
    assert isinstance(done.value.code, int)
    return done.value.code


def failing(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for file in FILES.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_unexpected_error_is_one_line_and_how_to_report_it(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wiring, "run", failing(ValueError("odd\nthing")))
    assert code_of("run", "tieout.yaml") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "error: unexpected ValueError: odd thing",
        "  hint: this is a fault of Tieout; run it again with --debug and report what it prints",
    ]


def test_debug_shows_the_traceback_wherever_it_is_said(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wiring, "run", failing(ValueError("odd")))
    assert code_of("run", "tieout.yaml", "--debug") == 2
    assert "Traceback" in capsys.readouterr().err


def test_interrupted_is_130(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "run", failing(KeyboardInterrupt()))
    assert code_of("run", "tieout.yaml") == 130


def test_an_expected_error_names_the_next_command(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of("report", "--store", "sqlite:///none.db") == 2
    assert "hint:" in capsys.readouterr().err


def test_global_options_may_stand_anywhere() -> None:
    assert set(GLOBAL) == {"--quiet", "-q", "--debug"}
    assert code_of("config", "check", "--quiet", str(FILES / "strict.yaml")) == 0


def test_quiet_leaves_warnings_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("config", "check", str(FILES / "strict.yaml")) == 0
    assert "warning:" in capsys.readouterr().err
    assert code_of("-q", "config", "check", str(FILES / "strict.yaml")) == 0
    assert capsys.readouterr().err == ""


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("--version") == 0
    assert capsys.readouterr().out == f"tieout {tieout.__version__}\n"


def test_a_reader_that_leaves_early_is_no_error() -> None:
    done = python(
        "import os, sys\n"
        "read, write = os.pipe()\n"
        "os.close(read)\n"
        "os.dup2(write, 1)\n"
        "from tieout.cli.console import end_output, out\n"
        "going = all(out('x' * 1000) for _ in range(1000))\n"
        "end_output()\n"
        "sys.exit(7 if not going else 8)"
    )
    assert (done.returncode, done.stderr) == (7, "")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///a.db", Path("a.db")),
        ("sqlite:////tmp/a.db", Path("/tmp/a.db")),
        ("sqlite+pysqlite:///a.db?timeout=3", Path("a.db")),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("postgresql+psycopg://host/db", None),
    ],
)
def test_sqlite_files(url: str, path: Path | None) -> None:
    assert sqlite_file(url) == path


# Onboarding


@pytest.mark.parametrize(
    ("internal", "external", "names"),
    [
        ("ours.csv", "Broker Fills.csv.gz", ("ours", "broker-fills")),
        ("book/trades.csv", "venue/trades.csv", ("book", "venue")),
        ("2026.csv", "2027.csv", ("internal", "external")),
        ("a/trades.csv", "a/trades.parquet", ("internal", "external")),
    ],
)
def test_sources_are_named_by_what_tells_them_apart(
    internal: str, external: str, names: tuple[str, str]
) -> None:
    assert source_names(internal, external) == names


def test_a_statement_in_another_encoding_with_a_preamble(tmp_path: Path) -> None:
    text = 'Konto;Häuptling\nStand;"1;2"\n\nDatum;Symbol;Stück;Kurs;Ref\n'
    text += "18.11.2026;ACMÉ;5;10,5;A1\n19.11.2026;GLBX;6;11,5;A2\n"
    (tmp_path / "bank.csv").write_bytes(text.encode("cp1252"))
    found = wiring.sample(str(tmp_path / "bank.csv"), name="bank", limit=1)
    assert (found.encoding, found.delimiter, found.skip_rows, found.whole) == (
        "cp1252",
        ";",
        3,
        False,
    )
    assert found.sample.header == ("Datum", "Symbol", "Stück", "Kurs", "Ref")
    assert found.sample.rows == [("18.11.2026", "ACMÉ", "5", "10,5", "A1")]


def test_parquet_and_json_are_sampled_as_a_run_reads_them(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {
            "trade_id": ["T1", "T2", "T3"],
            "symbol": ["A", "B", "A"],
            "quantity": pa.array([Decimal("1.50"), Decimal("2.00"), Decimal("3.25")]),
            "price": pa.array([1.1, 2.2, 3.3]),
            "timestamp": pa.array([1_763_460_000_123_456_789] * 3, pa.timestamp("ns", "UTC")),
        }
    )
    pq.write_table(table, tmp_path / "ours.parquet")
    lines = [
        {"id": f"T{n}", "sym": s, "qty": q, "px": p, "ts": 1_763_460_000_123}
        for n, s, q, p in ((1, "A", 1.5, 1.1), (2, "B", 2, 2.2), (3, "A", 3.25, 3.35))
    ]
    (tmp_path / "theirs.ndjson").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    found = onboard(
        str(tmp_path / "ours.parquet"), str(tmp_path / "theirs.ndjson"), wiring.sample, now=NOW
    ).proposal
    assert found.internal.floats == "shortest"
    assert found.internal.unreadable == found.external.unreadable == 0
    assert found.passes == (("trade_id",),)
    assert {each.column: each.equal == 1 for each in found.compared} == {
        "symbol": True,
        "quantity": True,
        "price": False,
        "timestamp": False,
    }


def test_a_file_without_records_teaches_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("id,symbol\n", encoding="utf-8")
    path = str(tmp_path / "empty.csv")
    with pytest.raises(UsageError, match="no records"):
        onboard(path, path, wiring.sample, now=NOW)


# The demo


def test_the_demo_shows_a_day_and_the_next_and_may_be_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "demo"
    first: list[str] = []
    for _ in range(2):
        assert code_of("demo", "--dir", str(directory)) == 0
        said = capsys.readouterr()
        ids = [line.split()[-1] for line in said.out.splitlines() if line.startswith("  CRITICAL")]
        assert ids
        assert ids == (first or ids)
        first = ids
        assert "carried" in said.out
        assert "1 cleared" in said.out
        assert f"report: {directory / 'report.html'}" in said.out
        assert (directory / "report.html").read_text(encoding="utf-8").startswith("<!")


def test_the_demo_writes_over_nobodys_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tieout.db").write_text("mine", encoding="utf-8")
    assert code_of("demo", "--dir", str(tmp_path)) == 2
    assert (tmp_path / "tieout.db").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / MARK).exists()
    assert "not the demo's" in capsys.readouterr().err
