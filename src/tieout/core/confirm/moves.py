"""The book's and the venue's entries, joined: what a projection may add up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import accumulate, pairwise

from msgspec import Struct
from msgspec.structs import replace

from tieout.core.confirm.reading import Reading
from tieout.core.entries import Entry, Key

LONG_AGO = -(1 << 63)

NOTHING: Mapping[Key, Decimal] = {}


class Move(Struct, frozen=True, gc=False):
    """An entry, as far as a projection has it.

    Attributes:
        earliest, latest: between which it happened, as far as its time and sequence tell.
        effects: what it does to the projection. Empty for a trade break of the venue.
        venue: what it did by the venue's own account, where that is not `effects`.
        certain: it is in each snapshot that was taken after it.
        pending: keys that a part of it not known yet may have moved.
    """

    at: int
    earliest: int
    latest: int
    effects: Mapping[Key, Decimal]
    venue: Mapping[Key, Decimal] | None = None
    certain: bool = True
    sequence: int | None = None
    stream: str = ""
    pending: frozenset[Key] = frozenset()

    @property
    def venues(self) -> Mapping[Key, Decimal]:
        return self.effects if self.venue is None else self.venue


def join(reading: Reading, past: int, resolution: int) -> list[Move]:
    """What may be in the snapshot of `reading`, invariants 1 to 3.

    Args:
        past: UTC nanoseconds: entries before it are past their deadline.
    """
    if not reading.evented:
        # The book was the same before and after: all that it has, it had when it was asked.
        return [
            Move(entry.at, LONG_AGO, LONG_AGO, entry.effects)
            for entry in {entry.id: entry for entry in reading.book}.values()
        ]
    until = reading.taken[1] + resolution
    ours = {entry.id: entry for entry in reading.book}
    theirs = {entry.id: entry for entry in reading.venue}
    moves = [
        _move(entry, ours.get(entry.id), past, resolution)
        for entry in theirs.values()
        if entry.at <= until or entry.sequence is not None
    ]
    moves.extend(
        _by_the_book(entry, past, resolution)
        for entry in ours.values()
        if entry.id not in theirs and entry.at <= until
    )
    return [move for move in _ordered(moves) if move.earliest <= reading.taken[1]]


def _move(theirs: Entry, ours: Entry | None, past: int, resolution: int) -> Move:
    young = theirs.at >= past
    pending = theirs.possible if young else frozenset()
    effects, venue = theirs.effects, None
    if ours is None:
        if not young:
            effects, venue = NOTHING, theirs.effects
    elif not young:
        if ours.effects != theirs.effects:
            effects, venue = ours.effects, theirs.effects
    elif pending and not ours.possible:
        effects, pending = ours.effects, frozenset()  # the book knows the fee already
    elif pending:
        pending |= ours.possible
    return Move(
        theirs.at,
        theirs.at - resolution,
        theirs.at + resolution,
        effects,
        venue,
        sequence=theirs.sequence,
        stream=theirs.stream,
        pending=pending,
    )


def _by_the_book(ours: Entry, past: int, resolution: int) -> Move:
    young = ours.at >= past
    return Move(
        ours.at,
        ours.at - resolution,
        ours.at + resolution,
        ours.effects,
        NOTHING,
        certain=not young,
        pending=ours.possible if young else frozenset(),
    )


def _ordered(moves: Sequence[Move]) -> Iterator[Move]:
    """`moves`; where the sequences of a stream contradict its times, times are less certain."""
    streams: dict[str, list[Move]] = {}
    for move in moves:
        if move.stream and move.sequence is not None:
            streams.setdefault(move.stream, []).append(move)
        else:
            yield move
    for members in streams.values():
        members.sort(key=lambda move: (move.sequence, move.at))
        if all(one.at <= other.at for one, other in pairwise(members)):
            yield from members
            continue
        latest = accumulate((move.latest for move in members), max)
        earliest = [*accumulate((move.earliest for move in reversed(members)), min)][::-1]
        for move, first, last in zip(members, earliest, latest, strict=True):
            yield replace(move, earliest=first, latest=last)
