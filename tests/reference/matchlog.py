"""What is said of records that come again after their match, row by row: `ports.matches`, ADR 19.

The invariants are those of `recall` in the DuckDB engine; nothing of it is used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from reference.matching import newer_than_all
from reference.reading import Read, clock

from tieout.core.canonical import derived_id, plain_record
from tieout.core.lifecycle import OpenItem
from tieout.core.match.plan import Plan
from tieout.core.model import Pair, Record, Side, Value
from tieout.core.schema import ColumnType
from tieout.ports import LogFile, MatchTask, SideTask

TYPES = {
    ColumnType.TEXT: pa.string(),
    ColumnType.DECIMAL: pa.decimal128(38, 18),
    ColumnType.TIME: pa.int64(),
    ColumnType.DATE: pa.date32(),
}
Values = Mapping[str, Value]


@dataclass(eq=False)
class Row:
    """A pair of a log. `place`: of its log, 0 is the newest."""

    place: int
    ended: bool
    step: int | None
    values: dict[Side, dict[str, Value]]
    since: dict[Side, date]
    derived: dict[Side, str | None]


@dataclass(eq=False)
class Met:
    """What came for a pair: records of each side, by row (None: carried ones)."""

    again: dict[Side, list[tuple[int | None, Values]]] = field(
        default_factory=lambda: {side: [] for side in Side}
    )
    named: bool = False


def rows_of(log: LogFile, place: int) -> list[Row]:
    found = []
    for line in pq.read_table(log.path).to_pylist():
        values: dict[Side, dict[str, Value]] = {Side.INTERNAL: {}, Side.EXTERNAL: {}}
        for name, value in line.items():
            prefix, _, column = name.partition("_")
            if prefix in ("internal", "both"):
                values[Side.INTERNAL][column] = value
            if prefix in ("external", "both"):
                values[Side.EXTERNAL][column] = value
        since = {side: line[f"since_{side}"] or log.business_date for side in Side}
        derived = {side: line[f"derived_{side}"] for side in Side}
        found.append(Row(place, line["ended"], line["pass"], values, since, derived))
    return found


class ReferenceLog:
    """Implements `ports.MatchLog`.

    Attributes:
        carried: by side, the records that the logs bring into the match.
        left_out: by side, the rows that are reconciled.
    """

    def __init__(self, task: MatchTask, plan: Plan, reads: Mapping[Side, Read]) -> None:
        self.task, self.plan, self.reads = task, plan, reads
        logs = task.logs or ()
        self.rows = [row for place, log in enumerate(logs) for row in rows_of(log, place)]
        self.day = task.business_date
        self.same_rules = [log.same_rules for log in logs]
        self.own = [
            place for place, log in enumerate(logs) if log.business_date == task.business_date
        ]
        self.met: dict[Row, Met] = {}
        self.carried: dict[Side, list[OpenItem]] = {side: [] for side in Side}
        self.left_out: dict[Side, set[int]] = {side: set() for side in Side}
        self.again: set[Row] = set()
        self.pairs: list[Pair] = []
        for side, side_task in ((Side.INTERNAL, task.internal), (Side.EXTERNAL, task.external)):
            self.meet(side, side_task)
        self.conclude()

    @property
    def reconciled(self) -> Mapping[Side, int]:
        return {side: len(rows) for side, rows in self.left_out.items()}

    def add(self, pair: Pair) -> None:
        self.pairs.append(pair)

    # What comes

    def meet(self, side: Side, task: SideTask) -> None:
        incoming: list[tuple[int | None, Values]] = [*self.reads[side].rows]
        incoming += [(None, item.record.values) for item in task.carried if not item.unreadable]
        for row, values in incoming:
            at = clock(self.plan.records, values)
            if self.task.cut is not None and at is not None and at > self.task.cut:
                continue
            hits = self.newest([each for each in self.rows if self.same_record(side, values, each)])
            for hit in hits:
                self.met.setdefault(hit, Met()).again[side].append((row, values))
            for hit in self.named_by(side, values):
                if hit not in hits:
                    self.met.setdefault(hit, Met()).named = True

    def newest(self, rows: list[Row]) -> list[Row]:
        if not rows:
            return []
        best = min((row.place, row.ended) for row in rows)
        return [row for row in rows if (row.place, row.ended) == best and not row.ended]

    def same_record(self, side: Side, values: Values, row: Row) -> bool:
        identity = self.reads[side].bound.identity
        id_column = self.plan.records.id_of(identity)
        logged = row.values[side]
        if id_column is not None and values.get(id_column) is None:
            return False  # it may be another that looks the same
        return all(values.get(name) == logged.get(name) for name in identity)

    def named_by(self, side: Side, values: Values) -> list[Row]:
        target = values.get("supersedes")
        if target is None and values.get("exec_type") == "bust":
            target = values.get("trade_id")
        if target is None:
            return []
        identity = self.reads[side].bound.identity
        named: dict[tuple[Value, ...], list[Row]] = {}
        for row in self.rows:
            logged = row.values[side]
            wanted = {**{name: values.get(name) for name in ("account", "venue")}}
            if logged.get("trade_id") == target and all(
                logged.get(name) == value for name, value in wanted.items()
            ):
                named.setdefault(tuple(logged.get(name) for name in identity), []).append(row)
        return [hit for rows in named.values() for hit in self.newest(rows)]

    # What comes of it

    def conclude(self) -> None:
        times = Counter(
            (side, id(values))
            for met in self.met.values()
            for side in Side
            for _, values in met.again[side]
        )
        for row, met in self.met.items():
            ours, theirs = met.again[Side.INTERNAL], met.again[Side.EXTERNAL]
            if len(ours) + len(theirs) == 1 and not met.named:
                side = Side.INTERNAL if ours else Side.EXTERNAL
                ((number, values),) = met.again[side]
                alone = times[side, id(values)] == 1
                acts = values.get("supersedes") is not None or values.get("exec_type") == "bust"
                new = acts or bool(self.task.rules.checks) or any(map(self.unread, Side))
                new = new or not self.same_rules[row.place]
                if number is not None and alone and not new and same(values, row.values[side]):
                    self.left_out[side].add(number)
                    self.again.add(row)
        for row, met in self.met.items():
            if row not in self.again and (
                met.named or not all(met.again.values()) or self.is_newer(row, met)
            ):
                self.carry(row)

    def is_newer(self, row: Row, met: Met) -> bool:
        """Whether a record that came again is older than the log has it."""
        return any(
            number > other
            for side in Side
            for name in ("version", "sequence")
            if isinstance(number := row.values[side].get(name), Decimal)
            for _, values in met.again[side]
            if isinstance(other := values.get(name), Decimal)
        )

    def unread(self, side: Side) -> list[Values]:
        """What is readable of a side's unreadable rows, of carried ones too."""
        task = self.task.internal if side is Side.INTERNAL else self.task.external
        carried = [item.record.values for item in task.carried if item.unreadable]
        return [*carried, *(each.values for each in self.reads[side].quarantined if each.values)]

    def carry(self, row: Row) -> None:
        for side, task in (
            (Side.INTERNAL, self.task.internal),
            (Side.EXTERNAL, self.task.external),
        ):
            record = self.record(row, side)
            if any(
                all(values.get(name) == cell for name, cell in record.identity.items())
                for values in self.unread(side)
            ):
                continue  # an unreadable row of it has come: that is the newest word
            open_ = [
                item.record for item in (*task.carried, *self.carried[side]) if not item.unreadable
            ]
            known = [each for each in open_ if each.identity == record.identity]
            if not known or newer_than_all(record, known):
                self.carried[side].append(OpenItem(side, record, row.since[side]))

    def record(self, row: Row, side: Side) -> Record:
        values = row.values[side]
        identity = {name: values.get(name) for name in self.reads[side].bound.identity}
        id_column = self.plan.records.id_of(self.reads[side].bound.identity)
        if id_column is not None and identity[id_column] is None:
            plain = plain_record(values, self.plan.records)
            identity[id_column] = row.derived[side] or derived_id(plain, 0)
        return Record(values, identity, carried_from=row.since[side])

    # The file

    def write(self, path: str) -> tuple[int, date | None]:
        kept = [(row, False) for row in self.again]
        kept += [(row, True) for row in self.met if row not in self.again]
        kept += [
            (row, row.ended) for row in self.rows if row.place in self.own and row not in self.met
        ]
        lines = [self.line_of_pair(pair) for pair in self.pairs]
        lines += [self.line_of_row(row, ended=ended) for row, ended in kept]
        fields = [
            ("ended", pa.bool_()),
            ("pass", pa.int32()),
            *((f"since_{side}", pa.date32()) for side in Side),
            *((f"derived_{side}", pa.string()) for side in Side),
        ]
        for side in Side:
            columns = {*self.reads[side].bound.present}
            columns |= {name for row in self.rows for name in row.values[side]}
            fields += [
                (f"{side}_{name}", TYPES[self.plan.records.columns[name].type])
                for name in sorted(columns)
            ]
        pq.write_table(pa.Table.from_pylist(lines, schema=pa.schema(fields)), path)
        since = [line[f"since_{side}"] for line in lines for side in Side]
        return len(lines), min((each for each in since if each and each != self.day), default=None)

    def line_of_pair(self, pair: Pair) -> dict[str, Any]:
        line: dict[str, Any] = {"ended": False, "pass": pair.step}
        for side, record in ((Side.INTERNAL, pair.internal), (Side.EXTERNAL, pair.external)):
            id_column = self.plan.records.id_of(self.reads[side].bound.identity)
            line[f"since_{side}"] = record.carried_from
            if id_column is not None and record.values.get(id_column) is None:
                line[f"derived_{side}"] = record.identity[id_column]
            line |= {f"{side}_{name}": value for name, value in record.values.items()}
        return line

    def line_of_row(self, row: Row, *, ended: bool) -> dict[str, Any]:
        line: dict[str, Any] = {"ended": ended, "pass": row.step}
        for side in Side:
            line[f"since_{side}"] = row.since[side]
            line[f"derived_{side}"] = row.derived[side]
            line |= {f"{side}_{name}": value for name, value in row.values[side].items()}
        return line


def same(values: Values, logged: Values) -> bool:
    """Equal in every column; one that is absent is like one that is empty."""
    return all(values.get(name) == logged.get(name) for name in {*values, *logged})


def begun(task: MatchTask, plan: Plan, reads: Sequence[Read]) -> ReferenceLog | None:
    """The log of a match; None where none is kept."""
    if task.logs is None:
        return None
    return ReferenceLog(task, plan, dict(zip(Side, reads, strict=True)))
