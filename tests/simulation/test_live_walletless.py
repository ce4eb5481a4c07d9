"""A book that knows no wallets beside a venue that has several, while it trades."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import live_world
import pytest
from live_world import World, reconciliation
from msgspec.structs import replace
from review_world import MAIN, Stage, play

from tieout.core.live import Answer, Ask
from tieout.core.model import Record, Value


class WithoutWallets(live_world.SimulatedBook):
    """As an engine whose account is `{"BTC": 1, "USD": 50000}`."""

    async def fetch(self, ask: Ask) -> Answer:
        answer = await super().fetch(ask)
        rows = [Record(_without(each.values), _without(each.identity)) for each in answer.records]
        return replace(answer, records=tuple(rows), wallets=None)


def _without(values: Any) -> dict[str, Value]:
    return {name: value for name, value in values.items() if name != "wallet"}


@pytest.mark.parametrize(
    ("venue", "currency"), [("kraken", "USD"), ("binance", "USDT"), ("bybit", "USDT")]
)
def test_a_right_book_without_wallets_is_clean(
    tmp_path: Path, monkeypatch: Any, venue: str, currency: str
) -> None:
    """Kraken's answer is of several: its readings contradicted each other for ever."""
    monkeypatch.setattr(live_world, "SimulatedBook", WithoutWallets)
    world = World(
        tmp_path,
        reconciliation("balances"),
        product="spot",
        venue=venue,
        rate=2.0,
        seconds=100.0,
        currency=currency,
    )
    seen = world.run(monkeypatch)
    assert len(seen.runs) >= 3
    assert {row.status.value for _, row, _ in seen.runs} == {"clean"}, seen.runs
    assert all(row.counts.matched >= 9 for _, row, _ in seen.runs)


@pytest.mark.parametrize("wallet", ["spot", "earn"])
def test_what_is_in_another_wallet_only_is_no_break(tmp_path: Path, wallet: str) -> None:
    """At Kraken all of a currency may be in `earn`: a book that knows no wallets has it as well."""

    async def story(stage: Stage) -> None:
        held = {**MAIN, "currency": "BTC", "total": Decimal(5), "as_of": 1}
        stage.venue.rows["balances"] = [{**held, "wallet": wallet}]
        stage.book.rows["balances"] = [held]
        asked = stage.venue.fetch

        async def of_two(ask: Ask) -> Answer:
            return replace(await asked(ask), wallets=frozenset({"spot", "earn"}))

        stage.venue.fetch = of_two  # type: ignore[method-assign]
        await asyncio.sleep(60)
        row, breaks = await stage.compare()
        assert (row.status.value, breaks) == ("clean", [])
        assert row.counts.matched == 1
        stage.book.rows["balances"] = [{**held, "total": Decimal(4)}]
        _, breaks = await stage.compare()
        assert [each.content["kind"] for each in breaks] == ["BALANCE"]

    play(tmp_path, reconciliation("balances"), story)


def test_an_opening_without_a_wallet_and_what_was_booked_since_are_one_balance(
    tmp_path: Path,
) -> None:
    """As of a ledger that was opened from a file without that column: one of the two was lost."""

    async def story(stage: Stage) -> None:
        opened = {
            **MAIN,
            "currency": "USDT",
            "wallet": None,
            "total": Decimal(1000),
            "free": Decimal(1000),
        }
        since = {**opened, "wallet": "spot", "total": Decimal(-50), "free": None}
        stage.venue.rows["balances"] = [{**since, "total": Decimal(950), "as_of": 1}]
        asked = stage.venue.fetch

        async def of_one(ask: Ask) -> Answer:
            return replace(await asked(ask), wallets=frozenset({"spot"}))

        stage.venue.fetch = of_one  # type: ignore[method-assign]
        await asyncio.sleep(60)
        for rows in ([opened, since], [since, opened]):
            stage.book.rows["balances"] = [{**each, "as_of": 1} for each in rows]
            row, breaks = await stage.compare()
            assert (row.status.value, breaks) == ("clean", [])

    play(tmp_path, reconciliation("balances"), story)
