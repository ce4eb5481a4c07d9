"""Binance spot, as REST says it: numbers are strings with eight digits after the point."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from tieout.testing.exchange.binance_words import (
    DAY,
    STATUS,
    fills_asked,
    listing_of,
    open_orders,
    order_asked,
    orders_asked,
    price_rows,
    refuse,
)
from tieout.testing.exchange.records import EXACT, ZERO, Fill, Listing, Order
from tieout.testing.exchange.wire import Call, Endpoint, fixed

_TOO_LONG: Final = refuse(400, -1127, "More than 24 hours between startTime and endTime.")
_WIRE_LIMITS: Final = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
]
_TYPES: Final = ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"]


def server_time(call: Call) -> Any:
    return {"serverTime": call.now}


def ping(_: Call) -> Any:
    return {}


def exchange_info(call: Call) -> Any:
    return {
        "timezone": "UTC",
        "serverTime": call.now,
        "rateLimits": _WIRE_LIMITS,
        "exchangeFilters": [],
        "symbols": [_symbol(each) for each in call.listings("binance", perpetual=False)],
    }


def _symbol(listing: Listing) -> dict[str, Any]:
    return {
        "symbol": listing.native,
        "status": "TRADING",
        "baseAsset": listing.base,
        "baseAssetPrecision": 8,
        "quoteAsset": listing.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": _TYPES,
        "icebergAllowed": True,
        "ocoAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": fixed(listing.tick),
                "maxPrice": "1000000.00000000",
                "tickSize": fixed(listing.tick),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": fixed(listing.lot),
                "maxQty": "9000000.00000000",
                "stepSize": fixed(listing.lot),
            },
            {
                "filterType": "NOTIONAL",
                "minNotional": "5.00000000",
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
        ],
        "permissions": [],
        "permissionSets": [["SPOT", "TRD_GRP_004"]],
    }


def balance_row(asset: str, total: Decimal, locked: Decimal) -> dict[str, str]:
    return {"asset": asset, "free": fixed(EXACT.subtract(total, locked)), "locked": fixed(locked)}


def account(call: Call) -> Any:
    state = call.state
    locked = state.locked()
    brief = call.params.get("omitZeroBalances") == "true"
    rows = [
        balance_row(asset, total, locked.get(asset, ZERO))
        for asset, total in sorted(state.holdings("spot").items())
        if total or not brief
    ]
    return {
        "makerCommission": 10,
        "takerCommission": 10,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": "0.00100000",
            "taker": "0.00100000",
            "buyer": "0.00000000",
            "seller": "0.00000000",
        },
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": state.at,
        "accountType": "SPOT",
        "balances": rows,
        "permissions": ["SPOT"],
        "uid": 354937868,
    }


def order_row(order: Order, symbol: str) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        "price": fixed(order.price or ZERO),
        "origQty": fixed(order.quantity),
        "executedQty": fixed(order.filled),
        "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": fixed(order.spent),
        "status": STATUS[order.status],
        "timeInForce": "GTC",
        "type": "MARKET" if order.price is None else "LIMIT",
        "side": order.side.upper(),
        "stopPrice": "0.00000000",
        "icebergQty": "0.00000000",
        "time": order.created,
        "updateTime": order.updated,
        "isWorking": True,
        "workingTime": order.created,
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }


def open_rows(call: Call) -> Any:
    return [_written(call, order) for order in open_orders(call, perpetual=False)]


def _written(call: Call, order: Order) -> Any:
    native = call.exchange.listing(order.symbol).native
    return call.account.written.row(("order", order.id), order, order_row, order, native)


def all_orders(call: Call) -> Any:
    listing = listing_of(call, perpetual=False)
    assert listing is not None
    start, end = call.integer("startTime"), call.integer("endTime")
    if start is not None and end is not None and end - start > DAY:
        raise _TOO_LONG
    return [_written(call, order) for order in orders_asked(call, listing.symbol)]


def one_order(call: Call) -> Any:
    listing = listing_of(call, perpetual=False)
    assert listing is not None
    return order_row(order_asked(call, listing.symbol), listing.native)


def my_trades(call: Call) -> Any:
    listing = listing_of(call, perpetual=False)
    assert listing is not None
    fills = fills_asked(call, listing.symbol, window=DAY, too_long=_TOO_LONG)
    row, native = call.account.written.row, listing.native
    return [row((fill.symbol, fill.id), fill, _trade_row, fill, native) for fill in fills]


def _trade_row(fill: Fill, symbol: str) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "id": fill.id,
        "orderId": fill.order.id,
        "orderListId": -1,
        "price": fixed(fill.price),
        "qty": fixed(fill.quantity),
        "quoteQty": fixed(fill.notional),
        "commission": fixed(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": fill.at,
        "isBuyer": fill.side == "buy",
        "isMaker": fill.maker,
        "isBestMatch": True,
    }


def prices(call: Call) -> Any:
    return price_rows(call, perpetual=False)


SPOT: Final[Mapping[tuple[str, str], Endpoint]] = {
    ("GET", "/api/v3/ping"): Endpoint(ping, "public"),
    ("GET", "/api/v3/time"): Endpoint(server_time, "public"),
    ("GET", "/api/v3/exchangeInfo"): Endpoint(exchange_info, "public", 20),
    ("GET", "/api/v3/ticker/price"): Endpoint(prices, "public", 4),
    ("GET", "/api/v3/account"): Endpoint(account, weight=20, reads="snapshot"),
    ("GET", "/api/v3/openOrders"): Endpoint(open_rows, weight=6, reads="snapshot"),
    ("GET", "/api/v3/allOrders"): Endpoint(all_orders, weight=20),
    ("GET", "/api/v3/order"): Endpoint(one_order, weight=4),
    ("GET", "/api/v3/myTrades"): Endpoint(my_trades, weight=20, reads="events"),
}
