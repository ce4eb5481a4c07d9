"""Whether a venue's rate limit has room for what its monitors ask.

A comparison takes so many seconds of the pace at which the venue may be asked; its monitors take
that again at each interval. Where all of it is more than there is, comparisons queue up, and each
comes later than configured.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import Final

from msgspec import Struct

from tieout.service.live.setup import SECOND

SPARE: Final = 0.8
"""How much of a limit is taken by what is said to fit: comparisons of breaks ask twice."""


class Share(Struct, frozen=True):
    """What one monitor takes of a limit: so many seconds of its pace, every so many nanoseconds."""

    name: str
    seconds: float
    every: int


def room(shares: Iterable[Share]) -> float:
    """How much of the limit they take together; 1 is all of it."""
    return sum(each.seconds * SECOND / each.every for each in shares)


def crowded(shares: Iterable[Share], most: float = 1.0) -> str | None:
    """Why they do not fit into `most` of the limit, and with what intervals they would; None: they
    do."""
    known = list(shares)
    taken = room(known)
    if taken <= most:
        return None
    intervals = {each.every for each in known}
    if len(intervals) == 1:
        fits = f"`every: {ceil(taken * intervals.pop() / SECOND / SPARE)}s` would fit"
    else:
        fits = f"intervals {ceil(taken * 10 / SPARE) / 10:g} times as long would fit"
    names = ", ".join(sorted(each.name for each in known))
    seconds = sum(each.seconds for each in known)
    return (
        f"{names} ask for {taken:.0%} of what its rate limit allows: {seconds:.1f} s of its pace"
        f" for one comparison of each; {fits}"
    )
