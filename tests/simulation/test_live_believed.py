"""Answers with nothing in them that must neither be believed nor clear anything, and what follows."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from live_world import Parts, World, reconciliation
from review_world import MAIN, Stage, play

from tieout.core.live import Ask, Witness
from tieout.core.model import Value
from tieout.core.rows import BreakFilter
from tieout.service.live.fitness import unfit
from tieout.testing import virtual
from tieout.testing.exchange import Exchange
from tieout.testing.exchange.faults import Fault, Faults, Trouble

PERP, OTHER = "BTC/USDT:USDT", "ZZZ/USDT:USDT"
EMPTY = "suddenly no positions at all"


def position(quantity: str, symbol: str = PERP) -> dict[str, Value]:
    return {**MAIN, "symbol": symbol, "leg": "net", "quantity": Decimal(quantity), "as_of": 0}


def says(stage: Stage, witness: Witness | None) -> None:
    async def second(ask: Ask, names: set[str]) -> Witness | None:
        return witness

    stage.venue.second = second  # type: ignore[attr-defined]


async def told(stage: Stage) -> tuple[str, list[str]]:
    await asyncio.sleep(60)
    row, found = await stage.compare()
    return row.status.value, [each.content["kind"] for each in found]


def test_nothing_on_both_sides_that_an_endpoint_contradicts_is_not_clean(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        says(stage, Witness("account", (OTHER,)))
        stage.venue.doubt = EMPTY
        assert await told(stage) == ("incomplete", [])
        assert unfit(stage.monitor, stage.clock.now())

    play(tmp_path, reconciliation("positions"), story)


def test_nothing_on_both_sides_in_doubt_is_not_clean(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.venue.doubt = EMPTY
        assert await told(stage) == ("incomplete", [])
        stage.venue.doubt = None
        assert await told(stage) == ("clean", [])

    play(tmp_path, reconciliation("positions"), story)


def test_a_book_that_lost_all_clears_nothing_beside_a_contradicted_answer(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        says(stage, Witness("account"))
        stage.book.rows["positions"] = [position("5")]
        assert await told(stage) == ("breaks", ["MISSING_EXTERNAL"])
        stage.book.rows["positions"] = []
        says(stage, Witness("account", (PERP,)))
        stage.venue.doubt = EMPTY
        status, _ = await told(stage)
        assert status == "incomplete"
        assert [each.state for each in stage.store.breaks(BreakFilter("it"))] == ["open"]

    play(tmp_path, reconciliation("positions"), story)


def test_an_empty_answer_after_a_restart_clears_nothing(tmp_path: Path) -> None:
    """Where no other endpoint can tell: nobody remembers what the last answer had."""
    store = f"sqlite:///{tmp_path}/tieout.db"

    async def before(stage: Stage) -> None:
        stage.venue.rows["positions"] = [position("5")]
        assert await told(stage) == ("breaks", ["MISSING_INTERNAL"])

    async def cannot_tell(stage: Stage) -> None:
        says(stage, None)
        assert await told(stage) == ("incomplete", ["MISSING_INTERNAL"])

    async def no_endpoint(stage: Stage) -> None:
        assert await told(stage) == ("incomplete", ["MISSING_INTERNAL"])

    for hours, story in enumerate((before, cannot_tell, no_endpoint)):
        start = virtual.START + timedelta(hours=hours)
        play(tmp_path, reconciliation("positions"), story, store=store, start=start)


def test_fills_of_other_symbols_do_not_close_a_position(tmp_path: Path) -> None:
    """The venue tells fills by symbol, and was not asked about the one that it held."""

    async def story(stage: Stage) -> None:
        stage.venue.narrow = True
        stage.book.rows["trades"] = [stage.trade("0", 1, symbol=PERP, leg="net")]
        assert await told(stage) == ("clean", [])
        stage.venue.rows["trades"] = [
            stage.trade("9", stage.now(), symbol=OTHER, leg="net", quantity=Decimal(5))
        ]
        stage.venue.rows["positions"] = [position("5", OTHER)]
        stage.book.reasons = ("the book answers in part",)
        assert await told(stage) == ("incomplete", [])
        stage.book.reasons = ()
        stage.venue.rows["positions"], stage.venue.doubt = [], EMPTY
        assert await told(stage) == ("incomplete", [])

    play(tmp_path, reconciliation("positions"), story)


def test_a_book_that_has_something_elsewhere_is_no_doubt_here(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        elsewhere = {**position("7", "ETH/USDT:USDT"), "venue": "kraken"}
        stage.book.rows["positions"] = [elsewhere]
        assert await told(stage) == ("clean", [])

    play(tmp_path, reconciliation("positions"), story)


def test_a_second_look_that_the_key_may_not_take_costs_nothing_else(
    tmp_path: Path, monkeypatch: Any
) -> None:
    """-2015 means a revoked key as well as a missing permission."""
    real = Exchange.transport

    def transport(self: Exchange, *given: Any) -> Any:
        inner = real(self, *given)

        async def ask(method: str, url: str, headers: Any, body: str | None) -> Any:
            if "/fapi/v3/account" in url:
                refusal = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}
                return 401, "Unauthorized", {}, json.dumps(refusal)
            return await inner(method, url, headers, body)

        return ask

    monkeypatch.setattr(Exchange, "transport", transport)
    found: list[str] = []

    async def then(parts: Parts) -> None:
        parts.account.trade(PERP, "buy", "0.5", "60000")
        for _ in range(3):
            await asyncio.sleep(60)
            outcome = await parts.monitor.compare()
            assert outcome is not None
            found.append(outcome.row.status.value)

    risk = Fault(Trouble.EMPTY_ACCOUNT, between=[(100.0, 130.0)], paths=("/fapi/v3/positionRisk",))
    World(
        tmp_path,
        reconciliation("positions"),
        rate=1e-9,
        faults=lambda seed: Faults(seed, [risk]),
        start=False,
        then=then,
        warm=0.0,
    ).run(monkeypatch)
    assert found == ["clean", "breaks", "clean"]


def test_a_clock_that_was_ahead_for_one_comparison_hides_no_later_fill(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        assert await told(stage) == ("clean", [])
        real = stage.clock.now
        stage.clock.now = lambda: real() + timedelta(hours=3)
        await told(stage)
        stage.clock.now = real
        stage.venue.rows["trades"] = [stage.trade("lost", stage.now())]
        assert await told(stage) == ("breaks", ["MISSING_INTERNAL"])

    play(tmp_path, reconciliation("trades"), story)
