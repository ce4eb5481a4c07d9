"""A position that is off by what the venue closed says so, as the break of its trade does."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from live_world import Parts, World, reconciliation
from review_world import MAIN, SECOND, Stage, broken, play

from tieout.core.live import Ask
from tieout.core.model import Value

PERP = "BTC/USDT:USDT"


def held(quantity: str, **values: Value) -> dict[str, Value]:
    return {
        **MAIN, "symbol": PERP, "leg": "net", "quantity": Decimal(quantity), "as_of": 0, **values,
    }  # fmt: skip


def closed(stage: Stage, id_: str, quantity: str, **values: Value) -> dict[str, Value]:
    return stage.trade(
        id_,
        stage.now() - 600 * SECOND,
        **{
            "symbol": PERP, "side": "sell", "quantity": Decimal(quantity), "leg": "net",
            "exec_type": "liquidation", **values,
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("theirs", "ours", "cause"),
    [
        ([("1", "2", {})], [], "external_activity"),
        ([("1", "1", {}), ("2", "1", {"exec_type": "adl"})], [], "external_activity"),
        ([("1", "1.5", {})], [], "unknown"),  # it does not explain what differs
        ([("1", "2", {"exec_type": "trade"})], [], "unknown"),  # a fill that was ordered
        ([("1", "2", {})], [("1", "2", {})], "unknown"),  # the book knows it
        ([("1", "2", {})], [("9", "2", {"order_id": "o1"})], "unknown"),  # by its order
        ([("1", "2", {})], [("1", "2", {"symbol": "ETH/USDT:USDT"})], "external_activity"),
        ([("1", "2", {"leg": "long"})], [], "unknown"),  # of another leg
        ([("1", "2", {"side": None})], [], "unknown"),
    ],
)
def test_edge_32_a_position_that_the_venue_closed_is_external_activity(
    tmp_path: Path, theirs: Any, ours: Any, cause: str
) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(3600)
        stage.book.rows["positions"] = [held("3")]
        stage.venue.rows["positions"] = [held("1")]
        stage.venue.rows["trades"] = [
            closed(stage, id_, many, **more) for id_, many, more in theirs
        ]
        stage.book.rows["trades"] = [closed(stage, id_, many, **more) for id_, many, more in ours]
        _, (found,) = await stage.compare()
        assert (found.content["kind"], found.cause) == ("QUANTITY", cause)

    play(tmp_path, reconciliation("positions"), story)


def test_where_trades_cannot_be_asked_for_the_cause_stays_unknown(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(3600)
        stage.book.rows["positions"] = [held("3")]
        stage.venue.rows["positions"] = [held("1")]
        stage.venue.rows["trades"] = [closed(stage, "1", "2")]

        def fails(ask: Ask) -> None:
            day = ask.since is not None and stage.now() - ask.since > 3600 * SECOND
            stage.venue.down = broken() if ask.records == "trades" and day else None

        stage.venue.before = fails
        _, (found,) = await stage.compare()
        assert found.cause == "unknown"

    play(tmp_path, reconciliation("positions"), story)


def test_edge_32_a_liquidation_at_an_exchange(tmp_path: Path, monkeypatch: Any) -> None:
    async def then(parts: Parts) -> None:
        parts.account.trade(PERP, "buy", "0.5", "60000")
        await asyncio.sleep(60)
        parts.book._deaf |= {"liquidation"}
        parts.account.liquidate(PERP)
        await asyncio.sleep(300)
        outcome = await parts.monitor.compare()
        assert outcome is not None
        (found,) = outcome.breaks()
        assert (found.content["kind"], found.cause) == ("MISSING_EXTERNAL", "external_activity")

    lines = reconciliation("positions")
    World(tmp_path, lines, rate=1e-9, start=False, then=then, warm=0.0).run(monkeypatch)
