"""One reading: a snapshot of the venue, and what happened around it on both sides.

The order is the procedure's (design, section 8): the book's version, the snapshot, a wait until
the venue lists what the snapshot has seen, the venue's events, and then the book as it is by now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from msgspec import structs

from tieout.core.confirm import Reading
from tieout.core.entries import Entry, Key
from tieout.core.live import EVENTS, Answer, Ask
from tieout.core.model import Record, Side
from tieout.errors import SourceError
from tieout.ports import Feed
from tieout.service.live.empty import Findings, broken_keys, held, look_into, missed
from tieout.service.live.rows import (
    KINDS,
    ZERO,
    Counting,
    Home,
    amounts,
    at_home,
    before,
    by_key,
    counted,
    covered_by,
    entries,
    home_of,
)
from tieout.service.live.setup import LiveBench, LiveSetup
from tieout.service.live.universe import markets_of, unexplained

TRIES = 5
"""How often a book is read again that changes while it is read."""

AROUND = 20_000_000
"""Nanoseconds by which the window of a snapshot is widened: clocks are measured, not known."""

Events = tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """A reading, and the rows that it is made of.

    Attributes:
        since: from when on both sides told what happened.
        internal, external: by key.
        external_answer: the venue's; `internal_answer`: the book's, after it.
    """

    reading: Reading
    since: int
    internal: dict[Key, Record]
    external: dict[Key, Record]
    internal_answer: Answer
    external_answer: Answer
    home: Home

    @property
    def busy(self) -> frozenset[Key]:
        """What moved since the snapshot was asked for."""
        since = self.reading.taken[0]
        entries_ = (*self.reading.book, *self.reading.venue)
        return frozenset(key for each in entries_ if each.at >= since for key in each.effects)


@dataclass(frozen=True, slots=True)
class _BookState:
    answer: Answer
    events: Events
    version: str | None
    steady: bool

    @property
    def why(self) -> list[str]:
        """Why it says nothing of now."""
        why = [] if self.steady else [f"{self.answer.source} changed whenever it was read"]
        return why if self.answer.doubt is None else [*why, self.answer.doubt]


async def take(
    setup: LiveSetup,
    bench: LiveBench,
    symbols: frozenset[str] | None,
    markets: Collection[str],
    since: int | None = None,
) -> Taken:
    """Take one reading.

    Args:
        symbols: what is asked for; None: everything.
        markets: the symbols that there are at the venue.
        since: from when on (UTC ns) both sides tell what happened; the same for all readings, so
            `Taken.since` of the first one. None: it is the first one.

    Raises:
        SourceError: a side gave no answer.
    """
    records = setup.rules.records
    version = await version_of(setup.internal)
    stated = await setup.external.fetch(Ask(records, symbols=symbols))
    answered = bench.now()
    window = (stated.asked_at - AROUND, stated.answered_at + AROUND)
    until = window[1]
    if since is None:
        since = window[0] - setup.timing.overlap
    await _wait_until(answered + _listed_after(setup, stated, window), bench)
    traded = await setup.universe.known(setup.internal, stated.asked_at)
    # A book without trades does not say which of the venue's its amounts hold: none is added. One
    # that knows orders and not fills does not say which of an order's fills.
    told = "trades" in setup.internal.offers and not setup.summed
    theirs = await events_of(setup.external, since, until, traded) if told else ()
    ours = await _book(setup.internal, records, since, symbols, told=told)
    counts = await counting_of(setup.internal)
    sides = _sides(setup, stated, ours, counts)
    their = counted(entries(theirs, KINDS[records]), counts)
    moved = unexplained(sides.states, sides.opening, (*sides.own, *their))
    if theirs and (more := markets_of(moved, markets) - traded):
        setup.universe.add(more)
        theirs += await events_of(setup.external, since, until, frozenset(more), ("trades",))
        their = counted(entries(theirs, KINDS[records]), counts)
    why = _gaps((*theirs, *ours.events), since, until) + ours.why
    setup.believed.saw(held(stated))
    if not why and held(stated):
        found = await missed(setup, stated, setup.believed.gone(stated.ask, sides.states, their))
    else:
        found = await _looked_into(setup, bench, stated, ours.answer, sides.home, until, traded)
    if found.denied is not None:
        why.append(found.denied)
    reading = Reading(
        taken=window,
        stated=sides.states,
        listed=frozenset({KINDS[records]}) if stated.complete else frozenset(),
        opening=dict.fromkeys(found.broken, ZERO) | sides.opening,
        book=sides.own,
        venue=their,
        complete=not why,
        why="; ".join(why),
        version_before=version,
        version_after=ours.version,
        evented=bool(theirs),
        together=stated.together,
        doubt=found.doubt,
    )
    if reading.complete and reading.doubt is None and symbols is None and stated.complete:
        setup.believed.remember(window, sides.states)
    return Taken(reading, since, sides.internal, sides.external, ours.answer, stated, sides.home)


async def _looked_into(
    setup: LiveSetup,
    bench: LiveBench,
    stated: Answer,
    ours: Answer,
    home: Home,
    until: int,
    traded: frozenset[str],
) -> Findings:
    """What becomes of a reading that is not whole, or in which the venue has nothing."""
    here = at_home(setup.external, ours.records)  # what a book has elsewhere is no doubt here
    ours = structs.replace(ours, records=tuple(here))
    broken: Mapping[Side, frozenset[Key]] = {}
    if ours.complete:
        broken = await bench.offload(lambda: broken_keys(setup, bench, stated.ask, home))
    found = await look_into(setup, stated, ours, broken.get(Side.EXTERNAL, frozenset()))
    found = replace(found, broken=frozenset().union(*broken.values()))
    if found.doubt is None or held(stated):
        return found

    def asking(since: int) -> Awaitable[Events]:
        return events_of(setup.external, since, until, traded)

    try:
        oldest = until - setup.timing.full
        closed = await setup.believed.closed(stated.ask, asking, oldest, until)
    except SourceError:
        closed = False
    return replace(found, doubt=None) if closed else found


@dataclass(frozen=True, slots=True)
class _Sides:
    """Both answers by key, and what of them can be compared."""

    home: Home
    internal: dict[Key, Record]
    external: dict[Key, Record]
    own: list[Entry]
    states: dict[Key, Decimal]
    opening: dict[Key, Decimal]


async def counting_of(book: Feed) -> Counting | None:
    """What tells whether something happened after the opening of a key, where the book knows."""
    asking = getattr(book, "counting", None)
    return None if asking is None else await asking()


def _sides(setup: LiveSetup, stated: Answer, ours: _BookState, counts: Counting | None) -> _Sides:
    records = setup.rules.records
    home = home_of(setup.external, stated)
    external = by_key(records, stated.records, home)
    internal = by_key(records, ours.answer.records, home)
    covered = covered_by(ours.answer, stated).values()
    own = counted(entries(ours.events, KINDS[records], home), counts)
    states = _within(amounts(records, external), covered, home)
    opening = _within(before(amounts(records, internal), own), covered, home)
    # What the venue has, and a whole book has not, the book has none of. Of what it does not name
    # a book that is not whole says nothing, also where it names what moved it.
    opening = dict.fromkeys(states, ZERO) | opening
    whole, wallets = ours.answer.complete, ours.answer.wallets
    opening = {
        key: each
        for key, each in opening.items()
        if key in internal
        or (whole and (records != "balances" or wallets is None or key.part in wallets))
    }
    return _Sides(home, internal, external, own, states, opening)


def _listed_after(setup: LiveSetup, stated: Answer, window: tuple[int, int]) -> int:
    """How long after a snapshot was answered the venue lists what it has seen, nanoseconds.

    That is the lag. A source that tells no more than up to a time by its clock has to have passed
    the end of the window as well, which it has once the window's width is over, by whatever clock.
    One that tells all that has happened has not: what happens from then on is in no snapshot that
    was answered before.
    """
    lag = setup.timing.lag
    return lag if stated.coarse else max(lag, window[1] - window[0])


async def _wait_until(moment: int, bench: LiveBench) -> None:
    left = moment - bench.now()
    if left > 0:
        await asyncio.sleep(left / 1_000_000_000)


async def version_of(feed: Feed) -> str | None:
    """What changes whenever the feed's answers do; None where it does not say."""
    asking = getattr(feed, "version", None)
    return None if asking is None else str(await asking())


async def events_of(
    feed: Feed,
    since: int,
    until: int | None,
    symbols: frozenset[str],
    kinds: Collection[str] = EVENTS,
) -> Events:
    """Trades and movements of a window; nothing where the feed has no trades."""
    if "trades" not in feed.offers:
        return ()
    asks = [
        Ask(records, since, until, symbols if records == "trades" and symbols else None)
        for records in kinds
        if records in feed.offers
    ]
    return tuple(await asyncio.gather(*[feed.fetch(ask) for ask in asks]))


async def _book(
    book: Feed, records: str, since: int, symbols: frozenset[str] | None, *, told: bool
) -> _BookState:
    """The book's amounts and entries at one and the same moment. `told`: its entries count."""
    for attempt in range(1, TRIES + 1):
        version = await version_of(book)
        events = await events_of(book, since, None, frozenset()) if told else ()
        answer = await book.fetch(Ask(records, symbols=symbols))
        steady = await version_of(book) == version
        if steady or attempt == TRIES:
            return _BookState(answer, events, version, steady)
        await asyncio.sleep(0)
    raise AssertionError("unreachable")


def _within(
    amounts_: dict[Key, Decimal], covered: Collection[frozenset[str]], home: Home
) -> dict[Key, Decimal]:
    """The amounts that both answers are about: of others nothing can be said."""
    return {
        key: each
        for key, each in amounts_.items()
        if home.holds(key) and all(key.name in names for names in covered)
    }


def _reaches(answer: Answer, until: int) -> bool:
    """Whether an answer about events tells all that a snapshot, taken before it, may have seen.

    `until` is by the venue's clock, and the end of what a book was asked for without an end by
    ours: whatever these say, what it was not asked for then had not happened.
    """
    assert answer.window is not None
    whole = answer.ask.until is None and answer.window[1] >= answer.asked_at
    return whole or answer.coarse or answer.window[1] >= until


def _gaps(answers: Sequence[Answer], since: int, until: int) -> list[str]:
    """Why what happened is not known whole."""
    why = [f"{each.source}: {reason}" for each in answers for reason in each.reasons]
    for each in answers:
        if each.quarantined:
            why.append(f"{each.source}: {len(each.quarantined)} {each.ask.records} are unreadable")
        if each.window is not None and (each.window[0] > since or not _reaches(each, until)):
            why.append(f"{each.source} does not cover its {each.ask.records} around the snapshot")
    return why
