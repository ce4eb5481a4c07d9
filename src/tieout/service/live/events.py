"""Trades and movements: a window that moves on, and reaches back to whatever is still open.

The window of a run begins a lookback before the last one ended, or at the oldest record that is
still waiting for its partner. Both sides are read a little further back: what lies there was
judged before, and is only a possible partner, so that a fill that the two sides date differently
is not missing at the window's edge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from tieout.core.entries import entry_of
from tieout.core.fills import by_order
from tieout.core.lifecycle import OpenItem
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
from tieout.service.setup import Reference, Standing


async def compare_events(
    setup: LiveSetup,
    bench: LiveBench,
    reference: Reference,
    *,
    oldest: int | None,
    cursor: int | None,
    since: int | None = None,
) -> Comparison:
    """Read the window of both sides.

    Args:
        oldest: when the oldest record happened that waits for its partner, UTC ns.
        cursor: until when earlier runs have come. `since`: begin there, whatever the cursor says.

    Raises:
        SourceError: a side gave no answer.
    """
    timing, now = setup.timing, bench.now()
    begin = now - timing.full if cursor is None else min(cursor, now) - timing.lookback
    begin = min(each for each in (begin, oldest, since) if each is not None)
    if (opened := await _opened(setup.internal)) is not None:
        begin = max(begin, opened + 1)
    # The two sides need not date an event alike; and of an order that is compared as one sum, the
    # first fill may be long ago.
    margin = timing.full if setup.summed else timing.lookback + timing.grace + timing.lag
    records = setup.rules.records
    known = await setup.universe.known(setup.internal, now)
    ask = Ask(records, begin - margin, now)
    theirs, ours = await asyncio.gather(_theirs(setup, ask, known), setup.internal.fetch(ask))
    ours = replace(ours, records=tuple(at_home(setup.external, ours.records)))
    counts = await counting_of(setup.internal)
    placed = await _placed(setup, begin - timing.closed, now, ours)
    told = now - timing.grace  # what is younger is waited for, and clocks differ
    sides = {Side.INTERNAL: ours, Side.EXTERNAL: theirs}
    until = {side: each.window[1] for side, each in sides.items() if each.window is not None}
    return Comparison(
        internal=_rows(setup, 0, ours, counts),
        external=_rows(setup, 1, theirs, counts),
        standing=Standing(
            since=begin,
            until=until,
            covered=covered_by(ours, theirs),
            doubtful=lambda record: theirs.doubt is not None,
            cause=cause_of(ours.records, placed),
            voided=_voided(sides, setup.summed),
            expects=_fees(setup, now),
            reasons=_unasked(theirs, begin, told) + _unasked(ours, begin, told),
        ),
        reference=reference,
        as_of=now,
        upto=min([now, *until.values()]) if ours.complete and theirs.complete else None,
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


async def _placed(
    setup: LiveSetup, since: int, until: int, ours: Answer
) -> frozenset[Value] | None:
    """The orders that the book placed, where it knows orders and all of them."""
    if setup.rules.records != "trades" or "orders" not in setup.internal.offers:
        return None
    try:
        orders = await setup.internal.fetch(Ask("orders", since, until))
    except SourceError:  # it has told what is compared: where a break comes from is all that lacks
        return None
    return placed_by(orders.records, ours.records) if orders.complete else None


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


def _voided(answers: Mapping[Side, Answer], summed: bool) -> Callable[[OpenItem], bool]:
    """Whether a record that one side had, and that waits for its partner, is no longer there.

    A side that answers whole about a record's time and symbol, and does not have it, has taken it
    back. Sums of orders come and go with the window: of these nothing is concluded.
    """
    told = {
        side: {_name(row.values) for row in answer.records}
        for side, answer in answers.items()
        if answer.complete and answer.window is not None and not summed
    }

    def voided(item: OpenItem) -> bool:
        if item.side not in told or item.unreadable:
            return False
        answer, values = answers[item.side], item.record.values
        when, symbol = values.get("timestamp"), values.get("symbol")
        assert answer.window is not None
        asked = isinstance(when, int) and answer.window[0] <= when <= answer.window[1]
        covered = answer.symbols is None or symbol in answer.symbols
        return asked and covered and _name(values) not in told[item.side]

    return voided


def _name(values: Mapping[str, Value]) -> tuple[Value, ...]:
    return tuple(map(values.get, ("symbol", "trade_id", "side", "movement_id")))


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
