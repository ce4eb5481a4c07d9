"""The venues that the conformance suite runs over: each a server, and an account with something of
everything that its adapter offers."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tieout.adapters.venues.registry import Clients
from tieout.adapters.venues.settings import Credentials, Retry, VenueSettings
from tieout.adapters.venues.venue import VenueFeed
from tieout.testing.exchange import Exchange
from tieout.testing.replay import Asked, Replay, Reply

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
NOW_MS = 1_740_830_400_000
KEY = "key-of-nobody-at-all"
SECRET = base64.b64encode(b"secret-of-nobody-at-all").decode()
FIXTURES = Path(__file__).parents[1] / "fixtures" / "venues"
ONCE = Retry(delays=(), waits=(), budget=0.0, failures=10**9)


class Fixed:
    """A clock that stands."""

    def now(self) -> datetime:
        return NOW


@dataclass(frozen=True)
class VenueCase:
    """An adapter and the server that it is tried on.

    Attributes:
        load: tells the server what to answer; with False, an account with nothing in it.
        lists: paths whose good answer is a bare list: there `[]` means that there is nothing.
        empty: whether `load` knows an empty account.
    """

    name: str
    load: Callable[[Replay, bool], None]
    symbols: frozenset[str]
    lists: frozenset[str] = frozenset()
    empty: bool = True
    settings: dict[str, Any] = field(default_factory=dict)

    def open(self, replay: Replay, retry: Retry = ONCE) -> VenueFeed:
        given = {"credentials": Credentials(KEY, SECRET), **self.settings}
        settings = VenueSettings(
            name="here",
            venue=self.name,
            account="acc",
            base_url=replay.url,
            symbols=self.symbols,
            options={"rate_limit": False, **given.pop("options", {})},
            retry=retry,
            **given,
        )
        return Clients(Fixed()).open(settings)

    @asynccontextmanager
    async def serving(self, *, full: bool = True) -> AsyncIterator[tuple[Replay, VenueFeed]]:
        async with Replay() as replay:
            self.load(replay, full)
            feed = self.open(replay)
            try:
                yield replay, feed
            finally:
                await feed.aclose()


def simulated(venue: str) -> Callable[[Replay, bool], None]:
    """The simulated exchange behind the server."""

    def load(replay: Replay, full: bool) -> None:
        exchange = Exchange(Fixed(), limits=False)
        account = exchange.open(venue, key=KEY, secret=SECRET)
        if full:
            furnish(exchange, account)

        def answer(asked: Asked) -> Reply:
            query = f"?{urlencode(asked.query, safe=',')}" if asked.query else ""
            status, headers, body = exchange.handle(
                asked.method,
                f"http://here{asked.path}{query}",
                dict(asked.headers),
                asked.raw.decode() or None,
            )
            return Reply(body, status, {k: v for k, v in headers.items() if k != "Content-Type"})

        replay.on("*", "/*", answer)

    return load


def furnish(exchange: Exchange, account: Any) -> None:
    """Money, fills, orders and a position, all in the last hour."""
    at = NOW_MS - 3_600_000
    quote = "USD" if account.venue == "kraken" else "USDT"
    account.deposit(quote, "100000", at=at)
    account.deposit("ETH", "3", at=at + 1)
    account.trade(f"BTC/{quote}", "buy", "0.5", "90000", at=at + 2)
    account.trade(f"ETH/{quote}", "sell", "1.25", "3000.5", maker=True, at=at + 2)
    account.place(f"BTC/{quote}", "buy", "0.1", "80000", at=at + 3)
    cancelled = account.place(f"BTC/{quote}", "buy", "0.2", "70000", at=at + 4)
    account.cancel(cancelled, at=at + 5)
    account.withdraw("ETH", "0.5", fee="0.01", at=at + 6)
    if account.venue == "kraken":
        account.trade("BTC/USD", "sell", "0.3", "91000", margin=True, at=at + 7)
        account.trade("BTC/USD", "buy", "0.1", "90000", margin=True, at=at + 8)
        account.place("BTC/USD", "sell", "0.2", "99999", margin=True, at=at + 9)
        return
    if account.venue == "binance":
        account.transfer("USDT", "20000", "spot", "futures", at=at + 7)
    account.trade("BTC/USDT:USDT", "buy", "0.3", "91000", at=at + 8)
    account.trade("BTC/USDT:USDT", "sell", "0.1", "91500", at=at + 9)
    account.fund("BTC/USDT:USDT", "0.0001", at=at + 10)
    account.place("BTC/USDT:USDT", "sell", "0.1", "99000", at=at + 11)


BINANCE_LISTS = frozenset(
    {
        "/api/v3/openOrders", "/api/v3/allOrders", "/api/v3/myTrades", "/api/v3/ticker/price",
        "/sapi/v1/capital/deposit/hisrec", "/sapi/v1/capital/withdraw/history",
        "/fapi/v3/positionRisk", "/fapi/v3/balance", "/fapi/v1/openOrders",
        "/fapi/v1/openAlgoOrders", "/fapi/v1/allOrders", "/fapi/v1/userTrades", "/fapi/v1/income",
        "/fapi/v1/forceOrders", "/fapi/v2/ticker/price",
    }
)  # fmt: skip

CASES = [
    VenueCase(
        "binance_spot", simulated("binance"), frozenset({"BTC/USDT", "ETH/USDT"}), BINANCE_LISTS
    ),
    VenueCase("binance_perp", simulated("binance"), frozenset({"BTC/USDT:USDT"}), BINANCE_LISTS),
    VenueCase("bybit_spot", simulated("bybit"), frozenset()),
    VenueCase("bybit_perp", simulated("bybit"), frozenset()),
    VenueCase("kraken_spot", simulated("kraken"), frozenset()),
    VenueCase("kraken_margin", simulated("kraken"), frozenset()),
]


def written(*names: str) -> Callable[[Replay, bool], None]:
    """Answers that were written for the purpose: of one account, which is not empty."""

    def load(replay: Replay, full: bool) -> None:
        for name in names:
            replay.load(FIXTURES / name)

    return load


WALLET = {"credentials": Credentials(wallet="0x00000000000000000000000000000000000000a1")}
CHAIN = {"credentials": Credentials(wallet="dydx1test0000000000000000000000000000000000")}
LEGACY = {"credentials": Credentials(KEY, SECRET.rstrip("="))}
PHRASE = {"credentials": Credentials(KEY, SECRET, "phrase-of-nobody")}
MEXC_LISTS = frozenset(
    {
        "/api/v3/openOrders", "/api/v3/allOrders", "/api/v3/myTrades", "/api/v3/ticker/price",
        "/api/v3/capital/deposit/hisrec", "/api/v3/capital/withdraw/history",
    }
)  # fmt: skip
GATE_LISTS = frozenset(
    f"/api/v4/spot/{name}"
    for name in ("accounts", "tickers", "open_orders", "orders", "my_trades", "account_book")
)
DYDX_LISTS = frozenset({"/v4/orders/parentSubaccountNumber"})

CASES += [
    VenueCase(
        "hyperliquid_perp",
        written("hyperliquid.txt"),
        frozenset(),
        frozenset({"/info"}),
        empty=False,
        settings=WALLET,
    ),
    VenueCase("mexc_spot", written("mexc.txt"), frozenset({"BTC/USDT"}), MEXC_LISTS, empty=False),
    VenueCase(
        "gateio_spot",
        written("gateio.txt"),
        frozenset(),
        GATE_LISTS,
        empty=False,
        settings={"options": {"unified": False}},
    ),
    VenueCase(
        "bitget_spot", written("bitget.txt"), frozenset({"BTC/USDT"}), empty=False, settings=PHRASE
    ),
    VenueCase("coinbase_spot", written("coinbase.txt"), frozenset(), empty=False, settings=LEGACY),
    VenueCase(
        "dydx_perp", written("dydx.txt"), frozenset(), DYDX_LISTS, empty=False, settings=CHAIN
    ),
]
