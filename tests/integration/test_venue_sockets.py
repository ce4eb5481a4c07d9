"""Sockets say that something happened, and what they may have missed; on real connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from tieout.adapters.venues.dialects import CASH, FILL, ORDER
from tieout.adapters.venues.settings import Credentials, VenueSettings
from tieout.adapters.venues.sockets import Dropped, Event, Socket, Touched, open_socket
from tieout.core.canonical import nanoseconds
from tieout.errors import VenueRefused, VenueUnsupported

PATIENCE = 10  # seconds; a test that waits this long has failed


class Ticking:
    """A clock that goes on by a second whenever it is read."""

    def __init__(self) -> None:
        self.moment = datetime(2025, 3, 1, tzinfo=UTC)

    def now(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment


class Server:
    """Sockets and the few REST answers that they need. Messages in, what to send back out."""

    def __init__(self, answer: Callable[[Server, Any], list[Any]]) -> None:
        self.answer = answer
        self.sockets: list[web.WebSocketResponse] = []
        self.paths: list[str] = []
        self.heard: list[Any] = []
        self.keys = 0
        self.port = 0

    async def rest(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        if request.path.endswith("listenKey"):
            self.keys += 1
            return web.json_response({"listenKey": f"key-{self.keys}"})
        return web.json_response({})

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        self.paths.append(request.path_qs)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                heard = json.loads(message.data)
                self.heard.append(heard)
                for each in self.answer(self, heard):
                    await socket.send_json(each)
        return socket

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self.socket(request)
        return await self.rest(request)

    async def say(self, *messages: Any) -> None:
        for message in messages:
            await self.sockets[-1].send_json(message)

    async def cut(self) -> None:
        await self.sockets[-1].close()


@asynccontextmanager
async def serving(answer: Callable[[Server, Any], list[Any]]) -> AsyncIterator[Server]:
    server = Server(answer)
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()


def market(exchange_id: str, native: str, symbol: str, kind: str) -> dict[str, Any]:
    base, quote = symbol.partition(":")[0].split("/")
    return {
        "id": native,
        "symbol": symbol,
        "base": base,
        "quote": quote,
        "settle": quote if kind == "swap" else None,
        "baseId": base,
        "quoteId": quote,
        "type": kind,
        "spot": kind == "spot",
        "swap": kind == "swap",
        "contract": kind == "swap",
        "linear": True if kind == "swap" else None,
        "active": True,
        "precision": {"amount": "0.0001", "price": "0.01"},
        "limits": {},
        "info": {},
    }


MARKETS = {
    "binance_spot": [market("binance", "BTCUSDT", "BTC/USDT", "spot"), market("binance", "BTCUSDT", "BTC/USDT:USDT", "swap"), market("binance", "ETHUSDT", "ETH/USDT", "spot")],
    "hyperliquid_perp": [market("hyperliquid", "0", "BTC/USDC:USDC", "swap"), market("hyperliquid", "PURR/USDC", "PURR/USDC", "spot")],
}  # fmt: skip
MARKETS["binance_perp"] = MARKETS["bybit_perp"] = MARKETS["bybit_spot"] = MARKETS["binance_spot"]


@asynccontextmanager
async def listening(server: Server, venue: str) -> AsyncIterator[Socket]:
    settings = VenueSettings(
        "main",
        venue,
        "acc",
        Credentials(key="key-of-nobody", secret="secret-of-nobody", wallet="0x" + "a1" * 20),
        base_url=f"http://127.0.0.1:{server.port}",
        ws_url=f"ws://127.0.0.1:{server.port}",
        timeout=5,
    )
    socket = open_socket(settings, Ticking(), MARKETS[venue])
    socket._sleep = lambda seconds: asyncio.sleep(0)
    before = asyncio.all_tasks()
    try:
        yield socket
    finally:
        await socket.aclose()
        await socket.aclose()
        for _ in range(5):
            await asyncio.sleep(0.01)
        left = {
            task
            for task in asyncio.all_tasks() - before
            if "Socket" in repr(task) or "ccxt" in repr(task)
        }
        assert not left


async def heard(socket: Socket) -> Event:
    return await asyncio.wait_for(anext(socket), PATIENCE)


def run(coroutine: Any) -> Any:
    problems: list[Any] = []

    async def watched() -> Any:
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: problems.append(context)
        )
        return await coroutine

    result = asyncio.run(watched())
    assert not problems
    return result


def binance_api(server: Server, message: Any) -> list[Any]:
    assert message["method"] == "userDataStream.subscribe.signature"
    assert message["params"]["signature"]
    return [{"id": message["id"], "status": 200, "result": {"subscriptionId": 0}}]


def report(symbol: str, execution: str = "TRADE") -> dict[str, Any]:
    """An execution report whose numbers are no numbers: nobody may read them."""
    return {
        "subscriptionId": 0,
        "event": {
            "e": "executionReport",
            "E": 1,
            "s": symbol,
            "x": execution,
            "q": "ten",
            "p": None,
            "i": 1,
        },
    }


def test_a_fill_is_told_with_its_symbol_and_the_first_gap_before_it() -> None:
    async def scenario() -> None:
        async with serving(binance_api) as server, listening(server, "binance_spot") as socket:
            gap = await heard(socket)
            assert isinstance(gap, Dropped)
            assert nanoseconds(datetime(2025, 3, 1, tzinfo=UTC)) < gap.since < gap.until
            assert socket.up
            await server.say(report("BTCUSDT"))
            fill = await heard(socket)
            assert isinstance(fill, Touched)
            assert (fill.symbols, fill.records) == (frozenset({"BTC/USDT"}), FILL)
            assert fill.at > gap.until
            await server.say(report("ETHUSDT", "NEW"))
            order = await heard(socket)
            assert isinstance(order, Touched)
            assert (order.symbols, order.records) == (frozenset({"ETH/USDT"}), ORDER)
            await server.say({"event": {"e": "balanceUpdate", "a": "BTC", "d": "1"}})
            cash = await heard(socket)
            assert isinstance(cash, Touched)
            assert (cash.symbols, cash.records) == (None, CASH)

    run(scenario())


def test_a_dropped_connection_is_backfilled_from_the_last_good_moment() -> None:
    async def scenario() -> None:
        async with serving(binance_api) as server, listening(server, "binance_spot") as socket:
            first = await heard(socket)
            await server.say(report("BTCUSDT"))
            seen = await heard(socket)
            assert isinstance(seen, Touched)
            await server.cut()
            gap = await heard(socket)
            assert isinstance(first, Dropped)
            assert isinstance(gap, Dropped)
            # Nothing after the last message that came is taken for seen, and the gap is closed.
            assert first.until < gap.since <= seen.at < gap.until
            assert len(server.sockets) == 2
            await server.say(report("ETHUSDT"))
            again = await heard(socket)
            assert isinstance(again, Touched)
            assert again.symbols == frozenset({"ETH/USDT"})

    run(scenario())


def test_a_quiet_connection_that_answers_pings_is_a_good_one() -> None:
    async def scenario() -> None:
        async with serving(binance_api) as server, listening(server, "binance_spot") as socket:
            first = await heard(socket)
            assert isinstance(first, Dropped)
            await server.sockets[-1].ping()
            await server.cut()
            gap = await heard(socket)
            assert isinstance(gap, Dropped)
            assert gap.since > first.until

    run(scenario())


def test_gaps_that_nobody_has_read_become_one() -> None:
    async def scenario() -> None:
        async with serving(binance_api) as server, listening(server, "binance_spot") as socket:
            first = await heard(socket)
            assert isinstance(first, Dropped)
            for connections in (2, 3):
                await server.cut()
                while len(server.sockets) < connections or not socket.up:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                if connections == 2:
                    assert socket._dropped is not None
                    began = socket._dropped.since
            gap = await heard(socket)
            assert isinstance(gap, Dropped)
            assert gap.since == began

    run(scenario())


def test_a_stream_that_ends_on_an_open_connection_is_a_gap_too() -> None:
    async def scenario() -> None:
        async with serving(binance_api) as server, listening(server, "binance_spot") as socket:
            await heard(socket)
            await server.say({"event": {"e": "eventStreamTerminated", "E": 1}})
            assert isinstance(await heard(socket), Dropped)
            assert len(server.sockets) == 2

    run(scenario())


def test_refused_credentials_end_it_and_are_not_tried_again() -> None:
    def refuse(server: Server, message: Any) -> list[Any]:
        error = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}
        return [{"id": message["id"], "status": 401, "error": error}]

    async def scenario() -> None:
        async with serving(refuse) as server, listening(server, "binance_spot") as socket:
            with pytest.raises(VenueRefused, match="refuses the credentials") as caught:
                await heard(socket)
            assert "nobody" not in str(caught.value)
            await asyncio.sleep(0.05)
            assert len(server.sockets) == 1

    run(scenario())


def test_a_slow_reader_misses_nothing_and_keeps_little() -> None:
    async def scenario() -> None:
        async with serving(binance_api) as server, listening(server, "binance_spot") as socket:
            await heard(socket)
            for index in range(500):
                await server.say(report("ETHUSDT" if index % 2 else "BTCUSDT"))
            await server.say({"event": {"e": "balanceUpdate", "a": "BTC", "d": "1"}})
            while CASH not in socket._touched:  # noqa: ASYNC110  (state, not an event)
                await asyncio.sleep(0.01)
            first, second = await heard(socket), await heard(socket)
            assert isinstance(first, Touched)
            assert isinstance(second, Touched)
            assert first.symbols == frozenset({"BTC/USDT", "ETH/USDT"})
            assert second.symbols is None
            assert not socket._touched

    run(scenario())


def test_an_unknown_market_touches_all_of_them() -> None:
    async def scenario() -> None:
        async with serving(binance_api) as server, listening(server, "binance_spot") as socket:
            await heard(socket)
            await server.say(report("NEWUSDT"))
            event = await heard(socket)
            assert isinstance(event, Touched)
            assert event.symbols is None

    run(scenario())


def test_binance_futures_ask_for_a_new_listen_key_when_theirs_expires() -> None:
    def silent(server: Server, message: Any) -> list[Any]:
        return []

    async def scenario() -> None:
        async with serving(silent) as server, listening(server, "binance_perp") as socket:
            assert isinstance(await heard(socket), Dropped)
            await server.say(
                {"e": "ORDER_TRADE_UPDATE", "E": 1, "o": {"s": "BTCUSDT", "x": "TRADE"}}
            )
            fill = await heard(socket)
            assert isinstance(fill, Touched)
            assert (fill.symbols, fill.records) == (frozenset({"BTC/USDT:USDT"}), FILL)
            funding = {"m": "FUNDING_FEE", "B": [{"a": "USDT"}], "P": [{"s": "BTCUSDT"}]}
            await server.say({"e": "ACCOUNT_UPDATE", "E": 2, "a": funding})
            events = {type(event): event for event in [await heard(socket), await heard(socket)]}
            assert set(events) == {Touched}
            await server.say({"e": "listenKeyExpired", "E": 3})
            assert isinstance(await heard(socket), Dropped)
            assert server.keys == 2
            assert any("listenKey=key-2" in path for path in server.paths)

    run(scenario())


def test_bybit_waits_until_both_topics_are_confirmed() -> None:
    def answer(server: Server, message: Any) -> list[Any]:
        if message["op"] == "auth":
            return [{"success": True, "ret_msg": "", "op": "auth", "conn_id": "1"}]
        return [{"success": True, "ret_msg": "", "op": "subscribe", "conn_id": "1"}]

    async def scenario() -> None:
        async with serving(answer) as server, listening(server, "bybit_perp") as socket:
            assert isinstance(await heard(socket), Dropped)
            topics = [
                arg for said in server.heard if said["op"] == "subscribe" for arg in said["args"]
            ]
            assert sorted(topics) == ["execution", "order"]
            rows = [{"symbol": "BTCUSDT", "execType": "Funding", "execQty": "?"}]
            await server.say({"topic": "execution", "id": "1", "creationTime": 1, "data": rows})
            event = await heard(socket)
            assert isinstance(event, Touched)
            assert event.records == FILL | CASH
            assert event.symbols == frozenset({"BTC/USDT:USDT"})

    run(scenario())


def test_hyperliquid_does_not_take_old_fills_for_new_ones() -> None:
    def answer(server: Server, message: Any) -> list[Any]:
        what = message["subscription"]["type"]
        said: list[Any] = [
            {
                "channel": "subscriptionResponse",
                "data": {"method": "subscribe", "subscription": message["subscription"]},
            }
        ]
        if what == "userFills":
            said.append(
                {
                    "channel": "userFills",
                    "data": {"isSnapshot": True, "user": "0x", "fills": [{"coin": "BTC"}]},
                }
            )
        return said

    async def scenario() -> None:
        async with serving(answer) as server, listening(server, "hyperliquid_perp") as socket:
            assert isinstance(await heard(socket), Dropped)
            assert {said["subscription"]["user"] for said in server.heard} == {"0x" + "a1" * 20}
            await server.say(
                {"channel": "userFills", "data": {"user": "0x", "fills": [{"coin": "PURR/USDC"}]}}
            )
            event = await heard(socket)
            assert isinstance(event, Touched)
            assert (event.symbols, event.records) == (frozenset({"PURR/USDC"}), FILL)

    run(scenario())


def test_a_venue_without_a_socket_says_so() -> None:
    settings = VenueSettings("main", "kraken_spot", "acc")
    with pytest.raises(VenueUnsupported, match="no websocket for kraken_spot"):
        open_socket(settings, Ticking())
