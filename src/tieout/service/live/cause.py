"""Where a break comes from, as far as the records themselves say it: of orders and trades by what
stands in them, of positions by what the venue closed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Final, TypeAlias

from tieout.core.entries import KeyKind, entry_of
from tieout.core.live import Ask
from tieout.core.model import Candidate, Cause, Group, Pair, Record, Side, Single, Value
from tieout.core.money import subtract
from tieout.core.transit import explains
from tieout.errors import CalculationError, SourceError
from tieout.ports import Rows
from tieout.service.live.setup import Comparison, LiveBench, LiveSetup

Held: TypeAlias = tuple[Value, Value]
"""The symbol and the leg of a position."""

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


async def with_closed(setup: LiveSetup, bench: LiveBench, compared: Comparison) -> Comparison:
    """The comparison, with the cause of positions that differ by what the venue closed itself.

    A liquidation that the book has not heard of is a break of trades, and says there what it is.
    The position that it left differs by the same amount: that, too, nobody here has ordered.
    """
    ours, theirs = compared.internal, compared.external
    if isinstance(ours, SourceError) or isinstance(theirs, SourceError):
        return compared
    if "trades" not in setup.external.offers:
        return compared
    differing = _differing(ours, theirs)
    if not differing:
        return compared
    now = bench.now()
    symbols = frozenset(str(symbol) for symbol, _ in differing)
    ask = Ask("trades", now - setup.timing.full, now, symbols)
    try:
        told = await setup.external.fetch(ask)
        closed = [row for row in told.records if row.values.get("exec_type") in NOT_ORDERED]
        if not closed:
            return compared
        known: tuple[Record, ...] = ()
        if "trades" in setup.internal.offers:
            known = (await setup.internal.fetch(ask)).records
    except SourceError:  # only where a break comes from is not known
        return compared
    moved = _moved(_unheard(closed, known))
    causes = {key for key, gap in differing.items() if key in moved and explains(gap, moved[key])}
    before = compared.standing.cause

    def cause(candidate: Candidate) -> Cause:
        found = before(candidate)
        if found is Cause.UNKNOWN and _held(candidate) in causes:
            return Cause.EXTERNAL_ACTIVITY
        return found

    return replace(compared, standing=replace(compared.standing, cause=cause))


def _differing(ours: Rows, theirs: Rows) -> dict[Held, Decimal]:
    """What the venue has more than the book, by position; without what agrees."""
    gaps: dict[Held, Decimal] = defaultdict(Decimal)
    for rows, own in ((ours, True), (theirs, False)):
        for row in rows.records:
            quantity = row.values.get("quantity")
            if isinstance(quantity, Decimal):
                key = _position(row)
                gaps[key] = subtract(gaps[key], quantity if own else quantity.copy_negate())
    return {key: gap for key, gap in gaps.items() if gap}


def _unheard(closed: Iterable[Record], known: Iterable[Record]) -> list[Record]:
    """Of what the venue closed, what the book knows neither by the trade nor by its order."""
    have = {name for row in known for name in _names(row)}
    return [row for row in closed if have.isdisjoint(_names(row))]


def _names(row: Record) -> list[tuple[str, Value, Value]]:
    """Ids of trades and orders are those of one market."""
    get = row.values.get
    named = ("trade_id", "order_id")
    return [(each, get("symbol"), get(each)) for each in named if get(each) is not None]


def _moved(trades: Iterable[Record]) -> dict[Held, list[Decimal]]:
    found: dict[Held, list[Decimal]] = defaultdict(list)
    for row in trades:
        try:
            effects = entry_of("trades", row.values).effects
        except CalculationError:  # it does not say what it moved
            continue
        for key, amount in effects.items():
            if key.kind is KeyKind.POSITION and amount:
                found[key.name, key.part].append(amount)
    return found


def _held(candidate: Candidate) -> Held | None:
    if isinstance(candidate, Group):
        return None
    return _position(candidate.internal if isinstance(candidate, Pair) else candidate.record)


def _position(row: Record) -> Held:
    return row.values.get("symbol"), row.values.get("leg") or "net"
