"""ccxt.pro's exchange, with its messages shown to us first, and nothing left behind on close."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Final

_FRAMES: Final = frozenset({"TEXT", "BINARY", "PING", "PONG"})
"""What comes over a connection that stands; others are made here, when it does not."""


def unified(exchange: Any, native: str, kind: str) -> str | None:
    """The unified symbol of a venue's own, of that kind of market; None where it is not known."""
    if exchange.id == "hyperliquid":
        native = exchange.coin_to_market_id(native)
        market = (exchange.markets or {}).get(native) or _first(exchange, native, kind)
        return market["symbol"] if market else None
    market = _first(exchange, native, kind)
    return market["symbol"] if market else None


def _first(exchange: Any, native: str, kind: str) -> Any:
    markets: Iterator[Any] = iter((exchange.markets_by_id or {}).get(native) or ())
    return next((market for market in markets if market.get("type") == kind), None)


def listening(cls: type[Any]) -> type[Any]:
    """ccxt.pro's class, with its messages shown to us first, and its timers stopped on close."""

    class Listening(cls):  # type: ignore[misc]
        heard: Callable[[Any, Any, Any], bool] | None = None
        connected: Callable[[], None] | None = None
        lives: Callable[[], None] | None = None
        _timers: tuple[asyncio.TimerHandle, ...] = ()

        def handle_message(self, client: Any, message: Any) -> None:
            if self.heard is None or not self.heard(self, client, message):
                super().handle_message(client, message)

        def on_connected(self, client: Any, message: Any = None) -> None:
            super().on_connected(client, message)
            if self.connected is not None:
                self.connected()

        def client(self, url: str) -> Any:
            known = url in (self.clients or {})
            client = super().client(url)
            if not known:
                handle = client.handle_message

                def told(frame: Any) -> None:
                    # Pings and pongs too: a quiet account need not be asked about hours.
                    if self.lives is not None and frame.type.name in _FRAMES:
                        self.lives()
                    handle(frame)

                client.handle_message = told
            return client

        def delay(self, timeout: float, method: Any, *args: Any) -> Any:
            timer = super().delay(timeout, method, *args)
            self._timers = (*(each for each in self._timers if not each.cancelled()), timer)
            return timer

        async def close(self, clean_instance_data: bool = False) -> Any:
            for timer in self._timers:
                timer.cancel()
            return await super().close(clean_instance_data)

    Listening.__name__ = cls.__name__
    return Listening
