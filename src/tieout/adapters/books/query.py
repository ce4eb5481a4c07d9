"""Any database as a book: a query for each kind of record, asked anew each time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeVar

from tieout.adapters.books.apart import Apart
from tieout.core.asked import answered, identified
from tieout.core.canonical import instant, nanoseconds
from tieout.core.live import Answer, Ask
from tieout.core.model import Quarantined, Record
from tieout.core.read import Reading
from tieout.core.scan import BadRow, Batches
from tieout.errors import SourceError
from tieout.ports import Clock, Source

_T = TypeVar("_T")
LIMIT: Final = 30.0
"""Seconds for one reading."""

_UNSTATED: Final = "the query names no `as_of`: what it gives is taken for the state of the moment"


@dataclass(frozen=True, slots=True)
class Query:
    """Where the records of one kind come from.

    Attributes:
        open: opens the source; it is closed after each reading. Its scan gives `Batches`, as
            that of `SqlSource` does. No rows at all are an error there, unless it allows them.
        reading: how its rows become records. Where a snapshot's query has no `as_of`, that is
            the time of asking.
    """

    open: Callable[[], AbstractContextManager[Source]]
    reading: Reading


@dataclass(frozen=True, slots=True)
class _Read:
    records: list[Record]
    quarantined: list[Quarantined]
    notes: tuple[str, ...]


class QueryBook:
    """Implements `ports.Book`.

    Args:
        queries: by record type.
        version: opens a source whose rows change whenever an answer could have changed, cheaper
            than all queries: the highest id and the count, say. Without it, their rows are hashed.
        timeout: seconds for one reading.
    """

    def __init__(
        self,
        name: str,
        queries: Mapping[str, Query],
        clock: Clock,
        *,
        version: Callable[[], AbstractContextManager[Source]] | None = None,
        timeout: float = LIMIT,
    ) -> None:
        self._name = name
        self._queries = dict(queries)
        self._clock = clock
        self._version = version
        self._timeout = timeout
        self._apart = Apart(name, timeout)

    @property
    def name(self) -> str:
        return self._name

    @property
    def offers(self) -> frozenset[str]:
        return frozenset(self._queries)

    async def fetch(self, ask: Ask) -> Answer:
        """Raises SourceError: the query fails, takes too long, or gives no rows unexpectedly."""
        if ask.records not in self._queries:
            raise SourceError(
                f"this book has no {ask.records}",
                where=self._name,
                hint=f"give it a query for them; it has {', '.join(sorted(self._queries))}",
            )
        now = self._clock.now()
        read = await self._in_time(lambda: _read(self._queries[ask.records], ask.records, now))
        return answered(
            self._name,
            ask,
            read.records,
            read.quarantined,
            asked_at=nanoseconds(now),
            answered_at=nanoseconds(self._clock.now()),
            notes=read.notes,
        )

    async def version(self) -> str:
        """A digest of the rows of the version's query, else of all."""
        now = self._clock.now()
        sources = (
            [self._version]
            if self._version is not None
            else [self._queries[records].open for records in sorted(self._queries)]
        )
        return await self._in_time(lambda: "-".join(_digest(each, now) for each in sources))

    async def symbols(self) -> frozenset[str]:
        """Every symbol that its queries give."""
        found: set[str] = set()
        for records in sorted(self.offers):
            answer = await self.fetch(Ask(records, since=0))
            found |= {
                str(row.values["symbol"]) for row in answer.records if row.values.get("symbol")
            }
        return frozenset(found)

    async def aclose(self) -> None:
        """Nothing stays open between two readings."""

    async def _in_time(self, read: Callable[[], _T]) -> _T:
        try:
            return await self._apart.read(read)
        except TimeoutError:
            raise SourceError(
                f"the query took longer than {self._timeout:g} s",
                where=self._name,
                hint="give it an index, or ask for less",
            ) from None


def _read(query: Query, records: str, now: datetime) -> _Read:
    with query.open() as source:
        scan = source.scan(business_date=now.date())
        batches = _batches(scan.rows, source.name)
        reading, notes = _as_of_now(query.reading, batches.columns, now)
        bound = reading.bind(batches.columns)
        read: list[Record] = []
        quarantined: list[Quarantined] = []
        for row in (row for batch in batches.read() for row in batch):
            if isinstance(row, BadRow):
                quarantined.append(
                    Quarantined(source.name, row.place, row.row, row.reason, row.raw)
                )
            elif bound.wanted(row.cells):
                values = bound.read(row.cells, place=row.place, row=row.row)
                if isinstance(values, Quarantined):
                    quarantined.append(values)
                else:
                    read.append(Record(values, {}, row.row))
    once, conflicts = identified(
        read, records, source=source.name, place="query", identity=bound.identity
    )
    return _Read(once, quarantined + conflicts, (*scan.notes, *notes))


def _as_of_now(
    reading: Reading, header: tuple[str, ...], now: datetime
) -> tuple[Reading, tuple[str, ...]]:
    """The reading, with the present for the `as_of` that a snapshot does not state."""
    column = reading.records.columns.get("as_of")
    stated = {*header, *reading.columns, *reading.constants}
    if column is None or not column.required or "as_of" in stated:
        return reading, ()
    constants = {**reading.constants, "as_of": instant(nanoseconds(now))}
    return replace(reading, constants=constants), (_UNSTATED,)


def _batches(rows: object, name: str) -> Batches:
    if not isinstance(rows, Batches):
        raise SourceError(
            f"a book is read row by row, which {type(rows).__name__} is not made for",
            where=name,
            hint="use a source of the type `sql`",
        )
    return rows


def _digest(open_: Callable[[], AbstractContextManager[Source]], now: datetime) -> str:
    """A hash of all rows that a source gives, in whatever order it gives them."""
    rows = []
    with open_() as source:
        for batch in _batches(source.scan(business_date=now.date()).rows, source.name).read():
            for row in batch:
                content = row.raw if isinstance(row, BadRow) else row.cells
                encoded = repr(content).encode("utf-8", "surrogatepass")
                rows.append(hashlib.sha256(encoded).digest())
    return hashlib.sha256(b"".join(sorted(rows))).hexdigest()
