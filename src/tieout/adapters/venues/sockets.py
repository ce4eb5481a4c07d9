"""Websockets of Binance, Bybit and Hyperliquid: they say that something happened, never what.

ccxt.pro signs, connects and pings. What it would make of an event goes through floats, so that
events are taken before it sees them: their numbers are not read, and its caches stay empty.

1. A value never comes from a socket. `Touched` says what to ask the venue for.
2. What a socket may have missed is always said: `Dropped` gives the window, from the last moment
   that the connection was known to be good until the venue confirmed the new subscription. The
   first connection has one too: from when it was asked for.
3. A slow reader costs no memory and loses nothing: events that wait are merged.
4. Refused credentials end the iteration with an error; everything else is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from tieout.adapters.venues.dialects import DIALECTS, Dialect
from tieout.adapters.venues.listening import listening, unified
from tieout.adapters.venues.settings import VenueSettings, relocated
from tieout.core.canonical import nanoseconds
from tieout.errors import MissingExtra, VenueRefused, VenueUnsupported
from tieout.ports import Clock


class Touched(Struct, frozen=True):
    """Something happened; ask the venue.

    Attributes:
        symbols: unified symbols; None where the event does not name them: all.
        records: what an answer may say otherwise now: `orders`, `trades`, `positions`, ...
        at: UTC nanoseconds by our clock, when the first of the events came.
    """

    symbols: frozenset[str] | None
    records: frozenset[str]
    at: int


class Dropped(Struct, frozen=True):
    """What happened between these times (UTC nanoseconds, inclusive) was not seen."""

    since: int
    until: int


Event = Touched | Dropped

FIRST_PAUSE: Final = 1.0
"""Seconds before the first new attempt to connect; doubled with each, up to `LONGEST_PAUSE`."""
LONGEST_PAUSE: Final = 60.0
PATIENCE: Final = 30.0
"""Seconds for the venue to confirm a subscription. ccxt gives a handshake 10."""


class Socket:
    """The events of one account, as an asynchronous iterator that ends with `aclose`.

    Args:
        name: of the source, for errors.
        dialect: one of `DIALECTS`.
        connect: a new instance of ccxt.pro's class, made with `listening`, markets loaded or
            loadable. Each attempt has its own: an expired listen key is not used again.
        sleep: seconds; a test's own.
    """

    def __init__(
        self,
        name: str,
        dialect: Dialect,
        connect: Callable[[], Any],
        clock: Clock,
        *,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        self._name = name
        self._dialect = dialect
        self._connect = connect
        self._clock = clock
        self._sleep = sleep
        self._wake = asyncio.Event()
        self._dropped: Dropped | None = None
        self._touched: dict[frozenset[str], Touched] = {}
        self._alive_at: int | None = None
        self._confirmed = 0
        self._up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        """The next event; what waits longest, and a gap before what came after it.

        Raises:
            VenueRefused: the credentials are refused.
        """
        if self._task is None and not self._closed:
            self._alive_at = self._now()
            self._task = asyncio.create_task(self._run(), name=f"socket {self._name}")
        while True:
            if self._dropped is not None:
                dropped, self._dropped = self._dropped, None
                return dropped
            if self._touched:
                return self._touched.pop(next(iter(self._touched)))
            if self._closed:
                raise StopAsyncIteration
            if self._task is not None and self._task.done():
                self._task.result()
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()

    @property
    def up(self) -> bool:
        """Whether the venue has confirmed the subscription, and the connection stands."""
        return self._up.is_set()

    async def aclose(self) -> None:
        """Close the connection and end the iteration. More than once is no error."""
        self._closed = True
        if self._task is not None and not self._task.done():
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError, VenueRefused):
                await self._task
        self._wake.set()

    def _now(self) -> int:
        return nanoseconds(self._clock.now())

    async def _run(self) -> None:
        try:
            pause = FIRST_PAUSE
            while True:
                stood = await self._hold()
                pause = FIRST_PAUSE if stood else pause
                await self._sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
        finally:
            self._up.clear()
            self._wake.set()

    async def _hold(self) -> bool:
        """Connect, subscribe, and stay until the connection ends; whether it ever stood.

        Raises:
            VenueRefused: the credentials are refused.
        """
        exchange = self._connect()
        exchange.heard = self._heard
        exchange.connected = self._connected
        exchange.lives = self._lives
        self._confirmed = 0
        stood = False
        watching = [
            asyncio.create_task(_forever(getattr(exchange, method)))
            for method in self._dialect.watch
        ]
        confirmed = asyncio.create_task(asyncio.wait_for(self._up.wait(), PATIENCE))
        try:
            await asyncio.wait({*watching, confirmed}, return_when=asyncio.FIRST_COMPLETED)
            if confirmed.done() and self._up.is_set():
                stood = True
                await asyncio.wait(watching, return_when=asyncio.FIRST_COMPLETED)
            # Why it ended does not matter, save for a refusal: the gap is said, and the next
            # attempt is made. (ccxt's own tasks fall over what it does not expect, too.)
            ended = (each for each in (*watching, confirmed) if each.done())
            errors = [each.exception() for each in ended if not each.cancelled()]
            self._check(errors)
        finally:
            self._up.clear()
            await _finish(exchange, (*watching, confirmed))
        return stood

    def _check(self, errors: Sequence[BaseException | None]) -> None:
        """Raises VenueRefused where the credentials are why."""
        refusal = next(filter(None, map(_refusal, errors)), None)
        if refusal is not None:
            raise VenueRefused(
                f"the venue refuses the credentials for its websocket: {refusal}",
                venue=self._name,
                method=self._dialect.watch[0],
                hint="check the key and its permissions, then start again",
            )

    def _connected(self) -> None:
        if self._dialect.confirms is None:
            self._confirm(len(self._dialect.watch))

    def _lives(self) -> None:
        """A frame came: whatever was sent before it came as well."""
        if self._up.is_set():
            self._alive_at = self._now()

    def _confirm(self, count: int) -> None:
        """The subscription stands: nothing is missed from now on, and what was is said."""
        self._confirmed += count
        if self._confirmed < len(self._dialect.watch) or self._up.is_set():
            return
        now = self._now()
        since = now if self._alive_at is None else self._alive_at
        if self._dropped is not None:
            since = min(since, self._dropped.since)
        self._dropped = Dropped(since, max(since, now))
        self._alive_at = now
        self._up.set()
        self._wake.set()

    def _heard(self, exchange: Any, client: Any, message: Any) -> bool:
        """Take a message, unless it is ccxt's own business: then False."""
        import ccxt

        if not isinstance(message, dict):
            return False
        if self._dialect.ends(message):
            client.reject(ccxt.NetworkError("the venue ended the stream"))
            return True
        found = self._dialect.events(message)
        if found is None:
            if self._dialect.confirms is not None and self._dialect.confirms(message):
                self._confirm(1)
            return False
        for native, records in found:
            self._touch(self._symbols(exchange, native), records)
        return True

    def _symbols(self, exchange: Any, native: str | None) -> frozenset[str] | None:
        if native is None:
            return None
        symbol = unified(exchange, native, self._dialect.kind)
        # A market that is newer than our table is asked for with all others.
        return None if symbol is None else frozenset({symbol})

    def _touch(self, symbols: frozenset[str] | None, records: frozenset[str]) -> None:
        waiting = self._touched.get(records)
        if waiting is None:
            self._touched[records] = Touched(symbols, records, self._now())
        elif waiting.symbols is not None:
            both = None if symbols is None else waiting.symbols | symbols
            self._touched[records] = Touched(both, records, waiting.at)
        self._wake.set()


def open_socket(
    settings: VenueSettings, clock: Clock, markets: Sequence[Mapping[str, Any]] | None = None
) -> Socket:
    """The socket of an account; it connects when it is first asked for an event.

    Args:
        markets: ccxt's, from the account's client; without, they are loaded for each connection.

    Raises:
        VenueUnsupported: there is none for this venue. MissingExtra: ccxt is not installed.
    """
    dialect = DIALECTS.get(settings.venue)
    if dialect is None:
        raise VenueUnsupported(
            f"there is no websocket for {settings.venue}",
            venue=settings.name,
            method="websocket",
            hint=f"it is asked at intervals; there is one for {', '.join(sorted(DIALECTS))}",
        )
    try:
        import ccxt.pro
    except ImportError:
        raise MissingExtra("venues", f"The venue {settings.venue}") from None
    cls = listening(getattr(ccxt.pro, settings.venue.partition("_")[0]))

    def connect() -> Any:
        exchange = cls(_configured(settings, dialect))
        if settings.base_url is not None:
            sockets = exchange.urls["api"].pop("ws")
            exchange.urls["api"] = relocated(exchange.urls["api"], settings.base_url)
            exchange.urls["api"]["ws"] = sockets
        if settings.ws_url is not None:
            exchange.urls["api"]["ws"] = relocated(exchange.urls["api"]["ws"], settings.ws_url)
        if markets is not None:
            exchange.set_markets(list(markets))
        return exchange

    return Socket(settings.name, dialect, connect, clock)


def _configured(settings: VenueSettings, dialect: Dialect) -> dict[str, Any]:
    """What ccxt.pro's constructor is given."""
    who = settings.credentials
    given = {
        "apiKey": who.key,
        "secret": who.secret,
        "password": who.password,
        "walletAddress": who.wallet,
    }
    return {
        **{name: value for name, value in given.items() if value is not None},
        "timeout": int(settings.timeout * 1000),
        # Exchanges of a few requests: the key, and its renewal.
        "enableRateLimit": False,
        "options": {
            "defaultType": dialect.kind,
            **({"defaultSubType": "linear"} if dialect.kind == "swap" else {}),
            "fetchCurrencies": False,
            "fetchMargins": False,
            "fetchMarkets": {"types": list(dialect.markets)},
            # Values are not wanted from here, so that ccxt need not fetch first ones.
            "watchBalance": {"fetchBalanceSnapshot": False, "awaitBalanceSnapshot": False},
            "watchPositions": {"fetchPositionsSnapshot": False, "awaitPositionsSnapshot": False},
            # Else ccxt asks for the kind of account first, and takes an error for an answer.
            "enableUnifiedMargin": False,
            "enableUnifiedAccount": True,
        },
    }


def _refusal(error: BaseException | None) -> str | None:
    """What ccxt calls a refusal of the credentials, even one that it fell over afterwards."""
    import ccxt

    while error is not None:
        if isinstance(error, ccxt.AuthenticationError):
            return type(error).__name__
        error = error.__cause__ or error.__context__
    return None


async def _forever(watch: Callable[[], Any]) -> None:
    """Stay subscribed. It returns by an error only: events never reach ccxt."""
    while True:
        await watch()


async def _finish(exchange: Any, tasks: tuple[asyncio.Task[Any], ...]) -> None:
    """Cancel and collect, so that nothing is left pending and no error unretrieved."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.shield(exchange.close())
