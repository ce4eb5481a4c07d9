"""Reading a long list page by page, so that nothing at a page's edge is lost, or there twice.

ccxt's own pagination steps by time and stops silently: of 2,500 trades with shared milliseconds
it lost 1 to 4. Here pages overlap, rows are told apart by identity, and whatever does not fit
together is an error and never the end of the list.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from tieout.adapters.venues.cells import MILLI, Raw

Key: TypeAlias = Callable[[Raw], Hashable]
"""A row to its identity."""

MAX_PAGES: Final = 2_000
"""Pages of one question; more is taken for a list that never ends."""

CAPS: Final = frozenset({20, 25, 50, 100, 200, 250, 500})
"""Rows of a page at which a venue might stop, whatever was asked for: such a page may be full."""

RESTARTS: Final = 3
"""How often a list that moved under us is read again from its start."""


class Stalled(Exception):
    """The pages do not fit together. The message says how; the adapter makes it an error."""


@dataclass(slots=True)
class Pages:
    """Rows of several pages, each once, in the order of arrival.

    Attributes:
        key: tells rows apart.
        reasons: why the list is not whole.
    """

    key: Key
    rows: list[Raw] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    _at: dict[Hashable, int] = field(default_factory=dict)
    _pages: int = 0

    def add(self, page: list[Any]) -> int:
        """Add a page; returns how many of its rows are new.

        A row that is there already, and differs, is kept as well: what reads it decides.
        """
        self._pages += 1
        if self._pages > MAX_PAGES:
            raise Stalled(f"it has more than {MAX_PAGES:,} pages")
        new = 0
        for row in page:
            key = self.key(row)
            at = self._at.get(key)
            if at is None:
                self._at[key] = len(self.rows)
                new += 1
                self.rows.append(row)
            elif self.rows[at] != row:
                self.rows.append(row)
        return new

    def __contains__(self, key: object) -> bool:
        return key in self._at


async def by_cursor(
    fetch: Callable[[str | None], Awaitable[tuple[list[Any], str | None]]], key: Key
) -> Pages:
    """Follow a cursor: `fetch` returns a page and the next cursor, None after the last page.

    Raises:
        Stalled: a cursor comes again, or a page with a next one brings nothing new.
    """
    pages = Pages(key)
    cursor: str | None = None
    seen: set[str] = set()
    while True:
        rows, following = await fetch(cursor)
        new = pages.add(rows)
        if following is None:
            return pages
        if following in seen:
            raise Stalled("a page's cursor came a second time")
        if not new and rows:
            raise Stalled("a page repeats the ones before it")
        seen.add(following)
        cursor = following


async def by_id(
    fetch: Callable[[int], Awaitable[list[Any]]],
    number: Callable[[Raw], int],
    key: Key,
    *,
    start: int,
    limit: int,
    done: Callable[[Raw], bool],
) -> Pages:
    """Walk upward by a number that rises: `fetch(n)` returns up to `limit` rows from n on.

    The next page starts at the last row's number, not behind it, so that its first row proves
    that nothing lies between.

    Args:
        done: whether a row lies behind the end of what was asked for.

    Raises:
        Stalled: a page does not begin where the last one ended, or does not move.
    """
    pages = Pages(key)
    last: Hashable = None
    while True:
        rows = await fetch(start)
        if any(number(row) < start for row in rows):
            raise Stalled("a page has rows from before its start")
        if last is not None and not any(key(row) == last for row in rows):
            raise Stalled("a page does not begin where the one before it ended")
        new = pages.add(rows)
        if not _full(rows, limit) or any(done(row) for row in rows):
            return pages
        if not new:
            if len(rows) < limit:
                return pages
            raise Stalled("a page repeats the one before it")
        newest = max(rows, key=number)
        start, last = number(newest), key(newest)


async def by_window(
    fetch: Callable[[int, int], Awaitable[list[Any]]],
    key: Key,
    *,
    since: int,
    until: int,
    span: int,
    limit: int,
) -> Pages:
    """Read [since, until] in windows of at most `span`, halving each that does not fit a page.

    In whatever order the venue cuts a full page, a window that came full is read again as two
    halves; both ends are inclusive, and windows share none of their instants. Units are the
    venue's (milliseconds).

    Raises:
        Stalled: more rows than a page holds fall into one instant.
    """
    pages = Pages(key)
    todo = _windows(since, until, span)
    while todo:
        start, end = todo.pop()
        rows = await fetch(start, end)
        pages.add(rows)
        if not _full(rows, limit):
            continue
        if start == end:
            if len(rows) < limit:
                continue
            raise Stalled(f"{len(rows):,} rows at one instant are as many as a page holds")
        middle = (start + end) // 2
        todo += [(middle + 1, end), (start, middle)]
    return pages


async def by_window_and_id(
    fetch: Callable[[int, int], Awaitable[list[Any]]],
    onward: Callable[[int], Awaitable[list[Any]]],
    number: Callable[[Raw], int],
    moment: Callable[[Raw], int],
    key: Key,
    *,
    since: int,
    until: int,
    span: int,
    limit: int,
) -> Pages:
    """As `by_window`, but go on by number where a page is full: one question a page.

    That a full page holds the window's first rows, and not its last, is asked and not assumed.

    Args:
        onward: up to `limit` rows from a number on, whatever their time.
        moment: a row's time, in the unit of `since`.
    """
    pages = Pages(key)
    for start, end in reversed(_windows(since, until, span)):
        rows = await fetch(start, end)
        pages.add(rows)
        if not _full(rows, limit):
            continue
        first = min(rows, key=number)
        before = await fetch(start, moment(first))
        if _full(before, limit) or any(number(row) < number(first) for row in before):
            halves = await by_window(fetch, key, since=start, until=end, span=span, limit=limit)
            pages.add(halves.rows)
            continue
        rest = await by_id(
            onward,
            number,
            key,
            start=number(first),
            limit=limit,
            done=lambda row: moment(row) > until,
        )
        pages.add([row for row in rest.rows if moment(row) <= until])
        return pages
    return pages


def _full(rows: list[Any], limit: int) -> bool:
    return len(rows) >= limit or len(rows) in CAPS


def _windows(since: int, until: int, span: int) -> list[tuple[int, int]]:
    """[since, until] cut into windows, the earliest one last."""
    starts = range(since, until + 1, span)
    return [(start, min(start + span - 1, until)) for start in reversed(starts)]


async def by_offset(
    fetch: Callable[[int], Awaitable[tuple[list[Any], int]]], key: Key, *, overlap: int = 1
) -> Pages:
    """Read a list by offset: `fetch(n)` returns rows from n on, and how many there are in all.

    Pages overlap by a row: where it is missing, the list moved under us, and is read again.

    Raises:
        Stalled: it moves each time, or ends before its own count.
    """
    for _ in range(RESTARTS):
        pages = await _offsets(fetch, key, overlap)
        if pages is not None:
            return pages
    raise Stalled("the list changes while it is read; rows could be lost between its pages")


async def _offsets(
    fetch: Callable[[int], Awaitable[tuple[list[Any], int]]], key: Key, overlap: int
) -> Pages | None:
    pages = Pages(key)
    offset, last = 0, None
    while True:
        rows, count = await fetch(offset)
        if last is not None and not any(key(row) == last for row in rows):
            return None
        new = pages.add(rows)
        if offset + len(rows) >= count:
            return pages
        if not rows or (last is not None and not new):
            raise Stalled(f"it says that it has {count:,} rows, and ends after {offset:,}")
        last = key(rows[-1])
        offset += max(1, len(rows) - overlap)


def in_millis(window: tuple[int, int] | None) -> tuple[int, int]:
    """A window in the milliseconds that contain it."""
    assert window is not None
    return window[0] // MILLI, window[1] // MILLI
