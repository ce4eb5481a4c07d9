"""`tieout run` as scripts see it: objects, files, exit codes, and the dry run."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from integration.run_world import AS_OF, EXTERNAL, INTERNAL, code, written
from integration.world import World, cli

import tieout
from tieout.errors import UsageError


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return written(tmp_path)


def objects(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    code("run", "tieout.yaml", *arguments, "--format", "json", *AS_OF)
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def types(value: Any) -> Any:
    """The shape of a JSON value."""
    if isinstance(value, Mapping):
        return {key: types(each) for key, each in value.items()}
    if isinstance(value, list):
        return [types(each) for each in value]
    return type(value).__name__


SIDE = {
    "rows": "int",
    "quarantined": "int",
    "complete": "bool",
    "watermark": "str",
    "symbols": "NoneType",
}
COUNTED = ("open", "new", "carried", "changed", "reopened", "cleared", "suppressed")
RUN = {
    "reconciliation": "str",
    "run_id": "str",
    "status": "str",
    "as_of": "str",
    "business_date": "str",
    "internal": SIDE,
    "external": SIDE,
    **dict.fromkeys(("matched", "within_tolerance", "expected", "unknown", "after_cut"), "int"),
    "match_rate": {"count": "str"},
    "breaks": {
        **dict.fromkeys(COUNTED, "int"),
        "by_kind": {"MISSING_EXTERNAL": "int", "QUANTITY": "int"},
        "by_severity": {"high": "int", "medium": "int"},
    },
    "reasons": [],
    "digest": "str",
    "seconds": "float",
}


def test_json_is_exactly_the_documented_object(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run,) = objects(capsys, "bad")
    assert types(run) == RUN
    assert list(run) == list(RUN)
    seen = {key: run[key] for key in RUN if key not in ("run_id", "digest", "seconds")}
    assert seen == {
        "reconciliation": "bad",
        "status": "breaks",
        "as_of": "2026-03-02T18:00:00Z",
        "business_date": "2026-03-02",
        "internal": {
            "rows": 3,
            "quarantined": 0,
            "complete": True,
            "watermark": "2026-03-02T09:00:00.123456789Z",
            "symbols": None,
        },
        "external": {
            "rows": 2,
            "quarantined": 0,
            "complete": True,
            "watermark": "2026-03-02T09:00:00.000000000Z",
            "symbols": None,
        },
        "matched": 1,
        "within_tolerance": 0,
        "expected": 0,
        "unknown": 0,
        "after_cut": 0,
        "match_rate": {"count": "0.333333333333"},
        "breaks": {
            "open": 2,
            "new": 2,
            "carried": 0,
            "changed": 0,
            "reopened": 0,
            "cleared": 0,
            "suppressed": 0,
            "by_kind": {"MISSING_EXTERNAL": 1, "QUANTITY": 1},
            "by_severity": {"medium": 1, "high": 1},
        },
        "reasons": [],
    }


def test_json_has_one_object_a_reconciliation_and_null_for_a_failed_side(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = {run["reconciliation"]: run for run in objects(capsys)}
    assert list(runs) == ["bad", "good", "failed", "incomplete"]
    assert {name: run["status"] for name, run in runs.items()} == {
        "bad": "breaks",
        "good": "clean",
        "failed": "failed",
        "incomplete": "incomplete",
    }
    assert runs["failed"]["external"] is None
    assert runs["failed"]["internal"]["rows"] == 3
    assert runs["failed"]["digest"] is None
    assert runs["incomplete"]["external"]["complete"] is False


@pytest.mark.parametrize("more", [(), ("--format", "json"), ("-q",), ("-q", "--format", "json")])
def test_why_a_run_failed_or_is_incomplete_is_said_on_stderr(
    work: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    assert code("run", "tieout.yaml", "failed", "incomplete", *AS_OF, *more) == 2
    data, said = capsys.readouterr()
    first, *others = said.splitlines()
    assert first.startswith("error: failed: there is no file '")
    assert others[0].startswith("  --> ")
    assert others[-1].startswith("error: incomplete is incomplete: ")
    if "json" in more:
        failed, incomplete = json.loads(data)
        assert failed["reasons"][0].startswith("there is no file '")
        assert incomplete["reasons"][0] in said
    else:
        assert "there is no file" not in data


def test_runs_show_says_why_a_side_is_incomplete(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run,) = objects(capsys, "incomplete")
    assert code("runs", "show", run["run_id"], "--config", "tieout.yaml", "--format", "json") == 0
    reasons = json.loads(capsys.readouterr().out)["reasons"]
    assert "short: 2 records were read, but 99 are expected" in reasons


def test_a_failed_run_says_that_its_breaks_are_still_open(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    objects(capsys, "bad")
    (work / "broker.csv").unlink()
    (run,) = objects(capsys, "bad", "--breaks", "b.ndjson")
    assert run["status"] == "failed"
    assert (run["breaks"]["open"], run["breaks"]["carried"]) == (2, 2)
    assert run["breaks"]["by_kind"] == {"MISSING_EXTERNAL": 1, "QUANTITY": 1}
    assert len((work / "b.ndjson").read_text().splitlines()) == 2


BREAK = {
    "id": "str",
    "reconciliation": "str",
    "kind": "str",
    "severity": "str",
    "cause": "str",
    "state": "str",
    "doubt": "bool",
    "key": {"symbol": "str", "trade_id": "str"},
    "internal": dict.fromkeys(
        ("symbol", "trade_id", "quantity", "price", "price_currency", "timestamp"), "str"
    ),
}


def test_breaks_as_ndjson(work: Path) -> None:
    assert code("run", "tieout.yaml", "bad", "--breaks", "out.ndjson", *AS_OF) == 1
    rows = [json.loads(line) for line in (work / "out.ndjson").read_text().splitlines()]
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    by_kind = {row["kind"]: row for row in rows}
    quantity = by_kind["QUANTITY"]
    record = dict(BREAK["internal"])  # type: ignore[call-overload]
    assert types(quantity) == {
        **BREAK,
        "external": record,
        "records": [{"side": "str", "role": "str", "record": record}] * 2,
        "differences": [
            {"field": "str", "internal": "str", "external": "str", "difference": "str"}
        ],
        "value": {
            "amount": "str",
            "currency": "str",
            "prices": [{"pair": "NoneType", "price": "str", "as_of": "str"}],
        },
        "first_seen": "str",
        "opened_at": "str",
        "age_seconds": "int",
        "run_id": "str",
    }
    assert quantity["differences"] == [
        {"field": "quantity", "internal": "100", "external": "97", "difference": "3"}
    ]
    own = {"pair": None, "price": "10", "as_of": "2026-03-02T09:00:00.000000000Z"}
    assert quantity["value"] == {"amount": "30", "currency": "USD", "prices": [own]}
    assert (quantity["state"], quantity["cause"], quantity["age_seconds"]) == ("open", "unknown", 0)
    missing = by_kind["MISSING_EXTERNAL"]
    assert set(missing) == set(quantity)
    assert missing["external"] is None
    assert missing["key"] == {"symbol": "MSFT", "trade_id": "T3"}
    assert missing["internal"]["quantity"] == "1.5"
    assert missing["internal"]["timestamp"] == "2026-03-02T09:00:00.123456789Z"
    own = {"pair": None, "price": "400.5", "as_of": "2026-03-02T09:00:00.123456789Z"}
    assert missing["value"] == {"amount": "600.75", "currency": "USD", "prices": [own]}


def test_breaks_as_csv_and_parquet_have_the_same_rows_as_ndjson(work: Path) -> None:
    for suffix in ("ndjson", "csv", "parquet"):
        code("run", "tieout.yaml", "bad", "--breaks", f"out.{suffix}", *AS_OF)
    rows = [json.loads(line) for line in (work / "out.ndjson").read_text().splitlines()]
    table = pq.read_table(work / "out.parquet")
    with (work / "out.csv").open(encoding="utf-8-sig", newline="") as stream:
        written = list(csv.DictReader(stream))
    for name in ("id", "kind", "severity", "state", "reconciliation"):
        assert [row[name] for row in written] == [row[name] for row in rows]
        assert table.column(name).to_pylist() == [row[name] for row in rows]
    amounts = [Decimal(row["value"]["amount"]) for row in rows]
    assert [Decimal(row["value.amount"]) for row in written] == amounts
    assert [row["internal.quantity"] for row in written] == [
        row["internal"]["quantity"] for row in rows
    ]
    assert [json.loads(row["differences"] or "[]") for row in written] == [
        row["differences"] for row in rows
    ]
    assert [Decimal(each) for each in table.column("value_amount").to_pylist()] == amounts
    assert {each for each in table.column_names if not each.startswith("value_")} == set(
        rows[0]
    ) - {"value"}
    assert [json.loads(each) for each in table.column("value_prices").to_pylist()] == [
        row["value"]["prices"] for row in rows
    ]
    assert all(row["value.prices"].startswith("own price ") for row in written)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["good"], 0),
        (["bad"], 1),
        (["failed"], 2),
        (["incomplete"], 3),
        (["good", "bad"], 1),
        (["bad", "incomplete"], 3),
        (["bad", "incomplete", "failed"], 2),
        (["failed", "incomplete", "bad", "good"], 2),
    ],
)
def test_exit_codes_and_their_precedence(work: Path, names: list[str], expected: int) -> None:
    assert code("run", "tieout.yaml", *names, *AS_OF) == expected


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [("critical", 0), ("high", 1), ("medium", 1), ("low", 1), ("info", 1), ("any", 1)],
)
def test_fail_on_each_severity(work: Path, threshold: str, expected: int) -> None:
    """The worst break is high (a missing trade)."""
    assert code("run", "tieout.yaml", "bad", "--fail-on", threshold, *AS_OF) == expected


@pytest.mark.parametrize(("threshold", "expected"), [("low", 0), ("info", 1), ("any", 1)])
def test_fail_on_any_counts_informative_breaks_too(
    work: Path, threshold: str, expected: int
) -> None:
    first = INTERNAL.splitlines(keepends=True)
    (work / "book.csv").write_text("".join([*first, first[1]]))
    (work / "broker.csv").write_text(INTERNAL)
    assert code("run", "tieout.yaml", "bad", "--fail-on", threshold, *AS_OF) == expected


def test_carried_breaks_fail_a_run_as_new_ones_do(work: Path) -> None:
    assert [code("run", "tieout.yaml", "bad", *AS_OF) for _ in range(2)] == [1, 1]


def snapshot(work: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in work.iterdir() if path.is_file()}


def test_a_dry_run_creates_nothing(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot(work)
    (run,) = objects(capsys, "bad", "--dry-run")
    assert (run["status"], run["breaks"]["new"]) == ("breaks", 2)
    assert snapshot(work) == before


def test_a_dry_run_leaves_an_existing_store_as_it_was(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    objects(capsys, "bad")
    before = snapshot(work)
    assert "store.db" in before
    (work / "broker.csv").write_text(EXTERNAL.replace("97", "100"))
    before = snapshot(work)
    (run,) = objects(capsys, "bad", "--dry-run")
    assert (run["breaks"]["cleared"], run["breaks"]["carried"]) == (1, 1)
    assert snapshot(work) == before
    (run,) = objects(capsys, "bad", "--dry-run", "--business-date", "2026-02-02")
    (run,) = objects(capsys, "failed", "--dry-run")
    assert run["status"] == "failed"
    assert snapshot(work) == before


@pytest.mark.parametrize("options", ["allow_empty: true", "allow_empty: true, expect: {rows: 9}"])
def test_a_dry_run_answers_as_the_run_that_follows(work: Path, options: str) -> None:
    """The same counts, digest, and breaks: also of those that are only carried."""
    world = World(work)
    world.internal = world.external = "allow_empty: true"
    world.run("trade_id, price_currency\n T1, USD\n T2, USD\n T9, USD", "trade_id\n T1")
    world.external = options
    tomorrow = ("trade_id, price_currency\n T2, USD\n T3, USD", "trade_id")
    dry = world.run(*tomorrow, day="2026-03-03", dry_run=True)
    real = world.run(*tomorrow, day="2026-03-03")
    assert dry.row.breaks == real.row.breaks
    assert dry.row.counts == real.row.counts
    assert dry.row.digest == real.row.digest
    assert dry.shown == real.shown
    for id_, row in real.breaks.items():
        other = dry.breaks[id_]
        assert (other.value_amount, other.value_currency, other.first_seen) == (
            row.value_amount,
            row.value_currency,
            row.first_seen,
        )


def test_an_as_of_below_a_microsecond_is_refused_and_not_cut(work: Path) -> None:
    told = cli(work, "run", "tieout.yaml", "--as-of", "2026-03-02T09:00:00.000000999Z", code=2)
    assert "has digits below a microsecond" in told.err
    with pytest.raises(UsageError, match="digits below a microsecond"):
        tieout.reconcile("a.csv", "b.csv", "records: trades", as_of="2026-03-02T09:00:00.1234567Z")


def test_a_resolved_break_says_when_it_cleared_and_stops_ageing(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code("run", "tieout.yaml", "bad", *AS_OF) == 1
    (work / "broker.csv").write_text(INTERNAL)
    assert code("run", "tieout.yaml", "bad", "--as-of", "2026-03-02T19:00:00Z") == 0
    capsys.readouterr()
    assert code("breaks", "list", "--state", "resolved", "--format", "json") == 0
    resolved = json.loads(capsys.readouterr().out)
    assert [each["age_seconds"] for each in resolved] == [3600, 3600]
    assert code("breaks", "show", resolved[0]["id"]) == 0
    shown = capsys.readouterr().out
    assert "cleared         2026-03-02T19:00:00Z, after 1h" in shown
    assert "opened          2026-03-02T18:00:00Z\n" in shown
