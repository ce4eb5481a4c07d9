"""An account at the simulated exchange, and what can happen to it.

Every method is one event (or a few), at the milliseconds `at`; without, now. Nothing here is
random: who trades what is said by the caller (`tieout.testing.exchange.market` for a crowd).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from msgspec import structs

from tieout.testing.exchange.records import (
    ZERO,
    Cash,
    Event,
    Fill,
    Movement,
    Order,
    Position,
    add,
    checked,
    moved,
    multiply,
    rounded,
    subtract,
)
from tieout.testing.exchange.state import History, State
from tieout.testing.exchange.terms import WALLETS, Executions, FeePlan, charged
from tieout.testing.exchange.written import Written

if TYPE_CHECKING:
    from tieout.testing.exchange.model import Exchange


SIDES: Final = ("buy", "sell")
BY_HAND: Final = "web_"
"""How the client ids of orders begin that a person gave on the website: `origin` is `manual`."""


class Account:
    """Wallets, positions and orders at one venue. Made by `Exchange.open`."""

    def __init__(
        self, exchange: Exchange, venue: str, name: str, *, hedged: bool, fees: FeePlan
    ) -> None:
        self.exchange = exchange
        self.venue = venue
        self.name = name
        self.hedged = hedged
        self.fees = fees
        self.history = History()
        self.executions: dict[str, Executions] = {}
        self.orders: dict[int, Order] = {}
        self.placed: dict[str, list[Order]] = {}
        self.listeners: list[Callable[[Account, Event], None]] = []
        self.written = Written()
        self.spot_wallet, self.perpetual_wallet = WALLETS[venue]

    @property
    def state(self) -> State:
        """How it is now, with all that is due. Never to be changed."""
        self.exchange.advance()
        return self.history.now

    # Money. Amounts are positive, here

    def deposit(
        self, asset: str, amount: Decimal | str, *, wallet: str | None = None, at: int | None = None
    ) -> Movement:
        """Money from outside."""
        return self._move("deposit", asset, checked(amount), wallet or self.spot_wallet, at)

    def withdraw(
        self, asset: str, amount: Decimal | str, *, fee: Decimal | str = "0", at: int | None = None
    ) -> Movement:
        """Money to outside; the fee is taken on top of it."""
        cost = checked(fee)
        total = add(checked(amount), cost)
        wallet = self.spot_wallet
        return self._move("withdrawal", asset, total.copy_negate(), wallet, at, fee=cost)

    def transfer(
        self,
        asset: str,
        amount: Decimal | str,
        source: str,
        target: str,
        *,
        at: int | None = None,
    ) -> Movement:
        """Between two wallets of the account: one event, both wallets."""
        moment, value = self._at(at), checked(amount)
        given = Movement(
            self.exchange.next_movement(), "transfer", asset, value.copy_negate(), source, moment,
            other=target,
        )  # fmt: skip
        cash = self._cash([(source, asset, value.copy_negate()), (target, asset, value)])
        self._record(moment, cash, movement=given)
        return given

    def fund(
        self, symbol: str, rate: Decimal | str, *, leg: str = "net", at: int | None = None
    ) -> Movement | None:
        """Pay (or get) funding on a position at the present price; None without a position."""
        position = self.history.now.positions.get((symbol, leg))
        if position is None or not position.quantity:
            return None
        listing = self.exchange.listing(symbol)
        value = multiply(position.quantity, self.exchange.price(symbol))
        amount = rounded(multiply(value, Decimal(rate))).copy_negate()
        return self._move(
            "funding", listing.quote, amount, self.perpetual_wallet, at, symbol=symbol
        )

    def _move(
        self,
        kind: str,
        asset: str,
        amount: Decimal,
        wallet: str,
        at: int | None,
        *,
        symbol: str = "",
        fee: Decimal = ZERO,
    ) -> Movement:
        moment = self._at(at)
        number = self.exchange.next_movement()
        movement = Movement(
            number, kind, asset, amount, wallet, moment, symbol=symbol, fee=fee,
            reference=f"{number:064x}",
        )  # fmt: skip
        self._record(moment, self._cash([(wallet, asset, amount)]), movement=movement)
        return movement

    # Orders

    def ordered(
        self, symbol: str, *, from_id: int = 0, since: int = 0, until: int | None = None
    ) -> list[Order]:
        """The orders of a symbol as they are now, by id: from an id, and created from a time, or
        up to one."""
        placed = self.placed.get(symbol, [])
        first = max(
            bisect_left(placed, from_id, key=lambda order: order.id),
            bisect_left(placed, since, key=lambda order: order.created),
        )
        last = len(placed)
        if until is not None:
            last = bisect_right(placed, until, key=lambda order: order.created)
        return [self.orders[order.id] for order in placed[first:last]]

    def place(
        self,
        symbol: str,
        side: str,
        quantity: Decimal | str,
        price: Decimal | str | None = None,
        *,
        client_id: str | None = None,
        leg: str = "net",
        margin: bool = False,
        origin: str = "user",
        at: int | None = None,
    ) -> Order:
        """An order that waits: nothing matches it; `fill` and `cancel` say what happens."""
        moment = self._at(at)
        order = self.new_order(
            symbol, side, checked(quantity), None if price is None else checked(price), moment,
            client_id=client_id, leg=leg, margin=margin, origin=origin,
        )  # fmt: skip
        self._record(moment, order=order)
        return order

    def cancel(
        self, order: Order | int, *, status: str = "cancelled", at: int | None = None
    ) -> Order:
        """End an open order; its fills stay."""
        moment = self._at(at)
        known = self.orders[order if isinstance(order, int) else order.id]
        ended = structs.replace(known, status=status, updated=moment)
        self._record(moment, order=ended)
        return ended

    def new_order(
        self,
        symbol: str,
        side: str,
        quantity: Decimal,
        price: Decimal | None,
        moment: int,
        *,
        client_id: str | None = None,
        leg: str = "net",
        margin: bool = False,
        origin: str = "user",
    ) -> Order:
        """An order with its id, of which the account does not know yet."""
        listing = self.exchange.listings[symbol]
        if self.venue not in listing.venues:
            raise ValueError(f"{self.venue} does not list {symbol}")
        if (leg != "net") is not (self.hedged and listing.perpetual) or side not in SIDES:
            raise ValueError(f"{side} {leg}: not in this account's mode")
        if client_id is not None and client_id.startswith(BY_HAND):
            origin = "manual"
        number = self.exchange.next_order()
        return Order(
            number, client_id or f"t{number:x}", symbol, side, quantity, price, moment, moment,
            leg=leg, margin=margin, origin=origin,
        )  # fmt: skip

    def trade(
        self,
        symbol: str,
        side: str,
        quantity: Decimal | str,
        price: Decimal | str | None = None,
        *,
        maker: bool = False,
        client_id: str | None = None,
        leg: str = "net",
        margin: bool = False,
        at: int | None = None,
    ) -> Fill:
        """An order that is filled at once and whole; at the present price unless told."""
        moment, size = self._at(at), checked(quantity)
        paid = self.exchange.price(symbol) if price is None else checked(price)
        limit = paid if maker else None
        order = self.new_order(
            symbol, side, size, limit, moment,
            client_id=client_id, leg=leg, margin=margin,
        )  # fmt: skip
        return self.execute(order, size, paid, moment, maker=maker)

    def fill(
        self,
        order: Order | int,
        quantity: Decimal | str,
        price: Decimal | str,
        *,
        maker: bool = False,
        execution: str = "trade",
        at: int | None = None,
    ) -> Fill:
        """Fill an order, or a part of it (or more than there is of it: an overfill is possible)."""
        moment, size, paid = self._at(at), checked(quantity), checked(price)
        known = self.orders[order] if isinstance(order, int) else self.orders.get(order.id, order)
        return self.execute(known, size, paid, moment, maker=maker, execution=execution)

    def liquidate(
        self,
        symbol: str,
        *,
        leg: str = "net",
        execution: str = "liquidation",
        at: int | None = None,
    ) -> Fill | None:
        """The venue closes a position itself, by liquidation or `adl`; None without one."""
        moment = self._at(at)
        position = self.history.now.positions.get((symbol, leg))
        if position is None or not position.quantity:
            return None
        side = "sell" if position.quantity > 0 else "buy"
        name = f"autoclose-{moment}" if execution == "liquidation" else "adl_autoclose"
        size = position.quantity.copy_abs()
        order = self.new_order(
            symbol, side, size, None, moment, client_id=name, leg=leg, origin=execution
        )
        return self.fill(order, size, self.exchange.price(symbol), execution=execution, at=moment)

    def execute(
        self,
        order: Order,
        size: Decimal,
        price: Decimal,
        moment: int,
        *,
        maker: bool = False,
        execution: str = "trade",
    ) -> Fill:
        """`fill`, for numbers that are known to be good, of an order as it is now: fast."""
        exchange, symbol, leg, buys = self.exchange, order.symbol, order.leg, order.side == "buy"
        listing = exchange.listings[symbol]
        notional = multiply(size, price)
        fee, asset = charged(
            self.fees, listing, order, size, notional, maker=maker, price=exchange.price
        )
        first = not order.filled  # its sums are the fill's own numbers then, kept once
        filled = size if first else add(order.filled, size)
        spent = notional if first else add(order.spent, notional)
        paid = fee if first else add(order.fee, fee)
        order = Order(
            order.id, order.client_id, symbol, order.side, order.quantity, order.price,
            order.created, moment, filled, spent, _filled_status(order, filled), leg,
            order.origin, order.margin, paid,
        )  # fmt: skip
        signed = size if buys else size.copy_negate()
        position, realised = None, ZERO
        if listing.perpetual or order.margin:
            held = self.history.now.positions.get((symbol, leg)) or Position(symbol, leg)
            position, realised = moved(held, signed, price, moment)
            if order.margin:
                position = structs.replace(position, fee=add(position.fee, fee))
            wallet = self.perpetual_wallet
            amounts = {listing.quote: realised}
        else:
            wallet = self.spot_wallet
            amounts = {
                listing.base: signed,
                listing.quote: notional.copy_negate() if buys else notional,
            }
        amounts[asset] = subtract(amounts.get(asset, ZERO), fee)
        number = exchange.next_fill(self.venue, symbol)
        fill = Fill(
            number, order, symbol, order.side, size, price, notional, fee, asset, realised,
            moment, maker, exchange.listed_at(self, symbol, number, moment), execution,
        )  # fmt: skip
        cash = self._cash([(wallet, each, amount) for each, amount in amounts.items()])
        self._record(moment, cash, position, order, fill)
        return fill

    def _cash(self, amounts: Iterable[tuple[str, str, Decimal]]) -> tuple[Cash, ...]:
        """The changes, one a wallet and asset; what is zero is left out."""
        wallets = self.history.now.wallets
        return tuple(
            [
                Cash(wallet, asset, amount, add(wallets.get((wallet, asset), ZERO), amount))
                for wallet, asset, amount in amounts
                if amount
            ]
        )

    def _record(
        self,
        at: int,
        cash: tuple[Cash, ...] = (),
        position: Position | None = None,
        order: Order | None = None,
        fill: Fill | None = None,
        movement: Movement | None = None,
    ) -> None:
        history = self.history
        event = Event(len(history.events) + 1, at, cash, position, order, fill, movement)
        history.append(event)
        if order is not None:
            if order.id not in self.orders:
                self.placed.setdefault(order.symbol, []).append(order)
            self.orders[order.id] = order
        if fill is not None:
            executions = self.executions.get(fill.symbol)
            if executions is None:
                executions = self.executions[fill.symbol] = Executions()
            executions.fills.append(fill)
            executions.times.append(at)
        for listener in self.listeners:
            listener(self, event)

    def _at(self, at: int | None) -> int:
        # Whatever is due comes first: time does not go back.
        return self.exchange.advance() if at is None else at


def _filled_status(order: Order, filled: Decimal) -> str:
    if order.status in {"cancelled", "rejected", "expired"}:
        return order.status
    return "filled" if filled >= order.quantity else "partially_filled"
