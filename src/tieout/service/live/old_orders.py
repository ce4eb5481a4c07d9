"""Orders with an open break, and older than what a venue is asked to list.

That an order has left the window is no evidence that it agrees. The window reaches back to it,
but no further than a week: venues keep closed orders for a time, list some of them a day a
question, and refuse what is beyond. An older one is asked for by its id. Where that gives nothing
its break can neither be confirmed nor cleared any more, and stays; the run says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tieout.core.canonical import instant
from tieout.core.held import values_of
from tieout.core.lifecycle import OpenItem
from tieout.core.model import Record, Side, State
from tieout.core.orders import Orders
from tieout.core.rows import BreakFilter
from tieout.core.schema import RECORD_TYPES
from tieout.errors import SourceError
from tieout.ports import Feed, Store
from tieout.service.live.setup import SECOND

REACH: Final = 7 * 86_400 * SECOND
"""Nanoseconds that a window reaches back for an order at most, where `lookback` is no longer."""

ASKED: Final = 20
"""Orders that are asked for by id in one reading, the newest ones."""

UNRESOLVED: Final = tuple(each.value for each in State if each is not State.RESOLVED)


@dataclass(frozen=True, slots=True)
class Broken:
    """An order with an open break. `items`: its records. `made`: when it was placed, UTC ns."""

    items: tuple[OpenItem, ...]
    made: int

    def ids(self) -> list[tuple[str, str]]:
        """Symbol and the venue's id."""
        pairs = ((row.values.get("symbol"), row.values.get("order_id")) for row in self.records)
        return list(dict.fromkeys((str(one), str(two)) for one, two in pairs if one and two))

    @property
    def records(self) -> list[Record]:
        return [item.record for item in self.items]


def broken_orders(store: Store, name: str) -> list[Broken]:
    """The orders of the open breaks of a reconciliation, the newest first. Blocks."""
    contract = RECORD_TYPES["orders"]
    found = []
    for row in store.breaks(BreakFilter(name, UNRESOLVED)):
        items = []
        for part in row.content["records"]:
            record = Record(values_of(part["record"], contract)[0], {})
            items.append(OpenItem(Side(part["side"]), record, row.business_date))
        times = [each.record.values.get("created_at") for each in items]
        times += [each.record.values.get("updated_at") for each in items]
        made = next((at for at in times if isinstance(at, int)), None)
        if made is not None:
            found.append(Broken(tuple(items), made))
    return sorted(found, key=lambda each: each.made, reverse=True)


def within(broken: Sequence[Broken], first: int) -> tuple[list[Broken], list[Broken]]:
    """Those placed from `first` (UTC ns) on, and the older ones."""
    return (
        [each for each in broken if each.made >= first],
        [each for each in broken if each.made < first],
    )


async def by_id(venue: Feed, old: Sequence[Broken], listed: Sequence[Record]) -> list[Record]:
    """The venue's rows of the orders that its list does not have; of some there is no answer."""
    asking = getattr(venue, "order", None)
    if asking is None:
        return []
    there, found = Orders(listed), []
    unlisted = [each for each in old if not any(map(there.partner, each.records))]
    for symbol, id_ in [pair for each in unlisted for pair in each.ids()][:ASKED]:
        try:
            answer = await asking(symbol, id_)
        except SourceError:  # it does not know the order any more, or not just now: all the same
            continue
        if answer is not None:
            found += answer.records
    return found


def lost(old: Sequence[Broken], theirs: Iterable[Record]) -> list[Broken]:
    """Those of which the venue says nothing any more."""
    there = Orders(theirs)
    return [each for each in old if not any(map(there.partner, each.records))]


def note(lost: Sequence[Broken]) -> tuple[str, ...]:
    """What to say of those, for people."""
    if not lost:
        return ()
    names = [next((id_ for _, id_ in each.ids()), "without an id") for each in lost]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    oldest = instant(min(each.made for each in lost))[:10]
    return (
        f"too old to be confirmed any more, and left as they are: order {', '.join(names[:5])}"
        f"{more}, the oldest of {oldest}",
    )
