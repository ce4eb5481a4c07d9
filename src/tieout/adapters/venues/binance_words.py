"""Words of Binance: its errors, states, and rows that spot and USD-M have alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from tieout.adapters.venues.cells import (
    MILLI,
    BadCell,
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
from tieout.adapters.venues.markets import Markets
from tieout.adapters.venues.shapes import rows, table

DAY: Final = 86_400_000
"""Milliseconds. A question about spot trades or orders may span one."""

PAGE: Final = 1_000


def code_of(data: Any) -> tuple[str, str] | None:
    if not isinstance(data, dict):
        return None
    code = str(data.get("code", ""))
    return (code, str(data.get("msg", ""))) if code.startswith("-") else None


# https://developers.binance.com/docs/binance-spot-api-docs/errors, and the one of USD-M.
CODES: Final[Mapping[str, Action]] = {
    **dict.fromkeys(("-1000", "-1001", "-1004", "-1006", "-1007", "-1016"), Action.RETRY),
    **dict.fromkeys(("-1003", "-1008", "-1015", "-1034"), Action.WAIT),
    **dict.fromkeys(("-1002", "-1022", "-1099", "-2008", "-2014", "-2015", "-2017"), Action.STOP),
    **dict.fromkeys(("-4109", "-4400"), Action.DENY),
    "-1020": Action.UNSUPPORTED,
    "-1021": Action.CLOCK,
}

_PARTS: Final = ("sapi", "fapi", "dapi", "eapi", "papi")


def part_of(method: str) -> str:
    """`fapi` of `fapiPrivateV3GetBalance`: a host, and a permission, of its own.

    A key that may not ask one of them is told -2015, in the words for a key that is no good.
    """
    return next((part for part in _PARTS if method.startswith(part)), "api")


BINANCE: Final = Wire(
    exchange="binance",
    code_of=code_of,
    codes=CODES,
    statuses={403: Action.WAIT},  # the web application firewall
    part=part_of,
    burst=5.0,  # 500 of the 6000 that spot allows a minute
    clock=("publicGetTime", lambda data: int(data["serverTime"])),
    # The weights that Binance states; ccxt has 1, or nothing, for the later versions of these.
    costs={
        ("fapiPrivateV3", "positionRisk"): 5,
        ("fapiPrivateV3", "balance"): 5,
        ("fapiPrivateV3", "account"): 5,
        ("fapiPublicV2", "ticker/price"): 2,
    },
    options={
        "warnOnFetchOpenOrdersWithoutSymbol": False,
        # `parse_market` looks into these; `load_markets` would ask the venue for them.
        "crossMarginPairsData": [],
        "isolatedMarginPairsData": [],
    },
)

SIDES: Final = {"BUY": "buy", "SELL": "sell"}

STATUSES: Final = {
    "PENDING_NEW": "pending",
    "NEW": "open",
    "PENDING_CANCEL": "open",
    "PARTIALLY_FILLED": "partially_filled",
    "FILLED": "filled",
    "CANCELED": "cancelled",
    "REJECTED": "rejected",
    "EXPIRED": "expired",
    "EXPIRED_IN_MATCH": "expired",
}

TRANSFERS: Final = {
    "MAIN_UMFUTURE": -1,
    "UMFUTURE_MAIN": 1,
    "MAIN_CMFUTURE": -1,
    "CMFUTURE_MAIN": 1,
    "MAIN_FUNDING": -1,
    "FUNDING_MAIN": 1,
    "MAIN_MARGIN": -1,
    "MARGIN_MAIN": 1,
}
"""Kinds of transfers between one's own wallets, and whether the spot wallet gives or gets."""

WITHDRAWN: Final = frozenset({"0", "2", "4", "6"})
"""States of a withdrawal that took its amount: not cancelled (1), rejected (3) or failed (5)."""

DEPOSITED: Final = frozenset({"1", "6"})
"""States of a deposit that was credited."""

OLD_ORDERS: Final = "orders from before the window that ended in it are not listed"

WALLET_SPAN: Final = 90 * DAY

UNDERWAY: Final = 30 * DAY
"""Milliseconds for which a deposit may be seen and not yet credited.

It is listed by when it was seen (`insertTime`), and counts from when it was credited. Most take
minutes; a network that stands still, or a review, takes days or weeks. With a window of less than
60 days this is still one question.
"""


def order_key(raw: Raw) -> Any:
    return raw.get("symbol"), raw.get("orderId")


def order_parser(markets: Markets) -> Any:
    """The parser of orders; those of USD-M name an average price as well."""

    def parse(raw: Raw) -> Values:
        return {
            "order_id": text(raw, "orderId"),
            "client_order_id": text_or_none(raw, "clientOrderId"),
            "symbol": markets.of(text(raw, "symbol")).symbol,
            "side": choice(raw, "side", SIDES),
            "quantity": number(raw, "origQty"),
            "filled": number(raw, "executedQty"),
            "price": nonzero(number_or_none(raw, "price")),
            "average_price": nonzero(number_or_none(raw, "avgPrice")),
            "status": choice(raw, "status", STATUSES),
            "created_at": millis_or_none(raw, "time"),
            "updated_at": millis_or_none(raw, "updateTime"),
        }

    return parse


def numbered(data: Any) -> list[dict[str, Any]]:
    """Rows that can be paged by: each has an id and a time."""
    found: list[dict[str, Any]] = rows()(data)
    for raw in found:
        if not all(str(raw.get(name)).isdecimal() for name in ("id", "time")):
            raise Misshapen("a trade has no id, or no time")
    return found


def total_rows(data: Any) -> list[dict[str, Any]]:
    """The rows of a list that leaves them out where there are none."""
    whole = table(has=("total",))(data)
    if str(whole["total"]) == "0" and "rows" not in whole:
        return []
    found: list[dict[str, Any]] = rows("rows")(whole)
    return found


def movement(
    id_: str, kind: str, currency: str | None, amount: Any, when: int, reference: str | None
) -> Values:
    """The values of a movement of the spot wallet."""
    return {
        "movement_id": id_,
        "type": kind,
        "currency": currency,
        "wallet": "spot",
        "amount": amount,
        "reference": reference,
        "timestamp": when,
    }


def utc(raw: Raw, name: str) -> int:
    """A time that the wallet writes as `2021-04-15 12:09:16`, in UTC."""
    written = text(raw, name)
    try:
        moment = datetime.strptime(written, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise BadCell(name, f"{name}: {written!r} is no time") from None
    return int(moment.timestamp()) * 1000 * MILLI
