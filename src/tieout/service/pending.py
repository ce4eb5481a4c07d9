"""The records that a run left open without a break: which ones are expected, unknown or to come.

1. Which records are in breaks is known as of now only. So what was open after any run but the
   last one, or after one for an earlier business date than the latest, nobody can tell any more.
2. A record of a break that is not resolved is not among them: the break shows it.
3. Kept with them are the unreadable records with a readable key, which make a partner unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from tieout.core.canonical import dumps
from tieout.core.held import HeldText, text_of
from tieout.core.model import PlainRecord, Side, State
from tieout.core.rows import BreakFilter, RunRow
from tieout.ports import Store

_KNOWN: Final = tuple(state.value for state in State if state is not State.RESOLVED)


def pending(store: Store, row: RunRow) -> Sequence[HeldText] | None:
    """The records, readable ones first, then by date; None where the store does not tell.

    Snapshots leave none: what is missing in one is missing in it.
    """
    if not _told(store, row):
        return None
    items = store.open_items(row.reconciliation, before=row.business_date + timedelta(days=1))
    left = [(held.key, text_of(held)) for held in items]
    if not left:
        return ()
    ids: set[str] = set()
    records: set[int] = set()
    for brk in store.breaks(BreakFilter(reconciliation=row.reconciliation, states=_KNOWN)):
        ids.add(brk.id)
        parts = brk.content["records"]
        records.update(_print(Side(part["side"]), part["record"]) for part in parts)
    found = [
        text
        for key, text in left
        if key not in ids and _print(text.side, text.record) not in records
    ]
    return sorted(found, key=lambda text: (text.unreadable, text.since, dumps(text.identity)))


def _told(store: Store, row: RunRow) -> bool:
    """Whether the breaks of now are those that the run left."""
    if store.prior(row.reconciliation).latest != row.business_date:
        return False
    committed = (each for each in store.runs(reconciliation=row.reconciliation) if each.digest)
    return next((each.run_id for each in committed), None) == row.run_id


def _print(side: Side, record: PlainRecord) -> int:
    """A number for a record: of millions of breaks the texts are not kept."""
    return hash((side, dumps(record)))
