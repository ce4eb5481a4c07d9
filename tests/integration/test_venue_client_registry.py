"""Adapters by name, and how they are opened and closed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from importlib import util
from typing import Any

import pytest
from venue_world import KEY, SECRET

from tieout.adapters.clock import SystemClock
from tieout.adapters.venues.registry import VENUES, Clients, adapter_of, open_venues
from tieout.adapters.venues.settings import Credentials, VenueSettings, relocated
from tieout.core.schema import RECORD_TYPES
from tieout.errors import MissingExtra, UsageError
from tieout.testing.exchange import Exchange


@pytest.mark.parametrize("name", sorted(VENUES))
def test_every_name_has_an_adapter_that_says_what_it_has(name: str) -> None:
    adapter = adapter_of(name)
    assert adapter.OFFERS
    assert set(RECORD_TYPES) >= adapter.OFFERS
    for records in adapter.OFFERS:
        assert callable(getattr(adapter, f"_{records}")), "it offers what it has no question for"
    assert adapter.exchange in name or (name, adapter.exchange) == ("gateio_spot", "gateio")


def test_an_unknown_venue_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="no venue 'binanse'") as raised:
        adapter_of("binanse")
    assert "binance_spot" in (raised.value.hint or "")
    assert "ccxt:<id>" in (raised.value.hint or "")


@pytest.fixture
def no_ccxt(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    found = util.find_spec
    monkeypatch.setattr(
        "tieout.adapters.venues.registry.find_spec",
        lambda name: None if name == "ccxt" else found(name),
    )
    monkeypatch.setitem(sys.modules, "ccxt", None)
    return


@pytest.mark.usefixtures("no_ccxt")
def test_without_ccxt_it_says_what_to_install() -> None:
    with pytest.raises(MissingExtra, match="source 'here'") as raised:
        Clients(SystemClock()).open(VenueSettings("here", "binance_spot", "acc"))
    assert "tieout[venues]" in (raised.value.hint or "")


def test_opening_asks_nothing() -> None:
    async def run() -> None:
        asked: list[str] = []

        async def transport(method: str, url: str, *_: Any) -> Any:
            asked.append(url)
            return 200, "OK", {}, "{}"

        given = Credentials(KEY, SECRET)
        settings = [VenueSettings(name, name, "acc", given) for name in VENUES if "_" in name]
        feeds = open_venues(settings, SystemClock(), transport)
        assert [feed.name for feed in feeds] == [each.name for each in settings]
        for feed in feeds:
            await feed.aclose()
            await feed.aclose()
        assert asked == []

    asyncio.run(run())


def test_accounts_and_keys_have_clients_of_their_own() -> None:
    async def run() -> None:
        clients = Clients(SystemClock(), Exchange().transport("binance"))

        def client(account: str, key: str, venue: str = "binance_spot") -> Any:
            given = Credentials(key, SECRET)
            return clients.open(VenueSettings(f"{account}{key}", venue, account, given))._client

        first = client("a", "k1")
        assert client("a", "k1", "binance_perp") is first
        assert client("a", "k2") is not first
        assert client("b", "k1") is not first
        assert SECRET not in repr(clients._open)

    asyncio.run(run())


def test_addresses_move_with_their_paths() -> None:
    urls = {"a": {"b": "https://api.example.com/v3"}, "c": "https://api.{hostname}", "d": None}
    assert relocated(urls, "http://127.0.0.1:9/base/") == {
        "a": {"b": "http://127.0.0.1:9/base/v3"},
        "c": "http://127.0.0.1:9/base",
        "d": None,
    }
