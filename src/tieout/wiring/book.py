"""The embedded ledger on the command line, and databases as books."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tieout.config.settings import (
    MappingSettings,
    QueryOptions,
    Settings,
    SourceSettings,
)
from tieout.core.model import Quarantined, Record
from tieout.core.scan import FileOptions
from tieout.core.schema import RECORD_TYPES
from tieout.errors import UsageError
from tieout.ports import Clock, Store
from tieout.wiring import _texts, _used

if TYPE_CHECKING:
    from tieout.adapters.books.ledger import LedgerBook
    from tieout.adapters.books.query import QueryBook
    from tieout.core.journal import JournalEntry


def query_book(source: SourceSettings, records: str, clock: Clock) -> QueryBook:
    """A source of type `sql` as a book of one kind of record, asked anew each time.

    Raises:
        UsageError: it names another source for its aliases, which is read once a run only.
    """
    from tieout.adapters.books.query import LIMIT, Query, QueryBook
    from tieout.adapters.sql.source import SqlSettings, SqlSource

    options = source.options
    assert isinstance(options, QueryOptions)
    if source.mapping.symbols_from is not None:
        raise UsageError(
            f"{source.name!r} has its symbols from another source, which a live book does not read",
            hint="give the aliases in place: `symbols: {BTCUSDT: BTC/USDT}`",
        )
    kind = source.records or records
    settings = SqlSettings(
        name=source.name,
        url=options.url.resolve(),
        query=options.query,
        floats=source.mapping.floats or "refuse",
        used=_used(source, kind),
        texts=_texts(source, kind),
        timeout=LIMIT,
        allow_empty=source.allow_empty,
    )
    query = Query(partial(SqlSource, settings), source.reading(kind))
    version = None
    if options.version is not None:
        asked = replace(settings, query=options.version, used=None, floats="shortest")
        version = partial(SqlSource, asked)
    return QueryBook(source.name, {kind: query}, clock, version=version, timeout=LIMIT)


def ledger_book(store: Store, *, account: str | None, venue: str | None) -> LedgerBook:
    """The embedded ledger of a store, or what of it is of an account or exchange."""
    from tieout.adapters.books.ledger import LedgerBook
    from tieout.wiring.feeds import system_clock

    clock = system_clock()
    return LedgerBook("book", store.journal, account=account, venue=venue, clock=clock)


def read_file(
    path: Path, records: str, *, source: SourceSettings | None, own: Mapping[str, str]
) -> tuple[list[Record], list[Quarantined]]:
    """The records of a file, each once, and what cannot be read of it.

    Args:
        source: how it is mapped, as a source of the configuration says; else its columns have
            the canonical names, and its times are UTC where they do not say.
        own: account and venue, of a file that has no such columns.

    Raises:
        UsageError: the source is no file, or its rows are other records.
        SourceError: the file cannot be read.
    """
    from tieout.adapters.engines.duckdb import DuckDBEngine
    from tieout.adapters.files.proof import Digests
    from tieout.adapters.files.settings import FileSettings
    from tieout.adapters.files.source import FileSource
    from tieout.core.asked import identified

    mapped = _mapped(path, records, source, own)
    assert isinstance(mapped.options, FileOptions)
    settings = FileSettings(
        **asdict(mapped.options),
        name=mapped.name,
        used=_used(mapped, records),
        allow_empty=mapped.allow_empty,
        numbers=mapped.mapping.numbers,
        floats=mapped.mapping.floats,
        controls=mapped.controls,
    )
    with ExitStack() as resources:
        digests = Digests()
        resources.callback(digests.close)
        opened = resources.enter_context(FileSource(settings, digests))
        scan = opened.scan(business_date=datetime.now(UTC).date())
        rows, quarantined = DuckDBEngine().read(scan, mapped.reading(records))
        scan.inputs()  # raises where the file changed meanwhile
    once, conflicts = identified(rows, records, source=mapped.name, place=str(path))
    return once, [*quarantined, *conflicts]


def _mapped(
    path: Path, records: str, source: SourceSettings | None, own: Mapping[str, str]
) -> SourceSettings:
    """The source's settings, for this file."""
    if not path.exists():
        raise UsageError(f"there is no file {path}")
    paths = (str(path.absolute()),)
    if source is None:
        known = RECORD_TYPES[records].columns
        constants = {name: text for name, text in own.items() if name in known}
        return SourceSettings(
            name=path.name,
            type="file",
            options=FileOptions(paths=paths),
            mapping=MappingSettings(constants=constants),
            timezone="UTC",
        )
    if not isinstance(source.options, FileOptions):
        raise UsageError(
            f"{source.name!r} is a source of type {source.type}, which maps no file",
            hint="name a source of type file",
        )
    if source.records not in (None, records):
        raise UsageError(
            f"the rows of {source.name!r} are {source.records}, not {records}",
            hint=f"--records {source.records}",
        )
    constants = {**source.mapping.constants, **own}
    mapping = replace(source.mapping, constants=constants)
    return replace(source, options=replace(source.options, paths=paths), mapping=mapping)


async def opening_entries(
    settings: Settings,
    store: Store,
    name: str,
    *,
    as_of: int | None,
    approved_by: str,
    pause: float,
) -> tuple[JournalEntry, ...]:
    """What a venue's two readings come to. Raises as `service.book.read_opening` does."""
    from tieout.service.book import read_opening
    from tieout.wiring.feeds import Feeds, system_clock

    clock = system_clock()
    feeds = Feeds(settings, store, clock)
    try:
        return await read_opening(
            feeds.open(name), clock=clock, approved_by=approved_by, as_of=as_of, pause=pause
        )
    finally:
        await feeds.aclose()
