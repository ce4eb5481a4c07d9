"""What of all that a source knows answers a question.

1. Events: those inside the window, both ends included. Orders: all that are open, and of the
   closed ones those last touched inside the window, if the question has one.
2. A record is outside only if it says so: one without a time or a symbol stays.
3. No record twice: copies are folded, superseded ones left out; where two contradict each other
   both are unreadable, so that nothing is said about their key.
4. An unreadable row counts wherever it may belong to what was asked.
5. A record from the future is unreadable: its time is wrong, and with it what it is compared by.
   Clocks differ, so that it takes more than `MAX_SKEW` beyond the moment at which it was told.
6. A question that ends later than it was asked, by no more than that, was asked by another clock,
   the venue's: a book that told all it knew has told as much of that time as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from tieout.core.canonical import dumps, instant, plain_record
from tieout.core.live import EVENTS, Answer, Ask
from tieout.core.match.identity import identify, settle_identities
from tieout.core.model import Quarantined, Record, Side, Value
from tieout.core.read import RAW_LIMIT
from tieout.core.schema import RECORD_TYPES, RecordType
from tieout.core.text import NS

MAX_SKEW: Final = 300 * NS
"""Nanoseconds by which a record's time may be ahead of the moment at which it was told."""

_CLOCKS: Final[Mapping[str, tuple[str, ...]]] = {
    "trades": ("timestamp",),
    "movements": ("timestamp",),
    "orders": ("created_at", "updated_at"),
    "positions": ("as_of",),
    "balances": ("as_of",),
}

OPEN_ORDERS: Final = frozenset({"pending", "open", "partially_filled"})
"""States of an order that may still be filled. One without a state may, too."""


def belongs(values: Mapping[str, Value], ask: Ask) -> bool:
    """Whether a record with these values is among what `ask` asks for."""
    if not _named(values, ask):
        return False
    if ask.records in EVENTS:
        return _inside(values.get("timestamp"), ask)
    if ask.records == "orders" and not is_open(values):
        if ask.since is None and ask.until is None:
            return False
        touched = values.get("updated_at")
        return _inside(values.get("created_at") if touched is None else touched, ask)
    return True


def _named(values: Mapping[str, Value], ask: Ask) -> bool:
    own = values.get("currency" if ask.records == "balances" else "symbol")
    return ask.symbols is None or own is None or own in ask.symbols


def ahead(values: Mapping[str, Value], records: str, told: int) -> tuple[str, str] | None:
    """The time of a record that was told before it can have happened, and why; see rule 5.

    Args:
        told: when it was told, by the clock that its times are of: UTC nanoseconds.
    """
    for name in _CLOCKS.get(records, ()):
        time = values.get(name)
        if isinstance(time, int) and time > told + MAX_SKEW:
            return name, f"{instant(time)} is {(time - told) // NS} s after it was told"
    return None


def is_open(values: Mapping[str, Value]) -> bool:
    """Whether an order may still be filled."""
    status = values.get("status")
    return status is None or status in OPEN_ORDERS


def _inside(time: Value, ask: Ask) -> bool:
    if not isinstance(time, int):
        return True
    return (ask.since is None or ask.since <= time) and (ask.until is None or time <= ask.until)


def identified(
    rows: Iterable[Record],
    records: str,
    *,
    source: str,
    place: str,
    identity: Sequence[str] = (),
) -> tuple[list[Record], list[Quarantined]]:
    """Each record once, with its identity; and those that contradict each other.

    Args:
        rows: all rows of a source, with the same columns.
        identity: in place of the contract's identity columns.
    """
    given, type_ = list(rows), RECORD_TYPES[records]
    if not given:
        return [], []
    columns = tuple(identity) or type_.identity(set(given[0].values))
    # Some venues count orders per symbol: one id under two symbols is no record twice.
    wider = dict.fromkeys((*columns, "symbol") if records == "orders" else columns)
    settled = settle_identities(Side.INTERNAL, identify(given, tuple(wider), type_))
    conflicts = [
        Quarantined(
            source=source,
            place=place,
            row=record.row or 0,
            reason=f"{len(group)} rows say different things about one {type_.singular}",
            raw=dumps(plain_record(record.values, type_))[:RAW_LIMIT],
            values=record.values,
        )
        for group in settled.conflicts
        for _, _, record in group
    ]
    free = settled.free
    if len(wider) > len(columns):
        free = [
            Record(row.values, {name: row.identity[name] for name in columns}, row.row)
            for row in free
        ]
    return free, conflicts


def answered(
    source: str,
    ask: Ask,
    records: Iterable[Record],
    quarantined: Iterable[Quarantined] = (),
    *,
    asked_at: int,
    answered_at: int,
    covered: frozenset[str] | None = None,
    reasons: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
    doubt: str | None = None,
) -> Answer:
    """The answer of a source that knows everything there is to know up to `asked_at`.

    Args:
        records, quarantined: all that it knows, asked for or not; identified.
        covered: the symbols (or currencies) that it knows about; None: all of them.
    """
    wanted = ask.symbols
    if covered is not None:
        wanted = covered if wanted is None else covered & wanted
    window = None
    if ask.records in EVENTS:
        late = ask.until is not None and ask.until > asked_at + MAX_SKEW
        until = asked_at if ask.until is None or late else ask.until
        since = min(ask.since or 0, until)
        window = (since, until)
    told, early = [], []
    type_ = RECORD_TYPES[ask.records]
    for record in records:
        if (why := ahead(record.values, ask.records, answered_at)) is None:
            if belongs(record.values, ask):
                told.append(record)
        elif _named(record.values, ask):
            early.append(_early(source, record, type_, *why))
    return Answer(
        source=source,
        ask=ask,
        records=tuple(told),
        asked_at=asked_at,
        answered_at=answered_at,
        quarantined=(*(row for row in quarantined if belongs(row.values, ask)), *early),
        window=window,
        symbols=wanted,
        reasons=reasons,
        doubt=doubt,
        notes=notes,
    )


def _early(source: str, record: Record, type_: RecordType, field: str, reason: str) -> Quarantined:
    return Quarantined(
        source=source,
        place=type_.name,
        row=record.row or 0,
        reason=reason,
        raw=dumps(plain_record(record.values, type_))[:RAW_LIMIT],
        field=field,
        values={name: each for name, each in record.values.items() if name != field},
    )
