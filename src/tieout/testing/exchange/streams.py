"""Binance's user-data stream: what it says of each event. Spot, and USD-M futures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tieout.testing.exchange.account import Account
from tieout.testing.exchange.binance_words import LEGS, STATUS
from tieout.testing.exchange.records import EXACT, ZERO, Event, Fill, Order
from tieout.testing.exchange.wire import fixed, plain


def spot_messages(account: Account, event: Event) -> Iterator[dict[str, Any]]:
    """`executionReport`, then `outboundAccountPosition`; `balanceUpdate` for what is no trade."""
    if event.order is not None and ":" not in event.order.symbol:
        yield _execution_report(account, event, event.order, event.fill)
    touched = [cash for cash in event.cash if cash.wallet == account.spot_wallet]
    if not touched:
        return
    if event.movement is not None:
        for cash in touched:
            yield {
                "e": "balanceUpdate",
                "E": event.at,
                "a": cash.asset,
                "d": fixed(cash.amount),
                "T": event.at,
            }
    locked = account.history.now.locked()
    rows = []
    for cash in touched:
        held = locked.get(cash.asset, ZERO)
        free = EXACT.subtract(cash.after, held)
        rows.append({"a": cash.asset, "f": fixed(free), "l": fixed(held)})
    yield {"e": "outboundAccountPosition", "E": event.at, "u": event.at, "B": rows}


def _execution(order: Order, fill: Fill | None) -> str:
    if fill is not None:
        return "TRADE"
    return {"cancelled": "CANCELED", "expired": "EXPIRED", "rejected": "REJECTED"}.get(
        order.status, "NEW"
    )


def _execution_report(
    account: Account, event: Event, order: Order, fill: Fill | None
) -> dict[str, Any]:
    return {
        "e": "executionReport",
        "E": event.at,
        "s": account.exchange.listing(order.symbol).native,
        "c": order.client_id,
        "S": order.side.upper(),
        "o": "MARKET" if order.price is None else "LIMIT",
        "f": "GTC",
        "q": fixed(order.quantity),
        "p": fixed(order.price or ZERO),
        "P": "0.00000000",
        "F": "0.00000000",
        "g": -1,
        "C": "",
        "x": _execution(order, fill),
        "X": STATUS[order.status],
        "r": "NONE",
        "i": order.id,
        "l": fixed(fill.quantity if fill else ZERO),
        "z": fixed(order.filled),
        "L": fixed(fill.price if fill else ZERO),
        "n": fixed(fill.fee) if fill else "0",
        "N": fill.fee_asset if fill else None,
        "T": event.at,
        "t": fill.id if fill else -1,
        "I": event.sequence,
        "w": not order.closed,
        "m": fill.maker if fill else False,
        "M": False,
        "O": order.created,
        "Z": fixed(order.spent),
        "Y": fixed(fill.notional if fill else ZERO),
        "Q": "0.00000000",
        "W": order.created,
        "V": "EXPIRE_MAKER",
    }


def futures_messages(account: Account, event: Event) -> Iterator[dict[str, Any]]:
    """`ACCOUNT_UPDATE` where money or a position moved, then `ORDER_TRADE_UPDATE`."""
    touched = [cash for cash in event.cash if cash.wallet == account.perpetual_wallet]
    position = event.position
    if touched or position is not None:
        yield {
            "e": "ACCOUNT_UPDATE",
            "T": event.at,
            "E": event.at,
            "a": {
                "m": _reason(event),
                "B": [
                    {
                        "a": cash.asset,
                        "wb": fixed(cash.after),
                        "cw": fixed(cash.after),
                        "bc": "0" if event.fill else fixed(cash.amount),
                    }
                    for cash in touched
                ],
                "P": []
                if position is None
                else [
                    {
                        "s": account.exchange.listing(position.symbol).native,
                        "pa": plain(position.quantity),
                        "ep": plain(position.entry),
                        "bep": plain(position.entry),
                        "cr": fixed(position.realised),
                        "up": "0",
                        "mt": "cross",
                        "iw": "0",
                        "ps": LEGS[position.leg],
                    }
                ],
            },
        }
    if event.order is not None and ":" in event.order.symbol:
        order = _trade_update(account, event.order, event.fill, event.at)
        yield {"e": "ORDER_TRADE_UPDATE", "T": event.at, "E": event.at, "o": order}


def _reason(event: Event) -> str:
    if event.movement is None:
        return "ORDER"
    kinds = {"funding": "FUNDING_FEE", "deposit": "DEPOSIT", "withdrawal": "WITHDRAW"}
    amount = next((cash.amount for cash in event.cash if cash.wallet == "futures"), ZERO)
    return kinds.get(event.movement.type, "DEPOSIT" if amount > 0 else "WITHDRAW")


def _trade_update(account: Account, order: Order, fill: Fill | None, at: int) -> dict[str, Any]:
    kind = "MARKET" if order.price is None else "LIMIT"
    row: dict[str, Any] = {
        "s": account.exchange.listing(order.symbol).native,
        "c": order.client_id,
        "S": order.side.upper(),
        "o": "LIQUIDATION" if order.origin == "liquidation" else kind,
        "f": "GTC",
        "q": plain(order.quantity),
        "p": plain(order.price or ZERO),
        "ap": plain(order.average),
        "sp": "0",
        "x": _execution(order, fill),
        "X": STATUS[order.status],
        "i": order.id,
        "l": plain(fill.quantity if fill else ZERO),
        "z": plain(order.filled),
        "L": plain(fill.price if fill else ZERO),
        "T": at,
        "t": fill.id if fill else 0,
        "b": "0",
        "a": "0",
        "m": fill.maker if fill else False,
        "R": False,
        "wt": "CONTRACT_PRICE",
        "ot": kind,
        "ps": LEGS[order.leg],
        "cp": False,
        "rp": plain(fill.realised if fill else ZERO),
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": "EXPIRE_MAKER",
        "pm": "NONE",
        "gtd": 0,
    }
    return row | {"N": fill.fee_asset, "n": plain(fill.fee)} if fill else row
