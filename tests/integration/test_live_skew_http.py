"""A venue whose clock is not ours, over HTTP: a position there is never taken for none."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from exchange_world import BTC, ETH, KEY, SECRET, Engine, Live, live, reconciliation

import tieout
from tieout import Reconciler, wiring
from tieout.core.journal import EVERYTHING, journal_entry
from tieout.testing.exchange import booked
from tieout.testing.exchange.faults import Fault, Faults, Trouble

SKEWS = (-6.0, -2.5, 2.5, 3.0, 25.0)
KINDS = ("positions", "balances", "trades")
ALL = "\n".join(reconciliation(records) for records in KINDS)


@contextmanager
def skewed(skew: float) -> Iterator[Live]:
    with live(faults=Faults(1, [Fault(Trouble.SKEW, seconds=(skew, skew))])) as found:
        yield found


@pytest.fixture(autouse=True)
def _keyed(monkeypatch: Any) -> None:
    monkeypatch.setenv("VENUE_KEY", KEY)
    monkeypatch.setenv("VENUE_SECRET", SECRET)


@pytest.mark.parametrize("skew", SKEWS)
def test_an_engine_is_ready_only_where_it_is_right(tmp_path: Path, skew: float) -> None:
    rules = reconciliation("positions", severity="{quantity: high}")
    with skewed(skew) as exchange:
        exchange.trade(BTC, "buy", "0.5", ago=600)
        engine = exchange.call(lambda: Engine.of(exchange.account))

        async def main() -> None:
            config = exchange.config(tmp_path / "live.yaml", rules)
            async with Reconciler(config, books={"book": engine}) as reconciler:
                assert await reconciler.ready(timeout=30) == tieout.Ready(True, ())
                engine.positions[BTC] += Decimal("0.002")
                await reconciler.reconcile("binance", records="positions")
                assert not (await reconciler.ready(timeout=30)).ok
                (found,) = await reconciler.breaks()
                assert [each["difference"] for each in found["differences"]] == ["0.002"]
                engine.positions.clear()
                engine.positions[ETH] = Decimal(0)
                await reconciler.reconcile("binance", records="positions")
                assert not (await reconciler.ready(timeout=30)).ok
                (found,) = await reconciler.breaks()
                assert (found["kind"], found["key"]["symbol"]) == ("MISSING_INTERNAL", BTC)

        asyncio.run(main())


@pytest.mark.parametrize("skew", [-6.0, 3.0, 25.0])
def test_a_run_says_what_is_so(tmp_path: Path, skew: float) -> None:
    with skewed(skew) as exchange:
        account = exchange.account
        config = exchange.config(tmp_path / "tieout.yaml", ALL, book="{type: book}")
        first = exchange.trade(BTC, "buy", "0.5", ago=60)
        _write(config, *_openings(exchange, ago=120), _heard(exchange, first))
        code, said = _run(tmp_path)
        assert (code, {name: each["status"] for name, each in said.items()}) == (
            0,
            dict.fromkeys(KINDS, "clean"),
        )
        assert [each["after_cut"] for each in said.values()] == [0, 0, 0]
        assert said["positions"]["matched"] == said["trades"]["matched"] == 1

        exchange.trade(ETH, "sell", "3", ago=10)  # and the book does not hear of it
        held = exchange.call(lambda: account.state.positions[ETH, "net"].quantity)
        assert held == Decimal(-3)
        code, said = _run(tmp_path)
        assert (code, {name: each["breaks"]["by_kind"] for name, each in said.items()}) == (
            1,
            {
                "positions": {"MISSING_INTERNAL": 1},
                "balances": {"BALANCE": 1},
                "trades": {"MISSING_INTERNAL": 1},
            },
        )


def _run(folder: Path) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tieout", "run", "tieout.yaml", "--format", "json"],
        cwd=folder, capture_output=True, encoding="utf-8", timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(tieout.__file__).parents[1])},
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, {each["reconciliation"]: each for each in json.loads(done.stdout)}


def _write(config: Path, *entries: Any) -> None:
    with closing(wiring.open_store(f"sqlite:///{config.with_suffix('.db')}")) as store:
        store.journal.append(entries)


def _openings(exchange: Live, *, ago: float) -> list[Any]:
    """Flat, with the cash that is there; dated by the venue."""
    at = exchange.exchange.nanoseconds() - round(ago * 1e9)
    place = {"account": "main", "venue": "binance"}
    said: dict[str, Any] = {"source": "test", "at": at, "opening": True, "approved_by": "ada"}
    cash = {"currency": "USDT", "wallet": "futures", "total": Decimal(50_000)}
    every = {"currency": EVERYTHING, "wallet": "futures", "total": Decimal(0)}
    flat = {"symbol": EVERYTHING, "leg": "net", "quantity": Decimal(0)}
    return [
        journal_entry("positions", {**flat, "as_of": at}, **place, **said),
        journal_entry("balances", {**cash, "as_of": at}, **place, **said),
        journal_entry("balances", {**every, "as_of": at}, **place, **said),
    ]


def _heard(exchange: Live, fill: Any) -> Any:
    """A fill as the venue tells it."""
    told = exchange.call(lambda: booked.trade(exchange.account, fill, 1))
    return journal_entry("trades", told, source="test")
