"""freqtrade's rows as records. Pure; `freqtrade` reads the rows.

What its database says, and what is made of it:

1. Numbers are doubles: each is taken as its shortest decimal. Averages are ratios, and are kept at
   18 digits after the point, half to even; anything else that does not fit is unreadable.
2. Times are UTC without saying so. Amounts are in base units, on futures as well.
3. `trades.amount` is what closed orders filled, less fees in base. What orders that are still open
   have filled so far is not in it, and is added. Where no closed order filled anything, it is at
   most what was asked for, and is not counted.
4. It knows orders, not fills: what an order filled is one trade, as `core.fills.by_order` makes of
   a venue's fills.
5. Fees stand beside a trade as estimates. Known exactly are the fee in base that reduced an amount,
   and that of a trade's only exit.
6. Funding is one sum for each order: what came between it and the order before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NamedTuple

from tieout.adapters.cells import text_row
from tieout.core.asked import identified
from tieout.core.fills import order_trade_id
from tieout.core.model import Quarantined, Record
from tieout.core.money import plain, rounded
from tieout.core.read import Reading
from tieout.core.schema import RECORD_TYPES

TRADE_COLUMNS: Final = (
    "id",
    "exchange",
    "pair",
    "base_currency",
    "stake_currency",
    "is_open",
    "is_short",
    "trading_mode",
    "amount",
    "open_rate",
    "fee_close_cost",
    "fee_close_currency",
)
ORDER_COLUMNS: Final = (
    "id",
    "ft_trade_id",
    "ft_order_side",
    "ft_pair",
    "ft_is_open",
    "ft_amount",
    "order_id",
    "status",
    "order_type",
    "side",
    "price",
    "average",
    "amount",
    "filled",
    "order_date",
    "order_filled_date",
    "order_update_date",
    "ft_fee_base",
)
_TRADE_HEADER: Final = (
    "venue",
    "symbol",
    "trade_id",
    "side",
    "order_id",
    "quantity",
    "price",
    "timestamp",
)
_STATUS: Final = {"closed": "filled", "canceled": "cancelled"}
_SIDES: Final = ("buy", "sell")

Row = Mapping[str, Any]
Read = tuple[list[Record], list[Quarantined]]


class Snapshot(NamedTuple):
    """Both tables at one instant, by their ids."""

    trades: Sequence[Row]
    orders: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Naming:
    """What the database does not say.

    Attributes:
        venue: in place of what freqtrade calls the exchange.
        fees: give fee and fee_currency, where they are known exactly.
    """

    source: str
    account: str | None
    venue: str | None = None
    fees: bool = False


def is_spot(trade: Row) -> bool:
    return str(trade["trading_mode"] or "spot").lower() == "spot"


def base_of(trade: Row) -> str:
    return str(trade["base_currency"] or str(trade["pair"]).partition("/")[0])


def stake_of(trade: Row) -> str:
    """The currency that its profits are in."""
    pair, _, settled = str(trade["pair"]).partition(":")
    return str(settled or trade["stake_currency"] or pair.partition("/")[2])


def orders(rows: Snapshot, naming: Naming) -> Read:
    """All of them, closed ones too; a stop on the exchange is an order."""
    trades = {trade["id"]: trade for trade in rows.trades}
    header = (
        "venue",
        "order_id",
        "symbol",
        "side",
        "quantity",
        "filled",
        "price",
        "average_price",
        "status",
        "created_at",
        "updated_at",
    )
    cells = []
    for order in rows.orders:
        trade = trades.get(order["ft_trade_id"])
        priced = "market" not in str(order["order_type"] or "").lower()
        cells.append(
            (
                order["id"],
                (
                    _venue(trade, naming),
                    order["order_id"],
                    order["ft_pair"],
                    _side(order, trade),
                    order["amount"] or order["ft_amount"],
                    0 if order["filled"] is None else order["filled"],
                    kept(order["price"]) if priced and order["price"] else None,
                    kept(order["average"]) if order["average"] else None,
                    _status(order),
                    order["order_date"],
                    order["order_update_date"] or order["order_filled_date"],
                ),
            )
        )
    return read(naming, "orders", header, cells, place="orders")


def trades(rows: Snapshot, naming: Naming) -> Read:
    """What each order filled."""
    owners = {trade["id"]: trade for trade in rows.trades}
    header = [*_TRADE_HEADER, *(("fee", "fee_currency") if naming.fees else ())]
    only_exits = _only_exits(rows, owners)
    cells = []
    for order in rows.orders:
        if order["filled"] in (None, 0):
            continue
        trade = owners.get(order["ft_trade_id"])
        cells.append(
            (
                order["id"],
                (
                    _venue(trade, naming),
                    order["ft_pair"],
                    order_trade_id(str(order["order_id"])),
                    _side(order, trade),
                    order["order_id"],
                    order["filled"],
                    kept(order["average"] or order["price"]),
                    order["order_filled_date"] or order["order_update_date"] or order["order_date"],
                    *(_fee(order, trade, only_exits) if naming.fees else ()),
                ),
            )
        )
    return read(naming, "trades", header, cells, place="orders")


def read(
    naming: Naming,
    records: str,
    header: Sequence[str],
    rows: Iterable[tuple[int, Sequence[object]]],
    *,
    place: str,
) -> Read:
    """Rows of cells as records with their identity; `rows` with the id of the row they are from."""
    reading = Reading(
        naming.source,
        RECORD_TYPES[records],
        constants={} if naming.account is None else {"account": naming.account},
        timezone="UTC",
        floats="shortest",
    )
    bound = reading.bind(header)
    read, unreadable = [], []
    for row, cells in rows:
        values = bound.read(text_row(cells, place, row).cells, place=place, row=row)
        if isinstance(values, Quarantined):
            unreadable.append(values)
        else:
            read.append(Record(values, {}, row))
    once, conflicts = identified(read, records, source=naming.source, place=place)
    return once, unreadable + conflicts


def _venue(trade: Row | None, naming: Naming) -> str | None:
    return naming.venue or (None if trade is None else str(trade["exchange"]))


def entry_side(trade: Row) -> str:
    return "sell" if trade["is_short"] else "buy"


def _side(order: Row, trade: Row | None) -> object:
    """Of a stop, which way it would trade: out of its trade."""
    for name in ("side", "ft_order_side"):
        if order[name] in _SIDES:
            return order[name]
    if trade is None:
        return order["side"]
    return "buy" if trade["is_short"] else "sell"


def _status(order: Row) -> object:
    status = order["status"]
    if order["ft_is_open"]:
        if status in (None, "open"):
            begun = isinstance(order["filled"], int | float | Decimal) and order["filled"] > 0
            return "partially_filled" if begun else "pending" if status is None else "open"
    elif status in (None, "open"):
        return "cancelled"  # given up by the bot, whatever the exchange said last
    return _STATUS.get(status, status)


def _only_exits(rows: Snapshot, owners: Mapping[object, Row]) -> frozenset[object]:
    """The ids of orders that are the only filled exit of their trade."""
    exits: dict[object, list[object]] = defaultdict(list)
    for order in rows.orders:
        trade = owners.get(order["ft_trade_id"])
        if trade is not None and order["filled"] and order["ft_order_side"] != entry_side(trade):
            exits[trade["id"]].append(order["id"])
    return frozenset(each[0] for each in exits.values() if len(each) == 1)


def _fee(order: Row, trade: Row | None, only_exits: frozenset[object]) -> tuple[object, object]:
    if trade is None:
        return None, None
    if order["ft_fee_base"]:
        return order["ft_fee_base"], base_of(trade)
    if order["id"] in only_exits and not order["ft_is_open"] and trade["fee_close_currency"]:
        return trade["fee_close_cost"], trade["fee_close_currency"]
    return None, None


def kept(value: object) -> object:
    """A price as a text of at most 18 digits after the point: it is the double of a ratio."""
    if not isinstance(value, float) or value != value or abs(value) > 1e19:  # noqa: PLR0124 - NaN
        return value
    return plain(rounded(Decimal(repr(value))))
