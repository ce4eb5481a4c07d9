"""Trades and movements: a window that moves on, and reaches back to whatever is still open.

The window of a run begins a lookback before the last one ended, or at the oldest record that is
still waiting for its partner. Both sides are read a little further back: what lies there was
judged before, and is only a possible partner, so that a fill that the two sides date differently
is not missing at the window's edge.
"""

from __future__ import annotations

import asyncio

from tieout.core.fills import by_order
from tieout.core.live import Answer, Ask
from tieout.ports import Rows
from tieout.service.live.rows import columns_of, covered_by
from tieout.service.live.setup import Comparison, LiveBench, LiveSetup
from tieout.service.setup import Reference, Standing


async def compare_events(
    setup: LiveSetup,
    bench: LiveBench,
    reference: Reference,
    *,
    oldest: int | None,
    cursor: int | None,
    since: int | None = None,
) -> Comparison:
    """Read the window of both sides.

    Args:
        oldest: when the oldest record happened that waits for its partner, UTC ns.
        cursor: until when earlier runs have come. `since`: begin there, whatever the cursor says.

    Raises:
        SourceError: a side gave no answer.
    """
    timing, now = setup.timing, bench.now()
    begin = now - timing.full if cursor is None else cursor - timing.lookback
    begin = min(each for each in (begin, oldest, since) if each is not None)
    # Of an order that is compared as one sum, the first fill may be long ago.
    margin = timing.closed if setup.summed else timing.grace + timing.lag
    records = setup.rules.records
    symbols = await setup.universe.known(setup.internal, now) or None
    ask = Ask(records, begin - margin, now, symbols)
    theirs, ours = await asyncio.gather(
        setup.external.fetch(ask), setup.internal.fetch(Ask(records, begin - margin, now))
    )
    return Comparison(
        internal=_rows(setup, 0, ours),
        external=_rows(setup, 1, theirs),
        standing=Standing(
            since=begin,
            covered=covered_by(ours, theirs),
            reasons=(f"{theirs.source} was asked about no symbol: name them in `symbols:`",)
            if theirs.symbols == frozenset()
            else (),
        ),
        reference=reference,
        as_of=now,
        upto=now if ours.complete and theirs.complete else None,
    )


def _rows(setup: LiveSetup, index: int, answer: Answer) -> Rows:
    records = list(answer.records)
    if setup.summed and index == 1 and setup.rules.records == "trades":
        records = list(by_order(records))
    return Rows(
        source=answer.source,
        layout=setup.layouts[index],
        records=records,
        columns=columns_of(records, setup.rules.records),
        reasons=answer.reasons,
        quarantined=answer.quarantined,
        window=answer.window,
        notes=answer.notes,
    )
