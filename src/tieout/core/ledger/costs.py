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

from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from typing import Final, Literal

from msgspec import Struct

from tieout.core.ledger import ratios
from tieout.core.ledger.ratios import Ratio, Sum, minus, over, plus, ratio_of, rounded_at, times
from tieout.core.money import rounded

EXACT_BITS: Final = 4096


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

    quantity: Ratio
    unit_cost: Ratio | None


class Costing:
    """Adds up one position, fill by fill.

    What was realised is not added up but follows: while all that is held has a cost, a fill pays
    for a change of what is held, or it realises. That spares adding fractions of which each has
    thousands of digits.

    Args:
        multiplier, inverse: of the instrument.
        currency: what the cost is in.
    """

    def __init__(
        self, method: Method, *, multiplier: Decimal, inverse: bool, currency: str | None
    ) -> None:
        self._method = method
        self._average = method.basis == "average"
        self._multiplier = ratio_of(multiplier)
        self._inverse = inverse
        self._currency = currency
        self._lots: deque[Lot] = deque()
        self._certain = True
        self._paid, self._added = Sum(), Sum()
        self._fees: dict[str, Ratio] = {}
        self._left_out: set[str] = set()
        self._exact = True

    def open(self, quantity: Decimal, price: Decimal | None, cost: Decimal | None) -> None:
        """Begin with what an opening entry states."""
        units = ratio_of(quantity)
        unit_cost = None
        if price:
            unit_cost = self._unit_cost(price)
        elif cost is not None and quantity:
            above, below = over(ratio_of(cost), units)
            unit_cost = abs(above), below
        self._lots = deque([Lot(units, unit_cost)] if quantity else [])
        if unit_cost is not None:
            self._paid.add(times(units, unit_cost))

    def _unit_cost(self, price: Decimal) -> Ratio:
        value = ratio_of(price)
        if not self._inverse:
            return value if self._multiplier == (1, 1) else times(self._multiplier, value)
        return over(self._multiplier, value) if price else ratios.ZERO

    def fill(
        self, quantity: Decimal, price: Decimal, fee: Decimal | None, fee_currency: str | None
    ) -> None:
        """A trade of `quantity`, signed."""
        amount = ratio_of(quantity)
        counted = paid = ratios.ZERO if fee is None else ratio_of(fee)
        if fee and fee_currency is not None:
            self._fees[fee_currency] = plus(self._fees.get(fee_currency, ratios.ZERO), paid)
        if self._method.fees == "out":
            counted = ratios.ZERO
        elif fee is None or (fee and fee_currency != self._currency):
            self._left_out.add("" if fee is None else fee_currency or "")
            counted = ratios.ZERO
        if not quantity:
            return
        unit_cost = self._unit_cost(price)
        before = self._lots[0] if self._lots else None
        rest = self._close(amount)
        if not rest[0]:
            self._pay(amount, unit_cost, counted)
            return
        if self._average and before is not None and self._lots:
            if before.unit_cost is None:
                # Nobody knows what it cost before, nor now.
                before.quantity = plus(before.quantity, rest)
                return
        self._pay(amount, unit_cost, counted)
        if counted[0]:
            # A fee makes what is bought dearer, and what is sold bring in less.
            share = over(counted, amount)
            unit_cost = (minus if self._inverse else plus)(unit_cost, share)
        self._add(rest, unit_cost)

    def _pay(self, amount: Ratio, unit_cost: Ratio, counted: Ratio) -> None:
        self._paid.add(times(amount, unit_cost))
        if counted[0]:
            self._paid.add(minus(ratios.ZERO, counted) if self._inverse else counted)

    def _close(self, amount: Ratio) -> Ratio:
        """Take what `amount` closes off the position; returns what it opens, signed."""
        lots, buys = self._lots, amount[0] > 0
        while amount[0] and lots and (lots[0].quantity[0] > 0) is not buys:
            lot = lots[0]
            self._certain = self._certain and lot.unit_cost is not None
            left = plus(lot.quantity, amount)
            if left[0] and (left[0] > 0) is not buys:
                lot.quantity = left
                return ratios.ZERO
            lots.popleft()
            amount = left
        return amount

    def _add(self, quantity: Ratio, unit_cost: Ratio) -> None:
        if not self._average or not self._lots:
            self._lots.append(Lot(quantity, unit_cost))
            return
        (lot,) = self._lots
        together = plus(lot.quantity, quantity)
        if lot.unit_cost is not None:
            cost = plus(times(lot.unit_cost, lot.quantity), times(unit_cost, quantity))
            lot.unit_cost = self._bounded(over(cost, together), together)
        lot.quantity = together

    def _bounded(self, unit_cost: Ratio, quantity: Ratio) -> Ratio:
        """The same, rounded if it is too long. What that adds to the cost was not paid."""
        if unit_cost[1].bit_length() <= EXACT_BITS:
            return unit_cost
        self._exact = False
        bounded, added = rounded_at(unit_cost, EXACT_BITS)
        self._added.add(times(added, quantity))
        return bounded

    def adjust(self, quantity: Decimal) -> None:
        """A split, or another corporate action: so much more, at no cost."""
        held = self._held()
        together = plus(held, ratio_of(quantity))
        if together[0] and held[0] and (together[0] > 0) is (held[0] > 0):
            ratio = over(together, held)
            for lot in self._lots:
                lot.quantity = times(lot.quantity, ratio)
                if lot.unit_cost is not None:
                    lot.unit_cost = over(lot.unit_cost, ratio)
            return
        # Nothing was held, or all is gone: whatever remains came without a price.
        realised = self._realised()
        self._lots.clear()
        if together[0]:
            self._lots.append(Lot(together, None))
        elif held[0]:
            self._certain = False
        if realised is not None:
            gone = realised if self._inverse else -realised
            self._paid, self._added = Sum(), Sum()
            self._paid.add((gone.numerator, gone.denominator))

    def _held(self) -> Ratio:
        return reduce(plus, (lot.quantity for lot in self._lots), ratios.ZERO)

    def _cost(self) -> Fraction:
        """Of all that is held and has a cost."""
        known = (times(each.unit_cost, each.quantity) for each in self._lots if each.unit_cost)
        return Fraction(*reduce(plus, known, ratios.ZERO))

    def _realised(self) -> Fraction | None:
        if not self._certain:
            return None
        above, below = self._added.total()
        added = Fraction(above, below << EXACT_BITS)
        realised = self._cost() - Fraction(*self._paid.total()) - added
        return -realised if self._inverse else realised

    def position(self, quantity: Decimal) -> Position:
        """The position as it is. `quantity`: the same, summed exactly."""
        known = all(lot.unit_cost is not None for lot in self._lots)
        return Position(
            quantity=quantity,
            cost=self._cost() if known else None,
            units=Fraction(quantity) * Fraction(*self._multiplier),
            realised=self._realised(),
            currency=self._currency,
            method=self._method,
            inverse=self._inverse,
            fees={name: decimal_exact(Fraction(*fee)) for name, fee in self._fees.items()},
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
