"""Bitget's rows as records: of classic accounts (v2), and of unified ones (v3)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from tieout.adapters.venues.cells import (
    BadCell,
    Parser,
    Raw,
    Values,
    choice,
    millis,
    millis_or_none,
    nonzero,
    number,
    number_or_none,
    text,
    text_or_none,
)
from tieout.adapters.venues.forms import partly
from tieout.adapters.venues.markets import Markets

UNIFIED: Final = "unified"
"""The wallet of a unified account, which pays for everything."""

_SIDES: Final = {"buy": "buy", "sell": "sell"}
_SCOPES: Final = {"taker": "taker", "maker": "maker"}
_STATUSES: Final = {
    "init": "pending",
    "new": "open",
    "live": "open",
    "partially_filled": "partially_filled",
    "partial_fill": "partially_filled",
    "filled": "filled",
    "full_fill": "filled",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}

_GROUPS: Final[Mapping[str, str | None]] = {
    "transaction": None,  # told by the trades
    "deposit": "transfer",
    "withdraw": "transfer",
    "transfer": "transfer",
    "financial": "interest",
    "fait": "transfer",
    "c2c": "transfer",
    "pre_c2c": "transfer",
    "on_chain": "transfer",
    "strategy": "transfer",
    "convert": "correction",
    "loan": "interest",
    "other": "correction",
}
"""Groups of a classic account's bills."""

_TYPES: Final[Mapping[str, str | None]] = {
    "ORDER_DEALT_IN": None,
    "ORDER_DEALT_OUT": None,
    "TRANSFER_IN": "transfer",
    "TRANSFER_OUT": "transfer",
    "DEPOSIT": "transfer",
    "WITHDRAW": "transfer",
    "INTEREST": "interest",
    "INTEREST_SETTLEMENT": "interest",
}
"""Types of a unified account's financial records."""

Code = Callable[[str], str]


def ledger_kind(raw: Raw) -> str | None:
    """The type of a movement; None for what orders moved. Raises BadCell for what is new to us."""
    group = text_or_none(raw, "groupType")
    name, known = (group, _GROUPS) if group is not None else (text(raw, "type").upper(), _TYPES)
    if name not in known:
        # It may have moved cash: better unreadable than left out.
        raise BadCell("type", f"{name!r} is unknown here")
    return known[name]


def trade(markets: Markets, code: Code) -> Parser:
    """Fills of a classic account."""

    def parse(raw: Raw) -> Values:
        fee, currency = _fee(raw, "totalFee")
        return {
            "symbol": markets.of(text(raw, "symbol")).symbol,
            "trade_id": text(raw, "tradeId"),
            "order_id": text_or_none(raw, "orderId"),
            "side": choice(raw, "side", _SIDES),
            "quantity": number(raw, "size"),
            "price": number(raw, "priceAvg"),
            "fee": fee,
            "fee_currency": None if currency is None else code(currency),
            "timestamp": millis(raw, "cTime"),
            "liquidity": choice(raw, "tradeScope", _SCOPES),
            "exec_type": "trade",
        }

    return parse


def uta_trade(markets: Markets, code: Code) -> Parser:
    """Fills of a unified account."""

    def parse(raw: Raw) -> Values:
        fee, currency = _fee(raw, "fee")
        return {
            "symbol": markets.of(text(raw, "symbol")).symbol,
            "trade_id": text(raw, "execId"),
            "order_id": text_or_none(raw, "orderId"),
            "client_order_id": text_or_none(raw, "clientOid"),
            "side": choice(raw, "side", _SIDES),
            "quantity": number(raw, "execQty"),
            "price": number(raw, "execPrice"),
            "fee": fee,
            "fee_currency": None if currency is None else code(currency),
            "timestamp": millis(raw, "createdTime"),
            "wallet": UNIFIED,
            "liquidity": choice(raw, "tradeScope", _SCOPES),
            "exec_type": "trade",
        }

    return parse


def _fee(raw: Raw, name: str) -> tuple[Decimal | None, str | None]:
    """What a fill cost, and in what. Stated in an object, a list of one, or either as text.

    A v2 fee is negative where it is a cost, whether it was paid in the venue's own token or not.
    """
    detail: Any = raw.get("feeDetail")
    if isinstance(detail, str) and detail:
        try:
            detail = json.loads(detail, parse_float=str)
        except ValueError:
            raise BadCell("fee", "feeDetail is neither an object nor JSON") from None
    if isinstance(detail, list):
        if len(detail) > 1:
            raise BadCell("fee", f"feeDetail has {len(detail)} fees")
        detail = detail[0] if detail else None
    if not detail:
        return None, None
    if not isinstance(detail, dict):
        raise BadCell("fee", "feeDetail is no object")
    stated = number_or_none(detail, name)
    if stated is None:
        return None, None
    # v3 states costs as positive numbers.
    cost = stated.copy_negate() if name == "totalFee" and stated else stated
    return cost, text(detail, "feeCoin")


def order(markets: Markets) -> Parser:
    """Orders of a classic account."""

    def parse(raw: Raw) -> Values:
        filled = number_or_none(raw, "baseVolume") or Decimal(0)
        status = choice(raw, "status", _STATUSES)
        market_order = raw.get("orderType") == "market"
        spends = market_order and raw.get("side") == "buy"
        # The list of open orders has the limit where the history has the average price.
        limit = number_or_none(raw, "price")
        listed = number_or_none(raw, "priceAvg") if "price" not in raw else None
        return {
            "symbol": markets.of(text(raw, "symbol")).symbol,
            "order_id": text(raw, "orderId"),
            "client_order_id": text_or_none(raw, "clientOid"),
            "side": choice(raw, "side", _SIDES),
            # A market order to buy is for an amount to spend: then it is for what it got.
            "quantity": filled if spends else number(raw, "size"),
            "filled": filled,
            "price": None if market_order else nonzero(listed if limit is None else limit),
            "status": partly(status, filled),
            "created_at": millis(raw, "cTime"),
            "updated_at": millis_or_none(raw, "uTime"),
        }

    return parse


def uta_order(markets: Markets) -> Parser:
    """Orders of a unified account."""

    def parse(raw: Raw) -> Values:
        filled = number_or_none(raw, "cumExecQty") or Decimal(0)
        market_order = raw.get("orderType") == "market"
        spends = market_order and raw.get("side") == "buy"
        return {
            "symbol": markets.of(text(raw, "symbol")).symbol,
            "order_id": text(raw, "orderId"),
            "client_order_id": text_or_none(raw, "clientOid"),
            "side": choice(raw, "side", _SIDES),
            "quantity": filled if spends else number(raw, "qty"),
            "filled": filled,
            "price": None if market_order else nonzero(number_or_none(raw, "price")),
            "status": partly(choice(raw, "orderStatus", _STATUSES), filled),
            "created_at": millis(raw, "createdTime"),
            "updated_at": millis_or_none(raw, "updatedTime"),
        }

    return parse
