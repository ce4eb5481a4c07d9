"""The exchange over real HTTP and websockets, on loopback. Needs aiohttp: `tieout[venues]`.

    async with serve(exchange) as server:
        ...  # server.base_url, server.ws_url

One server speaks all three venues: their paths do not meet. The user-data stream of Binance is at
`/ws-api/v3` (spot, by signature) and at `/private/ws?listenKey=`, `/ws/<listenKey>` (futures).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tieout.errors import MissingExtra
from tieout.testing.exchange.account import Account
from tieout.testing.exchange.binance import check_signature, check_time
from tieout.testing.exchange.faults import Trouble
from tieout.testing.exchange.gateway import answer
from tieout.testing.exchange.records import Event
from tieout.testing.exchange.streams import futures_messages, spot_messages
from tieout.testing.exchange.wire import Refusal, encoded

if TYPE_CHECKING:
    from tieout.testing.exchange.model import Exchange

try:
    from aiohttp import WSMsgType, web
except ImportError as error:
    raise MissingExtra("venues", "The simulated exchange's server") from error

TICK: Final = 0.02
"""Seconds between two looks at what is due, so that streams say it without being asked."""

Messages = Callable[[Account, Event], Iterator[dict[str, Any]]]


@dataclass
class Server:
    """A running server."""

    exchange: Exchange
    host: str
    port: int = 0
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    sockets: dict[web.WebSocketResponse, web.Request] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://{self.host}:{self.port}"

    async def drop_sockets(self) -> int:
        """Close every websocket without a word, as a lost connection does; how many."""
        dropped = list(self.sockets)
        for socket in dropped:
            await self.drop(socket)
        return len(dropped)

    async def drop(self, socket: web.WebSocketResponse) -> None:
        """Close the connection below a websocket: no closing frame is sent."""
        request = self.sockets.get(socket)
        if request is not None and request.transport is not None:
            request.transport.close()
        await asyncio.sleep(0)


@asynccontextmanager
async def serve(
    exchange: Exchange, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Server]:
    """Serve until the block ends. Port 0 takes a free one."""
    server = Server(exchange, host)
    application = web.Application()
    application.router.add_get("/ws-api/v3", partial(_spot_socket, server))
    application.router.add_get("/private/ws", partial(_futures_socket, server))
    application.router.add_get("/ws/{key}", partial(_futures_socket, server))
    application.router.add_route("*", "/{path:.*}", partial(_reply, server))
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    server.port = runner.addresses[0][1]
    pump = asyncio.create_task(_pump(server))
    try:
        yield server
    finally:
        server.closing.set()
        pump.cancel()
        with suppress(asyncio.CancelledError):
            await pump
        await server.drop_sockets()
        await runner.cleanup()


async def _pump(server: Server) -> None:
    while True:
        server.exchange.advance()
        await asyncio.sleep(TICK)


async def _reply(server: Server, request: web.Request) -> web.StreamResponse:
    body = (await request.read()).decode("utf-8", "replace")
    delivery = answer(
        server.exchange, request.method, request.raw_path, dict(request.headers), body or None
    )
    if delivery.lost is Trouble.TIMEOUT:
        await server.closing.wait()
    if delivery.lost is not None:
        return _hung_up(request)
    reply = delivery.reply
    raw = reply.body.encode()
    headers = {"Content-Type": reply.type, **reply.headers}
    if not delivery.cut:
        return web.Response(status=reply.status, body=raw, headers=headers)
    response = web.StreamResponse(status=reply.status, headers=headers)
    response.content_length = len(raw)
    await response.prepare(request)
    await response.write(raw[: len(raw) // 2])
    return _hung_up(request, response)


def _hung_up(
    request: web.Request, response: web.StreamResponse | None = None
) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.close()
    return response or web.Response(status=500)


# Streams


async def _spot_socket(server: Server, request: web.Request) -> web.StreamResponse:
    """The websocket API: `userDataStream.subscribe.signature`, then events with its number."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    server.sockets[socket] = request
    streams: list[_Stream] = []
    try:
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            asked = msgspec.json.decode(message.data)
            reply, account = _subscribed(server.exchange, asked, len(streams))
            await socket.send_str(encoded(reply))
            if account is not None:
                number = len(streams)
                streams.append(_Stream(server, socket, account, spot_messages, number))
    finally:
        server.sockets.pop(socket, None)
        for stream in streams:
            await stream.aclose()
    return socket


def _subscribed(
    exchange: Exchange, asked: dict[str, Any], number: int
) -> tuple[dict[str, Any], Account | None]:
    name = asked.get("id")
    params = {key: str(value) for key, value in (asked.get("params") or {}).items()}
    if asked.get("method") == "ping":
        return {"id": name, "status": 200, "result": {}}, None
    if asked.get("method") != "userDataStream.subscribe.signature":
        error = {"code": -1125, "msg": "This method is not simulated."}
        return {"id": name, "status": 400, "error": error}, None
    key = exchange.keys.get(params.get("apiKey", ""))
    try:
        if key is None or key.revoked or key.account.venue != "binance":
            error = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}
            return {"id": name, "status": 401, "error": error}, None
        now = exchange.milliseconds()
        check_time(params, now + exchange.faults.skew(now))
        ordered = sorted((key, value) for key, value in params.items() if key != "signature")
        signed = "&".join(f"{key}={value}" for key, value in ordered)
        check_signature(f"{signed}&signature={params.get('signature', '')}", key.secret)
    except Refusal as refusal:
        error = msgspec.json.decode(refusal.reply.body)
        return {"id": name, "status": refusal.reply.status, "error": error}, None
    return {"id": name, "status": 200, "result": {"subscriptionId": number}}, key.account


async def _futures_socket(server: Server, request: web.Request) -> web.StreamResponse:
    name = request.match_info.get("key") or request.query.get("listenKey", "")
    account = server.exchange.listen_keys.get(name)
    if account is None:
        return web.Response(status=401, text="Invalid listenKey")
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    server.sockets[socket] = request
    stream = _Stream(server, socket, account, futures_messages, None)
    try:
        async for _ in socket:
            pass  # the client has nothing to say here
    finally:
        server.sockets.pop(socket, None)
        await stream.aclose()
    return socket


class _Stream:
    """Sends what happens to an account, from now on, to a socket."""

    def __init__(
        self,
        server: Server,
        socket: web.WebSocketResponse,
        account: Account,
        messages: Messages,
        number: int | None,
    ) -> None:
        self._server = server
        self._socket = socket
        self._account = account
        self._messages = messages
        self._number = number
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        account.listeners.append(self._hear)
        self._task = asyncio.create_task(self._send())

    def _hear(self, account: Account, event: Event) -> None:
        for message in self._messages(account, event):
            self._waiting.put_nowait(message)

    async def _send(self) -> None:
        exchange = self._server.exchange
        while True:
            message = await self._waiting.get()
            if exchange.faults.drops(exchange.milliseconds()):
                await self._server.drop(self._socket)
                return
            wrapped = (
                message
                if self._number is None
                else {"subscriptionId": self._number, "event": message}
            )
            try:
                await self._socket.send_str(encoded(wrapped))
            except ConnectionError:
                return

    async def aclose(self) -> None:
        if self._hear in self._account.listeners:
            self._account.listeners.remove(self._hear)
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
