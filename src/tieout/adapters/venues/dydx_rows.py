"""The indexer's rows as records. Sizes are in the base currency; those of positions are signed."""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal
from typing import Final

from tieout.adapters.venues.cells import (
    BadCell,
    Parser,
    Raw,
    Values,
    choice,
    number,
    number_or_none,
    text,
    text_or_none,
)
from tieout.adapters.venues.forms import iso, iso_or_none, partly
from tieout.adapters.venues.markets import Markets
from tieout.core.money import add, exact, rounded

_SIDES: Final = {"BUY": "buy", "SELL": "sell"}
_LIQUIDITY: Final = {"TAKER": "taker", "MAKER": "maker"}
_KINDS: Final = {
    "LIMIT": "trade",
    "MARKET": "trade",
    "LIQUIDATED": "liquidation",
    "LIQUIDATION": "trade",  # the other side of somebody's liquidation
    "DELEVERAGED": "adl",
    "OFFSETTING": "adl",
}
_STATUSES: Final = {
    "OPEN": "open",
    "BEST_EFFORT_OPENED": "open",
    "UNTRIGGERED": "open",
    "FILLED": "filled",
    "CANCELED": "cancelled",
    "BEST_EFFORT_CANCELED": "cancelled",
}
_TRANSFERS: Final = {"DEPOSIT": 1, "TRANSFER_IN": 1, "WITHDRAWAL": -1, "TRANSFER_OUT": -1}


def long_number(raw: Raw, name: str) -> Decimal:
    """A number that the indexer worked out, with as many digits as it gives."""
    value = raw.get(name)
    try:
        return exact(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise BadCell(name, f"{name}: {value!r} is not a number") from None


def row_key(raw: Raw) -> Hashable:
    """Funding payments have no id: market, sub-account and height name them."""
    if raw.get("id") is not None:
        return str(raw["id"])
    return raw.get("ticker"), raw.get("subaccountNumber"), raw.get("createdAtHeight")


def position(markets: Markets, at: int) -> Parser:
    """A market's position: in one sub-account, or the sum of several."""

    def parse(raw: Raw) -> Values:
        market = markets.of(text(raw, "market"))
        parts = raw["parts"]
        quantity = Decimal(0)
        for each in parts:
            signed = number(each, "size")
            if (signed < 0) != (each.get("side") == "SHORT") and signed:
                raise BadCell("quantity", f"size {signed} is {each.get('side')!r}")
            quantity = add(quantity, signed)
        # A quotient with 20 digits: at our scale. The sum of several has no price of its own.
        price = rounded(long_number(parts[0], "entryPrice")) if len(parts) == 1 else None
        return {
            "symbol": market.symbol,
            "leg": "net",
            "quantity": quantity,
            "average_price": price,
            "as_of": at,
        }

    return parse


def trade(markets: Markets) -> Parser:
    """Fills. A liquidation has no order."""

    def parse(raw: Raw) -> Values:
        fee = number_or_none(raw, "fee")
        return {
            "symbol": markets.of(text(raw, "market")).symbol,
            "trade_id": text(raw, "id"),
            "order_id": text_or_none(raw, "orderId"),
            "side": choice(raw, "side", _SIDES),
            "quantity": number(raw, "size"),
            "price": number(raw, "price"),
            "fee": fee,
            "fee_currency": None if fee is None else "USDC",
            "timestamp": iso(raw, "createdAt"),
            "liquidity": choice(raw, "liquidity", _LIQUIDITY),
            "exec_type": choice(raw, "type", _KINDS),
        }

    return parse


def transfer(raw: Raw) -> Values:
    """Deposits, withdrawals and transfers: `TRANSFER_OUT` leaves."""
    native = text(raw, "type")
    if native not in _TRANSFERS:
        raise BadCell("type", f"type: {native!r} is unknown here")
    amount = number(raw, "size")
    return {
        "movement_id": text(raw, "id"),
        "type": "transfer",
        "currency": text(raw, "symbol"),
        "symbol": None,
        "amount": amount if _TRANSFERS[native] > 0 else amount.copy_negate(),
        "reference": text_or_none(raw, "transactionHash"),
        "timestamp": iso(raw, "createdAt"),
    }


def funding(markets: Markets) -> Parser:
    """Payments: the indexer works them out as -size x price x rate, so that > 0 was received."""

    def parse(raw: Raw) -> Values:
        native = text(raw, "ticker")
        height, child = text(raw, "createdAtHeight"), text(raw, "subaccountNumber")
        return {
            "movement_id": f"funding:{native}:{child}:{height}",
            "type": "funding",
            "currency": "USDC",
            "symbol": markets.of(native).symbol,
            "amount": rounded(long_number(raw, "payment")),
            "reference": None,
            "timestamp": iso(raw, "createdAt"),
        }

    return parse


def order(markets: Markets) -> Parser:
    """Orders. They say when they were last touched, and not when they were placed."""

    def parse(raw: Raw) -> Values:
        filled = number(raw, "totalFilled")
        # The limit of a market order is how far it may slip.
        limit = None if "MARKET" in text(raw, "type") else number_or_none(raw, "price")
        return {
            "symbol": markets.of(text(raw, "ticker")).symbol,
            "order_id": text(raw, "id"),
            "client_order_id": text_or_none(raw, "clientId"),
            "side": choice(raw, "side", _SIDES),
            "quantity": number(raw, "size"),
            "filled": filled,
            "price": limit,
            "status": partly(choice(raw, "status", _STATUSES), filled),
            "created_at": None,
            "updated_at": iso_or_none(raw, "updatedAt"),
        }

    return parse


def price(markets: Markets, at: int) -> Parser:
    """Oracle prices."""

    def parse(raw: Raw) -> Values:
        market = markets.of(text(raw, "ticker"))
        pair = f"{market.base}/{market.quote}"
        return {"pair": pair, "price": number(raw, "oraclePrice"), "as_of": at}

    return parse
