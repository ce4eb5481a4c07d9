"""What is on its way: legs find each other, and are expected until their deadline."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tieout.core.model import Pair, Record
from tieout.core.transit import MANY, SKEW, Leg, explains, fee_may_come, legs, on_the_way

HOUR = 3600 * 10**9
NOON = 1_790_000_000 * 10**9
A = {"account": "main", "venue": "binance", "wallet": "spot"}
B = {"account": "main", "venue": "kraken", "wallet": "spot"}


def movement(name: str, amount: str, at: int = NOON, **values: Any) -> Record:
    own = {
        "movement_id": name,
        "type": "transfer",
        "currency": "USDT",
        "amount": Decimal(amount),
        "timestamp": at,
        "reference": None,
        **A,
        **values,
    }
    return Record(own, {"movement_id": name})


def names(found: list[Leg]) -> list[Any]:
    return [leg.record.values["movement_id"] for leg in found]


def test_the_two_ends_of_a_transfer_find_each_other_by_amount() -> None:
    found = legs([movement("in", "100", NOON + 60, **B), movement("out", "-100")], HOUR)
    assert names(found) == ["out", "in"]
    assert {leg.until for leg in found} == {NOON + HOUR}


def test_a_reference_comes_before_an_amount_and_allows_a_cost_on_the_way() -> None:
    rows = [
        movement("out", "-100", reference="0xa"),
        movement("near", "100", NOON + 1, reference="0xb", **B),
        movement("in", "99.5", NOON + 2, reference="0xa", **B),
    ]
    for order in permutations(rows):
        assert names(legs(order, HOUR)) == ["out", "in"]


def test_what_has_no_other_end_of_one_s_own_is_no_transfer_on_its_way() -> None:
    strangers = [
        [movement("out", "-100")],
        [movement("in", "100", **B)],
        [movement("out", "-100"), movement("in", "99", **B)],
        [movement("out", "-100"), movement("in", "100")],
        [movement("out", "-100"), movement("in", "100", currency="BTC", **B)],
        [movement("out", "-100", type="fee"), movement("in", "100", **B)],
        [movement("out", "-100"), movement("in", "100", NOON + HOUR + 1, **B)],
        [movement("out", "-100"), movement("in", "100", NOON - SKEW - 1, **B)],
    ]
    assert [names(legs(rows, HOUR)) for rows in strangers] == [[]] * len(strangers)


def test_two_equal_transfers_are_two() -> None:
    rows = [
        movement("o1", "-100"),
        movement("o2", "-100", NOON + 5),
        movement("i1", "100", NOON + 6, **B),
    ]
    assert sorted(names(legs(rows, HOUR))) == ["i1", "o1"]
    assert len(legs([*rows, movement("i2", "100", NOON + 9, **B)], HOUR)) == 4


def test_a_leg_is_on_its_way_until_it_is_seen_or_its_time_is_over() -> None:
    own = legs([movement("out", "-100"), movement("in", "100", **B)], HOUR)
    assert names(on_the_way(own, [], B, NOON)) == ["in"]
    assert names(on_the_way(own, [], B, NOON + HOUR)) == ["in"]
    assert names(on_the_way(own, [], B, NOON + HOUR + 1)) == []
    assert names(on_the_way(own, [], A, NOON)) == ["out"]


def test_a_leg_was_seen_under_its_id_its_reference_or_its_amount() -> None:
    own = legs([movement("out", "-100"), movement("in", "100", **B)], HOUR)

    def left(*seen: Record) -> list[Any]:
        return names(on_the_way(own, seen, B, NOON + 5))

    assert left(movement("in", "99", NOON + 9, **B)) == []
    assert left(movement("deposit:7", "100", NOON + 9, **B)) == []
    assert left(movement("deposit:7", "100", NOON - SKEW - 1, **B)) == ["in"], "another one"
    assert left(movement("deposit:7", "101", NOON + 9, **B)) == ["in"]


def test_one_arrival_is_not_two() -> None:
    rows = [
        movement("o1", "-100"),
        movement("i1", "100", **B),
        movement("o2", "-100", NOON + 5),
        movement("i2", "100", NOON + 5, **B),
    ]
    own = legs(rows, HOUR)
    assert len(on_the_way(own, [movement("deposit:7", "100", NOON + 9, **B)], B, NOON + 10)) == 1


@given(st.permutations(range(6)), st.lists(st.integers(1, 3), min_size=3, max_size=3))
def test_the_order_of_the_records_makes_no_difference(order: list[int], amounts: list[int]) -> None:
    rows = []
    for number, amount in enumerate(amounts):
        rows.append(movement(f"o{number}", f"-{amount}", NOON + number * 7))
        rows.append(movement(f"i{number}", f"{amount}", NOON + number * 11, **B))
    shuffled = legs([rows[index] for index in order], HOUR)
    assert shuffled == legs(rows, HOUR)
    sums = [leg.amount for leg in shuffled]
    assert sum(sums) == 0
    assert len(set(names(shuffled))) == len(shuffled)


@given(st.lists(st.integers(-50, 50), max_size=6), st.data())
def test_some_of_the_amounts_explain_their_sum(amounts: list[int], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(amounts), unique=True) if amounts else st.just([]))
    decimals = [Decimal(each) for each in amounts]
    assert explains(Decimal(sum(chosen)), decimals)
    assert not explains(Decimal("0.5"), decimals)


def test_of_many_amounts_only_all_together_explain() -> None:
    many = [Decimal(1)] * (MANY + 1)
    assert explains(Decimal(MANY + 1), many)
    assert not explains(Decimal(3), many)


def test_edge_46_only_a_fee_that_one_side_does_not_know_may_come() -> None:
    def pair(ours: str | None, theirs: str | None) -> Pair:
        fees = [None if each is None else Decimal(each) for each in (ours, theirs)]
        return Pair(*[Record({"fee": fee, "timestamp": NOON}, {}) for fee in fees])

    assert fee_may_come(pair(None, "1"), ["fee", "fee_currency"], NOON)
    assert fee_may_come(pair("1", None), ["fee"], NOON)
    assert not fee_may_come(pair(None, "1"), ["fee"], NOON + 1)
    assert not fee_may_come(pair(None, "1"), ["fee", "price"], NOON)
    assert not fee_may_come(pair("2", "1"), ["fee"], NOON)
