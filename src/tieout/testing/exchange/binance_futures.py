"""Binance USD-M futures, as REST says it: numbers are strings with the digits that they have."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from tieout.testing.exchange import binance_futures_events as events
from tieout.testing.exchange.binance_words import (
    LEGS,
    listing_of,
    price_rows,
)
from tieout.testing.exchange.records import (
    EXACT,
    ROUNDING,
    ZERO,
    Listing,
    Position,
    rounded,
)
from tieout.testing.exchange.state import State
from tieout.testing.exchange.wire import Call, Endpoint, fixed, plain

LEVERAGE: Final = Decimal(20)


def server_time(call: Call) -> Any:
    return {"serverTime": call.now}


def exchange_info(call: Call) -> Any:
    return {
        "timezone": "UTC",
        "serverTime": call.now,
        "futuresType": "U_MARGINED",
        "rateLimits": [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": 2400,
            }
        ],
        "exchangeFilters": [],
        "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
        "symbols": [_symbol(each) for each in call.listings("binance", perpetual=True)],
    }


def _symbol(listing: Listing) -> dict[str, Any]:
    return {
        "symbol": listing.native,
        "pair": listing.native,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": listing.base,
        "quoteAsset": listing.quote,
        "marginAsset": listing.quote,
        "pricePrecision": _places(listing.tick),
        "quantityPrecision": _places(listing.lot),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "triggerProtect": "0.0500",
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": plain(listing.tick),
                "maxPrice": "1000000",
                "tickSize": plain(listing.tick),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": plain(listing.lot),
                "maxQty": "1000000",
                "stepSize": plain(listing.lot),
            },
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": plain(listing.lot),
                "maxQty": "100000",
                "stepSize": plain(listing.lot),
            },
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
        ],
        "orderTypes": ["LIMIT", "MARKET", "STOP", "TAKE_PROFIT"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def _places(step: Decimal) -> int:
    exponent = step.as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


# Positions and money


def _notional(call: Call, position: Position) -> Decimal:
    return EXACT.multiply(position.quantity, call.exchange.price(position.symbol))


def _profit(call: Call, position: Position) -> Decimal:
    mark = call.exchange.price(position.symbol)
    return rounded(EXACT.multiply(position.quantity, EXACT.subtract(mark, position.entry)))


def _margin(call: Call, position: Position) -> Decimal:
    return rounded(ROUNDING.divide(_notional(call, position).copy_abs(), LEVERAGE))


def _positions(state: State) -> Iterator[Position]:
    for _, position in sorted(state.positions.items()):
        if ":" in position.symbol:
            yield position


def risk_v2(call: Call) -> Any:
    """Every symbol, those without a position too; in hedge mode three rows a symbol."""
    chosen = listing_of(call, perpetual=True, required=False)
    listings = [chosen] if chosen else call.listings("binance", perpetual=True)
    legs = ("net", "long", "short") if call.account.hedged else ("net",)
    held = call.state.positions
    return [
        _risk_row(call, held.get((each.symbol, leg), Position(each.symbol, leg)))
        | {
            "leverage": plain(LEVERAGE),
            "maxNotionalValue": "20000000",
            "marginType": "cross",
            "isAutoAddMargin": "false",
        }
        for each in listings
        for leg in legs
    ]


def risk_v3(call: Call) -> Any:
    """Only symbols with a position or an open order."""
    chosen = listing_of(call, perpetual=True, required=False)
    state = call.state
    ordered = {order.symbol for order in state.orders.values()}
    return [
        _risk_row(call, position)
        for position in _positions(state)
        if (position.quantity or position.symbol in ordered)
        and (chosen is None or position.symbol == chosen.symbol)
    ]


def _risk_row(call: Call, position: Position) -> dict[str, Any]:
    listing = call.exchange.listing(position.symbol)
    margin = plain(_margin(call, position))
    return {
        "symbol": listing.native,
        "positionSide": LEGS[position.leg],
        "positionAmt": plain(position.quantity),
        "entryPrice": plain(position.entry),
        "breakEvenPrice": plain(position.entry),
        "markPrice": fixed(call.exchange.price(position.symbol)),
        "unRealizedProfit": fixed(_profit(call, position)),
        "liquidationPrice": "0",
        "isolatedMargin": "0",
        "notional": plain(_notional(call, position)),
        "marginAsset": listing.quote,
        "isolatedWallet": "0",
        "initialMargin": margin,
        "maintMargin": "0",
        "positionInitialMargin": margin,
        "openOrderInitialMargin": "0",
        "adl": 2,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": position.updated,
    }


def account(call: Call) -> Any:
    state = call.state
    held = [position for position in _positions(state) if position.quantity]
    profit = sum((_profit(call, each) for each in held), ZERO)
    margin = sum((_margin(call, each) for each in held), ZERO)
    money = state.holdings("futures")
    assets = [
        _asset_row(asset, total, profit if asset == "USDT" else ZERO, margin, state.at)
        for asset, total in sorted(money.items())
    ]
    cash = money.get("USDT", ZERO)
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
        "updateTime": 0,
        "totalInitialMargin": fixed(margin),
        "totalMaintMargin": "0.00000000",
        "totalWalletBalance": fixed(cash),
        "totalUnrealizedProfit": fixed(profit),
        "totalMarginBalance": fixed(EXACT.add(cash, profit)),
        "totalPositionInitialMargin": fixed(margin),
        "totalOpenOrderInitialMargin": "0.00000000",
        "totalCrossWalletBalance": fixed(cash),
        "totalCrossUnPnl": fixed(profit),
        "availableBalance": fixed(EXACT.subtract(EXACT.add(cash, profit), margin)),
        "maxWithdrawAmount": fixed(EXACT.subtract(cash, margin)),
        "assets": assets,
        "positions": [_account_position(call, each) for each in held],
    }


def _asset_row(
    asset: str, total: Decimal, profit: Decimal, margin: Decimal, at: int
) -> dict[str, Any]:
    used = margin if asset == "USDT" else ZERO
    whole = EXACT.add(total, profit)
    return {
        "asset": asset,
        "walletBalance": fixed(total),
        "unrealizedProfit": fixed(profit),
        "marginBalance": fixed(whole),
        "maintMargin": "0.00000000",
        "initialMargin": fixed(used),
        "positionInitialMargin": fixed(used),
        "openOrderInitialMargin": "0.00000000",
        "crossWalletBalance": fixed(total),
        "crossUnPnl": fixed(profit),
        "availableBalance": fixed(EXACT.subtract(whole, used)),
        "maxWithdrawAmount": fixed(EXACT.subtract(total, used)),
        "marginAvailable": True,
        "updateTime": at,
    }


def _account_position(call: Call, position: Position) -> dict[str, Any]:
    margin = plain(_margin(call, position))
    return {
        "symbol": call.exchange.listing(position.symbol).native,
        "initialMargin": margin,
        "maintMargin": "0",
        "unrealizedProfit": fixed(_profit(call, position)),
        "positionInitialMargin": margin,
        "openOrderInitialMargin": "0",
        "leverage": plain(LEVERAGE),
        "isolated": False,
        "entryPrice": plain(position.entry),
        "maxNotional": "20000000",
        "positionSide": LEGS[position.leg],
        "positionAmt": plain(position.quantity),
        "notional": plain(_notional(call, position)),
        "isolatedWallet": "0",
        "isolatedMargin": "0",
        "updateTime": position.updated,
    }


def balance(call: Call) -> Any:
    state = call.state
    return [
        {
            "accountAlias": "SgsRfXmCoCmY",
            "asset": asset,
            "balance": fixed(total),
            "crossWalletBalance": fixed(total),
            "crossUnPnl": "0.00000000",
            "availableBalance": fixed(total),
            "maxWithdrawAmount": fixed(total),
            "marginAvailable": True,
            "updateTime": state.at,
        }
        for asset, total in sorted(state.holdings("futures").items())
    ]


# The rest


def prices(call: Call) -> Any:
    return price_rows(call, perpetual=True)


def dual_side(call: Call) -> Any:
    return {"dualSidePosition": call.account.hedged}


def brackets(call: Call) -> Any:
    chosen = listing_of(call, perpetual=True, required=False)
    listings = [chosen] if chosen else call.listings("binance", perpetual=True)
    bracket = {
        "bracket": 1,
        "initialLeverage": 20,
        "notionalCap": 20000000,
        "notionalFloor": 0,
        "maintMarginRatio": 0.025,
        "cum": 0.0,
    }
    return [{"symbol": each.native, "brackets": [bracket]} for each in listings]


def listen_key(call: Call) -> Any:
    """A key for the user-data stream: one an account, renewed by asking again."""
    keys = call.exchange.listen_keys
    for name, owner in keys.items():
        if owner is call.account:
            return {"listenKey": name}
    name = secrets.token_hex(32)
    keys[name] = call.account
    return {"listenKey": name}


def drop_listen_key(call: Call) -> Any:
    keys = call.exchange.listen_keys
    for name in [name for name, owner in keys.items() if owner is call.account]:
        del keys[name]
    return {}


def nothing(_: Call) -> Any:
    return []


FUTURES: Final[Mapping[tuple[str, str], Endpoint]] = {
    ("GET", "/fapi/v1/ping"): Endpoint(lambda _: {}, "public"),
    ("GET", "/fapi/v1/time"): Endpoint(server_time, "public"),
    ("GET", "/fapi/v1/exchangeInfo"): Endpoint(exchange_info, "public"),
    ("GET", "/fapi/v1/ticker/price"): Endpoint(prices, "public"),
    ("GET", "/fapi/v2/ticker/price"): Endpoint(prices, "public"),
    ("GET", "/fapi/v2/account"): Endpoint(account, weight=5, reads="snapshot"),
    ("GET", "/fapi/v3/account"): Endpoint(account, weight=5, reads="snapshot"),
    ("GET", "/fapi/v2/balance"): Endpoint(balance, weight=5, reads="snapshot"),
    ("GET", "/fapi/v3/balance"): Endpoint(balance, weight=5, reads="snapshot"),
    ("GET", "/fapi/v2/positionRisk"): Endpoint(risk_v2, weight=5, reads="snapshot"),
    ("GET", "/fapi/v3/positionRisk"): Endpoint(risk_v3, weight=5, reads="snapshot"),
    ("GET", "/fapi/v1/openOrders"): Endpoint(events.open_rows, reads="snapshot"),
    ("GET", "/fapi/v1/openAlgoOrders"): Endpoint(nothing, reads="snapshot"),
    ("GET", "/fapi/v1/allOrders"): Endpoint(events.all_orders, weight=5),
    ("GET", "/fapi/v1/order"): Endpoint(events.one_order),
    ("GET", "/fapi/v1/forceOrders"): Endpoint(events.force_orders, weight=20),
    ("GET", "/fapi/v1/userTrades"): Endpoint(events.user_trades, weight=5, reads="events"),
    ("GET", "/fapi/v1/income"): Endpoint(events.income, weight=30, reads="events"),
    ("GET", "/fapi/v1/positionSide/dual"): Endpoint(dual_side, weight=30),
    ("GET", "/fapi/v1/leverageBracket"): Endpoint(brackets),
    ("GET", "/fapi/v1/symbolConfig"): Endpoint(nothing, weight=5),
    ("POST", "/fapi/v1/listenKey"): Endpoint(listen_key, "key"),
    ("PUT", "/fapi/v1/listenKey"): Endpoint(listen_key, "key"),
    ("DELETE", "/fapi/v1/listenKey"): Endpoint(drop_listen_key, "key"),
}
