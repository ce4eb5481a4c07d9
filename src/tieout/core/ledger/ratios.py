"""Exact fractions as pairs of integers: what `Fraction` does, without an object for each step.

A ratio is `(above, below)`: in lowest terms, `below` positive. A ledger adds a small number to a
large one most of the time: each greatest common divisor here is of numbers of which one is as
small as the smaller ratio, so a step costs what the length of the larger one costs.
"""

from __future__ import annotations

from decimal import Decimal
from functools import reduce
from math import gcd
from typing import Final, TypeAlias

Ratio: TypeAlias = tuple[int, int]

ZERO: Final[Ratio] = (0, 1)


def ratio_of(number: Decimal) -> Ratio:
    """A decimal, exactly."""
    return number.as_integer_ratio()


def plus(one: Ratio, other: Ratio) -> Ratio:
    """`one + other`. Knuth, The Art of Computer Programming, volume 2, 4.5.1."""
    (a, b), (c, d) = one, other
    if b == d == 1:
        return a + c, 1
    common = gcd(b, d)
    if common == 1:
        return a * d + c * b, b * d
    part = b // common
    above = a * (d // common) + c * part
    again = gcd(above, common)
    return (above, part * d) if again == 1 else (above // again, part * (d // again))


def minus(one: Ratio, other: Ratio) -> Ratio:
    return plus(one, (-other[0], other[1]))


def times(one: Ratio, other: Ratio) -> Ratio:
    (a, b), (c, d) = one, other
    if (common := gcd(a, d)) > 1:
        a, d = a // common, d // common
    if (common := gcd(c, b)) > 1:
        c, b = c // common, b // common
    return a * c, b * d


def over(one: Ratio, other: Ratio) -> Ratio:
    """`one / other`; `other` is not zero."""
    above, below = other
    return times(one, (below, above) if above > 0 else (-below, -above))


class Sum:
    """A sum of very many ratios, added up when it is asked for: until then those of one
    denominator are one."""

    def __init__(self) -> None:
        self._parts: dict[int, int] = {}

    def add(self, number: Ratio) -> None:
        above, below = number
        self._parts[below] = self._parts.get(below, 0) + above

    def total(self) -> Ratio:
        parts = [_lowest(above, below) for below, above in self._parts.items()]
        while len(parts) > 1:  # neighbours first: numbers of one length
            parts = [reduce(plus, parts[at : at + 2]) for at in range(0, len(parts), 2)]
        whole = parts[0] if parts else ZERO
        self._parts = {whole[1]: whole[0]}
        return whole


def _lowest(above: int, below: int) -> Ratio:
    common = gcd(above, below)
    return above // common, below // common


def rounded_at(number: Ratio, bits: int) -> tuple[Ratio, Ratio]:
    """`number` as a multiple of `2 ** -bits`, half to even; and what was added to it, times
    `2 ** bits`."""
    above, below = number
    # A number that was rounded before has a denominator that is nearly a power of two.
    twos = (below & -below).bit_length() - 1
    odd = below >> twos
    if twos <= bits:
        above <<= bits - twos
    else:
        odd <<= twos - bits
    nearest, rest = divmod(above, odd)
    if 2 * rest > odd or (2 * rest == odd and nearest & 1):
        nearest, rest = nearest + 1, rest - odd
    added = _lowest(-rest, odd)
    zeros = min((nearest & -nearest).bit_length() - 1, bits) if nearest else bits
    return (nearest >> zeros, 1 << (bits - zeros)), added
