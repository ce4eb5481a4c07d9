"""Monitors over a simulated market: what agrees never breaks, and what drifts is found."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from live_world import Parts, World, reconciliation

from tieout.ports import Pause
from tieout.present import value_object
from tieout.testing import virtual
from tieout.testing.exchange.faults import Fault, Faults, Trouble
from tieout.testing.exchange.planting import Drift, Plant


@pytest.mark.parametrize("records", ["positions", "balances", "orders", "trades"])
@pytest.mark.parametrize("seed", [1, 2])
def test_edge_01_02_a_book_that_agrees_never_breaks_while_the_market_moves(
    tmp_path: Path, monkeypatch: Any, records: str, seed: int
) -> None:
    product = "spot" if seed == 2 and records != "positions" else "perp"
    seen = World(tmp_path, reconciliation(records), product, seed, seconds=70).run(monkeypatch)
    assert seen.fills > 1500
    assert len(seen.runs) >= 2
    assert [breaks for _, _, breaks in seen.runs if breaks] == []
    assert seen.runs[-1][1].counts.matched > 0


@pytest.mark.parametrize("kind", list(Drift))
def test_a_drift_is_found_with_its_exact_size(
    tmp_path: Path, monkeypatch: Any, kind: Drift
) -> None:
    symbol = "BTC/USDT:USDT"
    records = "balances" if kind is Drift.FEE else "positions"
    plants = [Plant(kind, at=115.0, symbol=symbol)]
    world = World(tmp_path, reconciliation(records), plants=plants, seconds=100)
    seen = world.run(monkeypatch)
    (planted,) = seen.truth
    first, last = seen.runs[0], seen.runs[-1]
    assert not first[2]
    (found,) = last[2]
    (difference,) = found.content["differences"]
    wrong = planted.balances if kind is Drift.FEE else planted.positions
    ((where, amount),) = wrong.items()
    assert Decimal(difference["difference"]) == amount
    assert set(where) <= set(found.content["key"].values())
    assert not found.doubt
    assert all(row.status.value != "clean" for _, row, breaks in seen.runs[2:])


def test_a_fill_that_the_book_never_hears_of_is_a_missing_trade(
    tmp_path: Path, monkeypatch: Any
) -> None:
    plants = [Plant(Drift.UNHEARD, at=100.0, symbol="ETH/USDT:USDT")]
    world = World(tmp_path, reconciliation("trades"), plants=plants, seconds=100)
    seen = world.run(monkeypatch)
    (planted,) = seen.truth
    (found,) = seen.runs[-1][2]
    assert found.content["kind"] == "MISSING_INTERNAL"
    assert found.content["key"]["trade_id"] == planted.trade_id
    assert found.first_seen > seen.runs[0][1].as_of


def test_edge_05_an_outage_is_unknown_and_clears_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    plants = [Plant(Drift.UNHEARD, at=60.0, symbol="BTC/USDT:USDT")]

    def faults(seed: int) -> Faults:
        return Faults(seed, [Fault(Trouble.OUTAGE, between=[(120.0, 250.0)])])

    world = World(tmp_path, reconciliation("positions"), plants=plants, faults=faults, seconds=260)
    seen = world.run(monkeypatch)
    statuses = seen.statuses()
    assert statuses[0] == "breaks"
    assert "failed" in statuses
    assert statuses[-1] == "breaks"
    ids = {breaks[0].id for _, _, breaks in seen.runs}
    assert len(ids) == 1, "the break stays the same one through the outage"
    assert {len(breaks) for _, _, breaks in seen.runs} == {1}


def test_three_failures_in_a_row_raise_one_alert(tmp_path: Path, monkeypatch: Any) -> None:
    def faults(seed: int) -> Faults:
        return Faults(seed, [Fault(Trouble.OUTAGE, between=[(80.0, 400.0)])])

    world = World(tmp_path, reconciliation("positions"), faults=faults, seconds=300)
    seen = world.run(monkeypatch)
    assert seen.statuses().count("failed") >= 4
    assert [title for _, title in seen.alerts] == ["it: 3 comparisons in a row have failed"]


def test_requests_while_one_is_at_work_are_merged(tmp_path: Path, monkeypatch: Any) -> None:
    async def then(parts: Parts) -> None:
        done = await asyncio.gather(*[parts.monitor.compare() for _ in range(5)])
        ids = [outcome.row.run_id for outcome in done if outcome is not None]
        assert len(ids) == 5
        assert len(set(ids)) <= 2

    World(tmp_path, reconciliation("positions"), start=False, then=then).run(monkeypatch)


def test_a_paused_monitor_compares_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    async def then(parts: Parts) -> None:
        parts.store.monitors.pause(Pause("it", "somebody", "maintenance", 0))
        assert await parts.monitor.compare() is None
        assert parts.store.monitors.resume("it")
        assert await parts.monitor.compare() is not None

    World(tmp_path, reconciliation("positions"), start=False, then=then).run(monkeypatch)


def test_of_two_processes_one_compares(tmp_path: Path, monkeypatch: Any) -> None:
    async def then(parts: Parts) -> None:
        held = parts.store.monitors.acquire(
            "it", "another", seconds=60, now=int(parts.clock.now().timestamp() * 1e9)
        )
        assert held is not None
        assert await parts.monitor.compare() is None
        await asyncio.sleep(61)
        outcome = await parts.monitor.compare()
        assert outcome is not None
        assert outcome.row.status.value == "clean"

    World(tmp_path, reconciliation("positions"), start=False, then=then).run(monkeypatch)


def test_edge_08_the_window_moves_only_after_success(tmp_path: Path, monkeypatch: Any) -> None:
    def faults(seed: int) -> Faults:
        return Faults(seed, [Fault(Trouble.OUTAGE, between=[(120.0, 220.0)])])

    async def then(parts: Parts) -> None:
        await parts.monitor.compare()
        first = parts.store.monitors.cursor("it")
        assert first is not None
        await asyncio.sleep(60)
        outcome = await parts.monitor.compare()
        assert outcome is not None
        assert outcome.row.status.value == "failed"
        assert parts.store.monitors.cursor("it") == first
        await asyncio.sleep(120)
        await parts.monitor.compare()
        moved = parts.store.monitors.cursor("it")
        assert moved is not None
        assert moved > first

    world = World(tmp_path, reconciliation("trades"), faults=faults, start=False, then=then)
    world.run(monkeypatch)


def test_edge_06_an_account_that_is_suddenly_empty_breaks_in_doubt_at_most(
    tmp_path: Path, monkeypatch: Any
) -> None:
    def faults(seed: int) -> Faults:
        return Faults(seed, [Fault(Trouble.EMPTY_ACCOUNT, between=[(100.0, 200.0)])])

    world = World(tmp_path, reconciliation("positions"), faults=faults, seconds=220)
    seen = world.run(monkeypatch)
    assert [found for _, _, breaks in seen.runs for found in breaks if not found.doubt] == []
    emptied = [row for _, row, breaks in seen.runs if row.status.value == "clean"]
    assert emptied, "before and after it is clean"
    during = [row for _, row, _ in seen.runs if 125 < _since_start(row) < 200]
    assert during
    assert "clean" not in {row.status.value for row in during}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_edge_03_a_stale_snapshot_is_unknown_and_no_break(
    tmp_path: Path, monkeypatch: Any, seed: int
) -> None:
    def faults(seed_: int) -> Faults:
        return Faults(seed_, [Fault(Trouble.STALE, rate=0.3, seconds=(0.5, 10.0))])

    world = World(tmp_path, reconciliation("positions"), faults=faults, seconds=120, seed=seed)
    seen = world.run(monkeypatch)
    assert [breaks for _, _, breaks in seen.runs if breaks] == []


@pytest.mark.parametrize("seed", [1, 2])
def test_no_fault_of_the_line_makes_a_break(tmp_path: Path, monkeypatch: Any, seed: int) -> None:
    def faults(seed_: int) -> Faults:
        troubles = (
            Trouble.TIMEOUT,
            Trouble.DROPPED,
            Trouble.RATE_LIMITED,
            Trouble.SERVER_ERROR,
            Trouble.HTML,
            Trouble.CUT,
            Trouble.EMPTY_BODY,
            Trouble.EMPTY_OBJECT,
            Trouble.DOUBLED,
        )
        return Faults(seed_, [Fault(each, rate=0.02, seconds=(0.5, 2.0)) for each in troubles])

    lines = "\n".join(
        reconciliation(records).replace("  it:", f"  {records}:")
        for records in ("positions", "orders", "trades")
    )
    world = World(tmp_path, lines, faults=faults, seconds=100, seed=seed)
    seen = world.run(monkeypatch)
    assert [breaks for _, _, breaks in seen.runs if breaks] == []
    assert "clean" in seen.statuses()


def _since_start(row: Any) -> float:
    return (row.as_of - virtual.START).total_seconds()


@pytest.mark.parametrize("priced", [True, False])
def test_values_are_in_the_reporting_currency_or_unknown(
    tmp_path: Path, monkeypatch: Any, *, priced: bool
) -> None:
    (tmp_path / "rates.csv").write_text("pair,price\nUSDT/USD,0.5\n")
    symbol = "BTC/USDT:USDT"
    world = World(
        tmp_path,
        reconciliation("positions", **({"prices": "rates"} if priced else {})),
        plants=[Plant(Drift.UNHEARD, at=60.0, symbol=symbol)],
        seconds=5,
        currency="USD",
        sources="  rates: {type: file, path: rates.csv, records: prices}" if priced else "",
    )
    seen = world.run(monkeypatch)
    (found,) = seen.runs[-1][2]
    if not priced:
        assert found.value_amount is None
        return
    (planted,) = seen.truth
    (lacking,) = (abs(amount) for amount in planted.positions.values())
    assert found.value_currency == "USD"
    bought, rate = value_object(found)["prices"]
    assert rate == {"pair": "USDT/USD", "price": "0.5", "as_of": None}
    assert bought["pair"] == "BTC/USDT"
    assert 80_000 < Decimal(bought["price"]) < 100_000
    asked = datetime.fromisoformat(bought["as_of"])
    assert found.first_seen - timedelta(seconds=60) < asked <= found.first_seen
    assert 40_000 * lacking < found.value_amount < 50_000 * lacking  # at about 91,250 USDT


def test_a_value_tolerance_in_the_reporting_currency_holds(
    tmp_path: Path, monkeypatch: Any
) -> None:
    (tmp_path / "rates.csv").write_text("pair,price\nUSDT/USD,0.5\n")
    world = World(
        tmp_path,
        reconciliation("positions", prices="rates", value_tolerance="{USD: 1000000}"),
        plants=[Plant(Drift.UNHEARD, at=60.0, symbol="BTC/USDT:USDT")],
        seconds=5,
        currency="USD",
        sources="  rates: {type: file, path: rates.csv, records: prices}",
    )
    seen = world.run(monkeypatch)
    assert [breaks for _, _, breaks in seen.runs if breaks] == []
    assert seen.runs[-1][1].counts.within_tolerance == 1
