"""Live comparisons without what is on its way between one's own places; see `core.transit`.

Nothing is asked for unless something differs that a transfer may explain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, TypeAlias

from tieout.core.canonical import moment
from tieout.core.lifecycle import OpenItem
from tieout.core.live import Ask
from tieout.core.model import Break, Candidate, Record, Side, Single, Value
from tieout.core.money import add, subtract
from tieout.core.transit import SKEW, Leg, explains, legs, on_the_way
from tieout.errors import SourceError
from tieout.ports import Rows
from tieout.service.live.setup import Comparison, LiveBench, LiveSetup

ZERO: Final = Decimal(0)
Place: TypeAlias = Mapping[str, Value]
Purse: TypeAlias = tuple[Value, Value]
"""A currency and its wallet; None where a side does not tell wallets apart."""


@dataclass(frozen=True, slots=True)
class _Moving:
    """Legs at this place that the venue lacks (the book's), and that the book lacks."""

    ours: Sequence[Leg]
    theirs: Sequence[Leg]


async def without_transit(setup: LiveSetup, bench: LiveBench, compared: Comparison) -> Comparison:
    """Hold back what only a transfer between one's own places keeps from agreeing.

    Raises:
        SourceError: a side gave no answer about its movements.
    """
    ours, theirs = compared.internal, compared.external
    if isinstance(ours, SourceError) or isinstance(theirs, SourceError):
        return compared
    if setup.timing.transit <= 0:
        return compared
    if setup.rules.records == "movements":
        return await _events(setup, bench, compared, ours, theirs)
    if setup.rules.records == "balances":
        return await _balances(setup, bench, compared, ours, theirs)
    return compared


# Movements


async def _events(
    setup: LiveSetup, bench: LiveBench, compared: Comparison, ours: Rows, theirs: Rows
) -> Comparison:
    known = {_id(row) for row in ours.records} & {_id(row) for row in theirs.records}
    alone = [row for row in (*ours.records, *theirs.records) if _id(row) not in known]
    if not any(row.values.get("type") == "transfer" for row in alone):
        return compared
    moving = await _moving(setup, bench, ours.records, theirs.records)
    held = {
        Side.INTERNAL: {_id(leg.record) for leg in moving.ours},
        Side.EXTERNAL: {_id(leg.record) for leg in moving.theirs},
    }
    before = compared.standing.expects

    def expects(candidate: Candidate, brk: Break) -> bool:
        if isinstance(candidate, Single) and _id(candidate.record) in held[candidate.side]:
            return True
        return before(candidate, brk)

    return replace(compared, standing=replace(compared.standing, expects=expects))


# Balances


def _held_back(
    compared: Comparison, *parts: tuple[Side, Rows, list[Record]], expected: int
) -> Comparison:
    """The comparison without some rows, which wait. `expected`: how many keys they are."""
    sides, waiting = {}, list(compared.standing.waiting)
    for side, rows, held in parts:
        out = {id(row) for row in held}
        sides[side] = replace(rows, records=[row for row in rows.records if id(row) not in out])
        waiting += [OpenItem(side, row, moment(compared.as_of).date()) for row in held]
    standing = replace(
        compared.standing, waiting=waiting, expected=compared.standing.expected + expected
    )
    return replace(
        compared, internal=sides[Side.INTERNAL], external=sides[Side.EXTERNAL], standing=standing
    )


async def _balances(
    setup: LiveSetup, bench: LiveBench, compared: Comparison, ours: Rows, theirs: Rows
) -> Comparison:
    apart = _told_apart(ours.records) and _told_apart(theirs.records)
    left, right = _purses(ours.records, apart), _purses(theirs.records, apart)
    differing = {
        purse: subtract(_total(left.get(purse)), _total(right.get(purse)))
        for purse in {**left, **right}
    }
    differing = {purse: each for purse, each in differing.items() if each}
    if not differing or "movements" not in setup.external.offers:
        return compared
    moving = await _moving(setup, bench, None, None)
    out: set[Purse] = set()
    restated: dict[int, Record] = {}
    for purse, difference in differing.items():
        sure = [leg.amount for leg in moving.ours if _is_of(leg, purse)]
        back = [leg.amount.copy_negate() for leg in moving.theirs if _is_of(leg, purse)]
        if not sure and not back:
            continue
        row = left.get(purse)
        if explains(difference, [*sure, *back]):
            out.add(purse)
        elif sure and row is not None:
            total = subtract(_total(row), _sum(sure))
            restated[id(row)] = Record({**row.values, "total": total}, row.identity, row.row)
    changed = replace(ours, records=[restated.get(id(row), row) for row in ours.records])
    return _held_back(
        compared,
        (Side.INTERNAL, changed, [left[purse] for purse in out if purse in left]),
        (Side.EXTERNAL, theirs, [right[purse] for purse in out if purse in right]),
        expected=len(out),
    )


def _told_apart(rows: Iterable[Record]) -> bool:
    return all(row.values.get("wallet") is not None for row in rows)


def _purses(rows: Iterable[Record], apart: bool) -> dict[Purse, Record]:
    return {
        (row.values.get("currency"), row.values.get("wallet") if apart else None): row
        for row in rows
    }


def _total(row: Record | None) -> Decimal:
    total = None if row is None else row.values.get("total")
    return total if isinstance(total, Decimal) else ZERO


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for amount in amounts:
        total = add(total, amount)
    return total


def _is_of(leg: Leg, purse: Purse) -> bool:
    currency, wallet = purse
    own = leg.record.values.get("wallet")
    same = wallet is None or own is None or own == wallet
    return leg.record.values.get("currency") == currency and same


# What is on its way


async def _moving(
    setup: LiveSetup,
    bench: LiveBench,
    ours: Sequence[Record] | None,
    theirs: Sequence[Record] | None,
) -> _Moving:
    """Legs of one's own transfers that a side lacks here.

    Args:
        ours, theirs: movements here, where they are known; else they are asked for.
    """
    deadline, now = setup.timing.transit, bench.now()
    ask = Ask("movements", now - deadline - SKEW, now)
    everywhere = setup.everywhere or setup.internal
    if "movements" not in everywhere.offers:
        return _Moving((), ())
    believed = list((await everywhere.fetch(ask)).records)
    seen = list((await setup.external.fetch(ask)).records) if theirs is None else list(theirs)
    place = _place_of(setup, seen)
    known = {_id(row) for row in (*believed, *(ours or ()))}
    unheard = [row for row in seen if _id(row) not in known]
    found = legs([*believed, *unheard], deadline)
    new = {id(row) for row in unheard}
    return _Moving(
        ours=on_the_way([leg for leg in found if id(leg.record) not in new], seen, place, now),
        theirs=[leg for leg in found if id(leg.record) in new and leg.until >= now],
    )


def _place_of(setup: LiveSetup, seen: Sequence[Record]) -> Place:
    """Account and venue of the venue that is compared."""
    told = seen[0].values if seen else {}
    return {
        name: getattr(setup.external, name, None) or told.get(name) for name in ("account", "venue")
    }


def _id(row: Record) -> Value:
    return row.values.get("movement_id")
