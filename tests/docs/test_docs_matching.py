"""The worked examples of docs/matching.md come out as the page says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from docs.pages import ROOT, Table, blocks, tables

import tieout

PAGE = ROOT / "docs" / "matching.md"
AS_OF = datetime(2026, 11, 18, 10, 20, tzinfo=UTC)
UNSHOWN = {
    "records: trades": {
        "symbol": "AAPL",
        "side": "buy",
        "quantity": "100",
        "price": "190.50",
        "timestamp": "2026-11-18T10:00:00Z",
    },
    "records: positions": {"as_of": "2026-11-18T10:00:00Z"},
}
"""What a table does not show, by the first line of the rules."""


@dataclass(frozen=True)
class Example:
    name: str
    rules: str
    internal: Table
    external: Table
    outcome: Table


def examples() -> Iterator[Example]:
    text = PAGE.read_text(encoding="utf-8")
    rules = {block.line: block.text for block in blocks(text) if block.language == "yaml"}
    found = list(tables(text))
    assert len(found) % 3 == 0
    last = 0
    for internal, external, outcome in zip(found[::3], found[1::3], found[2::3], strict=True):
        captions = [table.caption for table in (internal, external, outcome)]
        assert captions == ["Internal:", "External:", "Outcome:"], outcome.headings
        own = [each for line, each in rules.items() if last < line < internal.line]
        last = internal.line
        given = own[-1] if own else "records: trades\n"
        yield Example(outcome.headings[-1], given, internal, external, outcome)


@pytest.mark.parametrize("example", list(examples()), ids=lambda each: each.name)
def test_an_example_comes_out_as_written(example: Example) -> None:
    unshown = UNSHOWN[example.rules.splitlines()[0]]
    internal, external = Side(example.internal, unshown), Side(example.external, unshown)
    report = tieout.reconcile(internal.rows, external.rows, example.rules, as_of=AS_OF)
    got = Counter(counts(report)) + Counter(
        told(each, {"internal": internal, "external": external}) for each in report.to_dicts()
    )
    want = Counter(tuple(map(in_order, row)) for row in example.outcome.rows)
    assert got == want


class Side:
    """The rows of a table, with what it does not show, and which letter each of them has."""

    def __init__(self, table: Table, unshown: dict[str, str]) -> None:
        self.columns = table.header[1:]
        self.letters = [row[0] for row in table.rows]
        self.shown = [
            {name: cell or None for name, cell in zip(self.columns, row[1:], strict=True)}
            for row in table.rows
        ]
        self.rows: list[dict[str, Any]] = [{**unshown, **row} for row in self.shown]

    def letters_of(self, records: list[dict[str, str | None]]) -> str:
        free = dict(zip(self.letters, self.shown, strict=True))
        found = []
        for record in records:
            letter = next(each for each, row in free.items() if self._same(row, record))
            del free[letter]
            found.append(letter)
        return ", ".join(sorted(found))

    def _same(self, row: dict[str, Any], record: dict[str, str | None]) -> bool:
        given = {name: record.get(name) for name in row if row[name] is not None}
        return all(plain(row[name]) == plain(given[name]) for name in given)


def plain(text: str | None) -> str | None:
    return text if text is None else text.replace(".000000000Z", "Z").rstrip("0").rstrip(".")


def in_order(cell: str) -> str:
    return ", ".join(sorted(cell.split(", ")))


def counts(report: tieout.Report) -> Iterator[tuple[str, ...]]:
    own = report.run.counts
    for name in ("matched", "expected", "unknown"):
        if number := getattr(own, name):
            yield (f"{name} {number}", "", "", "")


def told(each: dict[str, Any], sides: dict[str, Side]) -> tuple[str, ...]:
    letters = [
        side.letters_of([part["record"] for part in each["records"] if part["side"] == name])
        for name, side in sides.items()
    ]
    differs = in_order(", ".join(one["field"] for one in each["differences"]))
    return (each["kind"], *letters, differs)


def test_all_kinds_are_listed_in_their_order() -> None:
    from tieout.core.model import Kind

    assert ", ".join(Kind) in " ".join(PAGE.read_text(encoding="utf-8").split())
