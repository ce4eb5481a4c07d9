"""Somebody trades: fills at a rate, over many symbols, with funding and transfers, from a seed.

    market = Market(exchange, [account], seed=7, rate=1000)
    market.endow()

From then on, whoever looks at the exchange at an instant finds everything that was due by then:
nothing runs in the background, and the same seed gives the same fills whoever looks how often.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import inf
from random import Random
from typing import TYPE_CHECKING, Final

from tieout.testing.exchange.records import Listing, Order, multiply, subtract

if TYPE_CHECKING:
    from tieout.testing.exchange.account import Account
    from tieout.testing.exchange.model import Exchange

OPEN: Final = 8
"""Open orders that an account keeps at most."""

_LOTS: Final = 40
_FUNDS: Final = {"USDT": Decimal(1_000_000_000), "USD": Decimal(1_000_000_000)}
_COINS: Final = Decimal(1_000_000)


class Market:
    """Trades the accounts.

    Args:
        rate: fills a second, all accounts together; 0: none.
        symbols: what is traded; None: everything that the account's venue lists.
        funding: seconds between two fundings of all perpetuals; 0: none.
        transfers: seconds between two transfers of money between wallets, where there are two.
        margin: the share of Kraken's orders that are on margin.
        until: seconds since it began after which nobody trades any more; None: never.
    """

    def __init__(
        self,
        exchange: Exchange,
        accounts: Sequence[Account],
        *,
        seed: int = 0,
        rate: float = 1000.0,
        symbols: Sequence[str] | None = None,
        funding: float = 60.0,
        transfers: float = 20.0,
        margin: float = 0.0,
        until: float | None = None,
    ) -> None:
        self._exchange = exchange
        self._accounts = tuple(accounts)
        self._chance = Random(f"{seed}:market")
        self._rate = rate / 1000
        self._margin = margin
        self._traded = [
            [
                listing
                for listing in exchange.listings.values()
                if account.venue in listing.venues
                and (symbols is None or listing.symbol in symbols)
            ]
            for account in self._accounts
        ]
        self._ticks = {
            listing.symbol: int(exchange.price(listing.symbol) / listing.tick)
            for traded in self._traded
            for listing in traded
        }
        began = exchange.milliseconds()
        self._next = began + self._gap()
        self._every = {"funding": funding * 1000, "transfers": transfers * 1000}
        self._due = {name: began + gap for name, gap in self._every.items() if gap}
        self._end = None if until is None else began + until * 1000
        self.fills = 0
        exchange.drive(self.advance)

    def endow(self) -> None:
        """Give each account more than it will need of everything that it trades."""
        for account, traded in zip(self._accounts, self._traded, strict=True):
            spot, perpetual = account.spot_wallet, account.perpetual_wallet
            for asset in sorted({each for one in traded for each in (one.base, one.quote)}):
                account.deposit(asset, _FUNDS.get(asset, _COINS), wallet=spot)
            if perpetual != spot and any(one.perpetual for one in traded):
                account.transfer("USDT", _FUNDS["USDT"] / 2, spot, perpetual)

    def advance(self, until: int) -> None:
        """Let everything happen up to `until`, milliseconds."""
        end = until if self._end is None else min(until, int(self._end))
        while True:
            name = min(self._due, key=self._due.__getitem__, default=None)
            due = self._due[name] if name is not None else None
            if due is not None and due <= self._next and due <= end:
                assert name is not None
                self._due[name] = due + self._every[name]
                self._fund(int(due)) if name == "funding" else self._transfer(int(due))
            elif self._next <= end:
                self._step(int(self._next))
            else:
                return

    def _gap(self) -> float:
        return self._chance.expovariate(self._rate) if self._rate else inf

    def _step(self, at: int) -> None:
        """An order that is filled at once, or a fill of one that waits, or one that is placed."""
        random = self._chance.random
        which = int(random() * len(self._accounts))
        account, traded = self._accounts[which], self._traded[which]
        action = random()
        orders = account.history.now.orders
        if action < 0.1:
            if len(orders) < OPEN:
                self._place(account, traded[int(random() * len(traded))], at)
            elif random() < 0.3:
                account.cancel(self._any(orders), at=at)
            else:
                self._rest(account, self._any(orders), at)
            return
        if action < 0.3 and orders:
            self._rest(account, self._any(orders), at)
            return
        self._take(account, traded[int(random() * len(traded))], at)

    def _any(self, orders: dict[int, Order]) -> Order:
        return orders[list(orders)[int(self._chance.random() * len(orders))]]

    def _price(self, listing: Listing) -> Decimal:
        ticks = self._ticks[listing.symbol] + int(self._chance.random() * 7) - 3
        self._ticks[listing.symbol] = ticks = max(1, ticks)
        price = multiply(Decimal(ticks), listing.tick)
        self._exchange.set_price(listing.symbol, price)
        return price

    def _size(self, listing: Listing) -> Decimal:
        return multiply(Decimal(1 + int(self._chance.random() * _LOTS)), listing.lot)

    def _wish(self, account: Account, listing: Listing) -> tuple[str, str]:
        """A side and a leg: mostly what makes the position smaller, so that it stays small."""
        random = self._chance.random()
        if not listing.perpetual:
            return ("buy" if random < 0.5 else "sell"), "net"
        leg = "net"
        if account.hedged:
            leg = "long" if self._chance.random() < 0.5 else "short"
        held = account.history.now.positions.get((listing.symbol, leg))
        if held is None or not held.quantity:
            opens = {"long": "buy", "short": "sell"}
            return opens.get(leg, "buy" if random < 0.5 else "sell"), leg
        shrinks = "sell" if held.quantity > 0 else "buy"
        return (shrinks if random < 0.55 else "buy" if shrinks == "sell" else "sell"), leg

    def _take(self, account: Account, listing: Listing, at: int) -> None:
        side, leg = self._wish(account, listing)
        sizes = [self._size(listing) for _ in range(1 + int(self._chance.random() ** 3 * 3))]
        if leg != "net":
            sizes = self._within(account, listing, side, leg, sizes)
        margin = account.venue == "kraken" and self._chance.random() < self._margin
        order = account.new_order(
            listing.symbol, side, sum(sizes, Decimal(0)), None, at, leg=leg, margin=margin
        )
        price = self._price(listing)
        for size in sizes:
            order = account.execute(order, size, price, at).order
            price = multiply(Decimal(self._ticks[listing.symbol]), listing.tick)
            self._filled()

    def _within(
        self, account: Account, listing: Listing, side: str, leg: str, sizes: list[Decimal]
    ) -> list[Decimal]:
        """A leg never turns around: what closes it is not more than there is."""
        held = account.history.now.positions.get((listing.symbol, leg))
        if held is None or (held.quantity > 0) == (side == "buy"):
            return sizes
        return [min(sizes[0], held.quantity.copy_abs())]

    def _rest(self, account: Account, order: Order, at: int) -> None:
        """Fill the rest of a waiting order, or a part of it."""
        listing = self._exchange.listings[order.symbol]
        left = subtract(order.quantity, order.filled)
        size = left if self._chance.random() < 0.5 else min(left, listing.lot)
        assert order.price is not None
        account.execute(order, size, order.price, at, maker=True)
        self._filled()

    def _place(self, account: Account, listing: Listing, at: int) -> None:
        if account.hedged and listing.perpetual:
            return
        side = "buy" if self._chance.random() < 0.5 else "sell"
        account.place(listing.symbol, side, self._size(listing), self._price(listing), at=at)

    def _filled(self) -> None:
        self.fills += 1
        self._next += self._gap()

    def _fund(self, at: int) -> None:
        rate = Decimal(int(self._chance.random() * 400) - 200).scaleb(-6)
        for account in self._accounts:
            held = sorted(account.history.now.positions)
            for symbol, leg in held:
                if ":" in symbol:
                    account.fund(symbol, rate, leg=leg, at=at)

    def _transfer(self, at: int) -> None:
        for account in self._accounts:
            wallets = account.spot_wallet, account.perpetual_wallet
            if wallets[0] != wallets[1]:
                amount = Decimal(int(self._chance.random() * 1_000_000) + 1).scaleb(-2)
                back = self._chance.random() < 0.5
                source, target = reversed(wallets) if back else wallets
                account.transfer("USDT", amount, source, target, at=at)
