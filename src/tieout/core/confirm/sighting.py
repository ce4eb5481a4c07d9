"""What one reading says of each key."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from msgspec import Struct

from tieout.core.confirm.cuts import Vector, cut_sums
from tieout.core.confirm.moves import Move, join
from tieout.core.confirm.reading import Confirming, Reading, State
from tieout.core.confirm.stale import Past, Scores
from tieout.core.entries import Key
from tieout.core.money import add, subtract

_ZERO: Final = Decimal(0)
NO_DRIFT: Final = frozenset({_ZERO})


class Found(Struct, frozen=True):
    """What a reading says of a key.

    Attributes:
        drift: all that S - P may be; empty where the reading says nothing, and `state` and `why`
            say what of.
        again: another reading may say more.
    """

    stated: Decimal | None
    drift: frozenset[Decimal] = frozenset()
    state: State = State.UNDECIDED
    why: str = ""
    again: bool = True


class Joint(Struct, frozen=True):
    """The drifts of several keys that one cut gives, for each cut."""

    keys: tuple[Key, ...]
    vectors: frozenset[Vector]


class Sighting(Struct, frozen=True):
    """A reading, worked out.

    Attributes:
        why: why it says nothing at all; empty where it does.
        found: what there is to say. Of the other keys it is about, S = P at every cut.
        joint: of the keys that moved while it was taken, if there are any.
    """

    reading: Reading
    found: Mapping[Key, Found]
    joint: Joint | None = None
    why: str = ""

    def of(self, key: Key) -> Found | None:
        """None: the reading is not about it."""
        if key in self.found:
            return self.found[key]
        if self.why or not self.reading.about(key):
            return None
        return Found(self.reading.says(key), NO_DRIFT)


def look(reading: Reading, settings: Confirming, past: int) -> Sighting:
    """What `reading` says. Entries before `past` (UTC nanoseconds) are past their deadline."""
    if not reading.complete:
        return Sighting(reading, {}, why=reading.why or "the venue's answer is not complete")
    version = reading.version_before
    if not reading.evented and (version is None or version != reading.version_after):
        return Sighting(reading, {}, why="the book changed while the venue was asked")
    moves = join(reading, past, settings.resolution)
    found = _quiet(reading)
    if not moves:
        return Sighting(reading, found)
    return _Look(reading, settings, moves, found).sighting()


def _quiet(reading: Reading) -> dict[Key, Found]:
    """Of every key as if nothing had happened since the opening; without those that agree."""
    stated, opening = reading.stated, reading.opening
    found: dict[Key, Found] = {}
    for key, amount in stated.items():
        start = opening.get(key)
        if start != amount:
            found[key] = _still(amount, start)
    for key in opening.keys() - stated.keys():
        start = opening[key]
        said = reading.says(key)
        if said != start:
            found[key] = _still(said, start)
    return found


def _still(stated: Decimal | None, projected: Decimal | None) -> Found:
    if stated is None:
        why = "the venue's answer does not have it"
        return Found(None, state=State.UNKNOWN, why=why, again=False)
    if projected is None:
        why = "the book has no approved opening of it"
        return Found(stated, state=State.UNKNOWN, why=why, again=False)
    return Found(stated, frozenset({subtract(stated, projected)}))


class _Look:
    """The keys that entries touch, in one reading."""

    def __init__(
        self,
        reading: Reading,
        settings: Confirming,
        moves: Sequence[Move],
        found: dict[Key, Found],
    ) -> None:
        self.reading, self.settings, self.found = reading, settings, found
        self.start = reading.taken[0]
        self.settled = [move for move in moves if move.certain and move.latest < self.start]
        self.around = [move for move in moves if not move.certain or move.latest >= self.start]
        self.pending = frozenset[Key]().union(*(move.pending for move in moves))
        self.split = {
            key for move in moves if move.venue is not None for key in (*move.effects, *move.venue)
        }
        self.base = self._sums(venues=False)

    def sighting(self) -> Sighting:
        moved = {key for move in self.around for key in move.effects}
        moving = self.base.keys() | moved | self.pending | self.split
        touched = [key for key in moving if self.reading.about(key)]
        for key in touched:
            self._touched(key)
        judged = [key for key in touched if self._judged(key)]
        joint = self._cuts(sorted(moved.intersection(judged)))
        judged = [key for key in judged if self._judged(key)]
        if self.reading.evented and self._stale(judged):
            joint = None
        for key in judged:
            if self.found[key].drift == NO_DRIFT:
                del self.found[key]  # says no more than that it is absent
        return Sighting(self.reading, self.found, joint)

    def _judged(self, key: Key) -> bool:
        return key in self.found and bool(self.found[key].drift)

    def _sums(self, *, venues: bool) -> dict[Key, Decimal]:
        """Of what happened before the snapshot, as the book or as the venue has it."""
        sums: dict[Key, Decimal] = {}
        for move in self.settled:
            for key, effect in (move.venues if venues else move.effects).items():
                sums[key] = add(sums.get(key, _ZERO), effect)
        return sums

    def _touched(self, key: Key) -> None:
        """What is found where no entry happened while the snapshot was taken."""
        stated, opening = self.reading.says(key), self.reading.opening.get(key)
        if stated is not None and opening is not None and key in self.pending:
            why = "a fee that is not known yet may have moved it"
            self.found[key] = Found(stated, state=State.EXPECTED, why=why)
            return
        projected = None if opening is None else add(opening, self.base.get(key, _ZERO))
        self.found[key] = _still(stated, projected)

    def _cuts(self, moved: Sequence[Key]) -> Joint | None:
        """Widen what is found by the cuts inside the window; invariants 4 and 12."""
        if not moved:
            return None
        around = [move for move in self.around if not move.effects.keys().isdisjoint(moved)]
        still = [next(iter(self.found[key].drift)) for key in moved]
        sums = None
        if self.reading.together:
            sums = cut_sums(around, moved, self.start, self.settings.cuts)
        if sums is None:
            for key, drift in zip(moved, still, strict=True):
                self.found[key] = self._alone(key, drift)
            return None
        vectors = frozenset(tuple(map(subtract, still, each)) for each in sums)
        for key, drifts in zip(moved, zip(*vectors, strict=True), strict=True):
            self.found[key] = Found(self.found[key].stated, frozenset(drifts))
        return Joint(tuple(moved), vectors)

    def _alone(self, key: Key, drift: Decimal) -> Found:
        stated = self.found[key].stated
        around = [move for move in self.around if key in move.effects]
        sums = cut_sums(around, (key,), self.start, self.settings.cuts)
        if sums is None:
            return Found(stated, why="too much happened while the snapshot was taken")
        return Found(stated, frozenset(subtract(drift, each) for (each,) in sums))

    # Stale

    def _stale(self, judged: Collection[Key]) -> bool:
        """Mark what a snapshot from before its window would say of every key that moved."""
        split = self.split
        suspects = (key for key in judged if _ZERO not in self.found[key].drift or key in split)
        if next(suspects, None) is None:
            return False
        theirs = self._sums(venues=True) if split else {}
        ours_by = self._steps(venues=False)
        theirs_by = self._steps(venues=True) if split else ours_by
        unheard = {key for move in self.settled if not move.effects for key in move.venues}
        pasts: dict[Key, Past] = {}
        stale = set()
        for key in judged:
            past = self._past(key, ours_by, _ZERO in self.found[key].drift)
            if key in split:
                own = self._past(key, theirs_by, self._by_the_venue(key, theirs))
                if past.current and not own.current and key in unheard:
                    stale.add(key)  # the venue lists what its snapshot does not have
                if own.current or own.fits(self.start, self.settings.resolution):
                    past = own
            pasts[key] = past
        stale |= self._out_of_date(pasts, ours_by, theirs_by)
        for key in stale:
            why = "the snapshot fits a moment before it was asked for"
            self.found[key] = Found(self.found[key].stated, state=State.STALE, why=why)
        return bool(stale)

    def _out_of_date(
        self, pasts: Mapping[Key, Past], *steps: Mapping[Key, list[tuple[int, Decimal]]]
    ) -> set[Key]:
        resolution = self.settings.resolution
        if not self.reading.together:  # no key has a say about another
            return {
                key
                for key, past in pasts.items()
                if not past.current and past.fits(self.start, resolution)
            }
        scores = Scores(pasts.values(), self.start, resolution)
        stale = {
            key
            for key, past in pasts.items()
            if past.current and scores.speak_against(past.fits(self.start, resolution))
        }
        since = scores.since()
        if since is not None:
            stale.update(
                key
                for key, past in pasts.items()
                if not past.current and self._moved_after(key, since, *steps)
            )
        return stale

    def _steps(self, *, venues: bool) -> dict[Key, list[tuple[int, Decimal]]]:
        steps: dict[Key, list[tuple[int, Decimal]]] = {}
        for move in sorted(self.settled, key=lambda move: (move.at, move.sequence or 0)):
            for key, effect in (move.venues if venues else move.effects).items():
                steps.setdefault(key, []).append((move.at, effect))
        return steps

    def _past(
        self, key: Key, steps: Mapping[Key, list[tuple[int, Decimal]]], current: bool
    ) -> Past:
        stated = self.found[key].stated
        assert stated is not None
        return Past(self.reading.opening[key], tuple(steps.get(key, ())), stated, current)

    def _by_the_venue(self, key: Key, settled: Mapping[Key, Decimal]) -> bool:
        """Whether the venue's own entries explain what it says of `key`."""
        stated = self.found[key].stated
        assert stated is not None
        left = subtract(stated, add(self.reading.opening[key], settled.get(key, _ZERO)))
        around = [move for move in self.around if key in move.venues]
        sums = cut_sums(around, (key,), self.start, self.settings.cuts, lambda move: move.venues)
        return sums is None or (left,) in sums

    def _moved_after(
        self, key: Key, since: int, *steps: Mapping[Key, list[tuple[int, Decimal]]]
    ) -> bool:
        if any(key in move.effects or key in move.venues for move in self.around):
            return True
        since -= self.settings.resolution
        return any(at >= since for by in steps for at, _ in by.get(key, ()))


def tallied(sightings: Sequence[Sighting], key: Key) -> Iterator[tuple[Sighting, Found]]:
    """What the readings that are about `key` say of it, in their order."""
    for sighting in sightings:
        found = sighting.of(key)
        if found is not None:
            yield sighting, found
