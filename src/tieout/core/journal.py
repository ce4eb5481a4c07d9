"""The embedded ledger's entries, as they are written: records, and where they came from.

What an entry did to positions and balances is not written but worked out (`core.ledger`), since
that depends on the method of costing; a record says what happened, whatever the method.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from tieout.core.model import Value


class JournalEntry(Struct, frozen=True):
    """A record that the book believes.

    Attributes:
        id: 32 hex characters of a hash over record type, account, venue and identity; of an
            opening entry, with its instant. The same fact has the same id wherever it comes from.
        records: its contract: trades, movements, orders, positions or balances.
        opening: it states how a position or balance was at `at`, and what happened before is
            contained in it. Only positions and balances can be opening entries.
        at: UTC nanoseconds: when it happened.
        source: who brought it: a file, `engine`, a correction's id.
        approved_by: of an opening entry, who approved it; without, its key stays unknown.
    """

    id: str
    records: str
    account: str
    venue: str
    at: int
    values: Mapping[str, Value]
    source: str
    opening: bool = False
    approved_by: str | None = None


class JournalRow(Struct, frozen=True):
    """An entry in the journal.

    Attributes:
        number: rises by the order of writing; gaps are possible.
        recorded_at: UTC nanoseconds.
    """

    number: int
    recorded_at: int
    entry: JournalEntry
