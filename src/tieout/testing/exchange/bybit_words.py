"""What Bybit's answers share: categories, pages, windows, refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from tieout.testing.exchange.records import Event, Listing
from tieout.testing.exchange.wire import Call, Refusal, Reply, encoded

T = TypeVar("T")

WEEK: Final = 7 * 86_400_000
LEGS: Final = {"net": 0, "long": 1, "short": 2}


def refuse(call: Call, message: str) -> Refusal:
    body = {"retCode": 10001, "retMsg": message, "result": {}, "retExtInfo": {}, "time": call.now}
    return Refusal(Reply(200, encoded(body)))


def category_of(call: Call) -> str:
    """`spot` or `linear`. Raises Refusal for what there is not."""
    category = call.params.get("category", "")
    if category not in {"spot", "linear", "inverse", "option"}:
        raise refuse(call, "params error: Category is illegal")
    return category


def listings_of(call: Call) -> list[Listing]:
    category = category_of(call)
    if category in {"inverse", "option"}:
        return []
    listings = call.listings("bybit", perpetual=category == "linear")
    name = call.params.get("symbol")
    if not name:
        return listings
    found = [each for each in listings if each.native == name]
    if not found:
        raise refuse(call, "params error: symbol invalid")
    return found


def paged(call: Call, rows: Sequence[T], most: int, default: int) -> tuple[Sequence[T], str]:
    """A page, newest first as the rows are, and the cursor of the next; empty at the end.

    The cursor counts from the oldest row, so that what happens between two pages moves nothing.
    """
    limit = max(1, min(most, call.integer("limit", default) or default))
    cursor = call.params.get("cursor", "")
    left = len(rows)
    if cursor:
        number = cursor.removeprefix("left:")
        if not number.isdigit() or int(number) > left:
            raise refuse(call, "params error: cursor is invalid")
        left = int(number)
    start = len(rows) - left
    page = rows[start : start + limit]
    rest = left - len(page)
    return page, f"left:{rest}" if rest else ""


def window_of(call: Call) -> tuple[int, int]:
    """The window that was asked for, milliseconds, both ends included; seven days at most."""
    start, end = call.integer("startTime"), call.integer("endTime")
    if start is not None and end is not None:
        if end - start > WEEK or start > end:
            raise refuse(call, "The time range between startTime and endTime cannot exceed 7 days")
        return start, end
    if start is not None:
        return start, start + WEEK
    end = call.actual if end is None else end
    return end - WEEK, end


def paged_events(
    call: Call, rows_of: Callable[[Event], Iterable[T]], *, most: int, default: int
) -> tuple[list[T], str]:
    """A page of what the events of a window come to, newest first, and the cursor of the next.

    The cursor names the event, and the row of it, that the next page begins with.
    """
    since, until = window_of(call)
    history = call.account.history
    first, last = history.count(since - 1), history.count(until)
    limit = max(1, min(most, call.integer("limit", default) or default))
    skip = 0
    cursor = call.params.get("cursor", "")
    if cursor:
        number, _, row = cursor.partition(":")
        if not (number.isdigit() and row.isdigit()):
            raise refuse(call, "params error: cursor is invalid")
        last, skip = min(last, int(number)), int(row)
    found: list[T] = []
    for index in range(last - 1, first - 1, -1):
        event = history.events[index]
        for number_in, each in enumerate(rows_of(event)):
            if number_in < skip:
                continue
            if len(found) == limit:
                return found, f"{index + 1}:{number_in}"
            found.append(each)
        skip = 0
    return found, ""
