"""Every problem is found, with its line and column, and says what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from config_documents import SMALL, problems, small

from tieout.config import load, parse
from tieout.errors import ConfigError, Problem


def place(problem: Problem) -> str:
    return f"{problem.line}:{problem.column}"


SOURCE_CASES = {
    "unknown key": ("delimeter: ';'", "unknown key `delimeter` (did you mean `delimiter`?)"),
    "format": ("format: cvs", "unknown format `cvs` (did you mean `csv`?)"),
    "encoding": ("encoding: latin-99", "unknown encoding `latin-99`"),
    "character": ("delimiter: ab", "one character belongs here"),
    "skip_rows": ("skip_rows: -1", "a whole number, zero or more"),
    "trailer": ("trailer: '('", "not a regular expression"),
    "records": ("records: trade", "unknown record type `trade` (did you mean `trades`?)"),
    "column": (
        "columns: {symbl: ticker}",
        "unknown column of trades `symbl` (did you mean `symbol`?)",
    ),
    "no value": ("columns: ", "it has no value"),
    "format of a time": (
        "formats: {timestamp: mss}",
        "unknown time format `mss` (did you mean `ms`?)",
    ),
    "format of a number": ("formats: {price: ms}", "`price` is no time and no date, but a decimal"),
    "choice": ("values: {side: {B: bye}}", "unknown side `bye` (did you mean `buy`?)"),
    "constant": ("constants: {price: 1.x}", "'1.x' is not a number"),
    "constant and column": (
        "columns: {venue: exch}, constants: {venue: x}",
        "`venue` has a column and a constant",
    ),
    "identity": ("identity: [tradeid]", "unknown column of trades `tradeid`"),
    "extra": ("extra: {desk: string}", "unknown column type `string`"),
    "sign": ("quantity_sign: signed", "unknown quantity sign `signed`"),
    "sign both": ("quantity_sign: {column: a, negative: x, positive: X}", "x cannot be both"),
    "sign values": ("quantity_sign: {column: a}", "name the values"),
    "sign column": ("quantity_sign: {negative: a}", "`column` is missing"),
    "symbols": ("symbols: nowhere", "unknown instruments source `nowhere`"),
    "symbols file": ("symbols: nowhere.csv", "cannot be read: No such file"),
    "separators": ("decimal: ',', thousands: ','", "both the decimal point and the thousands"),
    "coverage": (
        "covers: everithing",
        "unknown coverage `everithing` (did you mean `everything`?)",
    ),
    "window": ("covers: {from: 2026-01-02, to: 2026-01-01}", "ends before it begins"),
    "window time": ("covers: {from: monday, to: 2026-01-01}", "'monday' is not an ISO 8601 time"),
    "window end": ("covers: {from: 2026-01-02}", "`to` is missing"),
    "due": ("due_by: 1800", "a time of day belongs here"),
    "due hour": ("due_by: '24:00'", "a time of day belongs here"),
    "calendar": ("calendar: weekday", "unknown calendar `weekday` (did you mean `weekdays`?)"),
    "max_age": ("max_age: 5", "5 has no unit"),
    "allow_empty": ("allow_empty: yes", "`true` or `false` belongs here"),
    "total": ("expect: {totals: {quantity: many}}", "a number belongs here"),
    "total column": ("expect: {totals: {qty: 1}}", "unknown column of trades `qty`"),
    "total text": ("expect: {totals: {symbol: 1}}", "`symbol` is no number, but a text"),
    "other type": ("query: SELECT 1", "`query` is of sources of type sql; this one is file"),
}


@pytest.mark.parametrize(("keys", "message"), SOURCE_CASES.values(), ids=SOURCE_CASES)
def test_a_wrong_source(keys: str, message: str) -> None:
    [problem] = problems(small(keys))
    assert message in problem.message
    assert problem.line == 3
    assert problem.path.startswith("sources.ours")
    assert problem.excerpt is not None
    assert "ours.csv" in problem.excerpt


RECONCILIATION_CASES = {
    "unknown key": ("comparre: {}", "unknown key `comparre` (did you mean `compare`?)", 5),
    "pass": ("match: [{on: [trade]}]", "unknown column of trades `trade`", 19),
    "pass key": ("match: [{by: [trade_id]}]", "unknown key `by`", 14),
    "empty passes": ("match: []", "the list is empty", 12),
    "passes": ("match: trade_id", "a list belongs here, not the text 'trade_id'", 12),
    "compared column": ("compare: {prise: exact}", "unknown column of trades `prise`", 15),
    "bare tolerance": ("compare: {price: 0.01}", "'0.01' is no tolerance", 22),
    "measure": (
        "compare: {price: {withn: 1}}",
        "unknown measure `withn` (did you mean `within`?)",
        23,
    ),
    "two measures": ("compare: {price: {within: 1, ticks: 1}}", "exactly one measure", 22),
    "share": ("compare: {price: {relative: 0.01}}", "0.01 has no unit", 33),
    "share too large": ("compare: {price: {relative: 101%}}", "not between 0% and 100%", 33),
    "negative": ("compare: {price: {within: -1}}", "-1 is negative", 31),
    "digits": ("compare: {price: {within: 1e-19}}", "beyond 18 decimals", 31),
    "time on a number": ("compare: {price: {within: 1s}}", "`price` is a number, not a time", 22),
    "number on a time": ("compare: {timestamp: {within: 1}}", "`timestamp` is a time", 26),
    "share on a text": ("compare: {symbol: {relative: 1%}}", "`symbol` is a text", 23),
    "compared, ignored": (
        "compare: {fee: exact}\nignore: [fee]",
        "`fee` is compared and ignored",
        15,
    ),
    "ignored": ("ignore: [fees]", "unknown column of trades `fees` (did you mean `fee`?)", 14),
    "override": ("overrides: {BTC: {price: 1}}", "'1' is no tolerance", 30),
    "override column": ("overrides: {BTC: {prize: exact}}", "unknown column of trades `prize`", 23),
    "override file": ("overrides: none.csv", "cannot be read", 16),
    "check": ("checks: [{pnl: cassh, source: ours}]", "unknown PnL check `cassh`", 20),
    "deadline": ("deadline: 60", "60 has no unit", 15),
    "deadline unit": ("deadline: 60min", "unknown unit `min`", 15),
    "deadline zone": ("deadline: {business_days: 1, at: '09:00'}", "`timezone` is missing", 5),
    "zone": (
        "deadline: {business_days: 1, at: '09:00', timezone: Europe/Lundon}",
        "unknown time zone `Europe/Lundon` (did you mean `Europe/London`?)",
        57,
    ),
    "preset": ("severity: standart", "unknown preset `standart` (did you mean `standard`?)", 15),
    "kind": (
        "severity: {quantitty: low}",
        "unknown key `quantitty` (did you mean `quantity`?)",
        16,
    ),
    "severity": ("severity: {price: hihg}", "unknown severity `hihg` (did you mean `high`?)", 23),
    "bands of side": (
        "severity: {side: {high: 1%}}",
        "SIDE breaks have no relative difference",
        22,
    ),
    "bands order": (
        "severity: {price: {medium: 5%, high: 1%}}",
        "`high` begins at or below where `medium`",
        42,
    ),
    "bands below": ("severity: {price: {low: 5%, below: high}}", "`below` is worse than `low`", 40),
    "no bands": ("severity: {price: {below: low}}", "no band is given", 23),
    "action": ("policy: [{do: hallt}]", "unknown action `hallt` (did you mean `halt`?)", 19),
    "sync": ("policy: [{do: sync}]", "say which side to correct", 19),
    "sync side": ("policy: [{do: {sync: both}}]", "unknown side to correct `both`", 26),
    "no action": ("policy: [{when: {kind: fee}}]", "`do` is missing", 14),
    "when": ("policy: [{when: {kinds: fee}, do: halt}]", "unknown key `kinds`", 22),
    "limit": ("policy: [{do: halt, limit: {per_run: 1}}]", "`halt` makes none", 25),
    "quarantine": ("max_quarantined: 0.01", "0.01 has no unit", 22),
    "currency": ("reporting_currency: US Dollar", "a currency code belongs here", 25),
    "prices": ("prices: ours", "the source `ours` does not say that it holds prices", 13),
}  # columns count from the key's own; `small` indents by four


@pytest.mark.parametrize(
    ("keys", "message", "column"), RECONCILIATION_CASES.values(), ids=RECONCILIATION_CASES
)
def test_a_wrong_reconciliation(keys: str, message: str, column: int) -> None:
    found = problems(small(reconciliation=keys))
    assert [place(each) for each in found if message in each.message] == [f"10:{column}"], found
    assert all(each.path.startswith("reconciliations.trades") for each in found)


@pytest.mark.parametrize(
    ("keys", "hint"),
    [
        ("match: [trade_id]", "e.g. `{on: [trade_id]}`"),
        ("match: trade_id", "e.g. `match: [{on: [trade_id]}]`"),
        ("match: [{on: trade_id}]", "e.g. `on: [trade_id]`"),
        ("ignore: fee", "e.g. `ignore: [fee]`"),
        ("compare: {timestamp: {within: 100 msec}}", "or `100ms`; units: ns, us, µs, ms, s, m"),
    ],
)
def test_the_hint_shows_the_shape_that_belongs_there(keys: str, hint: str) -> None:
    [problem] = problems(small(reconciliation=keys))
    assert hint in (problem.hint or "")


def test_a_wrong_indentation_is_told_as_such() -> None:
    [problem] = problems("version: 1\nsources:\n  a: {}\n   b: {}\n")
    [other] = problems("version: 1\nlist:\n  - a\n - b\n")
    for each in (problem, other):
        assert "begin in the same column" in (each.hint or ""), each
    [problem] = problems("version: 1\n  store: x\n")
    assert "further in than the one before it" in (problem.hint or "")


DOCUMENT_CASES = {
    "version": (("version: 1", "version: 2"), "reads version 1, not 2", "1:10"),
    "no version": (("version: 1\n", ""), "`version` is missing", "1:1"),
    "unknown source": (
        ("external: theirs", "external: their"),
        "unknown source `their` (did you mean `theirs`?)",
        "9:15",
    ),
    "unknown key": (
        ("sources:", "source:"),
        "unknown key `source` (did you mean `sources`?)",
        "2:1",
    ),
    "type": (("type: file, path: ours", "type: fiel, path: ours"), "unknown source type", "3:16"),
    "later type": (
        ("type: file, path: ours", "type: kafka, path: ours"),
        "do not exist yet",
        "3:16",
    ),
    "no type": (("type: file, path: ours", "path: ours"), "`type` is missing", "3:3"),
    "no path": (("path: ours.csv, ", ""), "`path` is missing", "3:3"),
    "zone": (
        ("timezone: UTC}\n  theirs", "timezone: UTCC}\n  theirs"),
        "unknown time zone",
        "3:48",
    ),
    "records": (("records: trades", "records: prices"), "unknown record type `prices`", "7:14"),
    "no records": (("    records: trades\n", ""), "`records` is missing", "6:3"),
    "twice": (
        ("    records: trades\n", "    records: trades\n    records: orders\n"),
        "the key `records` is there twice; first in line 7",
        "8:5",
    ),
    "a source of another type": (
        ("theirs.csv", "theirs.csv, records: pnl"),
        "the source `theirs` holds pnl, not trades",
        "9:15",
    ),
    "store": (("version: 1", "version: 1\nstore: tieout.db"), "no database URL", "2:8"),
    "a week of weekends": (
        ("version: 1", "version: 1\ncalendars: {a: {weekend: [mon,tue,wed,thu,fri,sat,sun]}}"),
        "a week without a business day never ends",
        "2:16",
    ),
    "weekday": (
        ("version: 1", "version: 1\ncalendars: {a: {weekend: [saturday]}}"),
        "unknown weekday `saturday` (did you mean `sat`?)",
        "2:27",
    ),
    "holiday": (
        ("version: 1", "version: 1\ncalendars: {a: {holidays: [2026-02-30]}}"),
        "a date belongs here",
        "2:28",
    ),
    "sources a list": (
        ("version: 1", "version: 1\ncalendars: []"),
        "a mapping belongs here, not a list",
        "2:12",
    ),
    "syntax": (("records: trades", "records: [trades"), "this is not valid YAML", "8:13"),
    "tab": (("    records", "\trecords"), "this is not valid YAML", "7:1"),
}


@pytest.mark.parametrize(
    ("change", "message", "where"), DOCUMENT_CASES.values(), ids=DOCUMENT_CASES
)
def test_a_wrong_document(change: tuple[str, str], message: str, where: str) -> None:
    text = SMALL.replace(*change, 1)
    assert text != SMALL
    found = problems(text)
    assert [place(each) for each in found if message in each.message] == [where], found


def test_all_problems_come_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = (
        SMALL.replace("version: 1", "version: 3")
        .replace("path: ours.csv", "path: ours.csv, sheeet: A")
        .replace("external: theirs", "external: theirz")
        + "    deadline: 60\n    compare: {prise: exact}\n"
    )
    file = tmp_path / "tieout.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    lines = [each.line for each in caught.value.problems]
    assert lines == [1, 3, 9, 10, 11]
    assert "5 problems; nothing was started." in str(caught.value)


def test_a_problem_is_shown_with_its_place_its_line_and_a_hint(tmp_path: Path) -> None:
    file = tmp_path / "tieout.yaml"
    file.write_text(small(reconciliation="deadline: 60"))
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    assert str(caught.value) == (
        "60 has no unit\n"
        f"  --> {file}:10:15   reconciliations.trades.deadline\n"
        "   |\n"
        "   |     deadline: 60\n"
        "  hint: write `60s`, or ms, m, h, d\n"
        "1 problem; nothing was started."
    )


def test_of_many_problems_in_a_table_the_message_names_the_first_few(tmp_path: Path) -> None:
    lines = [f"S{number},price,wthin,1" for number in range(2_000)]
    (tmp_path / "own.csv").write_text("symbol,column,measure,amount\n" + "\n".join(lines) + "\n")
    file = tmp_path / "tieout.yaml"
    file.write_text(small(reconciliation="overrides: own.csv") + "    deadline: 60\n")
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    assert len(caught.value.problems) == 2_001
    shown = str(caught.value)
    assert [f"own.csv:{line}:" in shown for line in range(2, 9)] == [True] * 5 + [False] * 2
    assert "\nand 1,995 more like these\n60 has no unit\n" in shown
    assert shown.endswith("2,001 problems; nothing was started.")


def test_a_faulty_source_is_not_called_unknown_as_well() -> None:
    [problem] = problems(SMALL.replace("type: file, path: ours", "type: fiel, path: ours"))
    assert "source type" in problem.message


def test_one_prices_source_is_taken_and_of_two_one_must_be_named() -> None:
    two = "  {}: {{type: file, path: p.csv, records: prices}}\n"
    one = SMALL.replace("sources:\n", "sources:\n" + two.format("fx"))
    assert parse(one, environ={}).reconciliations["trades"].prices == "fx"
    [problem] = problems(one.replace("sources:\n", "sources:\n" + two.format("marks")))
    assert "several sources of prices: marks, fx" in problem.message
    named = one.replace("sources:\n", "sources:\n" + two.format("marks")) + "    prices: fx\n"
    assert parse(named, environ={}).reconciliations["trades"].prices == "fx"


def test_a_check_needs_a_pnl_source_and_trades() -> None:
    check = "checks: [{pnl: cash, source: theirs, on: [trade_id, side]}]"
    messages = [each.message for each in problems(small(reconciliation=check))]
    assert messages == [
        "the source `theirs` does not say that it holds pnl",
        "unknown column of pnl `side` (did you mean `date`?)",
    ] or messages[0].startswith("the source `theirs` does not say")
    text = small(reconciliation=check).replace("records: trades", "records: orders")
    assert "checks are of trades, not of orders" in [each.message for each in problems(text)]


OVERRIDE_FILES = {
    "header": ("symbol,price\n", "does not start with the line `symbol,column,measure,amount`"),
    "empty": ("", "does not start with the line"),
    "cells": ("symbol,column,measure,amount\nBTC,price,within\n", "own.csv:2: 3 cells, not 4"),
    "measure": (
        "symbol,column,measure,amount\nBTC,price,withn,1\n",
        "own.csv:2: unknown measure `withn`",
    ),
    "amount": (
        "symbol,column,measure,amount\nBTC,price,exact,\nBTC,fee,relative,1\n",
        "own.csv:3: 1 has no unit",
    ),
    "column": (
        "symbol,column,measure,amount\nBTC,prise,ticks,1\n",
        "own.csv:2: unknown column of trades `prise`",
    ),
    "type": ("symbol,column,measure,amount\n\nBTC,price,within,1s\n", "own.csv:3: `price`"),
    "twice": (
        "symbol,column,measure,amount\nBTC,price,ticks,1\nBTC,price,ticks,2\n",
        "own.csv:3: BTC price is there twice",
    ),
}


@pytest.mark.parametrize(("content", "message"), OVERRIDE_FILES.values(), ids=OVERRIDE_FILES)
def test_a_wrong_table_of_overrides_names_its_line(
    tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "own.csv").write_text(content)
    [problem] = problems(small(reconciliation="overrides: own.csv"), tmp_path)
    assert message in problem.message
    assert problem.line == 10


@pytest.mark.parametrize(
    ("rules", "which"),
    [
        ("compare: {price: {ticks: 1}}", "`price`"),
        ("overrides: {A: {fee: exact}, B: {price: {ticks: 2}}}", "`B: price`"),
        ("overrides: own.csv", "`ETH: fee`"),
    ],
)
def test_ticks_that_nobody_defines_are_named(tmp_path: Path, rules: str, which: str) -> None:
    (tmp_path / "own.csv").write_text("symbol,column,measure,amount\nETH,fee,ticks,1\n")
    text = small(reconciliation=rules)
    [warning] = parse(text, tmp_path, environ={}).warnings
    assert warning.message == f"no source says what a tick is: {which} is compared exactly"
    assert warning.line is not None
    told = text.replace(
        "sources:\n", "sources:\n  i: {type: file, path: i.csv, records: instruments}\n"
    )
    assert parse(told, tmp_path, environ={}).warnings == ()


def test_a_missing_file_names_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tieout init A B"):
        load(tmp_path / "tieout.yaml", {})
    (tmp_path / ".tieout.yaml").write_text(SMALL)  # a hidden file is not offered
    with pytest.raises(ConfigError, match=r"tieout init A B"):
        load(tmp_path / "tieout.yaml", {})
    (tmp_path / "tieout.yml").write_text(SMALL)
    with pytest.raises(ConfigError, match=re.escape(f"did you mean {tmp_path}/tieout.yml?")):
        load(tmp_path / "tieout.yaml", {})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version: \xff", "it is not UTF-8"),
        (b"", "`version` is missing"),
        (b"- a\n", "a mapping belongs here, not a list"),
        (b"just text\n", "a mapping belongs here, not the text"),
        (b"a: 1\n---\nb: 2\n", "this is not valid YAML"),
        (b"a: &a [*a]\n", "nested too deeply, or refers to itself"),
        (b"[" * 600, "it is nested too deeply"),
        (b"a: *b\n", "this is not valid YAML"),
        (b"? [a]\n: b\n", "a key must be a text"),
        (b"version: 1\x00\n", "this is not valid YAML"),
    ],
)
def test_no_configuration_at_all(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "tieout.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    assert any(message in each.message for each in caught.value.problems)


def test_a_small_file_that_means_a_huge_one_is_refused() -> None:
    layers = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 12)]
    text = "l0: &l0 [a]\n" + "\n".join(layers)
    assert any("too large" in each.message for each in problems("version: 1\n" + text))


def test_a_directory_is_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SMALL)
    with pytest.raises(ConfigError, match="is a directory"):
        load(tmp_path, {})


def test_the_home_of_nobody_is_no_path() -> None:
    [problem] = problems(SMALL.replace("ours.csv", "~nobody-of-that-name/ours.csv"))
    assert problem.message == "there is no home directory for `~nobody-of-that-name`"
