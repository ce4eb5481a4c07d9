"""Sockets on the simulated exchange: signed subscriptions, its own markets, drops without a word."""

from __future__ import annotations

import asyncio

import pytest

from tieout.adapters.clock import SystemClock
from tieout.adapters.venues.dialects import FILL, ORDER
from tieout.adapters.venues.settings import Credentials, VenueSettings
from tieout.adapters.venues.sockets import Dropped, Event, Socket, Touched, open_socket
from tieout.testing.exchange import Exchange
from tieout.testing.exchange.server import serve

KEY, SECRET = "key-of-nobody-at-all", "c2VjcmV0LW9mLW5vYm9keS1hdC1hbGw="


async def heard(socket: Socket) -> Event:
    return await asyncio.wait_for(anext(socket), 10)


@pytest.mark.parametrize(
    ("venue", "symbol"), [("binance_spot", "BTC/USDT"), ("binance_perp", "BTC/USDT:USDT")]
)
def test_fills_orders_and_lost_connections(venue: str, symbol: str) -> None:
    async def scenario() -> None:
        exchange = Exchange(SystemClock(), limits=False)
        account = exchange.open("binance", key=KEY, secret=SECRET)
        account.deposit("USDT", "100000")
        account.transfer("USDT", "50000", "spot", "futures")
        async with serve(exchange) as server:
            settings = VenueSettings(
                "main",
                venue,
                "acc",
                Credentials(KEY, SECRET),
                base_url=server.base_url,
                ws_url=server.ws_url,
            )
            socket = open_socket(settings, SystemClock())
            socket._sleep = lambda seconds: asyncio.sleep(0)
            try:
                first = await heard(socket)
                assert isinstance(first, Dropped)
                account.trade(symbol, "buy", "0.1", "90000")
                fill = await heard(socket)
                while isinstance(fill, Touched) and fill.records != FILL:
                    fill = await heard(socket)
                assert isinstance(fill, Touched)
                assert fill.symbols == frozenset({symbol})
                await server.drop_sockets()
                gap = await heard(socket)
                while isinstance(gap, Touched):
                    gap = await heard(socket)
                assert first.until <= gap.since <= gap.until
                account.place(symbol, "buy", "0.1", "80000")
                order = await heard(socket)
                assert isinstance(order, Touched)
                assert (order.symbols, order.records) == (frozenset({symbol}), ORDER)
            finally:
                await socket.aclose()

    asyncio.run(scenario())
