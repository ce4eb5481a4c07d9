"""Lists of Hyperliquid: from a time on, oldest first, cut at the newest ones that it keeps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tieout.adapters.venues.cells import MILLI, Raw
from tieout.adapters.venues.paging import Key, Pages, Stalled
from tieout.adapters.venues.venue import Gathered


async def ascending(
    fetch: Callable[[int], Awaitable[list[Any]]], key: Key, *, since: int, limit: int
) -> Pages:
    """Read a list from `since` (milliseconds) on, each page from the last time of the one before.

    Raises:
        Stalled: a full page has only one time, so that what else has it cannot be reached; or a
            row is older than what was asked for.
    """
    pages = Pages(key)
    start = since
    while True:
        rows = await fetch(start)
        times = [_time(row) for row in rows]
        if any(time < start for time in times):
            raise Stalled("a page has rows from before its start")
        new = pages.add(rows)
        if len(rows) < limit:
            return pages
        newest = max(times)
        if newest == start or not new:
            raise Stalled(f"{len(rows):,} rows at one instant are as many as a page holds")
        if min(times) != times[0]:
            raise Stalled("a full page does not begin with its oldest row")
        start = newest


def reached(found: Gathered, pages: Pages, why: str) -> None:
    """The list is cut: what is covered begins after its oldest row, whose instant may be cut."""
    assert found.window is not None
    oldest = min(_time(row) for row in pages.rows)
    found.window = (min((oldest + 1) * MILLI, found.window[1]), found.window[1])
    found.reasons.append(why)


def _time(row: Raw) -> int:
    """Milliseconds."""
    time = row.get("time")
    if isinstance(time, str) and time.isdecimal():
        time = int(time)
    if isinstance(time, bool) or not isinstance(time, int):
        raise Stalled("a row has no time")
    return time
