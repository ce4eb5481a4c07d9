"""`tieout book`: import, open, journal."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from integration.freqtrade_db import database

import tieout
from tieout.cli import main

TRADES = """\
trade_id,symbol,side,quantity,price,timestamp
1,BTC/USDT,buy,0.5,64000,2026-11-20T09:00:00Z
2,BTC/USDT,sell,0.2,64100,2026-11-20T09:30:00Z
3,ETH/USDT,buy,much,3900,2026-11-20T09:40:00Z
"""
STORE = ("--store", "sqlite:///tieout.db")
OWN = ("--account", "main", "--venue", "binance")


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trades.csv").write_text(TRADES)
    return tmp_path


def code_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as done:
        main(arguments)
    assert isinstance(done.value.code, int)
    return done.value.code


def journal(capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, object]]:
    capsys.readouterr()
    assert code_of("book", "journal", *STORE, "--format", "json", *options) == 0
    rows: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return rows


def test_an_import_shows_what_is_unreadable_and_repeats_add_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert code_of("book", "import", "trades.csv", "--records", "trades", *OWN, *STORE) == 3
    said = capsys.readouterr()
    assert said.out == "3 records: 2 new, 0 already there, 1 unreadable\n"
    assert "trades.csv:4  quantity: 'much' is not a number" in said.err
    assert code_of("book", "import", "trades.csv", "--records", "trades", *OWN, *STORE) == 3
    assert capsys.readouterr().out == "3 records: 0 new, 2 already there, 1 unreadable\n"
    assert [row["values"]["trade_id"] for row in journal(capsys)] == ["1", "2"]  # type: ignore[index]


@pytest.mark.parametrize(("symbol", "warns"), [("BTC/USDT", True), ("BTC/USDT:USDT", False)])
def test_a_leg_on_fills_of_a_spot_market_is_warned_of(
    capsys: pytest.CaptureFixture[str], work: Path, *, symbol: str, warns: bool
) -> None:
    (work / "legs.csv").write_text(
        "trade_id,symbol,side,leg,quantity,price,timestamp\n"
        f"1,{symbol},buy,long,0.5,64000,2026-11-20T09:00:00Z\n"
        "2,ETH/USDT,sell,,0.2,64100,2026-11-20T09:30:00Z\n"
    )
    arguments = ("book", "import", "legs.csv", "--records", "trades", *OWN, *STORE)
    assert code_of(*arguments, "--dry-run") == 0
    assert code_of(*arguments) == 0
    said = capsys.readouterr()
    assert ("fills of the spot markets BTC/USDT name a leg" in said.err) is warns
    assert "ETH/USDT" not in said.err
    assert said.out.splitlines()[-1] == "2 records: 2 new, 0 already there"


def test_a_dry_run_writes_nothing(capsys: pytest.CaptureFixture[str], work: Path) -> None:
    arguments = ("book", "import", "trades.csv", "--records", "trades", *OWN, *STORE)
    assert code_of(*arguments, "--dry-run") == 3
    assert "2 new, 0 already there" in capsys.readouterr().out
    assert not (work / "tieout.db").exists()


def test_a_file_is_mapped_as_a_source_of_the_configuration_is(
    capsys: pytest.CaptureFixture[str], work: Path
) -> None:
    (work / "tieout.yaml").write_text(
        """
version: 1
store: sqlite:///tieout.db
sources:
  fills:
    type: file
    path: elsewhere.csv
    records: trades
    columns: {trade_id: exec, symbol: ticker}
    constants: {account: main, venue: bybit}
    symbols: {BTCUSDT: BTC/USDT}
    quantity_sign: side
    timezone: UTC
  other: {type: file, path: other.csv}
reconciliations:
  r: {records: trades, internal: fills, external: other}
"""
    )
    (work / "today.csv").write_text(
        "exec,ticker,quantity,price,timestamp\n9,BTCUSDT,-0.5,64000,2026-11-20 09:00:00\n"
    )
    assert code_of("book", "import", "today.csv", "--records", "trades", "--source", "fills") == 0
    assert capsys.readouterr().out == "1 record: 1 new, 0 already there\n"
    (row,) = journal(capsys)
    assert row["venue"] == "bybit"
    values = row["values"]
    assert isinstance(values, dict)
    assert (values["symbol"], values["side"], values["quantity"]) == ("BTC/USDT", "sell", "0.5")
    assert row["source"] == "today.csv"
    assert code_of("book", "import", "today.csv", "--records", "orders", "--source", "fills") == 2
    assert "are trades, not orders" in capsys.readouterr().err
    assert code_of("book", "import", "today.csv", "--records", "trades", "--source", "fill") == 2


def test_the_same_trade_with_other_content_is_refused(
    capsys: pytest.CaptureFixture[str], work: Path
) -> None:
    assert code_of("book", "import", "trades.csv", "--records", "trades", *OWN, *STORE) == 3
    (work / "trades.csv").write_text(TRADES.replace("64100", "64101"))
    assert code_of("book", "import", "trades.csv", "--records", "trades", *OWN, *STORE) == 2
    assert "price" in capsys.readouterr().err
    assert len(journal(capsys)) == 2


def test_positions_of_a_file_open_the_book_and_take_a_persons_word(
    capsys: pytest.CaptureFixture[str], work: Path
) -> None:
    (work / "open.csv").write_text(
        "symbol,leg,quantity,average_price,as_of\nBTC/USDT,net,0.5,64000,2026-11-20T00:00:00Z\n"
    )
    arguments = ("book", "import", "open.csv", "--records", "positions", *OWN, *STORE)
    assert code_of(*arguments) == 2
    assert "nobody can be asked here" in capsys.readouterr().err
    assert code_of(*arguments, "--yes", "--by", "ada") == 0
    said = capsys.readouterr().out
    assert "1 opening entry written, approved by ada" in said
    assert "2026-11-20T00:00:00.000000000Z" in said
    assert code_of(*arguments, "--yes", "--by", "ada") == 0
    assert "0 opening entries written" in capsys.readouterr().out
    (work / "open.csv").write_text(
        "symbol,leg,quantity,as_of\nBTC/USDT,net,0.7,2026-11-20T01:00:00Z\n"
    )
    assert code_of(*arguments, "--yes") == 2
    assert "--replace opens it anew" in capsys.readouterr().err
    assert code_of(*arguments, "--yes", "--replace") == 0
    assert next(row["approved_by"] for row in journal(capsys)) == "ada"
    (work / "open.csv").write_text("symbol,quantity,as_of\nA,much,2026-11-20T02:00:00Z\n")
    assert code_of(*arguments, "--yes") == 2
    assert "opened whole or not at all" in capsys.readouterr().err


LIVE = """
version: 1
store: sqlite:///tieout.db
sources:
  bot: {type: freqtrade, url: "sqlite:///tradesv3.sqlite", account: main}
  book: {type: book, account: main}
  other: {type: file, path: other.csv}
reconciliations:
  r: {records: trades, internal: other, external: other}
"""


def test_a_book_is_opened_from_a_source_that_answers_now(
    capsys: pytest.CaptureFixture[str], work: Path
) -> None:
    (work / "tieout.yaml").write_text(LIVE)
    with database(f"sqlite:///{work}/tradesv3.sqlite") as db:
        db.trade(1, "BTC/USDT:USDT", amount=0.25, is_short=True)
        opening = ("book", "open", "--from", "bot", "--pause", "0", "--yes", "--by", "ada")
        assert code_of(*opening) == 0
        said = capsys.readouterr()
        assert "-0.25" in said.out
        assert "everything else" in said.out
        assert "2 opening entries written, approved by ada" in said.out
        assert "reading bot twice" in said.err
        assert code_of(*opening) == 2
        assert "were opened already" in capsys.readouterr().err
        assert code_of(*opening, "--replace") == 0
        assert code_of("book", "open", "other.yaml", *opening[2:]) == 2
        assert code_of(*opening, "--config", "other.yaml") == 2
        assert capsys.readouterr().err.count("there is no file") == 2
        assert code_of("book", "open", "tieout.yaml", *opening[2:], "--replace") == 0
        assert code_of(*opening, "-c", "tieout.yaml", "--replace") == 0
    assert [row["opening"] for row in journal(capsys)] == [True] * 8
    assert code_of("book", "open", "--from", "bots", "--yes") == 2
    assert "there is no source 'bots'" in capsys.readouterr().err


def test_a_person_is_asked_and_may_say_no(work: Path) -> None:
    """In a terminal: what would be written is shown before the question, and no writes nothing."""
    (work / "tieout.yaml").write_text(LIVE)
    with database(f"sqlite:///{work}/tradesv3.sqlite") as db:
        db.trade(1, "BTC/USDT:USDT")
        command = [sys.executable, "-m", "tieout", "book", "open", "--from", "bot", "--pause", "0"]
        master, slave = pty.openpty()
        env = {**os.environ, "PYTHONPATH": str(Path(tieout.__file__).parents[1])}
        os.write(master, b"n\n")
        done = subprocess.run(
            command, stdin=slave, capture_output=True, text=True, env=env, timeout=60, check=False
        )
        os.close(master)
        os.close(slave)
    assert done.returncode == 2
    assert "BTC/USDT:USDT" in done.stdout
    assert "Write 2 opening entries, approved by" in done.stderr
    assert "nothing was written" in done.stderr


def test_the_journal_is_listed_in_several_ways(capsys: pytest.CaptureFixture[str]) -> None:
    code_of("book", "import", "trades.csv", "--records", "trades", *OWN, *STORE)
    capsys.readouterr()
    assert code_of("book", "journal", *STORE) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0].split()[:3] == ["number", "recorded", "at"]
    assert "buy 0.5 @ 64000" in table[1]
    assert code_of("book", "journal", *STORE, "--limit", "1") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "the newest 1; all: --limit 0"
    assert code_of("book", "journal", *STORE, "--format", "ndjson", "--limit", "1") == 0
    assert json.loads(capsys.readouterr().out)["values"]["trade_id"] == "2"
    assert code_of("book", "journal", *STORE, "--format", "csv") == 0
    assert capsys.readouterr().out.startswith("number,recorded_at,at,records,account,venue,what")
    assert journal(capsys, "--venue", "bybit") == []
    assert journal(capsys, "--records", "orders") == []
    assert code_of("book", "journal", *STORE, "--records", "pnl") == 2


def test_the_book_is_shown_with_what_is_not_known(
    capsys: pytest.CaptureFixture[str], work: Path
) -> None:
    (work / "open.csv").write_text(
        "currency,wallet,total,as_of\nUSDT,spot,50000,2026-11-20T00:00:00Z\n"
    )
    code_of("book", "import", "open.csv", "--records", "balances", *OWN, *STORE, "--yes")
    code_of("book", "import", "trades.csv", "--records", "trades", *OWN, *STORE)
    capsys.readouterr()
    assert code_of("book", "show", *STORE, "--format", "json", "--records", "balances") == 0
    shown = json.loads(capsys.readouterr().out)
    assert [(row["currency"], row["total"]) for row in shown["balances"]] == [("USDT", "30820")]
    (unknown,) = shown["unknown"]
    assert (unknown["name"], unknown["part"]) == ("BTC", "spot")
    assert "tieout book open" in unknown["reason"]
    assert shown["method"] == {"basis": "average", "fees": "out"}

    assert code_of("book", "show", *STORE) == 0
    table = capsys.readouterr().out
    assert "no positions" in table
    assert "no open orders" in table
    assert "1 of them is unknown, not zero:" in table

    earlier = ("--as-of", "2026-11-20T09:00:00Z", "--records", "balances", "--format", "json")
    assert code_of("book", "show", *STORE, *earlier) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["balances"][0]["total"] == "18000"
    assert code_of("book", "show", *STORE, "--as-of", "2026-11-20T09:00:00") == 2
    assert code_of("book", "show", *STORE, "--records", "trades") == 2


def test_open_orders_are_shown_and_closed_ones_are_not(
    capsys: pytest.CaptureFixture[str], work: Path
) -> None:
    (work / "orders.csv").write_text(
        "order_id,symbol,side,quantity,filled,status,updated_at\n"
        "1,BTC/USDT,buy,1,0.25,open,2026-11-20T09:00:00Z\n"
        "2,BTC/USDT,buy,1,1,filled,2026-11-20T09:00:00Z\n"
    )
    assert code_of("book", "import", "orders.csv", "--records", "orders", *OWN, *STORE) == 0
    capsys.readouterr()
    assert code_of("book", "show", *STORE, "--records", "orders", "--format", "json") == 0
    (row,) = json.loads(capsys.readouterr().out)["orders"]
    assert (row["order_id"], row["filled"]) == ("1", "0.25")


VENUE = """
version: 1
store: sqlite:///tieout.db
sources:
  book: {{type: book}}
  binance:
    type: venue
    venue: binance_spot
    account: main
    api_key: env:KEY
    secret: env:SECRET
    base_url: {base_url}
reconciliations:
  balances: {{records: balances, internal: book, external: binance}}
"""


def test_a_book_is_opened_from_an_exchange_over_http(work: Path) -> None:
    """And from then on the ledger knows every balance of that wallet, zero ones too."""
    pytest.importorskip("ccxt")
    from tieout.testing.exchange import Exchange
    from tieout.testing.exchange.server import serve

    environment = {"KEY": "key", "SECRET": "secret", "PATH": os.environ["PATH"]}
    environment["PYTHONPATH"] = str(Path(tieout.__file__).parents[1])

    async def command(*arguments: str) -> tuple[int | None, str, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tieout", "book", *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        out, err = await asyncio.wait_for(process.communicate(), 120)
        return process.returncode, out.decode(), err.decode()

    async def main() -> None:
        exchange = Exchange(seed=7)
        account = exchange.open("binance", key="key", secret="secret")
        account.deposit("USDT", "10000")
        account.trade("BTC/USDT", "buy", "0.01")
        async with serve(exchange) as server:
            (work / "tieout.yaml").write_text(VENUE.format(base_url=server.base_url))
            opening = ("open", "--from", "binance", "--pause", "0.1", "--yes", "--by", "ada")
            code, out, err = await command(*opening)
            assert (code, "opening entries written, approved by ada" in out) == (0, True), err
        code, out, err = await command("show", "--format", "json")
        assert code == 0, err
        shown = json.loads(out)
        assert {row["wallet"] for row in shown["balances"]} == {"spot"}
        assert {row["currency"] for row in shown["balances"]} >= {"BTC", "USDT"}
        assert shown["unknown"] == []

    asyncio.run(main())
