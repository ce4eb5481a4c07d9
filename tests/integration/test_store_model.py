"""Whatever runs are made, in whatever order of dates, the databases tell what memory tells."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from store_values import D1, D2, D3, D4, brk, commit, intent, item

from tieout.adapters.store import open_store
from tieout.core.lifecycle import Evidence
from tieout.core.model import Side
from tieout.core.rows import BreakFilter
from tieout.ports import Store
from tieout.testing.store import MemoryStore

DAYS = (D1, D2, D3, D4)
items = st.lists(
    st.builds(
        item,
        st.sampled_from("ab"),
        side=st.sampled_from(Side),
        since=st.sampled_from(DAYS[:2]),
        version=st.sampled_from(["1", "2"]),
    ),
    max_size=4,
)
found = st.dictionaries(
    st.sampled_from("abcd"),
    st.tuples(st.sampled_from(["101", "102"]), st.none() | st.sampled_from("mno")),
)
runs = st.lists(
    st.tuples(st.sampled_from(DAYS), found, items, st.booleans(), st.booleans()), max_size=7
)


def answer(store: Store) -> dict[str, Any]:
    """Everything a store can be asked."""
    open_items = {day: list(store.open_items("r", before=day)) for day in DAYS}
    with store.view("r") as view:
        unresolved = list(view.open_breaks())
    rows = list(store.breaks(BreakFilter()))
    return {
        "prior": store.prior("r"),
        "items": open_items,
        "open": unresolved,
        "breaks": rows,
        "history": {row.id: list(store.history(row.id)) for row in rows},
        "runs": list(store.runs()),
    }


@settings(max_examples=40, deadline=None)
@given(runs)
def test_sqlite_tells_what_memory_tells(made: list[Any]) -> None:
    memory, sqlite = MemoryStore(), open_store("sqlite://")
    try:
        for number, (day, breaks, carried, complete, everything) in enumerate(made):
            # Breaks that hold another record were known under it while their other side was missing.
            present = [
                brk(id_, price=price, aliases=() if other is None else (other,))
                for id_, (price, other) in breaks.items()
            ]
            present += [brk(id_) for id_ in "mno"[: number % 3]]
            evidence = Evidence(complete, day, everything=everything)
            began = intent(day)
            told = [
                commit(
                    store,
                    day,
                    present,
                    items=carried,
                    evidence=evidence,
                    began=began,
                    covered={Side.INTERNAL: complete},
                )
                for store in (memory, sqlite)
            ]
            assert told[0] == told[1]
            assert answer(memory) == answer(sqlite)
    finally:
        sqlite.close()
