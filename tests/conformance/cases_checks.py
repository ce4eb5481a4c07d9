"""Edge rows about a trade and its PnL row."""

from __future__ import annotations

from conformance.tables import Case

TRADE = "trade_id, symbol, side, quantity, price, fee\n T1, BTC, sell, 1, 100, 0.5"

CASES = [
    Case(
        "check_as_given_at_the_boundary",
        "trade_id, quantity, price, fee\n T1, 2, 50, 0.5\n T2, 2, 50, 0.5\n T3, 2, 50, 0.5",
        "trade_id, quantity, price, fee\n T1, 2, 50, 0.5\n T2, 2, 50, 0.5\n T3, 2, 50, 0.5",
        "matched 2 | break i2 e2: as-given",
        checks=(
            (
                "as-given",
                "trade_id",
                "1.0",
                "trade_id, pnl_impact\n T1, 98.500000000000000001\n T2, 98.5",
            ),
        ),
    ),
    Case(
        "check_cash_at_the_boundary",
        "trade_id, side, quantity, price\n T1, buy, 2, 50\n T2, sell, 2, 50\n T3, sell, 2, 50"
        "\n T4, , 2, 50",
        "trade_id, side, quantity, price\n T1, buy, 2, 50\n T2, sell, 2, 50\n T3, sell, 2, 50"
        "\n T4, , 2, 50",
        "matched 3 | break i3 e3: cash",
        on="trade_id",
        checks=(
            (
                "cash",
                "trade_id",
                "0.01",
                "trade_id, pnl_impact, commission\n T1, -101.01, 1\n T2, 98.99, 1"
                "\n T3, 98.989999999999999999, 1\n T4, 5, 1",
            ),
        ),
    ),
    Case(
        "a_check_without_an_answer_breaks_nothing",
        TRADE,
        TRADE,
        "matched 1",
        checks=(
            ("as-given", "trade_id", "1.0", "trade_id, pnl_impact\n T1,\n T2, 7"),
            ("cash", "trade_id", "0", "trade_id, pnl_impact\n T9, 7"),
        ),
    ),
    Case(
        "a_cash_check_without_a_side_is_not_made",
        "trade_id, price\n T1, 100",
        "trade_id, price\n T1, 100",
        "matched 1",
        checks=(("cash", "trade_id", "0", "trade_id, pnl_impact\n T1, 7"),),
    ),
    Case(
        "a_check_without_a_commission_that_others_have_is_not_made",
        "trade_id\n T1\n T2\n T3",
        "trade_id\n T1\n T2\n T3",
        "matched 2 | break i3 e3: as-given",
        checks=(
            (
                "as-given",
                "trade_id",
                "1.0",
                "trade_id, pnl_impact, commission\n T1, 7,\n T2, 99, 1\n T3, 98, 1",
            ),
        ),
    ),
    Case(
        "a_check_finds_equal_rows_as_one",
        TRADE,
        TRADE,
        "break i1 e1: as-given",
        checks=(
            (
                "as-given",
                "trade_id symbol",
                "1.0",
                "trade_id, symbol, pnl_impact\n T1, BTC, 7\n T1, BTC, 7.0\n T1, ETH, 99.5",
            ),
        ),
    ),
    Case(
        "a_check_that_fails_on_a_pair_that_breaks_anyway",
        TRADE,
        "trade_id, symbol, side, quantity, price, fee\n T1, BTC, sell, 2, 100, 0.5",
        "break i1 e1: quantity, cash",
        checks=(("cash", "trade_id", "0", "trade_id, pnl_impact\n T1, 99.6"),),
    ),
    Case(
        "checks_multiply_exactly",
        "trade_id, quantity, price\n T1, 49999999999.000000000000000001, 1000.000000000000000001",
        "trade_id, quantity, price\n T1, 49999999999.000000000000000001, 1000.000000000000000001",
        "matched 1",
        checks=(
            (
                "as-given",
                "trade_id",
                "0.000000000000000001",
                "trade_id, pnl_impact\n T1, 49999999999000.000000050000000999",
            ),
        ),
    ),
    Case(
        "a_check_without_a_commission_takes_the_fee",
        "trade_id, fee\n T1, 50\n T2, 50",
        "trade_id, fee\n T1, 50\n T2, 50",
        "matched 1 | break i1 e1: as-given",
        checks=(("as-given", "trade_id", "1.0", "trade_id, pnl_impact\n T1, 100\n T2, 50"),),
    ),
    Case(
        "a_check_whose_rows_contradict_each_other_is_not_made",
        "trade_id\n T1\n T2",
        "trade_id\n T1\n T2",
        "matched 1 | break i2 e2: as-given",
        checks=(("as-given", "trade_id", "1.0", "trade_id, pnl_impact\n T1, 7\n T1, 8\n T2, 7"),),
    ),
]
