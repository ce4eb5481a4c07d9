"""What Kraken answers about trades, the ledger and orders."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from tieout.testing.exchange.kraken_words import (
    LEVERAGE,
    asset_id,
    pair_id,
    pair_name,
    refuse,
    transaction_id,
)
from tieout.testing.exchange.records import EXACT, ROUNDING, ZERO, Event, Fill, Order, add, rounded
from tieout.testing.exchange.wire import Call, fixed, plain

PAGE: Final = 50
_FIVE: Final = Decimal("0.00001")
_STATUS: Final = {
    "open": "open",
    "partially_filled": "open",
    "filled": "closed",
    "cancelled": "canceled",
    "rejected": "canceled",
    "expired": "expired",
}


def _seconds(at: int) -> float:
    return at / 1000


def _moment(text: str | None, default: int) -> int:
    """A time in seconds, with or without a fraction, as milliseconds."""
    if not text:
        return default
    try:
        return int(Decimal(text) * 1000)
    except ArithmeticError:
        raise refuse("EGeneral:Invalid arguments") from None


def _window(call: Call) -> list[Event]:
    """Newest first; the start is exclusive, the end inclusive."""
    start = _moment(call.params.get("start"), -1)
    end = _moment(call.params.get("end"), call.actual)
    return list(reversed(call.account.history.between(start + 1, end)))


def trades_history(call: Call) -> Any:
    """Fifty a page, by `ofs`; `count` is of all."""
    fills = [event.fill for event in _window(call) if event.fill is not None]
    shown = call.listed(fills)
    offset = call.integer("ofs", 0) or 0
    page = shown[offset : offset + PAGE]
    return {
        "trades": {_trade_id(fill): _trade_row(call, fill) for fill in page},
        "count": len(shown),
    }


def query_trades(call: Call) -> Any:
    wanted = set(call.params.get("txid", "").split(","))
    fills = [event.fill for event in call.account.history.events if event.fill is not None]
    return {
        name: _trade_row(call, fill)
        for fill in call.listed(fills)
        if (name := _trade_id(fill)) in wanted
    }


def _trade_id(fill: Fill) -> str:
    return transaction_id("T", fill.symbol, fill.id)


def _order_id(order: Order) -> str:
    return transaction_id("O", order.id)


def _trade_row(call: Call, fill: Fill) -> dict[str, Any]:
    """The fee is in quote here, though the ledger may have charged it in base."""
    listing = call.exchange.listing(fill.symbol)
    order = fill.order
    in_base = fill.fee_asset == listing.base
    fee = rounded(EXACT.multiply(fill.fee, fill.price)) if in_base else fill.fee
    kind = "market" if order.price is None else "limit"
    row = {
        "ordertxid": _order_id(order),
        "postxid": transaction_id("T", "position", fill.symbol, fill.id),
        "pair": pair_id(listing),
        "time": _seconds(fill.at),
        "type": fill.side,
        "ordertype": "liquidation market" if fill.execution == "liquidation" else kind,
        "price": fixed(fill.price),
        "cost": fixed(fill.notional),
        "fee": fixed(fee),
        "vol": fixed(fill.quantity),
        "margin": "0.00000000",
        "leverage": "0",
        "misc": "",
        "trade_id": fill.id,
        "maker": fill.maker,
    }
    if order.margin:
        margin = rounded(ROUNDING.divide(fill.notional, LEVERAGE))
        row |= {"margin": fixed(margin), "leverage": str(LEVERAGE)}
        row["misc"] = "closing" if fill.realised else "initiated"
    return row


def ledgers(call: Call) -> Any:
    """Fifty a page, by `ofs`. `amount` is before the fee; `balance` after both."""
    wanted = {each for each in call.params.get("asset", "all").split(",") if each != "all"}
    kind = call.params.get("type", "all")
    found = [
        (event, number)
        for event in _window(call)
        if _ledger_kind(event) in ({kind} if kind != "all" else _KINDS)
        and (event.fill is None or call.listed([event.fill]))
        for number, cash in enumerate(event.cash)
        if not wanted or asset_id(cash.asset, cash.wallet) in wanted
    ]
    offset = call.integer("ofs", 0) or 0
    page = [_ledger_row(event, number) for event, number in found[offset : offset + PAGE]]
    return {"ledger": dict(page), "count": len(found)}


def query_ledgers(call: Call) -> Any:
    wanted = set(call.params.get("id", "").split(","))
    rows = (
        _ledger_row(event, number)
        for event in call.account.history.events
        if event.fill is None or call.listed([event.fill])
        for number in range(len(event.cash))
    )
    return {name: row for name, row in rows if name in wanted}


_KINDS: Final = frozenset({"trade", "margin", "deposit", "withdrawal", "transfer", "interest"})


def _ledger_kind(event: Event) -> str:
    """Empty for what is not in the ledger: an order."""
    if event.fill is not None:
        return "margin" if event.fill.order.margin else "trade"
    return event.movement.type if event.movement is not None else ""


def _ledger_row(event: Event, number: int) -> tuple[str, dict[str, Any]]:
    cash, fill, movement = event.cash[number], event.fill, event.movement
    fee, reference = ZERO, ""
    if fill is not None:
        fee = fill.fee if fill.fee_asset == cash.asset else ZERO
        reference = _trade_id(fill)
    elif movement is not None:
        fee, reference = movement.fee, transaction_id("Q", movement.id)
    return transaction_id("L", event.sequence, number), {
        "refid": reference,
        "time": _seconds(event.at),
        "type": _ledger_kind(event),
        "subtype": "",
        "aclass": "currency",
        "asset": asset_id(cash.asset, cash.wallet),
        "amount": fixed(add(cash.amount, fee)),
        "fee": fixed(fee),
        "balance": fixed(cash.after),
    }


# Orders


def open_orders(call: Call) -> Any:
    return {"open": _order_rows(call, call.state.orders.values())}


def closed_orders(call: Call) -> Any:
    """Fifty a page, by `ofs`; newest first, by the time they were closed."""
    start = _moment(call.params.get("start"), -1)
    end = _moment(call.params.get("end"), call.actual)
    closed = [
        order
        for order in call.account.orders.values()
        if order.closed and start < order.updated <= end
    ]
    closed.sort(key=lambda order: (order.updated, order.id), reverse=True)
    offset = call.integer("ofs", 0) or 0
    return {
        "closed": _order_rows(call, closed[offset : offset + PAGE]),
        "count": len(closed),
    }


def query_orders(call: Call) -> Any:
    wanted = set(call.params.get("txid", "").split(","))
    orders = [each for each in call.account.orders.values() if _order_id(each) in wanted]
    if not orders:
        raise refuse("EOrder:Unknown order")
    return _order_rows(call, orders)


def _order_rows(call: Call, orders: Iterable[Order]) -> dict[str, Any]:
    return {_order_id(order): _order_row(call, order) for order in orders}


def _order_row(call: Call, order: Order) -> dict[str, Any]:
    listing = call.exchange.listing(order.symbol)
    kind = "market" if order.price is None else "limit"
    name, price = pair_name(listing), plain(order.price or ZERO)
    row: dict[str, Any] = {
        "refid": None,
        "userref": None,
        "cl_ord_id": order.client_id,
        "status": _STATUS[order.status],
        "opentm": _seconds(order.created),
        "starttm": 0,
        "expiretm": 0,
        "descr": {
            "pair": name,
            "type": order.side,
            "ordertype": kind,
            "price": price,
            "price2": "0",
            "leverage": f"{LEVERAGE}:1" if order.margin else "none",
            "order": f"{order.side} {fixed(order.quantity)} {name} @ {kind} {price}",
            "close": "",
        },
        "vol": fixed(order.quantity),
        "vol_exec": fixed(order.filled),
        "cost": fixed(order.spent, _FIVE),
        "fee": fixed(order.fee, _FIVE),
        "price": fixed(order.average),
        "stopprice": "0.00000",
        "limitprice": "0.00000",
        "misc": "",
        "oflags": "fciq",
    }
    if order.closed:
        reason = "User requested" if order.status == "cancelled" else None
        row |= {"reason": reason, "closetm": _seconds(order.updated)}
    return row
