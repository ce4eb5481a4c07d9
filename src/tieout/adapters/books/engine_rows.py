"""What a trading engine gives, as records: dicts or objects under the names that engines use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from tieout.adapters.cells import text_row
from tieout.core.asked import identified
from tieout.core.canonical import instant
from tieout.core.model import Quarantined, Record
from tieout.core.read import Reading
from tieout.core.schema import RECORD_TYPES, ColumnType
from tieout.core.text import unreadable
from tieout.errors import SourceError

WORDS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "positions": {
        "symbol": ("symbol", "asset", "instrument", "pair"),
        "quantity": ("quantity", "amount", "qty", "size"),
        "average_price": ("average_price", "avg_price", "entry_price", "avg_entry_price"),
        "leg": ("leg",),
    },
    "balances": {
        "currency": ("currency", "asset"),
        "wallet": ("wallet",),
        "total": ("total", "cash", "balance"),
        "free": ("free", "available"),
        "used": ("used", "locked"),
    },
    "orders": {
        "order_id": ("order_id", "broker_order_id", "exchange_order_id", "id"),
        "client_order_id": ("client_order_id", "client_id"),
        "symbol": ("symbol", "asset", "instrument", "pair"),
        "side": ("side",),
        "quantity": ("quantity", "amount", "qty", "size"),
        "filled": ("filled", "filled_quantity", "filled_amount"),
        "price": ("price", "limit_price"),
        "status": ("status", "state"),
        "created_at": ("created_at",),
        "updated_at": ("updated_at",),
    },
    "trades": {
        "trade_id": ("trade_id", "fill_id", "execution_id", "id"),
        "order_id": ("order_id", "broker_order_id", "exchange_order_id"),
        "client_order_id": ("client_order_id", "client_id"),
        "symbol": ("symbol", "asset", "instrument", "pair"),
        "side": ("side",),
        "quantity": ("quantity", "amount", "qty", "size"),
        "price": ("price",),
        "fee": ("fee", "commission"),
        "fee_currency": ("fee_currency", "commission_currency"),
        "timestamp": ("timestamp", "time", "executed_at"),
    },
}
"""By record type and column, the names that a field may have; the first that is there counts."""

_OWN: Final = {"account": ("account",), "venue": ("venue", "exchange")}
_SHORT: Final = frozenset({"short", "sell"})
_LONG: Final = frozenset({"long", "buy"})


@dataclass(frozen=True, slots=True)
class Shape:
    """What rows do not say themselves. Fields as in `engine.EngineBook`."""

    source: str
    account: str
    venue: str
    wallet: str | None = None
    floats: str = "refuse"


def rows_of(
    given: Any, records: str, shape: Shape, now: int
) -> tuple[list[Record], list[Quarantined]]:
    """Records with their identity, and what could not be read.

    Raises:
        SourceError: it is no list of rows; or a number is a binary float.
    """
    words = {**_OWN, **WORDS[records]}
    rows = [_fields(row, words, records) for row in _listed(given, records, shape)]
    contract = RECORD_TYPES[records]
    present = {name for row in rows for name, value in row.items() if value is not None}
    required = {name for name, column in contract.columns.items() if column.required}
    own: dict[str, object] = {
        "account": shape.account,
        "venue": shape.venue,
        "leg": "net",
        "as_of": now,
    }
    if shape.wallet is not None:
        own["wallet"] = shape.wallet
    wanted = present | required | (own.keys() & contract.columns.keys())
    header = [name for name in contract.columns if name in wanted]
    reading = Reading(
        shape.source,
        contract,
        signed="side" in words and "side" not in present,
        floats=shape.floats,
    )
    bound = reading.bind(header)
    read, unreadable_ = [], []
    for number, row in enumerate(rows, 1):
        _refuse_floats(row, number, records, shape)
        cells = [_cell(contract.columns[name].type, row, name, own) for name in header]
        values = bound.read(text_row(cells, records, number).cells, place=records, row=number)
        if isinstance(values, Quarantined):
            unreadable_.append(values)
        else:
            read.append(Record(values, {}, number))
    once, conflicts = identified(read, records, source=shape.source, place=records)
    return once, unreadable_ + conflicts


def balance_rows(given: Any, shape: Shape) -> Sequence[Any]:
    """Rows of balances out of an account: `balances`, or `cash` and its `currency`.

    Raises:
        SourceError: it has neither.
    """
    balances = _field(given, ("balances",))
    if isinstance(balances, Mapping):
        return [
            {"currency": currency, **(each if isinstance(each, Mapping) else {"total": each})}
            for currency, each in balances.items()
        ]
    if isinstance(balances, Iterable) and not isinstance(balances, str | bytes):
        return list(balances)
    if isinstance(given, Sequence) and not isinstance(given, str | bytes):
        return given
    currency = _field(given, ("currency",))
    if currency is None or not _has(given, "cash"):
        raise SourceError(
            "the account says nothing about cash",
            where=f"{shape.source}: get_account_info",
            hint='give `{"balances": {"USDT": Decimal("1000")}}`, or `cash` and its `currency`',
        )
    return [{"currency": currency, "total": _field(given, ("cash",))}]


def _listed(given: Any, records: str, shape: Shape) -> list[Any]:
    """The rows, whether listed or by symbol."""
    if isinstance(given, Mapping):
        return [_named(name, row) for name, row in given.items()]
    if isinstance(given, Iterable) and not isinstance(given, str | bytes):
        return list(given)
    raise SourceError(
        f"the engine gave a {type(given).__name__} for {records}, where rows were expected",
        where=shape.source,
        hint="give a list of dicts or objects",
    )


def _named(name: object, row: Any) -> Any:
    """A row of a mapping by symbol, which need not repeat the symbol."""
    if isinstance(row, Mapping):
        return {"symbol": name, **row}
    if row is None or isinstance(row, Decimal | int | float | str):
        return {"symbol": name, "quantity": row}
    return row


def _fields(row: Any, words: Mapping[str, tuple[str, ...]], records: str) -> dict[str, object]:
    fields: dict[str, object] = {name: _field(row, known) for name, known in words.items()}
    for name in ("symbol", "currency"):
        if name in fields:
            fields[name] = _symbol(fields[name])
    for name in ("side", "status", "leg", "wallet"):
        if name in fields:
            fields[name] = _word(fields[name])
    if records == "positions":
        fields["quantity"] = _signed(fields["quantity"], _word(_field(row, ("side",))))
    return fields


def _word(value: object) -> object:
    """What an enumeration stands for."""
    return getattr(value, "value", value)


def _signed(quantity: object, side: object) -> object:
    """A position's quantity with the sign that its side says; a cell says why it has none."""
    if side is None or not isinstance(quantity, Decimal | int | float | str):
        return quantity
    text = quantity.strip() if isinstance(quantity, str) else quantity
    word = str(side).lower()
    negative = text.startswith("-") if isinstance(text, str) else text < 0
    if word in _SHORT:
        return quantity if negative else f"-{text}" if isinstance(text, str) else -text
    if word in _LONG and not negative:
        return quantity
    if word == "flat" and not quantity:
        return quantity
    return unreadable(f"{quantity} does not go with the side {side!r}")


def _symbol(value: object) -> object:
    """An asset may be an object that has a symbol."""
    return value if isinstance(value, str) else getattr(value, "symbol", value)


def _field(row: Any, names: Sequence[str]) -> Any:
    """The first of `names` that is there and not None."""
    for name in names:
        value = row.get(name) if isinstance(row, Mapping) else getattr(row, name, None)
        if value is not None:
            return value
    return None


def _has(row: Any, name: str) -> bool:
    return name in row if isinstance(row, Mapping) else hasattr(row, name)


def _refuse_floats(row: Mapping[str, object], number: int, records: str, shape: Shape) -> None:
    if shape.floats == "shortest":
        return
    for name, value in row.items():
        if isinstance(value, float):
            raise SourceError(
                f"{name} is the binary float {value!r}, which is not the number anybody wrote",
                where=f"{shape.source}: {records}, row {number}",
                hint='give a Decimal or a text, or accept shortest decimals: floats="shortest"',
            )


def _cell(
    type_: ColumnType, row: Mapping[str, object], name: str, own: Mapping[str, object]
) -> object:
    """A field as a cell. What is neither text, number nor time has no certain text."""
    value = row.get(name)
    value = own.get(name) if value is None else value
    if isinstance(value, bool):
        return unreadable(f"it is {value}, which is no number")
    if isinstance(value, int) and type_ is ColumnType.TIME:
        return instant(value)
    if value is None or isinstance(value, str | Decimal | datetime | float | int):
        return value
    return unreadable(f"it is a {type(value).__name__}, which is no text, number or time")
