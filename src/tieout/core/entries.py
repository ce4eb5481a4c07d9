"""What happened, as what it did: an entry moves one or more amounts.

A fill on a spot market moves three: base, quote, and the asset of the fee. An entry is such a
vector, and its effects come together or not at all: a snapshot has seen all of them or none.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct


class KeyKind(StrEnum):
    """What an amount is an amount of."""

    POSITION = "position"
    BALANCE = "balance"


class Key(Struct, frozen=True, order=True):
    """One amount that a snapshot states.

    Attributes:
        name: a position's unified symbol, or a balance's currency.
        part: a position's leg (`net`, `long`, `short`), or a balance's wallet.
    """

    account: str
    venue: str
    kind: KeyKind
    name: str
    part: str


class Entry(Struct, frozen=True):
    """Something that happened, and what it moved.

    Attributes:
        id: joins the book's entry to the venue's: the record's type and identity, hashed.
        at: UTC nanoseconds.
        sequence: the venue's own order, comparable inside one `stream` only.
        stream: what `sequence` counts in: venue, account and symbol; empty where there is none.
        effects: signed; in the instrument's unit or the currency.
        possible: keys that a part not yet known (a fee) may have moved as well.
    """

    id: str
    at: int
    effects: Mapping[Key, Decimal]
    sequence: int | None = None
    stream: str = ""
    possible: frozenset[Key] = frozenset()
