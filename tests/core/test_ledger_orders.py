"""Orders in the ledger: reports in any order make one state."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_values import ordered, trade

from tieout.core.journal import JournalEntry
from tieout.core.ledger import Order, project


def order(entries: Sequence[JournalEntry], as_of: int | None = None, id_: str = "o1") -> Order:
    """The order, which is the same in whatever order its reports arrive."""
    arrivals = [entries] if len(entries) > 4 else permutations(entries)
    found = [project(list(arrival), as_of=as_of).orders for arrival in arrivals]
    assert all(each == found[0] for each in found)
    (one,) = (each for each in found[0] if each.values.get("order_id") == id_)
    return one


def state(entries: Sequence[JournalEntry], as_of: int | None = None) -> tuple[object, object]:
    values = order(entries, as_of).values
    return values.get("status"), values.get("filled")


def test_an_order_goes_through_its_life() -> None:
    life = [
        ordered(1, "pending", "0"),
        ordered(2, "open", "0"),
        ordered(3, "partially_filled", "4"),
        ordered(4, "filled", "10"),
    ]
    states = [state(life, at) for at in (1, 2, 3, 4)]
    assert states == [("pending", 0), ("open", 0), ("partially_filled", 4), ("filled", 10)]
    assert [order(life, at).working for at in (3, 4)] == [True, False]


def test_edge_33_a_stale_report_does_not_lower_what_was_filled() -> None:
    assert state([ordered(3, "partially_filled", "4"), ordered(9, "open", "0")]) == (
        "partially_filled",
        4,
    )
    assert state([ordered(3, "filled", "10"), ordered(9, "partially_filled", "4")]) == (
        "filled",
        10,
    )


def test_edge_27_partially_filled_then_cancelled_is_cancelled_with_its_fills() -> None:
    found = order([ordered(3, "partially_filled", "4"), ordered(4, "cancelled")])
    assert (found.values["status"], found.values["filled"]) == ("cancelled", 4)
    assert found.contradicted is None
    fills = [trade("1", 4, 100, 3, order_id="o1"), ordered(4, "cancelled", "0")]
    assert state(fills) == ("cancelled", 4)


def test_edge_28_cancelled_yet_filled_fills_win() -> None:
    fills = [trade("1", 4, 100, 3, order_id="o1"), trade("2", 6, 100, 6, order_id="o1")]
    found = order([*fills, ordered(5, "cancelled", "4")])
    assert (found.values["status"], found.values["filled"]) == ("filled", 10)
    assert found.contradicted == "cancelled"


def test_edge_29_an_order_that_another_replaces_was_not_cancelled() -> None:
    old = [ordered(2, "open", "3"), ordered(5, "cancelled", "3")]
    new = ordered(5, "open", "0", order_id="o2", replaces="o1", quantity="7")
    assert state([*old, new]) == ("replaced", 3)
    assert state(old) == ("cancelled", 3)
    assert order([*old, new], id_="o2").values["status"] == "open"


def test_edge_30_more_filled_than_ordered() -> None:
    fills = [trade(str(number), 4, 100, 3, order_id="o1") for number in range(3)]
    found = order([ordered(2, "open", "0"), *fills])
    assert (found.values["filled"], found.fills, found.overfilled) == (12, 12, True)
    assert not order([ordered(2, "open", "0"), *fills[:2]]).overfilled


def test_edge_25_a_rejection_that_fills_or_works_later_was_none() -> None:
    assert state([ordered(1, "pending"), ordered(2, "rejected")])[0] == "rejected"
    assert state([ordered(2, "rejected"), ordered(3, "open", "0")])[0] == "open"
    assert state([ordered(2, "rejected"), trade("1", 1, 100, 3, order_id="o1")]) == (
        "partially_filled",
        1,
    )
    assert state([ordered(1, "open", "0"), ordered(2, "rejected")])[0] == "rejected"


def test_an_order_known_by_the_clients_id_first_is_one_order() -> None:
    sent = ordered(1, "pending", order_id=None, client_order_id="c1")
    known = ordered(2, "open", "0", client_order_id="c1")
    fill = trade("1", 2, 100, 3, client_order_id="c1", order_id=None)
    update = ordered(4, "partially_filled", "1")
    found = order([sent, known, fill, update])
    assert (found.values["client_order_id"], found.values["filled"]) == ("c1", 2)
    assert len(project([sent, known, update]).orders) == 1


def test_orders_of_two_accounts_are_two() -> None:
    other = ordered(1, "open", account="b")
    fill = trade("1", 2, 100, 3, order_id="o1", account="b")
    found = project([ordered(1, "open", account="a"), other, fill]).orders
    assert [(each.values["account"], each.fills) for each in found] == [("a", 0), ("b", 2)]


def test_a_voided_fill_fills_nothing() -> None:
    fills = [
        trade("1", 4, 100, 3, order_id="o1"),
        trade("2", 4, 100, 4, order_id="o1", exec_type="bust", supersedes="1"),
    ]
    assert state([ordered(2, "open", "0"), *fills]) == ("open", 0)


def test_the_latest_report_says_the_rest() -> None:
    reports = [ordered(1, "open", "0", price="5"), ordered(2, None, quantity="8")]
    values = order(reports).values
    assert (values["price"], values["quantity"], values["status"]) == (5, 8, "open")


STATUSES = ["pending", "open", "partially_filled", "filled", "cancelled", "rejected", "expired"]
REPORTS = st.lists(
    st.tuples(st.sampled_from(STATUSES), st.integers(0, 10), st.integers(1, 5)), min_size=1
)


@given(REPORTS, st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_same_orders(
    reports: list[tuple[str, int, int]], random: object
) -> None:
    entries = [ordered(at, status, str(filled)) for status, filled, at in reports]
    shuffled = list(entries)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert project(shuffled).orders == project(entries).orders


@given(REPORTS)
def test_what_was_filled_never_goes_down_and_an_end_stays(
    reports: list[tuple[str, int, int]],
) -> None:
    entries = [ordered(at, status, str(filled)) for status, filled, at in reports]
    filled, ended = Decimal(0), False
    for at in range(1, 6):
        for found in project(entries, as_of=at).orders:
            now = found.values["filled"]
            assert isinstance(now, Decimal)
            assert now >= filled
            filled = now
            if found.values["status"] != "rejected":  # which a later report may take back
                assert not (ended and found.working)
                ended = ended or not found.working


@pytest.mark.parametrize("status", ["cancelled", "expired"])
def test_the_later_end_counts(status: str) -> None:
    assert state([ordered(1, "rejected"), ordered(2, status)])[0] == status
