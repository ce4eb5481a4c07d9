"""Edge rows about what is the same record twice inside one source."""

from __future__ import annotations

from conformance.tables import Case

from tieout.core.model import Side

TWICE = """
    trade_id, side, quantity
    T1,       buy,  1
    T1,       buy,  1.00
"""
ONCE = """
    trade_id, side, quantity
    T1,       buy,  1
"""

CASES = [
    Case("edge_11_same_trade_twice_counts_once", TWICE, ONCE, "matched 1 | DUPLICATE i1 i2"),
    Case(
        "edge_11_same_trade_twice_on_both_sides",
        TWICE,
        TWICE,
        "matched 1 | DUPLICATE i1 i2 | DUPLICATE e1 e2",
    ),
    Case(
        "edge_11_three_copies_are_one_group_and_none_is_missing",
        "trade_id, quantity\n T1, 1\n T2, 2\n T1, 1\n T1, 1",
        "trade_id, quantity\n T2, 2",
        "matched 1 | DUPLICATE i1 i3 i4 | single i1",
    ),
    Case(
        "edge_11_copies_of_a_broken_trade",
        TWICE,
        "trade_id, side, quantity\n T1, buy, 2",
        "DUPLICATE i1 i2 | break i1 e1: quantity",
    ),
    Case(
        "edge_11_same_id_with_different_content_is_a_conflict",
        "trade_id, quantity\n T1, 1\n T1, 2",
        "trade_id, quantity\n T1, 1",
        "CONFLICT i1 i2 e1",
    ),
    Case(
        "edge_11_conflict_with_a_copy_inside",
        "trade_id, quantity\n T1, 1\n T1, 2\n T1, 1",
        "trade_id, quantity\n T2, 1",
        "CONFLICT i1 i2 i3 | single e1",
    ),
    Case(
        "edge_11_conflict_in_a_column_that_is_not_compared",
        "trade_id, liquidity\n T1, maker\n T1, taker",
        "trade_id\n T1",
        "CONFLICT i1 i2 e1",
    ),
    Case(
        "edge_11_null_against_a_value_is_a_conflict",
        "trade_id, fee\n T1, 1\n T1,",
        "trade_id, fee\n T1, 1",
        "CONFLICT i1 i2 e1",
    ),
    Case(
        "edge_11_conflicts_on_both_sides_are_one_group",
        "trade_id, quantity\n T1, 1\n T1, 2",
        "trade_id, quantity\n T1, 3\n T1, 4",
        "CONFLICT i1 i2 e1 e2",
    ),
    Case(
        "edge_11_conflicts_that_meet_one_on_the_other_side_are_one_group",
        "currency, wallet, total, free\n EUR, spot, 1, 1\n EUR, , 1, 1\n EUR, , 1, 2\n"
        " EUR, spot, 1, 2",
        "account, currency, total, free\n A, EUR, 1, 1\n A, EUR, 1, 2",
        "CONFLICT i1 i2 i3 i4 e1 e2",
        records="balances",
        on="currency",
    ),
    Case(
        "edge_11_conflict_blocks_its_key_in_a_later_pass",
        "trade_id, order_id, quantity\n T1, O1, 1",
        "trade_id, order_id, quantity\n T9, O1, 1\n T9, O1, 2",
        "CONFLICT i1 e1 e2",
        on="trade_id; order_id",
    ),
    Case(
        "edge_11_conflict_blocks_a_key_with_the_wrong_side",
        "trade_id, side, quantity\n T1, buy, 1",
        "trade_id, side, quantity\n T1, sell, 1\n T1, sell, 2",
        "CONFLICT i1 e1 e2",
    ),
    Case(
        "edge_11_conflict_leaves_other_keys_alone",
        "trade_id, quantity\n T1, 1\n T2, 1",
        "trade_id, quantity\n T1, 1\n T1, 2\n T2, 1",
        "CONFLICT i1 e1 e2 | matched 1",
    ),
    Case(
        "edge_11_conflict_leaves_a_record_alone_that_a_later_pass_matched",
        "trade_id, order_id, quantity\n T1, O1, 1",
        "trade_id, order_id, quantity\n T1, O2, 1\n T1, O2, 2\n T3, O1, 1",
        "CONFLICT e1 e2 | break i1 e3 by 1: trade_id",
        on="trade_id; order_id",
    ),
    Case(
        "edge_12_self_trade_both_sides_kept",
        "trade_id, side\n T1, buy\n T1, sell",
        "trade_id, side\n T1, sell\n T1, buy",
        "matched 2",
    ),
    Case(
        "edge_12_self_trade_matched_by_id_alone",
        "trade_id, side\n T1, buy\n T1, sell",
        "trade_id, side\n T1, sell\n T1, buy",
        "matched 2",
        on="trade_id",
    ),
    Case(
        "edge_12_self_trade_with_one_leg_missing",
        "trade_id, side\n T1, buy\n T1, sell",
        "trade_id, side\n T1, sell",
        "matched 1 | single i1",
        on="trade_id",
    ),
    Case(
        "edge_13_two_fills_under_one_id_by_declared_identity",
        "trade_id, quantity\n T1, 1\n T1, 2",
        "trade_id, quantity\n T1, 2\n T1, 1",
        "matched 2",
        on="trade_id",
        reading={"identity": ("trade_id", "quantity")},
    ),
    Case(
        "edge_13_declared_identity_still_finds_copies",
        "trade_id, quantity\n T1, 1\n T1, 2\n T1, 2",
        "trade_id, quantity\n T1, 2\n T1, 1",
        "matched 2 | DUPLICATE i2 i3",
        on="trade_id quantity",
        reading={"identity": ("trade_id", "quantity")},
    ),
    Case(
        "edge_14_same_id_in_two_accounts",
        "account, trade_id, quantity\n A, T1, 1\n B, T1, 2",
        "account, trade_id, quantity\n B, T1, 2\n A, T1, 1",
        "matched 2",
    ),
    Case(
        "edge_14_same_row_in_two_accounts_one_missing",
        "account, trade_id, quantity\n A, T1, 1\n B, T1, 1",
        "account, trade_id, quantity\n B, T1, 1",
        "matched 1 | single i1",
        on="trade_id",
    ),
    Case(
        "edge_14_account_and_venue_are_in_every_pass",
        "account, venue, trade_id, order_id\n A, bybit, T1, O1",
        "account, venue, trade_id, order_id\n A, kraken, T1, O1",
        "single i1 | single e1",
        on="trade_id; order_id",
    ),
    Case(
        "edge_14_account_of_one_side_only_is_no_key",
        "account, trade_id\n A, T1",
        "trade_id\n T1",
        "matched 1",
        on="trade_id",
    ),
    Case(
        "edge_14_a_null_account_is_no_other_account",
        "account, trade_id\n , T1\n A, T2\n , T3",
        "account, trade_id\n A, T1\n A, T2\n , T3",
        "matched 2 | single i1 | single e1",
    ),
    Case(
        "edge_15_equal_rows_without_an_id_are_two_records",
        "symbol, side, quantity\n BTC, buy, 1\n BTC, buy, 1",
        "symbol, side, quantity\n ETH, buy, 1",
        "single i1 | single i2 | single e1",
        on="symbol side quantity",
    ),
    Case(
        "edge_15_rows_without_an_id_match_by_content",
        "symbol, side, quantity\n BTC, buy, 1\n BTC, buy, 2",
        "symbol, side, quantity\n BTC, buy, 2.0\n BTC, buy, 1",
        "matched 2",
        on="symbol side quantity",
    ),
    Case(
        "edge_15_two_equal_rows_on_both_sides_are_not_guessed",
        "symbol, side, quantity\n BTC, buy, 1\n BTC, buy, 1",
        "symbol, side, quantity\n BTC, buy, 1\n BTC, buy, 1",
        "AMBIGUOUS i1 i2 e1 e2",
        on="symbol side quantity",
    ),
    Case(
        "edge_15_many_equal_rows_have_one_order",
        "order_id, side\n O1, buy\n O1, buy\n O1, buy\n O1, buy\n O1, buy",
        "order_id, side\n O1, buy",
        "AMBIGUOUS i1 i2 i3 i4 i5 e1",
        on="order_id",
    ),
    Case(
        "edge_15_null_ids_take_part_in_later_passes_only",
        "trade_id, quantity\n , 1\n T2, 2",
        "trade_id, quantity\n , 1\n T2, 2",
        "matched 2",
        on="trade_id; symbol quantity",
    ),
    Case(
        "edge_15_null_ids_alone_never_match",
        "trade_id, quantity\n , 1",
        "trade_id, quantity\n , 1",
        "single i1 | single e1",
        on="trade_id",
    ),
    Case(
        "edge_16_a_correction_supersedes",
        "trade_id, quantity, supersedes\n T01, 1,\n T02, 2, T01",
        "trade_id, quantity\n T02, 2",
        "matched 1",
    ),
    Case(
        "edge_16_a_correction_may_come_first",
        "trade_id, quantity, supersedes\n T02, 2, T01\n T01, 1,",
        "trade_id, quantity\n T02, 2",
        "matched 1",
    ),
    Case(
        "edge_16_chain_of_corrections",
        "trade_id, quantity, supersedes\n T03, 3, T02\n T01, 1,\n T02, 2, T01",
        "trade_id, quantity\n T03, 3\n T01, 1",
        "matched 1 | single e2",
    ),
    Case(
        "edge_16_copies_of_a_correction_under_its_own_id_do_not_remove_each_other",
        "trade_id, quantity, supersedes\n T1, 2, T1\n T1, 1,\n T1, 2, T1",
        "trade_id, quantity\n T1, 2",
        "matched 1 | DUPLICATE i1 i3",
    ),
    Case(
        "edge_16_a_correction_does_not_remove_one_that_supersedes_the_same_id",
        "trade_id, quantity, supersedes\n T1, 2, T1\n T2, 3, T1",
        "trade_id, quantity\n T1, 2\n T2, 3",
        "matched 2",
    ),
    Case(
        "edge_16_a_bust_removes_a_correction_under_its_own_id",
        "trade_id, exec_type, supersedes\n T1, correct, T1\n T1, correct, T1\n T2, bust, T1",
        "trade_id\n T9",
        "single e1",
    ),
    Case(
        "edge_16_a_correction_in_another_account_removes_nothing",
        "account, trade_id, supersedes\n A, T01,\n B, T02, T01",
        "account, trade_id\n A, T01\n B, T02",
        "matched 2",
    ),
    Case(
        "edge_16_a_bust_and_its_trade_are_both_gone",
        "trade_id, exec_type, supersedes\n T1, trade,\n T2, bust, T1\n T3, trade,",
        "trade_id\n T1\n T3",
        "matched 1 | single e1",
    ),
    Case(
        "edge_16_a_bust_removes_every_copy",
        "trade_id, exec_type, supersedes\n T1, trade,\n T2, bust, T1\n T1, trade,",
        "trade_id\n T2",
        "single e1",
    ),
    Case(
        "edge_16_a_bust_without_a_reference_is_no_trade_either",
        "trade_id, exec_type\n T1, trade\n T2, bust",
        "trade_id\n T1\n T2",
        "matched 1 | single e2",
    ),
    Case(
        "edge_16_a_bust_under_the_trade_s_own_id_removes_it",
        "trade_id, exec_type\n T1, trade\n T1, bust\n T2, trade",
        "trade_id\n T1\n T2",
        "matched 1 | single e1",
    ),
    Case(
        "edge_16_both_legs_of_a_busted_self_trade_are_gone",
        "trade_id, side, exec_type, supersedes\n T1, buy, ,\n T1, sell, ,\n T2, buy, bust, T1",
        "trade_id, side\n T9, buy",
        "single e1",
    ),
    Case(
        "edge_16_the_higher_version_counts",
        "trade_id, quantity, version\n T1, 2, 10\n T1, 1, 9",
        "trade_id, quantity\n T1, 2",
        "matched 1",
    ),
    Case(
        "edge_16_a_version_beats_none",
        "trade_id, quantity, version\n T1, 1,\n T1, 2, 0",
        "trade_id, quantity\n T1, 2",
        "matched 1",
    ),
    Case(
        "edge_16_the_sequence_counts_where_versions_are_equal",
        "trade_id, quantity, version, sequence\n T1, 1, 1, 7\n T1, 2, 1.0, 8",
        "trade_id, quantity\n T1, 2",
        "matched 1",
    ),
    Case(
        "edge_16_the_version_goes_before_the_sequence",
        "trade_id, quantity, version, sequence\n T1, 1, 2, 1\n T1, 2, 1, 9",
        "trade_id, quantity\n T1, 1",
        "matched 1",
    ),
    Case(
        "edge_16_equal_versions_with_different_content_are_a_conflict",
        "trade_id, quantity, version\n T1, 1, 1\n T1, 2, 2\n T1, 3, 2",
        "trade_id, quantity\n T1, 1",
        "CONFLICT i2 i3 e1",
    ),
    Case(
        "edge_16_copies_of_the_newest_version",
        "trade_id, quantity, version\n T1, 2, 2\n T1, 1, 1\n T1, 2, 2",
        "trade_id, quantity\n T1, 2",
        "matched 1 | DUPLICATE i1 i3",
    ),
    Case(
        "edge_20_an_amended_confirmation_is_compared_in_its_newest_version",
        "trade_id, price\n T1, 100",
        "trade_id, price, version\n T1, 100, 1\n T1, 101, 2",
        "break i1 e2: price",
    ),
    Case(
        "edge_20_an_amendment_by_reference_leaves_its_trade_missing",
        "trade_id, price\n T1, 100",
        "trade_id, price, supersedes\n T1, 100,\n T2, 101, T1",
        "single i1 | single e2",
    ),
    Case(
        "orders_without_an_order_id_use_the_clients",
        "client_order_id, quantity\n C1, 1\n C1, 1",
        "client_order_id, quantity\n C1, 1",
        "matched 1 | DUPLICATE i1 i2",
        records="orders",
    ),
    Case(
        "orders_without_any_id_are_alone",
        "order_id, quantity\n O1, 1\n , 1\n , 1\n , 2",
        "order_id, quantity\n O1, 1\n , 3",
        "matched 1 | single i2 | single i3 | single i4 | single e2",
        records="orders",
    ),
    Case(
        "orders_without_an_order_id_match_by_a_later_pass",
        "order_id, client_order_id, quantity\n , C1, 1\n , C2, 1\n , C2, 1",
        "order_id, client_order_id, quantity\n O1, C1, 1\n O2, C2, 1",
        "break i1 e1: order_id | AMBIGUOUS i2 i3 e2",
        records="orders",
        on="client_order_id",
    ),
    Case(
        "a_carried_order_without_an_id_that_comes_again_is_not_two",
        "order_id, quantity\n O1, 1",
        "order_id, quantity\n O1, 1\n , 2",
        "matched 1 | single e2",
        records="orders",
        carried={Side.EXTERNAL: "order_id, quantity\n , 2"},
    ),
    Case(
        "pnl_rows_without_a_trade_id_are_alone",
        "trade_id, pnl_impact\n T1, 1\n , 1\n , 2",
        "trade_id, pnl_impact\n T1, 1",
        "matched 1 | single i2 | single i3",
        records="pnl",
    ),
    Case(
        "positions_in_two_legs_are_two_positions",
        "symbol, leg, quantity\n BTC, long, 3\n BTC, short, -1",
        "symbol, leg, quantity\n BTC, short, -1\n BTC, long, 2",
        "matched 1 | break i1 e2: quantity",
        records="positions",
    ),
    Case(
        "balances_in_two_wallets_are_two_balances",
        "currency, wallet, total\n USD, spot, 1\n USD, funding, 2",
        "currency, wallet, total\n USD, funding, 2\n USD, spot, 1",
        "matched 2",
        records="balances",
    ),
    Case(
        "movements_without_an_id_get_one_from_content",
        "currency, amount, reference\n USD, 1, R1\n USD, 1, R1",
        "currency, amount, reference\n USD, 1, R1",
        "AMBIGUOUS i1 i2 e1",
        records="movements",
        on="reference",
    ),
]
