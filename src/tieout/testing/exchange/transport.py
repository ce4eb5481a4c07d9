"""The exchange in one process, on the running loop's clock: no socket, and no real waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from tieout.testing.exchange.faults import Trouble
from tieout.testing.exchange.gateway import answer

if TYPE_CHECKING:
    from tieout.testing.exchange.model import Exchange

_REASONS = {200: "OK", 418: "I'm a teapot", 429: "Too Many Requests", 502: "Bad Gateway"}


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds that a request and its answer take together: the least and the most."""

    least: float = 0.02
    most: float = 0.08


class Transport:
    """`await transport(method, url, headers, body)` gives (status, reason, headers, body).

    A part of the latency passes before the exchange looks at the request, the rest after it: the
    answer is of some instant in between.

    Raises:
        TimeoutError: no answer, after `timeout` seconds.
        ConnectionError: the connection was lost, or the body was cut. `Exchange.transport` takes
            other exceptions to raise in their place.
    """

    def __init__(
        self,
        exchange: Exchange,
        venue: str | None,
        latency: Latency,
        timeout: float,
        cut: Callable[[str], Exception],
        dropped: Callable[[str], Exception],
    ) -> None:
        self._exchange = exchange
        self._venue = venue
        self._latency = latency
        self._timeout = timeout
        self._cut = cut
        self._dropped = dropped
        self._chance = Random(f"{exchange.seed}:{venue}:latency")
        self.requests = 0

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: str | None = None
    ) -> tuple[int, str, Mapping[str, str], str]:
        self.requests += 1
        whole = self._chance.uniform(self._latency.least, self._latency.most)
        there = whole * self._chance.random()
        await asyncio.sleep(there)
        delivery = answer(self._exchange, method, url, headers, body, venue=self._venue)
        if delivery.lost is Trouble.TIMEOUT:
            await asyncio.sleep(max(0.0, self._timeout - there))
            raise TimeoutError("no answer")
        await asyncio.sleep(whole - there)
        if delivery.lost is not None:
            raise self._dropped("the connection was lost")
        if delivery.cut:
            raise self._cut("the body was cut")
        reply = delivery.reply
        named = {"Content-Type": reply.type, **reply.headers}
        return reply.status, _REASONS.get(reply.status, ""), named, reply.body

    async def aclose(self) -> None:
        """Nothing is held."""
