"""Adapters by name, and the clients that they share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, Final

from tieout.adapters.venues.client import Client
from tieout.adapters.venues.settings import VenueSettings
from tieout.adapters.venues.transport import Transport
from tieout.adapters.venues.venue import VenueFeed
from tieout.errors import MissingExtra, UsageError
from tieout.ports import Clock

_HERE: Final = "tieout.adapters.venues"

VENUES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "binance_spot": ("binance", "BinanceSpot"),
        "binance_perp": ("binance_perp", "BinancePerp"),
        "bybit_spot": ("bybit", "BybitSpot"),
        "bybit_perp": ("bybit_perp", "BybitPerp"),
        "kraken_spot": ("kraken", "KrakenSpot"),
        "kraken_margin": ("kraken", "KrakenMargin"),
        "hyperliquid_perp": ("hyperliquid", "HyperliquidPerp"),
        "mexc_spot": ("mexc", "MexcSpot"),
        "gateio_spot": ("gateio", "GateioSpot"),
        "bitget_spot": ("bitget", "BitgetSpot"),
        "coinbase_spot": ("coinbase", "CoinbaseSpot"),
        "dydx_perp": ("dydx", "DydxPerp"),
    }
)
"""The name in a configuration to module and class. Any other exchange of ccxt is `ccxt:<id>`."""

GENERIC: Final = "ccxt:"


def adapter_of(venue: str) -> type[VenueFeed]:
    """The class of an adapter. For `ccxt:<id>` it is one of its own per exchange.

    Raises:
        UsageError: there is none of that name.
    """
    if venue.startswith(GENERIC):
        module = import_module(f"{_HERE}.generic")
        made: type[VenueFeed] = module.generic_venue(venue.removeprefix(GENERIC))
        return made
    if venue not in VENUES:
        raise UsageError(
            f"there is no venue {venue!r}",
            hint=f"one of {', '.join(VENUES)}, or ccxt:<id> for another exchange of ccxt",
        )
    name, attribute = VENUES[venue]
    found: type[VenueFeed] = getattr(import_module(f"{_HERE}.{name}"), attribute)
    return found


class Clients:
    """Clients that are open: one for all adapters of an account, closed with the last of them."""

    def __init__(self, clock: Clock, transport: Transport | None = None) -> None:
        self._clock = clock
        self._transport = transport
        self._open: dict[tuple[Any, ...], tuple[Client, set[int]]] = {}
        self._users = 0

    def open(self, settings: VenueSettings) -> VenueFeed:
        """An adapter for an account. Nothing is asked before its first question.

        Raises:
            MissingExtra: ccxt is not installed.
            UsageError: there is no such venue.
        """
        if find_spec("ccxt") is None:
            raise MissingExtra("venues", f"source {settings.name!r}")
        adapter = adapter_of(settings.venue)
        key = (
            adapter.wire.exchange,
            settings.account,
            settings.base_url,
            settings.credentials,
            settings.timeout,
        )
        held = self._open.get(key)
        if held is None:
            client = Client(settings, adapter.wire, self._clock, self._transport)
            held = self._open[key] = client, set()
        client, users = held
        self._users += 1
        user = self._users
        users.add(user)

        async def close() -> None:
            if user not in users:
                return
            users.remove(user)
            if not users:
                self._open.pop(key, None)
                await client.aclose()

        return adapter(settings, client, close)


def open_venues(
    settings: Iterable[VenueSettings], clock: Clock, transport: Transport | None = None
) -> list[VenueFeed]:
    """An adapter for each; those of one account share a client.

    Args:
        transport: in place of HTTP: a simulated exchange in the same process.
    """
    clients = Clients(clock, transport)
    return [clients.open(each) for each in settings]
