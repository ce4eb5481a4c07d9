"""What of a stream of trades is read: the window that moves on, and around older ones that wait.

A trade that waits for its partner is read again however old it is: the partner may come, or the
trade be taken back. What lies between it and the window was judged and is not read again: a break
that nobody resolves must not make each comparison longer than the one before.

1. Around a trade as much is read as the window is read further back than it judges, of its symbol.
2. What is near the window, or has no time of its own, lengthens the window.
3. Of more than SPANS those nearest to each other grow together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import cached_property
from itertools import pairwise
from typing import Final, TypeAlias

from msgspec.structs import replace

from tieout.core.canonical import instant, nanoseconds
from tieout.core.lifecycle import OpenItem
from tieout.core.live import Answer
from tieout.core.model import Value

SPANS: Final = 8
"""Times that are read beside the window: each is a question of its own."""

Name: TypeAlias = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open record of an earlier run.

    Attributes:
        item: the record, and on which side it is.
        at: when it happened, UTC ns; None: that is not known, or it could not be read.
        since: the earliest that it can be, UTC ns.
        name: what it is known by.
    """

    item: OpenItem
    at: int | None
    since: int
    symbol: str | None
    name: Name


def waiting_of(item: OpenItem) -> Waiting:
    """What is to be asked about a record that waits."""
    values = item.record.values
    when, symbol = values.get("timestamp"), values.get("symbol")
    known = isinstance(when, int) and not item.unreadable
    return Waiting(
        item=item,
        at=when if known and isinstance(when, int) else None,
        since=when if isinstance(when, int) else _first_of(item.since),
        symbol=symbol if isinstance(symbol, str) else None,
        name=name_of(values),
    )


def _first_of(day: date) -> int:
    return nanoseconds(datetime.combine(day, time(), UTC))


@dataclass(frozen=True, slots=True)
class Span:
    """Times that are read beside the window, UTC ns, inclusive, and of which symbols."""

    first: int
    last: int
    symbols: frozenset[str]

    def holds(self, each: Waiting) -> bool:
        return each.at is not None and self.first <= each.at <= self.last


def spans(waiting: Iterable[Waiting], begin: int, margin: int) -> tuple[int, list[Span]]:
    """Where the window begins, and what is read beside it.

    Args:
        margin: by which the window is read further back than it begins, nanoseconds.
    """
    apart: list[tuple[int, str]] = []
    for each in waiting:
        if each.at is None or each.symbol is None:
            begin = min(begin, each.since)
        elif each.at < begin:
            apart.append((each.at, each.symbol))
    found: list[Span] = []
    for at, symbol in sorted(apart):
        span = Span(at - margin, at + margin, frozenset({symbol}))
        if found and span.first <= found[-1].last:
            found[-1] = _joined(found[-1], span)
        else:
            found.append(span)
    while found and found[-1].last >= begin - margin:
        begin = min(begin, found.pop().first + margin)
    while len(found) > SPANS:
        gaps = [later.first - earlier.last for earlier, later in pairwise(found)]
        nearest = gaps.index(min(gaps))
        found[nearest : nearest + 2] = [_joined(found[nearest], found[nearest + 1])]
    return begin, found


def _joined(earlier: Span, later: Span) -> Span:
    return Span(earlier.first, max(earlier.last, later.last), earlier.symbols | later.symbols)


@dataclass(frozen=True)
class Told:
    """What a side says of the window, and of the spans beside it, of which it says everything."""

    window: Answer
    beside: Mapping[Span, Answer] = field(default_factory=dict)

    def and_then(self, later: Told) -> Told:
        """With a later answer: what is in either is there. Of spans, those that both tell."""
        spans_ = {
            span: united(answer, later.beside[span])
            for span, answer in self.beside.items()
            if span in later.beside
        }
        return Told(united(self.window, later.window), spans_)

    @cached_property
    def whole(self) -> Answer:
        """All of it as one answer, which reaches from its first time to its last."""
        if not self.beside:
            return self.window
        every = (self.window, *self.beside.values())
        rows = {tuple(row.identity.values()): row for each in every for row in each.records}
        times = [each.window for each in every if each.window is not None]
        first, until = min(first for first, _ in times), max(last for _, last in times)
        begin = instant(self.window.window[0]) if self.window.window is not None else ""
        notes = [note for each in every for note in each.notes]
        notes.append(f"before {begin} only what is around trades that wait for their partners")
        return replace(
            self.window,
            records=tuple(rows.values()),
            window=(first, until),
            doubt=next((each.doubt for each in every if each.doubt is not None), None),
            notes=tuple(dict.fromkeys(notes)),
        )

    @property
    def complete(self) -> bool:
        return self.whole.complete and self.window.window is not None

    @cached_property
    def names(self) -> frozenset[Name]:
        return frozenset(name_of(row.values) for row in self.whole.records)

    def asked(self, at: int, symbol: Value) -> bool:
        """Whether it was asked about a time and symbol."""
        return any(
            each.window is not None
            and each.window[0] <= at <= each.window[1]
            and (each.symbols is None or symbol in each.symbols)
            for each in (self.window, *self.beside.values())
        )


def united(earlier: Answer, later: Answer) -> Answer:
    """Two answers to one question, asked one after the other, as one."""
    every = (earlier, later)
    windows = [each.window for each in every if each.window is not None]
    rows = {tuple(row.identity.values()): row for each in every for row in each.records}
    known = [each.symbols for each in every if each.symbols is not None]
    return replace(
        later,
        records=tuple(rows.values()),
        quarantined=later.quarantined or earlier.quarantined,
        window=(max(first for first, _ in windows), max(last for _, last in windows))
        if windows
        else None,
        symbols=frozenset().union(*known) if len(known) == len(every) else None,
        reasons=tuple(dict.fromkeys((*earlier.reasons, *later.reasons))),
        doubt=earlier.doubt or later.doubt,
        notes=tuple(dict.fromkeys((*earlier.notes, *later.notes))),
    )


def name_of(values: Mapping[str, Value]) -> Name:
    """What an event is known by on both sides."""
    return tuple(map(values.get, ("symbol", "trade_id", "side", "movement_id")))
