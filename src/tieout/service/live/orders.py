"""Orders: what differs at one instant may be on its way; only what stays is a break.

1. Open orders, and those closed lately, of both sides, by the venue's id or by one's own.
2. A difference is a break when N complete readings over at least the grace find it, the same on
   both sides each time. Until then it is *expected*.
3. An order that one side lacks, and of which the other says that it was closed unfilled, is no
   difference: nothing came of it.
4. A side that cannot be read whole leaves the orders that it lacks *unknown*. A book that is
   stale leaves every difference *unknown*; what a venue lacks in an answer that is in doubt is in
   doubt.
5. A submit that timed out has no id of the venue's yet: it is looked for by the client id. The old
   leg of a cancel and replace was not cancelled; see `core.orders`. A client id that orders share
   ties none of them to the other: each is held back by its own name.
6. An order with an open break is asked for however old it is, and does not go away because a
   list lacks it that had it before; see `old_orders`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, TypeAlias

from msgspec.structs import replace

from tieout.core.asked import is_open
from tieout.core.canonical import moment
from tieout.core.lifecycle import OpenItem
from tieout.core.live import Answer, Ask
from tieout.core.model import Record, Side, Value
from tieout.core.orders import Orders, filled, in_the_words_of, name_of
from tieout.ports import Rows
from tieout.service.live.cause import cause_of
from tieout.service.live.old_orders import (
    Broken,
    both,
    found,
    note,
    symbols_of,
)
from tieout.service.live.rows import at_home, columns_of, covered_by
from tieout.service.live.setup import Comparison, LiveBench, LiveSetup
from tieout.service.setup import Reference, Standing

_SEEN: Final = ("status", "quantity", "filled", "price", "side", "symbol")
"""What a difference between two orders may be in."""

Name: TypeAlias = str
Looks: TypeAlias = tuple[tuple[str, Value], ...] | None
Differing: TypeAlias = dict[Name, tuple[Looks, Looks]]


async def compare_orders(
    setup: LiveSetup,
    bench: LiveBench,
    reference: Reference,
    symbols: frozenset[str] | None = None,
    *,
    broken: Sequence[Broken] = (),
) -> Comparison:
    """Read orders until whatever differed at first has stayed the same, or has gone.

    Args:
        broken: orders of which a break is open: asked for as well; see `old_orders`.

    Raises:
        SourceError: a side gave no answer.
    """
    timing, by_symbol = setup.timing, setup.rules.ids_per_symbol
    standing: dict[Name, tuple[tuple[Looks, Looks], int, int]] = {}
    first: set[Name] | None = None
    pause = timing.grace / max(1, timing.confirmations - 1)
    since = bench.now() - timing.closed
    broken = [
        each for each in broken if symbols is None or symbols >= (symbols_of([each]) or frozenset())
    ]
    for attempt in range(1, timing.resamples + 1):
        ours, theirs, gone = await _both(setup, bench.now(), since, symbols, broken)
        differing = _differing(ours, theirs, by_symbol) | _vanished(
            ours, theirs, broken, gone, by_symbol
        )
        first = set(differing) if first is None else first
        standing = {
            name: _again(standing.get(name), looks, bench.now())
            for name, looks in differing.items()
        }
        moving = {
            name
            for name, (_, since, times) in standing.items()
            if times < timing.confirmations or bench.now() - since < timing.grace
        }
        # What began to differ meanwhile is the next comparison's: where much is traded, something
        # always does.
        if first.isdisjoint(moving) or attempt == timing.resamples:
            break
        await asyncio.sleep(pause / 1_000_000_000)
    unknown = set(differing) if ours.doubt is not None else set()
    # Also where neither side lists it just now: what is undecided clears nothing.
    stays = [
        each
        for each in broken
        if each in gone or not (moving | unknown).isdisjoint(each.names(by_symbol=by_symbol))
    ]
    return _compared(setup, reference, ours, theirs, moving, unknown, gone, stays, bench.now())


async def _both(
    setup: LiveSetup,
    now: int,
    since: int,
    symbols: frozenset[str] | None,
    broken: Sequence[Broken],
) -> tuple[Answer, Answer, list[Broken]]:
    """The venue first, then the book: what the venue knows the book may have heard by now.

    Of the venue first what is open, wherever; then, of the symbols that are known, what has been
    closed as well: some venues tell that by symbol only. An order that closes in between is in
    the second answer.

    Returns:
        Both answers; and those of `broken` of which the venue says nothing, which are in neither.
    """
    by_symbol = setup.rules.ids_per_symbol
    known = await setup.universe.known(setup.internal, now)
    # A little further back than is compared: what lies there is only a possible partner.
    margin = setup.timing.closed // 24
    opened = await setup.external.fetch(Ask("orders", symbols=symbols))
    traded = symbols or known | {str(row.values["symbol"]) for row in opened.records}
    if traded:
        ask = Ask("orders", since=since - margin, symbols=frozenset(traded), known=True)
        closed = await setup.external.fetch(ask)
        opened = both(opened, closed)
    opened, gone = await found(setup, opened, broken, since, now, margin)
    old = [each for each in broken if each.made < since]
    ours = await setup.internal.fetch(Ask("orders", since=since - margin, symbols=symbols))
    if old:
        first = min(each.made for each in old) - setup.timing.lag
        ours = both(ours, await setup.internal.fetch(Ask("orders", first, None, symbols_of(old))))
    if ours.reasons and not (only := await _only_open(setup, symbols)).reasons:
        ours, opened = only, _without_closed(opened, Orders(only.records, by_symbol=by_symbol))
    home = at_home(setup.external, ours.records)
    rows = in_the_words_of(home, opened.records, by_symbol=by_symbol)
    asked = Orders((row for each in old for row in each.records), by_symbol=by_symbol)
    ours, opened = _since(replace(ours, records=tuple(rows)), opened, since, asked)
    out = Orders((row for each in gone for row in each.records), by_symbol=by_symbol)
    kept = [row for row in ours.records if out.partner(row) is None]
    return replace(ours, records=tuple(kept)), opened, gone


def _since(ours: Answer, theirs: Answer, since: int, asked: Orders) -> tuple[Answer, Answer]:
    """Both without closed orders that stand alone and that the other side need not list.

    Many venues list closed orders by when they were placed: one that was placed before the window
    and ended in it is in the book's answer and not in theirs. Whether it ended rightly is for the
    trades to say. Those that were looked for (`asked`) stay.
    """

    def told(answer: Answer, other: Answer, clocks: tuple[str, str]) -> Answer:
        others = Orders(other.records, by_symbol=asked.by_symbol)
        kept = [
            row
            for row in answer.records
            if is_open(row.values)
            or asked.partner(row) is not None
            or others.partner(row) is not None
            or _first(row, clocks) is None
            or _first(row, clocks) >= since  # type: ignore[operator]
        ]
        return replace(answer, records=tuple(kept))

    return (
        told(ours, theirs, ("created_at", "updated_at")),
        told(theirs, ours, ("updated_at", "created_at")),
    )


def _first(row: Record, columns: tuple[str, str]) -> int | None:
    times = (row.values.get(name) for name in columns)
    return next((time for time in times if isinstance(time, int)), None)


async def _only_open(setup: LiveSetup, symbols: frozenset[str] | None) -> Answer:
    return await setup.internal.fetch(Ask("orders", symbols=symbols))


def _without_closed(theirs: Answer, ours: Orders) -> Answer:
    """Of a book that knows open orders only, those that the venue has closed are not missing."""
    kept = [row for row in theirs.records if is_open(row.values) or ours.partner(row) is not None]
    return replace(theirs, records=tuple(kept))


def _differing(ours: Answer, theirs: Answer, by_symbol: bool) -> Differing:
    """Orders that differ or are on one side only, with how they look."""
    differing: Differing = {}
    for own, other, flip in ((ours, theirs, False), (theirs, ours, True)):
        others = Orders(other.records, by_symbol=by_symbol)
        for row in own.records:
            partner = others.partner(row)
            if partner is None and not _matters(row):
                continue
            left, right = _looks(row, partner)
            if left != right:
                name = name_of(row, by_symbol=by_symbol)
                differing[name] = (right, left) if flip else (left, right)
    return differing


def _vanished(
    ours: Answer,
    theirs: Answer,
    broken: Sequence[Broken],
    gone: Sequence[Broken],
    by_symbol: bool,
) -> Differing:
    """Orders that the book has taken back, of which the venue never told: as they do not look."""
    own, other = (Orders(each.records, by_symbol=by_symbol) for each in (ours, theirs))
    left = set(map(id, gone))
    rows = (row for each in broken if id(each) not in left for row in each.of(Side.INTERNAL))
    alone = (row for row in rows if own.partner(row) is None and other.partner(row) is None)
    return {name_of(row, by_symbol=by_symbol): (None, None) for row in alone}


def _matters(row: Record) -> bool:
    """Whether an order that the other side lacks is worth a word.

    Of one that was cancelled, and does not say how much was filled before, the trades will tell.
    """
    values = row.values
    return is_open(values) or bool(filled(values)) or values.get("status") == "filled"


def _looks(row: Record, partner: Record | None) -> tuple[Looks, Looks]:
    """What an order and its partner differ in. The rest may move on: a difference stays the same
    one while the order is filled; and that there is no partner, however the order looks.
    """
    if partner is None:
        return (), None
    one, other = row.values, partner.values
    names = [name for name in _SEEN if one.get(name) != other.get(name)]
    return tuple((name, one.get(name)) for name in names), tuple(
        (name, other.get(name)) for name in names
    )


def _again(
    before: tuple[tuple[Looks, Looks], int, int] | None, looks: tuple[Looks, Looks], now: int
) -> tuple[tuple[Looks, Looks], int, int]:
    """How it looks, since when, and how many readings have found it so."""
    if before is None or before[0] != looks:
        return looks, now, 1
    return looks, before[1], before[2] + 1


def _compared(
    setup: LiveSetup,
    reference: Reference,
    ours: Answer,
    theirs: Answer,
    moving: set[Name],
    unknown: set[Name],
    gone: Sequence[Broken],
    stays: Sequence[Broken],
    as_of: int,
) -> Comparison:
    """Both sides without what is on its way (`moving`) or cannot be known (`unknown`, `gone`).

    Args:
        stays: of the breaks that are open, those of which nothing can be said.
    """
    open_, by_symbol = moving | unknown, setup.rules.ids_per_symbol
    listed = Orders(theirs.records, by_symbol=by_symbol)
    other = {Side.INTERNAL: listed, Side.EXTERNAL: Orders(ours.records, by_symbol=by_symbol)}

    def is_held(side: Side, row: Record) -> bool:
        alike = [each for each in (row, other[side].partner(row)) if each is not None]
        return any(name_of(each, by_symbol=by_symbol) in open_ for each in alike)

    held = [
        (side, row)
        for side, answer in ((Side.INTERNAL, ours), (Side.EXTERNAL, theirs))
        for row in answer.records
        if is_held(side, row)
    ]
    left = {id(row) for _, row in held}

    def rows(answer: Answer, side: Side) -> Rows:
        columns = columns_of(answer.records, "orders")
        return Rows(
            source=answer.source,
            layout=setup.layouts[0 if side is Side.INTERNAL else 1],
            records=[
                row
                for row in answer.records
                if id(row) not in left and (_matters(row) or other[side].partner(row) is not None)
            ],
            # An order without the venue's id has a name all the same: it is only not shared.
            columns=columns if "order_id" in columns else [*columns, "order_id"],
            reasons=answer.reasons,
            quarantined=answer.quarantined,
            notes=answer.notes if side is Side.INTERNAL else (*answer.notes, *note(gone)),
        )

    sides = {Side.INTERNAL: rows(ours, Side.INTERNAL), Side.EXTERNAL: rows(theirs, Side.EXTERNAL)}
    day = moment(as_of).date()
    waiting = [OpenItem(side, _as_compared(row, sides[side]), day) for side, row in held]
    return Comparison(
        internal=sides[Side.INTERNAL],
        external=sides[Side.EXTERNAL],
        standing=Standing(
            waiting=[*waiting, *(item for each in stays for item in each.items)],
            unknown=len(unknown) + len(gone),
            expected=len(moving - unknown),
            covered=covered_by(ours, theirs),
            reasons=(ours.doubt,) if unknown and ours.doubt is not None else (),
            # What the venue lists is there, however suddenly it lists nothing else.
            doubtful=lambda record: theirs.doubt is not None and listed.partner(record) is None,
            cause=cause_of(ours.records),
        ),
        reference=reference,
        as_of=as_of,
    )


def _as_compared(row: Record, side: Rows) -> Record:
    """The order under the identity that its side is compared by, which the breaks go by as well."""
    bound = side.layout.present(side.columns)
    identity = {name: row.values.get(name) for name in bound.identity}
    if identity.get(bound.reading.records.id_of(bound.identity) or "") is None:
        return row
    return Record(row.values, identity, row.row)
