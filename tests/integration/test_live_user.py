"""What a user does first: one book beside several venues, and beside both markets of one."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from exchange_world import BTC, ETH, KEY, SECRET, Live, live
from msgspec.structs import replace

from tieout import wiring
from tieout.cli import main
from tieout.config import load
from tieout.config.explain import explain
from tieout.core.journal import EVERYTHING, journal_entry
from tieout.core.model import RunStatus
from tieout.core.rows import RunRow
from tieout.errors import UsageError
from tieout.ports import Store
from tieout.service.runs import RunOutcome
from tieout.wiring.live import live_ones, supervised

PLACE = {"account": "main", "venue": "binance"}
OPENED = int((time.time() - 60) * 1e9)
QUICK = "grace: 100ms, lag: 100ms"


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    monkeypatch.setenv("VENUE_KEY", KEY)
    monkeypatch.setenv("OTHER_KEY", f"other-{KEY}")
    monkeypatch.setenv("VENUE_SECRET", SECRET)
    with live() as found:
        yield found


def config(exchange: Live, path: Path, reconciliations: str, *, more: str = "") -> Path:
    assert exchange.server is not None
    keys = f"account: main, secret: env:VENUE_SECRET, lag: 100ms, base_url: \
{exchange.server.base_url}, options: {{rate_limit: false}}"
    path.write_text(
        f"""version: 1
store: sqlite:///{path.with_suffix(".db")}
sources:
  book: {{type: book}}
  spot: {{type: venue, venue: binance_spot, api_key: env:VENUE_KEY, {keys}}}
  perp: {{type: venue, venue: binance_perp, api_key: env:VENUE_KEY, {keys}}}
  bybit: {{type: venue, venue: bybit_perp, api_key: env:OTHER_KEY, {keys}}}
{more}
reconciliations:
{reconciliations}
""",
        encoding="utf-8",
    )
    return path


@dataclass(frozen=True)
class Said:
    """What one reconciliation came to."""

    row: RunRow
    breaks: list[tuple[str, str]]


def ran(path: Path, *entries: Any) -> dict[str, Said]:
    """The verdicts, once the book has these entries."""
    settings = load(path)
    with closing(wiring.open_store(settings.store.resolve())) as store:
        store.journal.append(entries)
        outcomes = wiring.run(settings, store=store)
        return {each.row.reconciliation: Said(each.row, kinds(each)) for each in outcomes}


def opening(symbol: str, quantity: str, **place: str) -> Any:
    values = {**PLACE, **place, "symbol": symbol, "quantity": Decimal(quantity)}
    values["as_of"] = OPENED
    return journal_entry(
        "positions", values, source="test", at=OPENED, opening=True, approved_by="somebody"
    )


def heard(fill: Any) -> Any:
    """A fill as the book has it."""
    values = {
        **PLACE,
        "symbol": fill.symbol,
        "trade_id": str(fill.id),
        "order_id": str(fill.order.id),
        "side": fill.side,
        "quantity": fill.quantity,
        "price": fill.price,
        "fee": fill.fee,
        "fee_currency": fill.fee_asset,
        "timestamp": fill.at * 1_000_000,
    }
    return journal_entry("trades", values, source="test")


def kinds(outcome: RunOutcome) -> list[tuple[str, str]]:
    return [
        (str(row.content["kind"]), str(row.content["key"].get("symbol")))
        for row in outcome.breaks()
    ]


def test_one_book_beside_two_exchanges(exchange: Live, tmp_path: Path) -> None:
    def traded() -> None:
        other = exchange.exchange.open("bybit", "main", key=f"other-{KEY}", secret=SECRET)
        early = exchange.exchange.milliseconds() - 600_000
        other.deposit("USDT", "10000", at=early)
        other.trade(ETH, "buy", "2", at=early)

    exchange.trade(BTC, "buy", "0.5", ago=600)
    exchange.call(traded)
    path = config(
        exchange,
        tmp_path / "two.yaml",
        f"""  here: {{records: positions, internal: book, external: perp, {QUICK}}}
  there: {{records: positions, internal: book, external: bybit, {QUICK}}}""",
    )
    entries = [opening(BTC, "0.5"), opening(EVERYTHING, "0")]
    entries += [opening(ETH, "2", venue="bybit"), opening(EVERYTHING, "0", venue="bybit")]
    found = ran(path, *entries)

    assert {name: (each.row.status, each.breaks) for name, each in found.items()} == {
        "here": (RunStatus.CLEAN, []),
        "there": (RunStatus.CLEAN, []),
    }
    assert [each.row.counts.matched for each in found.values()] == [1, 1]


BOTH = """  spot: {records: trades, internal: book, external: spot, grace: 200ms}
  perp: {records: trades, internal: book, external: perp, grace: 200ms}"""


def test_a_book_of_both_markets_is_held_against_each_for_itself(
    exchange: Live, tmp_path: Path
) -> None:
    fills = [
        exchange.trade(BTC, "buy", "0.5", ago=60),
        exchange.trade("BTC/USDT", "buy", "0.1", ago=50),
        exchange.trade("ETH/USDT", "sell", "1", ago=40),
    ]
    found = ran(config(exchange, tmp_path / "both.yaml", BOTH), *map(heard, fills))

    assert found["spot"].row.status is RunStatus.CLEAN
    assert found["spot"].row.counts.matched == 2
    assert found["perp"].row.status is RunStatus.CLEAN
    assert found["perp"].row.counts.matched == 1
    side = found["perp"].row.internal
    assert side is not None
    assert "2 trades of other markets left out" in side.notes


def test_a_fill_in_a_symbol_that_the_book_never_heard_of_is_missing(
    exchange: Live, tmp_path: Path
) -> None:
    known = exchange.trade(BTC, "buy", "0.5", ago=60)
    exchange.trade(ETH, "buy", "3", ago=50)
    found = ran(config(exchange, tmp_path / "unheard.yaml", BOTH), heard(known))

    assert found["perp"].row.status is RunStatus.BREAKS
    assert found["perp"].breaks == [("MISSING_INTERNAL", ETH)]


def test_a_fill_that_the_venue_never_had_is_missing_there(exchange: Live, tmp_path: Path) -> None:
    fill = exchange.trade(BTC, "buy", "0.5", ago=60)
    entries = [heard(fill), heard(replace(fill, id=77, symbol=ETH))]
    found = ran(config(exchange, tmp_path / "more.yaml", BOTH), *entries)

    assert found["perp"].breaks == [("MISSING_EXTERNAL", ETH)]


def test_where_nothing_was_asked_about_nothing_is_clean(exchange: Live, tmp_path: Path) -> None:
    exchange.trade("BTC/USDT", "buy", "0.1", ago=60)
    found = ran(config(exchange, tmp_path / "unasked.yaml", BOTH))

    assert found["spot"].row.status is RunStatus.INCOMPLETE
    assert "`symbols:`" in " ".join(found["spot"].row.reasons)


def test_a_book_with_nothing_in_it_is_compared(exchange: Live, tmp_path: Path) -> None:
    exchange.call(lambda: exchange.account.place(BTC, "buy", "0.1", "50000"))
    path = config(
        exchange,
        tmp_path / "empty.yaml",
        f"""  orders: {{records: orders, internal: book, external: perp, {QUICK}}}
  movements: {{records: movements, internal: book, external: spot, grace: 200ms}}""",
    )
    found = ran(path)

    assert [kind for kind, _ in found["orders"].breaks] == ["MISSING_INTERNAL"]
    assert {kind for kind, _ in found["movements"].breaks} == {"MISSING_INTERNAL"}


def test_of_a_venue_that_is_asked_by_symbol_it_is_said_which_were_covered(
    exchange: Live, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the summary, the status, the run, the report; and why a run was incomplete, as JSON."""
    fill = exchange.trade("BTC/USDT", "buy", "0.5", ago=600)
    path = config(
        exchange,
        tmp_path / "by.yaml",
        "  spot: {records: trades, internal: book, external: spot, grace: 200ms}",
    )
    assert ran(path, heard(fill))["spot"].row.status is RunStatus.CLEAN
    only = "spot: asked about BTC/USDT only: nothing else is known to be clean"
    where = ["--config", str(path)]

    def said(*arguments: str) -> str:
        cli(list(arguments))
        return capsys.readouterr().out

    def cli(arguments: list[str]) -> None:
        with pytest.raises(SystemExit):
            main(arguments)

    assert f"spot: {only}" in said("status", *where)
    assert only in said("run", str(path))
    (run,) = json.loads(said("run", str(path), "--format", "json"))
    assert (run["external"]["symbols"], run["internal"]["symbols"]) == (["BTC/USDT"], None)
    assert only in said("runs", "show", run["run_id"], *where)
    report = tmp_path / "report.html"
    said("report", "--output", str(report), *where)
    assert only.partition(": ")[2] in report.read_text(encoding="utf-8")
    assert run["reasons"] == []
    (tmp_path / "by.db").unlink()
    (unasked,) = json.loads(said("run", str(path), "--format", "json"))
    assert unasked["status"] == "incomplete"
    assert unasked["external"]["symbols"] == []
    assert "was asked about no symbol" in unasked["reasons"][0]


def test_one_database_gives_what_each_reconciliation_asks_for(
    exchange: Live, tmp_path: Path
) -> None:
    """The query has the columns of both; which of them are read the reconciliation says."""
    exchange.trade(BTC, "buy", "0.5", ago=600)
    total = exchange.call(lambda: exchange.account.state.wallets["futures", "USDT"])
    database = tmp_path / "oms.sqlite"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE held (symbol, quantity TEXT, currency, total TEXT)")
        connection.execute("INSERT INTO held VALUES (?, '0.5', 'USDT', ?)", (BTC, str(total)))
        connection.commit()
    constants = "constants: {account: main, venue: binance}"
    path = config(
        exchange,
        tmp_path / "sql.yaml",
        f"""  positions: {{records: positions, internal: oms, external: perp, {QUICK}}}
  balances: {{records: balances, internal: oms, external: perp, {QUICK}}}""",
        more=f"  oms: {{type: sql, url: 'sqlite:///{database}', query: SELECT * FROM held, "
        f"{constants}}}",
    )
    found = ran(path)

    assert {name: each.row.status for name, each in found.items()} == {
        "positions": RunStatus.CLEAN,
        "balances": RunStatus.CLEAN,
    }


def test_prices_of_a_file_are_used_beside_those_of_the_venue(
    exchange: Live, tmp_path: Path
) -> None:
    path = config(
        exchange,
        tmp_path / "priced.yaml",
        "  positions: {records: positions, internal: book, external: perp, prices: px,"
        f" reporting_currency: USD, {QUICK}}}",
        more="  px: {type: file, path: prices.csv, records: prices, timezone: UTC}",
    )
    settings = load(path)

    assert not [each.message for each in settings.warnings if "prices" in each.message]
    assert "prices of perp and px" in str(explain(settings))


def test_what_is_not_live_is_not_watched_without_a_word(exchange: Live, tmp_path: Path) -> None:
    for name in ("ours.csv", "theirs.csv"):
        (tmp_path / name).write_text("trade_id,symbol,side,quantity,price,timestamp\n")
    path = config(
        exchange,
        tmp_path / "mixed.yaml",
        f"""  positions: {{records: positions, internal: book, external: perp, {QUICK}}}
  files: {{records: trades, internal: ours, external: theirs, match: [{{on: [trade_id]}}]}}""",
        more="""  ours: {type: file, path: ours.csv, timezone: UTC}
  theirs: {type: file, path: theirs.csv, timezone: UTC}""",
    )
    settings = load(path)

    assert [each.rules.name for each in live_ones(settings, ())] == ["positions"]
    with pytest.raises(UsageError, match="files: not live"):
        live_ones(settings, ["positions", "files"])


def test_one_comparison_is_told_of_once_however_many_asked(exchange: Live, tmp_path: Path) -> None:
    path = config(
        exchange,
        tmp_path / "once.yaml",
        f"  positions: {{records: positions, internal: book, external: perp, {QUICK}}}",
    )
    settings = load(path)
    told: list[str] = []

    async def asked(store: Store) -> set[str]:
        async with supervised(
            settings, store, heard=lambda monitor, outcome: told.append(outcome.row.run_id)
        ) as supervisor:
            done = await asyncio.gather(*[supervisor.compare() for _ in range(4)])
        return {each.row.run_id for several in done for each in several}

    with closing(wiring.open_store(settings.store.resolve())) as store:
        made = asyncio.run(asked(store))
    assert sorted(told) == sorted(made)
