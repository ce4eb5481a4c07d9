"""Good answers about trades and orders that lack what was told before: nothing goes away by them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from live_world import reconciliation
from msgspec.structs import replace
from review_world import SECOND, Side, Stage, play
from test_live_review_orders import order

from tieout.core.live import Answer, Ask

TRADES = reconciliation("trades", lookback="10m", full="12h")
ORDERS = reconciliation("orders")
Cut = Callable[[Stage, Answer], tuple[Any, ...]]


def nothing(stage: Stage, answer: Answer) -> tuple[Any, ...]:
    return ()


def newest(stage: Stage, answer: Answer) -> tuple[Any, ...]:
    """The list of a replica that is behind: without the last two."""
    return answer.records[:-2]


def cut(stage: Stage, side: Side, times: int, how: Cut = nothing) -> None:
    """So many answers of a side about what is compared are cut."""
    fetch, left = side.fetch, [times]
    records = stage.monitor.setup.rules.records

    async def told(ask: Ask) -> Answer:
        answer = await fetch(ask)
        if ask.records != records or left[0] <= 0:
            return answer
        left[0] -= 1
        return replace(answer, records=how(stage, answer))

    side.fetch = told  # type: ignore[method-assign]


async def known(stage: Stage) -> list[tuple[str, str]]:
    """Two trades that both have, one of the book alone, and two of the venue alone, the newest."""
    await asyncio.sleep(60)
    at = stage.now()
    both = [stage.trade(str(n), at + n * SECOND) for n in (1, 2)]
    theirs = [stage.trade(str(n), at + n * SECOND) for n in (4, 5)]
    stage.book.rows["trades"] = [*both, stage.trade("3", at + 3 * SECOND)]
    stage.venue.rows["trades"] = [*both, *theirs]
    await asyncio.sleep(60)
    row, found = await stage.compare()
    assert (row.status.value, len(found)) == ("breaks", 3), row.reasons
    return _ids(found)


def _ids(found: list[Any]) -> list[tuple[str, str]]:
    return sorted((each.id, each.content["kind"]) for each in found)


@pytest.mark.parametrize("how", [nothing, newest])
def test_one_answer_without_its_trades_is_asked_again(tmp_path: Path, how: Cut) -> None:
    async def story(stage: Stage) -> None:
        before = await known(stage)
        cut(stage, stage.venue, 1, how)
        row, found = await stage.compare()
        assert _ids(found) == before
        assert (row.status.value, row.counts.matched) == ("breaks", 2), row.reasons

    play(tmp_path, TRADES, story)


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("how", [nothing, newest])
def test_a_venue_that_lost_its_trades_clears_and_opens_nothing(
    tmp_path: Path, how: Cut, restarted: bool
) -> None:
    async def story(stage: Stage) -> None:
        before = await known(stage)
        fetch = stage.venue.fetch
        for _ in range(3):
            if restarted:  # another process knows only what is in the store
                stage.monitor.setup.heard.newest.clear()
            cut(stage, stage.venue, 1_000, how)
            row, found = await stage.compare()
            assert _ids(found) == before
            assert row.status.value == "incomplete"
            assert any("before, and does not now" in each for each in row.external.reasons)
            await asyncio.sleep(30)
        stage.venue.fetch = fetch  # type: ignore[method-assign]
        row, found = await stage.compare()
        assert (_ids(found), row.status.value) == (before, "breaks"), row.reasons

    play(tmp_path, TRADES, story)


def test_a_symbol_that_lost_its_trades_is_noticed_beside_others(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        at = stage.now()
        rows = [stage.trade(str(n), at - n, symbol=each) for n, each in enumerate(("A/B", "C/D"))]
        stage.book.rows["trades"], stage.venue.rows["trades"] = list(rows), list(rows)
        await asyncio.sleep(60)
        row, found = await stage.compare()
        assert (row.status.value, found) == ("clean", [])
        stage.venue.rows["trades"] = [rows[0], stage.trade("9", stage.now(), symbol="A/B")]
        stage.book.rows["trades"].append(stage.venue.rows["trades"][-1])
        await asyncio.sleep(60)
        row, found = await stage.compare()
        assert (row.status.value, found) == ("incomplete", [])
        assert "binance told of a trade of C/D" in row.external.reasons[0]

    play(tmp_path, TRADES, story)


@pytest.mark.parametrize("times", [2, 1_000])
def test_a_book_that_lost_its_trades_is_asked_again(tmp_path: Path, times: int) -> None:
    """Once is no evidence; in as many readings as confirm a break it is."""

    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        rows = [stage.trade(str(n), stage.now() + n * SECOND) for n in range(3)]
        stage.book.rows["trades"], stage.venue.rows["trades"] = list(rows), list(rows)
        await asyncio.sleep(60)
        row, found = await stage.compare()
        assert (row.status.value, found) == ("clean", [])
        cut(stage, stage.book, times)
        _, found = await stage.compare()
        missing = [] if times == 2 else ["MISSING_INTERNAL"] * 3
        assert [each.content["kind"] for each in found] == missing

    play(tmp_path, TRADES, story)


@pytest.mark.parametrize("times", [2, 1_000])
def test_what_the_book_takes_back_is_gone_once_it_says_so_twice(tmp_path: Path, times: int) -> None:
    """In each reading it is asked about its trades twice: for their symbols as well."""

    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        stage.book.rows["trades"] = [stage.trade("1", stage.now())]
        await asyncio.sleep(60)
        _, found = await stage.compare()
        before = _ids(found)
        assert [kind for _, kind in before] == ["MISSING_EXTERNAL"]
        cut(stage, stage.book, times)
        row, found = await stage.compare()
        assert _ids(found) == (before if times == 2 else [])
        assert row.status.value == ("breaks" if times == 2 else "clean"), row.reasons

    play(tmp_path, TRADES, story)


def test_a_venue_that_says_nothing_at_all_takes_nothing_back(tmp_path: Path) -> None:
    """Of long ago nothing else was told, and lately nothing has happened."""

    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        stage.venue.rows["trades"] = [stage.trade("1", stage.now())]
        await asyncio.sleep(60)
        _, found = await stage.compare()
        await asyncio.sleep(30 * 3600)
        await stage.compare()
        cut(stage, stage.venue, 1_000)
        _, again = await stage.compare()
        assert _ids(again) == _ids(found)
        assert [each.content["kind"] for each in again] == ["MISSING_INTERNAL"]

    play(tmp_path, TRADES, story)


@pytest.mark.parametrize("doubt", [None, "suddenly no orders at all"])
@pytest.mark.parametrize("times", [1, 1_000])
def test_an_order_that_the_venue_told_of_does_not_clear_by_its_absence(
    tmp_path: Path, doubt: str | None, times: int
) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        at = stage.now()
        both, theirs = order("1", at), order("2", at)
        stage.book.rows["orders"], stage.venue.rows["orders"] = [both], [both, theirs]
        await asyncio.sleep(60)
        _, found = await stage.compare()
        before = _ids(found)
        assert [kind for _, kind in before] == ["MISSING_INTERNAL"]
        cut(stage, stage.venue, times, lambda stage, answer: answer.records[:1])
        stage.venue.doubt = doubt
        row, found = await stage.compare()
        assert _ids(found) == before
        assert row.counts.unknown == (0 if times == 1 else 1)
        stage.venue.rows["orders"][1] = theirs | {"status": "filled", "filled": Decimal(1)}
        stage.venue.doubt = None
        cut(stage, stage.venue, 0)
        stage.book.rows["orders"].append(stage.venue.rows["orders"][1])

    play(tmp_path, ORDERS, story)


@pytest.mark.parametrize("times", [2, 1_000])
def test_an_order_that_the_book_takes_back_is_gone_once_it_says_so_twice(
    tmp_path: Path, times: int
) -> None:
    """In each reading it is asked about its orders twice: for their symbols as well."""

    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        stage.book.rows["orders"] = [order("1", stage.now())]
        stage.venue.rows["orders"] = [order("2", stage.now())]
        stage.book.rows["orders"].append(dict(stage.venue.rows["orders"][0]))
        await asyncio.sleep(60)
        _, found = await stage.compare()
        before = _ids(found)
        assert [kind for _, kind in before] == ["MISSING_EXTERNAL"]
        cut(stage, stage.book, times, lambda stage, answer: answer.records[1:])
        row, found = await stage.compare()
        assert _ids(found) == (before if times == 2 else [])
        assert row.status.value == ("breaks" if times == 2 else "clean"), row.reasons

    play(tmp_path, ORDERS, story)
