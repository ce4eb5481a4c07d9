"""Orders with an open break that a venue does not list: they are old, or its list is not whole.

That an order has left the window, or the list, is no evidence that it agrees. It is asked for by
its id; where the venue cannot be asked so, or does not know it, its symbol is listed once more as
far back as it was placed, but no further than a week: venues keep closed orders for a time, list
some of them a day a question, and refuse what is beyond. Where that gives nothing either, and the
venue had told of it or may have forgotten it, the break can neither be confirmed nor cleared any
more, and stays; the run says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from tieout.core.canonical import instant
from tieout.core.held import values_of
from tieout.core.lifecycle import OpenItem
from tieout.core.live import Answer, Ask
from tieout.core.model import Record, Side, State
from tieout.core.orders import Orders, merged, name_of
from tieout.core.rows import BreakFilter
from tieout.core.schema import RECORD_TYPES
from tieout.errors import SourceError
from tieout.ports import Feed, Store
from tieout.service.live.setup import SECOND, LiveSetup

REACH: Final = 7 * 86_400 * SECOND
"""Nanoseconds that a list reaches back for an order at most, where `lookback` is no longer."""

ASKED: Final = 20
"""Orders that are asked for by id in one reading, the newest ones."""

UNRESOLVED: Final = tuple(each.value for each in State if each is not State.RESOLVED)


@dataclass(frozen=True, slots=True)
class Broken:
    """An order with an open break. `items`: its records. `made`: when it was placed, UTC ns."""

    items: tuple[OpenItem, ...]
    made: int

    @property
    def told(self) -> bool:
        """Whether the venue has told of it."""
        return any(item.side is Side.EXTERNAL for item in self.items)

    def of(self, side: Side) -> list[Record]:
        return [item.record for item in self.items if item.side is side]

    def ids(self) -> list[tuple[str, str]]:
        """Symbol and the venue's id."""
        pairs = ((row.values.get("symbol"), row.values.get("order_id")) for row in self.records)
        return list(dict.fromkeys((str(one), str(two)) for one, two in pairs if one and two))

    def names(self, *, by_symbol: bool) -> set[str]:
        """What its records are called; see `core.orders`."""
        return {name_of(row, by_symbol=by_symbol) for row in self.records}

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


async def found(
    setup: LiveSetup, listed: Answer, broken: Sequence[Broken], since: int, now: int, margin: int
) -> tuple[Answer, list[Broken]]:
    """The venue's list with what it says of `broken`, and those of which it says nothing any more.

    Args:
        listed: what is open, and what was closed lately.
        since: from when on orders are listed, UTC ns.
        margin: by which a list reaches back further than it has to, nanoseconds.

    Raises:
        SourceError: the venue gave no list.
    """
    # What it has told of does not go away: a list without that is not whole.
    by_symbol = setup.rules.ids_per_symbol
    left = [each for each in broken if each.told or each.made < since]
    left = _unlisted(left, listed, by_symbol)
    if left:
        rows = await _by_id(setup.external, left)
        listed = replace(listed, records=tuple(merged(listed.records, rows)))
        left = _unlisted(left, listed, by_symbol)
    first = now - max(setup.timing.closed, REACH)
    young = [each for each in left if each.made >= first]
    if young:
        reach = min(each.made for each in young) - setup.timing.lag - margin
        ask = Ask("orders", since=reach, symbols=symbols_of(young), known=True)
        listed = both(listed, await setup.external.fetch(ask))
    left = _unlisted(left, listed, by_symbol)
    return listed, [each for each in left if each.told or each.made < first]


async def _by_id(venue: Feed, old: Sequence[Broken]) -> list[Record]:
    """The venue's rows of orders; of some there is no answer."""
    asking = getattr(venue, "order", None)
    rows: list[Record] = []
    if asking is None:
        return rows
    for symbol, id_ in [pair for each in old for pair in each.ids()][:ASKED]:
        try:
            answer = await asking(symbol, id_)
        except SourceError:  # it does not know the order any more, or not just now: all the same
            continue
        if answer is not None:
            rows += answer.records
    return rows


def _unlisted(old: Sequence[Broken], listed: Answer, by_symbol: bool) -> list[Broken]:
    there = Orders(listed.records, by_symbol=by_symbol)
    return [each for each in old if not any(map(there.partner, each.records))]


def symbols_of(old: Iterable[Broken]) -> frozenset[str] | None:
    """The symbols of orders; None where one of them has none."""
    values = {row.values.get("symbol") for each in old for row in each.records}
    known = frozenset(each for each in values if isinstance(each, str))
    return known if len(known) == len(values) else None


def both(earlier: Answer, later: Answer) -> Answer:
    """Two answers about orders as one: what is in both is as the later one has it."""
    return replace(
        earlier,
        records=tuple(merged(earlier.records, later.records)),
        answered_at=later.answered_at,
        symbols=_either(earlier.symbols, later.symbols),
        quarantined=(*earlier.quarantined, *later.quarantined),
        reasons=tuple(dict.fromkeys((*earlier.reasons, *later.reasons))),
        doubt=earlier.doubt or later.doubt,
        notes=tuple(dict.fromkeys((*earlier.notes, *later.notes))),
    )


def _either(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    """What one of two answers covers."""
    return None if one is None or other is None else one | other


def note(lost: Sequence[Broken]) -> tuple[str, ...]:
    """What to say of those, for people."""
    if not lost:
        return ()
    names = [next((id_ for _, id_ in each.ids()), "without an id") for each in lost]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    oldest = instant(min(each.made for each in lost))[:10]
    return (
        f"not told of by the venue any more, and left as they are: order {', '.join(names[:5])}"
        f"{more}, the oldest of {oldest}",
    )
