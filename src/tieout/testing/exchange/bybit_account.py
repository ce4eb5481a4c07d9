"""What Bybit answers about the market, a wallet, positions and keys."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from tieout.testing.exchange.bybit_words import LEGS, category_of, listings_of, paged, refuse
from tieout.testing.exchange.records import EXACT, ROUNDING, ZERO, Listing, Position, rounded
from tieout.testing.exchange.wire import Call, plain, stripped

LEVERAGE: Final = Decimal(10)
COINS_AT_ONCE: Final = 10


# Public


def time(call: Call) -> Any:
    return {"timeSecond": str(call.now // 1000), "timeNano": str(call.now * 1_000_000)}


def instruments(call: Call) -> Any:
    category = category_of(call)
    if call.params.get("status") == "PreLaunch":
        return {"category": category, "list": [], "nextPageCursor": ""}
    rows = [_instrument(each) for each in listings_of(call)]
    return {"category": category, "list": rows, "nextPageCursor": ""}


def _instrument(listing: Listing) -> dict[str, Any]:
    row: dict[str, Any] = {
        "symbol": listing.native,
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "status": "Trading",
        "priceFilter": {"tickSize": plain(listing.tick)},
    }
    if not listing.perpetual:
        return row | {
            "innovation": "0",
            "marginTrading": "none",
            "lotSizeFilter": {
                "basePrecision": plain(listing.lot),
                "quotePrecision": "0.00000001",
                "minOrderQty": plain(listing.lot),
                "maxOrderQty": "1000000",
                "minOrderAmt": "1",
                "maxOrderAmt": "4000000",
            },
        }
    return row | {
        "contractType": "LinearPerpetual",
        "settleCoin": listing.quote,
        "launchTime": "1585526400000",
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": "2",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "lotSizeFilter": {
            "maxOrderQty": "1000000",
            "minOrderQty": plain(listing.lot),
            "qtyStep": plain(listing.lot),
            "minNotionalValue": "5",
        },
        "unifiedMarginTrade": True,
        "fundingInterval": 480,
        "copyTrading": "none",
    }


def tickers(call: Call) -> Any:
    rows = []
    for listing in listings_of(call):
        price = plain(call.exchange.price(listing.symbol))
        row = {
            "symbol": listing.native,
            "lastPrice": price,
            "bid1Price": price,
            "bid1Size": "1",
            "ask1Price": price,
            "ask1Size": "1",
            "prevPrice24h": price,
            "highPrice24h": price,
            "lowPrice24h": price,
            "turnover24h": "1",
            "volume24h": "1",
        }
        if listing.perpetual:
            row |= {"markPrice": price, "indexPrice": price}
        rows.append(row)
    return {"category": category_of(call), "list": rows}


# The account


def wallet(call: Call) -> Any:
    kind = call.params.get("accountType", "")
    if kind != "UNIFIED":
        raise refuse(call, "accountType only support UNIFIED.")
    wanted = {each for each in call.params.get("coin", "").split(",") if each}
    state = call.state
    held = [each for (symbol, _), each in state.positions.items() if ":" in symbol]
    profit = sum((_profit(call, each) for each in held), ZERO)
    margin = sum((_margin(call, each) for each in held), ZERO)
    locked = state.locked()
    rows = []
    for asset, total in sorted(state.holdings("unified").items()):
        if wanted and asset not in wanted:
            continue
        settles = asset == "USDT"
        equity = EXACT.add(total, profit) if settles else total
        rows.append(
            {
                "coin": asset,
                "equity": stripped(equity),
                "walletBalance": stripped(total),
                "usdValue": "",
                "locked": stripped(locked.get(asset, ZERO)),
                "borrowAmount": "0",
                "accruedInterest": "0",
                "availableToBorrow": "",
                "availableToWithdraw": "",
                "bonus": "0",
                "totalOrderIM": "0",
                "totalPositionIM": stripped(margin) if settles else "0",
                "totalPositionMM": "0",
                "unrealisedPnl": stripped(profit) if settles else "0",
                "cumRealisedPnl": "0",
                "marginCollateral": True,
                "collateralSwitch": True,
                "spotHedgingQty": "0",
            }
        )
    total = state.holdings("unified").get("USDT", ZERO)
    entry = {
        "accountType": "UNIFIED",
        "totalEquity": stripped(EXACT.add(total, profit)),
        "totalWalletBalance": stripped(total),
        "totalMarginBalance": stripped(EXACT.add(total, profit)),
        "totalAvailableBalance": stripped(EXACT.subtract(EXACT.add(total, profit), margin)),
        "totalPerpUPL": stripped(profit),
        "totalInitialMargin": stripped(margin),
        "totalMaintenanceMargin": "0",
        "accountIMRate": "0",
        "accountMMRate": "0",
        "accountLTV": "0",
        "coin": rows,
    }
    return {"list": [entry]}


def coins_balance(call: Call) -> Any:
    """Of the funding account; of the unified one by currency only, ten at a time."""
    kind = call.params.get("accountType", "FUND")
    wanted = {each for each in call.params.get("coin", "").split(",") if each}
    if kind == "UNIFIED" and not 1 <= len(wanted) <= COINS_AT_ONCE:
        raise refuse(call, "coin: 1 to 10 of them for UNIFIED")
    name = "unified" if kind == "UNIFIED" else "funding"
    rows = [
        {
            "coin": asset,
            "transferBalance": stripped(total),
            "walletBalance": stripped(total),
            "bonus": "",
        }
        for asset, total in sorted(call.state.holdings(name).items())
        if not wanted or asset in wanted
    ]
    return {"memberId": "533285", "accountType": kind, "balance": rows}


def _profit(call: Call, position: Position) -> Decimal:
    mark = call.exchange.price(position.symbol)
    return rounded(EXACT.multiply(position.quantity, EXACT.subtract(mark, position.entry)))


def _margin(call: Call, position: Position) -> Decimal:
    value = EXACT.multiply(position.quantity, call.exchange.price(position.symbol))
    return rounded(ROUNDING.divide(value.copy_abs(), LEVERAGE))


def positions(call: Call) -> Any:
    """With `symbol`: that one, flat or not. With `settleCoin`: only those that are open."""
    category = category_of(call)
    settle, named = call.params.get("settleCoin"), call.params.get("symbol")
    if not named and not settle and category == "linear":
        raise refuse(call, "params error: symbol or settleCoin must be sent")
    state, account = call.state, call.account
    found: list[Position] = []
    for listing in listings_of(call) if category == "linear" else []:
        legs = ("long", "short") if account.hedged else ("net",)
        for leg in legs:
            position = state.positions.get((listing.symbol, leg))
            if named or (position is not None and position.quantity and listing.quote == settle):
                found.append(position or Position(listing.symbol, leg))
    page, cursor = paged(call, found, 200, 20)
    rows = [_position_row(call, each) for each in page]
    return {"category": category, "list": rows, "nextPageCursor": cursor}


def _position_row(call: Call, position: Position) -> dict[str, Any]:
    size = position.quantity
    side = "" if not size else "Buy" if size > 0 else "Sell"
    return {
        "positionIdx": LEGS[position.leg],
        "riskId": 1,
        "riskLimitValue": "2000000",
        "symbol": call.exchange.listing(position.symbol).native,
        "side": side,
        "size": stripped(size.copy_abs()),
        "avgPrice": stripped(position.entry),
        "positionValue": stripped(EXACT.multiply(size.copy_abs(), position.entry)) if size else "",
        "tradeMode": 0,
        "autoAddMargin": 0,
        "positionStatus": "Normal",
        "leverage": plain(LEVERAGE),
        "markPrice": plain(call.exchange.price(position.symbol)),
        "liqPrice": "",
        "bustPrice": "",
        "positionIM": stripped(_margin(call, position)),
        "positionMM": "0",
        "positionBalance": stripped(_margin(call, position)),
        "takeProfit": "",
        "stopLoss": "",
        "trailingStop": "0",
        "unrealisedPnl": stripped(_profit(call, position)) if size else "",
        "curRealisedPnl": "0",
        "cumRealisedPnl": stripped(position.realised),
        "adlRankIndicator": 2 if size else 0,
        "isReduceOnly": False,
        "createdTime": str(position.opened),
        "updatedTime": str(position.updated),
        "seq": call.state.sequence,
        "leverageSysUpdatedTime": "",
        "mmrSysUpdatedTime": "",
        "sessionAvgPrice": "",
        "tpslMode": "Full",
    }


# What a key may do


def query_api(call: Call) -> Any:
    key = call.key
    assert key is not None
    trades = key.trade
    return {
        "id": "13770661",
        "note": "simulated",
        "apiKey": key.key,
        "readOnly": 0 if trades or key.withdraw else 1,
        "secret": "",
        "permissions": {
            "ContractTrade": ["Order", "Position"] if trades else [],
            "Spot": ["SpotTrade"] if trades else [],
            "Wallet": ["AccountTransfer", "Withdraw"] if key.withdraw else [],
            "Options": [],
            "Derivatives": ["DerivativesTrade"] if trades else [],
            "CopyTrading": [],
            "BlockTrade": [],
            "Exchange": [],
            "NFT": [],
            "Affiliate": [],
        },
        "ips": ["*"],
        "type": 1,
        "deadlineDay": 90,
        "expiredAt": "2100-01-01T00:00:00Z",
        "createdAt": "2025-01-01T00:00:00Z",
        "unified": 0,
        "uta": 1,
        "userID": 24600000,
        "inviterID": 0,
        "vipLevel": "No VIP",
        "mktMakerLevel": "0",
        "affiliateID": 0,
        "rsaPublicKey": "",
        "isMaster": True,
        "parentUid": "0",
    }


def account_info(call: Call) -> Any:
    return {
        "marginMode": "REGULAR_MARGIN",
        "updatedTime": str(call.exchange.began),
        "unifiedMarginStatus": 5,
        "dcpStatus": "OFF",
        "timeWindow": 10,
        "smpGroup": 0,
        "isMasterTrader": False,
        "spotHedgingStatus": "OFF",
    }


def coins(call: Call) -> Any:
    """Without networks: nothing can be sent to here."""
    names = {name for each in call.exchange.listings.values() for name in (each.base, each.quote)}
    rows = [
        {"name": name, "coin": name, "remainAmount": "1000000", "chains": []}
        for name in sorted(names)
    ]
    return {"rows": rows}


def no_rows(_: Call) -> Any:
    return {"rows": [], "nextPageCursor": ""}


def no_list(_: Call) -> Any:
    return {"list": [], "nextPageCursor": ""}
