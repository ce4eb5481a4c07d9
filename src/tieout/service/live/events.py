"""Trades and movements: a window that moves on, and whatever is still open.

The window of a run begins a lookback before the last one ended. Older trades that still wait for
their partner are read beside it (`windows`); to older movements, which are few, the window reaches
back. Both sides are read a little further back: what lies there was judged before, and is only a
possible partner, so that a fill that the two sides date differently is not missing at the edge.
Where something has gone that was there before, both are read again; see `heard`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from tieout.core.entries import entry_of
from tieout.core.fills import by_order
from tieout.core.live import Answer, Ask
from tieout.core.model import Break, Candidate, Pair, Record, Side, Value
from tieout.core.rules import Duration
from tieout.core.transit import fee_may_come
from tieout.errors import CalculationError, SourceError
from tieout.ports import Feed, Rows
from tieout.service.live.beside import beside, home, left_of
from tieout.service.live.cause import cause_of, placed_by
from tieout.service.live.reading import counting_of
from tieout.service.live.rows import Counting, columns_of, covered_by
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
    read = await _confirmed(setup, bench, begin, waiting)
    gone = [each.since for each in waiting if _gone(each, read.told, setup.summed)]
    if gone and min(gone) < read.begin:  # another may stand in its place, at any time
        read = await _read(setup, min(read.begin, *gone), bench.now(), waiting)
    told, begin, now = read.told, read.begin, read.now
    left = await left_of(setup, bench, waiting, begin, read.untold)
    ours, theirs = told[Side.INTERNAL].whole, told[Side.EXTERNAL].whole
    lost = _lost(setup, told)
    newest = setup.heard.saw(theirs.records) if lost is None and theirs.complete else None
    setup.own.newest.clear()  # a book may take back what it told, once it has said so long enough
    setup.own.saw(ours.records)
    if lost is not None:
        theirs = replace(theirs, reasons=(*theirs.reasons, lost))
    counts = await counting_of(setup.internal)
    placed = await _placed(setup, told[Side.INTERNAL])
    heard = now - timing.grace  # what is younger is waited for, and clocks differ
    until = {
        side: each.window.window[1] for side, each in told.items() if each.window.window is not None
    }
    names = {each.name for each in waiting}
    return Comparison(
        internal=_rows(setup, 0, left.without(ours), counts),
        external=_rows(setup, 1, left.without(theirs), counts, left.note),
        standing=Standing(
            since=begin,
            again=lambda record: name_of(record.values) in names,
            until=until,
            waiting=left.items,
            unknown=len(left.items),
            covered=covered_by(ours, theirs),
            doubtful=lambda record: theirs.doubt is not None,
            cause=cause_of(ours.records, placed),
            voided=lambda item: left.holds(item) or _gone(waiting_of(item), told, setup.summed),
            expects=_fees(setup, now),
            reasons=_unasked(told[Side.EXTERNAL].window, begin, heard)
            + _unasked(told[Side.INTERNAL].window, begin, heard),
        ),
        reference=reference,
        as_of=now,
        upto=min([now, *until.values()]) if ours.complete and theirs.complete else None,
        newest=newest,
    )


@dataclass(frozen=True, slots=True)
class _Read:
    """What both sides say.

    Attributes:
        begin: where the window begins, UTC ns. `now`: where it ends.
        untold: the spans that a side does not tell whole, with why.
    """

    begin: int
    now: int
    told: Mapping[Side, Told]
    untold: Mapping[Span, str]

    def and_then(self, later: _Read) -> _Read:
        """Both readings as one: what was told in either is there."""
        return _Read(
            later.begin,
            later.now,
            {side: each.and_then(later.told[side]) for side, each in self.told.items()},
            {**self.untold, **later.untold},
        )


async def _confirmed(
    setup: LiveSetup, bench: LiveBench, begin: int, waiting: Sequence[Waiting]
) -> _Read:
    """What both sides say, in several readings where something has gone that was there before."""
    timing = setup.timing
    pause = timing.grace / max(1, timing.confirmations - 1)
    read = await _read(setup, begin, bench.now(), waiting)
    for _ in range(timing.confirmations - 1):
        lacks = any(_gone(each, read.told, setup.summed) for each in waiting)
        own = setup.own.lost(read.told[Side.INTERNAL].window)
        if not lacks and own is None and _lost(setup, read.told) is None:
            break
        await asyncio.sleep(pause / 1_000_000_000)
        read = read.and_then(await _read(setup, begin, bench.now(), waiting))
    return read


def _lost(setup: LiveSetup, told: Mapping[Side, Told]) -> str | None:
    if setup.rules.records != "trades":  # what a movement is dated by may change
        return None
    return setup.heard.lost(told[Side.EXTERNAL].window)


async def _read(setup: LiveSetup, begin: int, now: int, waiting: Sequence[Waiting]) -> _Read:
    timing = setup.timing
    # The two sides need not date an event alike; and of an order that is compared as one sum, the
    # first fill may be long ago.
    margin = timing.full if setup.summed else timing.lookback + timing.grace + timing.lag
    opened = await _opened(setup.internal)
    apart: list[Span] = []
    if setup.summed or setup.rules.records != "trades":
        begin = min([begin, *(each.since for each in waiting)])
    else:
        begin, apart = spans(
            (each for each in waiting if opened is None or each.since > opened), begin, margin
        )
    if opened is not None:
        begin = max(begin, opened + 1)
    known = await setup.universe.known(setup.internal, now)
    ask = Ask(setup.rules.records, begin - margin, now)
    (theirs, ours), older = await asyncio.gather(
        asyncio.gather(_theirs(setup, ask, known), setup.internal.fetch(ask)),
        asyncio.gather(*(beside(setup, each) for each in apart)),
    )
    found = zip(apart, older, strict=True)
    pairs = {span: each for span, each in found if not isinstance(each, str)}
    return _Read(
        begin,
        now,
        {
            Side.INTERNAL: Told(home(setup, ours), {span: own for span, (_, own) in pairs.items()}),
            Side.EXTERNAL: Told(theirs, {span: other for span, (other, _) in pairs.items()}),
        },
        {span: why for span, why in zip(apart, older, strict=True) if isinstance(why, str)},
    )


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
        for each in (ours.window, *ours.beside.values())
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
    side = told[item.item.side]
    return side.complete and side.asked(item.at, item.symbol) and item.name not in side.names


def _unasked(answer: Answer, begin: int, end: int) -> tuple[str, ...]:
    """Why an answer that is complete is not about the whole window.

    Args:
        end: of what is not read again. Answers end when they were asked for, by another clock.
    """
    if answer.symbols == frozenset():
        return (f"{answer.source} was asked about no symbol: name them in `symbols:`",)
    if answer.window is not None and (answer.window[0] > begin or answer.window[1] < end):
        return (f"{answer.source} does not give all {answer.ask.records} of the window",)
    return ()


def _rows(
    setup: LiveSetup, index: int, answer: Answer, counts: Counting | None, note: str = ""
) -> Rows:
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
        notes=(*answer.notes, note) if note else answer.notes,
    )
