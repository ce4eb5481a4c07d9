"""Which venues a socket is opened for: where its address is not known, none is."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import pytest
from exchange_world import KEY, SECRET

from tieout import wiring
from tieout.config import load
from tieout.wiring import live


def sockets(tmp_path: Path, *, source: str = "", reconciliation: str = "") -> set[str]:
    """The sources for which a socket would be opened."""
    path = tmp_path / "live.yaml"
    path.write_text(
        f"""version: 1
store: sqlite://
sources:
  book: {{type: book}}
  venue: {{type: venue, venue: binance_perp, api_key: env:VENUE_KEY, secret: env:VENUE_SECRET{source}}}
reconciliations:
  positions: {{records: positions, internal: book, external: venue{reconciliation}}}
"""
    )

    async def opened() -> set[str]:
        settings = load(path)
        with closing(wiring.open_store("sqlite://")) as store:
            async with live.supervised(settings, store) as supervisor:
                assert supervisor.listens is bool(supervisor._signals)
                return set(supervisor._signals)

    return asyncio.run(opened())


@pytest.fixture(autouse=True)
def _keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENUE_KEY", KEY)
    monkeypatch.setenv("VENUE_SECRET", SECRET)


HERE = ", base_url: 'http://127.0.0.1:9'"


def test_the_exchange_itself_is_listened_to(tmp_path: Path) -> None:
    assert sockets(tmp_path) == {"venue"}


def test_without_ws_url_a_venue_that_is_elsewhere_has_no_socket(tmp_path: Path) -> None:
    """Its credentials are not for the real exchange, whose address would be the usual one."""
    assert sockets(tmp_path, source=HERE) == set()


def test_with_ws_url_it_has_one(tmp_path: Path) -> None:
    assert sockets(tmp_path, source=f"{HERE}, ws_url: 'ws://127.0.0.1:9'") == {"venue"}


def test_a_reconciliation_that_does_not_wait_for_events_opens_none(tmp_path: Path) -> None:
    assert sockets(tmp_path, reconciliation=", on: [start, interval]") == set()


def test_a_venue_without_a_dialect_has_none(tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.mkdir()
    assert sockets(path, source="", reconciliation="") == {"venue"}
    with pytest.MonkeyPatch.context() as patch:
        from tieout.adapters.venues import dialects

        patch.setattr(dialects, "DIALECTS", {})
        assert sockets(path) == set()
