"""Where a break of orders or trades comes from, as far as the records themselves say it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from tieout.core.model import Candidate, Cause, Record, Side, Single, Value

NOT_ORDERED: Final = frozenset({"liquidation", "adl", "settlement", "bust"})
"""Executions that nobody here sent an order for."""

GIVEN_BY_VENUES: Final = (
    "autoclose-",
    "adl_autoclose",
    "settlement_autoclose-",
    "delivery_autoclose-",
    "web_",
    "and_",
    "android_",
    "ios_",
    "electron_",
)
"""How the client ids begin that Binance gives to its own orders, and to those of its website and
apps. Elsewhere such orders have no client id.
"""


def cause_of(
    book: Iterable[Record], placed: frozenset[Value] | None = None
) -> Callable[[Candidate], Cause]:
    """What to say of a candidate, given the records of the book.

    A venue's order or trade that the book lacks is external activity where the venue says so,
    where the book puts its own id on every order and this one has none, or where the book knows
    every order that it placed and this is none of them: somebody traded by hand.

    Args:
        placed: the ids of all orders that the book placed; None: it does not know them all.
    """
    ids = [record.values.get("client_order_id") for record in book]
    marks_its_own = bool(ids) and None not in ids

    def cause(candidate: Candidate) -> Cause:
        if not isinstance(candidate, Single) or candidate.side is not Side.EXTERNAL:
            return Cause.UNKNOWN
        values = candidate.record.values
        if values.get("type") == "transfer":
            return Cause.TRANSFER
        if values.get("exec_type") in NOT_ORDERED or _is_the_venues(values.get("client_order_id")):
            return Cause.EXTERNAL_ACTIVITY
        named = "client_order_id" in values or "order_id" in values
        if marks_its_own and named and values.get("client_order_id") is None:
            return Cause.EXTERNAL_ACTIVITY
        order = values.get("order_id")
        if placed is not None and order is not None and order not in placed:
            return Cause.EXTERNAL_ACTIVITY
        return Cause.UNKNOWN

    return cause


def placed_by(orders: Iterable[Record], trades: Iterable[Record]) -> frozenset[Value] | None:
    """The ids of the orders that a book placed; None where it may not know them all.

    It does where each of its orders has the venue's id, and each of its trades is of one of them.
    """
    ids = frozenset(row.values.get("order_id") for row in orders)
    if not ids or None in ids:
        return None
    return ids if all(row.values.get("order_id") in ids for row in trades) else None


def _is_the_venues(client_order_id: Value) -> bool:
    return isinstance(client_order_id, str) and client_order_id.startswith(GIVEN_BY_VENUES)
