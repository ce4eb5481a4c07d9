"""A Journal in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence

from msgspec import structs

from tieout.core.journal import JournalEntry, JournalRow, differing, read_back, written
from tieout.errors import JournalConflict


class MemoryJournal:
    """Keeps entries in a list, as texts turn into them. See `ports.Journal`."""

    def __init__(self) -> None:
        self._rows: list[JournalRow] = []
        self._known: dict[str, JournalEntry] = {}
        self._lock = threading.RLock()

    def append(self, entries: Sequence[JournalEntry]) -> int:
        with self._lock:
            fresh: dict[str, JournalEntry] = {}
            for entry in entries:
                values = read_back(entry.records, written(entry))
                known = self._known.get(entry.id) or fresh.setdefault(
                    entry.id, structs.replace(entry, values=values)
                )
                if columns := differing(known, entry):
                    raise JournalConflict(
                        f"the journal has this entry with another {', '.join(columns)}",
                        where=f"{entry.source}: {entry.records} {entry.id}",
                    )
            now = time.time_ns()
            for number, entry in enumerate(fresh.values(), len(self._rows) + 1):
                self._rows.append(JournalRow(number, now, entry))
            self._known.update(fresh)
            return len(fresh)

    def read(
        self,
        *,
        account: str | None = None,
        venue: str | None = None,
        records: str | None = None,
        after: int = 0,
    ) -> Iterator[JournalRow]:
        for row in self._rows[max(after, 0) :]:
            entry = row.entry
            if (
                account in (None, entry.account)
                and venue in (None, entry.venue)
                and records in (None, entry.records)
            ):
                yield row

    def last(self) -> int:
        return len(self._rows)
