"""An account that is suddenly empty: who has to say so besides, before it is believed."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from live_world import Parts, World, reconciliation
from review_world import MAIN, Stage, broken, play

from tieout.core.live import Ask, Witness
from tieout.core.model import Value
from tieout.testing.exchange.faults import Fault, Faults, Trouble

RISK = ("/fapi/v3/positionRisk",)
PERP = "BTC/USDT:USDT"


def empty(*paths: str, more: tuple[Fault, ...] = ()) -> Any:
    plan = [Fault(Trouble.EMPTY_ACCOUNT, between=[(100.0, 1e6)], paths=paths), *more]
    return lambda seed: Faults(seed, plan)


def compared(tmp: Path, monkeypatch: Any, faults: Any) -> list[tuple[Any, list[Any]]]:
    """What comparisons come to before and after the fault, while nothing happens."""
    found: list[tuple[Any, list[Any]]] = []

    async def then(parts: Parts) -> None:
        parts.account.trade(PERP, "buy", "0.5", "60000")
        for _ in range(2):
            await asyncio.sleep(60)
            outcome = await parts.monitor.compare()
            assert outcome is not None
            found.append((outcome.row, list(outcome.breaks())))

    lines = reconciliation("positions")
    World(tmp, lines, rate=1e-9, faults=faults, start=False, then=then, warm=0.0).run(monkeypatch)
    assert found[0][0].status.value == "clean"
    return found


def test_edge_06_what_the_other_endpoint_contradicts_is_neither_flat_nor_a_break(
    tmp_path: Path, monkeypatch: Any
) -> None:
    (_, (row, breaks)) = compared(tmp_path, monkeypatch, empty(*RISK))
    assert row.status.value == "incomplete"
    assert breaks == []
    assert "its account has" in " ".join(row.reasons)


def test_edge_06_both_endpoints_empty_is_a_break_like_any_other(
    tmp_path: Path, monkeypatch: Any
) -> None:
    _, (row, breaks) = compared(tmp_path, monkeypatch, empty())
    assert row.status.value == "breaks"
    assert [(each.content["kind"], each.doubt) for each in breaks] == [("MISSING_EXTERNAL", False)]


def test_edge_06_where_the_other_endpoint_fails_the_doubt_stays(
    tmp_path: Path, monkeypatch: Any
) -> None:
    down = Fault(Trouble.EMPTY_OBJECT, between=[(100.0, 1e6)], paths=["/fapi/v3/account"])
    _, (row, breaks) = compared(tmp_path, monkeypatch, empty(*RISK, more=(down,)))
    assert row.status.value == "breaks"
    assert [each.doubt for each in breaks] == [True]


@pytest.mark.parametrize("whole", [False, True], ids=["one endpoint", "all"])
def test_what_is_not_empty_needs_no_second_answer(
    tmp_path: Path, monkeypatch: Any, *, whole: bool
) -> None:
    asked: list[str] = []

    def faults(seed: int) -> Faults:
        made: Faults = empty(*(() if whole else RISK))(seed)
        rule = made.rule

        def seen(request: Any, endpoint: Any, now: int) -> Any:
            asked.append(request.path)
            return rule(request, endpoint, now)

        made.rule = seen  # type: ignore[method-assign]
        return made

    compared(tmp_path, monkeypatch, faults)
    first = asked.index("/fapi/v3/account")
    readings = [n for n, path in enumerate(asked) if path in RISK]
    assert [n for n in readings if n < first], "the first comparison asks for nothing more"
    assert len([n for n in readings if n < first]) == 2


# Scripted sides


def position(quantity: str) -> dict[str, Value]:
    return {
        **MAIN, "symbol": PERP, "leg": "net", "quantity": Decimal(quantity), "as_of": 0,
    }  # fmt: skip


class Second:
    """The other endpoint: what it says, and how often it was asked."""

    def __init__(self, says: Witness | Exception | None) -> None:
        self.says = says
        self.asked: list[tuple[Ask, tuple[str, ...]]] = []

    async def __call__(self, ask: Ask, names: Any) -> Witness | None:
        self.asked.append((ask, tuple(names)))
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


NOTHING, THERE = Witness("account"), Witness("account", (PERP,))


def test_edge_06_an_open_break_clears_by_an_empty_answer_only_if_another_says_so_too(
    tmp_path: Path,
) -> None:
    async def story(stage: Stage) -> None:
        second = Second(THERE)
        stage.venue.second = second  # type: ignore[attr-defined]
        stage.venue.rows["positions"] = [position("5")]
        _, found = await stage.compare()
        assert [each.content["kind"] for each in found] == ["MISSING_INTERNAL"]
        assert second.asked == []
        stage.venue.rows["positions"] = []
        for says, status in ((THERE, "incomplete"), (broken(), "incomplete"), (NOTHING, "clean")):
            second.says = says
            await asyncio.sleep(60)
            row, found = await stage.compare()
            assert row.status.value == status, says
            assert [each.state for each in found] == ([] if status == "clean" else ["open"])
        assert {names for _, names in second.asked} == {(PERP,)}

    play(tmp_path, reconciliation("positions"), story)


def test_a_flat_account_and_a_flat_book_ask_nobody_else(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        second = Second(broken())
        stage.venue.second = second  # type: ignore[attr-defined]
        row, found = await stage.compare()
        assert (row.status.value, found, second.asked) == ("clean", [], [])

    play(tmp_path, reconciliation("positions"), story)


def fill(stage: Stage, id_: str, side: str, quantity: str) -> dict[str, Value]:
    return stage.trade(
        id_, stage.now(), symbol=PERP, side=side, quantity=Decimal(quantity), leg="net"
    )


@pytest.mark.parametrize(
    ("sold", "believed"), [("3", True), ("2", False)], ids=["all of it", "some of it"]
)
def test_edge_06_fills_that_close_all_that_there_was_explain_an_empty_answer(
    tmp_path: Path, sold: str, *, believed: bool
) -> None:
    """Where a venue has no other endpoint, and the book has heard of nothing: no fill, no cash."""

    async def story(stage: Stage) -> None:
        stage.book.rows["positions"] = stage.venue.rows["positions"] = [position("3")]
        row, _ = await stage.compare()
        assert row.status.value == "clean"
        stage.venue.rows["trades"] = [fill(stage, "1", "sell", sold)]
        stage.venue.rows["positions"] = []
        stage.venue.doubt = "suddenly no positions at all"
        await asyncio.sleep(600)
        row, found = await stage.compare()
        assert [each.doubt for each in found] == [not believed]
        assert row.status.value == "breaks"

    play(tmp_path, reconciliation("positions"), story)


def test_a_position_that_was_closed_is_clean_again_where_no_other_endpoint_is(
    tmp_path: Path,
) -> None:
    async def story(stage: Stage) -> None:
        stage.book.rows["positions"] = stage.venue.rows["positions"] = [position("3")]
        await stage.compare()
        sold = fill(stage, "1", "sell", "3")
        stage.book.rows["trades"] = stage.venue.rows["trades"] = [sold]
        stage.book.rows["positions"] = stage.venue.rows["positions"] = []
        stage.venue.doubt = "suddenly no positions at all"
        for _ in range(3):  # the adapter doubts it for ever
            await asyncio.sleep(600)
            row, found = await stage.compare()
            assert (row.status.value, found) == ("clean", [])
        await asyncio.sleep(2 * 86_400)
        stage.book.rows["positions"] = [position("3")]
        row, found = await stage.compare()
        assert [each.doubt for each in found] == [True], "what was believed is too long ago"

    play(tmp_path, reconciliation("positions"), story)


def test_an_answer_that_was_empty_before_and_has_lost_a_fill_is_not_believed(
    tmp_path: Path,
) -> None:
    async def story(stage: Stage) -> None:
        row, _ = await stage.compare()
        assert row.status.value == "clean"
        bought = fill(stage, "1", "buy", "3")
        stage.book.rows["trades"] = stage.venue.rows["trades"] = [bought]
        stage.book.rows["positions"] = [position("3")]
        await asyncio.sleep(60)
        _, found = await stage.compare()
        assert [each.doubt for each in found] == [True] * len(found)

    play(tmp_path, reconciliation("positions"), story)


# Some of it is gone


OTHER = "ETH/USDT:USDT"


@pytest.mark.parametrize(
    ("says", "status"),
    [(THERE, "incomplete"), (NOTHING, "breaks"), (broken(), "breaks"), (None, "breaks")],
    ids=["has it", "has it not", "fails", "there is none"],
)
def test_edge_06_a_row_that_vanishes_is_asked_for_at_another_endpoint(
    tmp_path: Path, says: Any, status: str
) -> None:
    async def story(stage: Stage) -> None:
        second = Second(says)
        stage.venue.second = second  # type: ignore[attr-defined]
        both = [position("3"), position("2") | {"symbol": OTHER}]
        stage.book.rows["positions"] = stage.venue.rows["positions"] = both
        row, _ = await stage.compare()
        assert (row.status.value, second.asked) == ("clean", [])
        stage.venue.rows["positions"] = both[1:]
        await asyncio.sleep(60)
        row, found = await stage.compare()
        assert row.status.value == status
        kinds = [] if status == "incomplete" else ["MISSING_EXTERNAL"]
        assert [each.content["kind"] for each in found] == kinds
        assert {names for _, names in second.asked} == {(PERP,)}
        if status == "incomplete":
            assert f"does not have {PERP} any more, and its account has" in row.reasons[0]

    play(tmp_path, reconciliation("positions"), story)


def test_a_row_that_a_fill_has_closed_is_asked_for_nowhere_else(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        second = Second(broken())
        stage.venue.second = second  # type: ignore[attr-defined]
        both = [position("3"), position("2") | {"symbol": OTHER}]
        stage.book.rows["positions"] = stage.venue.rows["positions"] = both
        await stage.compare()
        await asyncio.sleep(60)
        sold = fill(stage, "1", "sell", "3")
        stage.book.rows["trades"] = stage.venue.rows["trades"] = [sold]
        stage.book.rows["positions"] = stage.venue.rows["positions"] = both[1:]
        row, found = await stage.compare()
        assert (row.status.value, found, second.asked) == ("clean", [], [])

    play(tmp_path, reconciliation("positions"), story)
