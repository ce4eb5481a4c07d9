"""`tieout doctor` asks the adapters of real venues, at the simulated exchange over HTTP."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tieout.adapters.venues.registry import VENUES, adapter_of
from tieout.cli import main
from tieout.config import VenueOptions
from tieout.config import venues as config
from tieout.testing.exchange import Exchange
from tieout.testing.exchange.server import serve

CONFIG = """\
version: 1
store: sqlite:///tieout.db
sources:
  book:    {{type: book}}
  binance: {{type: venue, venue: binance_spot, api_key: env:KEY, secret: env:SECRET,
            base_url: "{url}", symbols: [BTC/USDT]}}
reconciliations:
  balances: {{records: balances, internal: book, external: binance}}
"""


@dataclass
class Shifted:
    """The exchange's clock: ours, and `by`."""

    by: timedelta = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.by


@dataclass
class Running:
    exchange: Exchange
    clock: Shifted
    url: str


@pytest.fixture
def running() -> Iterator[Running]:
    """The simulated exchange, served by a thread of its own."""
    clock = Shifted()
    exchange = Exchange(clock)
    exchange.open("binance", "main", key="key-of-the-desk", secret="secret-of-the-desk")
    started, ended = threading.Event(), asyncio.Event()
    found: list[Any] = []

    async def work() -> None:
        async with serve(exchange) as server:
            found.extend((asyncio.get_running_loop(), server.base_url))
            started.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    assert started.wait(30)
    loop, url = found
    try:
        yield Running(exchange, clock, url)
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()


@pytest.fixture
def directory(tmp_path: Path, running: Running, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tieout.yaml").write_text(CONFIG.format(url=running.url))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KEY", "key-of-the-desk")
    monkeypatch.setenv("SECRET", "secret-of-the-desk")
    return tmp_path


def doctor(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, list[tuple[str, str]]]]:
    """The exit code, and by source what was found."""
    with pytest.raises(SystemExit) as done:
        main(["doctor", "tieout.yaml", "--format", "json"])
    printed = capsys.readouterr()
    for secret in ("key-of-the-desk", "secret-of-the-desk"):
        assert secret not in printed.out + printed.err
    found = json.loads(printed.out)
    checks = {
        each["source"]: [(one["check"], one["result"]) for one in each["checks"]] for each in found
    }
    return int(done.value.code or 0), checks


@pytest.mark.usefixtures("directory")
def test_a_venue_and_a_book_that_answer(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = doctor(capsys)
    assert code == 0
    assert found["book"][0] == ("reachable", "ok")
    assert found["binance"] == [
        ("credentials", "ok"),
        ("clock", "ok"),
        ("permissions", "ok"),
        ("coverage", "ok"),
        ("symbols", "ok"),
    ]


@pytest.mark.usefixtures("directory")
def test_a_key_that_can_do_more_than_it_need(
    running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    key = running.exchange.keys["key-of-the-desk"]
    key.trade = key.withdraw = True
    code, found = doctor(capsys)
    assert code == 0
    assert found["binance"].count(("permissions", "warn")) == 2


@pytest.mark.parametrize(("every", "result"), [("60s", None), ("30s", "ok"), ("1s", "warn")])
def test_intervals_that_the_rate_limit_has_no_room_for(
    directory: Path, capsys: pytest.CaptureFixture[str], every: str, result: str | None
) -> None:
    path = directory / "tieout.yaml"
    lines = [
        f"  {records}: {{records: {records}, internal: book, external: binance, every: {every}}}"
        for records in ("balances", "orders", "trades")
    ]
    text = path.read_text()
    path.write_text(text[: text.index("  balances:")] + "\n".join(lines))
    code, found = doctor(capsys)
    assert code == 0
    assert dict(found["binance"]).get("rate limit") == result
    if result == "warn":
        with pytest.raises(SystemExit):
            main(["doctor", "tieout.yaml"])
        said = capsys.readouterr()
        assert "`every: " in said.out
        assert "s` would fit" in said.out


@pytest.mark.usefixtures("directory")
def test_a_key_that_is_revoked(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    running.exchange.keys["key-of-the-desk"].revoked = True
    code, found = doctor(capsys)
    assert code == 2
    assert ("permissions", "fail") in found["binance"]
    assert found["book"][0] == ("reachable", "ok")


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    ("seconds", "code", "result"), [(0, 0, "ok"), (3, 0, "warn"), (-3, 0, "warn"), (60, 2, "fail")]
)
def test_a_venue_with_another_time(
    running: Running, capsys: pytest.CaptureFixture[str], seconds: int, code: int, result: str
) -> None:
    running.clock.by = timedelta(seconds=seconds)
    ended, found = doctor(capsys)
    assert ("clock", result) in found["binance"]
    assert ended == code


def test_nobody_listens(
    directory: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (directory / "tieout.yaml").write_text(CONFIG.format(url="http://127.0.0.1:1"))
    monkeypatch.setenv("RECONCILIATION_RETRY_COUNT", "0")
    code, found = doctor(capsys)
    assert code == 2
    assert found["binance"] == [("credentials", "ok"), ("clock", "fail")]
    assert found["book"][0] == ("reachable", "ok")


def test_the_names_of_venues_are_those_of_the_adapters() -> None:
    assert config.VENUES.keys() == VENUES.keys()


@pytest.mark.parametrize("name", VENUES)
def test_an_exchange_is_called_as_its_records_call_it(name: str) -> None:
    assert VenueOptions(name).exchange == adapter_of(name).exchange
