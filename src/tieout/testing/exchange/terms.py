"""The terms of an account: its wallets, what its fills cost, and the lists of its fills."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from tieout.testing.exchange.records import EXACT, ROUNDING, Fill, Listing, Order, rounded

WALLETS: Final = {
    "binance": ("spot", "futures"),
    "bybit": ("unified", "unified"),
    "kraken": ("spot", "spot"),
}
"""By venue, the wallets that spot and perpetuals settle in."""


@dataclass(frozen=True, slots=True)
class FeePlan:
    """What a fill costs, as a share of its notional. A negative share is a rebate.

    Attributes:
        asset: of a spot fill: `received` (base on a purchase, quote on a sale), `quote`, or a
            third asset such as `BNB`, priced in the quote currency. Perpetuals pay in quote,
            unless `perpetual_asset` names a third one.
    """

    taker: Decimal = Decimal("0.001")
    maker: Decimal = Decimal("0.001")
    asset: str = "received"
    perpetual_taker: Decimal = Decimal("0.0005")
    perpetual_maker: Decimal = Decimal("0.0002")
    perpetual_asset: str = "quote"


@dataclass(slots=True)
class Executions:
    """Fills of one symbol, by id and by time."""

    fills: list[Fill] = field(default_factory=list)
    times: list[int] = field(default_factory=list)

    def since(self, at: int) -> int:
        """The index of the first fill that is not before `at` milliseconds."""
        return bisect_left(self.times, at)

    def from_id(self, fill_id: int) -> int:
        return bisect_left(self.fills, fill_id, key=lambda fill: fill.id)


def charged(
    plan: FeePlan,
    listing: Listing,
    order: Order,
    size: Decimal,
    notional: Decimal,
    *,
    maker: bool,
    price: Callable[[str], Decimal],
) -> tuple[Decimal, str]:
    """The fee of a fill, and the asset that it is taken in."""
    if listing.perpetual:
        share = plan.perpetual_maker if maker else plan.perpetual_taker
        asset = plan.perpetual_asset
    else:
        share = plan.maker if maker else plan.taker
        asset = "quote" if order.margin else plan.asset
    if asset == "received":
        if order.side == "buy":
            return rounded(EXACT.multiply(size, share)), listing.base
        asset = "quote"
    cost = EXACT.multiply(notional, share)
    if asset in {"quote", listing.quote}:
        return rounded(cost), listing.quote
    return rounded(ROUNDING.divide(cost, price(f"{asset}/{listing.quote}"))), asset
