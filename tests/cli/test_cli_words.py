"""What the command line shows a person: terminals, tables, colours, ages, breaks in words."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from cli.process import python

import tieout
from tieout.cli import console
from tieout.cli.summary import brief, subject, what_differs
from tieout.core.rows import BreakRow, badness

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def test_text_for_a_terminal_cannot_act_on_it() -> None:
    assert console.plain_text("T\x1b[2J\r\n\u202e1\t") == "T\\x1b[2J\\x0d\\x0a\\x202e1\t"


def test_tables_align_and_never_cut() -> None:
    long = "x" * 300
    lines = console.table(("a", "n"), [["1", "22"], [long, "3"]], right=".r")
    assert lines[2] == f"{long}   3"
    assert lines[1] == "1" + " " * 299 + "  22"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (8040, "2h14m"),
        (3605, "1h"),
        (266_400, "3d2h"),
        (-5, "0s"),
    ],
)
def test_ages(seconds: int, text: str) -> None:
    assert console.age(seconds) == text


def on_terminal(code: str, **environment: str) -> str:
    """What a program writes to a terminal."""
    leader, follower = pty.openpty()
    source = str(Path(tieout.__file__).parents[1])
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": source, "TERM": "xterm", **environment}
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=env, stdout=follower, stderr=follower, stdin=follower
    )
    os.close(follower)
    said = b""
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:
            break
        if not chunk:
            break
        said += chunk
    os.close(leader)
    assert process.wait() == 0
    return said.decode()


SLOW = """
import time
from tieout.cli import console
console.PATIENCE = 0.05
with console.progress(console.Options(quiet={quiet})) as say:
    say("matching", 0.5)
    time.sleep(0.6)
console.out("done")
"""


def test_slow_work_shows_a_bar_on_a_terminal() -> None:
    assert "matching" in on_terminal(SLOW.format(quiet=False))


def test_a_bar_is_not_for_the_quiet_nor_for_pipes() -> None:
    assert "matching" not in on_terminal(SLOW.format(quiet=True))
    done = python(SLOW.format(quiet=False))
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_colour_is_for_terminals_and_not_where_it_is_refused() -> None:
    code = "from tieout.cli import console; console.say_error('x')"
    assert "\x1b[" in on_terminal(code)
    assert "\x1b[" not in on_terminal(code, NO_COLOR="1")
    assert "\x1b[" not in python(code).stderr


def test_an_encoding_that_lacks_a_character_loses_no_line() -> None:
    done = python("from tieout.cli.console import out; out('✓ 1 €')", PYTHONIOENCODING="ascii")
    assert (done.stdout, done.returncode) == ("\\u2713 1 \\u20ac\n", 0)


def break_row(severity: str, value: str | None, id_: str = "a") -> BreakRow:
    content = {"severity": severity, "kind": "PRICE", "key": {}, "records": [], "differences": []}
    amount = None if value is None else Decimal(value)
    return BreakRow(id_, "r", "open", "unknown", False, content, amount, "USD", NOW, NOW, None,
                    "run", date(2026, 11, 20))  # fmt: skip


def test_the_worst_come_first_and_an_unknown_value_last() -> None:
    rows = [
        break_row("low", "9000"),
        break_row("high", None, "b"),
        break_row("high", "5"),
        break_row("critical", None),
        break_row("high", "50"),
    ]
    ordered = sorted(rows, key=badness)
    assert [(row.content["severity"], row.value_amount) for row in ordered] == [
        ("critical", None),
        ("high", Decimal(50)),
        ("high", Decimal(5)),
        ("high", None),
        ("low", Decimal(9000)),
    ]


def test_a_break_in_words() -> None:
    record = {"symbol": "ACME", "quantity": "5", "timestamp": "2026-11-18T10:00:00.500000000Z"}
    one = {"side": "internal", "role": "primary", "record": record}
    missing = {
        "key": {"symbol": "ACME", "trade_id": "derived-0123"},
        "records": [one],
        "differences": [],
    }
    assert subject(missing) == "ACME 2026-11-18T10:00:00.5Z"
    assert what_differs(missing) == "quantity 5"
    legs = {"symbol": "BTC/USDT:USDT", "account": "main", "leg": "short"}
    assert subject({"key": legs, "records": [one]}) == "BTC/USDT:USDT short main"
    assert subject({"key": {**legs, "leg": "net"}, "records": [one]}) == "BTC/USDT:USDT main"
    paid = {"side": "external", "role": "primary", "record": {"currency": "USDT", "amount": "5"}}
    movement = {"key": {"movement_id": "m1"}, "records": [paid], "differences": []}
    assert (subject(movement), what_differs(movement)) == ("USDT m1", "amount 5")
    differing = {
        "key": {"currency": "USD"},
        "records": [one],
        "differences": [
            {"field": "total", "internal": "1", "external": None},
            {"field": "settled", "internal": "1", "external": "2"},
        ],
    }
    assert subject(differing) == "USD"
    assert what_differs(differing) == "total 1 / - and 1 other field"
    assert what_differs({"key": {}, "records": [one, one], "differences": []}) == "2 records"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-11-18T10:00:00.120000000Z", "2026-11-18T10:00:00.12Z"),
        ("2026-11-18T10:00:00.000000000Z", "2026-11-18T10:00:00Z"),
        ("2026-11-18T10:20:10.000000000Z", "2026-11-18T10:20:10Z"),
        ("1.500", "1.500"),
        (None, "-"),
    ],
)
def test_times_without_their_zeros(text: str | None, said: str) -> None:
    assert brief(text) == said
