"""Copies of records are folded in the sums of a join: the same answer as from single records."""

from __future__ import annotations

from pathlib import Path

import pytest
from conformance.comparison import drift
from conformance.engines import FAST_ENGINES, engine_called
from conformance.outcomes import lines
from conformance.tables import Carrier, Case

NEAR = "trade_id, symbol, price\n T1, BTC, 1\n T2, BTC, 2\n T3, ETH, 3\n T4, ETH, 4"
FAR = "trade_id, symbol, price\n T1, BTC, 1.1\n T2, BTC, 2.2\n T3, ETH, 3.3\n T4, ETH, 4"

CASES = [
    Case(
        "copies_on_both_sides",
        NEAR + "\n T1, BTC, 1.0\n T2, BTC, 2",
        FAR + "\n T2, BTC, 2.20\n T2, BTC, 2.2",
        "matched 1 | within 3 | DUPLICATE i1 i5 | DUPLICATE i2 i6 | DUPLICATE e2 e5 e6",
        compare="price=0.5",
    ),
    Case(
        "the_largest_difference_is_that_of_copies",
        NEAR + "\n T3, ETH, 3",
        FAR + "\n T3, ETH, 3.3",
        "matched 1 | within 3 | DUPLICATE i3 i5 | DUPLICATE e3 e5",
        compare="price=0.5",
    ),
    Case(
        "a_conflict_beside_copies_takes_the_largest_difference_with_it",
        NEAR + "\n T1, BTC, 1\n T3, ETH, 2.9",
        FAR,
        "matched 1 | within 2 | DUPLICATE i1 i5 | CONFLICT i3 i6 e3",
        compare="price=0.5",
    ),
    Case(
        "a_conflict_beside_copies_with_a_small_difference",
        NEAR + "\n T2, BTC, 2\n T1, BTC, 1.05",
        FAR,
        "matched 1 | within 2 | DUPLICATE i2 i5 | CONFLICT i1 i6 e1",
        compare="price=0.5",
    ),
    Case(
        "copies_of_what_breaks_and_of_what_is_missing",
        NEAR + "\n T2, BTC, 2\n T9, BTC, 9\n T9, BTC, 9\n T4, ETH, 4",
        FAR + "\n T8, BTC, 8\n T8, BTC, 8\n T2, BTC, 2.2",
        "matched 1 | within 2 | break i2 e2: price | single i6 | single e5"
        " | DUPLICATE i2 i5 | DUPLICATE i6 i7 | DUPLICATE i4 i8 | DUPLICATE e2 e7"
        " | DUPLICATE e5 e6",
        compare="price=0.05",
        overrides={"BTC": "price=0.15", "ETH": "price=0.5"},
    ),
    Case(
        "copies_without_an_id_are_records_of_their_own",
        "trade_id, order_id, price\n , O1, 1\n , O1, 1\n T2, O2, 2",
        "trade_id, order_id, price\n T7, O1, 1\n T8, O1, 1\n T2, O2, 2",
        "matched 1 | AMBIGUOUS i1 i2 e1 e2",
        on="order_id",
    ),
]


@pytest.mark.parametrize("name", FAST_ENGINES)
@pytest.mark.parametrize("carrier", ["parquet", "csv"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_copies_are_folded_in_the_sums_of_a_join(
    case: Case, carrier: str, name: str, tmp_path: Path
) -> None:
    engine, task = engine_called(name), case.task(Carrier(carrier, tmp_path))
    expected = sorted(line.strip() for line in case.expected.split("|"))
    assert lines(engine_called("reference"), task) == expected
    assert lines(engine, task) == expected
    assert drift(engine, task, ticks={}) == drift(engine_called("reference"), task, ticks={})
