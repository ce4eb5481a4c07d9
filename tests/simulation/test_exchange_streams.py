"""Binance's user-data streams, as ccxt.pro hears them; sockets that drop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from ccxt import NetworkError
from simulation.exchange_clients import client, opened

from tieout.testing.exchange import Account, Exchange, Fault, Faults, Market, Trouble
from tieout.testing.exchange.server import Server, serve

D = Decimal
BTC, PERP = "BTC/USDT", "BTC/USDT:USDT"


def streamed(
    work: Callable[[Account, Any, Server], Awaitable[Any]], faults: Faults | None = None
) -> Any:
    async def main() -> Any:
        exchange = Exchange(faults=faults)
        account = opened(exchange, "binance")
        account.deposit("USDT", "100000")
        account.transfer("USDT", "50000", "spot", "futures")
        async with serve(exchange) as server:
            watcher = client("binance", server)
            try:
                async with asyncio.timeout(20):
                    return await work(account, watcher, server)
            finally:
                await watcher.close()

    return asyncio.run(main())


async def listened(account: Account, count: int = 1) -> None:
    """Wait until so many streams hear the account."""
    while len(account.listeners) < count:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(("symbol", "kind"), [(BTC, "spot"), (PERP, "swap")])
def test_watch_my_trades_hears_each_fill(symbol: str, kind: str) -> None:
    async def work(account: Account, watcher: Any, _: Server) -> Any:
        task = asyncio.create_task(watcher.watch_my_trades(symbol, params={"type": kind}))
        await listened(account)
        fill = account.trade(symbol, "buy", "0.25", "90000.10")
        return fill, await task

    fill, (trade,) = streamed(work)
    assert (trade["id"], trade["order"]) == (str(fill.id), str(fill.order.id))
    assert (trade["symbol"], trade["side"]) == (symbol, "buy")
    assert (D(str(trade["amount"])), D(str(trade["price"]))) == (D("0.25"), D("90000.10"))
    assert D(str(trade["fee"]["cost"])) == fill.fee
    assert trade["fee"]["currency"] == fill.fee_asset


@pytest.mark.parametrize(("symbol", "kind"), [(BTC, "spot"), (PERP, "swap")])
def test_watch_orders_hears_placing_filling_and_cancelling(symbol: str, kind: str) -> None:
    async def work(account: Account, watcher: Any, _: Server) -> Any:
        heard = []

        def hear(orders: list[dict[str, Any]]) -> None:  # ccxt changes them later
            for each in orders:
                filled = D(str(each["filled"]))
                heard.append((each["clientOrderId"], each["status"], filled))

        task = asyncio.create_task(watcher.watch_orders(symbol, params={"type": kind}))
        await listened(account)
        order = account.place(symbol, "buy", "1", "80000.00", client_id="mine")
        hear(await task)
        for change in (
            lambda: account.fill(order, "0.4", "80000.00", maker=True),
            lambda: account.cancel(order),
        ):
            change()
            hear(await watcher.watch_orders(symbol, params={"type": kind}))
        return heard

    assert streamed(work) == [
        ("mine", "open", D(0)),
        ("mine", "open", D("0.4")),
        ("mine", "canceled", D("0.4")),
    ]


def test_watch_balance_and_positions_of_futures() -> None:
    async def work(account: Account, watcher: Any, _: Server) -> Any:
        params = {"type": "swap"}
        watcher.options["watchPositions"] = {"fetchPositionsSnapshot": False}
        balance = asyncio.create_task(watcher.watch_balance(params))
        positions = asyncio.create_task(watcher.watch_positions(None, None, None, params))
        await listened(account)
        account.trade(PERP, "sell", "0.5", "90000.00")
        return await balance, await positions, account.state

    balance, (position,), state = streamed(work)
    assert D(str(balance["USDT"]["total"])) == state.wallets["futures", "USDT"]
    assert (position["side"], D(str(position["contracts"]))) == ("short", D("0.5"))


def test_trading_that_nobody_asks_about_is_streamed_all_the_same() -> None:
    async def work(account: Account, watcher: Any, _: Server) -> Any:
        task = asyncio.create_task(watcher.watch_my_trades(params={"type": "spot"}))
        await listened(account)
        Market(account.exchange, [account], symbols=[BTC], rate=50)
        return await task

    assert {trade["symbol"] for trade in streamed(work)} == {BTC}


@pytest.mark.parametrize(
    ("key", "secret", "code"),
    [("binance-key", "another", -1022), ("unknown", "binance-secret", -2015)],
)
def test_a_subscription_that_is_signed_wrong_is_refused(key: str, secret: str, code: int) -> None:
    async def work(account: Account, watcher: Any, server: Server) -> Any:
        watcher.apiKey, watcher.secret = key, secret
        async with aiohttp.ClientSession() as session:
            socket = await session.ws_connect(f"{server.ws_url}/ws-api/v3")
            method = "userDataStream.subscribe.signature"
            await socket.send_json({"id": 1, "method": method, "params": watcher.sign_params({})})
            return await socket.receive_json(), len(account.listeners)

    answer, listeners = streamed(work)
    assert answer["error"]["code"] == code
    assert listeners == 0


def test_a_socket_dropped_by_hand_is_an_error_for_the_watcher_and_it_can_come_back() -> None:
    async def work(account: Account, watcher: Any, server: Server) -> Any:
        task = asyncio.create_task(watcher.watch_my_trades(BTC, params={"type": "spot"}))
        await listened(account)
        assert await server.drop_sockets() == 1
        with pytest.raises(NetworkError):
            await task
        while account.listeners:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
        again = asyncio.create_task(watcher.watch_my_trades(BTC, params={"type": "spot"}))
        await listened(account)
        account.trade(BTC, "buy", "0.1")
        return await again

    assert len(streamed(work)) == 1


def test_a_fault_drops_a_socket_instead_of_an_event() -> None:
    faults = Faults(3, [Fault(Trouble.SOCKET_DROP, at=[0])])

    async def work(account: Account, watcher: Any, _: Server) -> None:
        task = asyncio.create_task(watcher.watch_my_trades(BTC, params={"type": "spot"}))
        await listened(account)
        account.trade(BTC, "buy", "0.1")
        with pytest.raises(NetworkError):
            await task

    streamed(work, faults)
    assert [each.kind for each in faults.injected] == [Trouble.SOCKET_DROP]


def test_an_unknown_listen_key_is_refused() -> None:
    async def work(_: Account, __: Any, server: Server) -> None:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(f"{server.ws_url}/private/ws?listenKey=nope")
            assert refused.value.status == 401

    streamed(work)


def test_the_websocket_api_answers_pings_and_says_what_it_does_not_do() -> None:
    async def work(_: Account, __: Any, server: Server) -> Any:
        async with aiohttp.ClientSession() as session:
            socket = await session.ws_connect(f"{server.ws_url}/ws-api/v3")
            answers = []
            for method in ("ping", "order.place"):
                await socket.send_json({"id": method, "method": method})
                answers.append(await socket.receive_json())
            with suppress(aiohttp.ClientError):
                await socket.close()
            return answers

    pong, refused = streamed(work)
    assert pong == {"id": "ping", "status": 200, "result": {}}
    assert refused["status"] == 400
