"""Words of Kraken: its errors, states, buckets and rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from tieout.adapters.venues.cells import (
    BadCell,
    Raw,
    choice,
    number,
    number_or_none,
)
from tieout.adapters.venues.classify import Action, Misshapen, Wire
from tieout.adapters.venues.shapes import Shape, at, table_at, tables_by_key
from tieout.core.money import add, subtract

SECOND: Final = 1_000_000_000


def code_of(data: Any) -> tuple[str, str] | None:
    errors = data.get("error") if isinstance(data, dict) else None
    if not isinstance(errors, list):
        return None
    # What begins with W is a warning beside a good answer.
    found = [str(each) for each in errors if not str(each).startswith("W")]
    return (found[0], "; ".join(found)) if found else None


def envelope(data: Any) -> str | None:
    if not isinstance(data, dict) or not isinstance(data.get("error"), list):
        return "there is no list of errors"
    return None if data.get("result") is not None else "there is no result"


# https://docs.kraken.com/api/docs/guides/spot-errors
PREFIXES: Final[Mapping[str, Action]] = {
    "EAPI:Invalid key": Action.STOP,
    "EAPI:Invalid signature": Action.STOP,
    "EAPI:Invalid nonce": Action.CLOCK,
    "EAPI:Rate limit": Action.WAIT,
    "EAPI:Feature disabled": Action.UNSUPPORTED,
    "EAccount:Invalid permissions": Action.DENY,
    "EAuth:": Action.STOP,
    "EAuth:Rate limit": Action.WAIT,
    "EAuth:Too many requests": Action.WAIT,
    "EGeneral:Permission denied": Action.DENY,
    "EGeneral:Temporary lockout": Action.WAIT,
    "EGeneral:Too many requests": Action.WAIT,
    "EGeneral:Internal error": Action.RETRY,
    "EGeneral:Unknown method": Action.UNSUPPORTED,
    "EService:": Action.RETRY,
    "EService:Throttled": Action.WAIT,
}

KRAKEN: Final = Wire(
    exchange="kraken",
    code_of=code_of,
    prefixes=PREFIXES,
    waits={"EGeneral:Temporary lockout": 900.0},
    envelope=envelope,
    serial=True,
    burst=30.0,  # 10 of the 15 that the lowest tier's counter holds
    clock=("publicGetTime", lambda data: int(data["result"]["unixtime"]) * 1000),
    resolution=1000,
)

SIDES: Final = {"buy": "buy", "sell": "sell"}

STATUSES: Final = {
    "pending": "pending",
    "open": "open",
    "closed": "filled",
    "canceled": "cancelled",
    "expired": "expired",
}

BUCKETS: Final = {"F": "earn", "M": "earn", "B": "earn", "P": "earn", "S": "staked"}
"""Suffixes of assets to wallets. Any other is a wallet of its own, under the suffix's name."""

WALLETS: Final = frozenset({"spot", *BUCKETS.values(), "hold", "t"})
"""The wallets that an answer about balances covers, also those with nothing in them."""

LEDGER: Final = {
    "deposit": "transfer",
    "withdrawal": "transfer",
    "transfer": "transfer",
    "margin": "settlement",
    "settled": "settlement",
    "rollover": "fee",
    "staking": "interest",
    "dividend": "interest",
    "reward": "interest",
}
"""What a row of the ledger means; any other is a `correction`: it moved the balance."""

EARNED: Final = frozenset({"reward", "bonus"})


def net_position(lots: list[Raw]) -> tuple[Decimal, Fraction, Decimal]:
    """Signed quantity, its cost, and the margin of the open parts of a market's positions.

    `cost` is that of all that was opened; what is closed of it is in `vol` still (`vol_closed`).
    """
    quantity, cost, margin = Decimal(0), Fraction(0), Decimal(0)
    for raw in lots:
        volume, closed = number(raw, "vol"), number_or_none(raw, "vol_closed") or Decimal(0)
        left = subtract(volume, closed)
        buys = choice(raw, "type", SIDES) == "buy"
        quantity = add(quantity, left if buys else left.copy_negate())
        if volume:
            share = Fraction(number(raw, "cost")) * Fraction(left) / Fraction(volume)
            cost += share if buys else -share
        margin = add(margin, number_or_none(raw, "margin") or Decimal(0))
    return quantity, cost, margin


def on_margin(raw: Raw) -> bool:
    leverage = number_or_none(raw, "leverage")
    return bool(number_or_none(raw, "margin")) or bool(leverage)


def exec_type(kind: str) -> str:
    if "liquidation" in kind:
        return "liquidation"
    return "settlement" if "settle" in kind else "trade"


def fees_by_trade(rows: list[Raw]) -> dict[str, list[Raw]]:
    """Rows of the ledger by the trade that they are of."""
    found: dict[str, list[Raw]] = defaultdict(list)
    for raw in rows:
        if raw.get("type") in ("trade", "margin"):
            found[str(raw.get("refid"))].append(raw)
    return found


def one_row_a_wallet(rows: list[Raw], key: Callable[[Raw], Any]) -> list[Raw]:
    """Rows of one wallet and currency as one. What cannot be added up is left as it is."""
    found: dict[Any, Raw] = {}
    for raw in rows:
        name = key(raw)
        if name not in found:
            found[name] = raw
            continue
        try:
            other = found[name]
            total = add(number(other, "balance"), number(raw, "balance"))
            held = add(
                number_or_none(other, "hold_trade") or Decimal(0),
                number_or_none(raw, "hold_trade") or Decimal(0),
            )
            found[name] = {**other, "balance": str(total), "hold_trade": str(held)}
        except BadCell:
            found[name, len(found)] = raw
    return list(found.values())


def seconds_around(window: tuple[int, int]) -> dict[str, str]:
    """Seconds around a window: the start is exclusive, and rows have fractions."""
    return {"start": str(window[0] // SECOND - 1), "end": str(window[1] // SECOND + 1)}


def by_id(*path: str) -> Shape:
    """The rows of an object by id, each with its id inside."""

    def shape(data: Any) -> list[dict[str, Any]]:
        return with_ids(tables_by_key("result", *path)(data))

    return shape


def with_ids(found: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{**raw, "id": id_} for id_, raw in found.items()]


def counted(name: str) -> Shape:
    def shape(data: Any) -> tuple[list[dict[str, Any]], int]:
        count = at(data, ("result", "count"))
        if isinstance(count, bool) or not isinstance(count, int):
            raise Misshapen("count is no number")
        return with_ids(tables_by_key("result", name)(data)), count

    return shape


def open_positions(data: Any) -> list[dict[str, Any]]:
    return with_ids(tables_by_key("result")(data))


def last_prices(data: Any) -> list[dict[str, Any]]:
    found = []
    for id_, raw in tables_by_key("result")(data).items():
        last = raw.get("c")
        if not isinstance(last, list) or not last:
            raise Misshapen(f"{id_} has no last price")
        found.append({"symbol": id_, "price": last[0]})
    return found


def balances(data: Any) -> list[dict[str, Any]]:
    """The rows of `Balance`, an object of amounts by asset."""
    found = table_at(data, ("result",))
    return [{"id": id_, "balance": amount} for id_, amount in found.items()]
