"""Whole runs over tables of text: real files, a real configuration, a real store.

A table's first line is its header; an empty cell is absent. Columns that every trade needs and
that a table does not mention are filled, so that a test shows only what it is about.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import tieout
from tieout import wiring
from tieout.config import load
from tieout.core.rows import BreakRow, HistoryRow, QuarantineRow, RunRow
from tieout.ports import Store

D1, D2, D3, D4 = (f"2026-03-0{number}" for number in (2, 3, 4, 5))
FILLED = {
    "trades": {
        "symbol": "AAPL",
        "quantity": "1",
        "price": "10",
        "timestamp": "2026-03-02T09:00:00Z",
    },
    "positions": {"as_of": "2026-03-02T16:00:00Z"},
    "balances": {"as_of": "2026-03-02T16:00:00Z"},
    "orders": {"symbol": "AAPL", "side": "buy", "quantity": "1"},
    "movements": {"type": "fee", "currency": "USD", "timestamp": "2026-03-02T09:00:00Z"},
    "pnl": {},
}
Cells = list[list[str]]


def cells(text: str, records: str = "trades") -> Cells:
    """A table of text as rows of cells, header first, with the columns it does not mention."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    header, *rows = [
        [cell.strip() for cell in row] for row in csv.reader(lines, skipinitialspace=True)
    ]
    assert all(len(row) == len(header) for row in rows), f"ragged table:\n{text}"
    more = {name: cell for name, cell in FILLED[records].items() if name not in header}
    return [[*header, *more], *([*row, *more.values()] for row in rows)]


def write_csv(path: Path, table: Cells) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(table)


@dataclass(frozen=True)
class Ran:
    """A run that ended, read back."""

    row: RunRow
    breaks: dict[str, BreakRow]
    quarantine: list[QuarantineRow]

    @property
    def shown(self) -> list[str]:
        """`KIND id`, or `KIND id?` in doubt; sorted."""
        return sorted(
            f"{each.content['kind']} {named(each)}" + "?" * each.doubt
            for each in self.breaks.values()
        )

    @property
    def counts(self) -> str:
        """The counts that are not zero: `1 matched 2 new`."""
        own = self.row.counts
        breaks = self.row.breaks
        every = {
            "matched": own.matched,
            "within": own.within_tolerance,
            "expected": own.expected,
            "unknown": own.unknown,
            "after_cut": own.after_cut,
            "new": breaks.new,
            "carried": breaks.carried,
            "changed": breaks.changed,
            "reopened": breaks.reopened,
            "cleared": breaks.cleared,
            "suppressed": breaks.suppressed,
        }
        assert breaks.open == breaks.new + breaks.carried + breaks.changed + breaks.reopened
        return " ".join(f"{number} {name}" for name, number in every.items() if number)

    @property
    def reasons(self) -> str:
        """Why it is not complete: its own reasons, and those of its sides."""
        sides = (self.row.internal, self.row.external)
        return "; ".join(
            [*self.row.reasons, *(why for side in sides if side for why in side.reasons)]
        )

    def of(self, id_: str) -> BreakRow:
        """The one break of the record `id_`."""
        (found,) = [each for each in self.breaks.values() if named(each) == id_]
        return found


def named(row: BreakRow) -> str:
    """What a person calls the break's record: its id, else its symbol or currency."""
    key = row.content["key"]
    for name in ("trade_id", "movement_id", "order_id", "symbol", "currency"):
        if key.get(name):
            return str(key[name])
    return row.id


@dataclass
class World:
    """A directory with two files, a configuration and a store.

    Attributes:
        records: the record type of both sides.
        rules, internal, external, more: YAML (flow style) of the reconciliation's rules, of the
            two sources beyond their path, and of further sources.
    """

    folder: Path
    records: str = "trades"
    rules: str = "match: [{on: [trade_id]}]"
    internal: str = ""
    external: str = ""
    more: str = ""
    store: str = "sqlite:///store.db"
    book: str = "book.csv"
    broker: str = "broker.csv"
    clock: datetime = field(default=datetime(2026, 3, 10, tzinfo=UTC))

    def write(self, internal: str | None = None, external: str | None = None) -> None:
        """Write a side's file; None leaves it as it is."""
        for name, text in ((self.book, internal), (self.broker, external)):
            if text is not None:
                write_csv(self.folder / name, cells(text, self.records))

    def configure(self) -> Path:
        def source(path: str, options: str) -> str:
            where = "" if "type:" in options else f"type: file, path: {path}"
            zone = "timezone: UTC" if where and "timezone:" not in options else ""
            return "{" + ", ".join(part for part in (where, zone, options) if part) + "}"

        path = self.folder / "tieout.yaml"
        more = "".join(f"  {line}\n" for line in self.more.splitlines())
        rules = ", ".join(part for part in (f"records: {self.records}", self.rules) if part)
        path.write_text(
            "version: 1\n"
            f"store: {json.dumps(self.store)}\n"
            "sources:\n"
            f"  book: {source(self.book, self.internal)}\n"
            f"  broker: {source(self.broker, self.external)}\n"
            f"{more}"
            "reconciliations:\n"
            f"  r: {{internal: book, external: broker, {rules}}}\n",
            encoding="utf-8",
        )
        return path

    @contextmanager
    def open(self, *, dry_run: bool = False) -> Iterator[Store]:
        settings = load(self.configure())
        with closing(wiring.open_store(settings.store.resolve(), dry_run=dry_run)) as store:
            yield store

    def run(
        self,
        internal: str | None = None,
        external: str | None = None,
        *,
        day: str = D1,
        at: str | None = None,
        restate: bool = False,
        dry_run: bool = False,
        frames: Mapping[str, object] | None = None,
    ) -> Ran:
        """Write the files that are given, and run. `at` is `as_of`: `2026-03-02T12:00:00Z`."""
        self.write(internal, external)
        settings = load(self.configure())
        as_of = datetime.fromisoformat(at) if at else self.clock
        with self.open(dry_run=dry_run) as store:
            (outcome,) = wiring.run(
                settings,
                store=store,
                as_of=as_of,
                business_date=date.fromisoformat(day),
                restate=restate,
                dry_run=dry_run,
                frames=frames,
            )
            breaks = {each.id: each for each in outcome.breaks()}
            return Ran(outcome.row, breaks, list(outcome.quarantine()))

    def history(self, id_: str) -> list[HistoryRow]:
        with self.open() as store:
            return list(store.history(id_))

    def events(self, id_: str) -> list[str]:
        return [each.event for each in self.history(id_)]

    def runs(self) -> list[RunRow]:
        """Newest first."""
        with self.open() as store:
            return list(store.runs())

    def cli(self, *arguments: str, code: int | None = None) -> Cli:
        """`tieout` in a process of its own, in the directory. Checks the exit code if given."""
        self.configure()
        return cli(self.folder, *arguments, code=code)


@dataclass(frozen=True)
class Cli:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def environment(*, measured: bool = True) -> dict[str, str]:
    """One in which nothing depends on who runs the tests, but for coverage's variables.

    Args:
        measured: whether the process's coverage counts. One that is killed or has a full disk
            tears the file of its measurements, so it had better write none.
    """
    kept = {name: text for name, text in os.environ.items() if name.startswith("COV") and measured}
    source = str(Path(tieout.__file__).parents[1])
    return kept | {"PATH": os.environ["PATH"], "PYTHONPATH": source, "LANG": "C.UTF-8"}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tieout", *arguments]


def cli(folder: Path, *arguments: str, code: int | None = None) -> Cli:
    done = subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if code is not None:
        assert done.returncode == code, (done.stdout, done.stderr)
    return Cli(done.returncode, done.stdout, done.stderr)
