"""Which sums of entries a snapshot may hold, of those that happened around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import TypeAlias

from tieout.core.confirm.moves import Move
from tieout.core.entries import Key
from tieout.core.money import add

Vector: TypeAlias = tuple[Decimal, ...]
"""An amount of each of some keys."""

Effects: TypeAlias = Callable[[Move], Mapping[Key, Decimal]]

_ZERO = Decimal(0)
_WORK = 64
"""How many amounts are added for one cut of the limit, before it is too much."""


def cut_sums(
    moves: Sequence[Move],
    keys: Sequence[Key],
    start: int,
    limit: int,
    effects: Effects = lambda move: move.effects,
) -> frozenset[Vector] | None:
    """The sums of `moves` over all cuts at `start` or later; None where they are too many.

    At an instant, what ended before it is in, and what begins after it is out. Of the rest, each
    stream is in up to some point, and what has no order is in or out. It is enough to look at
    the instants at which a move may begin: what is open between two of them is open at the first.
    """
    waiting = sorted(
        (_begins(move, start), number, _vector(effects(move), keys))
        for number, move in enumerate(moves)
    )
    found: set[Vector] = set()
    base: Vector = (_ZERO,) * len(keys)
    opened: list[tuple[Move, Vector]] = []
    work, position = 0, 0
    for instant in sorted({start, *(begins for begins, _, _ in waiting)}):
        while position < len(waiting) and waiting[position][0] <= instant:
            _, number, vector = waiting[position]
            opened.append((moves[number], vector))
            position += 1
        still = []
        for move, vector in opened:
            if move.certain and move.latest < instant:
                base = _plus(base, vector)
            else:
                still.append((move, vector))
        opened = still
        sums = {base}
        for steps in _steps(opened, limit):
            work += 0 if steps is None else len(sums) * len(steps) * len(keys)
            if steps is None or work > _WORK * limit:
                return None
            sums = {_plus(one, step) for one in sums for step in steps}
        found |= sums
        if len(found) > limit:
            return None
    return frozenset(found)


def _begins(move: Move, start: int) -> int:
    """When it may first be in a snapshot. What is not certain may be in any or in none."""
    return max(move.earliest, start) if move.certain else start


def _vector(effects: Mapping[Key, Decimal], keys: Sequence[Key]) -> Vector:
    return tuple(effects.get(key, _ZERO) for key in keys)


def _plus(one: Vector, other: Vector) -> Vector:
    return tuple(map(add, one, other))


def _steps(opened: Sequence[tuple[Move, Vector]], limit: int) -> Iterator[set[Vector] | None]:
    """Of each stream, and of each move without one, what may be in; None where too much may."""
    streams: dict[str, list[tuple[Move, Vector]]] = {}
    for move, vector in opened:
        if move.stream and move.certain:
            streams.setdefault(move.stream, []).append((move, vector))
        else:
            yield {(_ZERO,) * len(vector), vector}
    for members in streams.values():
        yield _prefixes(members, limit)


def _prefixes(members: list[tuple[Move, Vector]], limit: int) -> set[Vector] | None:
    numbered = all(move.sequence is not None for move, _ in members)

    def order(member: tuple[Move, Vector]) -> int:
        move = member[0]
        return move.sequence if numbered and move.sequence is not None else move.at

    base: Vector = (_ZERO,) * len(members[0][1])
    prefixes = {base}
    for _, group in groupby(sorted(members, key=order), key=order):
        subsets = {base}
        for _, vector in group:
            base = _plus(base, vector)
            subsets |= {_plus(one, vector) for one in subsets}
            if len(subsets) > limit:
                return None
        prefixes |= subsets
    return prefixes
