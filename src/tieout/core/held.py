"""A record on its way into the next run as text: what is kept of it, and back.

1. Its key is the id that a break anchored on the record has: one digest of the reconciliation,
   its side and its identity.
2. The text is canonical, as in the content of a break, and the contract turns it back into equal
   values, the identity in the order of the contract. Lost are the row and the file, which say
   nothing in a later run.
3. What the contract of today cannot read any more makes the record an unreadable one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import NamedTuple

import msgspec

from tieout.core.canonical import dumps, layout, nanoseconds
from tieout.core.lifecycle import OpenItem
from tieout.core.model import PlainRecord, Record, Side, Value
from tieout.core.schema import ColumnType, RecordType


class Held(NamedTuple):
    """An open item as text. Sorted by key, equal identities of a side stand together."""

    key: str
    text: str


class HeldText(msgspec.Struct):
    """An open item as it is kept.

    Attributes:
        since: the business date on which the record first appeared.
        unreadable: it was quarantined, with a readable key.
    """

    identity: PlainRecord
    record: PlainRecord
    side: Side
    since: date
    unreadable: bool


_DECODER = msgspec.json.Decoder(HeldText)


def held_of(
    key: str,
    side: Side,
    identity: PlainRecord,
    record: PlainRecord,
    since: date,
    *,
    unreadable: bool = False,
) -> Held:
    """An open item as it is kept. `identity` and `record` as canonical text."""
    return Held(
        key,
        dumps(
            {
                "identity": identity,
                "record": record,
                "side": side,
                "since": since,
                "unreadable": unreadable,
            }
        ),
    )


def text_of(held: Held) -> HeldText:
    """What is kept, as text."""
    return _DECODER.decode(held.text)


def opened(held: Held, records: RecordType) -> OpenItem:
    """The open item again. `records` is the contract of today."""
    kept = text_of(held)
    values, readable = values_of(kept.record, records)
    # Canonical text is sorted by name, a record of a source by contract.
    in_order = {name: kept.identity[name] for name, _ in layout(kept.identity, records)}
    identity, _ = values_of(in_order, records)
    record = Record(values, identity, carried_from=kept.since)
    return OpenItem(kept.side, record, kept.since, kept.unreadable or not readable)


def values_of(plain: PlainRecord, records: RecordType) -> tuple[Mapping[str, Value], bool]:
    """The values, and whether all of them could be read."""
    values: dict[str, Value] = {}
    readable, columns = True, records.columns
    for name, text in plain.items():
        if text is None or name not in columns or (type_ := columns[name].type) is ColumnType.TEXT:
            values[name] = text
            continue
        try:
            values[name] = Decimal(text) if type_ is ColumnType.DECIMAL else _value(text, type_)
        except (ValueError, InvalidOperation):
            readable = False
    return values, readable


def _value(text: str, type_: ColumnType) -> Value:
    if type_ is ColumnType.TIME:
        return _instant(text)
    if type_ is ColumnType.DATE:
        return date.fromisoformat(text)
    return text


def _instant(text: str) -> int:
    """The reverse of `canonical.instant`."""
    if len(text) != 30 or text[19] != "." or text[29] != "Z":
        raise ValueError(f"no instant: {text}")
    return _second(text[:19]) + int(text[20:29])


@lru_cache(maxsize=4096)  # the two sides of a trade share it
def _second(text: str) -> int:
    return nanoseconds(datetime.fromisoformat(text).replace(tzinfo=UTC))
