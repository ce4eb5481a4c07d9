"""Whether a snapshot is older than it should be, by the keys that it explains."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable
from decimal import Decimal
from itertools import accumulate, chain
from typing import TypeAlias

from msgspec import Struct

from tieout.core.confirm.moves import LONG_AGO
from tieout.core.money import add

Span: TypeAlias = tuple[int, int]


class Past(Struct, frozen=True):
    """How one key came to where it was when the snapshot was taken.

    Attributes:
        opening: before the first step.
        steps: UTC nanoseconds and what was added, by time; all before the snapshot.
        stated: what the snapshot says.
        current: a cut inside the snapshot's window explains it.
    """

    opening: Decimal
    steps: tuple[tuple[int, Decimal], ...]
    stated: Decimal
    current: bool

    def fits(self, end: int, resolution: int) -> list[Span]:
        """When, before `end`, it was what the snapshot says; spans that touch are one."""
        spans: list[Span] = []
        amount, since = self.opening, LONG_AGO
        for at, effect in (*self.steps, (end, Decimal(0))):
            if amount == self.stated:
                # Equal times are in no known order: a moment of no length is one as well.
                first, last = max(since - resolution, LONG_AGO), min(at + resolution, end)
                if spans and first <= spans[-1][1]:
                    spans[-1] = (spans[-1][0], last)
                else:
                    spans.append((first, last))
            amount, since = add(amount, effect), at
        return spans


class Scores:
    """What each instant before the snapshot explains: keys that fit then and not now, less keys
    that fit now and not then.
    """

    def __init__(self, keys: Collection[Past], end: int, resolution: int) -> None:
        """`end`: UTC nanoseconds, the first instant at which the snapshot is not too old."""
        self._end = end
        deltas: dict[int, int] = {}
        for key in keys:
            weight = -1 if key.current else 1
            spans = key.fits(end, resolution)
            for first, last in self._between(spans) if key.current else spans:
                deltas[first] = deltas.get(first, 0) + weight
                deltas[last] = deltas.get(last, 0) - weight
        self._any = any(not key.current for key in keys)
        self._instants = sorted(deltas)
        self._scores = list(accumulate(deltas[instant] for instant in self._instants))

    def _between(self, spans: Iterable[Span]) -> list[Span]:
        """What `spans` leave out."""
        bounds = [LONG_AGO, *chain.from_iterable(spans), self._end]
        return [
            (first, last)
            for first, last in zip(bounds[::2], bounds[1::2], strict=True)
            if first < last
        ]

    def since(self) -> int | None:
        """The first instant that explains more than it contradicts; None: there is none."""
        scored = zip(self._instants, self._scores, strict=True)
        return next((instant for instant, score in scored if score > 0), None)

    def speak_against(self, fits: Iterable[Span]) -> bool:
        """Whether a key that fits now, and at `fits`, is contradicted: by an instant at which it
        does not fit, and that without it would explain more than it contradicts.
        """
        if not self._any:
            return False
        for first, last in self._between(fits):
            position = bisect_right(self._instants, first) - 1
            while position < len(self._instants) and self._instants[position] < last:
                if self._scores[position] >= 0:
                    return True
                position += 1
        return False
