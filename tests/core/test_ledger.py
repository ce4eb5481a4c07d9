"""The ledger by examples: positions, balances, and what is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import permutations

import pytest
from ledger_values import PERP, SPOT, balance, moved, opened, position, trade
from msgspec import structs

from tieout.core.journal import JournalEntry
from tieout.core.ledger import Method, Position, entries_since, project
from tieout.core.money import add
from tieout.core.valuation import Instrument

FLAT = [opened(PERP), opened("USDT", part="futures")]


def held(entries: Sequence[JournalEntry], as_of: int | None = None, **given: str) -> Position:
    """The position in PERP, from a flat and approved opening."""
    return project([*FLAT, *entries], as_of=as_of, method=Method(**given)).positions[position()]


def shown(entries: Sequence[JournalEntry], as_of: int | None = None, **given: str) -> list[str]:
    """Quantity, average price and realised PnL, as texts."""
    found = held(entries, as_of, **given)
    realised = None if found.realised is None else float(found.realised)
    return [str(each) for each in (found.quantity.normalize(), found.average_price, realised)]


def same(price: str | None) -> str | None:
    return None if price is None else f"{Decimal(price):.18f}"


# Where a projection begins


def test_without_an_approved_opening_a_key_is_unknown_and_not_zero() -> None:
    fill = trade("1", 5, 10, 10)
    for before in ([], [opened(PERP, approved_by=None)]):
        found = project([*before, fill])
        assert (found.positions, found.balances) == ({}, {})
        assert list(found.unknown) == [position()]
        assert "opening" in found.unknown[position()]


def test_before_its_opening_a_key_is_unknown() -> None:
    entries = [opened(PERP, 3, 20), trade("1", 5, 10, 10), trade("2", 1, 10, 30)]
    assert project(entries, as_of=5).amounts() == {}
    assert list(project(entries, as_of=19).unknown) == [position()]
    at_opening = project(entries, as_of=20)
    assert at_opening.amounts() == {position(): 3}
    assert at_opening.unknown == {}
    assert project(entries, as_of=30).amounts() == {position(): 4}


def test_what_happened_at_or_before_the_opening_is_contained_in_it() -> None:
    entries = [opened(PERP, 3, 20), trade("1", 5, 10, 20), trade("2", 1, 10, 21)]
    assert project(entries).amounts() == {position(): 4}


def test_a_later_opening_begins_anew() -> None:
    entries = [opened(PERP, 3, 20), trade("1", 5, 10, 30), opened(PERP, 7, 40)]
    assert project(entries, as_of=39).amounts() == {position(): 8}
    assert project(entries).amounts() == {position(): 7}


def test_openings_that_contradict_each_other_leave_the_key_unknown() -> None:
    entries = [opened(PERP, 3, 20), opened(PERP, 4, 20, approved_by="bob"), opened("USDT", 1, 20)]
    found = project(entries)
    assert found.amounts() == {balance("USDT"): 1}
    assert "contradict" in found.unknown[position()]
    agreeing = [opened(PERP, 3, 20), opened(PERP, "3.0", 20, approved_by="bob")]
    assert project(agreeing).amounts() == {position(): 3}


def test_an_opening_of_everything_says_that_the_rest_was_flat() -> None:
    entries = [
        opened("*", 0, 20, part="net"),
        opened("*", 0, 20, part="spot"),
        opened(PERP, 3, 20),
        opened("DOGE", 9, 10),
        trade("1", 1, 10, 30),
        trade("2", 2, 5, 30, symbol=SPOT),
        trade("3", 2, 5, 10, symbol="ETH/USDT"),
        moved("m", "4", 30, currency="X", wallet="earn"),
    ]
    found = project(entries)
    # An older opening of its own is overtaken: it was not listed, so it was gone.
    expected = {position(): 4, balance("BTC"): 2, balance("USDT"): -10, balance("DOGE"): 0}
    amounts = found.amounts()
    assert {key: amounts[key] for key in expected} == expected
    assert amounts[balance("ETH")] == 0
    assert list(found.unknown) == [balance("X", "earn")]


def test_records_that_contradict_each_other_leave_their_keys_unknown() -> None:
    fill = trade("1", 5, 10, 10)
    other = structs.replace(fill, id="0" * 32, values={**fill.values, "price": Decimal(11)})
    found = project([*FLAT, fill, other])
    assert list(found.unknown) == [position()]
    assert "two records of 1" in found.unknown[position()]
    # Older than the opening, it is contained in it whatever it was.
    assert project([*FLAT, opened(PERP, 2, 10), fill, other]).amounts()[position()] == 2


# Costs


def test_partial_fills_average_and_closing_ones_realise() -> None:
    fills = [trade("1", 1, 100, 1), trade("2", 2, 103, 2), trade("3", "-1.5", 110, 3)]
    assert shown(fills, as_of=2) == ["3", same("102"), "0.0"]
    assert shown(fills) == ["1.5", same("102"), "12.0"]
    assert shown(fills, basis="fifo") == ["1.5", same("103"), "13.5"]


def test_a_short_earns_when_it_is_bought_back_lower() -> None:
    fills = [trade("1", -2, 100, 1), trade("2", 1, 90, 2)]
    assert shown(fills) == ["-1", same("100"), "10.0"]
    assert held(fills).cost == -100


def test_an_average_that_does_not_terminate_is_a_fraction() -> None:
    fills = [trade("1", 1, 10, 1), trade("2", 2, "10.01", 2)]
    found = held(fills)
    assert (found.cost, found.units) == (Fraction(3002, 100), 3)
    assert found.average_price == Decimal("10.006666666666666667")
    assert found.averages(Decimal("10.006666666666666667")) is False
    assert held(fills[:1]).averages(Decimal("10.0")) is True
    assert held([]).averages(Decimal(10)) is None
    assert found.exact


def test_edge_36_a_flip_in_one_fill_then_an_add() -> None:
    fills = [trade("1", 2, 100, 1), trade("2", -5, 110, 2), trade("3", -1, 114, 3)]
    assert shown(fills, as_of=2) == ["-3", same("110"), "20.0"]
    assert shown(fills) == ["-4", same("111"), "20.0"]
    assert shown(fills, basis="fifo") == ["-4", same("111"), "20.0"]


def test_edge_37_close_and_reopen_in_one_millisecond_by_sequence() -> None:
    close = trade("9", -1, 120, 2, sequence="2")
    reopen = trade("3", 1, 90, 2, sequence="3")
    first = trade("5", 1, 100, 2, sequence="1")
    for arrival in permutations([first, close, reopen]):
        assert shown(arrival) == ["1", same("90"), "20.0"]
        assert shown(arrival, basis="fifo") == ["1", same("90"), "20.0"]


def test_a_sequence_counts_more_than_a_time() -> None:
    close = trade("2", -1, 120, 4, sequence="2")
    reopen = trade("3", 1, 90, 3, sequence="3")
    first = trade("1", 1, 100, 2, sequence="1")
    assert shown([reopen, close, first]) == ["1", same("90"), "20.0"]


def test_edge_38_an_opening_without_a_price_has_no_average_until_it_was_closed() -> None:
    entries = [opened(PERP, 2, 10), trade("1", 1, 100, 20), trade("2", -4, 110, 30)]
    entries.append(trade("3", 2, 105, 40))
    assert [project(entries, as_of=at).positions[position()].average_price for at in (10, 20)] == [
        None,
        None,
    ]
    flipped = project(entries, as_of=30).positions[position()]
    assert (flipped.quantity, flipped.average_price) == (-1, 110)
    assert flipped.realised is None
    assert project(entries).positions[position()].average_price == 105


@pytest.mark.parametrize(
    "stated", [{"average_price": "100"}, {"cost": "200"}, {"average_price": "100", "cost": "1"}]
)
def test_an_opening_may_state_its_average_or_its_cost(stated: dict[str, str]) -> None:
    entries = [opened(PERP, 2, 10, **stated), trade("1", -1, 110, 20)]
    found = project(entries).positions[position()]
    assert (found.average_price, found.realised, found.cost) == (100, 10, 100)


def test_fees_in_the_cost_and_out_of_it() -> None:
    fills = [
        trade("1", 2, 100, 1, fee="2", fee_currency="USDT"),
        trade("2", -1, 110, 2, fee="1", fee_currency="USDT"),
        trade("3", -3, 120, 3, fee="3", fee_currency="USDT"),
    ]
    assert shown(fills, as_of=2) == ["1", same("100"), "10.0"]
    assert shown(fills, as_of=2, fees="in") == ["1", same("101"), "8.0"]
    # A third of the last fee is for what it closes, the rest lowers what is sold short.
    assert shown(fills, fees="in") == ["-2", same("119"), "26.0"]
    assert held(fills, fees="in").fees == {"USDT": 6}
    assert held(fills, fees="in").method == Method(fees="in")


def test_fees_that_cannot_be_in_the_cost_are_named() -> None:
    fills = [
        trade("1", 1, 100, 1, fee="2", fee_currency="BNB"),
        trade("2", 1, 100, 2, fee=None),
    ]
    found = held(fills, fees="in")
    assert (found.left_out, found.fees, found.cost) == ({"BNB", ""}, {"BNB": 2}, 200)
    assert held(fills).left_out == frozenset()


def test_multipliers_and_inverse_contracts() -> None:
    inverse = "BTC/USD:BTC"
    entries = [
        opened(PERP),
        opened(inverse),
        trade("1", 3, 100, 1),
        trade("2", 100, 50000, 1, symbol=inverse),
        trade("3", 100, 25000, 2, symbol=inverse),
        trade("4", -150, 40000, 3, symbol=inverse),
    ]
    instruments = {PERP: Instrument(multiplier=Decimal("0.01"))}
    found = project(entries, instruments=instruments)
    linear, other = found.positions[position()], found.positions[position(inverse)]
    assert (linear.cost, linear.average_price, linear.currency) == (3, 100, "USDT")
    assert (other.currency, other.inverse) == ("BTC", True)
    # The average is harmonic: 200 / (100 / 50000 + 100 / 25000).
    assert other.average == Fraction(200 * 50000, 300)
    assert other.realised == 150 * (other.cost / 50 - Fraction(1, 40000))


def test_a_position_of_very_many_fills_stays_small() -> None:
    fills = []
    for number in range(400):
        fills.append(
            trade(f"a{number}", f"{3 + number % 7}.{number}7", 100 + number % 9, number + 1)
        )
        fills.append(trade(f"b{number}", f"-1.{number}3", 101, number + 1))
    found = held(fills)
    assert found.cost is not None
    assert found.cost.denominator.bit_length() < 10_000
    assert not found.exact
    assert found.quantity == sum(
        Decimal(f"{3 + n % 7}.{n}7") - Decimal(f"1.{n}3") for n in range(400)
    )


# What happened


def test_edge_17_a_void_that_comes_before_its_fill_ends_the_same() -> None:
    fill = trade("1", 5, 10, 10)
    kept = trade("2", 1, 12, 11)
    void = trade("3", 5, 10, 20, exec_type="bust", supersedes="1")
    for arrival in permutations([fill, kept, void]):
        assert shown(arrival) == ["1", same("12"), "0.0"]
        assert held(arrival, as_of=19).quantity == 6
    waiting = project([*FLAT, kept, void])
    assert list(waiting.unknown) == [position()]
    assert "import it" in waiting.unknown[position()]


def test_edge_16_a_correction_costs_as_if_it_had_been_right_from_the_start() -> None:
    fills = [
        trade("1", 5, 10, 10),
        trade("2", -5, 12, 11),
        trade("3", 5, 11, 20, exec_type="correct", supersedes="1"),
    ]
    assert shown(fills, as_of=19) == ["0", "None", "10.0"]
    assert shown(fills) == ["0", "None", "5.0"]


def test_a_void_of_a_fill_that_the_opening_contains_takes_it_out() -> None:
    fill = trade("1", 5, 10, 10, fee="1", fee_currency="USDT")
    void = trade("2", 5, 10, 30, fee="1", fee_currency="USDT", exec_type="bust", supersedes="1")
    start = [opened(PERP, 8, 20, average_price="10"), opened("USDT", 7, 20, part="futures")]
    found = project([*start, fill, void])
    assert found.amounts() == {position(): 3, balance("USDT", "futures"): 8}
    assert found.positions[position()].average_price == 10
    assert found.positions[position()].fees == {"USDT": -1}


def test_edge_47_funding_of_two_symbols_in_one_instant_is_booked_twice() -> None:
    both = [
        moved("m1", "-1.5", 5, "funding", currency="USDT", symbol=PERP),
        moved("m2", "-1.5", 5, "funding", currency="USDT", symbol="ETH/USDT:USDT"),
    ]
    assert project([*FLAT, *both, both[0]]).balances == {balance("USDT", "futures"): -3}


def test_edge_48_funding_after_partial_exits_is_booked_once_and_signed() -> None:
    entries = [
        trade("1", 2, 10, 1),
        trade("2", -1, 10, 2),
        moved("m", "0.3", 3, "funding", currency="USDT", symbol=PERP),
    ]
    found = project([*FLAT, *entries])
    assert found.amounts() == {position(): 1, balance("USDT", "futures"): Decimal("0.3")}
    assert found.positions[position()].realised == 0


def test_edge_49_a_deposit_is_no_profit() -> None:
    found = project([*FLAT, opened("USDT", 5), trade("1", 1, 10, 1), moved("d", "100", 2)])
    assert found.balances[balance("USDT")] == 105
    assert found.positions[position()].realised == 0


def test_realised_profit_is_paid_by_the_venues_settlement_only() -> None:
    fills = [trade("1", 1, 100, 1), trade("2", -1, 110, 2)]
    assert project([*FLAT, *fills]).balances == {balance("USDT", "futures"): 0}
    paid = moved("s", "9.99", 2, "settlement", currency="USDT", symbol=PERP)
    assert project([*FLAT, *fills, paid]).balances == {balance("USDT", "futures"): Decimal("9.99")}


@pytest.mark.parametrize("basis", ["average", "fifo"])
def test_edge_51_a_split_changes_the_quantity_and_not_the_cost(basis: str) -> None:
    entries = [
        opened("AAPL", 0, part="net"),
        opened("USD", 1000),
        trade("1", 3, 100, 1, symbol="AAPL", price_currency="USD"),
        trade("2", 1, 140, 2, symbol="AAPL", price_currency="USD"),
        moved("split", "8", 3, "corporate_action", symbol="AAPL"),
        moved("lieu", "0.5", 3, "corporate_action", symbol="AAPL", currency="USD"),
        trade("3", -3, 50, 4, symbol="AAPL", price_currency="USD"),
    ]
    found = project(entries, method=Method(basis=basis))
    stock = found.positions[position("AAPL")]
    assert stock.quantity == 9
    assert found.balances == {balance("USD"): Decimal("710.5")}
    if basis == "average":
        assert (stock.average, stock.realised) == (Fraction(110, 3), 40)
    else:
        assert (stock.cost, stock.realised) == (340, 50)


def test_edge_34_hedge_legs_are_positions_of_their_own() -> None:
    entries = [
        opened(PERP, part="long"),
        opened(PERP, part="short"),
        trade("1", 5, 10, 1, leg="long"),
        trade("2", -3, 11, 1, leg="short"),
        trade("3", 1, 10, 2, leg="short"),
    ]
    found = project(entries)
    assert found.amounts() == {position(leg="long"): 5, position(leg="short"): -2}
    assert found.positions[position(leg="short")].realised == 1
    assert found.net() == {position(): 3}
    assert project(entries[1:]).net() == {}


def test_rows_are_under_their_contracts() -> None:
    entries = [opened("USDT", 5), trade("1", 1, 10, 7), trade("2", 2, "10.01", 8), *FLAT]
    found = project(entries)
    (row,) = found.records("positions")
    assert row.identity == {"account": "main", "venue": "binance", "leg": "net", "symbol": PERP}
    assert row.values["average_price"] == Decimal("10.006666666666666667")
    assert (row.values["cost"], row.values["cost_currency"]) == (Decimal("30.02"), "USDT")
    assert (row.values["quantity"], row.values["as_of"]) == (3, 8)
    futures, spot = found.records("balances")
    assert (futures.values["wallet"], futures.values["total"]) == ("futures", 0)
    assert (spot.identity["currency"], spot.values["total"]) == ("USDT", 5)
    with pytest.raises(ValueError, match="trades"):
        found.records("trades")


def test_effects_since_an_instant_lead_from_one_projection_to_another() -> None:
    entries = [
        opened("*", 0, 0, part="net"),
        opened("*", 0, 0, part="spot"),
        opened("*", 0, 0, part="futures"),
        trade("1", 5, 10, 10, fee="1"),
        trade("2", 2, 9, 20, symbol=SPOT, fee=None),
        trade("3", 4, 10, 30, exec_type="correct", supersedes="1", fee="1"),
        moved("m", "7", 40),
    ]
    for after in (0, 10, 19, 20, 30, 40):
        for until in (10, 20, 30, 40):
            amounts = project(entries, as_of=after).amounts()
            for entry in entries_since(entries, after=after, until=until):
                for key, effect in entry.effects.items():
                    amounts[key] = add(amounts.get(key, Decimal(0)), effect)
            if after <= until:
                assert {key: amount for key, amount in amounts.items() if amount} == {
                    key: amount
                    for key, amount in project(entries, as_of=until).amounts().items()
                    if amount
                }
    (spot,) = entries_since(entries, after=19, until=20)
    assert spot.possible == {balance("BTC"), balance("USDT"), balance("BNB")}


@pytest.mark.parametrize("wrong", [{"basis": "lifo"}, {"fees": "both"}])
def test_there_are_no_other_methods(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="one of"):
        Method(**wrong)
