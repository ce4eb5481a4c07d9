"""The entries of a journal as they were read, and those of them that may answer a question.

A book is asked for the last minute, again and again, of a journal that only grows: nothing here
costs what the whole journal costs, but for a question about all of it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from typing import Final, NamedTuple

from tieout.core.asked import belongs
from tieout.core.journal import EVERYTHING, JournalEntry
from tieout.core.live import Ask
from tieout.core.schema import RECORD_TYPES

_AMENDING: Final = ("supersedes", "version", "sequence")
"""What makes an entry say something of another one."""


class _Dated(NamedTuple):
    """When an event happened, and which it is by the order of writing."""

    at: int
    number: int


class Journaled:
    """Entries by what is asked of them.

    Attributes:
        openings: opening entries, in the order of writing.
        places: accounts and venues of entries. `symbols`: that entries name.
    """

    def __init__(self) -> None:
        self.entries: dict[str, JournalEntry] = {}
        self.openings: list[JournalEntry] = []
        self.places: set[tuple[str, str]] = set()
        self.symbols: set[str] = set()
        self._numbered: list[JournalEntry] = []
        self._dated: dict[str, list[_Dated]] = defaultdict(list)
        self._first: dict[tuple[object, ...], int] = {}
        self._awaited: set[tuple[object, ...]] = set()
        self._linked: dict[str, set[int]] = defaultdict(set)

    def add(self, entry: JournalEntry) -> None:
        """Take in the next entry of the journal."""
        if entry.id in self.entries:
            return
        self.entries[entry.id] = entry
        self.places.add((entry.account, entry.venue))
        symbol = entry.values.get("symbol")
        if symbol not in (None, EVERYTHING):
            self.symbols.add(str(symbol))
        if entry.opening:
            self.openings.append(entry)
        elif RECORD_TYPES[entry.records].event:
            self._event(len(self._numbered), entry)
            self._numbered.append(entry)

    def _event(self, number: int, entry: JournalEntry) -> None:
        values, at = entry.values, entry.values.get("timestamp")
        if isinstance(at, int):
            dated, new = self._dated[entry.records], _Dated(at, number)
            if dated and dated[-1].at > at:
                insort(dated, new)
            else:
                dated.append(new)
        linked = self._linked[entry.records]
        place = entry.account, entry.venue, values.get("symbol")
        if entry.records != "trades":
            place = *place[:2], None
        name = (entry.records, *place, values.get(RECORD_TYPES[entry.records].id_column or ""))
        first = self._first.setdefault(name, number)
        if first != number:
            linked |= {first, number}
        before = values.get("supersedes")
        if before is not None:
            replaced = (entry.records, *place, before)
            self._awaited.add(replaced)
            if replaced in self._first:
                linked.add(self._first[replaced])
        alone = before is None and values.get("version") is None and name not in self._awaited
        if not alone or not isinstance(at, int):
            linked.add(number)

    def asked(self, ask: Ask, until: int) -> list[JournalEntry]:
        """The events that are asked for, or say something of one that may be; not later than
        `until`, UTC nanoseconds. In the order of writing."""
        dated = self._dated[ask.records]
        first = 0 if ask.since is None else bisect_left(dated, ask.since, key=_at)
        last = len(dated) if ask.until is None else bisect_right(dated, ask.until, key=_at)
        numbers = self._linked[ask.records].union(each.number for each in dated[first:last])
        entries = (self._numbered[number] for number in sorted(numbers))
        return [entry for entry in entries if entry.at <= until and _may_belong(entry, ask)]


def _at(dated: _Dated) -> int:
    return dated.at


def _may_belong(entry: JournalEntry, ask: Ask) -> bool:
    """Whether an entry is asked for, or says something of one that may be."""
    values = entry.values
    return belongs(values, ask) or any(values.get(name) is not None for name in _AMENDING)
