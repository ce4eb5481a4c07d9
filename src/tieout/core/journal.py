"""The embedded ledger's entries, as they are written: records, and where they came from.

What an entry did to positions and balances is not written but worked out (`core.ledger`), since
that depends on the method of costing; a record says what happened, whatever the method.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Final

import msgspec
from msgspec import Struct

from tieout.core.canonical import ID_LENGTH, digest, dumps, plain_record
from tieout.core.held import values_of
from tieout.core.model import PlainRecord, Value
from tieout.core.schema import RECORD_TYPES, Column, ColumnType, RecordType

JOURNALED: Final = ("trades", "movements", "orders", "positions", "balances")
"""Records that an entry can be."""

EVERYTHING: Final = "*"
"""The symbol or currency of an opening entry of zero that speaks of all that have none."""

OPENINGS: Final = ("positions", "balances")
"""Those of them that are opening entries."""


class JournalEntry(Struct, frozen=True):
    """A record that the book believes.

    Attributes:
        id: 32 hex characters of a hash over record type, account, venue and identity; of an
            opening entry, with its instant and who approved it; of an order, with all it says,
            since an order says something new at each step. The same fact has the same id
            wherever it comes from.
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


def journal_entry(
    records: str,
    values: Mapping[str, Value],
    *,
    source: str,
    account: str | None = None,
    venue: str | None = None,
    at: int | None = None,
    opening: bool = False,
    approved_by: str | None = None,
) -> JournalEntry:
    """An entry with the id that its content gives it.

    Args:
        values: under the contract of `records`; further columns are texts.
        account, venue: where `values` does not say.
        at: when it happened, where the record's own time is not that: of an order, `updated_at`
            comes before its clock.

    Raises:
        ValueError, TypeError: it is no whole record of that type.
    """
    type_ = _contract(records)
    account = account if (own := values.get("account")) is None else str(own)
    venue = venue if (own := values.get("venue")) is None else str(own)
    if account is None or venue is None:
        raise ValueError(f"the {type_.singular} names no {'venue' if account else 'account'}")
    whole = {**values, "account": account, "venue": venue}
    if at is None:
        at = _instant_of(whole, type_)
    entry = JournalEntry("", records, account, venue, at, whole, source, opening, approved_by)
    plain = written(entry)
    return msgspec.structs.replace(entry, id=_id(entry, plain, type_))


def _instant_of(values: Mapping[str, Value], type_: RecordType) -> int:
    for name in ("updated_at", type_.clock):
        if name is not None and isinstance(instant := values.get(name), int):
            return instant
    raise ValueError(f"the {type_.singular} does not say when it happened")


def _id(entry: JournalEntry, plain: PlainRecord, type_: RecordType) -> str:
    named = {name for name, value in plain.items() if value is not None}
    identity = {name: plain[name] for name in type_.identity(named) if name in named}
    if type_.id_column is not None and type_.id_column not in identity:
        raise ValueError(f"the {type_.singular} has no {type_.id_column}")
    told = [entry.records, dumps(identity)]
    if entry.opening:
        told += ["opening", str(entry.at), entry.approved_by or ""]
    elif entry.records == "orders":
        told.append(dumps({name: plain[name] for name in named}))
    else:
        # An amended record is a fact of its own, which replaces the earlier one.
        told += [plain.get("version") or "", plain.get("sequence") or ""]
    return digest("journal", *told)[:ID_LENGTH]


def written(entry: JournalEntry) -> PlainRecord:
    """An entry's values as canonical text, which `read_back` turns into equal values.

    Raises:
        ValueError, TypeError: what cannot be an entry: a bug in whoever made it.
    """
    type_ = _contract(entry.records)
    if entry.opening is not (entry.records in OPENINGS):
        raise ValueError(f"{' and '.join(OPENINGS)} are opening entries, and nothing else is")
    for name, value in entry.values.items():
        _check(type_, name, value)
    for name, column in type_.columns.items():
        if column.required and entry.values.get(name) is None:
            raise ValueError(f"the {type_.singular} has no {name}")
    if entry.records == "trades" and entry.values.get("side") is None:
        raise ValueError("the trade has no side")
    if entry.records == "movements" and not (
        entry.values.get("currency") or entry.values.get("symbol")
    ):
        raise ValueError("the movement has neither currency nor symbol")
    name, amount = ("symbol", "quantity") if entry.records == "positions" else ("currency", "total")
    if entry.opening and entry.values[name] == EVERYTHING and entry.values[amount]:
        raise ValueError(f"an opening of everything ({EVERYTHING}) says that it was zero")
    return plain_record(entry.values, type_)


_PYTHON: Final[Mapping[ColumnType, type]] = {
    ColumnType.TEXT: str,
    ColumnType.DECIMAL: Decimal,
    ColumnType.TIME: int,
    ColumnType.DATE: date,
}


def _check(type_: RecordType, name: str, value: Value) -> None:
    if value is None:
        return
    column = type_.columns.get(name) or Column(name)
    if not isinstance(value, _PYTHON[column.type]) or isinstance(value, bool):
        raise TypeError(f"{name} of a {type_.singular} is {column.type}, not {value!r}")
    if isinstance(value, Decimal) and not value.is_finite():
        raise ValueError(f"{name} of a {type_.singular} is {value}")
    if column.choices and value not in column.choices:
        raise ValueError(f"{name} of a {type_.singular} cannot be {value!r}")


def read_back(records: str, plain: PlainRecord) -> Mapping[str, Value]:
    """The values again, typed by the contract of today.

    Raises:
        ValueError: the contract cannot read them.
    """
    values, readable = values_of(plain, _contract(records))
    if not readable:
        raise ValueError(f"the {records} of today cannot hold {dumps(plain)}")
    return values


def differing(entry: JournalEntry, other: JournalEntry) -> tuple[str, ...]:
    """The columns in which two entries of one id contradict each other; empty: the same fact.

    Who brought it is not part of the fact. A column that is null is as one that is not there.
    """
    if entry is other:
        return ()
    ours, theirs = (
        {name: text for name, text in written(each).items() if text is not None}
        | {"(time)": str(each.at), "(records)": each.records, "(opening)": str(each.opening)}
        for each in (entry, other)
    )
    return tuple(name for name in sorted({*ours, *theirs}) if ours.get(name) != theirs.get(name))


def _contract(records: str) -> RecordType:
    if records not in JOURNALED:
        raise ValueError(f"{records!r} do not go into the journal; these do: {JOURNALED}")
    return RECORD_TYPES[records]
