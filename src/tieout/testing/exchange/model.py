"""The simulated exchange: its accounts, keys, instruments and clock, and the door to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from zlib import crc32

from tieout.ports import Clock
from tieout.testing.exchange.account import Account
from tieout.testing.exchange.faults import Faults
from tieout.testing.exchange.limits import Counters, Windows
from tieout.testing.exchange.listings import default_listings
from tieout.testing.exchange.records import Listing
from tieout.testing.exchange.terms import WALLETS, FeePlan

if TYPE_CHECKING:
    from tieout.testing.exchange.transport import Latency, Transport

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class SystemClock:
    """The computer's."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(slots=True)
class ApiKey:
    """A key to an account.

    Attributes:
        nonce: the greatest that Kraken has seen of it.
        revoked: the venue answers as to an unknown key.
    """

    key: str
    secret: str
    account: Account
    trade: bool = False
    withdraw: bool = False
    revoked: bool = False
    nonce: int = 0


class Exchange:
    """Binance, Bybit and Kraken in one: each account is at one of them.

    Args:
        clock: what time it is; virtual time in tests.
        visibility: the least and the most seconds after which lists of trades show a fill.
            Positions and balances show it at once.
        limits: whether the venues' rate limits hold.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        seed: int = 0,
        listings: Iterable[Listing] | None = None,
        faults: Faults | None = None,
        visibility: tuple[float, float] = (0.0, 0.0),
        limits: bool = True,
    ) -> None:
        self._clock = clock or SystemClock()
        self.seed = seed
        chosen = default_listings() if listings is None else tuple(listings)
        self.listings = {listing.symbol: listing for listing in chosen}
        self.faults = faults or Faults(seed)
        self._ahead = self.faults.ahead
        self.began = self.milliseconds()
        self.faults.begin(self.began)
        self.accounts: dict[tuple[str, str], Account] = {}
        self.keys: dict[str, ApiKey] = {}
        self.limits = limits
        self.windows = Windows()
        self.counters = Counters()
        self.listen_keys: dict[str, Account] = {}
        self._visibility = visibility
        self._prices = {listing.symbol: listing.price for listing in chosen}
        self._drivers: list[Callable[[int], None]] = []
        self._fills: dict[tuple[str, str], int] = {}
        self._order = 10_000_000
        self._movement = 500_000

    # Time

    def milliseconds(self) -> int:
        """The present time by the venue's clock, UTC."""
        return self.nanoseconds() // 1_000_000

    def nanoseconds(self) -> int:
        return self.elsewhere() + self._ahead * 1_000_000

    def elsewhere(self) -> int:
        """The present time by the clock it was given, UTC nanoseconds: without any skew."""
        passed = self._clock.now() - EPOCH
        whole = passed.days * 86_400 + passed.seconds
        return whole * 1_000_000_000 + passed.microseconds * 1000

    def drive(self, advance: Callable[[int], None]) -> None:
        """Have `advance(until)` called, in milliseconds, before anybody looks at the exchange."""
        self._drivers.append(advance)

    def advance(self, until: int | None = None) -> int:
        """Let everything happen that is due; returns the instant."""
        now = self.milliseconds() if until is None else until
        while (closing := self.faults.closing(now)) is not None:
            at, fault = closing
            self._driven(at)
            self.faults.close(self, at, fault)
        self._driven(now)
        return now

    def _driven(self, until: int) -> None:
        for driver in self._drivers:
            driver(until)

    # Who

    def open(
        self,
        venue: str,
        name: str = "main",
        *,
        key: str | None = None,
        secret: str | None = None,
        trade: bool = False,
        withdraw: bool = False,
        hedged: bool = False,
        fees: FeePlan | None = None,
    ) -> Account:
        """A new account at `binance`, `bybit` or `kraken`, with an API key if one is given.

        `secret` is base64 at Kraken.
        """
        if venue not in WALLETS:
            raise ValueError(f"there is no venue {venue}; there are {', '.join(WALLETS)}")
        if (venue, name) in self.accounts:
            raise ValueError(f"there is an account {name} at {venue} already")
        usual = FeePlan(asset="quote") if venue == "kraken" else FeePlan()
        account = Account(self, venue, name, hedged=hedged, fees=fees or usual)
        self.accounts[venue, name] = account
        if key is not None and secret is not None:
            self.keys[key] = ApiKey(key, secret, account, trade, withdraw)
        return account

    # What

    def listing(self, symbol: str) -> Listing:
        return self.listings[symbol]

    def price(self, symbol: str) -> Decimal:
        """The last price."""
        return self._prices[symbol]

    def set_price(self, symbol: str, price: Decimal) -> None:
        self._prices[symbol] = price

    def next_order(self) -> int:
        self._order += 1
        return self._order

    def next_movement(self) -> int:
        self._movement += 1
        return self._movement

    def next_fill(self, venue: str, symbol: str) -> int:
        """Ids count per symbol, and several symbols have the same ones: as on Binance."""
        number = self._fills.get((venue, symbol), 1_000) + 1
        self._fills[venue, symbol] = number
        return number

    def listed_at(self, account: Account, symbol: str, number: int, at: int) -> int | None:
        """When lists of trades begin to show a fill."""
        least, most = self._visibility
        usual = 0
        if most:
            share = crc32(f"{self.seed}:{symbol}:{number}".encode()) / 2**32
            usual = round((least + (most - least) * share) * 1000)
        if not self.faults.plan:
            return at + usual
        late = self.faults.lag(f"{account.venue} {account.name}", symbol, number, at)
        return None if late is None else at + usual + late

    # The door

    def handle(
        self, method: str, url: str, headers: Mapping[str, str], body: str | None = None
    ) -> tuple[int, Mapping[str, str], str]:
        """Answer a request at once and truly: (status, headers, body)."""
        from tieout.testing.exchange.gateway import answer

        reply = answer(self, method, url, headers, body, faults=False).reply
        return reply.status, {"Content-Type": reply.type, **reply.headers}, reply.body

    def transport(
        self,
        venue: str | None = None,
        *,
        latency: Latency | None = None,
        timeout: float = 10.0,
        cut: Callable[[str], Exception] = ConnectionError,
        dropped: Callable[[str], Exception] = ConnectionError,
    ) -> Transport:
        """What stands in for HTTP in one process: see `transport.Transport`."""
        from tieout.testing.exchange.transport import Latency, Transport

        return Transport(self, venue, latency or Latency(), timeout, cut, dropped)
