"""What a position cost, in plain fractions: slow, and easy to see through."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from msgspec import Struct

from tieout.core.ledger import Method, Position
from tieout.core.ledger.costs import decimal_exact

ZERO = Fraction(0)


class Lot(Struct):
    """A part of a position: signed, and what one unit of it cost; None where that is not known."""

    quantity: Fraction
    unit_cost: Fraction | None


class ReferenceCosting:
    """Adds up one position, fill by fill, as `tieout.core.ledger.costs` says it is done.

    Args:
        multiplier, inverse: of the instrument.
        currency: what the cost is in.
    """

    def __init__(
        self, method: Method, *, multiplier: Decimal, inverse: bool, currency: str | None, bits: int
    ) -> None:
        self._method = method
        self.bits = bits
        self._multiplier = Fraction(multiplier)
        self._inverse = inverse
        self._currency = currency
        self._lots: list[Lot] = []
        self._realised: Fraction | None = ZERO
        self._fees: dict[str, Fraction] = {}
        self._left_out: set[str] = set()
        self._exact = True

    def open(self, quantity: Decimal, price: Decimal | None, cost: Decimal | None) -> None:
        """Begin with what an opening entry states."""
        units = Fraction(quantity)
        unit_cost = None
        if price:
            unit_cost = self._unit_cost(price)
        elif cost is not None and units:
            unit_cost = abs(Fraction(cost) / units)
        self._lots = [Lot(units, unit_cost)] if units else []

    def _unit_cost(self, price: Decimal) -> Fraction:
        value = Fraction(price)
        if not self._inverse:
            return self._multiplier * value
        return self._multiplier / value if value else ZERO

    def fill(
        self, quantity: Decimal, price: Decimal, fee: Decimal | None, fee_currency: str | None
    ) -> None:
        """A trade of `quantity`, signed."""
        amount, paid = Fraction(quantity), ZERO if fee is None else Fraction(fee)
        if fee and fee_currency is not None:
            self._fees[fee_currency] = self._fees.get(fee_currency, ZERO) + paid
        counted = paid
        if self._method.fees == "out":
            counted = ZERO
        elif fee is None or (fee and fee_currency != self._currency):
            self._left_out.add("" if fee is None else fee_currency or "")
            counted = ZERO
        if not amount:
            return
        unit_cost = self._unit_cost(price)
        closed = self._close(amount, unit_cost)
        rest = amount - closed
        share = counted / abs(amount)
        if closed and self._realised is not None:
            self._realised -= share * abs(closed)
        if rest:
            # A fee makes what is bought dearer, and what is sold bring in less.
            dearer = share if (rest > 0) is not self._inverse else -share
            self._add(rest, unit_cost + dearer)

    def _close(self, amount: Fraction, unit_cost: Fraction) -> Fraction:
        """Realise what `amount` closes of the position; returns that part of it, signed."""
        closed, lots = ZERO, self._lots
        while lots and (lots[0].quantity > 0) is not (amount > 0) and closed != amount:
            lot, left = lots[0], amount - closed
            part = left if abs(left) < abs(lot.quantity) else -lot.quantity
            if lot.unit_cost is None:
                self._realised = None
            elif self._realised is not None:
                gain = (lot.unit_cost - unit_cost) * part
                self._realised += -gain if self._inverse else gain
            lot.quantity += part
            closed += part
            if not lot.quantity:
                lots.pop(0)
        return closed

    def _add(self, quantity: Fraction, unit_cost: Fraction) -> None:
        if self._method.basis == "fifo" or not self._lots:
            self._lots.append(Lot(quantity, unit_cost))
            return
        (lot,) = self._lots
        together = lot.quantity + quantity
        if lot.unit_cost is not None:
            cost = lot.unit_cost * lot.quantity + unit_cost * quantity
            lot.unit_cost = self._bounded(cost / together)
        lot.quantity = together

    def _bounded(self, number: Fraction) -> Fraction:
        if number.denominator.bit_length() <= self.bits:
            return number
        self._exact = False
        return Fraction(round(number * (1 << self.bits)), 1 << self.bits)

    def adjust(self, quantity: Decimal) -> None:
        """A split, or another corporate action: so much more, at no cost."""
        held = sum((lot.quantity for lot in self._lots), ZERO)
        ratio = (held + Fraction(quantity)) / held if held else ZERO
        if ratio <= 0:
            # Nothing was held, or all is gone: whatever remains came without a price.
            self._lots = []
            if remains := held + Fraction(quantity):
                self._lots = [Lot(remains, None)]
            elif held:
                self._realised = None
            return
        for lot in self._lots:
            lot.quantity *= ratio
            if lot.unit_cost is not None:
                lot.unit_cost /= ratio

    def position(self, quantity: Decimal) -> Position:
        """The position as it is. `quantity`: the same, summed exactly."""
        costs = [
            None if lot.unit_cost is None else lot.unit_cost * lot.quantity for lot in self._lots
        ]
        known = [cost for cost in costs if cost is not None]
        return Position(
            quantity=quantity,
            cost=sum(known, ZERO) if len(known) == len(costs) else None,
            units=Fraction(quantity) * self._multiplier,
            realised=self._realised,
            currency=self._currency,
            method=self._method,
            inverse=self._inverse,
            fees={name: decimal_exact(fee) for name, fee in self._fees.items()},
            left_out=frozenset(self._left_out),
            exact=self._exact,
        )
