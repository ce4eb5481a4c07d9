"""ccxt's unified rows as records. With `number=str` a number is a text; a float is refused."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from decimal import Decimal
from typing import Any, Final

from tieout.adapters.venues.cells import (
    MILLI,
    BadCell,
    Parser,
    Raw,
    Values,
    choice,
    nonzero,
    number,
    number_or_none,
    product,
    text,
    text_or_none,
)
from tieout.adapters.venues.forms import partly
from tieout.adapters.venues.markets import Market, Markets
from tieout.core.money import add, subtract

_SIDES: Final = {"buy": "buy", "sell": "sell"}
_STATUSES: Final = {
    "open": "open",
    "closed": "filled",
    "canceled": "cancelled",
    "cancelled": "cancelled",
    "expired": "expired",
    "rejected": "rejected",
    "pending": "pending",
}
_LEDGER: Final[Mapping[str, str | None]] = {
    "trade": None,  # told by the trades, their fees with them
    "fee": None,
    "transfer": "transfer",
    "transaction": "transfer",
    "deposit": "transfer",
    "withdrawal": "transfer",
    "funding": "funding",
    "interest": "interest",
    "margin": "interest",
    "rebate": "fee",
    "referral": "fee",
    "cashback": "fee",
    "settlement": "settlement",
}


def row_key(raw: Raw) -> Hashable:
    """What tells rows apart; one without an id is like no other."""
    return raw.get("id") or id(raw), raw.get("symbol"), raw.get("side"), raw.get("currency")


def balance(wallet: str, at: int) -> Parser:
    """A currency's total, or what is free and used of it; never zero for what is not told."""

    def parse(raw: Raw) -> Values:
        free, used = number_or_none(raw, "free"), number_or_none(raw, "used")
        total = number_or_none(raw, "total")
        if total is None and free is not None and used is not None:
            total = add(free, used)
        if total is None:
            raise BadCell("total", "total is absent")
        return {
            "currency": text(raw, "currency"),
            "wallet": wallet,
            "total": total,
            "free": free,
            "used": used,
            "as_of": at,
        }

    return parse


def position(markets: Markets, at: int) -> Parser:
    """`contracts` is unsigned, and counts contracts."""

    def parse(raw: Raw) -> Values | None:
        contracts = number(raw, "contracts")
        if not contracts:
            return None
        market = _market(markets, raw)
        side = choice(raw, "side", {"long": "long", "short": "short"})
        quantity = _units("quantity", market, contracts.copy_abs())
        return {
            "symbol": market.symbol,
            "leg": side if raw.get("hedged") is True else "net",
            "quantity": quantity if side == "long" else quantity.copy_negate(),
            "average_price": nonzero(number_or_none(raw, "entryPrice")),
            "as_of": at,
        }

    return parse


def trade(markets: Markets, paying: Callable[[Market], str | None]) -> Parser:
    """Fills. ccxt lists the fees of several currencies; a record has one. `paying`: the wallet."""

    def parse(raw: Raw) -> Values:
        market = _market(markets, raw)
        fee, currency = _fee(raw)
        return {
            "symbol": market.symbol,
            "trade_id": text(raw, "id"),
            "order_id": text_or_none(raw, "order"),
            "side": choice(raw, "side", _SIDES),
            "quantity": _units("quantity", market, number(raw, "amount")),
            "price": number(raw, "price"),
            "fee": fee,
            "fee_currency": currency,
            "timestamp": _time(raw, "timestamp"),
            "wallet": paying(market),
            "liquidity": raw.get("takerOrMaker") if raw.get("takerOrMaker") in _LIQUIDITY else None,
            "exec_type": "trade",
        }

    return parse


_LIQUIDITY: Final = ("taker", "maker")


def _fee(raw: Raw) -> tuple[Decimal | None, str | None]:
    listed = [each for each in raw.get("fees") or () if isinstance(each, dict)]
    single = raw.get("fee")
    if not listed and isinstance(single, dict):
        listed = [single]
    charged = [each for each in listed if number_or_none(each, "cost")]
    if len(charged) > 1:
        raise BadCell("fee", f"it has {len(charged)} fees")
    if charged:
        return number(charged[0], "cost"), text(charged[0], "currency")
    stated = next((each for each in listed if number_or_none(each, "cost") is not None), None)
    if stated is None:
        return None, None
    return number(stated, "cost"), text_or_none(stated, "currency")


def order(markets: Markets) -> Parser:
    """Orders, in our units."""

    def parse(raw: Raw) -> Values:
        market = _market(markets, raw)
        filled = number_or_none(raw, "filled")
        filled = None if filled is None else _units("filled", market, filled)
        status = choice(raw, "status", _STATUSES)
        updated = raw.get("lastUpdateTimestamp") or raw.get("lastTradeTimestamp")
        own = text_or_none(raw, "clientOrderId")
        return {
            "symbol": market.symbol,
            "order_id": text(raw, "id"),
            "client_order_id": None if own == "0" else own,  # as some write that there is none
            "side": choice(raw, "side", _SIDES),
            "quantity": _units("quantity", market, number(raw, "amount")),
            "filled": filled,
            "price": nonzero(number_or_none(raw, "price")),
            "status": partly(status, filled),
            "created_at": None if raw.get("timestamp") is None else _time(raw, "timestamp"),
            "updated_at": None if updated is None else _time({"at": updated}, "at"),
        }

    return parse


def ledger(wallet: str) -> Parser:
    """Rows of the ledger of `wallet`, but for what trades made. `amount` is unsigned."""

    def parse(raw: Raw) -> Values | None:
        kind = text(raw, "type")
        if kind not in _LEDGER:
            raise BadCell("type", f"type: {kind!r} is unknown here")
        meaning = _LEDGER[kind]
        if meaning is None:
            return None
        sign = choice(raw, "direction", {"in": "in", "out": "out"})
        amount = number(raw, "amount").copy_abs()
        signed = amount if sign == "in" else amount.copy_negate()
        return _moved(raw, text(raw, "id"), meaning, signed, wallet)

    return parse


def deposit(wallet: str) -> Parser:
    """Deposits that arrived, in `wallet`."""

    def parse(raw: Raw) -> Values | None:
        if raw.get("status") != "ok":
            return None
        return _moved(raw, f"deposit:{_named(raw)}", "transfer", number(raw, "amount"), wallet)

    return parse


def withdrawal(wallet: str) -> Parser:
    """Withdrawals that were not given up; a fee that is stated in their currency, too."""

    def parse(raw: Raw) -> Values | None:
        if raw.get("status") in ("failed", "canceled"):
            return None
        amount = number(raw, "amount").copy_negate()
        fee = raw.get("fee")
        if isinstance(fee, dict) and fee.get("currency") == raw.get("currency"):
            amount = subtract(amount, number_or_none(fee, "cost") or Decimal(0))
        return _moved(raw, f"withdrawal:{_named(raw)}", "transfer", amount, wallet)

    return parse


def price(markets: Markets, kind: str, at: int) -> Parser:
    """Last prices of markets of a kind."""

    def parse(raw: Raw) -> Values | None:
        market = markets.by_symbol.get(str(raw.get("symbol")))
        last = number_or_none(raw, "last")
        if market is None or market.kind != kind or not last:
            return None
        pair = f"{market.base}/{market.quote}"
        return {"pair": pair, "price": last, "as_of": at}

    return parse


def _named(raw: Raw) -> str:
    return text_or_none(raw, "id") or text(raw, "txid")


def _moved(raw: Raw, id_: str, kind: str, amount: Decimal, wallet: str) -> Values:
    return {
        "movement_id": id_,
        "type": kind,
        "currency": text(raw, "currency"),
        "wallet": wallet,
        "symbol": None,
        "amount": amount,
        "reference": text_or_none(raw, "referenceId") or text_or_none(raw, "txid"),
        "timestamp": _time(raw, "timestamp"),
    }


def _market(markets: Markets, raw: Raw) -> Market:
    symbol = text(raw, "symbol")
    market = markets.by_symbol.get(symbol)
    if market is None:
        raise BadCell("symbol", f"symbol {symbol!r} is none of the venue's markets")
    return market


def _units(field: str, market: Market, contracts: Decimal) -> Decimal:
    """Base units of a linear contract, contracts of an inverse one."""
    return contracts if market.inverse else product(field, contracts, market.size)


def _time(raw: Raw, name: str) -> int:
    value: Any = raw.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 10**12:
        raise BadCell(name, f"{name}: {value!r} is no time in milliseconds")
    return value * MILLI
