"""The only place that names concrete adapters: settings in, things that run out.

Adapters are imported inside the functions, so that a command pays only for what it uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tieout.config.settings import (
    QueryOptions,
    ReconciliationSettings,
    Settings,
    SourceSettings,
)
from tieout.core.rows import BreakRow
from tieout.core.scan import FileOptions, InputFile, Scan
from tieout.core.schema import PNL, ColumnType
from tieout.core.valuation import Prices, Quote, instruments_of, quotes_of
from tieout.errors import SourceError, UsageError
from tieout.ports import Matches, ReportData, Source, Store
from tieout.service.setup import Progress, Reference, Request, Setup, SideSetup

if TYPE_CHECKING:
    from tieout.adapters.engines.duckdb import DuckDBEngine
    from tieout.adapters.files.proof import Digests
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


def hash_ahead(
    settings: Settings, names: Sequence[str] = (), business_date: date | None = None
) -> Digests:
    """Begin to hash the files that a run will read, beside all that it imports.

    Those named by the business date are left to the run, where it is not given.
    """
    from tieout.adapters.files.proof import Digests
    from tieout.adapters.files.settings import FileSettings

    digests = Digests()
    for name in names or settings.reconciliations:
        for each in settings.reconciliations[name].sources:
            options = settings.sources[each].options
            if not isinstance(options, FileOptions):
                continue
            if business_date is not None or not any("{business_date" in at for at in options.paths):
                files = FileSettings(**asdict(options), name=each)
                digests.begin(files, business_date or date.min)
    return digests


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
    digests: Digests | None = None,
) -> list[RunOutcome]:
    """Run reconciliations, one after the other.

    Args:
        names: which; all where empty.
        frames: the rows of sources of the type `frame`, by source.
        digests: what `hash_ahead` gave.

    Raises:
        UsageError: nothing was started.
        ConfigError, StoreError: nothing of the reconciliation at hand was stored.
        A source that fails is no exception: its run is `failed`.
    """
    chosen = list(names or settings.reconciliations)
    request = Request(as_of, business_date, restate, dry_run)
    live = [name for name in chosen if settings.reconciliations[name].live is not None]
    files = [name for name in chosen if name not in live]
    outcomes = []
    if live:
        outcomes += _live(settings, live, store, request, progress)
    if files:
        outcomes += _files(settings, files, store, request, progress, frames or {}, digests)
    done = {each.row.reconciliation: each for each in outcomes}
    return [done[name] for name in chosen]


def _files(
    settings: Settings,
    names: Sequence[str],
    store: Store,
    request: Request,
    progress: Progress,
    frames: Mapping[str, object],
    digests: Digests | None,
) -> list[RunOutcome]:
    digests = digests or hash_ahead(settings, names, request.business_date)
    from tieout.adapters.clock import SystemClock
    from tieout.adapters.engines.duckdb import DuckDBEngine
    from tieout.adapters.spool import SortedSpool
    from tieout.service.runs import Bench, check
    from tieout.service.runs import run as run_once

    engine, clock = DuckDBEngine(), SystemClock()
    matches = _matches(settings, names, store)
    bench = Bench(engine, store, clock, SortedSpool, progress, matches=matches)
    day = request.business_date or (request.as_of or clock.now()).date()
    with ExitStack() as every:
        every.callback(digests.close)
        wired = []
        for name in names:
            resources = every.enter_context(ExitStack())
            sources = _Sources(settings, engine, frames, digests, resources)
            setup = sources.wire(settings.reconciliations[name], day)
            check(setup, request, bench)
            wired.append((setup, resources))
        outcomes = []
        for setup, resources in wired:
            with resources:
                outcomes.append(run_once(setup, request, bench))
    return outcomes


def _matches(settings: Settings, names: Sequence[str], store: Store) -> Matches | None:
    """Where what matched is kept, if one of the reconciliations keeps it. Raises UsageError."""
    keeping = [name for name in names if settings.reconciliations[name].keep is not None]
    if not keeping:
        return None
    from tieout.adapters.matches import MatchFolder

    command = f"tieout run {settings.file or 'CONFIG'}"
    if settings.match_logs is not None:
        return MatchFolder(settings.match_logs / store.id, command)
    if store.file is None:
        raise UsageError(
            f"{keeping[0]!r} keeps its matches, and the store is in a server: files cannot lie"
            " beside it",
            hint="name a directory that all who run it share: `match_logs: DIRECTORY`",
        )
    return MatchFolder(Path(f"{store.file}.matches"), command)


def _live(
    settings: Settings, names: Sequence[str], store: Store, request: Request, progress: Progress
) -> list[RunOutcome]:
    """One verdict of each live reconciliation. Raises UsageError: of another time than now."""
    if request.as_of is not None or request.business_date is not None:
        raise UsageError(
            f"{names[0]!r} asks venues how things are now; it has no other --as-of or"
            " --business-date",
            hint="leave them out, or name only reconciliations of files",
        )
    from tieout.wiring.live import verdicts
    from tieout.wiring.loop import run_loop

    return run_loop(
        verdicts(settings, names, store=store, dry_run=request.dry_run, progress=progress)
    )


@dataclass(frozen=True, slots=True)
class _Failed:
    """A source that cannot be read, because something that it needs cannot."""

    name: str
    error: SourceError

    def scan(self, *, business_date: date) -> Scan:  # noqa: ARG002 - a Source's signature
        raise self.error


@dataclass(frozen=True, slots=True)
class _Sources:
    """Opens what one reconciliation reads. `resources` closes it."""

    settings: Settings
    engine: DuckDBEngine
    frames: Mapping[str, object]
    digests: Digests
    resources: ExitStack

    def wire(self, reconciliation: ReconciliationSettings, day: date) -> Setup:
        """The reconciliation with its sources. Aliases of symbols are read as of `day`."""
        rules = reconciliation.rules
        internal = self.settings.sources[reconciliation.internal]
        return Setup(
            rules=rules,
            internal=self._side(reconciliation.internal, rules.records, day),
            external=self._side(reconciliation.external, rules.records, day),
            checks=[self._side(check.source, "pnl", day) for check in rules.checks],
            reference=partial(self._reference, reconciliation),
            zone=ZoneInfo(internal.timezone or "UTC"),
            keep=reconciliation.keep,
        )

    def _side(self, name: str, records: str, day: date) -> SideSetup:
        source = self.settings.sources[name]
        opened = self._open(source, records)
        aliases: dict[str, str] = {}
        try:
            aliases = self._aliases(source, day)
        except SourceError as error:
            opened = _Failed(name, error)
        return SideSetup(
            opened,
            source.reading(records, aliases),
            everything=source.repeats,
            due_by=source.due_by,
            cutoff=source.cut,
            max_age=source.max_age,
        )

    def _open(self, source: SourceSettings, records: str) -> Source:
        """The source that the settings describe."""
        options = source.options
        common: dict[str, Any] = {
            "name": source.name,
            "used": _used(source, records),
            "allow_empty": source.allow_empty,
            "is_holiday": source.is_closed if _may_rest(source, records) else None,
            "controls": source.controls,
        }
        if isinstance(options, FileOptions):
            from tieout.adapters.files.settings import FileSettings
            from tieout.adapters.files.source import FileSource

            common |= {"numbers": source.mapping.numbers, "floats": source.mapping.floats}
            files = FileSettings(**asdict(options), **common)
            return self.resources.enter_context(FileSource(files, self.digests))
        common["floats"] = source.mapping.floats or "refuse"
        if isinstance(options, QueryOptions):
            from tieout.adapters.sql.source import SqlSettings, SqlSource

            common["texts"] = _texts(source, records)
            sql = SqlSettings(url=options.url.resolve(), query=options.query, **common)
            return self.resources.enter_context(SqlSource(sql))
        from tieout.adapters.frames import FrameSettings, FrameSource

        if source.name not in self.frames:
            raise UsageError(
                f"the source {source.name!r} is a frame, and none was given for it",
                hint="pass it to tieout.reconcile",
            )
        return FrameSource(self.frames[source.name], FrameSettings(**common))

    def _aliases(self, source: SourceSettings, day: date) -> dict[str, str]:
        """Aliases of symbols, from the instruments that the source names."""
        name = source.mapping.symbols_from
        if name is None:
            return {}
        aliases = {}
        for record in self._read(name, "instruments", day)[0]:
            symbol = str(record.values["symbol"])
            aliases[symbol] = symbol
            for alias in str(record.values.get("aliases") or "").split("|"):
                if alias.strip():
                    aliases[alias.strip()] = symbol
        return aliases

    def _reference(self, reconciliation: ReconciliationSettings, day: date) -> Reference:
        """Instruments and prices. Without instruments nothing is judged; without prices values
        are unknown, and the run is incomplete."""
        instruments, prices, reasons = {}, Prices(), []
        inputs: list[InputFile] = []
        if reconciliation.instruments is not None:
            rows, read = self._read(reconciliation.instruments, "instruments", day)
            instruments = instruments_of(record.values for record in rows)
            inputs += read
        if reconciliation.prices is not None:
            try:
                rows, read = self._read(reconciliation.prices, "prices", day)
                inputs += read
                quotes = quotes_of(record.values for record in rows)
                max_age = self.settings.sources[reconciliation.prices].max_age
                prices = Prices(quotes, max_age, via=("USD", "USDT"))
            except SourceError as error:
                reasons.append(f"values are unknown: {error.what}")
        return Reference(instruments, prices, tuple(reasons), tuple(inputs))

    def _read(self, name: str, records: str, day: date) -> tuple[list[Record], Sequence[InputFile]]:
        """A small source, whole, and what it was read from.

        Raises:
            SourceError: also for a row that cannot be read.
        """
        source = self.settings.sources[name]
        scan = self._open(source, records).scan(business_date=day)
        rows, quarantined = self.engine.read(scan, source.reading(records))
        if quarantined:
            first = quarantined[0]
            raise SourceError(
                f"{len(quarantined)} rows cannot be read; row {first.row}, {first.field}:"
                f" {first.reason}",
                where=f"{source.name}: {first.place}",
                hint="reference data must be readable whole: correct the rows",
            )
        return rows, scan.inputs()


def read_quotes(settings: Settings, name: str, day: date) -> dict[str, Quote]:
    """The prices of a source, by pair. Raises SourceError: it cannot be read whole."""
    from tieout.adapters.engines.duckdb import DuckDBEngine
    from tieout.adapters.files.proof import Digests

    with ExitStack() as resources, closing(Digests()) as digests:
        sources = _Sources(settings, DuckDBEngine(), {}, digests, resources)
        rows, _ = sources._read(name, "prices", day)  # noqa: SLF001 - of this module
        return quotes_of(record.values for record in rows)


def _may_rest(source: SourceSettings, records: str) -> bool:
    """Whether a day without business has none of these: positions last over every holiday."""
    contract = source.record_type(records)
    return contract.event or contract.name == PNL.name


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


def _texts(source: SourceSettings, records: str) -> frozenset[str]:
    """Those of the columns that are read as text, in which a whole float is an integer."""
    mapping = source.mapping
    texts = {
        mapping.columns.get(column.name, column.name)
        for column in source.record_type(records).columns.values()
        if column.type is ColumnType.TEXT
    }
    texts |= set(mapping.only) | set(mapping.skip)
    return frozenset(texts | ({mapping.sign.column} if mapping.sign else set()))


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
