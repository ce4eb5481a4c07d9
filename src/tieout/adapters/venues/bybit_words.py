"""Words of Bybit: its errors, states, pages and rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from tieout.adapters.venues.cells import (
    Raw,
    Values,
    choice,
    millis_or_none,
    nonzero,
    number,
    number_or_none,
    text,
    text_or_none,
)
from tieout.adapters.venues.classify import Action, Misshapen, Wire
from tieout.adapters.venues.markets import Market, Markets
from tieout.adapters.venues.shapes import Shape, rows_at, table_at

SPAN: Final = 7 * 86_400_000
"""Milliseconds that a question about events may span."""


def code_of(data: Any) -> tuple[str, str] | None:
    if not isinstance(data, dict):
        return None
    code = data.get("retCode", 0)
    return None if code in (0, "0") else (str(code), str(data.get("retMsg", "")))


def envelope(data: Any) -> str | None:
    if not isinstance(data, dict) or "retCode" not in data:
        return "there is no retCode"
    return None if isinstance(data.get("result"), dict) else "there is no result"


# https://bybit-exchange.github.io/docs/v5/error
CODES: Final[Mapping[str, Action]] = {
    "10002": Action.CLOCK,
    **dict.fromkeys(("10000", "10016", "10019", "131200", "131201"), Action.RETRY),
    **dict.fromkeys(("10006", "10018", "10429", "429"), Action.WAIT),
    **dict.fromkeys(
        ("10003", "10004", "10007", "10008", "10009", "10010", "10024", "33004"), Action.STOP
    ),
    **dict.fromkeys(("10005", "10027", "10028", "10029"), Action.DENY),
    "10032": Action.UNSUPPORTED,
}

BYBIT: Final = Wire(
    exchange="bybit",
    code_of=code_of,
    codes=CODES,
    statuses={403: Action.WAIT},  # "access too frequent", by address
    envelope=envelope,
    clock=("publicGetV5MarketTime", lambda data: int(data["result"]["timeNano"]) // 1_000_000),
    options={"enableUnifiedMargin": False, "enableUnifiedAccount": True},
)

TRADING: Final = ("ContractTrade", "Spot", "Options", "Derivatives")

SIDES: Final = {"Buy": "buy", "Sell": "sell"}

LEGS: Final = {"0": "net", "1": "long", "2": "short"}

HEDGED: Final = frozenset({"1", "2"})
"""`positionIdx` of a position that is one of two."""

MODES: Final = "bybit-modes"
"""Where a client remembers which symbols have two legs."""

STATUSES: Final = {
    "Created": "pending",
    "New": "open",
    "Active": "open",
    "Untriggered": "open",
    "Triggered": "open",
    "PendingCancel": "open",
    "PartiallyFilled": "partially_filled",
    "Filled": "filled",
    "Cancelled": "cancelled",
    "PartiallyFilledCanceled": "cancelled",
    "Deactivated": "cancelled",
    "Rejected": "rejected",
}

EXECUTIONS: Final[Mapping[str, str | None]] = {
    "Trade": "trade",
    "BlockTrade": "trade",
    "MovePosition": "trade",
    "FutureSpread": "trade",
    "AdlTrade": "adl",
    "BustTrade": "liquidation",
    "Delivery": "settlement",
    "Settle": None,  # a session of a USDC contract: no quantity moves; its cash is in the log
    "Funding": None,
}

FILLS: Final = frozenset({"TRADE", "LIQUIDATION", "ADL", "DELIVERY"})
"""Rows of the transaction log that stand for an execution."""

LOG: Final[Mapping[str, str]] = {
    "SETTLEMENT": "funding",
    **dict.fromkeys(("TRANSFER_IN", "TRANSFER_OUT", "DEPOSIT", "WITHDRAW"), "transfer"),
    **dict.fromkeys(("FEE_REFUND", "PLATFORM_FEE"), "fee"),
    **dict.fromkeys(("INTEREST", "AUTO_BUY_LIABILITY_USDT_LENDING"), "interest"),
}
"""What a row of the log means; any other is a `correction`: it moved the wallet, whatever it is."""


def page(data: Any) -> tuple[list[dict[str, Any]], str | None]:
    """A page's rows and the cursor of the next one; None where it names none."""
    result = table_at(data, ("result",))
    cursor = result.get("nextPageCursor")
    if cursor is not None and not isinstance(cursor, str):
        raise Misshapen("nextPageCursor is no text")
    return rows_at(data, ("result", "list")), cursor or None


def result_rows(name: str) -> Shape:
    return lambda data: rows_at(data, ("result", name))


def one_account(data: Any) -> list[dict[str, Any]]:
    accounts = rows_at(data, ("result", "list"))
    if len(accounts) != 1:
        raise Misshapen(f"there are {len(accounts)} unified accounts, not one")
    return rows_at(accounts[0], ("coin",))


def order_key(raw: Raw) -> Any:
    return raw.get("orderId")


def execution_key(raw: Raw) -> Any:
    return raw.get("symbol"), raw.get("execId"), raw.get("side")


def position_key(raw: Raw) -> Any:
    return raw.get("symbol"), raw.get("positionIdx")


def log_key(raw: Raw) -> tuple[Any, ...]:
    """What names a row of the log; older answers have no `id`."""
    id_ = text_or_none(raw, "id")
    if id_ is not None:
        return (id_,)
    names = ("type", "tradeId", "orderId", "currency", "transactionTime")
    return tuple(text_or_none(raw, name) or "" for name in names)


def order_parser(markets: Markets) -> Callable[[Raw], Values]:
    def parse(raw: Raw) -> Values:
        filled = number_or_none(raw, "cumExecQty") or Decimal(0)
        market = markets.of(text(raw, "symbol"))
        quantity = number(raw, "qty")
        if in_quote(raw, market):
            quantity = filled
        return {
            "order_id": text(raw, "orderId"),
            "client_order_id": text_or_none(raw, "orderLinkId"),
            "symbol": market.symbol,
            "side": choice(raw, "side", SIDES),
            "quantity": quantity,
            "filled": filled,
            "price": nonzero(number_or_none(raw, "price")),
            "average_price": nonzero(number_or_none(raw, "avgPrice")),
            "status": choice(raw, "orderStatus", STATUSES),
            "created_at": millis_or_none(raw, "createdTime"),
            "updated_at": millis_or_none(raw, "updatedTime"),
        }

    return parse


def in_quote(raw: Raw, market: Market) -> bool:
    """Whether an order's quantity counts the quote currency: a market order to buy on spot does.

    Such an order has no quantity of its own but what it filled.
    """
    if market.kind != "spot" or raw.get("orderType") != "Market":
        return False
    unit = text_or_none(raw, "marketUnit")
    return unit == "quoteCoin" if unit else raw.get("side") == "Buy"


def iso(written: Any) -> int | None:
    if not isinstance(written, str) or not written:
        return None
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000_000
