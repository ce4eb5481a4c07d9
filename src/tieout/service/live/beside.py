"""Trades of long ago that wait for their partners: what both sides say of their times.

Of what is so old a venue may have nothing more to say; some keep ten thousand fills. That is about
the trades that wait there, and not about the window: they are left as they are, with whatever is in
one break with them, and the run says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from tieout.core.canonical import instant
from tieout.core.held import values_of
from tieout.core.lifecycle import OpenItem
from tieout.core.live import Answer, Ask
from tieout.core.rows import BreakFilter
from tieout.core.schema import RECORD_TYPES
from tieout.errors import SourceError
from tieout.service.live.old_orders import UNRESOLVED
from tieout.service.live.rows import at_home
from tieout.service.live.setup import LiveBench, LiveSetup
from tieout.service.live.windows import Name, Span, Waiting, name_of


async def beside(setup: LiveSetup, span: Span) -> tuple[Answer, Answer] | str:
    """What the venue and the book say of a span; or why one of them does not say all of it."""
    ask = Ask(setup.rules.records, span.first, span.last, span.symbols)
    try:
        theirs, ours = await asyncio.gather(setup.external.fetch(ask), setup.internal.fetch(ask))
    except SourceError as error:
        return error.what
    for each in (theirs, ours):
        if not each.complete:
            return "; ".join(each.reasons) or f"{each.source} has rows that cannot be read"
        if each.window is None or each.window[0] > span.first or each.window[1] < span.last:
            return f"{each.source} does not tell them any more"
    return _of(theirs, span), _of(home(setup, ours), span)


def home(setup: LiveSetup, answer: Answer) -> Answer:
    """A book's answer without what it has elsewhere."""
    return replace(answer, records=tuple(at_home(setup.external, answer.records)))


def _of(answer: Answer, span: Span) -> Answer:
    """An answer with no symbol but those it was asked for."""
    kept = [row for row in answer.records if row.values.get("symbol") in span.symbols]
    return replace(answer, records=tuple(kept))


@dataclass(frozen=True, slots=True)
class Left:
    """What is left as it is, as a side does not tell of its time.

    Attributes:
        names: of the records; whatever has one of them, on either side, is left too.
    """

    items: Sequence[OpenItem] = ()
    names: frozenset[Name] = frozenset()
    note: str = ""

    def holds(self, item: OpenItem) -> bool:
        return name_of(item.record.values) in self.names

    def without(self, answer: Answer) -> Answer:
        """An answer without their records."""
        if not self.names:
            return answer
        kept = [row for row in answer.records if name_of(row.values) not in self.names]
        return replace(answer, records=tuple(kept))


async def left_of(
    setup: LiveSetup,
    bench: LiveBench,
    waiting: Sequence[Waiting],
    begin: int,
    untold: Mapping[Span, str],
) -> Left:
    """What waits in times that are not told, with whatever is in one break with it.

    Args:
        begin: of the window, UTC ns. `untold`: the spans that a side does not tell, with why.
    """
    old = [
        (each, why)
        for each in waiting
        for span, why in untold.items()
        if each.since < begin and span.holds(each)
    ]
    if not old:
        return Left()
    names = {each.name for each, _ in old}
    found = await bench.offload(lambda: _in_one_break(setup, bench, names))
    names = names.union(*found)
    items = [each.item for each in waiting if each.name in names]
    why = "; ".join(dict.fromkeys(why for _, why in old))
    note = (
        f"not compared this time, and left as they are: {len(items)} older trades, the first of"
        f" {instant(min(each.since for each, _ in old))[:10]}: {why}"
    )
    return Left(items, frozenset(names), note)


def _in_one_break(setup: LiveSetup, bench: LiveBench, names: Collection[Name]) -> list[set[Name]]:
    """The names of all records of each open break that one of `names` is in. Blocks."""
    contract, found = RECORD_TYPES[setup.rules.records], []
    for row in bench.store.breaks(BreakFilter(setup.rules.name, UNRESOLVED)):
        own = {name_of(values_of(part["record"], contract)[0]) for part in row.content["records"]}
        if not own.isdisjoint(names):
            found.append(own)
    return found
