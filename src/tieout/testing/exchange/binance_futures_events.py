"""Binance USD-M futures: orders, trades and income, as REST says them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

from tieout.testing.exchange.binance_words import (
    DAY,
    LEGS,
    STATUS,
    fills_asked,
    limit_of,
    listing_of,
    open_orders,
    order_asked,
    orders_asked,
    refuse,
)
from tieout.testing.exchange.records import ZERO, Event, Fill, Listing, Order
from tieout.testing.exchange.wire import Call, fixed, plain

WEEK: Final = 7 * DAY
_TOO_LONG: Final = refuse(400, -4165, "Invalid time interval. Maximum time interval is 7 days.")


def order_row(order: Order, symbol: str) -> dict[str, Any]:
    kind = "MARKET" if order.price is None else "LIMIT"
    return {
        "orderId": order.id,
        "symbol": symbol,
        "status": STATUS[order.status],
        "clientOrderId": order.client_id,
        "price": plain(order.price or ZERO),
        "avgPrice": plain(order.average),
        "origQty": plain(order.quantity),
        "executedQty": plain(order.filled),
        "cumQuote": plain(order.spent),
        "timeInForce": "GTC",
        "type": kind,
        "reduceOnly": False,
        "closePosition": False,
        "side": order.side.upper(),
        "positionSide": LEGS[order.leg],
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": kind,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
        "time": order.created,
        "updateTime": order.updated,
    }


def open_rows(call: Call) -> Any:
    return [_written(call, order) for order in open_orders(call, perpetual=True)]


def _written(call: Call, order: Order) -> Any:
    native = call.exchange.listing(order.symbol).native
    return call.account.written.row(("order", order.id), order, order_row, order, native)


def all_orders(call: Call) -> Any:
    listing = listing_of(call, perpetual=True)
    assert listing is not None
    start, end = call.integer("startTime"), call.integer("endTime")
    if start is not None and end is not None and end - start > WEEK:
        raise _TOO_LONG
    return [_written(call, order) for order in orders_asked(call, listing.symbol)]


def one_order(call: Call) -> Any:
    listing = listing_of(call, perpetual=True)
    assert listing is not None
    return order_row(order_asked(call, listing.symbol), listing.native)


def force_orders(call: Call) -> Any:
    listing = listing_of(call, perpetual=True, required=False)
    start = call.integer("startTime") or 0
    end = call.integer("endTime") or call.actual
    wanted = {"LIQUIDATION": "liquidation", "ADL": "adl"}.get(call.params.get("autoCloseType", ""))
    return [
        order_row(order, call.exchange.listing(order.symbol).native)
        for order in call.account.orders.values()
        if order.origin in {"liquidation", "adl"}
        and (wanted is None or order.origin == wanted)
        and (listing is None or order.symbol == listing.symbol)
        and start <= order.updated <= end
    ][: limit_of(call, 50)]


def user_trades(call: Call) -> Any:
    listing = listing_of(call, perpetual=True)
    assert listing is not None
    fills = fills_asked(call, listing.symbol, window=WEEK, too_long=_TOO_LONG)
    row = call.account.written.row
    return [row((fill.symbol, fill.id), fill, _trade_row, fill, listing) for fill in fills]


def _trade_row(fill: Fill, listing: Listing) -> dict[str, Any]:
    return {
        "symbol": listing.native,
        "id": fill.id,
        "orderId": fill.order.id,
        "side": fill.side.upper(),
        "price": plain(fill.price),
        "qty": plain(fill.quantity),
        "realizedPnl": plain(fill.realised),
        "quoteQty": plain(fill.notional),
        "commission": plain(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": fill.at,
        "positionSide": LEGS[fill.order.leg],
        "maker": fill.maker,
        "buyer": fill.side == "buy",
    }


# Income


def income(call: Call) -> Any:
    """Oldest first; the last seven days unless asked for others."""
    start = call.integer("startTime")
    end = call.integer("endTime", call.actual) or call.actual
    since = end - WEEK if start is None else start
    wanted = call.params.get("incomeType")
    listing = listing_of(call, perpetual=True, required=False)
    found = (
        (event, number)
        for event in call.account.history.between(since, end)
        for number, (kind, symbol) in enumerate(_incomes(call, event))
        if (not wanted or kind == wanted) and (listing is None or symbol == listing.symbol)
    )
    page = call.integer("page", 1) or 1
    limit = limit_of(call, 100)
    row = call.account.written.row
    return [
        row(("income", event.sequence, number), event, _income_row, call, event, number)
        for event, number in islice(found, (page - 1) * limit, page * limit)
    ]


def _incomes(call: Call, event: Event) -> Iterable[tuple[str, str]]:
    """The kind and symbol of each row that an event has in the list by now."""
    fill, movement = event.fill, event.movement
    if fill is not None:
        if ":" not in fill.symbol or fill.listed_at is None or fill.listed_at > call.actual:
            return ()
        kinds = (("REALIZED_PNL", fill.realised), ("COMMISSION", fill.fee))
        return [(kind, fill.symbol) for kind, amount in kinds if amount]
    if movement is None:
        return ()
    kind = "FUNDING_FEE" if movement.type == "funding" else "TRANSFER"
    return [(kind, movement.symbol) for cash in event.cash if cash.wallet == "futures"]


def _income_row(call: Call, event: Event, number: int) -> dict[str, Any]:
    return [*_fill_incomes(call, event), *_movement_incomes(call, event)][number]


def _fill_incomes(call: Call, event: Event) -> Iterator[dict[str, Any]]:
    fill = event.fill
    if fill is None or ":" not in fill.symbol:
        return
    amounts = (
        ("REALIZED_PNL", fill.realised, call.exchange.listing(fill.symbol).quote),
        ("COMMISSION", fill.fee.copy_negate(), fill.fee_asset),
    )
    for number, (kind, amount, asset) in enumerate(amounts):
        if amount:
            yield {
                "symbol": call.exchange.listing(fill.symbol).native,
                "incomeType": kind,
                "income": fixed(amount),
                "asset": asset,
                "time": event.at,
                "info": str(fill.id),
                "tranId": event.sequence * 10 + number,
                "tradeId": str(fill.id),
            }


def _movement_incomes(call: Call, event: Event) -> Iterator[dict[str, Any]]:
    movement = event.movement
    if movement is None:
        return
    for cash in event.cash:
        if cash.wallet == "futures":
            kind = "FUNDING_FEE" if movement.type == "funding" else "TRANSFER"
            yield {
                "symbol": call.exchange.listing(movement.symbol).native if movement.symbol else "",
                "incomeType": kind,
                "income": fixed(cash.amount),
                "asset": cash.asset,
                "time": event.at,
                "info": kind,
                "tranId": movement.id,
                "tradeId": "",
            }
