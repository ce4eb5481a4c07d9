"""What trades and movements do, as vectors of effects."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from ledger_values import PERP, SPOT, balance, position, trade_values, values_of
from msgspec.structs import replace

from tieout.core.entries import Conventions, Entry, KeyKind, entries_of, entry_of, market_of
from tieout.errors import CalculationError


def effects(entry: Entry) -> dict[str, str]:
    """By name and part, as texts."""
    return {f"{key.name} {key.part}": format(effect, "f") for key, effect in entry.effects.items()}


def of_trade(*given: Any, **more: Any) -> dict[str, str]:
    return effects(entry_of("trades", trade_values(*given, **more)))


def test_a_spot_fill_moves_base_and_quote() -> None:
    assert of_trade("t", "2", "10.5", 1, symbol=SPOT) == {"BTC spot": "2", "USDT spot": "-21.0"}
    sold = of_trade("t", "-2", "10.5", 1, symbol=SPOT, fee="0.1", fee_currency="USDT")
    assert sold == {"BTC spot": "-2", "USDT spot": "20.9"}


@pytest.mark.parametrize(
    ("currency", "expected"),
    [
        ("BTC", {"BTC spot": "1.999", "USDT spot": "-20"}),
        ("BNB", {"BTC spot": "2", "USDT spot": "-20", "BNB spot": "-0.001"}),
    ],
)
def test_edge_45_a_fee_in_the_base_or_a_third_asset_is_part_of_the_fill(
    currency: str, expected: dict[str, str]
) -> None:
    given = of_trade("t", 2, 10, 1, symbol=SPOT, fee="0.001", fee_currency=currency)
    assert given == expected


def test_a_rebate_is_income_and_a_fee_that_eats_the_fill_leaves_no_effect() -> None:
    rebate = of_trade("t", 1, 10, 1, symbol=SPOT, fee="-0.5", fee_currency="USDT")
    assert rebate == {"BTC spot": "1", "USDT spot": "-9.5"}
    eaten = of_trade("t", "1", 10, 1, symbol=SPOT, fee="1", fee_currency="BTC")
    assert eaten == {"USDT spot": "-10"}


def test_products_are_exact_beyond_eighteen_digits() -> None:
    given = of_trade(
        "t", "12345678901234567890.123456789012345678", "0.000000000000000003", 1, symbol=SPOT
    )
    assert given["USDT spot"] == "-37.037036703703703670370370367037037034"


def test_edge_46_a_fee_that_is_not_known_may_have_moved_its_possible_assets() -> None:
    entry = entry_of("trades", trade_values("t", 1, 10, 1, symbol=SPOT, fee=None))
    assert effects(entry) == {"BTC spot": "1", "USDT spot": "-10"}
    assert entry.possible == {balance("BTC"), balance("USDT"), balance("BNB")}
    known = entry_of("trades", trade_values("t", 1, 10, 1, symbol=SPOT))
    assert known.possible == frozenset()
    unnamed = entry_of("trades", trade_values("t", 1, 10, 1, symbol=SPOT, fee="0.1"))
    assert unnamed.possible == entry.possible
    contract = entry_of("trades", trade_values("t", 1, 10, 1, fee=None))
    assert contract.possible == {balance("USDT", "futures"), balance("BNB", "futures")}


def test_a_contract_moves_its_position_and_pays_its_fee_and_no_price() -> None:
    assert of_trade("t", "-3", 10, 1, fee="0.2") == {
        f"{PERP} net": "-3",
        "USDT futures": "-0.2",
    }
    inverse = of_trade("t", 100, 50000, 1, symbol="BTC/USD:BTC", fee="0.00001")
    assert inverse == {"BTC/USD:BTC net": "100", "BTC futures": "-0.00001"}


def test_edge_34_a_fill_of_a_hedge_leg_moves_that_leg() -> None:
    assert of_trade("t", 1, 10, 1, leg="short") == {f"{PERP} short": "1"}
    assert of_trade("t", 1, 10, 1, symbol=SPOT, leg="net") == {f"{SPOT} net": "1"}


def test_a_security_has_a_position_and_is_paid_for() -> None:
    paid = of_trade("t", 5, 20, 1, symbol="AAPL", price_currency="USD", fee=None)
    assert paid == {"AAPL net": "5", "USD spot": "-100"}
    assert of_trade("t", 5, 20, 1, symbol="AAPL") == {"AAPL net": "5"}


def test_wallets_are_those_of_the_venue_the_caller_or_the_record() -> None:
    bybit = trade_values("t", 1, 10, 1, fee="1", fee_currency="USDT") | {"venue": "bybit"}
    assert "USDT unified" in effects(entry_of("trades", bybit))
    margin = Conventions(spot="margin")
    spot = trade_values("t", 1, 10, 1, symbol=SPOT)
    assert set(effects(entry_of("trades", spot, conventions=margin))) == {
        "BTC margin",
        "USDT margin",
    }
    assert set(of_trade("t", 1, 10, 1, symbol=SPOT, wallet="x")) == {"BTC x", "USDT x"}


@pytest.mark.parametrize(
    ("venue", "given", "expected"),
    [
        ("hyperliquid", {"type": "transfer", "currency": "USDC"}, "USDC futures"),
        ("hyperliquid", {"type": "transfer", "currency": "USDC", "wallet": "spot"}, "USDC spot"),
        ("hyperliquid", {"type": "correction", "symbol": SPOT}, "BTC spot"),
        ("kraken", {"type": "settlement", "currency": "USD"}, "USD spot"),
        ("dydx", {"type": "transfer", "currency": "USDC"}, "USDC futures"),
    ],
)
def test_a_movement_without_a_wallet_is_in_the_one_of_its_venue(
    venue: str, given: dict[str, str], expected: str
) -> None:
    values = values_of(movement_id="m", amount="-1.5", timestamp=1, **given) | {"venue": venue}
    assert effects(entry_of("movements", values)) == {expected: "-1.5"}


def test_a_spot_fill_of_hyperliquid_is_not_paid_by_its_perpetuals() -> None:
    fill = trade_values("t", 1, 10, 1, symbol=SPOT) | {"venue": "hyperliquid"}
    assert set(effects(entry_of("trades", fill))) == {"BTC spot", "USDT spot"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"type": "transfer", "currency": "USDT"}, "USDT spot"),
        ({"type": "funding", "currency": "USDT", "symbol": PERP}, "USDT futures"),
        ({"type": "settlement", "currency": "USDT"}, "USDT futures"),
        ({"type": "fee", "currency": "BNB", "wallet": "earn"}, "BNB earn"),
        ({"type": "corporate_action", "symbol": "AAPL"}, "AAPL net"),
        ({"type": "corporate_action", "symbol": "AAPL", "currency": "USD"}, "USD spot"),
        ({"type": "correction", "symbol": PERP, "leg": "long"}, f"{PERP} long"),
        ({"type": "correction", "symbol": SPOT}, "BTC spot"),
    ],
)
def test_a_movement_moves_one_amount(given: dict[str, str], expected: str) -> None:
    values = values_of(movement_id="m", amount="-1.5", timestamp=1, **given)
    assert effects(entry_of("movements", values)) == {expected: "-1.5"}


@pytest.mark.parametrize(
    ("records", "changes"),
    [
        ("trades", {"side": None}),
        ("trades", {"price": None}),
        ("trades", {"timestamp": None}),
        ("movements", {"currency": None, "symbol": None}),
    ],
)
def test_what_does_not_say_what_it_moved_is_an_error(records: str, changes: Any) -> None:
    values = {**trade_values("t", 1, 10, 1), "amount": Decimal(1), **changes}
    with pytest.raises(CalculationError):
        entry_of(records, values)


def test_an_id_is_that_of_the_identity_and_nothing_else() -> None:
    book = entry_of("trades", trade_values("t", 1, 10, 1, sequence="7", client_order_id="c"))
    venue = entry_of("trades", trade_values("t", "1.0", 11, 2, fee=None, liquidity="maker"))
    assert book.id == venue.id
    assert (book.sequence, venue.sequence, venue.stream) == (7, None, "")
    assert book.stream != ""
    others = [
        trade_values("t2", 1, 10, 1),
        trade_values("t", -1, 10, 1),
        trade_values("t", 1, 10, 1, symbol=SPOT),
        trade_values("t", 1, 10, 1) | {"account": "other"},
        trade_values("t", 1, 10, 1) | {"venue": "kraken"},
    ]
    ids = {book.id, *(entry_of("trades", each).id for each in others)}
    assert len(ids) == 6
    unnamed = trade_values("t", 1, 10, 1) | {"trade_id": None}
    assert entry_of("trades", unnamed).id not in ids


def total(entries: list[Entry], until: int) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for entry in entries:
        if entry.at <= until:
            for key, effect in entry.effects.items():
                found[key.name] = found.get(key.name, Decimal(0)) + effect
    return {name: amount for name, amount in found.items() if amount}


def test_edge_16_and_17_a_correction_and_a_void_undo_what_they_supersede() -> None:
    fill = trade_values("1", 5, 10, 10, fee="1")
    right = trade_values("2", 4, 10, 20, fee="1", exec_type="correct", supersedes="1")
    void = trade_values("3", 4, 10, 15, fee="1", exec_type="bust", supersedes="2")
    for arrival in permutations([fill, right, void]):
        entries = entries_of("trades", arrival)
        assert total(entries, 9) == {}
        assert total(entries, 10) == {PERP: 5, "USDT": -1}
        # A void does nothing before what it voids, whatever its own time says.
        assert total(entries, 19) == {PERP: 5, "USDT": -1}
        assert total(entries, 20) == {}
        assert len({entry.id for entry in entries}) == 3


def test_two_corrections_of_one_fill_count_once() -> None:
    fill = trade_values("1", 5, 10, 10)
    first = trade_values("2", 4, 10, 20, exec_type="correct", supersedes="1")
    second = trade_values("3", 3, 10, 30, exec_type="correct", supersedes="1")
    entries = entries_of("trades", [second, fill, first])
    assert [total(entries, at).get(PERP) for at in (10, 20, 30)] == [5, 4, 3]


def test_what_supersedes_a_record_out_of_sight() -> None:
    void = trade_values("2", 5, 10, 20, fee="1", exec_type="bust", supersedes="1")
    assert total(entries_of("trades", [void]), 20) == {PERP: -5, "USDT": 1}
    right = trade_values("2", 4, 10, 20, fee="1", exec_type="correct", supersedes="1")
    (entry,) = entries_of("trades", [right])
    assert entry.effects == {}
    assert entry.possible == {position(), balance("USDT", "futures")}


def test_edge_11_of_equal_records_one_counts_and_of_contradictions_none() -> None:
    fill = trade_values("1", 5, 10, 10)
    assert len(entries_of("trades", [fill, dict(fill)])) == 1
    assert entries_of("trades", [fill, fill | {"price": Decimal(11)}]) == []
    better = trade_values("1", 6, 10, 10, version="2")
    assert total(entries_of("trades", [better, fill]), 10) == {PERP: 6}


def test_symbols() -> None:
    assert market_of("BTC/USDT").spot
    dated = market_of("BTC/USDT:USDT-260925-70000-C")
    assert (dated.base, dated.quote, dated.settle, dated.spot) == ("BTC", "USDT", "USDT", False)
    assert not market_of("AAPL").spot


def test_entries_of_one_kind_are_those_parts_of_all() -> None:
    rows = [
        trade_values("1", 2, 10, 1, fee="0.5", fee_currency="USDT"),
        trade_values("2", 2, 10, 2, fee=None),
        trade_values("3", 1, 10, 3, symbol=SPOT),
        trade_values("4", 3, 10, 4, exec_type="correct", supersedes="1"),
        trade_values("5", 1, 10, 5, exec_type="bust", supersedes="7"),
    ]
    whole = entries_of("trades", rows)
    for kind in KeyKind:
        kept = []
        for entry in whole:
            moved = {key: each for key, each in entry.effects.items() if key.kind is kind}
            possible = frozenset(key for key in entry.possible if key.kind is kind)
            if moved or possible:
                kept.append(replace(entry, effects=moved, possible=possible))
        assert entries_of("trades", rows, kind=kind) == kept
        assert 0 < len(kept) < len(whole) or kind is KeyKind.BALANCE
