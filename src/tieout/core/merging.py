"""Which open breaks go on in which of those that a run found.

A break is anchored on one record. Another day another record anchors it: a partner appears or
goes, several records cannot be told apart any more, or can be again. By the records, it is one
matter.

1. A found break that holds a record of an open one has the age of that one, the oldest of several.
2. An open break that was not found again ends as merged into the found one that holds a record of
   it; of several, the one with the first id. So one that splits goes on once, and each of its
   parts keeps the age.
3. What a later business date found does not end in what is found of an earlier one.
4. A DUPLICATE lives beside the break of the record it repeats: the two are no one matter.

Both inputs are read up to three times and never held: what waits is a number for each record that
left a break, and the records that another break now holds.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator

from tieout.core.found import Found
from tieout.core.lifecycle import Evidence, KnownBreak, Merges, Since, joined


def merging(
    open_breaks: Callable[[], Iterator[KnownBreak]], found: Iterable[Found], evidence: Evidence
) -> Merges:
    """How the open breaks go on in those that were found.

    Args:
        open_breaks: every break that is not resolved, sorted by id; a new iterator each time.
        found: the breaks of a run, sorted by id, each id once; a new iterator each time.

    Raises:
        TypeError: `found` is an iterator.
        ValueError: an input is not sorted.
    """
    if iter(found) is found:
        raise TypeError("found is read several times: pass something that can be")
    if next(iter(found), None) is None:
        return Merges()
    holders = _holders(found, _Keys(_all_left(open_breaks, found, evidence)))
    return _linked(joined(open_breaks(), found), holders, evidence) if holders else Merges()


def _all_left(
    open_breaks: Callable[[], Iterator[KnownBreak]], found: Iterable[Found], evidence: Evidence
) -> Iterator[str]:
    for known, brk in joined(open_breaks(), found):
        if known is not None:
            yield from _left(known, brk, evidence)


def _left(known: KnownBreak, brk: Found | None, evidence: Evidence) -> Collection[str]:
    """The records of an open break that it does not hold any more. `brk`: as it was found again."""
    if brk is None:
        return evidence.records(known)
    if brk.binding == known.binding:
        return ()
    return set(evidence.records(known)).difference((brk.id, *brk.aliases))


class _Keys:
    """Keys as numbers of eight bytes: a few that are not among them may seem to be."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._hashes = array("q", sorted(array("q", map(hash, keys))))

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def __contains__(self, key: str) -> bool:
        hashed = hash(key)
        at = bisect_left(self._hashes, hashed)
        return at < len(self._hashes) and self._hashes[at] == hashed


def _holders(found: Iterable[Found], left: _Keys) -> dict[str, str]:
    """Each record of `left` that a found break holds, and that one's id."""
    holders: dict[str, str] = {}
    if left:
        for brk in found:
            for key in (brk.id, *brk.aliases):
                if key in left:
                    holders.setdefault(key, brk.id)
    return holders


def _linked(
    both: Iterable[tuple[KnownBreak | None, Found | None]],
    holders: dict[str, str],
    evidence: Evidence,
) -> Merges:
    into: dict[str, str] = {}
    since: dict[str, Since] = {}
    oldest: dict[str, tuple[int, str]] = {}
    for known, brk in both:
        if known is None:
            continue
        ids = {holders[key] for key in _left(known, brk, evidence) if key in holders}
        ids.discard(known.id)
        if not ids:
            continue
        goes_on = None
        if brk is None and not evidence.overtaken(known):
            goes_on = into[known.id] = min(ids)
        for id_ in ids:
            earlier = since.get(id_, Since(known.first_seen, known.opened_at))
            merged = earlier.merged
            if id_ == goes_on and (known.first_seen, known.id) < oldest.get(id_, _NEVER):
                oldest[id_], merged = (known.first_seen, known.id), known.id
            since[id_] = Since(
                min(earlier.first_seen, known.first_seen),
                min(earlier.opened_at, known.opened_at),
                merged,
            )
    return Merges(into, since)


_NEVER = (2**63, "")
