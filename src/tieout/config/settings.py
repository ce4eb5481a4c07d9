"""Frozen settings: what a configuration means, checked. Nothing here knows YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

from tieout.config.secret import Reference
from tieout.core.read import Reading
from tieout.core.rules import BusinessDeadline, Calendar, Rules
from tieout.core.scan import Controls, FileOptions
from tieout.core.schema import RECORD_TYPES, ColumnType, RecordType
from tieout.core.sign import SignColumn
from tieout.core.text import NumberStyle
from tieout.errors import Problem


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """A query on a database."""

    url: Reference
    query: str


@dataclass(frozen=True, slots=True)
class FrameOptions:
    """Rows that the Python API is given."""


Options: TypeAlias = FileOptions | QueryOptions | FrameOptions


@dataclass(frozen=True, slots=True)
class MappingSettings:
    """How a source's columns become records. Fields as in `core.read.Reading`.

    Attributes:
        symbols_from: an instruments source whose aliases extend `symbols`.
        extra: the source's own columns that records carry.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)
    numbers: NumberStyle = NumberStyle()
    signed: bool = False
    sign: SignColumn | None = None
    symbols: Mapping[str, str] = field(default_factory=dict)
    symbols_from: str | None = None
    floats: str | None = None
    identity: tuple[str, ...] = ()
    extra: Mapping[str, ColumnType] = field(default_factory=dict)
    only: Mapping[str, frozenset[str]] = field(default_factory=dict)
    skip: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expectations:
    """What must be in a source for it to be whole."""

    rows: int | None = None
    totals: Mapping[str, Decimal] = field(default_factory=dict)
    symbols: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """A source.

    Attributes:
        type: file, sql or frame, as `options` says.
        records: its record type, where it says so; else the reconciliation's.
        everything: it repeats the whole history, not only its business date.
        window: the times (UTC ns) that it covers, where it declares them.
        due_by: when it must be there, counted from the business date.
        cutoff: records at or after this wall-clock time belong to the next business date.
        max_age: nanoseconds after which a price is too old.
    """

    name: str
    type: str
    options: Options
    records: str | None = None
    mapping: MappingSettings = field(default_factory=MappingSettings)
    timezone: str | None = None
    calendar: Calendar = field(default_factory=Calendar)
    cutoff: time | None = None
    allow_empty: bool = False
    everything: bool = False
    window: tuple[int, int] | None = None
    due_by: BusinessDeadline | None = None
    expect: Expectations = field(default_factory=Expectations)
    max_age: int | None = None

    def record_type(self, records: str) -> RecordType:
        """The contract of `records`, or the source's own, with its extra columns."""
        contract = RECORD_TYPES[self.records or records]
        return contract.with_extra(self.mapping.extra) if self.mapping.extra else contract

    @property
    def controls(self) -> Controls:
        """What must hold of its records."""
        expect = self.expect
        return Controls(expect.rows, expect.totals, expect.symbols, self.window)

    def reading(self, records: str, symbols: Mapping[str, str] | None = None) -> Reading:
        """How to read this source's rows.

        Args:
            records: the record type, where the source does not name its own.
            symbols: more aliases, from the source that `mapping.symbols_from` names.
        """
        mapping, contract = self.mapping, self.record_type(records)
        floats = "refuse"
        if isinstance(self.options, FileOptions) and self._is_xlsx(self.options):
            floats = "shortest"
        return Reading(
            source=self.name,
            records=contract,
            columns=mapping.columns,
            constants=mapping.constants,
            values=mapping.values,
            timezone=self.timezone,
            forms=mapping.formats,
            numbers=mapping.numbers,
            signed=mapping.signed,
            sign=mapping.sign,
            symbols={**(symbols or {}), **mapping.symbols},
            floats=mapping.floats or floats,
            identity=mapping.identity,
            only=mapping.only,
            skip=mapping.skip,
        )

    @staticmethod
    def _is_xlsx(options: FileOptions) -> bool:
        named = all(path.lower().endswith(".xlsx") for path in options.paths)
        return options.format == "xlsx" or (options.format == "auto" and named)


@dataclass(frozen=True, slots=True)
class ReconciliationSettings:
    """A reconciliation: its rules, and the names of its sources."""

    rules: Rules
    internal: str
    external: str
    instruments: str | None = None
    prices: str | None = None

    @property
    def name(self) -> str:
        return self.rules.name

    @property
    def sources(self) -> tuple[str, ...]:
        """Every source that a run of it reads, each once."""
        named = [self.internal, self.external, *(check.source for check in self.rules.checks)]
        named += [name for name in (self.instruments, self.prices) if name is not None]
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole configuration.

    Attributes:
        file: where it came from; None for a text or a dict.
        store: the URL of the database; `store.resolve()` is what to connect to.
        warnings: what is allowed, but surely not meant.
    """

    store: Reference
    sources: Mapping[str, SourceSettings]
    reconciliations: Mapping[str, ReconciliationSettings]
    file: Path | None = None
    reporting_currency: str | None = None
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
