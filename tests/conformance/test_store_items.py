"""What every Store does, in memory, in SQLite and in PostgreSQL: quarantine and open items."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from store_values import D1, D2, D3, D4, commit, item

from tieout.core.held import Held
from tieout.core.model import Quarantined, Side
from tieout.core.rows import BreakFilter
from tieout.ports import Store

EVERYTHING = BreakFilter()


@pytest.fixture
def store(any_store: Store) -> Store:
    return any_store


def open_on(store: Store, before: date) -> list[Held]:
    return list(store.open_items("r", before=before))


# Quarantine


def test_quarantine_comes_back_whole_and_sorted(store: Store) -> None:
    entries = [
        (
            side,
            Quarantined(
                source="executions",
                place="a.csv",
                row=number,
                reason="not a number",
                raw="x\x00\ud800,1",
                field="price",
                line=number + 1,
                offset=10 * number,
                values={"q": Decimal("1.50"), "t": 1_753_524_082_900_000_001, "d": D1, "n": None},
            ),
        )
        for number, side in enumerate([Side.INTERNAL, None] * 1500)
    ]
    row = commit(store, D1, quarantine=entries)
    commit(store, D2)
    back = list(store.quarantine(row.run_id))
    assert [(each.side, each.entry) for each in back] == entries
    assert {each.run_id for each in back} == {row.run_id}
    assert list(store.quarantine("nobody's")) == []


# Open items


def test_records_of_one_identity_are_all_kept(store: Store) -> None:
    """The records of a CONFLICT, and equal ones, down to their number."""
    conflict = [item("a", price="1"), item("a", price="2")]
    twins = [item("b"), item("b"), item("b", side=Side.EXTERNAL)]
    commit(store, D1, items=conflict + twins)
    assert open_on(store, D2) == sorted(conflict + twins)
    commit(store, D2, items=conflict + twins[1:])
    assert open_on(store, D3) == sorted(conflict + twins[1:])


def test_open_items_of_each_date_and_of_dates_run_again(store: Store) -> None:
    """D1, D2, D2 again, D1 restated: each date starts from the end of the one before it."""
    a, b, c, d = sorted(item(name) for name in "abcd")
    commit(store, D1, items=[a, b])
    assert open_on(store, D1) == []
    assert open_on(store, D2) == [a, b]

    commit(store, D2, items=[b, c])
    assert open_on(store, D2) == [a, b]
    assert open_on(store, D3) == [b, c]

    commit(store, D2, items=[a, c, d])
    assert open_on(store, D2) == [a, b]
    assert open_on(store, D3) == [a, c, d]

    # `a` was matched on D1 after all, and `d` was open already; D2 still ended `b`.
    commit(store, D1, items=[b, d])
    assert open_on(store, D2) == [b, d]
    assert open_on(store, D3) == [c, d]
    assert open_on(store, D4) == [c, d]


def test_an_item_that_a_later_date_ended_stays_ended_when_an_earlier_one_is_restated(
    store: Store,
) -> None:
    a = item("a")
    commit(store, D1, items=[a])
    commit(store, D3, items=[])
    commit(store, D2, items=[])
    assert open_on(store, D3) == []
    commit(store, D2, items=[a])
    assert open_on(store, D3) == [a]
    assert open_on(store, D4) == []


def test_a_record_amended_later_is_ended_with_its_identity(store: Store) -> None:
    commit(store, D1, items=[item("a", price="1")])
    commit(store, D2, items=[item("a", price="2")])
    commit(store, D3, items=[])
    commit(store, D2, items=[item("a", price="3")])
    assert open_on(store, D2) == [item("a", price="1")]
    assert open_on(store, D3) == [item("a", price="3")]
    assert open_on(store, D4) == []


def test_many_open_items_with_equal_identities_across_pages(store: Store) -> None:
    items = [item("same", n=str(number)) for number in range(2500)]
    commit(store, D1, items=items)
    commit(store, D2, items=items[::-1])
    commit(store, D3, items=items[:-1])
    assert len(open_on(store, D3)) == 2500
    assert len(open_on(store, D4)) == 2499


def test_open_items_of_many_dates_and_of_an_early_one_restated(store: Store) -> None:
    """A store may keep copies of what is open, to read less: they never outlive a restatement."""
    days = [D1 + timedelta(days=number) for number in range(30)]
    kept = [item(f"t{number}") for number in range(30)]
    for number, day in enumerate(days):
        commit(store, day, items=kept[max(number - 3, 0) : number + 1])
    for number, day in enumerate(days[1:], 1):
        assert open_on(store, day) == sorted(kept[max(number - 4, 0) : number])
    commit(store, days[9], items=[kept[0], kept[9]])
    assert open_on(store, days[10]) == sorted([kept[0], kept[9]])
    assert open_on(store, days[11]) == sorted([kept[0], kept[9], kept[10]])
    assert open_on(store, days[29]) == sorted([kept[0], *kept[25:29]])
