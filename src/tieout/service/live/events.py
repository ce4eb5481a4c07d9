"""Trades and movements: a window that moves on, and whatever is still open.

The window of a run begins a lookback before the last one ended. Older trades that still wait for
their partner are read beside it (`windows`); to older movements, which are few, the window reaches
back. Both sides are read a little further back: what lies there was judged before, and is only a
possible partner, so that a fill that the two sides date differently is not missing at the edge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from tieout.core.canonical import instant
from tieout.core.entries import entry_of
from tieout.core.fills import by_order
from tieout.core.live import Answer, Ask
from tieout.core.model import Break, Candidate, Pair, Record, Side, Value
from tieout.core.rules import Duration
from tieout.core.transit import fee_may_come
from tieout.errors import CalculationError, SourceError
from tieout.ports import Feed, Rows
from tieout.service.live.cause import cause_of, placed_by
from tieout.service.live.reading import counting_of
from tieout.service.live.rows import Counting, at_home, columns_of, covered_by
from tieout.service.live.setup import Comparison, LiveBench, LiveSetup
from tieout.service.live.windows import Span, Told, Waiting, name_of, spans, waiting_of
from tieout.service.setup import Reference, Standing


async def compare_events(
    setup: LiveSetup,
    bench: LiveBench,
    reference: Reference,
    *,
    waiting: Sequence[Waiting],
    cursor: int | None,
    since: int | None = None,
) -> Comparison:
    """Read the window of both sides, and what is to be read beside it.

    Args:
        waiting: the open records of earlier runs.
        cursor: until when earlier runs have come. `since`: begin there, whatever the cursor says.

    Raises:
        SourceError: a side gave no answer.
    """
    timing, now = setup.timing, bench.now()
    begin = now - timing.full if cursor is None else min(cursor, now) - timing.lookback
    begin = min(each for each in (begin, since) if each is not None)
    told, begin = await _read(setup, begin, now, waiting)
    gone = [each.since for each in waiting if _gone(each, told, setup.summed)]
    if gone and min(gone) < begin:  # who took it back may have put another in its place, anywhere
        told, begin = await _read(setup, min(begin, *gone), now, waiting)
    sides = {side: each.whole for side, each in told.items()}
    ours, theirs = sides[Side.INTERNAL], sides[Side.EXTERNAL]
    counts = await counting_of(setup.internal)
    placed = await _placed(setup, told[Side.INTERNAL])
    heard = now - timing.grace  # what is younger is waited for, and clocks differ
    until = {
        side: each.window.window[1] for side, each in told.items() if each.window.window is not None
    }
    names = {each.name for each in waiting}
    return Comparison(
        internal=_rows(setup, 0, ours, counts),
        external=_rows(setup, 1, theirs, counts),
        standing=Standing(
            since=begin,
            again=lambda record: name_of(record.values) in names,
            until=until,
            covered=covered_by(ours, theirs),
            doubtful=lambda record: theirs.doubt is not None,
            cause=cause_of(ours.records, placed),
            voided=lambda item: _gone(waiting_of(item), told, setup.summed),
            expects=_fees(setup, now),
            reasons=tuple(
                why
                for side in (Side.EXTERNAL, Side.INTERNAL)
                for why in _unasked(told[side], begin, heard)
            ),
        ),
        reference=reference,
        as_of=now,
        upto=min([now, *until.values()]) if ours.complete and theirs.complete else None,
    )


async def _read(
    setup: LiveSetup, begin: int, now: int, waiting: Sequence[Waiting]
) -> tuple[dict[Side, Told], int]:
    """Both sides, and where the window begins."""
    timing = setup.timing
    # The two sides need not date an event alike; and of an order that is compared as one sum, the
    # first fill may be long ago.
    margin = timing.full if setup.summed else timing.lookback + timing.grace + timing.lag
    opened = await _opened(setup.internal)
    beside: list[Span] = []
    if setup.summed or setup.rules.records != "trades":
        begin = min([begin, *(each.since for each in waiting)])
    else:
        begin, beside = spans(
            (each for each in waiting if opened is None or each.since > opened), begin, margin
        )
    if opened is not None:
        begin = max(begin, opened + 1)
    known = await setup.universe.known(setup.internal, now)
    ask = Ask(setup.rules.records, begin - margin, now)
    asks = [Ask(ask.records, each.first, each.last, each.symbols) for each in beside]
    theirs, ours, *more = await asyncio.gather(
        _theirs(setup, ask, known),
        setup.internal.fetch(ask),
        *(feed.fetch(each) for feed in (setup.external, setup.internal) for each in asks),
    )
    home = [
        replace(each, records=tuple(at_home(setup.external, each.records)))
        for each in (ours, *more[len(asks) :])
    ]
    told = {
        Side.INTERNAL: Told(home[0], [_of(each) for each in home[1:]]),
        Side.EXTERNAL: Told(theirs, [_of(each) for each in more[: len(asks)]]),
    }
    return told, begin


def _of(answer: Answer) -> Answer:
    """An answer with no symbol but those it was asked for."""
    symbols = answer.ask.symbols
    assert symbols is not None
    kept = [row for row in answer.records if row.values.get("symbol") in symbols]
    return replace(answer, records=tuple(kept))


async def _opened(book: Feed) -> int | None:
    """When a book was opened: what happened until then is in its opening entries, not missing."""
    asking = getattr(book, "opened_at", None)
    return None if asking is None else await asking()


async def _theirs(setup: LiveSetup, ask: Ask, known: frozenset[str]) -> Answer:
    """What the venue tells unasked: the book need not have heard of a symbol that was traded. Where
    that is not of all, what it tells of the symbols that are known as well.
    """
    told = await setup.external.fetch(ask)
    more = frozenset() if told.symbols is None else known - told.symbols
    if not more:
        return told
    return _merged(told, await setup.external.fetch(replace(ask, symbols=more)))


def _merged(told: Answer, more: Answer) -> Answer:
    """Two answers about one window, of other symbols each, as one."""
    seen = {tuple(row.identity.values()) for row in told.records}
    new = [row for row in more.records if tuple(row.identity.values()) not in seen]
    windows = [each.window for each in (told, more) if each.window is not None]
    window = (
        (max(each[0] for each in windows), min(each[1] for each in windows)) if windows else None
    )
    return replace(
        more,
        ask=told.ask,
        records=(*told.records, *new),
        asked_at=told.asked_at,
        quarantined=(*told.quarantined, *more.quarantined),
        window=window,
        symbols=(told.symbols or frozenset()) | (more.symbols or frozenset()),
        reasons=tuple(dict.fromkeys((*told.reasons, *more.reasons))),
        doubt=told.doubt or more.doubt,
    )


async def _placed(setup: LiveSetup, ours: Told) -> frozenset[Value] | None:
    """The orders that the book placed, where it knows orders and all of them."""
    if setup.rules.records != "trades" or "orders" not in setup.internal.offers:
        return None
    asks = [
        Ask("orders", each.window[0] - setup.timing.closed, each.window[1], each.ask.symbols)
        for each in (ours.window, *ours.beside)
        if each.window is not None
    ]
    try:
        told = await asyncio.gather(*map(setup.internal.fetch, asks))
    except SourceError:  # it has told what is compared: where a break comes from is all that lacks
        return None
    if not all(each.complete for each in told):
        return None
    orders = [row for each in told for row in each.records]
    return placed_by(orders, ours.whole.records)


def _fees(setup: LiveSetup, now: int) -> Callable[[Candidate, Break], bool]:
    """Whether a trade only lacks its fee on one side, and may get it yet."""
    deadline = setup.rules.deadline
    wait = deadline.nanoseconds if isinstance(deadline, Duration) else setup.timing.grace

    def expects(candidate: Candidate, brk: Break) -> bool:
        fields = [each.field for each in brk.differences]
        return isinstance(candidate, Pair) and fee_may_come(candidate, fields, now - wait)

    return expects


def _counts(kind: str, row: Record, counts: Counting) -> bool:
    try:
        entry = entry_of(kind, row.values)
    except CalculationError:  # it does not say what it moved: whoever compares it will say so
        return True
    moved = (*entry.effects, *entry.possible)
    return not moved or any(counts(key, entry.at) for key in moved)


def _gone(item: Waiting, told: Mapping[Side, Told], summed: bool) -> bool:
    """Whether a record that one side had, and that waits for its partner, is no longer there.

    A side that answers whole about a record's time and symbol, and does not have it, has taken it
    back. Sums of orders come and go with the window: of these nothing is concluded.
    """
    if summed or item.at is None:
        return False
    side = told[item.side]
    return side.complete and side.asked(item.at, item.symbol) and item.name not in side.names


def _unasked(told: Told, begin: int, end: int) -> tuple[str, ...]:
    """Why an answer that is complete is not about all that it was asked for.

    Args:
        end: of what is not read again. Answers end when they were asked for, by another clock.
    """
    window = told.window
    if window.symbols == frozenset():
        return (f"{window.source} was asked about no symbol: name them in `symbols:`",)
    if window.window is not None and (window.window[0] > begin or window.window[1] < end):
        return (f"{window.source} does not give all {window.ask.records} of the window",)
    for each in told.beside:
        asked = each.ask.since or 0, each.ask.until or 0
        if each.window is not None and (each.window[0] > asked[0] or each.window[1] < asked[1]):
            when = instant(asked[0])
            return (f"{each.source} does not give all {each.ask.records} of {when} any more",)
    return ()


def _rows(setup: LiveSetup, index: int, answer: Answer, counts: Counting | None) -> Rows:
    """A side's rows. A book that is stale has not heard of what it lacks: it is not complete.

    What happened before the book opened what it moved is in the opening, and missing nowhere.
    """
    kind = setup.rules.records
    records = [row for row in answer.records if counts is None or _counts(kind, row, counts)]
    late = (answer.doubt,) if index == 0 and answer.doubt is not None else ()
    if setup.summed and index == 1 and setup.rules.records == "trades":
        records = list(by_order(records))
    return Rows(
        source=answer.source,
        layout=setup.layouts[index],
        records=records,
        columns=columns_of(records, setup.rules.records),
        reasons=(*answer.reasons, *late),
        quarantined=answer.quarantined,
        window=answer.window,
        notes=answer.notes,
    )
