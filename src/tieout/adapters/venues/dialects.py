"""What the messages of a venue's websocket are about: which symbol, and which records.

No number is read here: what an event says is asked of the venue's REST API.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

FILL: Final = frozenset({"orders", "trades", "positions", "balances"})
ORDER: Final = frozenset({"orders"})
CASH: Final = frozenset({"balances", "movements"})

Found = tuple[str | None, frozenset[str]]
"""The venue's own symbol (None: it names none), and the records that are touched."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a venue's messages are told apart.

    Attributes:
        watch: the methods of ccxt.pro that subscribe.
        kind: of markets: `spot` or `swap`; the same id may be both.
        markets: the tables of markets that ccxt loads for it.
        events: what a message touches; None: it is no event, and goes to ccxt.
        confirms: whether a message confirms one of the subscriptions. None: a connection that
            stands is the confirmation.
        ends: whether it says that the stream ends although the connection may stand.
    """

    watch: tuple[str, ...]
    kind: str
    markets: tuple[str, ...]
    events: Callable[[Mapping[str, Any]], list[Found] | None]
    confirms: Callable[[Mapping[str, Any]], bool] | None
    ends: Callable[[Mapping[str, Any]], bool] = lambda message: False


def _binance_spot(message: Mapping[str, Any]) -> list[Found] | None:
    event = _dict(message.get("event")) or message
    match event.get("e"):
        case "executionReport":
            return [(event.get("s"), FILL if event.get("x") == "TRADE" else ORDER)]
        case "outboundAccountPosition" | "listStatus":
            return []  # follows an execution report, or a `balanceUpdate`
        case "balanceUpdate" | "externalLockUpdate":
            return [(None, CASH)]
    return None


def _binance_perp(message: Mapping[str, Any]) -> list[Found] | None:
    match message.get("e"):
        case "ORDER_TRADE_UPDATE":
            order = _dict(message.get("o"))
            return [(order.get("s"), FILL if order.get("x") in ("TRADE", "CALCULATED") else ORDER)]
        case "ALGO_UPDATE" | "CONDITIONAL_ORDER_TRIGGER_REJECT":
            return [(_dict(message.get("o") or message.get("or")).get("s"), ORDER)]
        case "ACCOUNT_UPDATE":
            account = _dict(message.get("a"))
            if account.get("m") == "ORDER":
                return []  # follows the fill's own event
            found: list[Found] = [(None, CASH)]
            found += [
                (_dict(row).get("s"), frozenset({"positions"})) for row in account.get("P") or ()
            ]
            return found
        case "TRADE_LITE" | "MARGIN_CALL" | "ACCOUNT_CONFIG_UPDATE":
            return []
    return None


def _bybit(message: Mapping[str, Any]) -> list[Found] | None:
    topic = str(message.get("topic") or "").partition(".")[0]
    rows = [_dict(row) for row in message.get("data") or ()] if topic else []
    match topic:
        case "order":
            return [(row.get("symbol"), ORDER) for row in rows]
        case "execution":
            return [
                (
                    row.get("symbol"),
                    FILL | CASH if row.get("execType") in ("Funding", "Settle") else FILL,
                )
                for row in rows
            ]
        case "position":
            return [(row.get("symbol"), frozenset({"positions"})) for row in rows]
        case "wallet":
            return [(None, CASH)]
    return None


def _hyperliquid(message: Mapping[str, Any]) -> list[Found] | None:
    data = message.get("data")
    match message.get("channel"):
        case "orderUpdates":
            rows = data if isinstance(data, list) else []
            return [(_dict(_dict(row).get("order")).get("coin"), ORDER) for row in rows]
        case "userFills":
            fills = _dict(data)
            if fills.get("isSnapshot"):
                return []  # old fills: what was missed is in `Dropped`
            return [(_dict(row).get("coin"), FILL) for row in fills.get("fills") or ()]
        case "user" | "userFundings" | "userNonFundingLedgerUpdates":
            return [(None, FILL | CASH)]
    return None


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _signed_in(message: Mapping[str, Any]) -> bool:
    return "subscriptionId" in _dict(message.get("result"))


def _subscribed(message: Mapping[str, Any]) -> bool:
    return message.get("op") == "subscribe" and message.get("success") is True


def _acknowledged(message: Mapping[str, Any]) -> bool:
    if message.get("channel") != "subscriptionResponse":
        return False
    return _dict(message.get("data")).get("method") == "subscribe"


_ORDERS_AND_FILLS: Final = ("watch_orders", "watch_my_trades")
DIALECTS: Final[Mapping[str, Dialect]] = {
    "binance_spot": Dialect(
        ("watch_orders",),
        "spot",
        ("spot",),
        _binance_spot,
        _signed_in,
        lambda message: _dict(message.get("event") or message).get("e") == "eventStreamTerminated",
    ),
    "binance_perp": Dialect(
        ("watch_orders",),
        "swap",
        ("linear",),
        _binance_perp,
        None,
        lambda message: message.get("e") == "listenKeyExpired",
    ),
    "bybit_spot": Dialect(_ORDERS_AND_FILLS, "spot", ("spot",), _bybit, _subscribed),
    "bybit_perp": Dialect(_ORDERS_AND_FILLS, "swap", ("linear", "inverse"), _bybit, _subscribed),
    "hyperliquid_perp": Dialect(
        _ORDERS_AND_FILLS, "swap", ("swap", "hip3"), _hyperliquid, _acknowledged
    ),
}
"""By the name of the venue in the configuration. Others have no socket here."""
