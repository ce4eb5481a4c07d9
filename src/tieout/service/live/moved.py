"""Balances that differ by what the venue booked, and a book without movements cannot know.

Such a difference is a break all the same: the book is wrong. That it is a deposit, and no lost
fill, is the first thing that a person would look up, so it is said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Final

from tieout.core.entries import KeyKind, entry_of
from tieout.core.live import Ask
from tieout.core.model import Candidate, Cause, Pair, Record, Single, Value
from tieout.core.money import subtract
from tieout.core.transit import explains
from tieout.errors import CalculationError, SourceError
from tieout.ports import Rows
from tieout.service.live.setup import SECOND, Comparison, LiveBench, LiveSetup

WEEK: Final = 7 * 86_400 * SECOND
"""Nanoseconds for which movements are looked up."""

CAUSES: Final = {"funding": Cause.FUNDING, "fee": Cause.FEE}
ZERO: Final = Decimal(0)

Moved = dict[str, list[tuple[Decimal, str]]]
"""By currency: each amount, with the kind of movement."""


async def with_movements(setup: LiveSetup, bench: LiveBench, compared: Comparison) -> Comparison:
    """The comparison, with the cause of what only movements explain that the book cannot have."""
    ours, theirs = compared.internal, compared.external
    if isinstance(ours, SourceError) or isinstance(theirs, SourceError):
        return compared
    if "movements" in setup.internal.offers or "movements" not in setup.external.offers:
        return compared
    differing = _differing(ours, theirs)
    if not differing:
        return compared
    now = bench.now()
    try:
        answer = await setup.external.fetch(Ask("movements", now - WEEK, now))
    except SourceError:  # only where a break comes from is not known
        return compared
    moved = _moved(answer.records)
    causes = {
        currency: _cause(moved[currency])
        for currency, difference in differing.items()
        if currency in moved and explains(difference, [amount for amount, _ in moved[currency]])
    }
    if not causes:
        return compared
    before = compared.standing.cause

    def cause(candidate: Candidate) -> Cause:
        found = before(candidate)
        return found if found is not Cause.UNKNOWN else causes.get(_currency(candidate), found)

    said = f"{', '.join(sorted(causes))}: movements at {theirs.source} come to what differs; "
    said += f"{ours.source} knows no movements"
    return replace(
        compared,
        external=replace(theirs, notes=(*theirs.notes, said)),
        standing=replace(compared.standing, cause=cause),
    )


def _differing(ours: Rows, theirs: Rows) -> dict[str, Decimal]:
    """What the venue has more than the book, by currency; without what agrees."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for rows, own in ((ours, True), (theirs, False)):
        for record in rows.records:
            name, total = record.values.get("currency"), record.values.get("total")
            if isinstance(name, str) and isinstance(total, Decimal):
                totals[name] = subtract(totals[name], total if own else total.copy_negate())
    return {name: difference for name, difference in totals.items() if difference}


def _moved(records: Iterable[Record]) -> Moved:
    found: Moved = defaultdict(list)
    for record in records:
        try:
            effects = entry_of("movements", record.values).effects
        except CalculationError:  # it does not say what it moved
            continue
        for key, amount in effects.items():
            if key.kind is KeyKind.BALANCE and amount != ZERO:
                found[key.name].append((amount, str(record.values.get("type"))))
    return dict(found)


def _cause(moved: Iterable[tuple[Decimal, str]]) -> Cause:
    kinds = {kind for _, kind in moved}
    return CAUSES.get(kinds.pop(), Cause.TRANSFER) if len(kinds) == 1 else Cause.TRANSFER


def _currency(candidate: Candidate) -> str:
    value: Value = None
    if isinstance(candidate, Pair):
        value = candidate.internal.values.get("currency")
    elif isinstance(candidate, Single):
        value = candidate.record.values.get("currency")
    return value if isinstance(value, str) else ""
