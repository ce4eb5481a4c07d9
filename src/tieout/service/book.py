"""What a person puts into the embedded ledger: opening entries, and records out of a file.

1. An opening entry is what two readings of a venue agree on, some time apart: what moved in
   between is in neither or in both. A reading that is not complete, or in doubt, opens nothing.
2. It counts from the first reading on; from an earlier instant only where the venue says that
   nothing has happened since (`still`).
3. Where the venue's answer is about everything, so is the opening: what it does not name was zero.
   Where it is about the currencies that it lists, those of them that hold nothing are opened at
   zero, in each of its wallets. What the venue did not know then stays unknown.
4. A key that was opened already is opened anew only on purpose, by a later entry.
5. An import of what is there already adds nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from msgspec import structs

from tieout.core.canonical import dumps, instant, nanoseconds, plain_record
from tieout.core.journal import EVERYTHING, OPENINGS, JournalEntry, journal_entry
from tieout.core.live import Answer, Ask
from tieout.core.model import Quarantined, Record, Value
from tieout.core.read import RAW_LIMIT
from tieout.core.schema import RECORD_TYPES
from tieout.errors import SourceError, UsageError
from tieout.ports import Clock, Feed, Journal
from tieout.service.still import check_still

PAUSE: Final = 5.0
"""Seconds between two readings: longer than a fill stays invisible to who asks for it."""

OPENED: Final[Mapping[str, tuple[str, ...]]] = {
    "positions": ("account", "venue", "symbol", "leg", "quantity", "average_price", "cost"),
    "balances": ("account", "venue", "currency", "wallet", "total"),
}
"""Columns of an opening entry. What else a venue says (margin, free) is of the moment only."""

_ZERO: Final = Decimal(0)

Named = tuple[str, ...]
"""An opening's key as texts: records, account, venue, symbol or currency, leg or wallet."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Opening entries that would be written.

    Attributes:
        known: the newest opening entry that the journal has of the same key, by key.
    """

    entries: tuple[JournalEntry, ...]
    known: Mapping[Named, JournalEntry]


@dataclass(frozen=True, slots=True)
class Imported:
    """Records of a file as entries; `quarantined` are those that cannot be any."""

    entries: tuple[JournalEntry, ...]
    quarantined: tuple[Quarantined, ...]


async def read_opening(
    feed: Feed,
    *,
    clock: Clock,
    approved_by: str,
    as_of: int | None = None,
    pause: float = PAUSE,
) -> tuple[JournalEntry, ...]:
    """Opening entries from a venue, read twice.

    Args:
        as_of: UTC nanoseconds; None: from the first reading on.
        pause: seconds between the two readings.

    Raises:
        UsageError: the venue has neither positions nor balances; or `as_of` is yet to come.
        SourceError: a reading is not complete or in doubt, the two differ, or it is not certain
            that nothing happened since `as_of`.
    """
    kinds = [records for records in OPENINGS if records in feed.offers]
    if not kinds:
        raise UsageError(
            f"{feed.name!r} has neither positions nor balances to open with",
            hint="name a venue, or import a file of them",
        )
    if as_of is not None and as_of > nanoseconds(clock.now()):
        raise UsageError(
            f"--as-of {instant(as_of)} is yet to come", hint="without --as-of it is the present"
        )
    first = await _read(feed, kinds)
    await asyncio.sleep(pause)
    second = await _read(feed, kinds)
    for one, other in zip(first, second, strict=True):
        _check_equal(feed.name, one, other)
    first = [_about_both(one, other) for one, other in zip(first, second, strict=True)]
    at = max(answer.answered_at for answer in first)
    if as_of is not None and as_of < at:
        await check_still(feed, as_of, first)
        at = as_of
    return tuple(
        journal_entry(
            answer.ask.records,
            {**values, "as_of": at},
            source=feed.name,
            at=at,
            opening=True,
            approved_by=approved_by,
        )
        for answer in first
        for values in [*_named(answer), *_everything(answer, feed)]
    )


def _named(answer: Answer) -> list[dict[str, Value]]:
    """What an answer names, by the columns of an opening."""
    names = OPENED[answer.ask.records]
    return [
        {name: record.values[name] for name in names if record.values.get(name) is not None}
        for record in answer.records
    ]


def _about_both(one: Answer, other: Answer) -> Answer:
    """`one`, about no more than two equal answers are about both."""

    def shared(left: frozenset[str] | None, right: frozenset[str] | None) -> frozenset[str] | None:
        if left is None or right is None:
            return right if left is None else left
        return left & right

    return structs.replace(
        one,
        symbols=shared(one.symbols, other.symbols),
        wallets=shared(one.wallets, other.wallets),
    )


def _everything(answer: Answer, feed: Feed) -> list[dict[str, Value]]:
    """Openings of zero for what an answer is about and does not name; of balances in each of its
    wallets.

    An answer that neither has a balance nor names its wallets does not say which it is about.
    """
    place = {
        name: getattr(feed, name, None) or _only(answer, name) for name in ("account", "venue")
    }
    if None in place.values():
        return []
    if answer.ask.records == "positions":
        # Of a symbol that is covered and flat nobody says in which legs it may be held.
        whole = answer.symbols is None
        return [{**place, "symbol": EVERYTHING, "quantity": _ZERO}] if whole else []
    # Also those that are covered and empty: what comes into them later is not unknown.
    wallets = {record.values.get("wallet") for record in answer.records} | (answer.wallets or set())
    held = {(each.values.get("currency"), each.values.get("wallet")) for each in answer.records}
    return [
        {
            **place,
            "currency": currency,
            **({} if wallet is None else {"wallet": wallet}),
            "total": _ZERO,
        }
        for currency in sorted(answer.symbols if answer.symbols is not None else {EVERYTHING})
        for wallet in sorted(wallets, key=str)
        if (currency, wallet) not in held
    ]


def _only(answer: Answer, name: str) -> Value:
    """What all records of an answer agree on; None where they do not."""
    found = {record.values.get(name) for record in answer.records}
    return found.pop() if len(found) == 1 else None


async def _read(feed: Feed, kinds: Sequence[str]) -> list[Answer]:
    answers = await asyncio.gather(*(feed.fetch(Ask(records)) for records in kinds))
    for answer in answers:
        why = [*answer.reasons, *([answer.doubt] if answer.doubt else [])]
        why += [f"row {bad.row}: {bad.reason}" for bad in answer.quarantined[:3]]
        if why:
            raise SourceError(
                f"its {answer.ask.records} are not complete: {'; '.join(why)}",
                where=feed.name,
                hint="nothing was opened; try again when the venue answers whole",
            )
    return list(answers)


def _check_equal(name: str, first: Answer, second: Answer) -> None:
    records = first.ask.records
    one, other = _stated(first), _stated(second)
    moved = sorted(key for key in {*one, *other} if one.get(key) != other.get(key))
    if moved:
        named = ", ".join(" ".join(each) for each in moved[:5])
        raise SourceError(
            f"the account moved between two readings of its {records}: {named}",
            where=name,
            hint="nothing was opened; try again when nothing trades",
        )


def _stated(answer: Answer) -> dict[Named, tuple[Value, ...]]:
    records = answer.ask.records
    names = [name for name in OPENED[records] if name not in ("account", "venue")]
    return {
        _key(records, record.values)[3:]: tuple(record.values.get(name) for name in names)
        for record in answer.records
    }


def plan(entries: Sequence[JournalEntry], journal: Journal) -> Plan:
    """Opening entries, beside those that the journal has of the same keys."""
    known: dict[Named, JournalEntry] = {}
    ours = {opening_key(entry) for entry in entries}
    for records in {entry.records for entry in entries}:
        for row in journal.read(records=records):
            key = opening_key(row.entry)
            if row.entry.opening and key in ours:
                if key not in known or known[key].at <= row.entry.at:
                    known[key] = row.entry
    return Plan(tuple(entries), known)


def write_openings(made: Plan, journal: Journal, *, replacing: bool) -> int:
    """Write a plan's entries, all or none; returns how many were new. Raises as `check`."""
    check(made, replacing=replacing)
    return journal.append(made.entries)


def check(made: Plan, *, replacing: bool) -> None:
    """That a plan may be written.

    Raises:
        UsageError: a key is open already, and it was not said to open it anew; or it is open from
            a later instant.
    """
    again = {
        key: known
        for entry in made.entries
        if (known := made.known.get(key := opening_key(entry))) is not None and known.id != entry.id
    }
    if again and not replacing:
        raise UsageError(
            f"{_several(again)} opened already",
            hint="--replace opens it anew, by a further entry; what is there stays there",
        )
    for entry in made.entries:
        later = again.get(opening_key(entry))
        if later is not None and later.at > entry.at:
            raise UsageError(
                f"{' '.join(opening_key(entry)[3:])} is open from {instant(later.at)} on, which is"
                f" later than {instant(entry.at)}",
                hint="an opening entry is replaced by a later one only",
            )


def _several(again: Mapping[Named, JournalEntry]) -> str:
    names = [f"{' '.join(key[3:])} (from {instant(each.at)})" for key, each in again.items()]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more} {'was' if len(names) == 1 else 'were'}"


def opening_key(entry: JournalEntry) -> Named:
    """What an opening entry is about."""
    values = {**entry.values, "account": entry.account, "venue": entry.venue}
    return _key(entry.records, values)


def _key(records: str, values: Mapping[str, Value]) -> Named:
    name, part = ("symbol", "leg") if records == "positions" else ("currency", "wallet")
    found = tuple(str(values.get(each) or "") for each in ("account", "venue", name))
    usual = "net" if part == "leg" and found[2] != EVERYTHING else ""
    return (records, *found, str(values.get(part) or usual))


def entries_of(
    rows: Iterable[Record],
    records: str,
    *,
    source: str,
    place: str,
    approved_by: str | None = None,
    own: Mapping[str, str] | None = None,
) -> Imported:
    """Records of a file as entries. Positions and balances become opening entries.

    Args:
        source: what the journal says of where they came from.
        own: account and venue of records that do not name their own.
    """
    type_ = RECORD_TYPES[records]
    opening = records in OPENINGS
    entries, quarantined = [], []
    for record in rows:
        values: dict[str, Value] = {**(own or {})}
        values |= {name: value for name, value in record.values.items() if value is not None}
        if type_.id_column is not None and values.get(type_.id_column) is None:
            values[type_.id_column] = record.identity.get(type_.id_column)
        try:
            entry = journal_entry(
                records,
                values,
                source=source,
                opening=opening,
                approved_by=approved_by if opening else None,
            )
        except (TypeError, ValueError) as why:
            raw = dumps(plain_record(record.values, type_))[:RAW_LIMIT]
            bad = Quarantined(source, place, record.row or 0, str(why), raw, values=record.values)
            quarantined.append(bad)
        else:
            entries.append(entry)
    return Imported(tuple(entries), tuple(quarantined))


def legs_on_spot(entries: Iterable[JournalEntry]) -> tuple[str, ...]:
    """The spot markets of fills that name a leg: these move a position, and no balance."""
    found = set()
    for entry in entries:
        symbol = entry.values.get("symbol")
        if entry.records == "trades" and entry.values.get("leg") is not None:
            if isinstance(symbol, str) and "/" in symbol and ":" not in symbol:
                found.add(symbol)
    return tuple(sorted(found))


def with_unreadable(found: Imported, more: Iterable[Quarantined]) -> Imported:
    """`found`, and what could not be read before."""
    return replace(found, quarantined=(*more, *found.quarantined))
