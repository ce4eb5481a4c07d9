"""What a simulated book gets wrong on purpose, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from msgspec import structs

from tieout.core.entries import Key, KeyKind
from tieout.testing.exchange.records import Fill, Listing, multiply, subtract


class Drift(StrEnum):
    """A way of being wrong."""

    UNHEARD = "unheard"  # a fill that the book never hears of
    PHANTOM = "phantom"  # a fill that never happened
    QUANTITY = "quantity"  # a fill whose quantity is heard one lot too large
    FEE = "fee"  # a fill whose fee is heard twice as large


@dataclass(frozen=True, slots=True)
class Plant:
    """What to get wrong, with the first fill at or after `at` seconds.

    Attributes:
        symbol: only a fill of this one; None: any.
    """

    kind: Drift
    at: float
    symbol: str | None = None


@dataclass(frozen=True, slots=True)
class Planted:
    """What was got wrong.

    Attributes:
        at: when the fill happened, UTC milliseconds. `heard`: from when the book is wrong.
        positions: by symbol and leg, and `balances`, by wallet and asset, what the book has too
            much of (or, below zero, too little) because of it.
    """

    kind: Drift
    at: int
    heard: int
    venue: str
    account: str
    symbol: str
    trade_id: str
    order_id: str
    positions: Mapping[tuple[str, str], Decimal]
    balances: Mapping[tuple[str, str], Decimal]

    @property
    def off(self) -> dict[Key, Decimal]:
        """Both, by the keys of `core.entries`."""
        about = self.account, self.venue
        legs = {
            Key(*about, KeyKind.POSITION, symbol, leg): amount
            for (symbol, leg), amount in self.positions.items()
        }
        return legs | {
            Key(*about, KeyKind.BALANCE, asset, wallet): amount
            for (wallet, asset), amount in self.balances.items()
        }


@dataclass(slots=True)
class Seeding:
    """Chooses the fills that are got wrong, in the order of their times."""

    plants: Sequence[Plant]
    began: int
    _left: list[Plant] = field(init=False)

    def __post_init__(self) -> None:
        self._left = sorted(self.plants, key=lambda plant: plant.at)

    def choose(self, fill: Fill) -> Drift | None:
        """What to get wrong with this fill; None: nothing."""
        if not self._left:
            return None
        passed = (fill.at - self.began) / 1000
        for index, plant in enumerate(self._left):
            if plant.at > passed:
                return None
            usable = plant.kind is not Drift.FEE or fill.fee
            if plant.symbol in {None, fill.symbol} and usable:
                del self._left[index]
                return plant.kind
        return None


def misheard(kind: Drift, fill: Fill, listing: Listing) -> Fill:
    """The fill as the book hears it. Of a PHANTOM: the fill that never happened."""
    if kind is Drift.QUANTITY:
        size = fill.quantity + listing.lot
        return structs.replace(fill, quantity=size, notional=multiply(size, fill.price))
    if kind is Drift.FEE:
        return structs.replace(fill, fee=fill.fee * 2)
    return structs.replace(
        fill,
        id=fill.id + 900_000_000,
        order=structs.replace(
            fill.order, id=fill.order.id + 900_000_000, client_id=f"phantom-{fill.order.client_id}"
        ),
        realised=Decimal(0),
        execution="trade",
    )


def cash_of(fill: Fill, listing: Listing, wallet: str) -> dict[tuple[str, str], Decimal]:
    """What a fill moves, by wallet and asset."""
    if listing.perpetual or fill.order.margin:
        moves = {(wallet, listing.quote): fill.realised}
    else:
        spent = fill.notional.copy_negate() if fill.side == "buy" else fill.notional
        moves = {(wallet, listing.base): fill.signed, (wallet, listing.quote): spent}
    key = wallet, fill.fee_asset
    moves[key] = subtract(moves.get(key, Decimal(0)), fill.fee)
    return moves
