"""Words that Binance's spot and futures APIs share: statuses, errors, symbols, pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from tieout.testing.exchange.records import Fill, Listing, Order
from tieout.testing.exchange.terms import Executions
from tieout.testing.exchange.wire import Call, Refusal, Reply, encoded

STATUS: Final = {
    "open": "NEW",
    "partially_filled": "PARTIALLY_FILLED",
    "filled": "FILLED",
    "cancelled": "CANCELED",
    "rejected": "REJECTED",
    "expired": "EXPIRED",
}

LEGS: Final = {"net": "BOTH", "long": "LONG", "short": "SHORT"}
DAY: Final = 86_400_000
PAGE: Final = 1000


def refuse(status: int, code: int, message: str) -> Refusal:
    return Refusal(Reply(status, encoded({"code": code, "msg": message})))


def listing_of(call: Call, *, perpetual: bool, required: bool = True) -> Listing | None:
    """The instrument that `symbol` names.

    Raises:
        Refusal: there is no such instrument, or none was named.
    """
    name = call.params.get("symbol")
    if not name:
        if required:
            raise refuse(
                400,
                -1102,
                "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.",
            )
        return None
    for listing in call.listings("binance", perpetual=perpetual):
        if listing.native == name:
            return listing
    raise refuse(400, -1121, "Invalid symbol.")


def limit_of(call: Call, default: int = 500) -> int:
    limit = call.integer("limit", default)
    return max(1, min(PAGE, limit or default))


def fills_asked(call: Call, symbol: str, *, window: int, too_long: Refusal) -> list[Fill]:
    """The fills that `fromId`, `startTime`, `endTime`, `orderId` and `limit` ask for, oldest first.

    From an id or a time on it is the oldest that are given; without either the newest.
    """
    start, end = call.integer("startTime"), call.integer("endTime")
    from_id, order_id = call.integer("fromId"), call.integer("orderId")
    if from_id is not None and (start is not None or end is not None):
        raise refuse(400, -1128, "Combination of optional parameters invalid.")
    if start is not None and end is not None and end - start > window:
        raise too_long
    executions = call.account.executions.get(symbol, Executions())
    limit = limit_of(call)
    fills: Iterable[Fill]
    if from_id is not None:
        fills = executions.fills[executions.from_id(from_id) :]
    elif start is not None:
        stop = end if end is not None else start + window
        fills = executions.fills[executions.since(start) : executions.since(stop + 1)]
    else:
        fills = executions.fills
        if end is not None:
            fills = fills[: executions.since(end + 1)]
    if order_id is not None:
        fills = [fill for fill in fills if fill.order.id == order_id]
    if from_id is None and start is None:
        return _newest(call, list(fills), limit)
    return _oldest(call, fills, limit)


def _oldest(call: Call, fills: Iterable[Fill], limit: int) -> list[Fill]:
    found: list[Fill] = []
    now = call.actual
    for fill in fills:
        if fill.listed_at is not None and fill.listed_at <= now:
            found.append(fill)
            if len(found) == limit:
                break
    return call.listed(found)[: max(limit, PAGE)]


def _newest(call: Call, fills: list[Fill], limit: int) -> list[Fill]:
    found = []
    now = call.actual
    for fill in reversed(fills):
        if fill.listed_at is not None and fill.listed_at <= now:
            found.append(fill)
            if len(found) == limit:
                break
    return call.listed(reversed(found))


def orders_asked(call: Call, symbol: str) -> list[Order]:
    """What `allOrders` gives: from an id, else of a time, else the newest."""
    start, end = call.integer("startTime"), call.integer("endTime")
    from_id = call.integer("orderId")
    orders = call.account.ordered(symbol, from_id=from_id or 0, since=start or 0, until=end)
    limit = limit_of(call)
    return orders[-limit:] if from_id is None and start is None else orders[:limit]


def order_asked(call: Call, symbol: str) -> Order:
    """The order that `orderId` or `origClientOrderId` names. Raises Refusal."""
    number, client_id = call.integer("orderId"), call.params.get("origClientOrderId")
    if number is None and not client_id:
        raise refuse(
            400,
            -1102,
            "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
        )
    for order in call.account.ordered(symbol):
        if order.id == number or (number is None and order.client_id == client_id):
            return order
    raise refuse(400, -2013, "Order does not exist.")


def open_orders(call: Call, *, perpetual: bool) -> list[Order]:
    listing = listing_of(call, perpetual=perpetual, required=False)
    return [
        order
        for order in call.state.orders.values()
        if (":" in order.symbol) is perpetual
        and (listing is None or order.symbol == listing.symbol)
    ]


def price_rows(call: Call, *, perpetual: bool) -> Any:
    listing = listing_of(call, perpetual=perpetual, required=False)
    if listing is not None:
        return price_row(call, listing)
    return [price_row(call, each) for each in call.listings("binance", perpetual=perpetual)]


def price_row(call: Call, listing: Listing) -> dict[str, Any]:
    row: dict[str, Any] = {
        "symbol": listing.native,
        "price": str(call.exchange.price(listing.symbol)),
    }
    return row | {"time": call.now} if listing.perpetual else row
