"""Balances beside a book that knows no movements: a break that these explain says so."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from live_world import reconciliation
from review_world import MAIN, SECOND, Stage, play

from tieout.core.live import Ask
from tieout.errors import VenueError

BALANCES = reconciliation("balances")
DAY = 86_400


def balance(total: str) -> dict[str, Any]:
    return {**MAIN, "currency": "USDT", "wallet": "spot", "total": Decimal(total), "as_of": 1}


def movement(stage: Stage, id_: str, kind: str, amount: str, ago: int = 60) -> dict[str, Any]:
    return {
        **MAIN,
        "movement_id": id_,
        "type": kind,
        "currency": "USDT",
        "wallet": "spot",
        "amount": Decimal(amount),
        "timestamp": stage.now() - ago * SECOND,
    }


async def found(stage: Stage, theirs: str) -> tuple[list[str], list[str]]:
    """The causes of the breaks where the book has 1000, and what is said of movements."""
    stage.book.rows["balances"], stage.venue.rows["balances"] = [balance("1000")], [balance(theirs)]
    row, breaks = await stage.compare()
    assert row.external is not None
    return [str(each.cause) for each in breaks], [
        note for note in row.external.notes if "movements" in note
    ]


@pytest.mark.parametrize(
    ("kinds", "cause"),
    [
        ([("deposit", "500")], "transfer"),
        ([("deposit", "750"), ("withdrawal", "-250")], "transfer"),
        ([("funding", "499"), ("funding", "1")], "funding"),
        ([("deposit", "501")], "unknown"),
        ([], "unknown"),
    ],
)
def test_what_movements_explain_is_a_break_that_says_so(
    tmp_path: Path, kinds: list[tuple[str, str]], cause: str
) -> None:
    async def story(stage: Stage) -> None:
        stage.book.offers = frozenset({"balances"})
        await asyncio.sleep(2 * DAY)
        stage.venue.rows["movements"] = [
            movement(stage, str(number), kind, amount, ago=DAY)
            for number, (kind, amount) in enumerate(kinds)
        ]
        causes, notes = await found(stage, "1500")
        assert causes == [cause]
        said = "USDT: movements at binance come to what differs; book knows no movements"
        assert notes == ([said] if cause != "unknown" else [])

    play(tmp_path, BALANCES, story)


def test_nothing_is_asked_where_the_book_knows_movements_or_nothing_differs(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(2 * DAY)
        stage.venue.rows["movements"] = [movement(stage, "1", "deposit", "500", ago=DAY)]
        assert await found(stage, "1500") == (["unknown"], [])
        stage.book.offers = frozenset({"balances"})
        stage.venue.calls.clear()
        assert await found(stage, "1000") == ([], [])
        assert "movements" not in {ask.records for ask in stage.venue.calls}

    play(tmp_path, BALANCES, story)


def test_a_venue_that_does_not_say_leaves_the_break_as_it_is(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.book.offers = frozenset({"balances"})
        await asyncio.sleep(2 * DAY)
        asked = stage.venue.fetch

        async def silent(ask: Ask) -> Any:
            if ask.records == "movements":
                raise VenueError("no answer", venue="binance", method="movements")
            return await asked(ask)

        stage.venue.fetch = silent  # type: ignore[method-assign]
        assert await found(stage, "1500") == (["unknown"], [])

    play(tmp_path, BALANCES, story)
