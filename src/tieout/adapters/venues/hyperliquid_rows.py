"""Hyperliquid's rows as records. Sizes count the base currency; those of positions are signed."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from tieout.adapters.venues.cells import (
    BadCell,
    Parser,
    Raw,
    Values,
    choice,
    millis,
    number,
    number_or_none,
    text,
    text_or_none,
)
from tieout.adapters.venues.forms import partly
from tieout.adapters.venues.markets import Market, Markets
from tieout.core.model import Value
from tieout.core.money import subtract

WRAPPED: Final[Mapping[str, str]] = {
    "UBTC": "BTC",
    "UETH": "ETH",
    "USOL": "SOL",
    "UFART": "FARTCOIN",
    "UBONK": "BONK",
    "UPUMP": "PUMP",
    "UXPL": "XPL",
    "UDZ": "2Z",
    "UUUSPX": "SPX",
    "HPENGU": "PENGU",
    "USDT0": "USDT",
    "XAUT0": "XAUT",
}
"""Tokens of the spot market that stand for another: the names that ccxt gives them."""

CASH: Final = "futures"
"""The wallet that the perpetuals' cash is called."""

_SIDES: Final = {"B": "buy", "A": "sell"}
STILL_OPEN: Final = frozenset({"open", "triggered"})
_STATUSES: Final = {"open": "open", "triggered": "open", "filled": "filled", "expired": "expired"}
_EXECUTIONS: Final = {"Auto-Deleveraging": "adl", "Settlement": "settlement"}


def code(token: str) -> str:
    """The currency that a token is: `UBTC` is BTC."""
    return WRAPPED.get(token, token)


def perp_markets(meta: Raw, dex: str, tokens: Mapping[int, str]) -> list[Market]:
    """The perpetuals of an exchange: `BTC/USDC:USDC`; a builder's, `XYZ-GOLD/USDC:USDC`."""
    collateral = tokens.get(int(meta.get("collateralToken") or 0), "USDC")
    found = []
    for each in meta["universe"]:
        native = str(each["name"])
        base = native.upper().replace(":", "-")
        found.append(
            Market(
                id=native,
                symbol=f"{base}/{collateral}:{collateral}",
                base=base,
                quote=collateral,
                kind="swap",
                settle=collateral,
                lot=Decimal(1).scaleb(-int(each["szDecimals"])),
                group=dex,
            )
        )
    return found


def spot_markets(meta: Raw, tokens: Mapping[int, str]) -> list[Market]:
    """Spot pairs. Anybody may name a token: a second one of a name keeps its number."""
    lots = {token["index"]: int(token["szDecimals"]) for token in meta["tokens"]}
    found: dict[str, Market] = {}
    for each in sorted(meta["universe"], key=lambda pair: int(pair["index"])):
        base_index, quote_index = each["tokens"]
        base, quote = tokens[base_index], tokens[quote_index]
        if f"{base}/{quote}" in found:
            base = f"{base}-{each['index']}"
        symbol = f"{base}/{quote}"
        lot = Decimal(1).scaleb(-lots[base_index])
        found[symbol] = Market(id=str(each["name"]), symbol=symbol, base=base, quote=quote, lot=lot)
    return list(found.values())


def is_spot(raw: Raw) -> bool:
    """Whether a fill or an order is of a spot pair: `PURR/USDC`, `@107`."""
    order = raw.get("order")
    coin = str((order if isinstance(order, dict) else raw).get("coin") or "")
    return coin.startswith("@") or "/" in coin


def position(markets: Markets, at: int) -> Parser:
    """Rows of `assetPositions`. One position a market: there is no hedge mode."""

    def parse(raw: Raw) -> Values:
        inner = raw.get("position")
        if raw.get("type") != "oneWay" or not isinstance(inner, dict):
            raise BadCell("leg", f"type: {raw.get('type')!r} is unknown here")
        market = markets.of(text(inner, "coin"))
        return {
            "symbol": market.symbol,
            "leg": "net",
            "quantity": number(inner, "szi"),
            "average_price": number_or_none(inner, "entryPx"),
            "margin": number_or_none(inner, "marginUsed"),
            "cost_currency": market.settle,
            "as_of": at,
        }

    return parse


def spot_balance(at: int) -> Parser:
    """Rows of `spotClearinghouseState`."""

    def parse(raw: Raw) -> Values:
        total, used = number(raw, "total"), number(raw, "hold")
        return {
            "currency": code(text(raw, "coin")),
            "wallet": "spot",
            "total": total,
            "used": used,
            "free": subtract(total, used),
            "as_of": at,
        }

    return parse


def fill_key(raw: Raw) -> Hashable:
    """What tells fills apart: of a self-trade both sides have one `tid`."""
    return raw.get("tid"), raw.get("oid"), raw.get("side"), raw.get("coin")


def row_key(raw: Raw) -> Hashable:
    """What tells fundings and ledger updates apart. Fundings have no hash but zeros."""
    delta = raw.get("delta")
    kept = delta if isinstance(delta, dict) else {}
    return raw.get("time"), raw.get("hash"), kept.get("type"), repr(sorted(kept.items(), key=str))


def trade(markets: Markets, address: str) -> Parser:
    """Fills: of one's own orders, of liquidations, of TWAPs, of dust."""

    def parse(raw: Raw) -> Values:
        liquidity = raw.get("crossed")
        fee = number_or_none(raw, "fee")
        token = text_or_none(raw, "feeToken")
        return {
            "symbol": markets.of(text(raw, "coin")).symbol,
            "trade_id": text(raw, "tid"),
            "order_id": text_or_none(raw, "oid"),
            "client_order_id": text_or_none(raw, "cloid"),
            "side": choice(raw, "side", _SIDES),
            "quantity": number(raw, "sz"),
            "price": number(raw, "px"),
            "fee": fee,
            "fee_currency": None if fee is None or token is None else code(token),
            "timestamp": millis(raw, "time"),
            "liquidity": None if liquidity is None else "taker" if liquidity else "maker",
            "exec_type": _execution(raw, address),
        }

    return parse


def _execution(raw: Raw, address: str) -> str:
    """Why the fill happened. The other side of a liquidation has an ordinary trade."""
    liquidation = raw.get("liquidation")
    if isinstance(liquidation, dict):
        ours = str(liquidation.get("liquidatedUser") or "").lower() == address.lower()
        return "liquidation" if ours else "trade"
    direction = str(raw.get("dir") or "")
    if direction.startswith("Liquidated"):
        return "liquidation"
    return _EXECUTIONS.get(direction, "trade")


def realised(markets: Markets) -> Parser:
    """What a fill realised, fee aside, as a settlement of the perpetuals' cash."""

    def parse(raw: Raw) -> Values | None:
        pnl = number_or_none(raw, "closedPnl")
        if not pnl or is_spot(raw):
            return None
        market = markets.of(text(raw, "coin"))
        return {
            "movement_id": f"pnl:{text(raw, 'tid')}:{choice(raw, 'side', _SIDES)}",
            "type": "settlement",
            "currency": market.settle,
            "wallet": CASH,
            "symbol": market.symbol,
            "amount": pnl,
            "reference": text(raw, "tid"),
            "timestamp": millis(raw, "time"),
        }

    return parse


def funding(markets: Markets) -> Parser:
    """One payment a market and hour. Its hash is zeros: time and market name it."""

    def parse(raw: Raw) -> Values:
        delta = _delta(raw)
        native = text(delta, "coin")
        market = markets.of(native)
        return {
            "movement_id": f"funding:{text(raw, 'time')}:{native}",
            "type": "funding",
            "currency": market.settle,
            "wallet": CASH,
            "symbol": market.symbol,
            "amount": number(delta, "usdc"),
            "reference": None,
            "timestamp": millis(raw, "time"),
        }

    return parse


def ledger_update(address: str) -> Parser:
    """What else moved the perpetuals' cash; None for what moved none of it.

    A liquidation is told by its fills, whose PnL is a settlement; here it has no amount.
    """

    def parse(raw: Raw) -> Values | None:
        delta = _delta(raw)
        found = _amount(delta, text(delta, "type"), address.lower())
        if found is None:
            return None
        kind, currency, amount = found
        return {
            "movement_id": f"{text(raw, 'hash')}:{text(raw, 'time')}:{text(delta, 'type')}",
            "type": kind,
            "currency": currency,
            "wallet": CASH,
            "symbol": None,
            "amount": amount,
            "reference": text(raw, "hash"),
            "timestamp": millis(raw, "time"),
        }

    return parse


_ARRIVES: Final = {
    "deposit": "usdc",
    "vaultDistribution": "usdc",
    "vaultWithdraw": "netWithdrawnUsd",
}
_ELSEWHERE: Final = frozenset(
    {
        "spotTransfer",
        "spotGenesis",
        "cStakingTransfer",
        "rewardsClaim",
        "accountActivationGas",
        "liquidation",  # told by its fills
    }
)


def _amount(delta: Raw, kind: str, address: str) -> tuple[str, str, Decimal] | None:
    """Type of movement, currency and signed amount; None where perpetuals' cash is not moved."""
    if kind in _ARRIVES:
        return "transfer", "USDC", number(delta, _ARRIVES[kind])
    if kind in ("vaultCreate", "vaultDeposit"):
        return "transfer", "USDC", number(delta, "usdc").copy_negate()
    if kind == "withdraw":
        return "transfer", "USDC", _less(number(delta, "usdc"), delta, "fee")
    if kind == "accountClassTransfer":
        if not isinstance(delta.get("toPerp"), bool):
            raise BadCell("amount", "toPerp is absent")
        amount = number(delta, "usdc")
        return "transfer", "USDC", amount if delta["toPerp"] else amount.copy_negate()
    if kind in ("internalTransfer", "subAccountTransfer"):
        into = text(delta, "destination").lower() == address
        amount = number(delta, "usdc")
        return "transfer", "USDC", amount if into else _less(amount, delta, "fee")
    if kind == "send":
        return _sent(delta, address)
    if kind in _ELSEWHERE:
        return None
    # A type that is new to us may have moved cash: better unreadable than left out.
    raise BadCell("type", f"type: {kind!r} is unknown here")


def _sent(delta: Raw, address: str) -> tuple[str, str, Decimal] | None:
    """A `send` goes from one exchange to another, `spot` among them; or to somebody else."""
    out = text(delta, "user").lower() == address
    into = text(delta, "destination").lower() == address
    amount = number(delta, "amount")
    # The main exchange has no name: both fields are there, and one of them empty.
    leaves = out and delta.get("sourceDex") != "spot"
    arrives = into and delta.get("destinationDex") != "spot"
    if leaves == arrives:
        return None
    currency = code(text(delta, "token"))
    return "transfer", currency, amount if arrives else _less(amount, delta, "fee")


def _less(amount: Decimal, delta: Raw, fee: str) -> Decimal:
    """What leaves: the amount, and the fee where there is one; negative."""
    return subtract(amount.copy_negate(), number_or_none(delta, fee) or Decimal(0))


def _delta(raw: Raw) -> Mapping[str, Any]:
    delta = raw.get("delta")
    if not isinstance(delta, dict):
        raise BadCell("type", "delta is no object")
    return delta


def open_order(markets: Markets) -> Parser:
    """Rows of `frontendOpenOrders`."""

    def parse(raw: Raw) -> Values:
        return _order(raw, markets, "open", None)

    return parse


def closed_order(markets: Markets) -> Parser:
    """Rows of `historicalOrders`: an order, its status, and since when."""

    def parse(raw: Raw) -> Values:
        order = raw.get("order")
        if not isinstance(order, dict):
            raise BadCell("order_id", "order is no object")
        return _order(order, markets, _status(text(raw, "status")), millis(raw, "statusTimestamp"))

    return parse


def order_id(row: Raw) -> Any:
    """Of an order, and of a row of the history."""
    order = row.get("order")
    found = (order if isinstance(order, dict) else row).get("oid")
    return id(row) if found is None else str(found)


def newest_states(history: Iterable[Raw]) -> list[Raw]:
    """Of the states of each order the latest one."""
    newest: dict[Any, Raw] = {}
    for row in history:
        known = newest.get(order_id(row))
        if known is None or since_of(row) >= since_of(known):
            newest[order_id(row)] = row
    return list(newest.values())


def since_of(row: Raw) -> int:
    """Milliseconds; 0 where it does not say."""
    moment = row.get("statusTimestamp")
    return int(moment) if isinstance(moment, int | str) and str(moment).isdecimal() else 0


def _status(status: str) -> str:
    """`reduceOnlyCanceled`, `tickRejected` and their like say why, behind a common ending."""
    if status in _STATUSES:
        return _STATUSES[status]
    lowered = status.lower()
    if lowered.endswith("rejected"):
        return "rejected"
    if lowered.endswith(("canceled", "cancel")):
        return "cancelled"
    raise BadCell("status", f"status: {status!r} is unknown here")


def _order(raw: Raw, markets: Markets, status: str, updated_at: int | None) -> Values:
    quantity = number(raw, "origSz")
    filled = subtract(quantity, number(raw, "sz"))
    market_order = "Market" in str(raw.get("orderType") or "")
    values: dict[str, Value] = {
        "symbol": markets.of(text(raw, "coin")).symbol,
        "order_id": text(raw, "oid"),
        "client_order_id": text_or_none(raw, "cloid"),
        "side": choice(raw, "side", _SIDES),
        "quantity": quantity,
        "filled": filled,
        # The limit of a market order is how far it may slip.
        "price": None if market_order else number_or_none(raw, "limitPx"),
        "status": partly(status, filled),
        "created_at": millis(raw, "timestamp"),
        "updated_at": updated_at,
    }
    return values
