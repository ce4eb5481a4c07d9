"""Reading long lists: nothing lost at the edge of a page, nothing twice, no silent end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.adapters.venues.paging import (
    Pages,
    Stalled,
    by_cursor,
    by_id,
    by_offset,
    by_window,
    by_window_and_id,
)

T = TypeVar("T")
Row = dict[str, Any]


def run(asked: Awaitable[T]) -> T:
    async def one() -> T:
        return await asked

    return asyncio.run(one())


def number(row: Any) -> int:
    return int(row["id"])


def moment(row: Any) -> int:
    return int(row["time"])


def trades(count: int, *, seed: int = 7, spread: int = 3) -> list[Row]:
    """Rising ids; many share a millisecond."""
    chance, at, found = Random(seed), 1000, []
    for id_ in range(1, count + 1):
        at += chance.choice((0, 0, 0, spread))
        found.append({"id": id_, "time": at})
    return found


class Venue:
    """Answers by time, by id and by offset, `limit` rows a page."""

    def __init__(self, rows: list[Row], limit: int, *, newest: bool = False) -> None:
        self.rows, self.limit, self.newest = rows, limit, newest
        self.asked = 0

    async def window(self, start: int, end: int) -> list[Row]:
        self.asked += 1
        found = [row for row in self.rows if start <= row["time"] <= end]
        return found[-self.limit :] if self.newest else found[: self.limit]

    async def onward(self, first: int) -> list[Row]:
        self.asked += 1
        return [row for row in self.rows if row["id"] >= first][: self.limit]

    async def offset(self, first: int) -> tuple[list[Row], int]:
        self.asked += 1
        found = list(reversed(self.rows))
        return found[first : first + self.limit], len(found)


def ids(pages: Pages) -> list[int]:
    return sorted(number(row) for row in pages.rows)


@pytest.mark.parametrize("newest", [False, True], ids=["oldest first", "newest first"])
def test_edge_09_2500_trades_with_equal_times_at_page_edges(newest: bool) -> None:
    rows = trades(2_500)
    last = rows[-1]["time"]
    for limit in (1000, 499, 100):
        venue = Venue(rows, limit, newest=newest)
        window = {"since": 1000, "until": last, "span": 500, "limit": limit}
        assert ids(run(by_window(venue.window, number, **window))) == list(range(1, 2_501))
        both = by_window_and_id(venue.window, venue.onward, number, moment, number, **window)
        assert ids(run(both)) == list(range(1, 2_501))
        from_one = by_id(venue.onward, number, number, start=1, limit=limit, done=lambda _: False)
        assert ids(run(from_one)) == list(range(1, 2_501))
        assert ids(run(by_offset(venue.offset, number))) == list(range(1, 2_501))


@given(
    st.lists(st.integers(0, 2), min_size=0, max_size=120),
    st.integers(5, 40),
    st.integers(1, 60),
    st.booleans(),
    st.integers(0, 40),
    st.integers(0, 80),
)
def test_a_window_has_exactly_the_rows_that_are_in_it(
    steps: list[int], limit: int, span: int, newest: bool, since: int, length: int
) -> None:
    at, rows = 0, []
    for id_, step in enumerate(steps, 1):
        at += step
        rows.append({"id": id_, "time": at})
    venue = Venue(rows, limit, newest=newest)
    window = {"since": since, "until": since + length, "span": span, "limit": limit}
    right = [row["id"] for row in rows if since <= row["time"] <= since + length]
    crowded = any(sum(row["time"] == each["time"] for row in rows) >= limit for each in rows)
    for asked in (
        by_window(venue.window, number, **window),
        by_window_and_id(venue.window, venue.onward, number, moment, number, **window),
    ):
        try:
            assert ids(run(asked)) == right
        except Stalled:
            assert crowded


def test_a_full_page_costs_one_question_by_id() -> None:
    venue = Venue(trades(10_000, spread=1), 1000)
    asked = by_window_and_id(
        venue.window, venue.onward, number, moment, number,
        since=0, until=10**6, span=10**7, limit=1000,
    )  # fmt: skip
    assert len(run(asked).rows) == 10_000
    assert venue.asked <= 14


def test_a_venue_that_gives_fewer_rows_a_page_than_asked_loses_none() -> None:
    rows = trades(2_500)
    venue = Venue(rows, 500)  # asked for 1000 a page
    window = {"since": 1000, "until": rows[-1]["time"], "span": 10**6, "limit": 1000}
    assert ids(run(by_window(venue.window, number, **window))) == list(range(1, 2_501))
    both = by_window_and_id(venue.window, venue.onward, number, moment, number, **window)
    assert ids(run(both)) == list(range(1, 2_501))


def test_more_rows_at_one_instant_than_a_page_holds_is_an_error_and_no_end() -> None:
    venue = Venue([{"id": id_, "time": 5} for id_ in range(1, 11)], 10)
    with pytest.raises(Stalled, match="one instant"):
        run(by_window(venue.window, number, since=0, until=10, span=100, limit=10))
    asked = by_window_and_id(
        venue.window, venue.onward, number, moment, number, since=0, until=10, span=100, limit=10
    )
    with pytest.raises(Stalled, match="one instant"):
        run(asked)


def test_by_id_a_gap_and_a_repeated_page_are_errors() -> None:
    async def jumps(first: int) -> list[Row]:
        return [{"id": first + 5 + each, "time": 0} for each in range(3)]

    async def repeats(_: int) -> list[Row]:
        return [{"id": 7, "time": 0}, {"id": 8, "time": 0}, {"id": 9, "time": 0}]

    async def same(_: int) -> list[Row]:
        return [{"id": 9, "time": 0}] * 3

    for fetch, why in ((jumps, "does not begin"), (repeats, "before its start"), (same, "repeats")):
        with pytest.raises(Stalled, match=why):
            run(by_id(fetch, number, number, start=7, limit=3, done=lambda _: False))


def test_by_cursor_a_cursor_or_a_page_that_comes_again_is_an_error() -> None:
    async def turns(cursor: str | None) -> tuple[list[Row], str | None]:
        return [{"id": len(cursor or "")}], {None: "a", "a": "bb", "bb": "a"}[cursor]

    async def repeats(cursor: str | None) -> tuple[list[Row], str | None]:
        return [{"id": 1}], f"{cursor}x"

    for fetch, why in ((turns, "second time"), (repeats, "repeats")):
        with pytest.raises(Stalled, match=why):
            run(by_cursor(fetch, number))


def test_by_cursor_overlapping_pages_give_each_row_once() -> None:
    async def fetch(cursor: str | None) -> tuple[list[Row], str | None]:
        first = int(cursor or 0)
        rows = [{"id": id_} for id_ in range(max(0, first - 2), min(first + 10, 35))]
        return rows, str(first + 10) if first + 10 < 35 else None

    assert ids(run(by_cursor(fetch, number))) == list(range(35))


def test_by_offset_a_list_that_grows_while_it_is_read_is_read_whole() -> None:
    """A new row moves all others: those at the edge come twice, none is lost."""
    rows = trades(120)
    venue = Venue(rows, 50)
    fetched = venue.offset

    async def growing(first: int) -> tuple[list[Row], int]:
        found = await fetched(first)
        if len(rows) < 123:
            rows.append({"id": len(rows) + 1, "time": 10**6})
        return found

    found = set(ids(run(by_offset(growing, number))))
    assert set(range(1, 121)) <= found


def test_by_offset_a_list_that_shrinks_is_read_again() -> None:
    rows = trades(120)
    venue = Venue(rows, 50)
    fetched = venue.offset

    async def shrinking(first: int) -> tuple[list[Row], int]:
        found = await fetched(first)
        if len(rows) == 120:
            del rows[-3:]  # newest first: all others move towards the start
        return found

    assert set(ids(run(by_offset(shrinking, number)))) == set(range(1, 118))


def test_by_offset_a_list_that_ends_before_its_count_is_an_error() -> None:
    async def short(first: int) -> tuple[list[Row], int]:
        return ([{"id": each} for each in range(50)] if first == 0 else []), 400

    with pytest.raises(Stalled):
        run(by_offset(short, number))


def test_a_row_that_changed_between_pages_is_kept_twice_for_who_reads_it() -> None:
    pages = Pages(number)
    assert pages.add([{"id": 1, "filled": "0"}, {"id": 2, "filled": "0"}]) == 2
    assert pages.add([{"id": 2, "filled": "1"}, {"id": 3, "filled": "0"}]) == 1
    assert [row["filled"] for row in pages.rows] == ["0", "0", "1", "0"]
