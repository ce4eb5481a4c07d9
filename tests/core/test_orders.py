"""Two lists of orders: the same order under the same name, in the same words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tieout.core.model import Record
from tieout.core.orders import Orders, filled, in_the_words_of, merged


def order(id_: str | None, client: str | None = None, **values: Any) -> Record:
    own = {"order_id": id_, "client_order_id": client, "status": "open", **values}
    return Record(own, {"order_id": id_})


def test_edge_25_an_order_without_an_id_has_the_one_of_its_client_id() -> None:
    theirs = [order("7", "mine"), order("8", "other")]
    (found,) = in_the_words_of([order(None, "mine", status="pending")], theirs)
    assert (found.values["order_id"], found.identity) == ("7", {"order_id": "7"})
    assert found.values["status"] == "pending"
    (unknown,) = in_the_words_of([order(None, "lost")], theirs)
    assert unknown.values["order_id"] is None


def test_edge_25_one_order_of_theirs_is_not_two_of_ours() -> None:
    ours = [order(None, "mine"), order("7", "mine"), order(None, "mine")]
    found = in_the_words_of(ours, [order("7", "mine")])
    assert [row.values["order_id"] for row in found] == [None, "7", None]


def test_edge_29_a_client_id_means_the_order_that_is_still_open() -> None:
    theirs = [order("2", "a"), order("3", "a", status="cancelled", created_at=9)]
    for each in (theirs, theirs[::-1]):
        (found,) = in_the_words_of([order(None, "a")], each)
        assert found.values["order_id"] == "2"
        assert Orders([order("2", "a")]).partner(order("1", "a")) is None


def test_edge_29_of_closed_ones_the_last() -> None:
    theirs = [
        order("1", "a", status="cancelled", created_at=5),
        order("2", "a", status="filled", created_at=6),
    ]
    for each in (theirs, theirs[::-1]):
        (found,) = in_the_words_of([order(None, "a", status="filled")], each)
        assert found.values["order_id"] == "2"


@pytest.mark.parametrize(
    ("ours", "theirs", "fills", "said"),
    [
        ("replaced", "cancelled", "0", "cancelled"),
        ("cancelled", "replaced", "0", "replaced"),
        ("replaced", "cancelled", "0.5", "replaced"),
        ("replaced", "filled", "0", "replaced"),
        ("open", "cancelled", "0", "open"),
    ],
)
def test_edge_29_replaced_and_cancelled_are_one_end_of_the_old_leg(
    ours: str, theirs: str, fills: str, said: str
) -> None:
    (found,) = in_the_words_of(
        [order("1", status=ours, filled=Decimal(0))],
        [order("1", status=theirs, filled=Decimal(fills))],
    )
    assert found.values["status"] == said


def test_edge_33_filled_never_goes_down() -> None:
    open_, closed = order("1", filled=Decimal("0.8")), order("1", filled=Decimal("0.5"))
    (found,) = merged([open_], [closed])
    assert filled(found.values) == Decimal("0.8")
    done = order("1", status="filled", filled=Decimal("0.8"))
    (found,) = merged([open_], [done])
    assert found.values["status"] == "filled", "of equal fills the later answer"
    assert filled(order("1").values) == 0
