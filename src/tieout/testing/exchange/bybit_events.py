"""What Bybit answers about orders, executions and the transaction log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

from tieout.testing.exchange.bybit_words import (
    LEGS,
    WEEK,
    category_of,
    listings_of,
    paged,
    paged_events,
    refuse,
)
from tieout.testing.exchange.records import EXACT, ZERO, Event, Fill, Order
from tieout.testing.exchange.wire import Call, plain, stripped

_STATUS: Final = {
    "open": "New",
    "partially_filled": "PartiallyFilled",
    "filled": "Filled",
    "cancelled": "Cancelled",
    "rejected": "Rejected",
    "expired": "Deactivated",
}
_EXECUTIONS: Final = {"trade": "Trade", "liquidation": "BustTrade", "adl": "AdlTrade"}
_SIDES: Final = {"buy": "Buy", "sell": "Sell"}
_MOVES: Final = {
    "funding": "SETTLEMENT",
    "deposit": "TRANSFER_IN",
    "withdrawal": "TRANSFER_OUT",
    "interest": "INTEREST",
}


# Orders


def _order_row(call: Call, order: Order) -> dict[str, Any]:
    listing = call.exchange.listing(order.symbol)
    left = EXACT.subtract(order.quantity, order.filled) if not order.closed else ZERO
    liquidation = order.origin in {"liquidation", "adl"}
    return {
        "symbol": listing.native,
        "orderType": "Market" if order.price is None else "Limit",
        "orderLinkId": "" if liquidation else order.client_id,
        "orderId": str(order.id),
        "cancelType": "UNKNOWN" if order.status != "cancelled" else "CancelByUser",
        "avgPrice": stripped(order.average) if order.filled else "",
        "stopOrderType": "",
        "lastPriceOnCreated": "",
        "orderStatus": _status(order),
        "createType": _created(order),
        "takeProfit": "",
        "cumExecValue": stripped(order.spent),
        "tpslMode": "",
        "smpType": "None",
        "triggerDirection": 0,
        "blockTradeId": "",
        "isLeverage": "",
        "rejectReason": "EC_NoError",
        "price": plain(order.price or ZERO),
        "orderIv": "",
        "createdTime": str(order.created),
        "tpTriggerBy": "",
        "positionIdx": LEGS[order.leg],
        "timeInForce": "IOC" if order.price is None else "GTC",
        "leavesValue": "0",
        "updatedTime": str(order.updated),
        "side": _SIDES[order.side],
        "smpGroup": 0,
        "triggerPrice": "",
        "cumExecFee": stripped(order.fee),
        "slTriggerBy": "",
        "leavesQty": stripped(left),
        "closeOnTrigger": False,
        "placeType": "",
        "cumExecQty": stripped(order.filled),
        "reduceOnly": False,
        "qty": stripped(order.quantity),
        "stopLoss": "",
        "smpOrderId": "",
        "triggerBy": "",
    }


def _status(order: Order) -> str:
    if order.status == "cancelled" and order.filled and ":" not in order.symbol:
        return "PartiallyFilledCanceled"
    return _STATUS[order.status]


def _created(order: Order) -> str:
    return {"liquidation": "CreateByLiq", "adl": "CreateByAdl_PassThrough"}.get(
        order.origin, "CreateByUser"
    )


def _of(call: Call, category: str) -> Callable[[Order], bool]:
    name, number = call.params.get("symbol"), call.params.get("orderId")
    link = call.params.get("orderLinkId")
    settle = call.params.get("settleCoin")

    def wanted(order: Order) -> bool:
        listing = call.exchange.listing(order.symbol)
        return (
            listing.perpetual is (category == "linear")
            and (not name or listing.native == name)
            and (not number or str(order.id) == number)
            and (not link or order.client_id == link)
            and (not settle or listing.quote == settle)
        )

    return wanted


def open_orders(call: Call) -> Any:
    """Twenty a page unless asked for up to fifty; newest first."""
    category = category_of(call)
    wanted = _of(call, category)
    if category == "linear" and not {"symbol", "baseCoin", "settleCoin"} & set(call.params):
        raise refuse(call, "params error: symbol, baseCoin or settleCoin must be sent")
    orders = [order for order in reversed(call.state.orders.values()) if wanted(order)]
    page, cursor = paged(call, orders, 50, 20)
    rows = [_order_row(call, order) for order in page]
    return {"category": category, "list": rows, "nextPageCursor": cursor}


def order_history(call: Call) -> Any:
    """Orders that are closed, by the time that they were created; newest first."""
    category = category_of(call)
    wanted = _of(call, category)
    start = call.integer("startTime")
    end = call.integer("endTime")
    since = call.actual - WEEK if start is None else start
    until = call.actual if end is None else end
    if until - since > WEEK:
        raise refuse(call, "The time range between startTime and endTime cannot exceed 7 days")
    orders = [
        order
        for order in reversed(call.account.orders.values())
        if order.closed and since <= order.created <= until and wanted(order)
    ]
    page, cursor = paged(call, orders, 50, 20)
    rows = [_order_row(call, order) for order in page]
    return {"category": category, "list": rows, "nextPageCursor": cursor}


# Executions and the transaction log


def executions(call: Call) -> Any:
    """Fills, and funding as `execType` Funding; newest first, up to a hundred a page."""
    category = category_of(call)
    wanted, order_id = call.params.get("execType"), call.params.get("orderId")
    symbols = {each.symbol for each in listings_of(call)}

    def rows_of(event: Event) -> Iterator[dict[str, Any]]:
        for row in _execution_rows(call, event, symbols):
            if (not wanted or row["execType"] == wanted) and (
                not order_id or row["orderId"] == order_id
            ):
                yield row

    page, cursor = paged_events(call, rows_of, most=100, default=50)
    return {"category": category, "list": page, "nextPageCursor": cursor}


def _execution_rows(call: Call, event: Event, symbols: set[str]) -> Iterator[dict[str, Any]]:
    fill, movement = event.fill, event.movement
    if fill is not None and fill.symbol in symbols:
        for each in call.listed([fill]):
            yield _execution_row(call, each, event.sequence)
    elif movement is not None and movement.type == "funding" and movement.symbol in symbols:
        position = call.account.history.now.positions.get((movement.symbol, "net"))
        size = position.quantity if position is not None else ZERO
        price = call.exchange.price(movement.symbol)
        yield {
            "symbol": call.exchange.listing(movement.symbol).native,
            "orderId": f"{movement.at // 1000}-8-{movement.id}",
            "orderLinkId": "",
            "side": "Buy" if size > 0 else "Sell",
            "orderPrice": "0",
            "orderQty": "0",
            "leavesQty": "0",
            "orderType": "UNKNOWN",
            "stopOrderType": "UNKNOWN",
            "createType": "",
            "execFee": stripped(movement.amount.copy_negate()),
            "execId": f"f{movement.id:031x}",
            "execPrice": plain(price),
            "execQty": stripped(size.copy_abs()),
            "execType": "Funding",
            "execValue": stripped(EXACT.multiply(size.copy_abs(), price)),
            "execTime": str(movement.at),
            "isMaker": False,
            "feeRate": "0.0001",
            "feeCurrency": "",
            "feeCoin": movement.asset,
            "execPnl": "",
            "closedSize": "",
            "seq": event.sequence,
        }


def _execution_row(call: Call, fill: Fill, sequence: int) -> dict[str, Any]:
    listing = call.exchange.listing(fill.symbol)
    order = fill.order
    row = {
        "symbol": listing.native,
        "orderId": str(order.id),
        "orderLinkId": order.client_id if order.origin in {"user", "manual"} else "",
        "side": _SIDES[fill.side],
        "orderPrice": plain(order.price or fill.price),
        "orderQty": stripped(order.quantity),
        "leavesQty": stripped(EXACT.subtract(order.quantity, order.filled)),
        "orderType": "Market" if order.price is None else "Limit",
        "stopOrderType": "",
        "execFee": stripped(fill.fee),
        "execId": execution_id(fill),
        "execPrice": plain(fill.price),
        "execQty": stripped(fill.quantity),
        "execType": _EXECUTIONS[fill.execution],
        "execValue": stripped(fill.notional),
        "execTime": str(fill.at),
        "isMaker": fill.maker,
        "feeRate": "",
        "tradeIv": "",
        "markIv": "",
        "markPrice": plain(fill.price),
        "indexPrice": "",
        "underlyingPrice": "",
        "blockTradeId": "",
        "feeCurrency": "" if listing.perpetual else fill.fee_asset,
        "feeCoin": fill.fee_asset,
        "seq": sequence,
        "extraFees": "",
    }
    if listing.perpetual:
        row |= {
            "createType": _created(order),
            "execPnl": stripped(fill.realised),
            "closedSize": stripped(fill.quantity) if _closes(order) else "0",
        }
    return row


def execution_id(fill: Fill) -> str:
    """Bybit's are unique over all symbols."""
    kind = 1 if ":" in fill.symbol else 0
    base = int.from_bytes(fill.symbol.partition("/")[0].encode(), "big")
    return f"{kind:x}{base:015x}{fill.id:016x}"


def transaction_log(call: Call) -> Any:
    """One row a coin that changed; newest first, fifty a page at most."""
    category, currency = call.params.get("category"), call.params.get("currency")
    kind = call.params.get("type")

    def rows_of(event: Event) -> Iterator[dict[str, Any]]:
        for row in _log_rows(call, event):
            if (
                (not category or row["category"] == category)
                and (not currency or row["currency"] == currency)
                and (not kind or row["type"] == kind)
            ):
                yield row

    page, cursor = paged_events(call, rows_of, most=50, default=20)
    return {"list": page, "nextPageCursor": cursor}


def _log_rows(call: Call, event: Event) -> Iterator[dict[str, Any]]:
    fill, movement = event.fill, event.movement
    if fill is not None and not call.listed([fill]):
        return
    for number, cash in enumerate(event.cash):
        if cash.wallet != "unified":
            continue
        row = {
            "id": f"{event.sequence}_{cash.asset}_{number}",
            "currency": cash.asset,
            "change": stripped(cash.amount),
            "cashBalance": stripped(cash.after),
            "transactionTime": str(event.at),
            "bonusChange": "",
            "extraFees": "",
        }
        if fill is not None:
            yield row | _log_fill(call, fill, cash.asset, cash.amount)
        elif movement is not None:
            yield row | _log_movement(call, event, cash.amount)


def _log_fill(call: Call, fill: Fill, asset: str, change: Decimal) -> dict[str, Any]:
    listing = call.exchange.listing(fill.symbol)
    fee = fill.fee if fill.fee_asset == asset else ZERO
    kind = {"liquidation": "LIQUIDATION", "adl": "ADL"}.get(fill.execution, "TRADE")
    return {
        "symbol": listing.native,
        "category": "linear" if listing.perpetual else "spot",
        "side": _SIDES[fill.side],
        "type": kind,
        "qty": stripped(fill.signed if listing.perpetual else fill.quantity),
        "size": "0",
        "tradePrice": plain(fill.price),
        "funding": "",
        "fee": stripped(fee),
        "feeRate": "",
        "cashFlow": stripped(EXACT.add(change, fee)),
        "orderId": str(fill.order.id),
        "orderLinkId": fill.order.client_id if fill.order.origin in {"user", "manual"} else "",
        "tradeId": execution_id(fill),
        "transSubType": "",
    }


def _log_movement(call: Call, event: Event, change: Decimal) -> dict[str, Any]:
    movement = event.movement
    assert movement is not None
    funding = movement.type == "funding"
    kind = _MOVES.get(movement.type) or ("TRANSFER_IN" if change > 0 else "TRANSFER_OUT")
    return {
        "symbol": call.exchange.listing(movement.symbol).native if movement.symbol else "",
        "category": "linear" if funding else "",
        "side": "None",
        "type": kind,
        "qty": "0",
        "size": "0",
        "tradePrice": "",
        "funding": stripped(change) if funding else "",
        "fee": "0",
        "feeRate": "",
        "cashFlow": "0" if funding else stripped(change),
        "orderId": "",
        "orderLinkId": "",
        "tradeId": f"f{movement.id:031x}" if funding else "",
        "transSubType": "",
    }


def _closes(order: Order) -> bool:
    """Whether an order of a hedged account makes its leg smaller."""
    return (order.leg, order.side) in {("long", "sell"), ("short", "buy")}
