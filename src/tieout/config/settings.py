"""Frozen settings: what a configuration means, checked. Nothing here knows YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeAlias

from tieout.config.secret import Reference
from tieout.core.calendars import Cutoff, is_business_day
from tieout.core.matched import Keep
from tieout.core.model import Money
from tieout.core.read import Reading
from tieout.core.rules import BusinessDeadline, Calendar, Rules
from tieout.core.scan import Controls, FileOptions
from tieout.core.schema import RECORD_TYPES, ColumnType, RecordType
from tieout.core.sign import SignColumn
from tieout.core.text import NumberStyle
from tieout.errors import Problem


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """A query on a database.

    Attributes:
        version: a query whose rows change whenever those of `query` could have; None: these
            themselves are compared.
    """

    url: Reference
    query: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class FrameOptions:
    """Rows that the Python API is given."""


@dataclass(frozen=True, slots=True)
class VenueOptions:
    """An account at an exchange.

    Attributes:
        venue: the adapter: `binance_spot`, or `ccxt:<id>`. See `exchange`.
        api_key, secret, password: references; none of them is ever a value in clear.
        wallet_address: whose account it is, where the venue knows its customers by that.
        subaccount: the venue's own name or number of it.
        base_url, ws_url: in place of the exchange's own addresses.
        timeout: nanoseconds for one request.
        symbols: to ask for beside those of the book, where the venue answers by symbol only.
        lag: nanoseconds until a fill can be seen by who asks for it.
        options: the adapter's own, as plain values and references. No secret is in them.
    """

    venue: str
    account: str = "main"
    api_key: Reference | None = None
    secret: Reference | None = None
    password: Reference | None = None
    wallet_address: Reference | None = None
    subaccount: Reference | None = None
    base_url: str | None = None
    ws_url: str | None = None
    timeout: int = 10_000_000_000
    symbols: frozenset[str] = frozenset()
    lag: int = 2_000_000_000
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def exchange(self) -> str:
        """As the records' `venue` says it: `binance` of `binance_spot`."""
        if self.venue.startswith("ccxt:"):
            return self.venue.removeprefix("ccxt:")
        return self.venue.rpartition("_")[0]

    @property
    def references(self) -> Mapping[str, Reference]:
        """What says who asks, by key; only what is given."""
        named = ("api_key", "secret", "password", "wallet_address", "subaccount")
        found = {name: getattr(self, name) for name in named}
        return {name: each for name, each in found.items() if each is not None}

    def resolved(self) -> Mapping[str, Any]:
        """`options` with what they refer to. Do not show or log it. Raises as `Reference.resolve`
        does."""
        return {name: _resolved(each) for name, each in self.options.items()}


def _resolved(option: Any) -> Any:
    match option:
        case Reference():
            return option.resolve()
        case dict():
            return {name: _resolved(each) for name, each in option.items()}
        case list():
            return [_resolved(each) for each in option]
    return option


@dataclass(frozen=True, slots=True)
class BookOptions:
    """The embedded ledger.

    Attributes:
        account, venue: what of it; None: those of the side that it is compared with.
        basis: `average` or `fifo`: what a position costs.
        fees: `in` or `out` of that cost.
    """

    account: str | None = None
    venue: str | None = None
    basis: str = "average"
    fees: str = "out"


@dataclass(frozen=True, slots=True)
class FreqtradeOptions:
    """freqtrade's database. `account` and `venue` as in BookOptions."""

    url: Reference
    account: str | None = None
    venue: str | None = None


Options: TypeAlias = (
    FileOptions | QueryOptions | FrameOptions | VenueOptions | BookOptions | FreqtradeOptions
)

LIVE: Final = ("venue", "book", "freqtrade")
"""Types of sources that say how things are now."""


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
        type: file, sql, frame, venue, book or freqtrade, as `options` says.
        records: its record type, where it says so; else the reconciliation's.
        everything: it repeats the whole history, not only its business date.
        window: the times (UTC ns) that it covers, where it declares them.
        due_by: when it must be there, counted from the business date.
        cutoff: records at or after this wall-clock time belong to the source's next business date.
        max_age: nanoseconds after which a price is too old; of a source that answers now, after
            which what it says is stale.
    """

    name: str
    type: str
    options: Options
    records: str | None = None
    mapping: MappingSettings = field(default_factory=MappingSettings)
    timezone: str | None = None
    calendar: Calendar | None = None
    cutoff: time | None = None
    allow_empty: bool = False
    everything: bool = False
    window: tuple[int, int] | None = None
    due_by: BusinessDeadline | None = None
    expect: Expectations = field(default_factory=Expectations)
    max_age: int | None = None

    @property
    def live(self) -> bool:
        """Whether it says how things are now, and is read again and again."""
        return self.type in LIVE

    @property
    def repeats(self) -> bool:
        """Whether it repeats its whole history: a frame is all there is."""
        return self.everything or isinstance(self.options, FrameOptions)

    def record_type(self, records: str) -> RecordType:
        """The contract of `records`, or the source's own, with its extra columns."""
        contract = RECORD_TYPES[self.records or records]
        return contract.with_extra(self.mapping.extra) if self.mapping.extra else contract

    @property
    def cut(self) -> Cutoff | None:
        """The cut-off with its zone and its business days."""
        if self.cutoff is None:
            return None
        return Cutoff(self.cutoff, self.timezone or "UTC", self.calendar or Calendar())

    def is_closed(self, day: date) -> bool:
        """Whether its own calendar says that `day` has no business: a day without records.

        Only one that is stated: nobody said that a market rests on Saturdays.
        """
        return self.calendar is not None and not is_business_day(day, self.calendar)

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


TRIGGERS: Final = ("start", "interval", "events")
"""What starts a monitor."""


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """How a reconciliation is made while trading goes on. Lengths of time are nanoseconds.

    Value tolerance, dust and minimum sizes are among the rules, since they decide what breaks.

    Attributes:
        every: between the starts of two runs.
        grace: how long the readings of a snapshot that confirm a break span at least.
        confirmations: readings that agree on a break before it is one, the first included.
        resamples: how often a snapshot is read again where one reading leaves it open.
        lookback: how far before what is known already events are read again; of orders, how long
            one that is closed is looked at.
        full: how far back events are read the first time, and again once in every such time.
        lag: until a fill can be seen at the venue; None: as the venue's source says.
        transit: how long a transfer between one's own accounts, venues or wallets may be on its
            way.
        on: of TRIGGERS.
    """

    every: int = 60_000_000_000
    grace: int = 5_000_000_000
    confirmations: int = 2
    resamples: int = 5
    lookback: int = 3_600_000_000_000
    full: int = 86_400_000_000_000
    lag: int | None = None
    transit: int = 3_600_000_000_000
    on: frozenset[str] = frozenset(TRIGGERS)


@dataclass(frozen=True, slots=True)
class ReconciliationSettings:
    """A reconciliation: its rules, and the names of its sources.

    Attributes:
        live: how it is made while trading goes on; None where its sides are files or frames.
        keep: how long what matched is kept; None: not at all.
    """

    rules: Rules
    internal: str
    external: str
    instruments: str | None = None
    prices: str | None = None
    live: LiveSettings | None = None
    keep: Keep | None = None

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
class ServeSettings:
    """What the environment says of all monitors; None where it says nothing.

    All but `enabled` and `retries` are in the reconciliations and sources already.

    Attributes:
        enabled: whether monitors run by themselves.
        every: nanoseconds between runs.
        threshold: the value tolerance of positions and balances.
        retries: how often a venue is asked again that did not answer.
        timeout: nanoseconds for one request to a venue.
    """

    enabled: bool = True
    every: int | None = None
    threshold: Money | None = None
    retries: int | None = None
    timeout: int | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole configuration.

    Attributes:
        file: where it came from; None for a text or a dict.
        store: the URL of the database; `store.resolve()` is what to connect to.
        match_logs: the directory of the match logs; None: beside the store.
        warnings: what is allowed, but surely not meant.
    """

    store: Reference
    sources: Mapping[str, SourceSettings]
    reconciliations: Mapping[str, ReconciliationSettings]
    file: Path | None = None
    reporting_currency: str | None = None
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    match_logs: Path | None = None
    serve: ServeSettings = ServeSettings()
