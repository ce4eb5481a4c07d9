"""`tieout doctor` says what is wrong with a source before anything depends on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tieout.cli import main
from tieout.config import SourceSettings
from tieout.core.live import Answer, Ask, Permissions
from tieout.core.text import NS
from tieout.core.valuation import Instrument
from tieout.errors import (
    CalculationError,
    SourceError,
    VenueRefused,
    VenueTimeout,
    VenueUnsupported,
)
from tieout.ports import Feed
from tieout.service import doctor as service
from tieout.service.doctor import Finding, Health, Needs, examine_venue
from tieout.wiring.feeds import Feeds

NOW = datetime(2026, 11, 20, tzinfo=UTC)
READS = Permissions(read=True, trade=False, withdraw=False)
EVERYTHING = frozenset({"trades", "movements", "positions", "balances", "orders"})

CONFIG = """\
version: 1
store: sqlite:///tieout.db
sources:
  book:    {type: book}
  query:   {type: sql, url: env:BOOK, query: SELECT 1}
  file:    {type: file, path: a.csv}
  unused:  {type: sql, url: env:BOOK, query: SELECT 1}
  binance: {type: venue, venue: binance_spot, api_key: env:KEY, secret: file:secret,
            symbols: [BTC/USDT]}
  kraken:  {type: venue, venue: kraken_spot, api_key: env:KEY2, secret: env:SECRET2}
reconciliations:
  balances: {records: balances, internal: book, external: binance}
  trades:   {records: trades, internal: query, external: binance}
  orders:   {records: orders, internal: book, external: kraken}
"""


@dataclass
class Exchange:
    """A venue, or a book, that answers what it was told to; an error is raised."""

    name: str = "there"
    venue: str = "binance"
    account: str = "main"
    offers: frozenset[str] = EVERYTHING
    skewed: int | Exception = 0
    may: Permissions | Exception = READS
    lists: Mapping[str, Instrument] | Exception = field(
        default_factory=lambda: {"BTC/USDT": Instrument(), "ETH/USDT": Instrument()}
    )
    closed: int = 0

    async def skew(self) -> int:
        return _said(self.skewed)

    async def permissions(self) -> Permissions:
        return _said(self.may)

    async def instruments(self) -> Mapping[str, Instrument]:
        return _said(self.lists)

    async def version(self) -> str:
        return str(_said(self.skewed))

    async def fetch(self, ask: Ask) -> Answer:
        raise NotImplementedError(ask)

    async def aclose(self) -> None:
        self.closed += 1


def _said(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value


def refused(what: str = "Invalid API-key") -> VenueRefused:
    return VenueRefused(what, venue="there", method="account", hint="make a new key")


# What is found


def examined(*, now: datetime = NOW, needs: Needs | None = None, **said: Any) -> list[Finding]:
    return asyncio.run(examine_venue(Exchange(**said), needs or Needs(), now))


def healths(found: list[Finding], check: str) -> list[Health]:
    return [each.health for each in found if each.check == check]


def test_a_venue_of_which_all_is_well() -> None:
    found = examined(needs=Needs([("balances", "r")], frozenset({"BTC/USDT"})))
    assert {each.health for each in found} == {Health.OK}
    assert [each.text for each in found] == [
        "it answers, and its clock agrees with ours",
        "the key may read, and nothing else",
        "it has balances, movements, orders, positions and trades",
        "it lists 2",
    ]


@pytest.mark.parametrize(
    ("skew", "health"),
    [
        (NS, Health.OK),
        (-NS, Health.OK),
        (NS + 1, Health.WARN),
        (-NS - 1, Health.WARN),
        (5 * NS, Health.WARN),
        (5 * NS + 1, Health.FAIL),
        (-5 * NS - 1, Health.FAIL),
    ],
)
def test_the_clock_at_its_limits(skew: int, health: Health) -> None:
    found = examined(skewed=skew)
    assert healths(found, "clock") == [health]
    assert ("ahead of" in found[0].text) is (skew > 0)
    assert len(found) > 1


def test_a_venue_that_cannot_be_reached_is_asked_nothing_more() -> None:
    late = VenueTimeout("no answer", venue="there", method="time", hint="look at the network")
    [finding] = examined(skewed=late, may=refused())
    assert finding == Finding(
        "clock", Health.FAIL, "no answer (there: time)", "look at the network"
    )


def test_a_venue_without_a_clock_is_asked_the_rest() -> None:
    found = examined(skewed=VenueUnsupported("it has no clock", venue="there", method="time"))
    assert healths(found, "clock") == [Health.UNKNOWN]
    assert healths(found, "permissions") == [Health.OK]


PERMISSIONS = {
    "all": (Permissions(True, True, True), [Health.WARN, Health.WARN]),
    "trade": (Permissions(True, True, False), [Health.WARN]),
    "withdraw": (Permissions(True, False, True), [Health.WARN]),
    "none": (Permissions(False, False, False), [Health.FAIL]),
    "silent": (Permissions(), [Health.UNKNOWN]),
    "half": (Permissions(read=True, trade=True), [Health.WARN, Health.UNKNOWN]),
    "refused": (refused(), [Health.FAIL]),
    "unsupported": (
        VenueUnsupported("it does not say", venue="there", method="key"),
        [Health.UNKNOWN],
    ),
}


@pytest.mark.parametrize(("may", "expected"), PERMISSIONS.values(), ids=PERMISSIONS)
def test_permissions(may: Permissions | Exception, expected: list[Health]) -> None:
    found = examined(may=may)
    assert healths(found, "permissions") == expected
    assert healths(found, "symbols") == [Health.OK]


@pytest.mark.parametrize(
    ("left", "health"),
    [
        (timedelta(0), Health.FAIL),
        (timedelta(days=-1), Health.FAIL),
        (timedelta(days=14), Health.WARN),
        (timedelta(days=15), Health.OK),
    ],
)
def test_a_key_that_expires(left: timedelta, health: Health) -> None:
    at = int((NOW + left).timestamp()) * NS
    found = examined(may=Permissions(True, False, False, at))
    assert healths(found, "expiry") == [health]


def test_what_is_compared_must_be_there() -> None:
    needs = Needs([("orders", "o"), ("balances", "b")], frozenset({"BTC/USDC", "BTC/USDT"}))
    found = examined(offers=frozenset({"balances"}), needs=needs)
    assert [each.text for each in found if each.health is not Health.OK] == [
        "it has no orders, which o compares",
        "it has balances and no trades: b compares while nothing moves",
        "it does not list BTC/USDC",
    ]
    assert [each.hint for each in found if each.check == "symbols"] == [
        None,
        "did you mean BTC/USDT?",
    ]


def test_a_venue_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(Exchange):
        async def skew(self) -> int:
            await asyncio.Event().wait()
            return 0

    monkeypatch.setattr(service, "PATIENCE", 0.01)
    [finding] = asyncio.run(examine_venue(Silent(), Needs(), NOW))
    assert finding.health is Health.FAIL


# The command

Run = Callable[..., int]


@pytest.fixture
def venues() -> dict[str, Exchange]:
    return {name: Exchange(name) for name in ("book", "query", "binance", "kraken")}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, venues: dict[str, Exchange]) -> Run:
    """Runs `tieout doctor` in a directory with CONFIG; returns the exit code."""

    def opened(feeds: Feeds, source: SourceSettings, records: str, other: str | None) -> Feed:
        assert other == {"book": "binance", "query": "binance"}.get(source.name)
        return venues[source.name]

    monkeypatch.setattr(Feeds, "_opened", opened)
    monkeypatch.chdir(tmp_path)
    for name, value in {"KEY": "keykey1", "KEY2": "k2", "SECRET2": "s2"}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "tieout.yaml").write_text(CONFIG)
    (tmp_path / "secret").write_text("hunter2\n")

    def run(*arguments: str) -> int:
        with pytest.raises(SystemExit) as done:
            main(["doctor", "tieout.yaml", *arguments])
        return int(done.value.code or 0)

    return run


def test_every_source_that_answers_now_is_asked(
    run: Run, capsys: pytest.CaptureFixture[str], venues: dict[str, Exchange], tmp_path: Path
) -> None:
    assert run() == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0].split() == ["source", "check", "result", "what"]
    assert [line.split()[:3] for line in lines[1:]] == [
        ["book", "reachable", "ok"],
        ["book", "coverage", "ok"],
        ["query", "reachable", "ok"],
        ["query", "coverage", "ok"],
        ["binance", "credentials", "ok"],
        ["binance", "clock", "ok"],
        ["binance", "permissions", "ok"],
        ["binance", "coverage", "ok"],
        ["binance", "symbols", "ok"],
        ["kraken", "credentials", "ok"],
        ["kraken", "clock", "ok"],
        ["kraken", "permissions", "ok"],
        ["kraken", "coverage", "ok"],
        ["kraken", "symbols", "ok"],
    ]
    assert "api_key env:KEY, secret file:secret" in printed.out
    assert printed.err == ""
    assert [each.closed for each in venues.values()] == [1, 1, 1, 1]
    assert not (tmp_path / "tieout.db").exists()


def test_one_that_fails_hides_no_other(
    run: Run, capsys: pytest.CaptureFixture[str], venues: dict[str, Exchange]
) -> None:
    venues["binance"].skewed = ZeroDivisionError("a bug")
    venues["kraken"].may = Permissions(True, True, None)
    venues["book"].skewed = CalculationError("no opening entry")
    venues["query"].skewed = SourceError("no such table", hint="create it")
    assert run("--format", "json") == 2
    found = json.loads(capsys.readouterr().out)
    assert {each["source"]: each["result"] for each in found} == {
        "book": "fail",
        "query": "fail",
        "binance": "fail",
        "kraken": "warn",
    }
    [bug] = [each for each in found[2]["checks"] if each["result"] == "fail"]
    assert bug["text"] == "unexpected ZeroDivisionError: a bug"
    assert found[1]["checks"] == [
        {"check": "reachable", "result": "fail", "text": "no such table", "hint": "create it"}
    ]
    assert [each.closed for each in venues.values()] == [1, 1, 1, 1]


def test_a_warning_is_no_failure(
    run: Run, capsys: pytest.CaptureFixture[str], venues: dict[str, Exchange]
) -> None:
    venues["kraken"].may = Permissions(True, True, False)
    assert run("kraken") == 0
    printed = capsys.readouterr()
    assert "warn    the key can trade, and need not" in printed.out
    assert printed.err == "kraken, permissions: make one that may only read\n"
    assert "binance" not in printed.out


def test_no_credential_is_ever_shown(
    run: Run, capsys: pytest.CaptureFixture[str], venues: dict[str, Exchange]
) -> None:
    venues["binance"].may = refused("key keykey1 with signature hunter2 is wrong")
    venues["kraken"].skewed = RuntimeError("https://x/?apiKey=keykey1&signature=hunter2")
    assert run() == 2
    assert run("--format", "json", "binance") == 2
    printed = capsys.readouterr()
    assert "key *** with signature *** is wrong" in printed.out
    assert "https://x/?apiKey=***&signature=***" in printed.out
    for secret in ("keykey1", "hunter2"):
        assert secret not in printed.out + printed.err


def test_credentials_that_are_not_there(
    run: Run,
    capsys: pytest.CaptureFixture[str],
    venues: dict[str, Exchange],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.delenv("KEY")
    monkeypatch.setenv("KEY2", " ")
    (tmp_path / "secret").unlink()
    assert run("binance", "kraken", "--format", "json") == 2
    found = json.loads(capsys.readouterr().out)
    assert [[one["text"] for one in each["checks"]] for each in found] == [
        [
            "the environment variable KEY is not set",
            f"the secret file {tmp_path / 'secret'} cannot be read: No such file or directory",
        ],
        ["api_key is empty: env:KEY2"],
    ]
    assert [each.closed for each in venues.values()] == [0, 0, 0, 0]


def test_a_store_that_cannot_be_used_stops_no_other_check(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "bad.db").write_text("this is no database, but long enough to be looked at")
    assert run("--store", "sqlite:///bad.db", "--format", "json") == 2
    found = json.loads(capsys.readouterr().out)
    assert {each["source"]: each["result"] for each in found} == {
        "store": "fail",
        "book": "ok",
        "query": "ok",
        "binance": "ok",
        "kraken": "ok",
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["binanse"], "unknown source `binanse` (did you mean `binance`?)"),
        (["file"], "the source 'file' is a file: there is nobody to ask"),
        (["unused"], "the source 'unused' is a sql: there is nobody to ask"),
        (["--format", "csv"], "--format does not know 'csv'"),
    ],
)
def test_what_cannot_be_asked(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run(*arguments) == 2
    assert message in capsys.readouterr().err


def test_a_configuration_of_files_has_nobody_to_ask(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "tieout.yaml").write_text(
        "version: 1\n"
        "sources: {a: {type: file, path: a.csv}, b: {type: file, path: b.csv}}\n"
        "reconciliations: {r: {records: trades, internal: a, external: b}}\n"
    )
    assert run() == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "there is nobody to ask" in printed.err
