"""The embedded ledger's entries in a database."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, func, select

from tieout.adapters.store.database import Database
from tieout.adapters.store.pages import PAGE, pages
from tieout.adapters.store.tables import journal
from tieout.core.canonical import dumps
from tieout.core.journal import JournalEntry, JournalRow, differing, read_back, written
from tieout.core.model import PlainRecord
from tieout.errors import JournalConflict, StoreError

_COLUMNS: Final = (
    "id", "records", "account", "venue", "at", "opening", "source", "approved_by", "content",
    "recorded_at",
)  # fmt: skip

_DECODER: Final = msgspec.json.Decoder(PlainRecord)


class SqlJournal:
    """See `ports.Journal`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, entries: Sequence[JournalEntry]) -> int:
        fresh = dict(_told_apart(entries))
        with self._database.writing() as connection:
            if not self._database.sqlite:
                # Writers come one after the other: a number that became visible after a higher
                # one would never be read by whoever reads on from there.
                connection.exec_driver_sql("LOCK TABLE journal IN SHARE ROW EXCLUSIVE MODE")
            for known in _known(connection, list(fresh)):
                same_fact(known, fresh.pop(known.id))
            now = time.time_ns()
            rows = [_row(entry, now) for entry in fresh.values()]
            self._database.insert(connection, journal, rows, _COLUMNS)
        return len(rows)

    def read(
        self,
        *,
        account: str | None = None,
        venue: str | None = None,
        records: str | None = None,
        after: int = 0,
    ) -> Iterator[JournalRow]:
        query = select(journal).where(journal.c.number > after)
        wanted = {"account": account, "venue": venue, "records": records}
        for name, value in wanted.items():
            if value is not None:
                query = query.where(journal.c[name] == value)
        with self._database.reading() as connection:
            for row in pages(connection, query, [journal.c.number]):
                yield JournalRow(row.number, row.recorded_at, _entry(row))

    def last(self) -> int:
        with self._database.reading() as connection:
            newest: int | None = connection.scalar(select(func.max(journal.c.number)))
        return newest or 0


def _told_apart(entries: Sequence[JournalEntry]) -> Mapping[str, JournalEntry]:
    """By id, each once, in the order in which they came."""
    fresh: dict[str, JournalEntry] = {}
    for entry in entries:
        same_fact(fresh.setdefault(entry.id, entry), entry)
    return fresh


def same_fact(known: JournalEntry, entry: JournalEntry) -> None:
    """Raises JournalConflict where two entries of one id contradict each other."""
    if columns := differing(known, entry):
        raise JournalConflict(
            f"the journal has this entry with another {', '.join(columns)}",
            where=f"{entry.source}: {entry.records} {entry.id}",
            hint="an amended record needs a higher version; a mistake is undone by an entry of "
            "its own",
        )


def _known(connection: Connection, ids: Sequence[str]) -> Iterator[JournalEntry]:
    for start in range(0, len(ids), PAGE):
        some = journal.c.id.in_(ids[start : start + PAGE])
        yield from map(_entry, connection.execute(select(journal).where(some)).all())


def _row(entry: JournalEntry, now: int) -> tuple[Any, ...]:
    return (
        entry.id,
        entry.records,
        entry.account,
        entry.venue,
        entry.at,
        entry.opening,
        entry.source,
        entry.approved_by,
        dumps(written(entry)),
        now,
    )


def _entry(row: Row[Any]) -> JournalEntry:
    try:
        values = read_back(row.records, _DECODER.decode(row.content))
    except ValueError as error:  # msgspec's errors are some
        raise StoreError(
            f"the journal's entry {row.number} cannot be read: {error}",
            hint="a newer tieout wrote it, or the database is damaged",
        ) from error
    return JournalEntry(
        row.id,
        row.records,
        row.account,
        row.venue,
        row.at,
        values,
        row.source,
        row.opening,
        row.approved_by,
    )
