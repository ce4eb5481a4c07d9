"""What an engine asks its Reconciler about: a few symbols say nothing of the others."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from exchange_world import BTC, ETH, KEY, SECRET, Engine, Live, live, reconciliation

import tieout
from tieout import Notice, Reconciler
from tieout.errors import UsageError

POSITIONS = reconciliation("positions", every="60s", on="[start, interval]")


@pytest.fixture
def exchange(monkeypatch: Any) -> Iterator[Live]:
    monkeypatch.setenv("VENUE_KEY", KEY)
    monkeypatch.setenv("VENUE_SECRET", SECRET)
    with live() as found:
        found.trade(BTC, "buy", "0.5", ago=600)
        found.trade(ETH, "sell", "2", ago=600)
        yield found


def used(
    exchange: Live,
    tmp_path: Path,
    use: Callable[[Reconciler, Engine], Awaitable[None]],
    reconciliations: str = POSITIONS,
) -> None:
    config = exchange.config(tmp_path / "live.yaml", reconciliations)
    engine = exchange.call(lambda: Engine.of(exchange.account))

    async def main() -> None:
        async with Reconciler(config, books={"book": engine}, watch=False) as reconciler:
            await use(reconciler, engine)

    asyncio.run(main())


def test_what_neither_side_knows_is_not_clean(exchange: Live, tmp_path: Path) -> None:
    """`BTCUSDT` is the venue's word for what is asked for as `BTC/USDT:USDT`."""

    async def use(reconciler: Reconciler, engine: Engine) -> None:
        engine.positions[BTC] += 99
        for records, strange in (("positions", "BTCUSDT"), ("balances", "BTCUSDT")):
            (found,) = await reconciler.reconcile("binance", records=records, symbols=[strange])
            assert found.run.status.value == "incomplete"
            assert found.run.reasons == (
                "neither side knows BTCUSDT: nothing was compared of that",
            )
            assert found.run.external is not None
            assert found.run.external.symbols == ("BTCUSDT",)
        # A market in which nobody has anything is known, and agrees.
        asked = ["SOL/USDT:USDT"]
        (found,) = await reconciler.reconcile("binance", records="positions", symbols=asked)
        assert (found.run.status.value, found.run.reasons) == ("clean", ())

    used(exchange, tmp_path, use, POSITIONS + "\n" + reconciliation("balances"))


def test_symbols_are_a_list_of_some(exchange: Live, tmp_path: Path) -> None:
    async def use(reconciler: Reconciler, engine: Engine) -> None:
        for wrong in (BTC, []):
            with pytest.raises(UsageError, match="names no symbols"):
                await reconciler.reconcile("binance", symbols=wrong)
            with pytest.raises(UsageError, match="names no symbols"):
                await reconciler.notify(Notice("large_fill", symbols=wrong))  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="has no time zone"):
            await reconciler.breaks(since=datetime(2026, 1, 1))  # noqa: DTZ001

    used(exchange, tmp_path, use)


def test_no_time_to_answer_is_not_ready_and_leaves_nothing_behind(
    exchange: Live, tmp_path: Path
) -> None:
    async def use(reconciler: Reconciler, engine: Engine) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for timeout in (0, -1):
                assert not (await reconciler.ready(timeout=timeout)).ok

    used(exchange, tmp_path, use)


def test_what_another_process_compared_of_one_symbol_makes_nobody_ready(
    exchange: Live, tmp_path: Path
) -> None:
    config = exchange.config(tmp_path / "live.yaml", POSITIONS)
    engine = exchange.call(lambda: Engine.of(exchange.account))

    async def main() -> None:
        async with Reconciler(config, books={"book": engine}) as first:
            assert (await first.ready(timeout=30)).ok
            async with Reconciler(config, books={"book": replace(engine)}) as second:
                engine.positions[ETH] = Decimal(99)
                (one,) = await first.reconcile("binance", symbols=[BTC])
                assert one.run.status.value == "clean"
                told = await second.ready(timeout=2)
                assert not told.ok, "nobody has compared the other symbols since it opened"
                await first.reconcile("binance")
                await first.reconcile("binance", symbols=[BTC])
                told = await second.ready(timeout=30)
                assert (told.ok, len(told.reasons)) == (False, 2), told.reasons

    asyncio.run(main())


def test_a_book_that_was_never_opened_is_not_known_to_be_flat(tmp_path: Path) -> None:
    """The venue has nothing either; that an empty journal agrees with it is luck."""
    with live() as flat, pytest.MonkeyPatch.context() as patch:
        patch.setenv("VENUE_KEY", KEY)
        patch.setenv("VENUE_SECRET", SECRET)
        config = flat.config(tmp_path / "live.yaml", POSITIONS, book="{type: book}")

        async def main() -> None:
            async with Reconciler(config) as reconciler:
                ready = await reconciler.ready(timeout=30)
                assert not ready.ok
                assert "has no opening entry yet" in ready.reasons[0]

        asyncio.run(main())


def test_the_names_of_the_package_are_listed() -> None:
    assert set(tieout.__all__) <= set(dir(tieout))
