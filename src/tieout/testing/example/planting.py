"""What is wrong with the example's trades, and what a run must therefore find."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Final, TypeAlias

from tieout.core.model import Kind
from tieout.testing.example.market import Fill, twins

TRADES: Final = "executions-vs-confirmations"

Cell: TypeAlias = Decimal | datetime | str | None
Row: TypeAlias = dict[str, Cell]
Rows: TypeAlias = dict[str, Row]
"""By trade id."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A break that is in the files on purpose.

    Attributes:
        key: columns of the break's key that tell it from all others of its kind.
    """

    reconciliation: str
    kind: Kind
    key: Mapping[str, str]
    note: str


@dataclass(slots=True)
class Trades:
    """One day's trades as both sides and the PnL system report them.

    Attributes:
        unknown_to_book: fills that only the broker knows.
        arriving: confirmations that come on the next day; `clearing`: the breaks that they clear.
        used: ids of orders that something was planted in.
    """

    internal: list[Row] = field(default_factory=list)
    external: list[Row] = field(default_factory=list)
    pnl: list[Row] = field(default_factory=list)
    planted: list[Planted] = field(default_factory=list)
    unknown_to_book: list[Fill] = field(default_factory=list)
    arriving: list[Row] = field(default_factory=list)
    clearing: tuple[Planted, ...] = ()
    used: set[str] = field(default_factory=set)
    quarantined: Counter[str] = field(default_factory=Counter)
    matched: int = 0
    within_tolerance: int = 0
    expected: int = 0
    unknown: int = 0


def _by_share(column: str, share: str) -> Callable[[Row], Row]:
    def edit(row: Row) -> Row:
        value = row[column]
        assert isinstance(value, Decimal)
        step = value.copy_abs() * Decimal(share)
        unit = Decimal("0.0001") if column == "fee" else Decimal(1).scaleb(_exponent(value))
        return {column: value - max(unit, step.quantize(unit))}

    return edit


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return min(exponent, 0)


def _later(**delta: float) -> Callable[[Row], Row]:
    def edit(row: Row) -> Row:
        at = row["timestamp"]
        assert isinstance(at, datetime)
        return {"timestamp": at + timedelta(**delta)}

    return edit


def _other_symbol(row: Row) -> Row:
    symbol = "ETH/USDT" if row["symbol"] == "ETH/USDT:USDT" else "ETH/USDT:USDT"
    return {"symbol": symbol}


def _other_side(row: Row) -> Row:
    return {"side": "sell" if row["side"] == "buy" else "buy"}


def _quantity_and_price(row: Row) -> Row:
    return _by_share("quantity", "0.02")(row) | _by_share("price", "0.003")(row)


EDITS: Final[tuple[tuple[Kind, Callable[[Row], Row], str], ...]] = (
    (Kind.SYMBOL, _other_symbol, "confirmed in another instrument"),
    (Kind.SIDE, _other_side, "confirmed on the wrong side"),
    (Kind.SIDE, _other_side, "confirmed on the wrong side"),
    (Kind.CURRENCY, lambda row: {"price_currency": "CHF"}, "priced in another currency"),
    (Kind.QUANTITY, _by_share("quantity", "0.005"), "quantity a little short"),
    (Kind.QUANTITY, _by_share("quantity", "0.03"), "quantity 3 % short"),
    (Kind.QUANTITY, _by_share("quantity", "0.08"), "quantity 8 % short"),
    (Kind.QUANTITY, _by_share("quantity", "0.5"), "half of the quantity"),
    (Kind.QUANTITY, _quantity_and_price, "quantity and price differ: one break"),
    (Kind.PRICE, _by_share("price", "0.0002"), "price slightly off"),
    (Kind.PRICE, _by_share("price", "0.002"), "price off by 0.2 %"),
    (Kind.PRICE, _by_share("price", "0.02"), "price off by 2 %"),
    (Kind.FEE, _by_share("fee", "0.1"), "commission 10 % lower"),
    (Kind.FEE, lambda row: {"fee": Decimal(0)}, "no commission charged"),
    (Kind.TIMESTAMP, _later(milliseconds=101), "a millisecond beyond the tolerance"),
    (Kind.TIMESTAMP, _later(seconds=4), "four seconds late"),
    (Kind.SETTLEMENT, lambda row: {"settle_date": "2099-12-31"}, "another settlement date"),
    (Kind.FIELD, lambda row: {"order_id": "O-UNKNOWN"}, "confirmed under another order"),
)
"""What the broker's confirmation of a fill says wrongly."""

TOLERATED: Final[tuple[Callable[[Row], Row], ...]] = (
    lambda row: {"price": _decimal(row, "price") + Decimal("0.005")},
    lambda row: {"price": _decimal(row, "price") - Decimal("0.0025")},
    _later(milliseconds=100),
    _later(milliseconds=-37),
)
"""Differences that the rules allow, two of them by exactly the whole tolerance."""

UNREADABLE: Final[tuple[tuple[str, str, str], ...]] = (
    ("internal", "quantity", "n/a"),
    ("internal", "price", "NaN"),
    ("external", "quantity", ""),
    ("external", "timestamp", "2026-11-18 10:00:00"),
    ("external", "symbol", "APPL.US"),
)
"""Cells that cannot be read: a word, no finite number, nothing, no time zone, an unknown symbol."""


def _decimal(row: Row, column: str) -> Decimal:
    value = row[column]
    assert isinstance(value, Decimal)
    return value


def rows_of(fill: Fill) -> Row:
    """A fill as a trade's canonical columns."""
    instrument = fill.instrument
    return {
        "trade_id": fill.trade_id,
        "order_id": fill.order_id,
        "account": fill.account,
        "venue": instrument.venue,
        "symbol": instrument.symbol,
        "side": fill.side,
        "quantity": fill.quantity,
        "price": fill.price,
        "price_currency": instrument.currency,
        "fee": fill.fee,
        "fee_currency": instrument.currency,
        "timestamp": fill.at,
        "trade_date": fill.at.date().isoformat(),
        "settle_date": fill.settles.isoformat(),
    }


def pnl_of(fill: Fill) -> Row:
    """A fill as the PnL system reports it."""
    return {
        "trade_id": fill.trade_id,
        "pnl_impact": -fill.sign * fill.notional - fill.fee,
        "commission": fill.fee,
        "currency": fill.instrument.currency,
    }


def plant(chance: Random, fills: list[Fill]) -> Trades:
    """Both sides' records of the first day's fills, the last two of which are not confirmed yet."""
    trades = Trades()
    internal = {fill.trade_id: rows_of(fill) for fill in fills}
    external = {fill.trade_id: rows_of(fill) for fill in fills}
    pnl = {fill.trade_id: pnl_of(fill) for fill in fills}
    for fill in fills[-2:]:
        trades.arriving.append(external.pop(fill.trade_id))
        trades.expected += 1
    picked = _Picker(chance, fills)
    _plant_missing(trades, picked, internal, external, pnl)
    _plant_edits(trades, picked, external, pnl)
    _plant_unreadable(trades, picked, internal, external)
    copies = _plant_repeated(trades, picked, internal, external)
    _plant_without_id(trades, picked, fills, external)
    broken = sum(
        each.kind not in (Kind.DUPLICATE, Kind.MISSING_INTERNAL) for each in trades.planted
    )
    # An AMBIGUOUS break holds two records of either side.
    trades.matched = len(internal) - broken - trades.expected - trades.unknown - 1
    trades.internal = [*internal.values(), *copies["internal"]]
    trades.external = [*external.values(), *copies["external"]]
    trades.pnl = list(pnl.values())
    trades.used = picked.used
    return trades


def plant_one(fills: list[Fill]) -> Trades:
    """Both sides' records of the second day's fills, with one break among them."""
    trades = Trades(
        internal=[rows_of(fill) for fill in fills],
        external=[rows_of(fill) for fill in fills],
        pnl=[pnl_of(fill) for fill in fills],
        matched=len(fills) - 1,
    )
    row = next(row for row in trades.external if row["symbol"] == "NVDA")
    row.update(_by_share("price", "0.01")(row))
    trades.planted.append(_planted(Kind.PRICE, row, "price off by 1 %"))
    return trades


class _Picker:
    """Hands out fills that are the only ones of their orders, each once."""

    def __init__(self, chance: Random, fills: list[Fill]) -> None:
        orders = Counter(fill.order_id for fill in fills)
        alone = [fill for fill in fills[:-2] if orders[fill.order_id] == 1]
        self._free = chance.sample(alone, len(alone))
        self.used = {fill.order_id for fill in (*twins(fills), *fills[-2:])}

    def take(self, *symbols: str) -> Fill:
        """The next fill, of one of `symbols` if any are given."""
        found = next(
            fill for fill in self._free if not symbols or fill.instrument.symbol in symbols
        )
        self._free.remove(found)
        self.used.add(found.order_id)
        return found


def _planted(kind: Kind, row: Row, note: str) -> Planted:
    return Planted(TRADES, kind, {"trade_id": str(row["trade_id"])}, note)


def _plant_missing(
    trades: Trades, picked: _Picker, internal: Rows, external: Rows, pnl: Rows
) -> None:
    for fill in (picked.take("NVDA"), picked.take("BTC/USDT")):
        trades.planted.append(
            _planted(Kind.MISSING_INTERNAL, internal.pop(fill.trade_id), "the book lacks the fill")
        )
        del pnl[fill.trade_id]
        trades.unknown_to_book.append(fill)
    for number in range(3):
        row = external.pop(picked.take().trade_id)
        note = "confirmed a day late" if number == 0 else "never confirmed"
        trades.planted.append(_planted(Kind.MISSING_EXTERNAL, row, note))
        if number == 0:
            trades.arriving.append(row)
            trades.clearing = (trades.planted[-1],)


def _plant_edits(trades: Trades, picked: _Picker, external: Rows, pnl: Rows) -> None:
    for kind, edit, note in EDITS:
        etherical = ("ETH/USDT", "ETH/USDT:USDT") if kind is Kind.SYMBOL else ()
        row = external[picked.take(*etherical).trade_id]
        row.update(edit(row))
        trades.planted.append(_planted(kind, row, note))
    for off in ("0.02", "5", "-250"):
        row = pnl[picked.take().trade_id]
        row["pnl_impact"] = _decimal(row, "pnl_impact") + Decimal(off)
        trades.planted.append(_planted(Kind.PNL, row, f"PnL off by {off}"))
    for edit in TOLERATED * 6:
        row = external[picked.take().trade_id]
        row.update(edit(row))
        trades.within_tolerance += 1


def _plant_unreadable(trades: Trades, picked: _Picker, internal: Rows, external: Rows) -> None:
    for side, column, text in UNREADABLE:
        rows, source = (
            (internal, "executions") if side == "internal" else (external, "confirmations")
        )
        rows[picked.take().trade_id][column] = text
        trades.quarantined[source] += 1
        trades.unknown += 1


def _plant_repeated(
    trades: Trades, picked: _Picker, internal: Rows, external: Rows
) -> dict[str, list[Row]]:
    """Rows that stand there a second time: the same, or with another content."""
    copies: dict[str, list[Row]] = {"internal": [], "external": []}
    for side, rows, column in (("internal", internal, "quantity"), ("external", external, "price")):
        same = rows[picked.take().trade_id]
        copies[side].append(dict(same))
        trades.planted.append(_planted(Kind.DUPLICATE, same, f"twice in the {side} file"))
        other = rows[picked.take().trade_id]
        copies[side].append(other | _by_share(column, "0.01")(other))
        trades.planted.append(_planted(Kind.CONFLICT, other, f"two versions, {side}"))
    return copies


def _plant_without_id(trades: Trades, picked: _Picker, fills: list[Fill], external: Rows) -> None:
    """Confirmations without the trade's id: matched by their order, unless two are alike."""
    for _ in range(8):
        external[picked.take().trade_id]["trade_id"] = None
    first, second = twins(fills)
    for fill in (first, second):
        external[fill.trade_id]["trade_id"] = None
    row = rows_of(first)
    trades.planted.append(_planted(Kind.AMBIGUOUS, row, "two fills of an order, both without id"))
