"""An answer in which suddenly nothing is: what has to say so besides, before it is believed.

1. It is looked into where the book has something, or the last answer had, or an open break says
   that the venue has.
2. What the venue's other endpoint names contradicts it: one of the two is wrong, and which is not
   known. The reading says nothing then.
3. If that endpoint finds nothing either, or if fills since the last answer that was believed closed
   all that it had, the doubt is gone. A break takes as many readings as any other.
4. Else it stays in doubt: it clears nothing, and what breaks by it is in doubt. An endpoint that
   fails says nothing.
5. Where only some are gone that the last answer had, and nothing that the venue tells has moved
   them, the other endpoint is asked about these: if it has one of them, the reading says nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from tieout.core.compare import AMOUNTS
from tieout.core.entries import Entry, Key
from tieout.core.live import Answer, Ask, Witness
from tieout.core.model import Role, Side, State
from tieout.core.money import add
from tieout.core.rows import BreakFilter
from tieout.errors import SourceError
from tieout.service.live.rows import KINDS, NAMES, ZERO, Home, entries, key_of

if TYPE_CHECKING:
    from tieout.service.live.setup import LiveBench, LiveSetup

UNRESOLVED: Final = tuple(each.value for each in State if each is not State.RESOLVED)
SHOWN: Final = 3

Span: TypeAlias = tuple[int, int]
Asking: TypeAlias = Callable[[int], Awaitable[tuple[Answer, ...]]]
"""Since when (UTC ns) -> what the venue's trades and movements were since."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What came of looking into an answer.

    Attributes:
        doubt: why it is not to be believed. `denied`: what contradicts it.
        broken: what a side has by the open breaks: that neither has it now is no evidence by
            itself.
    """

    broken: frozenset[Key] = frozenset()
    doubt: str | None = None
    denied: str | None = None


async def look_into(
    setup: LiveSetup, stated: Answer, ours: Answer, broken: frozenset[Key]
) -> Findings:
    """What to think of a venue's snapshot; rules 1, 2 and the endpoint of 3.

    Args:
        ours: the book's. `broken`: what the venue has by the open breaks.
    """
    doubt = doubt_of(stated, ours)
    asking = getattr(setup.external, "second", None)
    if held(stated) or (doubt is None and not broken):
        return Findings(broken, doubt)
    names = {*held(ours), *(key.name for key in broken)}
    why = doubt or f"{stated.source} answers that nothing is there, where a break is open"
    if asking is None:
        return Findings(broken, why)
    try:
        witness: Witness | None = await asking(stated.ask, names)
    except SourceError as error:
        return Findings(broken, f"{why}; asked in another way, it gave no answer: {error.what}")
    if witness is None:
        return Findings(broken, why)
    if witness.held:
        return Findings(broken, denied=_denied(stated, witness))
    return Findings(broken)


async def missed(setup: LiveSetup, stated: Answer, gone: Collection[str]) -> Findings:
    """What to think of a snapshot that has something, and does not have `gone`; rule 5."""
    asking = getattr(setup.external, "second", None) if gone else None
    try:
        witness: Witness | None = None if asking is None else await asking(stated.ask, gone)
    except SourceError:
        witness = None
    still = () if witness is None else [each for each in witness.held if each in gone]
    if witness is None or not still:
        return Findings(doubt=stated.doubt)
    return Findings(
        denied=f"{stated.source} does not have {_few(still)} any more, and its {witness.method} has"
    )


def doubt_of(stated: Answer, ours: Answer) -> str | None:
    """Why a good answer is not to be believed: all at once nothing is there."""
    if stated.doubt is not None:
        return stated.doubt
    if (names := held(ours)) and not held(stated):
        return f"{stated.source} answers that nothing is there, where the book has {len(names)}"
    return None


def held(answer: Answer) -> tuple[str, ...]:
    """The symbols or currencies of which an answer has something."""
    column, name = AMOUNTS[answer.ask.records], NAMES[answer.ask.records][0]
    return tuple(str(row.values.get(name)) for row in answer.records if row.values.get(column))


def _denied(stated: Answer, witness: Witness) -> str:
    names = _few(witness.held)
    return f"{stated.source} answers that nothing is there, and its {witness.method} has {names}"


def _few(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def broken_keys(
    setup: LiveSetup, bench: LiveBench, ask: Ask, home: Home
) -> Mapping[Side, frozenset[Key]]:
    """What each side has by the open breaks, of what was asked about. Blocks."""
    parts = [
        each
        for row in bench.store.breaks(BreakFilter(setup.rules.name, UNRESOLVED))
        for each in row.content["records"]
        if each["role"] == Role.PRIMARY
    ]
    return {
        side: _keys(setup, [each["record"] for each in parts if each["side"] == side], ask, home)
        for side in Side
    }


def _keys(
    setup: LiveSetup, found: Iterable[Mapping[str, str | None]], ask: Ask, home: Home
) -> frozenset[Key]:
    records = setup.rules.records
    nothing = (None, "", "0")
    column = AMOUNTS[records]
    keys = (key_of(records, each, home) for each in found if each.get(column) not in nothing)
    asked = ask.symbols
    return frozenset(
        key for key in keys if home.holds(key) and (asked is None or key.name in asked)
    )


class Believed:
    """The last snapshot that was believed, for what fills have made of it."""

    def __init__(self) -> None:
        self._last: tuple[Span, dict[Key, Decimal]] | None = None
        self._seen: set[str] = set()

    def saw(self, names: Iterable[str]) -> None:
        """What an answer has, be it believed or not: these have to be asked about as well."""
        self._seen.update(names)

    def remember(self, taken: Span, stated: Mapping[Key, Decimal]) -> None:
        """A whole answer that nobody doubts. `taken`: it was so at some moment between (UTC ns)."""
        self._last = taken, {key: amount for key, amount in stated.items() if amount}

    def gone(self, ask: Ask, stated: Iterable[Key], moved: Iterable[Entry]) -> frozenset[str]:
        """What was there then, is not in a snapshot of everything now, and has not moved.

        Args:
            moved: what the venue tells of the time before the snapshot.
        """
        if self._last is None or ask.symbols is not None:
            return frozenset()
        lacking = self._last[1].keys() - set(stated)
        for entry in moved:
            lacking -= entry.effects.keys()
        return frozenset(key.name for key in lacking)

    async def closed(self, ask: Ask, asking: Asking, oldest: int, until: int) -> bool:
        """Whether all that was there then is gone by what happened since; rule 3.

        Args:
            ask: of the answer that is looked into. `until`: UTC ns, the end of when it was so.
            oldest: UTC ns; what was believed before is too long ago to be asked about.

        Raises:
            SourceError: there is no answer.
        """
        if self._last is None or self._last[0][0] < oldest:
            return False
        (start, end), amounts = self._last
        found = await asking(start)
        names = self._seen.union(key.name for key in amounts)
        if not found or not all(_reaches(each, (start, until), names) for each in found):
            return False
        kind = KINDS[ask.records]
        moved = [(entry.at, entry.effects) for entry in entries(found, kind)]
        keys = amounts.keys() | {key for _, effects in moved for key in effects}
        return all(
            _to_zero(
                amounts.get(key, ZERO),
                [(at, effects[key]) for at, effects in moved if key in effects],
                (start, end),
            )
            for key in keys
            if ask.symbols is None or key.name in ask.symbols
        )


def _reaches(answer: Answer, span: Span, names: set[str]) -> bool:
    """Whether an answer tells all that moved these symbols (or currencies) in that time."""
    if not answer.complete or answer.window is None or answer.window[0] > span[0]:
        return False
    if not answer.coarse and answer.window[1] < span[1]:
        return False
    # Of currencies nobody knows by which of the symbols that were not asked about they moved.
    return answer.symbols is None or names <= answer.symbols


def _to_zero(amount: Decimal, moved: Sequence[tuple[int, Decimal]], taken: Span) -> bool:
    """Whether an amount is zero after what moved it since it was stated, inside `taken`."""
    start, end = taken
    for cut in {start - 1, *(at for at, _ in moved if start <= at <= end)}:
        left = amount
        for at, effect in moved:
            if at > cut:
                left = add(left, effect)
        if not left:
            return True
    return False
