"""What is constant in a run: everything that deciding about a candidate needs beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from tieout.core.canonical import Layout, layout, plain_like, plain_record
from tieout.core.compare import Compared, kind_of
from tieout.core.match.plan import Plan
from tieout.core.model import PlainRecord, Record, Side, Value
from tieout.core.rules import Rules, Tolerance
from tieout.core.schema import RecordType
from tieout.core.valuation import Instrument, Prices, Valuation


@dataclass(frozen=True, slots=True)
class Bearing:
    """What is known of one side when records of the other are judged.

    Attributes:
        coverage_gap: why the side cannot say that it lacks a record of the other; None where
            it can.
        not_yet: whether a record of the other is past the side's cut, and so of a later business
            date of its own.
        keyless_quarantined: it has unreadable rows whose key was unreadable as well.
    """

    coverage_gap: Callable[[Record], str | None] = lambda record: None
    not_yet: Callable[[Record], bool] = lambda record: False
    keyless_quarantined: bool = False


@dataclass(frozen=True)
class Bench:
    """Everything that judging needs and that stays the same in a run.

    Attributes:
        as_of: UTC nanoseconds.
        skew: nanoseconds by which the clock that the records are dated by is ahead of that of
            `as_of`: a venue's, of ours.
        business_date: the run's; that of `as_of` in UTC where it is not given.
        check_records: by index in `Rules.checks`, the contract of a check's rows, where the
            source has extra columns.
    """

    rules: Rules
    plan: Plan
    as_of: int
    sides: Mapping[Side, Bearing] = field(
        default_factory=lambda: {side: Bearing() for side in Side}
    )
    instruments: Mapping[str, Instrument] = field(default_factory=dict)
    prices: Prices = field(default_factory=Prices)
    check_records: Mapping[int, RecordType] = field(default_factory=dict)
    business_date: date | None = None
    skew: int = 0

    @cached_property
    def records(self) -> RecordType:
        return self.plan.records

    @cached_property
    def compared(self) -> tuple[Compared, ...]:
        """The plan's columns with their kinds and default tolerances."""
        return tuple(
            Compared(
                name,
                self.records.columns[name].type,
                kind_of(self.records.name, self.records.columns[name]),
                self.rules.tolerance(name, None),
            )
            for name in self.plan.compared
        )

    @cached_property
    def overfills(self) -> bool:
        """Whether an order may be filled beyond its quantity: both are compared."""
        return self.records.name == "orders" and {"filled", "quantity"} <= set(self.plan.compared)

    @cached_property
    def valuation(self) -> Valuation:
        return Valuation(self.instruments, self.prices, self.as_of)

    @cached_property
    def _layouts(self) -> dict[tuple[str, ...], Layout]:
        return {}

    def _layout(self, values: Mapping[str, Value]) -> Layout:
        """The layout of a record of either side. Few sets of columns occur, many times."""
        columns = tuple(values)
        order = self._layouts.get(columns)
        if order is None:
            order = self._layouts[columns] = layout(columns, self.records)
        return order

    def plain(self, record: Record, *others: Record) -> list[PlainRecord]:
        """Records of either side as canonical text. `others` are much like `record`."""
        values = record.values
        texts: list[PlainRecord] = [plain_record(values, self.records, self._layout(values))]
        for other in others:
            own = other.values
            known = own is values  # copies may share their values
            texts.append(
                texts[0] if known else plain_like(own, self._layout(own), values, texts[0])
            )
        return texts

    def key(self, record: Record) -> PlainRecord:
        """A record's identity as canonical text."""
        return plain_record(record.identity, self.records, self._layout(record.identity))

    def tolerance(self, column: Compared, symbol: str | None) -> Tolerance:
        if self.rules.overrides:
            return self.rules.tolerance(column.name, symbol)
        return column.tolerance
