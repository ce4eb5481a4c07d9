"""Orders: what differs at one instant may be on its way; only what stays is a break.

1. Open orders, and those closed lately, of both sides, by the venue's id or by one's own.
2. A difference is a break when N complete readings over at least the grace find it, the same on
   both sides each time. Until then it is *expected*.
3. An order that one side lacks, and of which the other says that it was closed unfilled, is no
   difference: nothing came of it.
4. A side that cannot be read whole leaves the orders that it lacks *unknown*.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, TypeAlias

from msgspec.structs import replace

from tieout.core.asked import is_open
from tieout.core.lifecycle import OpenItem
from tieout.core.live import Answer, Ask
from tieout.core.model import Record, Side, Value
from tieout.ports import Rows
from tieout.service.live.rows import columns_of, covered_by
from tieout.service.live.setup import Comparison, LiveBench, LiveSetup
from tieout.service.setup import Reference, Standing

_SEEN: Final = ("status", "quantity", "filled", "price", "side", "symbol")
"""What a difference between two orders may be in."""

Name: TypeAlias = str
Looks: TypeAlias = tuple[Value, ...] | None
Differing: TypeAlias = dict[Name, tuple[Looks, Looks]]


async def compare_orders(
    setup: LiveSetup,
    bench: LiveBench,
    reference: Reference,
    symbols: frozenset[str] | None = None,
) -> Comparison:
    """Read orders until whatever differs has stayed the same, or has gone.

    Raises:
        SourceError: a side gave no answer.
    """
    timing = setup.timing
    standing: dict[Name, tuple[tuple[Looks, Looks], int, int]] = {}
    pause = timing.grace / max(1, timing.confirmations - 1)
    for attempt in range(1, timing.resamples + 1):
        ours, theirs = await _both(setup, bench.now(), symbols)
        differing = _differing(_by_name(ours), _by_name(theirs))
        standing = {
            name: _again(standing.get(name), looks, bench.now())
            for name, looks in differing.items()
        }
        moving = {
            name
            for name, (_, since, times) in standing.items()
            if times < timing.confirmations or bench.now() - since < timing.grace
        }
        if not moving or attempt == timing.resamples:
            break
        await asyncio.sleep(pause / 1_000_000_000)
    return _compared(setup, reference, ours, theirs, moving, bench.now())


async def _both(
    setup: LiveSetup, now: int, symbols: frozenset[str] | None
) -> tuple[Answer, Answer]:
    """The venue first, then the book: what the venue knows the book may have heard by now.

    Of the venue first what is open, wherever; then, of the symbols that are known, what has been
    closed as well: some venues tell that by symbol only. An order that closes in between is in
    the second answer.
    """
    since = now - setup.timing.closed
    known = await setup.universe.known(setup.internal, now)
    opened = await setup.external.fetch(Ask("orders", symbols=symbols))
    traded = symbols or known | {str(row.values["symbol"]) for row in opened.records}
    if traded:
        closed = await setup.external.fetch(Ask("orders", since=since, symbols=frozenset(traded)))
        opened = _merged(opened, closed)
    ours = await setup.internal.fetch(Ask("orders", since=since, symbols=symbols))
    if ours.reasons and not (only := await _only_open(setup, symbols)).reasons:
        return only, _without_closed(opened, only)
    return ours, opened


async def _only_open(setup: LiveSetup, symbols: frozenset[str] | None) -> Answer:
    return await setup.internal.fetch(Ask("orders", symbols=symbols))


def _without_closed(theirs: Answer, ours: Answer) -> Answer:
    """Of a book that knows open orders only, those that the venue has closed are not missing."""
    named = _by_name(ours)
    kept = [
        row
        for row in theirs.records
        if is_open(row.values) or any(name in named for name in _names(row))
    ]
    return replace(theirs, records=tuple(kept))


def _merged(earlier: Answer, later: Answer) -> Answer:
    """Both answers as one; of an order that both have the later one counts."""
    rows = {tuple(row.identity.values()): row for row in (*earlier.records, *later.records)}
    return replace(
        earlier,
        records=tuple(rows.values()),
        answered_at=later.answered_at,
        quarantined=(*earlier.quarantined, *later.quarantined),
        reasons=tuple(dict.fromkeys((*earlier.reasons, *later.reasons))),
        notes=tuple(dict.fromkeys((*earlier.notes, *later.notes))),
    )


def _by_name(answer: Answer) -> dict[Name, Record]:
    """Orders by every name that they have."""
    named = {}
    for row in answer.records:
        for column in ("client_order_id", "order_id"):
            if (id_ := row.values.get(column)) is not None:
                named[f"{column}:{id_}"] = row
    return named


def _names(row: Record) -> list[Name]:
    ids = ((column, row.values.get(column)) for column in ("order_id", "client_order_id"))
    return [f"{column}:{id_}" for column, id_ in ids if id_ is not None]


def _differing(ours: Mapping[Name, Record], theirs: Mapping[Name, Record]) -> Differing:
    """Orders that differ or are on one side only, with how they look."""
    differing: Differing = {}
    for named, others, flip in ((ours, theirs, False), (theirs, ours, True)):
        for row in {id(each): each for each in named.values()}.values():
            partner = next((others[name] for name in _names(row) if name in others), None)
            if partner is None and not _matters(row):
                continue
            left, right = _looks(row), None if partner is None else _looks(partner)
            if left != right:
                name = _names(row)[0] if _names(row) else ""
                differing[name] = (right, left) if flip else (left, right)
    return differing


def _matters(row: Record) -> bool:
    """Whether an order that the other side lacks is worth a word."""
    return is_open(row.values) or bool(row.values.get("filled"))


def _looks(row: Record) -> Looks:
    return tuple(row.values.get(column) for column in _SEEN)


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
    as_of: int,
) -> Comparison:
    held = [
        (side, row)
        for side, answer in ((Side.INTERNAL, ours), (Side.EXTERNAL, theirs))
        for row in answer.records
        if moving.intersection(_names(row))
    ]
    names = {name for _, row in held for name in _names(row)} | moving
    other = {Side.INTERNAL: _by_name(theirs), Side.EXTERNAL: _by_name(ours)}

    def rows(answer: Answer, side: Side) -> Rows:
        return Rows(
            source=answer.source,
            layout=setup.layouts[0 if side is Side.INTERNAL else 1],
            records=[
                row
                for row in answer.records
                if not names.intersection(_names(row))
                and (_matters(row) or any(name in other[side] for name in _names(row)))
            ],
            columns=columns_of(answer.records, "orders"),
            reasons=answer.reasons,
            quarantined=answer.quarantined,
            notes=answer.notes,
        )

    return Comparison(
        internal=rows(ours, Side.INTERNAL),
        external=rows(theirs, Side.EXTERNAL),
        standing=Standing(
            waiting=[OpenItem(side, row, None) for side, row in held],  # type: ignore[arg-type]
            expected=len(moving),
            covered=covered_by(ours, theirs),
        ),
        reference=reference,
        as_of=as_of,
    )
