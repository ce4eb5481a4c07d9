"""Where a break of orders or trades comes from, as far as the records themselves say it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from tieout.core.model import Candidate, Cause, Record, Side, Single

NOT_ORDERED: Final = frozenset({"liquidation", "adl", "settlement", "bust"})
"""Executions that nobody here sent an order for."""


def cause_of(book: Iterable[Record]) -> Callable[[Candidate], Cause]:
    """What to say of a candidate, given the records of the book.

    A venue's order or trade that the book lacks is external activity where the venue says so, or
    where the book puts its own id on every order and this one has none: somebody traded by hand.
    """
    ids = [record.values.get("client_order_id") for record in book]
    marks_its_own = bool(ids) and None not in ids

    def cause(candidate: Candidate) -> Cause:
        if not isinstance(candidate, Single) or candidate.side is not Side.EXTERNAL:
            return Cause.UNKNOWN
        values = candidate.record.values
        if values.get("exec_type") in NOT_ORDERED:
            return Cause.EXTERNAL_ACTIVITY
        named = "client_order_id" in values or "order_id" in values
        if marks_its_own and named and values.get("client_order_id") is None:
            return Cause.EXTERNAL_ACTIVITY
        return Cause.UNKNOWN

    return cause
