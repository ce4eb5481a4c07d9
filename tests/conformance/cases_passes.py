"""Edge rows about what a later pass must know of records that an earlier one left."""

from __future__ import annotations

from conformance.tables import Case

from tieout.core.model import Side

BY_ORDER = "order_id; symbol quantity"

CASES = [
    Case(
        "later_pass_pairs_by_another_key",
        "trade_id, order_id, price\n A, O1, 100\n B, O2, 100\n C, O3, 100",
        "trade_id, order_id, price\n X, O3, 101\n Y, O1, 100.5\n Z, O4, 100",
        "within 1 | break i3 e1 by 1: price | single i2 | single e3",
        on="trade_id; order_id",
        compare="price=0.5",
        ignore="trade_id",
    ),
    Case(
        "later_pass_leaves_alone_what_an_earlier_one_paired",
        "trade_id\n T1\n T2",
        "trade_id\n T1\n X",
        "matched 2",
        on="trade_id; symbol quantity",
        ignore="trade_id",
    ),
    Case(
        "later_pass_does_not_pair_contradicting_records",
        "trade_id, order_id, quantity\n T1, , 1\n T1, , 2",
        "trade_id, order_id, quantity\n X, , 1",
        "CONFLICT i1 i2 e1",
        on=BY_ORDER,
    ),
    Case(
        "later_pass_knows_an_identity_that_only_an_earlier_one_could_join",
        "trade_id, order_id, quantity\n T1, O1, 1\n T1, , 2",
        "trade_id, order_id, quantity\n X, O2, 2",
        "CONFLICT i1 i2 e1",
        on=BY_ORDER,
    ),
    Case(
        "later_pass_does_not_pair_what_is_replaced",
        "trade_id, order_id, quantity, supersedes\n T1, , 1,\n T2, , 2, T1",
        "trade_id, order_id, quantity\n X, O9, 1",
        "single i2 | single e1",
        on=BY_ORDER,
    ),
    Case(
        "later_pass_does_not_pair_what_a_joined_record_busts",
        "trade_id, order_id, quantity, exec_type, supersedes\n T1, , 1, trade,\n T2, O1, 2, bust, T1",
        "trade_id, order_id, quantity\n X, O9, 1\n Y, O1, 5",
        "single e1 | single e2",
        on=BY_ORDER,
    ),
    Case(
        "later_pass_counts_a_record_that_has_copies",
        "trade_id, order_id\n T1, O1\n T1, O1\n T2,",
        "trade_id, order_id\n X,",
        "DUPLICATE i1 i2 | AMBIGUOUS i1 i3 e1",
        on=BY_ORDER,
    ),
    Case(
        "later_pass_pairs_a_record_that_has_copies",
        "trade_id\n T1\n T1",
        "trade_id\n X",
        "DUPLICATE i1 i2 | matched 1",
        on="trade_id; symbol quantity",
        ignore="trade_id",
    ),
    Case(
        "later_pass_pairs_copies_beside_copies_that_an_earlier_one_paired",
        "trade_id, quantity\n T1, 1\n T1, 1\n T2, 7\n T2, 7",
        "trade_id, quantity\n T1, 1\n X, 7\n Y, 8\n Y, 8",
        "DUPLICATE i1 i2 | DUPLICATE i3 i4 | DUPLICATE e3 e4 | matched 2 | single e3",
        on="trade_id; symbol quantity",
        ignore="trade_id",
    ),
    Case(
        "later_pass_finds_several_under_one_key",
        "trade_id, quantity\n A, 1\n B, 1\n C, 3",
        "trade_id, quantity\n X, 1\n Y, 3",
        "AMBIGUOUS i1 i2 e1 | matched 1",
        on="trade_id; symbol quantity",
        ignore="trade_id",
    ),
    Case(
        "later_pass_leaves_several_of_one_side_to_the_next",
        "trade_id, quantity, fee\n A, 1, 5\n B, 1, 6",
        "trade_id, quantity, fee\n X, 2, 5",
        "break i1 e1 by 2: quantity | single i2",
        on="trade_id; symbol quantity; symbol fee",
        ignore="trade_id",
    ),
    Case(
        "later_pass_counts_carried_records",
        "trade_id, order_id\n T2,",
        "trade_id, order_id\n X,",
        "AMBIGUOUS i1 i~T9 e1",
        on=BY_ORDER,
        carried={Side.INTERNAL: "trade_id, order_id\n T9, O9"},
    ),
    Case(
        "later_pass_may_have_been_that_of_an_unreadable_record",
        "trade_id, order_id\n A, O1\n B, O2",
        "trade_id, order_id, quantity\n X, O1, x\n Y, O2, 1",
        "quarantined e1 quantity | single i1 unknown | matched 1",
        on="trade_id; order_id",
        ignore="trade_id",
    ),
    Case(
        "later_pass_has_its_pairs_checked",
        "trade_id, order_id\n T1, O1\n T2, O2",
        "trade_id, order_id\n X, O1\n Y, O2",
        "break i1 e1 by 1: as-given | matched 1",
        on="trade_id; order_id",
        ignore="trade_id",
        checks=(("as-given", "trade_id", "1", "trade_id, pnl_impact\n T1, 5\n T2, 100"),),
    ),
    Case(
        "later_pass_pairs_equal_rows_without_an_id",
        "trade_id, order_id, quantity\n , , 1\n , , 1\n , , 2",
        "trade_id, order_id, quantity\n X, , 2\n Y, , 1",
        "matched 1 | AMBIGUOUS i1 i2 e2",
        on="trade_id; symbol quantity",
        ignore="trade_id",
    ),
    Case(
        "carried_correction_removes_a_record_under_another_key",
        "trade_id, order_id, supersedes\n T1, O1,",
        "trade_id, order_id\n X, O1",
        "single i~T2 | single e1",
        on="order_id",
        carried={Side.INTERNAL: "trade_id, order_id, supersedes\n T2, O5, T1"},
    ),
    Case(
        "edge_13_one_id_under_two_keys_of_the_pass",
        "trade_id, order_id\n T1, O1\n T1, O2\n T2, O3",
        "trade_id, order_id\n X, O1\n Y, O2\n Z, O3",
        "CONFLICT i1 i2 e1 e2 | matched 1",
        on="order_id",
        ignore="trade_id",
    ),
    Case(
        "a_carried_record_outlives_an_older_one_under_another_key",
        "trade_id, order_id, version\n T1, O1, 1",
        "trade_id, order_id\n T1, O1",
        "single i~T1 | single e1",
        on="order_id",
        carried={Side.INTERNAL: "trade_id, order_id, version\n T1, O5, 2"},
    ),
]
