"""A client of Binance against an exchange in this process, whose replies are a script."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from tieout.adapters.venues.binance_words import BINANCE
from tieout.adapters.venues.classify import Wire
from tieout.adapters.venues.client import Client
from tieout.adapters.venues.settings import Credentials, Retry, VenueSettings
from tieout.adapters.venues.transport import Reply
from tieout.testing.virtual import VirtualClock, run

T = TypeVar("T")
KEY, SECRET = "key-of-nobody-at-all", "c2VjcmV0LW9mLW5vYm9keS1hdC1hbGw="
START = datetime(2025, 3, 1, 12, tzinfo=UTC)
GOOD: Reply = (200, "OK", {}, '{"balances": []}')


class Script:
    """Stands in for HTTP: gives its replies one after the other, the last one for ever.

    Attributes:
        asked: (loop time, method, url, body) of each request.
    """

    def __init__(self, *replies: Reply | BaseException) -> None:
        self.replies = list(replies)
        self.asked: list[tuple[float, str, str, str | None]] = []
        self.headers: list[Mapping[str, str]] = []
        self.times: Callable[[], int] = lambda: 1_740_830_400_000

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: str | None
    ) -> Reply:
        now = asyncio.get_running_loop().time()
        self.asked.append((now, method, url, body))
        self.headers.append(headers)
        if url.endswith(("/time", "/Time")):
            return 200, "OK", {}, f'{{"serverTime": {self.times()}}}'
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, BaseException):
            raise reply
        return reply

    @property
    def moments(self) -> list[float]:
        """When the account was asked for, the clock left aside."""
        return [round(now, 3) for now, _, url, _ in self.asked if not url.endswith("/time")]


def virtual(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """`main` in virtual time."""
    return run(main(), START)


def client_of(
    script: Script, *, retry: Retry | None = None, wire: Wire = BINANCE, **settings: Any
) -> Client:
    given = {
        "credentials": Credentials(KEY, SECRET),
        "options": {"rate_limit": False},
        **settings,
    }
    made = VenueSettings("here", "binance_spot", "acc", retry=retry or Retry(), **given)
    return Client(made, wire, VirtualClock(), script)


def asked(script: Script, calls: Callable[[Client], Awaitable[T]], **how: Any) -> T:
    """What `calls` returns with a client on this script."""

    async def ask() -> T:
        client = client_of(script, **how)
        try:
            return await calls(client)
        finally:
            await client.aclose()

    return virtual(ask)
