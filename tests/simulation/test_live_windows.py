"""A break that nobody resolves: what is asked about it stays the same, however old it gets."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_world import reconciliation
from msgspec.structs import replace
from review_world import SECOND, Stage, play
from test_live_old_orders import DAY, ORDERS, broken
from test_live_review_orders import order

from tieout.core.lifecycle import OpenItem
from tieout.core.live import Answer, Ask
from tieout.core.model import Record, Side
from tieout.errors import VenueError
from tieout.service.live.windows import SPANS, Span, Waiting, spans

HOUR = 3600
TRADES = reconciliation("trades", lookback="10m", full="12h")
OTHERS = ("ADA/USDT", "ETH/USDT", "SOL/USDT")

TIMES = st.integers(0, 10_000)
WAITING = st.builds(
    Waiting,
    item=st.just(OpenItem(Side.INTERNAL, Record({}, {}), date(2026, 1, 1))),
    at=st.none() | TIMES,
    since=TIMES,
    symbol=st.none() | st.sampled_from(OTHERS),
    name=st.just(()),
)


@given(st.lists(WAITING, max_size=30), TIMES, st.integers(0, 300))
def test_whatever_waits_is_read_with_its_margin(
    waiting: list[Waiting], begin: int, margin: int
) -> None:
    first, beside = spans(waiting, begin, margin)
    assert first <= begin
    assert len(beside) <= SPANS
    ends = [first - margin, *(each.first for each in reversed(beside))]
    assert all(each.last < end for each, end in zip(reversed(beside), ends, strict=False))
    for each in waiting:
        if each.at is None or each.symbol is None:
            assert first <= each.since
        elif each.at < first:
            assert any(_holds(span, each, margin) for span in beside)


def _holds(span: Span, each: Waiting, margin: int) -> bool:
    assert each.at is not None
    inside = span.first <= each.at - margin and each.at + margin <= span.last
    return inside and each.symbol in span.symbols


def asked(stage: Stage, records: str = "trades") -> float:
    """Hours that the venue was asked about since this was asked the last time."""
    asks = [each for each in stage.venue.calls if each.records == records and each.since]
    stage.venue.calls.clear()
    now = stage.now()
    return sum((each.until or now) - (each.since or 0) for each in asks) / (HOUR * SECOND)


async def later(stage: Stage, hours: float) -> tuple[Any, list[Any]]:
    """Compare until then; the last comparison is not the full one of the day."""
    await asyncio.sleep(hours * HOUR)
    for _ in range(3):
        await stage.compare()
        await asyncio.sleep(30)
    stage.venue.calls.clear()
    return await stage.compare()


def kinds(breaks: Sequence[Any]) -> list[str]:
    return sorted(each.content["kind"] for each in breaks)


async def missing(stage: Stage) -> str:
    """A trade that the venue lacks, beside those of other symbols that both have."""
    await asyncio.sleep(60)
    at = stage.now()
    both = [stage.trade(str(n), at + n, symbol=each) for n, each in enumerate(OTHERS, 1)]
    stage.book.rows["trades"] = [stage.trade("9", at), *both]
    stage.venue.rows["trades"] = list(both)
    _, found = await later(stage, 0.05)
    assert kinds(found) == ["MISSING_EXTERNAL"]
    known: str = found[0].id
    return known


def test_an_old_break_does_not_make_comparisons_longer(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        known = await missing(stage)
        lengths = []
        for _ in range(4):
            row, found = await later(stage, 36)
            assert [each.id for each in found] == [known]
            assert row.status.value == "breaks", row.reasons
            lengths.append(asked(stage))
        assert max(lengths) < 1, "ten minutes each way of it, and of now"
        assert row.counts.unknown == row.counts.expected == 0

        stage.venue.rows["trades"].append(stage.book.rows["trades"][0])
        row, found = await later(stage, 1)
        assert (row.status.value, found) == ("clean", [])

    play(tmp_path, TRADES, story)


def test_the_partner_of_an_old_trade_is_compared_with_it(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        known = await missing(stage)
        ours = stage.book.rows["trades"][0]
        stage.venue.rows["trades"].append(ours | {"price": Decimal(101)})
        _, found = await later(stage, 30)
        assert [(each.id, each.content["kind"]) for each in found] == [(known, "PRICE")]
        ours["price"] = Decimal(101)
        row, found = await later(stage, 30)
        assert (row.status.value, found) == ("clean", [])

    play(tmp_path, TRADES, story)


@pytest.mark.parametrize("change", [{"side": "sell"}, {"symbol": "BTC/USDC"}])
def test_what_takes_the_place_of_an_old_trade_is_found(tmp_path: Path, change: Any) -> None:
    """A book corrects what a trade is known by: that is another trade, of long ago."""

    async def story(stage: Stage) -> None:
        await missing(stage)
        await later(stage, 50)
        stage.book.rows["trades"][0] |= change
        row, found = await later(stage, 1)
        assert kinds(found) == ["MISSING_EXTERNAL"], row.reasons
        record = found[0].content["records"][0]["record"]
        assert {name: record[name] for name in change} == change
        _, found = await later(stage, 50)
        assert kinds(found) == ["MISSING_EXTERNAL"]
        assert asked(stage) < 1

    play(tmp_path, TRADES, story)


def test_other_trades_of_that_time_are_not_judged_again(tmp_path: Path) -> None:
    """Beside an old trade only its own symbol is asked for: of others nothing is missing there."""

    async def story(stage: Stage) -> None:
        known = await missing(stage)
        fetch = stage.venue.fetch

        async def narrow(ask: Any) -> Any:
            stage.venue.narrow = ask.symbols is not None and ask.records == "trades"
            return await fetch(ask)

        stage.venue.fetch = narrow  # type: ignore[method-assign]
        row, found = await later(stage, 30)
        assert [each.id for each in found] == [known]
        assert row.status.value == "breaks", row.reasons

    play(tmp_path, TRADES, story)


def forgets(stage: Stage, first: int, how: str) -> None:
    """From now on the venue tells nothing of what was before `first`: it says so, or refuses."""
    fetch = stage.venue.fetch

    async def told(ask: Ask) -> Answer:
        if ask.records != "trades" or ask.since is None or ask.since >= first:
            return await fetch(ask)
        if how == "refuses":
            raise VenueError("startTime is too old", venue="binance", method="trades")
        answer = await fetch(ask)
        assert answer.window is not None
        rows = [each for each in answer.records if each.values["timestamp"] >= first]
        answer = replace(answer, records=tuple(rows))
        if how == "says so":
            return replace(answer, reasons=("only the newest are kept",))
        return replace(answer, window=(first, answer.window[1]))

    stage.venue.fetch = told  # type: ignore[method-assign]


FORGETTING = ["says so", "tells less", "refuses"]


@pytest.mark.parametrize("how", FORGETTING)
def test_what_a_venue_has_forgotten_is_left_as_it_is(tmp_path: Path, how: str) -> None:
    """It clears nothing, it is said, and it stands in the way of nothing else."""

    async def story(stage: Stage) -> None:
        known = await missing(stage)
        await later(stage, 30)
        fetch = stage.venue.fetch
        forgets(stage, stage.now() - 14 * HOUR * SECOND, how)
        stage.book.rows["trades"].append(stage.trade("10", stage.now()))
        row, found = await later(stage, 13)
        assert row.status.value == "breaks", row.reasons
        assert {each.id for each in found} > {known}
        assert [each.content["records"][0]["record"]["trade_id"] for each in found] in (
            ["9", "10"],
            ["10", "9"],
        )
        assert row.counts.unknown == 1
        assert row.external is not None
        (note,) = [each for each in row.external.notes if "left as they are" in each]
        assert note.startswith(
            "not compared this time, and left as they are: 1 older trades, the first of 2026-01-01"
        )

        stage.venue.fetch = fetch  # type: ignore[method-assign]
        stage.venue.rows["trades"] += stage.book.rows["trades"][::4]
        row, found = await later(stage, 1)
        assert (row.status.value, found) == ("clean", [])

    play(tmp_path, TRADES, story)


@pytest.mark.parametrize("how", FORGETTING)
def test_a_partner_of_today_waits_for_what_is_forgotten(tmp_path: Path, how: str) -> None:
    async def story(stage: Stage) -> None:
        known = await missing(stage)
        await later(stage, 30)
        forgets(stage, stage.now() - HOUR * SECOND, how)
        late = stage.book.rows["trades"][0] | {"timestamp": stage.now()}
        stage.venue.rows["trades"].append(late)
        _, found = await later(stage, 0.02)
        assert [each.id for each in found] == [known]

    play(tmp_path, TRADES, story)


@pytest.mark.parametrize("how", FORGETTING)
@pytest.mark.parametrize("hours", [[9, 1, 30], [8, 0.02, 0.02]])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_break_is_not_torn_apart(tmp_path: Path, how: str, hours: list[float], side: str) -> None:
    """One of its records is so old that the venue has forgotten it, and the other is not."""

    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        at = stage.now()
        stage.book.rows["trades"] = [stage.trade("9", at)]
        stage.venue.rows["trades"] = [stage.trade("9", at + 8 * HOUR * SECOND, side=side)]
        row, found = await later(stage, hours[0])
        known = [(each.id, each.content["kind"]) for each in found]
        assert [kind for _, kind in known] == ["TIMESTAMP" if side == "buy" else "SIDE"]
        forgets(stage, at + 4 * HOUR * SECOND, how)
        for some in hours[1:]:
            row, found = await later(stage, some)
            assert [(each.id, each.content["kind"]) for each in found] == known
            assert row.status.value == "breaks", row.reasons

    play(tmp_path, TRADES, story)


@pytest.mark.parametrize("known", [True, False])
def test_for_an_old_order_only_its_symbol_is_listed_further_back(
    tmp_path: Path, known: bool
) -> None:
    """And nothing at all where the venue answers by its id."""

    async def story(stage: Stage) -> None:
        rows, id_ = await broken(stage)
        rows.append(order("3", stage.now(), symbol="ETH/USDT"))
        stage.book.rows["orders"].append(dict(rows[-1]))
        stage.book.rows["orders"][1]["status"] = rows[1]["status"] = "filled"
        rows[1]["filled"] = Decimal(1)
        await stage.compare()
        if known:
            stage.venue.order = _by_id(stage)  # type: ignore[attr-defined]
        await asyncio.sleep(4 * DAY)
        stage.venue.calls.clear()
        _, found = await stage.compare()
        assert [each.id for each in found] == [id_]
        reach = stage.now() - 2 * DAY * SECOND
        wide = [each for each in stage.venue.calls if each.since and each.since < reach]
        assert {each.symbols for each in wide} == (set() if known else {frozenset({"BTC/USDT"})})

    play(tmp_path, ORDERS, story)


def _by_id(stage: Stage) -> Any:
    async def by_id(symbol: str, id_: str) -> Answer:
        answer = await stage.venue.__class__.fetch(stage.venue, Ask("orders", since=1))
        stage.venue.calls.pop()
        rows = [each for each in answer.records if each.values["order_id"] == id_]
        return replace(answer, records=tuple(rows))

    return by_id


def test_what_a_venue_lists_is_in_no_doubt(tmp_path: Path) -> None:
    """That it suddenly has no open order is a doubt about those that it lacks."""

    async def story(stage: Stage) -> None:
        await asyncio.sleep(60)
        stage.venue.rows["orders"] = [order("1", stage.now(), status="filled", filled=Decimal(1))]
        stage.book.rows["orders"] = [order("2", stage.now())]
        stage.venue.doubt = "suddenly no orders at all"
        await asyncio.sleep(60)
        _, found = await stage.compare()
        assert {each.content["kind"]: each.doubt for each in found} == {
            "MISSING_INTERNAL": False,
            "MISSING_EXTERNAL": True,
        }

    play(tmp_path, ORDERS, story)
