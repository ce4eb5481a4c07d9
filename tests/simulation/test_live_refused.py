"""A key that may not ask for futures: what asks for them fails, with one alert, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from live_world import Parts, World, reconciliation

from tieout.adapters.venues.refusals import Refusals
from tieout.adapters.venues.transport import Reply
from tieout.core.model import Severity
from tieout.testing.exchange import Exchange

NO: Reply = (401, "", {}, '{"code": -2015, "msg": "Invalid API-key, IP, or permissions."}')

SPOT = """
  spot: {type: venue, venue: binance_spot, account: main, api_key: env:VENUE_KEY,
          secret: env:VENUE_SECRET, symbols: [BTC/USDT], options: {rate_limit: false}}"""

MORE = """
  again: {records: balances, internal: book, external: binance, every: 30s}
  spot: {records: balances, internal: book, external: spot, every: 30s}
"""


class Futures:
    """What the exchange says to this key at its futures, and how often it was asked there."""

    def __init__(self, monkeypatch: Any) -> None:
        self.refuses = True
        self.asked = 0
        made = Exchange.transport

        def transport(exchange: Exchange, *which: str) -> Any:
            ask = made(exchange, *which)

            async def refusing(method: str, url: str, headers: Any, body: str | None) -> Reply:
                if "/fapi/" in url and "signature=" in url and self.refuses:
                    self.asked += 1
                    return NO
                return await ask(method, url, headers, body)

            return refusing

        monkeypatch.setattr(Exchange, "transport", transport)


def test_a_key_without_futures_stops_futures_only_and_alerts_once(
    tmp_path: Path, monkeypatch: Any
) -> None:
    futures = Futures(monkeypatch)
    world = World(tmp_path, reconciliation("positions") + MORE, sources=SPOT, seconds=200)
    seen = world.run(monkeypatch)
    for name in ("it", "again"):
        statuses = [row.status.value for row, _ in seen.of(name)]
        assert len(statuses) >= 5
        assert set(statuses) == {"failed"}
    spot = [row.status.value for row, _ in seen.of("spot")]
    assert len(spot) >= 5
    assert "failed" not in spot
    assert len(seen.alerts) == 1
    severity, title = seen.alerts[0]
    assert severity is Severity.CRITICAL
    assert title == "binance refuses the credentials"
    assert futures.asked <= 3, "those under way at the start, and none after"


def test_what_is_refused_is_settled_when_it_works_again(tmp_path: Path, monkeypatch: Any) -> None:
    futures = Futures(monkeypatch)

    async def then(parts: Parts) -> None:
        monitor = parts.monitor
        client: Any = monitor.setup.external
        while not hasattr(client, "_client"):
            client = client._feed
        connection = client._client
        for refuses in (True, True, False, True):
            futures.refuses = refuses
            connection.refusals = Refusals("binance", connection.wire)  # as if it began anew
            outcome = await monitor.compare()
            assert outcome is not None
            assert (outcome.row.status.value == "failed") is refuses
        assert monitor.failures == 0

    world = World(tmp_path, reconciliation("positions"), start=False, then=then)
    assert [title for _, title in world.run(monkeypatch).alerts] == [
        "binance refuses the credentials"
    ] * 2


def test_failures_before_and_after_a_refusal_are_counted(tmp_path: Path, monkeypatch: Any) -> None:
    """A refusal is no failure more, and none less."""
    Futures(monkeypatch)

    async def then(parts: Parts) -> None:
        monitor = parts.monitor
        monitor.failures = 2
        assert await monitor.compare() is not None
        assert monitor.failures == 2

    World(tmp_path, reconciliation("positions"), start=False, then=then).run(monkeypatch)
