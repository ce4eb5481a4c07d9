"""Two lists of orders: the same order under the same name, in the same words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tieout.core.model import Record
from tieout.core.orders import Orders, filled, in_the_words_of, merged, name_of


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


def test_where_ids_count_per_symbol_another_symbol_is_another_order() -> None:
    theirs = [order("28", "a", symbol="BTC/USDT"), order("28", "b", symbol="ETH/USDT")]
    listed = Orders(theirs, by_symbol=True)
    assert [listed.partner(order("28", symbol=each.values["symbol"])) for each in theirs] == theirs
    assert listed.partner(order("28", "a", symbol="SOL/USDT")) is None
    assert listed.partner(order(None, "a", symbol="SOL/USDT")) is None
    assert len({name_of(each, by_symbol=True) for each in theirs}) == 2
    ours = [order("28", symbol="BTC/USDT"), order(None, "b", symbol="ETH/USDT")]
    found = in_the_words_of(ours, theirs, by_symbol=True)
    assert [row.values["order_id"] for row in found] == ["28", "28"]


def test_elsewhere_it_is_the_same_order_wrong_in_its_symbol() -> None:
    theirs = [order("7", "a", symbol="BTC/USDT"), order("8", "x", symbol="ETH/USDT")]
    theirs += [order("9", "x", symbol="BTC/USDT")]
    listed = Orders(theirs)
    assert listed.partner(order("7", symbol="SOL/USDT")) is theirs[0]
    assert listed.partner(order(None, "x", symbol="ETH/USDT")) is theirs[1], "the right one first"
    assert name_of(theirs[0]) == name_of(order("7", symbol="SOL/USDT"))


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
