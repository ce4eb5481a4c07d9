"""Pairs that agree in a run that is not complete: it may not say so of their breaks.

Such a run clears nothing. A later one may, if the records take part in it: both are carried on
while a break of theirs is open. It is looked for where one would have cleared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tieout.core.bench import Bench
from tieout.core.lifecycle import Evidence
from tieout.core.model import Agrees, Pair, Side, WithinTolerance
from tieout.ports import MatchTask, SideFacts, Spool
from tieout.service.again import Again, as_records, key_of, parts_of, suspects
from tieout.service.carry import held_item, item_of
from tieout.service.known import KnownRecords
from tieout.service.outcomes import outcomes


def hold_agreed(
    evidence: Evidence,
    again: Again,
    task: MatchTask,
    facts: Mapping[Side, SideFacts],
    bench: Bench,
    spool: Spool,
) -> None:
    """Put both records of such pairs of events into `spool`, to be carried."""
    records, name = bench.records, bench.rules.name
    if evidence.complete or evidence.everything or not again.last or not records.event:
        return
    stored = KnownRecords(name, facts, records)
    whole = replace(evidence, complete=True)
    parts = {
        part.key: part
        for known, each in suspects(again.store, spool, whole, stored, lambda part: True)
        if known.id == each[0].key  # that of a DUPLICATE is none of its records'
        for part in each
    }
    if not parts:
        return
    watched = (*task.watched, *as_records([*parts.values()], records))
    day = evidence.business_date
    with again.engine.match(replace(task, watched=watched)) as matching:
        for candidate, outcome in outcomes(matching, bench, None):
            if isinstance(candidate, Pair) and isinstance(outcome, Agrees | WithinTolerance):
                pair = [*parts_of(candidate)]
                if any(key_of(name, side, each, records) in parts for side, each in pair):
                    for side, each in pair:
                        spool.hold(held_item(item_of(side, each, day), bench))
