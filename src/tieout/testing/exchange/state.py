"""How an account is, now and at any past instant: the projection of its events."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from tieout.testing.exchange.records import EXACT, ZERO, Event, Order, Position

STRIDE: Final = 1024
"""Events between two kept states: what telling a past state costs at most."""


@dataclass(slots=True)
class State:
    """Wallets, positions and open orders.

    Attributes:
        wallets: what each holds, by wallet and asset; orders lock a part of it, and take none.
        positions: by symbol and leg; closed ones stay, with a quantity of zero.
        orders: the open ones, by id.
        at: of its last event, milliseconds; zero before the first.
    """

    wallets: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    at: int = 0
    sequence: int = 0

    def apply(self, event: Event) -> None:
        for cash in event.cash:
            self.wallets[cash.wallet, cash.asset] = cash.after
        if (position := event.position) is not None:
            self.positions[position.symbol, position.leg] = position
        if (order := event.order) is not None:
            if order.closed:
                self.orders.pop(order.id, None)
            else:
                self.orders[order.id] = order
        self.at = event.at
        self.sequence = event.sequence

    def copy(self) -> State:
        return State(
            dict(self.wallets), dict(self.positions), dict(self.orders), self.at, self.sequence
        )

    def holdings(self, wallet: str) -> dict[str, Decimal]:
        """What a wallet holds, by asset."""
        return {asset: total for (name, asset), total in self.wallets.items() if name == wallet}

    def locked(self) -> dict[str, Decimal]:
        """What open spot orders lock, by asset."""
        locks: dict[str, Decimal] = {}
        for order in self.orders.values():
            if ":" in order.symbol or order.margin or order.price is None:
                continue
            base, _, quote = order.symbol.partition("/")
            rest = EXACT.subtract(order.quantity, order.filled)
            asset = base if order.side == "sell" else quote
            amount = rest if order.side == "sell" else EXACT.multiply(rest, order.price)
            locks[asset] = EXACT.add(locks.get(asset, ZERO), amount)
        return locks


class History:
    """The events of an account, append-only, and its state as of any of them."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.times: list[int] = []
        self.now = State()
        self._kept = [State()]

    def append(self, event: Event) -> None:
        """Raises ValueError where time would go back."""
        if event.at < self.now.at:
            raise ValueError(f"an event at {event.at} after one at {self.now.at}")
        self.events.append(event)
        self.times.append(event.at)
        self.now.apply(event)
        if len(self.events) % STRIDE == 0:
            self._kept.append(self.now.copy())

    def state(self, at: int) -> State:
        """The state after the last event that was not later than `at` milliseconds."""
        count = bisect_right(self.times, at)
        if count == len(self.events):
            return self.now
        state = self._kept[count // STRIDE].copy()
        for event in self.events[count - count % STRIDE : count]:
            state.apply(event)
        return state

    def between(self, since: int, until: int) -> list[Event]:
        """Events of a window of milliseconds, both ends included."""
        return self.events[self.count(since - 1) : self.count(until)]

    def count(self, until: int) -> int:
        """How many events were not later than `until`."""
        return bisect_right(self.times, until)
