"""What Kraken answers inside its envelope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from tieout.testing.exchange import kraken_history as history
from tieout.testing.exchange.kraken_words import (
    LEVERAGE,
    asset_id,
    asset_name,
    pair_id,
    pair_name,
    refuse,
    transaction_id,
)
from tieout.testing.exchange.records import (
    EXACT,
    ROUNDING,
    ZERO,
    Listing,
    Position,
    rounded,
)
from tieout.testing.exchange.wire import Call, Endpoint, bare, fixed, plain

_BUCKETS: Final = ("spot", "earn", "staked")


def _listings(call: Call) -> list[Listing]:
    listings = call.listings("kraken", perpetual=False)
    wanted = {each for each in call.params.get("pair", "").split(",") if each}
    if not wanted:
        return listings
    found = [each for each in listings if {pair_id(each), pair_name(each)} & wanted]
    if not found:
        raise refuse("EQuery:Unknown asset pair")
    return found


# Public


def time(call: Call) -> Any:
    return {"unixtime": call.now // 1000, "rfc1123": ""}


def status(_: Call) -> Any:
    return {"status": "online", "timestamp": "2026-01-01T00:00:00Z"}


def assets(call: Call) -> Any:
    listings = call.listings("kraken", perpetual=False)
    names = sorted({name for each in listings for name in (each.base, each.quote)})
    rows = {}
    for name in names:
        for bucket in _BUCKETS:
            code = asset_id(name, bucket)
            rows[code] = {
                "aclass": "currency",
                "altname": asset_name(name) if bucket == "spot" else code,
                "decimals": 10,
                "display_decimals": 5,
                "status": "enabled",
            }
    return rows


def pairs(call: Call) -> Any:
    return {pair_id(each): _pair(each) for each in _listings(call)}


def _pair(listing: Listing) -> dict[str, Any]:
    return {
        "altname": pair_name(listing),
        "wsname": f"{asset_name(listing.base)}/{asset_name(listing.quote)}",
        "aclass_base": "currency",
        "base": asset_id(listing.base),
        "aclass_quote": "currency",
        "quote": asset_id(listing.quote),
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": _places(listing.tick),
        "lot_decimals": 8,
        "lot_multiplier": 1,
        "leverage_buy": [2, 3],
        "leverage_sell": [2, 3],
        "fees": [[0, 0.4]],
        "fees_maker": [[0, 0.25]],
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": plain(listing.lot),
        "costmin": "0.5",
        "tick_size": plain(listing.tick),
        "status": "online",
    }


def _places(step: Decimal) -> int:
    exponent = step.as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def ticker(call: Call) -> Any:
    rows = {}
    for listing in _listings(call):
        price = plain(call.exchange.price(listing.symbol))
        rows[pair_id(listing)] = {
            "a": [price, "1", "1.000"],
            "b": [price, "1", "1.000"],
            "c": [price, "0.10000000"],
            "v": ["1.00000000", "1.00000000"],
            "p": [price, price],
            "t": [1, 1],
            "l": [price, price],
            "h": [price, price],
            "o": price,
        }
    return rows


# Balances and positions


def _held(call: Call) -> Iterator[tuple[str, Decimal, Decimal]]:
    """Asset id, total, and what open orders hold of it."""
    state = call.state
    locked = state.locked()
    for (wallet, asset), total in sorted(state.wallets.items()):
        yield asset_id(asset, wallet), total, locked.get(asset, ZERO) if wallet == "spot" else ZERO


def balance(call: Call) -> Any:
    return {name: plain(total) for name, total, _ in _held(call)}


def balance_ex(call: Call) -> Any:
    """JSON numbers, as the documentation's example has them."""
    return {
        name: {"balance": bare(total), "hold_trade": bare(held)}
        for name, total, held in _held(call)
    }


def trade_balance(call: Call) -> Any:
    margin = sum((_margin(each) for each in _positions(call)), ZERO)
    total = call.state.holdings("spot").get("USD", ZERO)
    return {
        "eb": fixed(total),
        "tb": fixed(total),
        "m": fixed(margin),
        "n": "0.0000",
        "c": "0.0000",
        "v": "0.0000",
        "e": fixed(total),
        "mf": fixed(EXACT.subtract(total, margin)),
    }


def _positions(call: Call) -> list[Position]:
    return [each for _, each in sorted(call.state.positions.items()) if each.quantity]


def _margin(position: Position) -> Decimal:
    cost = EXACT.multiply(position.quantity.copy_abs(), position.entry)
    return rounded(ROUNDING.divide(cost, LEVERAGE))


def positions(call: Call) -> Any:
    """By market a list, else by id. `vol` is all that was opened, `vol_closed` what is closed."""
    rows = [_position_row(call, each) for each in _positions(call)]
    if call.params.get("consolidation") == "market":
        return [row | {"positions": "1"} for row in rows]
    return {
        transaction_id("T", "position", row["pair"], number): row | {"posstatus": "open"}
        for number, row in enumerate(rows)
    }


def _position_row(call: Call, position: Position) -> dict[str, Any]:
    volume = EXACT.add(position.quantity.copy_abs(), position.closed)
    return {
        "pair": pair_id(call.exchange.listing(position.symbol)),
        "type": "buy" if position.quantity > 0 else "sell",
        "leverage": f"{LEVERAGE}.00000",
        "cost": fixed(EXACT.multiply(volume, position.entry)),
        "fee": fixed(position.fee),
        "vol": fixed(volume),
        "vol_closed": fixed(position.closed),
        "margin": fixed(_margin(position)),
    }


# Deposits, withdrawals, what a key may do


def _moves(call: Call, kind: str) -> Any:
    return [
        {
            "method": movement.asset,
            "aclass": "currency",
            "asset": asset_id(movement.asset),
            "refid": transaction_id("Q", movement.id),
            "txid": movement.reference,
            "info": "",
            "amount": fixed(EXACT.subtract(movement.amount.copy_abs(), movement.fee)),
            "fee": fixed(movement.fee),
            "time": movement.at // 1000,
            "status": "Success",
        }
        for event in reversed(call.account.history.events)
        if (movement := event.movement) is not None and movement.type == kind
    ]


def deposit_status(call: Call) -> Any:
    return _moves(call, "deposit")


def withdraw_status(call: Call) -> Any:
    return _moves(call, "withdrawal")


def key_info(call: Call) -> Any:
    key = call.key
    assert key is not None
    allowed = ["query-funds", "query-open-trades", "query-closed-trades", "query-ledger"]
    allowed += ["modify-trades", "close-trades"] if key.trade else []
    allowed += ["withdraw-funds"] if key.withdraw else []
    return {
        "api_key_name": "simulated",
        "api_key": key.key,
        "nonce": str(key.nonce),
        "nonce_window": 0,
        "permissions": allowed,
        "valid_until": "0",
        "query_from": "0",
        "query_to": "0",
        "ip_allowlist": [],
    }


ANSWERS: Final[Mapping[str, Endpoint]] = {
    "/0/public/Time": Endpoint(time, "public"),
    "/0/public/SystemStatus": Endpoint(status, "public"),
    "/0/public/Assets": Endpoint(assets, "public"),
    "/0/public/AssetPairs": Endpoint(pairs, "public"),
    "/0/public/Ticker": Endpoint(ticker, "public"),
    "/0/private/Balance": Endpoint(balance, reads="snapshot"),
    "/0/private/BalanceEx": Endpoint(balance_ex, reads="snapshot"),
    "/0/private/TradeBalance": Endpoint(trade_balance, reads="snapshot"),
    "/0/private/OpenPositions": Endpoint(positions, reads="snapshot"),
    "/0/private/OpenOrders": Endpoint(history.open_orders, reads="snapshot"),
    "/0/private/ClosedOrders": Endpoint(history.closed_orders),
    "/0/private/QueryOrders": Endpoint(history.query_orders),
    "/0/private/TradesHistory": Endpoint(history.trades_history, weight=2, reads="events"),
    "/0/private/QueryTrades": Endpoint(history.query_trades),
    "/0/private/Ledgers": Endpoint(history.ledgers, weight=2, reads="events"),
    "/0/private/QueryLedgers": Endpoint(history.query_ledgers),
    "/0/private/DepositStatus": Endpoint(deposit_status),
    "/0/private/WithdrawStatus": Endpoint(withdraw_status),
    "/0/private/GetApiKeyInfo": Endpoint(key_info),
}
