"""A simulated exchange over HTTP on a thread of its own, and an engine that trades on it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from tieout.testing.exchange import Account, Exchange
from tieout.testing.exchange.faults import Faults
from tieout.testing.exchange.server import Server, serve

T = TypeVar("T")

KEY, SECRET = "key-1234567890", "secret-that-nobody-may-see"
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


class Live:
    """A running exchange, with the account `main` at Binance."""

    def __init__(self, exchange: Exchange, account: Account) -> None:
        self.exchange, self.account = exchange, account
        self.server: Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._end: asyncio.Event | None = None
        self._serving: Future[None] | None = None

    def call(self, work: Callable[[], T]) -> T:
        """Do something where the exchange lives."""

        async def done() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(10)

    def up(self, port: int = 0) -> None:
        started: Future[Server] = Future()

        async def serving() -> None:
            self._end = asyncio.Event()
            async with serve(self.exchange, port=port) as server:
                started.set_result(server)
                await self._end.wait()

        if not self._thread.is_alive():
            self._thread.start()
        self._serving = asyncio.run_coroutine_threadsafe(serving(), self._loop)
        self.server = started.result(10)

    def down(self) -> None:
        """No longer there: connections are refused."""
        if self._serving is not None and self._end is not None:
            self._loop.call_soon_threadsafe(self._end.set)
            self._serving.result(10)
            self._serving = None

    def close(self) -> None:
        self.down()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def trade(self, symbol: str, side: str, quantity: str, *, ago: float = 0) -> Any:
        """A fill; `ago` seconds earlier than now."""
        at = self.exchange.milliseconds() - int(ago * 1000)
        return self.call(lambda: self.account.trade(symbol, side, quantity, at=at))

    def config(self, path: Path, reconciliations: str, *, book: str = "{type: frame}") -> Path:
        assert self.server is not None
        path.write_text(
            f"""version: 1
reporting_currency: USDT
store: sqlite:///{path.with_suffix(".db")}
sources:
  book: {book}
  binance:
    type: venue
    venue: binance_perp
    account: main
    api_key: env:VENUE_KEY
    secret: env:VENUE_SECRET
    base_url: {self.server.base_url}
    ws_url: {self.server.ws_url}
    options: {{rate_limit: false}}
    lag: 100ms
reconciliations:
{reconciliations}
""",
            encoding="utf-8",
        )
        return path


@contextmanager
def live(*, funds: str = "100000", faults: Faults | None = None) -> Iterator[Live]:
    exchange = Exchange(seed=1, limits=False, faults=faults)
    account = exchange.open("binance", "main", key=KEY, secret=SECRET)
    early = exchange.milliseconds() - 3_600_000
    account.deposit("USDT", funds, at=early)
    account.transfer("USDT", Decimal(funds) / 2, "spot", "futures", at=early)
    found = Live(exchange, account)
    found.up()
    try:
        yield found
    finally:
        found.close()


@dataclass
class Engine:
    """An engine as many have one; it believes what it is told.

    Attributes:
        fails: raised by each call. `hangs`: no call comes back.
    """

    positions: dict[str, Decimal] = field(default_factory=dict)
    cash: Decimal = Decimal(50_000)
    fails: Exception | None = None
    hangs: bool = False
    asked: list[str] = field(default_factory=list)
    loops: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, account: Account) -> Engine:
        """One that is right."""
        state = account.state
        held = {symbol: each.quantity for (symbol, _), each in state.positions.items()}
        return cls({name: size for name, size in held.items() if size}, _cash(account))

    async def _asked(self, what: str) -> None:
        self.asked.append(what)
        self.loops.add(id(asyncio.get_running_loop()))
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails is not None:
            raise self.fails

    async def get_positions(self) -> list[dict[str, Any]]:
        await self._asked("positions")
        return [{"symbol": name, "quantity": size} for name, size in self.positions.items()]

    async def get_account_info(self) -> dict[str, Any]:
        await self._asked("account")
        return {"balances": [{"currency": "USDT", "total": self.cash, "wallet": "futures"}]}

    async def get_open_orders(self) -> list[dict[str, Any]]:
        await self._asked("orders")
        return []


def _cash(account: Account) -> Decimal:
    return account.state.wallets["futures", "USDT"]


def reconciliation(records: str, name: str | None = None, **more: object) -> str:
    keys = {
        "records": records, "internal": "book", "external": "binance", "every": "60s",
        "grace": "200ms", **more,
    }  # fmt: skip
    inside = ", ".join(f"{key}: {value}" for key, value in keys.items())
    return f"  {name or records}: {{{inside}}}"
