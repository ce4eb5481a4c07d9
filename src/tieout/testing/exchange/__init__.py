"""A simulated exchange: Binance, Bybit and Kraken on the wire, with faults from a seed.

For tests, for the demo, and for whoever wants to see what their own software does when an exchange
answers late, wrong, or not at all. It is exact (Decimals throughout), deterministic (equal seeds
and equal requests give equal bytes) and knows its own state at any past instant.

As a server, with somebody trading, until it is interrupted (needs `tieout[venues]`):

    python -m tieout.testing.exchange --port 9001 --rate 5
    python -m tieout.testing.exchange --fault timeout=0.02 --fault stale=0.1 --seed 7

It prints its address, and an API key for each of the three venues; in `tieout.yaml`:

    binance: {type: venue, venue: binance_perp, account: main, api_key: env:KEY,
              secret: env:SECRET, base_url: http://127.0.0.1:9001, ws_url: ws://127.0.0.1:9001}

In a test, over HTTP:

    exchange = Exchange(seed=7)
    account = exchange.open("binance", key="key", secret="secret")
    account.deposit("USDT", "10000")
    account.trade("BTC/USDT", "buy", "0.01")
    async with serve(exchange) as server:
        ...  # server.base_url, server.ws_url

In one process, on virtual time, five minutes in a second:

    async def main() -> None:
        exchange = Exchange(VirtualClock(), seed=7, visibility=(0, 0.5), faults=Faults(7, [
            Fault(Trouble.STALE, rate=0.1), Fault(Trouble.OUTAGE, between=[(60, 90)]),
        ]))
        account = exchange.open("binance", key="key", secret="secret")
        Market(exchange, [account], seed=7, rate=1000).endow()
        book = SimulatedBook(exchange, [account], seed=7, plants=[Plant(Drift.UNHEARD, 30)])
        transport = exchange.transport("binance")   # in place of HTTP
        await asyncio.sleep(300)

    virtual.run(main())

Afterwards `book.truth` says what the book got wrong, and `exchange.faults.injected` what the
exchange did. What it does not do: match orders (`Account.fill` says who was filled), margin calls,
trading over the API. Binance's spot and USD-M user-data streams are there; no other websocket is.
"""

from tieout.testing.exchange.account import Account
from tieout.testing.exchange.book import SimulatedBook
from tieout.testing.exchange.faults import Fault, Faults, Injected, Trouble
from tieout.testing.exchange.market import Market
from tieout.testing.exchange.model import Exchange
from tieout.testing.exchange.planting import Drift, Plant, Planted
from tieout.testing.exchange.records import Listing
from tieout.testing.exchange.terms import FeePlan
from tieout.testing.exchange.transport import Latency

__all__ = [
    "Account",
    "Drift",
    "Exchange",
    "Fault",
    "Faults",
    "FeePlan",
    "Injected",
    "Latency",
    "Listing",
    "Market",
    "Plant",
    "Planted",
    "SimulatedBook",
    "Trouble",
]
