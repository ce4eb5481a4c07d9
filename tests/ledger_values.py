"""Journal entries to put into ledgers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tieout.core.entries import Key, KeyKind
from tieout.core.journal import JournalEntry, journal_entry

PERP, SPOT = "BTC/USDT:USDT", "BTC/USDT"


def number(value: str | int | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def values_of(**given: Any) -> dict[str, Any]:
    amounts = ("quantity", "price", "fee", "amount", "total", "average_price", "cost", "filled")
    kept = {name: number(value) if name in amounts else value for name, value in given.items()}
    for mark in ("version", "sequence"):
        if mark in kept:
            kept[mark] = number(kept[mark])
    return {"account": "main", "venue": "binance", **kept}


def trade_values(
    trade_id: str,
    quantity: str | int,
    price: str | int,
    at: int,
    *,
    symbol: str = PERP,
    fee: str | None = "0",
    **more: Any,
) -> dict[str, Any]:
    """A trade; a negative quantity sells."""
    signed = Decimal(quantity)
    return values_of(
        trade_id=trade_id,
        symbol=symbol,
        side=more.pop("side", "sell" if signed < 0 else "buy"),
        quantity=signed.copy_abs(),
        price=price,
        timestamp=at,
        fee=fee,
        **more,
    )


def trade(*given: Any, **more: Any) -> JournalEntry:
    return journal_entry("trades", trade_values(*given, **more), source="engine")


def moved(
    movement_id: str, amount: str, at: int, type_: str = "transfer", **more: Any
) -> JournalEntry:
    if "currency" not in more and "symbol" not in more:
        more["currency"] = "USDT"
    values = values_of(movement_id=movement_id, type=type_, amount=amount, timestamp=at, **more)
    return journal_entry("movements", values, source="engine")


def opened(
    name: str,
    amount: str | int = 0,
    at: int = 0,
    part: str | None = None,
    approved_by: str | None = "ann",
    **more: Any,
) -> JournalEntry:
    """An opening entry: a position of a symbol (with a slash), or a balance."""
    if "/" in name or part in ("net", "long", "short"):
        values = values_of(symbol=name, leg=part or "net", quantity=amount, as_of=at, **more)
        records = "positions"
    else:
        values = values_of(currency=name, wallet=part or "spot", total=amount, as_of=at, **more)
        records = "balances"
    return journal_entry(records, values, source="venue", opening=True, approved_by=approved_by)


def ordered(at: int, status: str | None, filled: str | None = None, **more: Any) -> JournalEntry:
    known: dict[str, Any] = {"order_id": "o1", "symbol": PERP, "quantity": "10", "side": "buy"}
    values = values_of(**{**known, **more}, status=status, filled=filled, updated_at=at)
    return journal_entry("orders", values, source="engine")


def position(symbol: str = PERP, leg: str = "net") -> Key:
    return Key("main", "binance", KeyKind.POSITION, symbol, leg)


def balance(currency: str, wallet: str = "spot") -> Key:
    return Key("main", "binance", KeyKind.BALANCE, currency, wallet)
