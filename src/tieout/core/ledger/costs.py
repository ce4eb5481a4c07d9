"""What a position cost: average or first in, first out, in fractions that never round.

1. A position's cost is what its open quantity was paid for, signed like the quantity. Its average
   price is the exact quotient of the two, and is rendered at 18 digits, half to even.
2. A fill that closes realises; one that flips closes all, and opens the rest at its own price.
   A position that was closed begins anew.
3. A position that was opened without a price has a quantity and no cost, until it is closed once.
   What it realises till then is unknown, and so is the sum of what was realised.
4. A split changes the quantity and not the cost.
5. Fees that are `in` add to the cost of what a fill opens, and lessen what it realises by the
   share that it closes. Only fees in the currency of the cost can: `left_out` names others.
6. Of a linear instrument, cost is quantity x price x multiplier; of an inverse one quantity x
   multiplier / price, and the average is harmonic.

After very many fills without a flat moment an average's denominator would have millions of
digits. One beyond `EXACT_BITS` is rounded once at 2 ** -EXACT_BITS, and `exact` says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal

from msgspec import Struct

from tieout.core.money import rounded

EXACT_BITS: Final = 4096

ZERO: Final = Fraction(0)


class Method(Struct, frozen=True):
    """How a cost basis is worked out. Only equal methods can be compared on price.

    Attributes:
        basis: which part of a position a closing fill closes: its `average`, or the oldest.
        fees: whether fees are `in` the cost or `out` of it.
        flip: `reset`: what a flip opens costs the price of its own fill.

    Raises:
        ValueError: there is no such method.
    """

    basis: str = "average"
    fees: str = "out"
    flip: Literal["reset"] = "reset"

    def __post_init__(self) -> None:
        given = self.basis, self.fees, self.flip
        allowed = (("average", "fifo"), ("in", "out"), ("reset",))
        for name, value, choices in zip(self.__struct_fields__, given, allowed, strict=True):
            if value not in choices:
                raise ValueError(f"{name} is one of {', '.join(choices)}, not {value!r}")


class Position(Struct, frozen=True):
    """A position, and what it cost.

    Attributes:
        quantity: signed, in the instrument's unit.
        cost: signed like the quantity, in `currency`; None where it is not known.
        units: `quantity x multiplier`; of an inverse instrument that is what `cost` divides.
        realised: since the opening entry, in `currency`; None where it is not known.
        fees: what was paid, by currency, whatever the method.
        left_out: currencies of fees that the method wants in the cost, and that cannot be; an
            empty text for fees that are not known yet.
        exact: false where a denominator was rounded; see the module.
    """

    quantity: Decimal
    cost: Fraction | None
    units: Fraction
    realised: Fraction | None
    currency: str | None
    method: Method
    inverse: bool = False
    fees: Mapping[str, Decimal] = {}
    left_out: frozenset[str] = frozenset()
    exact: bool = True

    @property
    def average(self) -> Fraction | None:
        """The average price, exactly; None of nothing, and where the cost is not known."""
        above, below = (self.units, self.cost) if self.inverse else (self.cost, self.units)
        return above / below if above is not None and below else None

    @property
    def average_price(self) -> Decimal | None:
        """The average price at 18 digits after the point, half to even."""
        return None if (average := self.average) is None else decimal_of(average)

    def averages(self, price: Decimal) -> bool | None:
        """Whether its average price is exactly `price`, by cross-multiplication."""
        above, below = (self.units, self.cost) if self.inverse else (self.cost, self.units)
        return above == Fraction(price) * below if above is not None and below else None


def decimal_of(number: Fraction) -> Decimal:
    """`number` at 18 digits after the point, half to even."""
    # `round` of a fraction is half to even, and exact.
    scaled = round(number * 10**18)
    sign, digits = int(scaled < 0), tuple(map(int, str(abs(scaled))))
    return rounded(Decimal((sign, digits, -18)))


class Lot(Struct):
    """A part of a position: signed, and what one unit of it cost; None where that is not known."""

    quantity: Fraction
    unit_cost: Fraction | None


class Costing:
    """Adds up one position, fill by fill.

    Args:
        multiplier, inverse: of the instrument.
        currency: what the cost is in.
    """

    def __init__(
        self, method: Method, *, multiplier: Decimal, inverse: bool, currency: str | None
    ) -> None:
        self._method = method
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
        if number.denominator.bit_length() <= EXACT_BITS:
            return number
        self._exact = False
        return Fraction(round(number * (1 << EXACT_BITS)), 1 << EXACT_BITS)

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


def decimal_exact(number: Fraction) -> Decimal:
    """A fraction that came from decimals, as a decimal. Raises ValueError for any other."""
    twos = (number.denominator & -number.denominator).bit_length() - 1
    fives, rest = 0, number.denominator >> twos
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        raise ValueError(f"{number} does not terminate")
    scale = max(twos, fives)
    scaled = number.numerator * 10**scale // number.denominator
    digits = tuple(map(int, str(abs(scaled))))
    return Decimal((int(scaled < 0), digits, -scale))
