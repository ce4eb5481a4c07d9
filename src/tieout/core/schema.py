"""The records that Tieout knows: their columns, units, and what identifies one of them.

A record is a row under one of these contracts. A source may lack every column that is not
required; `extra` columns of a source extend its contract. Quantities are in the instrument's
unit, amounts in the currency named beside them, times are UTC integer nanoseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class ColumnType(StrEnum):
    """How a column is stored: `text` str, `decimal` Decimal, `time` int (nanoseconds), `date`."""

    TEXT = "text"
    DECIMAL = "decimal"
    TIME = "time"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a record type.

    Attributes:
        required: a record without a value here is quarantined.
        choices: the only values allowed, if any (compared after value mapping, in lower case).
        compared: compared by default where both sides have it; others only when listed.
    """

    name: str
    type: ColumnType = ColumnType.TEXT
    required: bool = False
    choices: tuple[str, ...] = ()
    compared: bool = True
    about: str = ""


@dataclass(frozen=True, slots=True)
class RecordType:
    """A kind of record.

    Attributes:
        identities: what says "the same record twice inside one source". The first alternative
            whose last-resort column (its id) the source has applies; columns it lacks fall away.
        event: events (trades, movements) happened and are carried from run to run until their
            partner comes; the others are snapshots, where the newest complete one is the truth.
        clock: the time column that deadlines and the cut run from.
    """

    name: str
    singular: str
    columns: Mapping[str, Column]
    identities: tuple[tuple[str, ...], ...]
    event: bool
    clock: str | None

    def with_extra(self, extra: Mapping[str, ColumnType]) -> RecordType:
        """This contract, plus a source's own columns."""
        added = {name: Column(name, type_) for name, type_ in extra.items()}
        return replace(self, columns=MappingProxyType({**self.columns, **added}))

    def by_symbol(self) -> RecordType:
        """This contract, of a source whose ids count per symbol: the symbol is in the identity."""
        identities = tuple(
            each if "symbol" in each else (*each[:-1], "symbol", each[-1])
            for each in self.identities
        )
        return replace(self, identities=identities)

    def identity(self, present: frozenset[str] | set[str]) -> tuple[str, ...]:
        """The identity columns of a source that has the columns `present`, in contract order.

        An event's id is always among them: where it is absent, one is derived from content.
        """
        for alternative in self.identities:
            if self.event or alternative[-1] in present:
                return tuple(
                    name for name in alternative if name in present or name == self.id_column
                )
        return ()

    @property
    def id_column(self) -> str | None:
        """The column that names an event: `trade_id`, `movement_id`; None for snapshots."""
        if not self.event:
            return None
        return self.id_of(self.identities[0])

    def id_of(self, identity: Sequence[str]) -> str | None:
        """The column of an identity that names one record: where it is null, the record is alone.

        `trade_id`, `movement_id`; of an order `order_id`, else `client_order_id`; None where the
        identity has no such column.
        """
        names = (name for each in self.identities for name in each if name in ID_COLUMNS)
        return next((name for name in names if name in identity), None)


ID_COLUMNS: Final = frozenset(
    {"trade_id", "order_id", "client_order_id", "movement_id", "reference"}
)
"""Columns that name one record. With one of them in a pass key, side and symbol may differ."""


def _type(
    name: str,
    singular: str,
    columns: list[Column],
    *identities: tuple[str, ...],
    event: bool = False,
    clock: str | None = None,
) -> RecordType:
    named = MappingProxyType({column.name: column for column in columns})
    return RecordType(name, singular, named, identities, event, clock)


_D, _T, _DATE = ColumnType.DECIMAL, ColumnType.TIME, ColumnType.DATE
_SIDES: Final = ("buy", "sell")
_ACCOUNT: Final = Column("account", about="the account at the venue or broker")
_VENUE: Final = Column("venue", about="the exchange or broker, `bybit`; not the adapter's name")


def _symbol(required: bool = True) -> Column:
    return Column("symbol", required=required, about="the instrument, `BTC/USDT:USDT` or `AAPL`")


TRADES: Final = _type(
    "trades",
    "trade",
    [
        _ACCOUNT,
        _VENUE,
        _symbol(),
        Column("trade_id", about="the venue's or broker's id; derived from content when absent"),
        Column("side", choices=_SIDES, about="`buy` or `sell`, or from the quantity's sign"),
        Column("order_id", about="the venue's order id"),
        Column("client_order_id", about="one's own order id"),
        Column("quantity", _D, required=True, about="in the instrument's unit, not negative"),
        Column("price", _D, required=True, about="per unit, in price_currency"),
        Column("price_currency", about="`USD`; absent: the quote currency of a unified symbol"),
        Column("fee", _D, about="> 0 is a cost, a rebate is negative"),
        Column("fee_currency", about="the currency of fee"),
        Column("timestamp", _T, required=True, about="when it was executed"),
        Column("leg", choices=("net", "long", "short"), compared=False, about="that it changed"),
        Column("wallet", compared=False, about="that it was paid from"),
        Column("liquidity", choices=("maker", "taker"), compared=False),
        Column(
            "exec_type",
            choices=("trade", "liquidation", "adl", "settlement", "bust", "correct"),
            compared=False,
        ),
        Column("supersedes", compared=False, about="the trade_id that this record replaces"),
        Column("version", _D, compared=False, about="of two under one identity the higher counts"),
        Column("sequence", _D, compared=False, about="as version, where the venue numbers events"),
        Column("trade_date", _DATE),
        Column("settle_date", _DATE),
    ],
    ("account", "venue", "symbol", "trade_id", "side"),
    event=True,
    clock="timestamp",
)

POSITIONS: Final = _type(
    "positions",
    "position",
    [
        _ACCOUNT,
        _VENUE,
        _symbol(),
        Column("leg", choices=("net", "long", "short"), about="`net` unless the venue hedges"),
        Column("quantity", _D, required=True, about="signed, in the instrument's unit"),
        Column("average_price", _D, about="per unit"),
        Column("cost", _D, about="signed, in cost_currency"),
        Column("cost_currency"),
        Column("margin", _D, compared=False),
        Column("strategy", compared=False, about="internal only"),
        Column("as_of", _T, required=True, compared=False, about="when the position was so"),
    ],
    ("account", "venue", "leg", "symbol"),
    clock="as_of",
)

BALANCES: Final = _type(
    "balances",
    "balance",
    [
        _ACCOUNT,
        _VENUE,
        Column("currency", required=True),
        Column(
            "wallet",
            about="spot, unified, futures, margin, funding, earn or staked",
        ),
        Column("total", _D, required=True, about="cash, without unrealised PnL"),
        Column("free", _D, compared=False),
        Column("used", _D, compared=False),
        Column("settled", _D),
        Column("as_of", _T, required=True, compared=False, about="when the balance was so"),
    ],
    ("account", "venue", "wallet", "currency"),
    clock="as_of",
)

ORDERS: Final = _type(
    "orders",
    "order",
    [
        _ACCOUNT,
        _VENUE,
        Column("order_id"),
        Column("client_order_id"),
        _symbol(),
        Column("side", choices=_SIDES),
        Column("quantity", _D, required=True, about="ordered, not negative"),
        Column("filled", _D, about="not negative"),
        Column("price", _D, about="the limit; absent for a market order"),
        Column("average_price", _D),
        Column(
            "status",
            choices=(
                "pending",
                "open",
                "partially_filled",
                "filled",
                "cancelled",
                "rejected",
                "expired",
                "replaced",
            ),
        ),
        Column("replaces", compared=False),
        Column("created_at", _T, compared=False),
        Column("updated_at", _T, compared=False),
    ],
    ("account", "venue", "order_id"),
    ("account", "venue", "client_order_id"),
    clock="created_at",
)

PNL: Final = _type(
    "pnl",
    "PnL snapshot",
    [
        _ACCOUNT,
        _VENUE,
        Column("trade_id"),
        _symbol(required=False),
        Column("date", _DATE),
        Column("pnl_impact", _D),
        Column("commission", _D),
        Column("currency"),
        Column("realised", _D),
        Column("unrealised", _D),
    ],
    ("account", "venue", "trade_id"),
    ("account", "symbol", "date"),
)

MOVEMENTS: Final = _type(
    "movements",
    "movement",
    [
        _ACCOUNT,
        _VENUE,
        Column("movement_id"),
        Column(
            "type",
            choices=(
                "fee",
                "funding",
                "transfer",
                "interest",
                "corporate_action",
                "settlement",
                "correction",
            ),
        ),
        Column("currency"),
        Column("wallet", compared=False, about="whose balance it changed"),
        _symbol(required=False),
        Column("amount", _D, required=True, about="signed, in currency"),
        Column("reference"),
        Column("timestamp", _T, required=True),
        Column("value_date", _DATE),
    ],
    ("account", "venue", "movement_id"),
    event=True,
    clock="timestamp",
)

PRICES: Final = _type(
    "prices",
    "price",
    [
        Column("pair", required=True, about="`BTC/USD`: what one BTC costs in USD"),
        Column("price", _D, required=True),
        Column("as_of", _T, compared=False),
    ],
    ("pair",),
    clock="as_of",
)

INSTRUMENTS: Final = _type(
    "instruments",
    "instrument",
    [
        _symbol(),
        Column("multiplier", _D, about="units of the underlying in one unit of quantity"),
        Column("kind", choices=("linear", "inverse")),
        Column("tick", _D, about="the smallest step of a price"),
        Column("lot", _D, about="the smallest step of a quantity"),
        Column("currency", about="what the price is in"),
        Column("expiry", _DATE),
        Column("aliases", about="other names of the symbol, separated by `|`"),
    ],
    ("symbol",),
)

RECORD_TYPES: Final[Mapping[str, RecordType]] = MappingProxyType(
    {
        type_.name: type_
        for type_ in (
            TRADES,
            POSITIONS,
            BALANCES,
            ORDERS,
            PNL,
            MOVEMENTS,
            PRICES,
            INSTRUMENTS,
        )
    }
)
"""All record types by name."""
