"""Edge rows about values: absent, huge, tiny, equal in other words, and at a tolerance's edge."""

from __future__ import annotations

from conformance.tables import Case

from tieout.core.text import NumberStyle

LARGEST = "49999999999999999999.999999999999999999"
TINY = "0.000000000000000001"

CASES = [
    Case(
        "null_against_null_agrees_and_against_a_value_differs",
        "trade_id, fee\n T1,\n T2,\n T3, 0",
        "trade_id, fee\n T1,\n T2, 0\n T3,",
        "matched 1 | break i2 e2: fee | break i3 e3: fee",
    ),
    Case(
        "no_tolerance_covers_a_null",
        "trade_id, fee, timestamp\n T1, , @09:00:00",
        "trade_id, fee, timestamp\n T1, 0, @09:00:00",
        "break i1 e1: fee",
        compare="fee=1000",
    ),
    Case(
        "no_relative_tolerance_covers_a_null",
        "trade_id, fee\n T1, 5",
        "trade_id, fee\n T1,",
        "break i1 e1: fee",
        compare="fee=100%",
    ),
    Case(
        "blanks_around_a_text_do_not_count",
        "trade_id, price_currency\n ␣T1␣, ␣USD",
        "trade_id, price_currency\n T1, USD␣␣",
        "matched 1",
    ),
    Case(
        "a_text_of_blanks_is_absent",
        "trade_id, price_currency\n T1, ␣",
        "trade_id, price_currency\n T1,",
        "matched 1",
    ),
    Case(
        "texts_are_compared_letter_by_letter",
        "trade_id, price_currency\n T1, usd\n T2, é\n T3, 01\n T4, ß",
        "trade_id, price_currency\n T1, USD\n T2, e\u0301\n T3, 1\n T4, SS",
        "break i1 e1: price_currency | break i2 e2: price_currency"
        " | break i3 e3: price_currency | break i4 e4: price_currency",
    ),
    Case(
        "ids_of_every_script",
        "trade_id\n 買い-😀\n Ünïcode\n a'b;--\n =1+1\n null\n NaN",
        "trade_id\n =1+1\n NaN\n 買い-😀\n null\n Ünïcode\n a'b;--",
        "matched 6",
    ),
    Case(
        "ids_that_look_alike_are_not_equal",
        "trade_id\n T1\n İ",
        "trade_id\n \u0422\u0031\n i",
        "single i1 | single i2 | single e1 | single e2",
    ),
    Case(
        "thirty_eight_digits_agree_and_differ_in_the_last",
        f"trade_id, quantity\n T1, {LARGEST}\n T2, {LARGEST}",
        f"trade_id, quantity\n T1, {LARGEST}\n T2, 49999999999999999999.999999999999999998",
        "matched 1 | break i2 e2: quantity",
    ),
    Case(
        "the_last_of_thirty_eight_digits_inside_and_outside_a_tolerance",
        f"trade_id, quantity\n T1, {LARGEST}\n T2, {LARGEST}",
        "trade_id, quantity\n T1, 49999999999999999999.999999999999999998"
        "\n T2, 49999999999999999999.999999999999999997",
        "within 1 | break i2 e2: quantity",
        compare=f"quantity={TINY}",
    ),
    Case(
        "five_times_ten_to_the_nineteenth_is_too_large",
        "trade_id, quantity\n T1, 50000000000000000000\n T2, 5e19\n T3, 1e300",
        f"trade_id, quantity\n T1, {LARGEST}\n T2, 1\n T3, 1",
        "quarantined i1 quantity | quarantined i2 quantity | quarantined i3 quantity"
        " | single e1 unknown | single e2 unknown | single e3 unknown",
    ),
    Case(
        "a_nineteenth_decimal_is_not_rounded_away",
        "trade_id, quantity\n T1, 0.0000000000000000001\n T2, 1.0000000000000000001"
        "\n T3, 1e-19\n T4, 9e-19\n T5, 1.0000000000000000000",
        "trade_id, quantity\n T1, 0\n T2, 1\n T3, 0\n T4, 0\n T5, 1",
        "quarantined i1 quantity | quarantined i2 quantity | quarantined i3 quantity"
        " | quarantined i4 quantity | single e1 unknown | single e2 unknown"
        " | single e3 unknown | single e4 unknown | matched 1",
    ),
    Case(
        "one_number_in_many_spellings",
        "trade_id, quantity\n T1, 1e3\n T2, 1E-18\n T3, +5\n T4, .5\n T5, 5.\n T6, 007"
        "\n T7, 12.5e-1\n T8, $5\n T9, 0e5",
        f"trade_id, quantity\n T1, 1000.00\n T2, {TINY}\n T3, 5\n T4, 0.50\n T5, 5\n T6, 7"
        "\n T7, 1.25\n T8, 5\n T9, 0",
        "matched 9",
    ),
    Case(
        "negative_numbers_in_many_spellings",
        "currency, total\n A, (5)\n B, 5-\n C, \u22125\n D, -5.0\n E, -$5\n F, -5e0",
        "currency, total\n A, -5\n B, -5\n C, -5\n D, -5\n E, -5\n F, -5",
        "matched 6",
        records="balances",
    ),
    Case(
        "what_only_looks_like_a_number",
        "trade_id, quantity\n T1, 1_000\n T2, 1 000\n T3, \u0661\n T4, 0x10\n T5, 1e\n T6, --1"
        "\n T7, true\n T8, Infinity\n T9, 1.2.3",
        "trade_id",
        " | ".join(f"quarantined i{row} quantity" for row in range(1, 10)),
    ),
    Case(
        "decimal_commas_and_thousands",
        'trade_id, quantity\n T1, "1.234,5"\n T2, "12.34,5"\n T3, "1.234.567"',
        "trade_id, quantity\n T1, 1234.5\n T2, 1\n T3, 1234567",
        "matched 2 | quarantined i2 quantity | single e2 unknown",
        internal_reading={"numbers": NumberStyle(",", ".")},
    ),
    Case(
        "a_group_that_begins_with_zero_is_no_thousands",
        'trade_id, quantity\n T1, "0,005"\n T2, "00,500"\n T3, "1,005"\n T4, "005"',
        "trade_id, quantity\n T3, 1005\n T4, 5",
        "matched 2 | quarantined i1 quantity | quarantined i2 quantity",
        internal_reading={"numbers": NumberStyle(".", ",")},
    ),
    Case(
        "minus_zero_is_zero",
        "symbol, quantity\n BTC, -0\n ETH, -0.00\n SOL, 0e-18",
        "symbol, quantity\n BTC, 0\n ETH, 0\n SOL, -0",
        "matched 3",
        records="positions",
    ),
    Case(
        "edge_35_long_against_short_is_no_match",
        "symbol, quantity\n BTC, 100",
        "symbol, quantity\n BTC, -100",
        "break i1 e1: quantity",
        records="positions",
        compare="quantity=199.999999999999999999",
    ),
    Case(
        "edge_35_cash_with_the_opposite_sign_is_a_break",
        "currency, total\n USD, -100\n EUR, 100",
        "currency, total\n USD, 100\n EUR, -100",
        "break i1 e1: total | break i2 e2: total",
        records="balances",
        compare="total=100%",
    ),
    Case(
        "edge_35_the_largest_numbers_with_opposite_signs",
        f"currency, total\n USD, {LARGEST}\n EUR, {LARGEST}",
        f"currency, total\n USD, -{LARGEST}\n EUR, -{LARGEST}",
        "break i1 e1: total | break i2 e2: total",
        records="balances",
        compare="total=99999999999999999999.999999999999999997",
    ),
    Case(
        "edge_35_the_largest_difference_inside_the_largest_tolerance",
        f"currency, total\n USD, {LARGEST}",
        f"currency, total\n USD, -{LARGEST}",
        "within 1",
        records="balances",
        compare="total=99999999999999999999.999999999999999998",
    ),
    Case(
        "edge_41_a_zero_row_with_nothing_at_the_other_side_is_one_record",
        "symbol, quantity\n BTC, 0\n ETH, 0.000",
        "symbol, quantity\n ETH, 0",
        "matched 1 | single i1",
        records="positions",
    ),
    Case(
        "edge_42_a_difference_equal_to_the_tolerance_agrees",
        "trade_id, price\n T1, 10.005\n T2, 10.000\n T3, 10.005000000000000001",
        "trade_id, price\n T1, 10.000\n T2, 10.005\n T3, 10.000",
        "within 2 | break i3 e3: price",
        compare="price=0.005",
    ),
    Case(
        "a_tolerance_of_zero_is_exact",
        "trade_id, price\n T1, 10\n T2, 10.000000000000000001",
        "trade_id, price\n T1, 10.0\n T2, 10",
        "matched 1 | break i2 e2: price",
        compare="price=0",
    ),
    Case(
        "edge_42_relative_at_the_boundary",
        "trade_id, price\n T1, 100\n T2, 100\n T3, 99",
        "trade_id, price\n T1, 99\n T2, 98.999999999999999999\n T3, 100",
        "within 2 | break i2 e2: price",
        compare="price=1%",
    ),
    Case(
        "edge_42_relative_at_the_boundary_in_the_eighteenth_decimal",
        "trade_id, price\n T1, 1000.000000000000001\n T2, 1000.000000000000001",
        "trade_id, price\n T1, 999.000000000000000999\n T2, 999.000000000000000998",
        "within 1 | break i2 e2: price",
        compare="price=0.1%",
    ),
    Case(
        "edge_42_relative_with_a_product_of_thirty_six_decimals",
        "trade_id, price\n T1, 1000.000000000000001\n T2, 1000.000000000000001",
        "trade_id, price\n T1, 998.999999999999999999\n T2, 998.999999999999999998",
        "within 1 | break i2 e2: price",
        compare="price=0.1000000000000001%",
    ),
    Case(
        "relative_of_the_largest_numbers",
        f"currency, total\n USD, {LARGEST}\n EUR, {LARGEST}",
        "currency, total\n USD, 49500000000000000000\n EUR, 49499999999999999999",
        "within 1 | break i2 e2: total",
        records="balances",
        compare="total=1%",
    ),
    Case(
        "relative_to_zero",
        f"currency, total\n USD, 0\n EUR, {TINY}\n GBP, 0",
        f"currency, total\n USD, {TINY}\n EUR, 0\n GBP, -0",
        "break i1 e1: total | break i2 e2: total | matched 1",
        records="balances",
        compare="total=99.9999%",
    ),
    Case(
        "relative_to_negative_numbers",
        "currency, total\n USD, -100\n EUR, -100\n GBP, 1",
        "currency, total\n USD, -101\n EUR, -102\n GBP, -1",
        "within 1 | break i2 e2: total | break i3 e3: total",
        records="balances",
        compare="total=1%",
    ),
    Case(
        "tolerances_by_symbol",
        "trade_id, symbol, price\n T1, BTC, 100\n T2, ETH, 100\n T3, SOL, 100\n T4, DOT, 100",
        "trade_id, symbol, price\n T1, BTC, 101\n T2, ETH, 101\n T3, SOL, 101\n T4, DOT, 100.5",
        "within 2 | break i2 e2: price | break i3 e3: price",
        compare="price=0.5",
        overrides={"BTC": "price=1%", "ETH": "price=exact", "SOL": "quantity=5"},
    ),
    Case(
        "the_internal_symbol_chooses_the_tolerance",
        "trade_id, symbol, price\n T1, BTC, 100\n T2, ETH, 100",
        "trade_id, symbol, price\n T1, ETH, 101\n T2, BTC, 101",
        "break i1 e1 by 1: symbol | break i2 e2 by 1: symbol, price",
        overrides={"BTC": "price=1"},
    ),
    Case(
        "records_without_a_symbol_have_the_common_tolerance",
        "pair, price\n BTC/USD, 100\n ETH/USD, 100",
        "pair, price\n BTC/USD, 101\n ETH/USD, 100",
        "matched 1 | break i1 e1: price",
        records="prices",
        overrides={"BTC/USD": "price=1"},
    ),
    Case(
        "ticks_at_the_boundary",
        "trade_id, symbol, price\n T1, BTC, 100.02\n T2, BTC, 100.020000000000000001\n T3, ETH, 2",
        "trade_id, symbol, price\n T1, BTC, 100\n T2, BTC, 100\n T3, ETH, 2.01",
        "within 1 | break i2 e2: price | break i3 e3: price",
        compare="price=2ticks",
        ticks={"BTC": "0.01"},
    ),
    Case(
        "times_a_nanosecond_apart",
        "trade_id, timestamp\n T1, @09:00:00.000000001\n T2, @09:00:00.000000001",
        "trade_id, timestamp\n T1, @09:00:00.000000001\n T2, @09:00:00.000000002",
        "matched 1 | break i2 e2: timestamp",
    ),
    Case(
        "a_window_at_the_boundary",
        "trade_id, timestamp\n T1, @09:00:00.1\n T2, @09:00:00.100000001\n T3, @09:00:00",
        "trade_id, timestamp\n T1, @09:00:00\n T2, @09:00:00\n T3, @09:00:00.1",
        "within 2 | break i2 e2: timestamp",
        compare="timestamp=100ms",
    ),
    Case(
        "a_window_of_one_nanosecond",
        "trade_id, timestamp\n T1, @09:00:00.999999999\n T2, @09:00:00.999999998",
        "trade_id, timestamp\n T1, @09:00:01\n T2, @09:00:01",
        "within 1 | break i2 e2: timestamp",
        compare="timestamp=1ns",
    ),
    Case(
        "one_time_in_many_spellings",
        "trade_id, timestamp\n T1, 2026-03-02T10:00:00+01:00\n T2, 2026-03-02 09:00:00Z"
        "\n T3, 2026-03-02T09:00Z\n T4, 2026-03-02T03:30:00-0530\n T5, 2026-03-02"
        '\n T6, "2026-03-02T09:00:00,5Z"\n T7, 1969-12-31T23:59:59.999999999Z',
        "trade_id, timestamp\n T1, @09:00:00\n T2, @09:00:00\n T3, @09:00:00.000000000000"
        "\n T4, @09:00:00\n T5, @00:00:00\n T6, @09:00:00.5\n T7, 1970-01-01T00:00:00.999999999+00:00:01",
        "matched 6 | quarantined e7 timestamp | single i7 unknown",
        reading={"timezone": "UTC"},
    ),
    Case(
        "times_before_1970",
        "trade_id, timestamp\n T1, 1969-12-31T23:59:59.999999999Z\n T2, 1850-01-01T00:00:00.5Z",
        "trade_id, timestamp\n T1, 1970-01-01T00:59:59.999999999+01:00\n T2, 1850-01-01T00:00:00.4Z",
        "matched 1 | break i2 e2: timestamp",
    ),
    Case(
        "times_that_do_not_exist_or_do_not_fit",
        "trade_id, timestamp\n T1, 2026-03-29T02:30:00\n T2, 2026-10-25T02:30:00"
        "\n T3, 1600-01-01T00:00:00Z\n T4, @25:00:00\n T5, 2026-02-29T00:00:00Z"
        "\n T6, @09:00:00.0000000001",
        "trade_id",
        " | ".join(f"quarantined i{row} timestamp" for row in range(1, 7)),
        internal_reading={"timezone": "Europe/Berlin"},
    ),
    Case(
        "epochs_in_every_unit",
        "trade_id, timestamp\n T1, 1772442000\n T2, 1772442000.5\n T3, 1.772442e9",
        "trade_id, timestamp\n T1, 1772442000000\n T2, 1772442000500\n T3, 1772442000000.000000",
        "matched 3",
        internal_reading={"forms": {"timestamp": "s"}},
        external_reading={"forms": {"timestamp": "ms"}},
    ),
    Case(
        "dates_are_exact",
        "trade_id, settle_date\n T1, 2026-03-04\n T2, 2026-03-04\n T3, 20260304",
        "trade_id, settle_date\n T1, 2026-03-04T00:00:00\n T2, 2026-03-05\n T3, 2026-03-04",
        "matched 2 | break i2 e2: settle_date",
    ),
    Case(
        "columns_that_are_ignored_or_not_compared_by_default",
        "trade_id, fee, liquidity\n T1, 1, maker",
        "trade_id, fee, liquidity\n T1, 2, taker",
        "matched 1",
        ignore="fee",
    ),
    Case(
        "a_column_that_is_listed_is_compared",
        "trade_id, liquidity\n T1, maker",
        "trade_id, liquidity\n T1, taker",
        "break i1 e1: liquidity",
        compare="liquidity=exact",
    ),
    Case(
        "all_columns_that_differ_are_in_one_break",
        "trade_id, side, quantity, price, fee\n T1, buy, 1, 2, 3",
        "trade_id, side, quantity, price, fee\n T1, buy, 9, 2.001, 4",
        "break i1 e1: quantity, fee",
        compare="price=0.01",
    ),
    Case(
        "edge_30_orders_of_which_both_sides_say_too_much_was_filled",
        "order_id, quantity, filled\n O1, 10, 10.1\n O2, 10, 10\n O3, 10,\n O4, 10, 12",
        "order_id, quantity, filled\n O1, 10, 10.1\n O2, 10, 10\n O3, 10,\n O4, 10, 13",
        "matched 2 | break i1 e1: filled | break i4 e4: filled",
        records="orders",
    ),
    Case(
        "edge_30_orders_that_are_paired_by_what_was_ordered",
        "order_id, symbol, quantity, filled\n O1, A, 10, 11\n O2, B, 10, 10",
        "order_id, symbol, quantity, filled\n O1, A, 10, 11\n O2, B, 10, 10",
        "matched 1 | break i1 e1: filled",
        records="orders",
        on="symbol quantity",
    ),
]
