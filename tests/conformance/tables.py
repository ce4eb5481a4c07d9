"""Tasks for an engine, written as tables of text.

A table's first line is the header. Blanks around a cell do not count, and an empty cell is
absent. `@09:30:00` is that time on 2026-03-02, UTC; `␣` is a blank that stays, `␀` a NUL. Columns that every record of the type needs
and that no table mentions are filled by constants, so that a case shows only what it is about.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from reference.matching import identities

from tieout.core.lifecycle import OpenItem
from tieout.core.model import Quarantined, Record, Side
from tieout.core.physical import Physical
from tieout.core.read import Reading
from tieout.core.rules import Check, Duration, Measure, Pass, PnlCheck, Rules, Tolerance
from tieout.core.scan import (
    Batches,
    Controls,
    DelimitedFiles,
    Dialect,
    Frame,
    ParquetFiles,
    Rows,
    Scan,
    TextRow,
)
from tieout.core.schema import RECORD_TYPES, ColumnType, RecordType
from tieout.core.text import parse_time
from tieout.core.valuation import Instrument
from tieout.ports import CheckTask, MatchTask, SideTask

DAY = date(2026, 3, 2)
YESTERDAY = date(2026, 3, 1)
FILLERS: Mapping[str, str] = {
    "symbol": "BTC",
    "quantity": "1",
    "price": "100",
    "timestamp": "2026-03-02T09:00:00Z",
    "as_of": "2026-03-02T16:00:00Z",
    "currency": "USD",
    "total": "1",
    "amount": "1",
    "pair": "BTC/USD",
}
Cells = tuple[str | None, ...]


@dataclass(frozen=True)
class Table:
    """Rows as text."""

    header: tuple[str, ...]
    rows: tuple[Cells, ...]

    @classmethod
    def of(cls, text: str) -> Table:
        lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
        header, *rows = [
            [_cell(cell) for cell in line] for line in csv.reader(lines, skipinitialspace=True)
        ]
        assert all(len(row) == len(header) for row in rows), f"ragged table:\n{text}"
        return cls(tuple(str(name) for name in header), tuple(tuple(row) for row in rows))


def _cell(text: str) -> str | None:
    text = text.strip()
    if text.startswith("@"):
        return f"{DAY}T{text[1:]}Z"
    return text.replace("␣", "\u00a0").replace("␀", "\x00") or None


def at(text: str) -> int:
    """UTC nanoseconds of `09:30:00` on the day."""
    return parse_time(f"{DAY}T{text}Z", "iso", None)


def tolerances(text: str) -> dict[str, Tolerance]:
    """`quantity=0.005 price=1% fee=2ticks timestamp=100ms symbol=exact`."""
    return dict(_tolerance(word) for word in text.split())


def _tolerance(word: str) -> tuple[str, Tolerance]:
    column, amount = word.split("=")
    if amount == "exact":
        return column, Tolerance()
    for ending, measure, unit in (
        ("%", Measure.RELATIVE, Decimal("0.01")),
        ("ticks", Measure.TICKS, Decimal(1)),
        ("ns", Measure.WINDOW, Decimal(1)),
        ("ms", Measure.WINDOW, Decimal(1_000_000)),
        ("s", Measure.WINDOW, Decimal(1_000_000_000)),
    ):
        if amount.endswith(ending):
            return column, Tolerance(measure, Decimal(amount.removesuffix(ending)) * unit)
    return column, Tolerance(Measure.ABSOLUTE, Decimal(amount))


@dataclass(frozen=True)
class Case:
    """A task with the outcome that was worked out by hand.

    Attributes:
        on: passes, each a list of columns, separated by `;`. Empty: by identity.
        expected: one outcome a line, in any order: see `outcomes.lines`.
        carried: tables of records carried in from yesterday, by side.
        reading: options of `Reading`, for both sides or one.
        checks: (formula, columns, tolerance, table) each.
        controls: of the internal side.
        ticks: symbol to the tick of its price. `deadline` in nanoseconds.
    """

    name: str
    internal: str
    external: str
    expected: str
    records: str = "trades"
    on: str = ""
    compare: str = ""
    overrides: Mapping[str, str] = field(default_factory=dict)
    ignore: str = ""
    cut: str | None = None
    carried: Mapping[Side, str] = field(default_factory=dict)
    reading: Mapping[str, Any] = field(default_factory=dict)
    internal_reading: Mapping[str, Any] = field(default_factory=dict)
    external_reading: Mapping[str, Any] = field(default_factory=dict)
    checks: tuple[tuple[str, str, str, str], ...] = ()
    controls: Controls = field(default_factory=Controls)
    ticks: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, ColumnType] = field(default_factory=dict)
    deadline: int = 0

    @property
    def rules(self) -> Rules:
        return Rules(
            name="case",
            records=self.records,
            passes=tuple(
                Pass(tuple(names.split())) for names in self.on.split(";") if names.strip()
            ),
            compare=tolerances(self.compare),
            overrides={name: tolerances(text) for name, text in self.overrides.items()},
            ignore=frozenset(self.ignore.split()),
            deadline=Duration(self.deadline),
            checks=tuple(
                Check(PnlCheck(formula), f"pnl-{index}", tuple(on.split()), Decimal(tolerance))
                for index, (formula, on, tolerance, _) in enumerate(self.checks)
            ),
        )

    def task(self, carrier: Carrier) -> MatchTask:
        return MatchTask(
            rules=self.rules,
            internal=self._side(Side.INTERNAL, self.internal, self.internal_reading, carrier),
            external=self._side(Side.EXTERNAL, self.external, self.external_reading, carrier),
            checks=tuple(
                self._check(index, check[3], carrier) for index, check in enumerate(self.checks)
            ),
            cut=at(self.cut) if self.cut else None,
            business_date=DAY,
            instruments={
                symbol: Instrument(tick=Decimal(tick)) for symbol, tick in self.ticks.items()
            },
        )

    def _side(
        self, side: Side, text: str, options: Mapping[str, Any], carrier: Carrier
    ) -> SideTask:
        type_ = RECORD_TYPES[self.records]
        type_ = type_.with_extra(self.extra) if self.extra else type_
        table = Table.of(text)
        reading = reading_of(side.value, type_, table, {**self.reading, **options})
        controls = self.controls if side is Side.INTERNAL else Controls()
        scan = Scan(side.value, carrier.rows(side.value, table), controls=controls)
        items: tuple[OpenItem, ...] = ()
        if carried := self.carried.get(side):
            old = Table.of(carried)
            options = {**self.reading, **options, "only": {}, "skip": {}}
            items = carried_items(side, reading_of(side.value, type_, old, options), old)
        return SideTask(side, scan, reading, items)

    def _check(self, index: int, text: str, carrier: Carrier) -> CheckTask:
        table = Table.of(text)
        name = f"pnl-{index}"
        reading = reading_of(name, RECORD_TYPES["pnl"], table, {})
        return CheckTask(index, Scan(name, carrier.rows(name, table)), reading)


def reading_of(source: str, type_: RecordType, table: Table, options: Mapping[str, Any]) -> Reading:
    options = dict(options)
    mapped = {*options.get("columns", {}), *table.header}
    constants = {
        name: FILLERS[name]
        for name, column in type_.columns.items()
        if column.required and name not in mapped
    }
    constants |= options.pop("constants", {})
    return Reading(source, type_, constants=constants, **options)


def carried_items(side: Side, reading: Reading, table: Table) -> tuple[OpenItem, ...]:
    """Records of yesterday, as they are kept; what cannot be read is carried unreadable."""
    bound = reading.bind(table.header)
    read = [bound.read(cells, place="yesterday", row=row) for row, cells in enumerate(table.rows)]
    readable = [values for values in read if not isinstance(values, Quarantined)]
    items = [
        OpenItem(side, Record(values, identity), YESTERDAY)
        for values, identity in zip(readable, identities(bound, readable), strict=True)
    ]
    for bad in read:
        if isinstance(bad, Quarantined):
            known = {name: bad.values[name] for name in bound.identity if name in bad.values}
            items.append(OpenItem(side, Record(bad.values, known), YESTERDAY, unreadable=True))
    return tuple(items)


@dataclass(frozen=True)
class Carrier:
    """How the tables reach the engine: `batches`, `frame`, `csv` or `parquet`."""

    kind: str
    folder: Path

    def rows(self, name: str, table: Table) -> Rows:
        match self.kind:
            case "batches":
                return Batches(table.header, lambda: batches(name, table))
            case "frame":
                return Frame(arrow(table), table.header, _texts(table), len(table.rows))
            case "csv":
                path = self.folder / f"{name}.csv"
                with path.open("w", encoding="utf-8", newline="") as file:
                    csv.writer(file, lineterminator="\n").writerows([table.header, *table.rows])
                return DelimitedFiles((str(path),), table.header, Dialect())
            case "parquet":
                path = self.folder / f"{name}.parquet"
                pq.write_table(arrow(table), path)
                return ParquetFiles((str(path),), table.header, _texts(table), len(table.rows))
        raise ValueError(self.kind)


def _texts(table: Table) -> tuple[str, ...]:
    return tuple(Physical.TEXT for _ in table.header)


def arrow(table: Table) -> pa.Table:
    columns = list(zip(*table.rows, strict=True)) or [()] * len(table.header)
    arrays = [pa.array(list(column), pa.string()) for column in columns]
    return pa.table(arrays, names=list(table.header))


def batches(place: str, table: Table, size: int = 3) -> Iterator[list[TextRow]]:
    rows = [TextRow(cells, place, row, row + 1) for row, cells in enumerate(table.rows, start=1)]
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
