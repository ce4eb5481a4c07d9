"""The only place that names concrete adapters: settings in, things that run out.

Adapters are imported inside the functions, so that a command pays only for what it uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tieout.config.settings import (
    FileOptions,
    FrameOptions,
    QueryOptions,
    ReconciliationSettings,
    Settings,
    SourceSettings,
)
from tieout.core.calendars import is_business_day
from tieout.core.rows import BreakRow
from tieout.core.scan import Controls, Scan
from tieout.core.valuation import Prices, instruments_of, quotes_of
from tieout.errors import SourceError, UsageError
from tieout.ports import ReportData, Source, Store
from tieout.service.setup import Progress, Reference, Request, Setup, SideSetup

if TYPE_CHECKING:
    from tieout.adapters.engines.duckdb import DuckDBEngine
    from tieout.core.infer import SampledFile
    from tieout.core.model import Record
    from tieout.service.runs import RunOutcome


def silent(doing: str, share: float | None = None, /) -> None:
    """Progress that nobody wants to see."""


def open_store(url: str, *, dry_run: bool = False) -> Store:
    """The store at `url`; with `dry_run` one that is not there yet is not created."""
    from tieout.adapters import store

    if dry_run:
        state = store.schema_state(url)
        if state.current is None:
            return store.open_store("sqlite://")
    return store.open_store(url)


def upgrade_store(url: str) -> Any:
    """Bring the store's schema up to date; returns what it was."""
    from tieout.adapters import store

    return store.upgrade(url)


def run(
    settings: Settings,
    names: Sequence[str] = (),
    *,
    store: Store,
    as_of: datetime | None = None,
    business_date: date | None = None,
    restate: bool = False,
    dry_run: bool = False,
    progress: Progress = silent,
    frames: Mapping[str, object] | None = None,
) -> list[RunOutcome]:
    """Run reconciliations, one after the other.

    Args:
        names: which; all where empty.
        frames: the rows of sources of the type `frame`, by source.

    Raises:
        UsageError: nothing was started.
        ConfigError, StoreError: nothing of the reconciliation at hand was stored.
        A source that fails is no exception: its run is `failed`.
    """
    from tieout.adapters.clock import SystemClock
    from tieout.adapters.engines.duckdb import DuckDBEngine
    from tieout.adapters.spool import SortedSpool
    from tieout.service.runs import Bench, check
    from tieout.service.runs import run as run_once

    engine, clock = DuckDBEngine(), SystemClock()
    bench = Bench(engine, store, clock, SortedSpool, progress)
    day = business_date or (as_of or clock.now()).date()
    request = Request(as_of, business_date, restate, dry_run)
    with ExitStack() as every:
        wired = []
        for name in names or settings.reconciliations:
            resources = every.enter_context(ExitStack())
            setup = wire(
                settings, settings.reconciliations[name], engine, resources, frames or {}, day
            )
            check(setup, request, bench)
            wired.append((setup, resources))
        outcomes = []
        for setup, resources in wired:
            with resources:
                outcomes.append(run_once(setup, request, bench))
    return outcomes


def wire(
    settings: Settings,
    reconciliation: ReconciliationSettings,
    engine: DuckDBEngine,
    resources: ExitStack,
    frames: Mapping[str, object],
    day: date,
) -> Setup:
    """A reconciliation with its sources. `resources` closes them.

    Args:
        day: of which the aliases of symbols are read.
    """

    def side(name: str, records: str) -> SideSetup:
        source = settings.sources[name]
        opened = _open(source, resources, frames, records)
        aliases: dict[str, str] = {}
        try:
            aliases = _aliases(settings, source, engine, resources, frames, day)
        except SourceError as error:
            opened = _Failed(name, error)
        return SideSetup(
            opened,
            source.reading(records, aliases),
            everything=source.everything or isinstance(source.options, FrameOptions),
            due_by=source.due_by,
        )

    rules = reconciliation.rules
    internal = settings.sources[reconciliation.internal]
    return Setup(
        rules=rules,
        internal=side(reconciliation.internal, rules.records),
        external=side(reconciliation.external, rules.records),
        checks=[side(check.source, "pnl") for check in rules.checks],
        reference=partial(_reference, settings, reconciliation, engine, resources, frames),
        zone=ZoneInfo(internal.timezone or "UTC"),
        cutoff=internal.cutoff,
    )


@dataclass(frozen=True, slots=True)
class _Failed:
    """A source that cannot be read, because something that it needs cannot."""

    name: str
    error: SourceError

    def scan(self, *, business_date: date) -> Scan:  # noqa: ARG002 - a Source's signature
        raise self.error


def _open(
    source: SourceSettings,
    resources: ExitStack,
    frames: Mapping[str, object],
    records: str,
) -> Source:
    """The source that the settings describe."""
    options = source.options
    common: dict[str, Any] = {
        "name": source.name,
        "used": _used(source, records),
        "allow_empty": source.allow_empty,
        "is_holiday": lambda day: not is_business_day(day, source.calendar),
        "controls": Controls(
            rows=source.expect.rows,
            totals=source.expect.totals,
            symbols=source.expect.symbols,
            window=source.window,
        ),
    }
    if isinstance(options, FileOptions):
        return _file_source(source, options, common, resources)
    if isinstance(options, QueryOptions):
        from tieout.adapters.sql.source import SqlSettings, SqlSource

        floats = source.mapping.floats or "refuse"
        sql = SqlSettings(url=options.url.resolve(), query=options.query, floats=floats, **common)
        return resources.enter_context(SqlSource(sql))
    from tieout.adapters.frames import FrameSettings, FrameSource

    if source.name not in frames:
        raise UsageError(
            f"the source {source.name!r} is a frame, and none was given for it",
            hint="pass it to tieout.reconcile",
        )
    common["allow_empty"] = True
    settings = FrameSettings(floats=source.mapping.floats or "refuse", **common)
    return FrameSource(frames[source.name], settings)


def _file_source(
    source: SourceSettings, options: FileOptions, common: dict[str, Any], resources: ExitStack
) -> Source:
    from tieout.adapters.files.settings import FileSettings
    from tieout.adapters.files.source import FileSource

    return resources.enter_context(
        FileSource(
            FileSettings(
                paths=options.paths,
                format=options.format,
                compression=options.compression,
                encoding=options.encoding,
                delimiter=options.delimiter,
                quote=options.quote,
                escape=options.escape,
                names=options.names,
                skip_rows=options.skip_rows,
                comment=options.comment,
                trailer=options.trailer,
                numbers=source.mapping.numbers,
                sheet=options.sheet,
                record_path=options.record_path,
                floats=source.mapping.floats,
                **common,
            )
        )
    )


def _used(source: SourceSettings, records: str) -> frozenset[str]:
    """The source's columns that are read. Binary floats in others do no harm."""
    mapping = source.mapping
    canonical = {
        name
        for name in source.record_type(records).columns
        if name not in mapping.columns and name not in mapping.constants
    }
    used = canonical | set(mapping.columns.values()) | set(mapping.only) | set(mapping.skip)
    return frozenset(used | ({mapping.sign.column} if mapping.sign else set()))


def _aliases(
    settings: Settings,
    source: SourceSettings,
    engine: DuckDBEngine,
    resources: ExitStack,
    frames: Mapping[str, object],
    day: date,
) -> dict[str, str]:
    """Aliases of symbols, from the instruments that the source names."""
    name = source.mapping.symbols_from
    if name is None:
        return {}
    aliases = {}
    for record in _read(settings.sources[name], "instruments", engine, resources, frames, day):
        symbol = str(record.values["symbol"])
        aliases[symbol] = symbol
        for alias in str(record.values.get("aliases") or "").split("|"):
            if alias.strip():
                aliases[alias.strip()] = symbol
    return aliases


def _reference(
    settings: Settings,
    reconciliation: ReconciliationSettings,
    engine: DuckDBEngine,
    resources: ExitStack,
    frames: Mapping[str, object],
    day: date,
) -> Reference:
    """Instruments and prices. Without instruments nothing is judged; without prices values are
    unknown, and the run is incomplete."""
    instruments, prices, reasons = {}, Prices(), []
    if reconciliation.instruments is not None:
        source = settings.sources[reconciliation.instruments]
        rows = _read(source, "instruments", engine, resources, frames, day)
        instruments = instruments_of(record.values for record in rows)
    if reconciliation.prices is not None:
        source = settings.sources[reconciliation.prices]
        try:
            rows = _read(source, "prices", engine, resources, frames, day)
            quotes = quotes_of(record.values for record in rows)
            prices = Prices(quotes, source.max_age, via=("USD", "USDT"))
        except SourceError as error:
            reasons.append(f"values are unknown: {error.what}")
    return Reference(instruments, prices, tuple(reasons))


def _read(
    source: SourceSettings,
    records: str,
    engine: DuckDBEngine,
    resources: ExitStack,
    frames: Mapping[str, object],
    day: date,
) -> list[Record]:
    """A small source, whole. Raises SourceError also for a row that cannot be read."""
    opened = _open(source, resources, frames, records)
    scan = opened.scan(business_date=day)
    rows, quarantined = engine.read(scan, source.reading(records))
    if quarantined:
        first = quarantined[0]
        raise SourceError(
            f"{len(quarantined)} rows cannot be read; row {first.row}, {first.field}:"
            f" {first.reason}",
            where=f"{source.name}: {first.place}",
            hint="reference data must be readable whole: correct the rows",
        )
    return rows


def write_report(data: ReportData, path: str) -> None:
    """Write a report in the format that the suffix names."""
    from tieout.adapters.reports import report_writer

    report_writer(path).write(data, path)


def write_breaks(rows: Callable[[], Iterable[BreakRow]], path: str, as_of: datetime) -> None:
    """Write breaks as NDJSON, CSV or Parquet, by the suffix."""
    from tieout.adapters.reports import break_writer

    break_writer(path).write(ReportData(as_of, (), rows, tuple, 0), path)


def sample(path: str, *, name: str, limit: int) -> SampledFile:
    """The first records of a file that nobody has described yet."""
    from tieout.adapters.files.sample import sample as take

    return take(path, name=name, limit=limit)
