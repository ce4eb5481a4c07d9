"""Edge cases under their numbers, from files to stored breaks."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.world import D2, D3, World

from tieout.core.canonical import dumps

NONE = "trade_id"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, internal="allow_empty: true", external="allow_empty: true")


def test_edge_07_the_union_of_keys_is_compared_in_both_directions(world: World) -> None:
    ran = world.run("trade_id\n T1\n T2", "trade_id\n T2\n T3")
    assert ran.shown == ["MISSING_EXTERNAL T1", "MISSING_INTERNAL T3"]
    assert ran.counts == "1 matched 2 new"


def test_edge_11_the_same_trade_twice_counts_once(world: World) -> None:
    ran = world.run("trade_id\n T1\n T1\n T1", "trade_id\n T1")
    assert (ran.shown, ran.row.counts.matched) == (["DUPLICATE T1"], 1)
    brk = ran.of("T1")
    assert brk.content["severity"] == "info"
    assert [part["role"] for part in brk.content["records"]] == [
        "primary",
        "duplicate",
        "duplicate",
    ]


def test_edge_11_the_same_id_with_different_content_is_a_conflict(world: World) -> None:
    ran = world.run("trade_id, quantity\n T1, 1\n T1, 2", "trade_id, quantity\n T1, 2")
    assert (ran.shown, ran.row.counts.matched) == (["CONFLICT T1"], 0)
    sides = [part["side"] for part in ran.of("T1").content["records"]]
    assert sides == ["internal", "internal", "external"]


def test_edge_11_a_conflict_stays_until_somebody_settles_it(world: World) -> None:
    first = world.run("trade_id, quantity\n T1, 1\n T1, 2", "trade_id, quantity\n T1, 2")
    assert world.run(NONE, NONE, day=D2).counts == "1 carried"
    ran = world.run("trade_id, quantity\n T1, 2", NONE, day=D3)
    assert (ran.shown, ran.counts) == ([], "1 matched 1 cleared")
    assert world.events(first.of("T1").id) == ["opened", "cleared"]


def test_edge_12_both_sides_of_a_self_trade_are_kept(world: World) -> None:
    table = "trade_id, side\n T1, buy\n T1, sell"
    assert world.run(table, table).counts == "2 matched"
    ran = world.run(table, "trade_id, side\n T1, buy")
    assert ran.shown == ["MISSING_EXTERNAL T1"]
    assert ran.of("T1").content["key"]["side"] == "sell"


def test_edge_13_two_fills_under_one_id_are_kept_where_the_source_says_so(world: World) -> None:
    identity = "allow_empty: true, identity: [symbol, trade_id, side, order_id]"
    world.internal = world.external = identity
    world.rules = "match: [{on: [trade_id, order_id]}]"
    table = "trade_id, side, order_id, quantity\n T1, sell, O1, 5\n T1, sell, O2, 3"
    assert world.run(table, table).counts == "2 matched"
    ran = world.run(table, table.replace("O2, 3", "O2, 4"))
    assert ran.shown == ["QUANTITY T1"]
    assert ran.of("T1").content["key"]["order_id"] == "O2"


def test_edge_14_the_same_id_in_two_accounts_is_two_trades(world: World) -> None:
    table = "account, trade_id, quantity\n A, T1, 1\n B, T1, 1"
    assert world.run(table, table).counts == "2 matched"
    ran = world.run(table, "account, trade_id, quantity\n A, T1, 1")
    assert ran.shown == ["MISSING_EXTERNAL T1"]
    assert ran.of("T1").content["key"]["account"] == "B"


def test_edge_15_a_missing_id_is_derived_and_stable_over_runs_and_days(world: World) -> None:
    world.rules = "match: [{on: [symbol, quantity]}]"
    table = "symbol, quantity\n AAPL, 1\n AAPL, 1\n MSFT, 2"
    first = world.run(table, NONE)
    assert len(first.breaks) == 3, "two equal rows without an id are two records"
    again = world.run("symbol, quantity\n MSFT, 2\n AAPL, 1\n AAPL, 1", NONE)
    assert set(again.breaks) == set(first.breaks)
    next_day = world.run(NONE, NONE, day=D2)
    assert set(next_day.breaks) == set(first.breaks)
    assert next_day.counts == "3 carried"
    # A file that repeats yesterday's rows brings no new ones.
    assert world.run(table, NONE, day=D3).counts == "3 carried"


def test_edge_15_a_record_without_an_id_matches_its_late_partner(world: World) -> None:
    world.rules = "match: [{on: [symbol, quantity]}]"
    world.run("symbol, quantity\n AAPL, 1\n MSFT, 2", NONE)
    ran = world.run(NONE, "symbol, quantity\n AAPL, 1", day=D2)
    assert ran.counts == "1 matched 1 carried 1 cleared"


SUPERSEDING = "trade_id, supersedes, quantity"


def test_edge_16_a_correction_supersedes_in_the_same_file(world: World) -> None:
    ran = world.run(f"{SUPERSEDING}\n T01, , 5\n T02, T01, 6", "trade_id, quantity\n T02, 6")
    assert (ran.shown, ran.counts) == ([], "1 matched")


def test_edge_16_a_correction_of_a_later_day_supersedes_the_carried_trade(world: World) -> None:
    first = world.run(f"{SUPERSEDING}\n T01, , 5", NONE)
    ran = world.run(f"{SUPERSEDING}\n T02, T01, 6", NONE, day=D2)
    assert ran.shown == ["MISSING_EXTERNAL T02"]
    assert world.events(first.of("T01").id) == ["opened", "cleared"]
    assert world.history(first.of("T01").id)[0].content["records"][0]["record"]["quantity"] == "5"
    assert world.run(NONE, "trade_id, quantity\n T02, 6", day=D3).shown == []


def test_edge_16_a_higher_version_supersedes(world: World) -> None:
    table = "trade_id, version, quantity\n T1, 1, 5\n T1, 2, 6"
    assert world.run(table, "trade_id, quantity\n T1, 6").counts == "1 matched"


@pytest.mark.parametrize("number", ["version", "sequence"])
@pytest.mark.parametrize(
    "identity", ["", "identity: [trade_id, symbol]", "identity: [symbol, trade_id]"]
)
def test_edge_16_an_older_version_of_a_later_day_leaves_the_carried_trade(
    world: World, number: str, identity: str
) -> None:
    world.internal = world.external = identity
    world.rules = ""
    table = f"trade_id, side, quantity, {number}" + "\n {}, buy, {}, {}"
    missing = world.run(table.format("T0", 1, 1), f"{table.format('T0', 1, 1)}\n T1, buy, 6, 2")
    assert missing.shown == ["MISSING_INTERNAL T1"]
    ran = world.run(table.format("T2", 1, 1), f"{table.format('T2', 1, 1)}\n T1, buy, 5, 1", day=D2)
    assert (ran.shown, ran.counts) == (["MISSING_INTERNAL T1"], "1 matched 1 carried")
    assert ran.of("T1").content == missing.of("T1").content
    ran = world.run(table.format("T1", 6, 2), table.format("T1", 5, 1), day=D3)
    assert (ran.shown, ran.counts) == ([], "1 matched 1 cleared")


def test_edge_20_an_amendment_after_the_match_reopens_with_history(world: World) -> None:
    one, other = "trade_id, quantity\n T1, 5", "trade_id, quantity\n T1, 6"
    first = world.run(one, other, at="2026-03-02T18:00:00Z").of("T1")
    assert world.run(NONE, one, day=D2, at="2026-03-03T18:00:00Z").counts == "1 matched 1 cleared"
    # The amended confirmation comes again, and so does the trade: the pair breaks again.
    ran = world.run(one, other, day=D3, at="2026-03-04T18:00:00Z")
    assert ran.counts == "1 reopened"
    again = ran.of("T1")
    assert again.id == first.id
    assert again.first_seen == first.first_seen
    assert again.opened_at > first.opened_at
    history = world.history(first.id)
    assert [each.event for each in history] == ["opened", "cleared", "reopened"]
    assert dumps(history[0].content) == dumps(history[2].content)


def test_edge_20_an_amendment_of_the_same_day_reopens(world: World) -> None:
    one, other = "trade_id, quantity\n T1, 5", "trade_id, quantity\n T1, 6"
    world.run(one, one)
    ran = world.run(one, other)
    assert ran.counts == "1 new"
    world.run(one, one)
    assert world.run(one, other).counts == "1 reopened"
    assert world.events(ran.of("T1").id) == ["opened", "cleared", "reopened"]


def test_edge_22_two_equal_candidates_are_ambiguous(world: World) -> None:
    world.rules = "match: [{on: [symbol, quantity]}]"
    ran = world.run("trade_id, quantity\n T1, 1\n T2, 1", "trade_id, quantity\n X1, 1\n X2, 1")
    assert (ran.shown, ran.row.counts.matched) == (["AMBIGUOUS T1"], 0)
    assert len(ran.of("T1").content["records"]) == 4


def test_edge_23_a_wrong_side_or_symbol_is_one_break(world: World) -> None:
    ran = world.run(
        "trade_id, side, symbol\n T1, buy, AAPL\n T2, buy, AAPL",
        "trade_id, side, symbol\n T1, sell, AAPL\n T2, buy, AAPL.O",
    )
    assert ran.shown == ["SIDE T1", "SYMBOL T2"]
    assert ran.of("T1").content["severity"] == "critical"
    assert ran.of("T2").content["severity"] == "high"


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("quantity", "many", "many"),
        ("quantity", "NaN", "NaN"),
        ("quantity", "-inf", "inf"),
        ("quantity", "99999999999999999999", ""),
        ("quantity", "0.0000000000000000001", ""),
        ("timestamp", "yesterday", "yesterday"),
        ("side", "hold", "hold"),
        ("symbol", "", "empty"),
    ],
)
def test_edge_24_an_unreadable_value_is_quarantined_and_the_run_goes_on(
    world: World, column: str, cell: str, reason: str
) -> None:
    world.rules += ", max_quarantined: 50%"
    good = {"trade_id": "T2", "side": "buy", "quantity": "1", "symbol": "AAPL"}
    good["timestamp"] = "2026-03-02T09:00:00Z"
    bad = {**good, column: cell}
    header = ", ".join(good)
    first = ", ".join({**good, "trade_id": "T1"}.values())
    ran = world.run(
        f"{header}\n{first}\n{', '.join(good.values())}",
        f"{header}\n{first}\n{', '.join(bad.values())}",
    )
    assert (ran.shown, ran.row.counts.matched) == ([], 1)
    (entry,) = ran.quarantine
    assert (entry.entry.field, entry.entry.row, entry.entry.line) == (column, 2, 3)
    assert reason in entry.entry.reason


def test_edge_24_a_naive_time_needs_a_stated_zone(world: World) -> None:
    world.internal = "type: file, path: book.csv"
    naive = "trade_id, timestamp\n T1, 2026-03-02T09:00:00"
    ran = world.run(naive, naive)
    assert ran.row.status in ("failed", "incomplete")
    assert ran.shown == []


def test_edge_35_long_against_short_is_a_side_break(tmp_path: Path) -> None:
    world = World(tmp_path, records="positions", rules="")
    ran = world.run("symbol, quantity\n BTC, 100", "symbol, quantity\n BTC, -100")
    assert ran.shown == ["SIDE BTC"]
    (difference,) = ran.of("BTC").content["differences"]
    assert difference["difference"] == "200"
    assert ran.of("BTC").content["severity"] == "critical"


def test_edge_35_cash_of_the_opposite_sign_is_a_break(tmp_path: Path) -> None:
    world = World(tmp_path, records="balances", rules="compare: {total: {relative: 50%}}")
    ran = world.run("currency, total\n USD, -100", "currency, total\n USD, 100")
    assert ran.shown == ["BALANCE USD"]


@pytest.mark.parametrize("turned", [False, True])
def test_edge_41_a_zero_row_and_nothing_agree(tmp_path: Path, turned: bool) -> None:
    world = World(tmp_path, records="positions", rules="", external="allow_empty: true")
    world.internal = world.external
    sides = ["symbol, quantity\n BTC, 0", "symbol, quantity"]
    ran = world.run(*(reversed(sides) if turned else sides))
    assert (ran.shown, ran.counts, ran.row.status) == ([], "1 matched", "clean")


def test_edge_41_a_position_that_was_closed_clears_its_break(tmp_path: Path) -> None:
    world = World(tmp_path, records="positions", rules="", external="allow_empty: true")
    assert world.run("symbol, quantity\n BTC, 1", "symbol, quantity").shown == [
        "MISSING_EXTERNAL BTC"
    ]
    assert world.run("symbol, quantity\n BTC, 0", None, day=D2).counts == "1 matched 1 cleared"


def test_edge_42_a_difference_equal_to_the_tolerance_agrees(world: World) -> None:
    world.rules += ", compare: {price: {within: '0.005'}}"
    ran = world.run("trade_id, price\n T1, 10.005", "trade_id, price\n T1, 10.000")
    assert (ran.shown, ran.counts) == ([], "1 matched 1 within")
    ran = world.run("trade_id, price\n T1, 10.005000000000000001", None)
    assert ran.shown == ["PRICE T1"]


def test_edge_57_a_record_is_missing_after_its_deadline_only(world: World) -> None:
    world.rules += ", deadline: {business_days: 1, at: '09:00', timezone: Europe/London}"
    friday = "trade_id, timestamp\n T1, 2026-03-06T18:00:00Z"
    ran = world.run(friday, NONE, day="2026-03-06", at="2026-03-09T09:00:00Z")
    assert (ran.shown, ran.counts) == ([], "1 expected")
    ran = world.run(NONE, NONE, day="2026-03-09", at="2026-03-09T09:00:01Z")
    assert (ran.shown, ran.counts) == (["MISSING_EXTERNAL T1"], "1 new")


def test_edge_58_a_symbol_that_maps_differently_matches_on_the_order_id(world: World) -> None:
    world.rules = "match: [{on: [trade_id, symbol]}, {on: [order_id]}]"
    ran = world.run(
        "trade_id, order_id, symbol\n T1, O1, BTC-26MAR27",
        "trade_id, order_id, symbol\n V1, O1, BTCUSD_260327",
    )
    assert ran.shown == ["SYMBOL T1"]


def test_edge_58_an_unmapped_symbol_is_quarantined_with_its_nearest(world: World) -> None:
    world.rules += ", max_quarantined: 50%"
    world.external = "symbols: {BTCUSDT: BTC/USDT, ETHUSDT: ETH/USDT}"
    ran = world.run(
        "trade_id, symbol\n T1, BTC/USDT\n T2, ETH/USDT",
        "trade_id, symbol\n T1, BTCUSDT\n T2, ETHUSTD",
    )
    assert (ran.shown, ran.counts) == ([], "1 matched 1 unknown")
    (entry,) = ran.quarantine
    assert entry.entry.field == "symbol"
    assert "ETHUSDT" in entry.entry.reason


def test_edge_58_aliases_come_from_instruments(world: World) -> None:
    world.more = "instruments: {type: file, path: instruments.csv, records: instruments}"
    (world.folder / "instruments.csv").write_text("symbol,aliases\nBTC/USDT,BTCUSDT|XBTUSDT\n")
    world.external = "symbols: instruments"
    ran = world.run(
        "trade_id, symbol\n T1, BTC/USDT\n T2, BTC/USDT\n T3, BTC/USDT",
        "trade_id, symbol\n T1, BTCUSDT\n T2, XBTUSDT\n T3, BTC/USDT",
    )
    assert ran.counts == "3 matched"
