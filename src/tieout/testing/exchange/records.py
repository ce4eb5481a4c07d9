"""What an exchange keeps: instruments, orders, fills, movements, positions. All frozen and exact.

Times are UTC milliseconds, as venues give them. Quantities, prices and amounts have at most eight
digits after the point, so that every wire format can say them without loss.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation
from typing import Final

from msgspec import Struct

ZERO: Final = Decimal(0)
STEP: Final = Decimal("0.00000001")

EXACT: Final = Context(prec=60, traps=[InvalidOperation, DivisionByZero, Inexact])
"""Arithmetic that fails rather than rounds."""

add: Final = EXACT.add
subtract: Final = EXACT.subtract
multiply: Final = EXACT.multiply

ROUNDING: Final = Context(
    prec=60, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero]
)


def rounded(number: Decimal) -> Decimal:
    """At eight digits after the point, half to even: what venues do with averages and fees."""
    return number.quantize(STEP, context=ROUNDING)


def checked(number: Decimal | str | int) -> Decimal:
    """`number` as a Decimal that every wire format can say.

    Raises:
        TypeError: for a float.
        ValueError: it has more than eight digits after the point, or is no finite number.
    """
    if isinstance(number, float):
        raise TypeError(f"{number!r} is a float; pass a Decimal or a text")
    value = Decimal(number)
    if not value.is_finite() or value != rounded(value):
        raise ValueError(f"{number} needs more than eight digits after the point")
    return value


class Listing(Struct, frozen=True):
    """An instrument.

    Attributes:
        symbol: unified: `BTC/USDT`, and `BTC/USDT:USDT` for a linear perpetual.
        tick, lot: steps of price and quantity; together eight digits at most, so that a
            notional needs no rounding.
        price: where its market begins.
        venues: who lists it.
    """

    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    price: Decimal
    venues: frozenset[str]

    @property
    def perpetual(self) -> bool:
        return ":" in self.symbol

    @property
    def native(self) -> str:
        """Binance's and Bybit's name for it."""
        return self.base + self.quote


class Order(Struct, frozen=True, gc=False):
    """An order as it is now.

    Attributes:
        price: the limit; None of a market order.
        spent: the sum of price x quantity of its fills.
        status: `open`, `partially_filled`, `filled`, `cancelled`, `rejected`, `expired`.
        leg: `net`, or in hedge mode `long` or `short`; of spot `net`.
        origin: `user`, `manual`, `liquidation`, `adl`.
        margin: Kraken's spot orders with leverage.
    """

    id: int
    client_id: str
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal | None
    created: int
    updated: int
    filled: Decimal = ZERO
    spent: Decimal = ZERO
    status: str = "open"
    leg: str = "net"
    origin: str = "user"
    margin: bool = False
    fee: Decimal = ZERO

    @property
    def closed(self) -> bool:
        return self.status not in {"open", "partially_filled"}

    @property
    def average(self) -> Decimal:
        """Zero before the first fill, as on the venues."""
        return rounded(ROUNDING.divide(self.spent, self.filled)) if self.filled else ZERO


class Fill(Struct, frozen=True, gc=False):
    """An execution.

    Attributes:
        id: counts per venue and symbol.
        order: as it was after the fill.
        notional: price x quantity. `realised`: in quote; zero for spot.
        fee: > 0 is a cost, a rebate is negative.
        listed_at: when lists of trades begin to show it; None: they never do.
        execution: `trade`, `liquidation`, `adl`.
    """

    id: int
    order: Order
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    notional: Decimal
    fee: Decimal
    fee_asset: str
    realised: Decimal
    at: int
    maker: bool
    listed_at: int | None
    execution: str = "trade"

    @property
    def signed(self) -> Decimal:
        return self.quantity if self.side == "buy" else self.quantity.copy_negate()


class Movement(Struct, frozen=True, gc=False):
    """Money that moved without a trade.

    Attributes:
        type: `funding`, `transfer`, `deposit`, `withdrawal`, `interest`.
        amount: signed, in `asset`, for `wallet`.
        other: of a transfer, the wallet on the other side.
    """

    id: int
    type: str
    asset: str
    amount: Decimal
    wallet: str
    at: int
    symbol: str = ""
    other: str = ""
    fee: Decimal = ZERO
    reference: str = ""


class Position(Struct, frozen=True, gc=False):
    """A position.

    Attributes:
        quantity: signed. `entry`: its average price, at eight digits.
        closed: how much was closed since it was opened. `realised`: ever.
    """

    symbol: str
    leg: str
    quantity: Decimal = ZERO
    entry: Decimal = ZERO
    realised: Decimal = ZERO
    closed: Decimal = ZERO
    fee: Decimal = ZERO
    opened: int = 0
    updated: int = 0


class Cash(Struct, frozen=True, gc=False):
    """One wallet's change. `after` is what it holds then."""

    wallet: str
    asset: str
    amount: Decimal
    after: Decimal


class Event(Struct, frozen=True, gc=False):
    """One thing that happened to an account, with all of its effects.

    Attributes:
        sequence: counts per account, from 1.
        position, order: as they were after it.
    """

    sequence: int
    at: int
    cash: tuple[Cash, ...] = ()
    position: Position | None = None
    order: Order | None = None
    fill: Fill | None = None
    movement: Movement | None = None


def moved(
    position: Position, quantity: Decimal, price: Decimal, at: int
) -> tuple[Position, Decimal]:
    """The position after a fill of the signed `quantity`, and the PnL that it realised.

    The average is rounded at eight digits whenever it changes; a flip opens at the fill's price.
    """
    before = position.quantity
    after = add(before, quantity)
    symbol, leg, fee = position.symbol, position.leg, position.fee
    if not before or (before > 0) == (quantity > 0):
        spent = add(multiply(before, position.entry), multiply(quantity, price))
        opened, closed = (position.opened, position.closed) if before else (at, ZERO)
        entry = rounded(ROUNDING.divide(spent, after))
        held = Position(symbol, leg, after, entry, position.realised, closed, fee, opened, at)
        return held, ZERO
    flipped = bool(after) and (after > 0) == (quantity > 0)
    share = before if flipped else quantity.copy_negate()
    gain = rounded(multiply(share, subtract(price, position.entry)))
    entry = price if flipped else position.entry if after else ZERO
    closed = ZERO if flipped else add(position.closed, share.copy_abs())
    opened = at if flipped else position.opened
    realised = add(position.realised, gain)
    return Position(symbol, leg, after, entry, realised, closed, fee, opened, at), gain
