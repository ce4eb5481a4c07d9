"""`tieout.Reconciler` inside of an engine, over real HTTP against the simulated exchange."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from exchange_world import BTC, ETH, KEY, SECRET, Engine, Live, live, reconciliation

import tieout
from tieout import Notice, Reconciler, wiring
from tieout.adapters.books.engine import EngineBook
from tieout.errors import UsageError
from tieout.ports import Pause

BOTH = reconciliation("positions") + "\n" + reconciliation("balances")


@pytest.fixture
def exchange(monkeypatch: Any) -> Iterator[Live]:
    monkeypatch.setenv("VENUE_KEY", KEY)
    monkeypatch.setenv("VENUE_SECRET", SECRET)
    with live() as found:
        found.trade(BTC, "buy", "0.5", ago=600)
        found.trade(ETH, "sell", "2", ago=600)
        yield found


def _threads() -> list[str]:
    names = [each.name for each in threading.enumerate()]
    return [name for name in names if name == "tieout" or name.startswith("tieout-store")]


def used(
    exchange: Live,
    tmp_path: Path,
    use: Callable[[Reconciler, Engine], Awaitable[None]],
    *,
    reconciliations: str = BOTH,
    engine: Engine | None = None,
    **options: Any,
) -> Engine:
    """Open a Reconciler in a loop of the engine's, use it, close it; nothing may be left."""
    config = exchange.config(tmp_path / "live.yaml", reconciliations)
    chosen = engine or exchange.call(lambda: Engine.of(exchange.account))

    async def main() -> None:
        async with Reconciler(config, books={"book": chosen}, **options) as reconciler:
            await use(reconciler, chosen)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left

    asyncio.run(main())
    assert _threads() == []
    return chosen


def test_it_is_ready_when_all_agrees(exchange: Live, tmp_path: Path) -> None:
    async def use(reconciler: Reconciler, engine: Engine) -> None:
        assert await reconciler.ready(timeout=30) == tieout.Ready(True, ())
        found = await reconciler.summary()
        assert {name: row["status"] for name, row in found.items()} == {
            "positions": "clean",
            "balances": "clean",
        }
        assert engine.loops == {id(asyncio.get_running_loop())}, "asked on the engine's own loop"

    used(exchange, tmp_path, use)


def test_a_drift_of_high_severity_is_not_ready_and_is_shown(exchange: Live, tmp_path: Path) -> None:
    rules = reconciliation("positions", severity="{quantity: high}")
    before = datetime.now(UTC)

    async def use(reconciler: Reconciler, engine: Engine) -> None:
        engine.positions[BTC] += Decimal("0.002")
        ready = await reconciler.ready(timeout=30)
        assert not ready.ok
        assert ready.reasons == ("positions: 1 open break of severity high or above",)
        (found,) = await reconciler.breaks()
        assert found["key"]["symbol"] == BTC
        assert [each["difference"] for each in found["differences"]] == ["0.002"]
        assert [each["id"] for each in await reconciler.breaks(since=before)] == [found["id"]]
        assert await reconciler.breaks(since=datetime.now(UTC) + timedelta(hours=1)) == []
        engine.positions[BTC] -= Decimal("0.002")
        (report,) = await reconciler.reconcile("binance", records="positions")
        assert report.run.status.value == "clean"
        assert await reconciler.breaks() == []
        assert (await reconciler.ready(timeout=30)).ok
        rows = await reconciler.history("binance", limit=5)
        statuses = [row.status.value for row in rows]
        assert statuses[0] == "clean"
        assert "breaks" in statuses
        assert len(await reconciler.history("binance", limit=1)) == 1

    used(exchange, tmp_path, use, reconciliations=rules)


def test_edge_05_an_exchange_that_is_down_is_not_ready_and_no_exception(
    exchange: Live, tmp_path: Path
) -> None:
    config = exchange.config(tmp_path / "live.yaml", BOTH)
    engine = exchange.call(lambda: Engine.of(exchange.account))
    exchange.down()

    async def main() -> None:
        async with Reconciler(config, books={"book": engine}) as reconciler:
            ready = await reconciler.ready(timeout=60)
            assert not ready.ok
            assert len(ready.reasons) == 2
            assert all("failed" in each for each in ready.reasons)
            reports = await reconciler.reconcile_all()
            assert {each.run.status.value for each in reports} == {"failed"}
            assert await reconciler.breaks() == [], "what is not known is no break"

    asyncio.run(main())


def test_what_is_not_compared_in_time_is_not_ready(exchange: Live, tmp_path: Path) -> None:
    rules = reconciliation("positions", grace="30s")

    async def use(reconciler: Reconciler, engine: Engine) -> None:
        engine.positions[BTC] += 1
        ready = await reconciler.ready(timeout=0.3)
        assert not ready.ok
        assert ready.reasons[0] == "not everything was compared within 0.3 s"

    used(exchange, tmp_path, use, reconciliations=rules)


@pytest.mark.parametrize("trouble", ["raises", "hangs", "none"])
def test_a_book_that_gives_nothing_is_unknown_and_never_flat(
    exchange: Live, tmp_path: Path, monkeypatch: Any, trouble: str
) -> None:
    monkeypatch.setattr(EngineBook.__init__, "__kwdefaults__", _quick(EngineBook))
    engine = exchange.call(lambda: Engine.of(exchange.account))

    async def use(reconciler: Reconciler, engine: Engine) -> None:
        assert (await reconciler.ready(timeout=30)).ok
        if trouble == "none":
            engine.get_positions = _nothing  # type: ignore[method-assign]
        engine.fails = ConnectionError("the session has ended") if trouble == "raises" else None
        engine.hangs = trouble == "hangs"
        reports = await reconciler.reconcile("book", records="positions")
        assert [each.run.status.value for each in reports] == ["failed"]
        assert reports[0].breaks == []
        assert await reconciler.breaks() == []
        ready = await reconciler.ready(timeout=30)
        assert not ready.ok
        assert ready.reasons[0].startswith("positions: failed: the engine")

    used(exchange, tmp_path, use, engine=engine)


def _quick(cls: Any) -> dict[str, Any]:
    return {**cls.__init__.__kwdefaults__, "timeout": 0.5}


async def _nothing() -> None:
    return None


def test_the_engines_loop_goes_on(exchange: Live, tmp_path: Path) -> None:
    """For how long the private thread computes between two turns of the engine's loop: the time of
    others, while the machine is busy, is none of its doing. Asserted with much room all the same."""
    gaps: list[float] = []

    def computed() -> float:
        own = [each for each in threading.enumerate() if each.name == "tieout" and each.ident]
        return sum(time.clock_gettime(time.pthread_getcpuclockid(each.ident or 0)) for each in own)

    async def ticking() -> None:
        last = computed()
        while True:
            await asyncio.sleep(0.002)
            now = computed()
            gaps.append(now - last)
            last = now

    config = exchange.config(tmp_path / "live.yaml", BOTH)
    engine = exchange.call(lambda: Engine.of(exchange.account))

    async def main() -> None:
        ticker = asyncio.create_task(ticking())
        async with Reconciler(config, books={"book": engine}) as reconciler:
            await reconciler.ready(timeout=30)
            engine.positions[BTC] += 1
            await asyncio.gather(*[reconciler.reconcile_all() for _ in range(3)])
            await reconciler.breaks()
            await reconciler.history("binance")
        ticker.cancel()
        await asyncio.gather(ticker, return_exceptions=True)

    asyncio.run(main())
    assert max(gaps) < 0.25, f"{max(gaps) * 1000:.0f} ms"


def test_an_event_makes_it_compare(exchange: Live, tmp_path: Path) -> None:
    rules = reconciliation("positions")

    async def use(reconciler: Reconciler, engine: Engine) -> None:
        await reconciler.ready(timeout=30)
        before = len(await reconciler.history("binance"))
        await reconciler.notify(Notice("large_fill", venue="binance", symbols=frozenset({BTC})))

        async def compared() -> bool:
            return len(await reconciler.history("binance", limit=100)) > before

        await _until(compared)
        with pytest.raises(UsageError, match="unknown event"):
            await reconciler.notify(Notice("earthquake"))
        with pytest.raises(UsageError, match="no reconciliation is about 'kraken'"):
            await reconciler.notify(Notice("reconnect", venue="kraken"))

    used(exchange, tmp_path, use, reconciliations=rules)


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(600):
        if await holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never came")


def test_a_fill_at_the_venue_is_heard_by_the_socket(exchange: Live, tmp_path: Path) -> None:
    rules = reconciliation("positions", every="1h")

    async def use(reconciler: Reconciler, engine: Engine) -> None:
        assert (await reconciler.ready(timeout=30)).ok

        async def listens() -> bool:
            return exchange.server is not None and bool(exchange.server.sockets)

        async def broken() -> bool:
            return bool(await reconciler.breaks())

        await _until(listens)
        await asyncio.to_thread(exchange.trade, BTC, "buy", "0.25")
        await _until(broken)
        (found,) = await reconciler.breaks()
        assert found["differences"][0]["difference"] == "-0.25"

    used(exchange, tmp_path, use, reconciliations=rules)


def test_a_comparison_of_one_symbol_leaves_the_others_alone(exchange: Live, tmp_path: Path) -> None:
    async def use(reconciler: Reconciler, engine: Engine) -> None:
        engine.positions[BTC] += 1
        engine.positions[ETH] += 1
        (one,) = await reconciler.reconcile("binance", records="positions", symbols=[BTC])
        assert [each.content["key"]["symbol"] for each in one.breaks] == [BTC]
        ready = await reconciler.ready(timeout=30)
        assert not ready.ok
        assert len(await reconciler.breaks()) == 2

    rules = reconciliation("positions", severity="{quantity: high}")
    used(exchange, tmp_path, use, reconciliations=rules, watch=False)


def test_what_cannot_be_asked_for_is_said(exchange: Live, tmp_path: Path) -> None:
    async def use(reconciler: Reconciler, engine: Engine) -> None:
        with pytest.raises(UsageError, match="no reconciliation is about 'kraken'"):
            await reconciler.reconcile("kraken")
        with pytest.raises(UsageError, match="no reconciliation compares trades of 'binance'"):
            await reconciler.reconcile("binance", records="trades")
        with pytest.raises(UsageError, match="has no time zone"):
            await reconciler.reconcile("binance", since=datetime(2026, 1, 1))  # noqa: DTZ001
        with pytest.raises(UsageError, match="cannot resolve yet"):
            await reconciler.sync_balances("binance")
        with pytest.raises(UsageError, match="open already"):
            await reconciler.__aenter__()
        reports = await reconciler.reconcile("binance")
        assert len(reports) == 2

    used(exchange, tmp_path, use, watch=False)


def test_before_it_is_open_and_after_it_is_closed(exchange: Live, tmp_path: Path) -> None:
    config = exchange.config(tmp_path / "live.yaml", BOTH)
    engine = exchange.call(lambda: Engine.of(exchange.account))

    async def main() -> None:
        reconciler = Reconciler(config, books={"book": engine}, watch=False)
        await _refuses(reconciler)
        await reconciler.aclose()
        async with reconciler:
            assert await reconciler.reconcile_all()
        await reconciler.aclose()
        await reconciler.aclose()
        await _refuses(reconciler)

    asyncio.run(main())


async def _refuses(reconciler: Reconciler) -> None:
    for call in (
        lambda: reconciler.reconcile("binance"),
        reconciler.reconcile_all,
        lambda: reconciler.history("binance"),
        reconciler.breaks,
        reconciler.summary,
        lambda: reconciler.notify(Notice("reconnect")),
    ):
        with pytest.raises(UsageError, match="is not open"):
            await call()
    ready = await reconciler.ready(timeout=1)
    assert not ready.ok
    assert "is not open" in ready.reasons[0]


def test_a_wrong_configuration_starts_nothing(exchange: Live, tmp_path: Path) -> None:
    config = exchange.config(tmp_path / "live.yaml", BOTH)

    async def main() -> None:
        with pytest.raises(UsageError, match="the configuration has no source 'broker'"):
            async with Reconciler(config, books={"broker": Engine()}):
                pass
        config.write_text("version: 1\nsources: {a: {type: venu}}\n", encoding="utf-8")
        with pytest.raises(tieout.ConfigError, match=r"live\.yaml:2"):
            async with Reconciler(config):
                pass

    asyncio.run(main())
    assert _threads() == []


def test_a_paused_monitor_is_not_ready(exchange: Live, tmp_path: Path) -> None:
    async def use(reconciler: Reconciler, engine: Engine) -> None:
        assert (await reconciler.ready(timeout=30)).ok
        with closing(wiring.open_store(f"sqlite:///{tmp_path / 'live.db'}")) as store:
            store.monitors.pause(Pause("positions", "ada", "upgrade", 0))
        with pytest.raises(UsageError, match="paused by ada: upgrade"):
            await reconciler.reconcile("binance", records="positions")
        ready = await reconciler.ready(timeout=30)
        assert ready.reasons == ("positions: it was not compared: paused by ada: upgrade",)

    used(exchange, tmp_path, use)


def test_two_engines_on_one_store_compare_once_and_the_second_takes_over(
    exchange: Live, tmp_path: Path
) -> None:
    rules = reconciliation("positions", every="1s")
    config = exchange.config(tmp_path / "live.yaml", rules)
    engine = exchange.call(lambda: Engine.of(exchange.account))

    async def main() -> None:
        first = Reconciler(config, books={"book": engine})
        async with Reconciler(config, books={"book": replace(engine)}) as second:
            async with first:
                await asyncio.gather(first.ready(30), second.ready(30))
                pair = [await first.summary(), await second.summary()]
                assert [row["positions"] is None for row in pair].count(True) == 1
                both = await asyncio.gather(first.ready(30), second.ready(30))
                assert [each.ok for each in both] == [True, True]
            # Closing gave the lease back: nobody waits until it lapses.
            assert await second.reconcile("binance")

    asyncio.run(main())


def test_closing_does_not_wait_for_a_venue_that_hangs(
    exchange: Live, tmp_path: Path, monkeypatch: Any
) -> None:
    from tieout.testing.exchange.faults import Fault, Faults, Trouble

    monkeypatch.setattr("tieout.service.live.monitor.PATIENCE", 0.2)
    exchange.exchange.faults = Faults(1, [Fault(Trouble.TIMEOUT, rate=1.0)])
    exchange.exchange.faults.begin(exchange.exchange.milliseconds())

    async def use(reconciler: Reconciler, engine: Engine) -> None:
        assert not (await reconciler.ready(timeout=0.5)).ok

    began = time.monotonic()
    used(exchange, tmp_path, use)
    assert time.monotonic() - began < 30, "four attempts of ten seconds each would be more"
    with closing(wiring.open_store(f"sqlite:///{tmp_path / 'live.db'}")) as store:
        assert [row.status.value for row in store.runs()].count("running") == 0


def test_to_name_it_imports_next_to_nothing() -> None:
    """An engine's loop runs by then, as a rule: what is large is imported on the private thread."""
    code = "import tieout, sys; tieout.Reconciler; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    large = {"msgspec", "sqlalchemy", "polars", "duckdb", "ccxt", "narwhals", "aiohttp"}
    assert not large & set(done.stdout.split())
    assert "tieout.service.live.monitor" not in done.stdout.split()
