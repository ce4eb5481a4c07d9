"""The ledger against a slow and obvious one, and whatever the order of arrival."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from ledger_values import PERP, SPOT, balance, moved, opened, ordered, position, trade

from tieout.core.entries import Key
from tieout.core.journal import JournalEntry
from tieout.core.ledger import Method, Projection, entries_since, project
from tieout.core.money import add

AMOUNTS = st.decimals("0.001", "20", places=3).map(str)
QUANTITIES = st.decimals("-9", "9", places=2).filter(bool).map(str)
PRICES = st.decimals("90", "110", places=1).map(str)
TIMES = st.integers(-2, 12)
METHODS = st.builds(
    Method, basis=st.sampled_from(["average", "fifo"]), fees=st.sampled_from(["in", "out"])
)

FILLS = st.tuples(
    st.just("fill"),
    QUANTITIES,
    PRICES,
    TIMES,
    st.sampled_from([PERP, SPOT]),
    st.sampled_from(
        [("0.5", "USDT"), ("-0.1", "USDT"), ("0.001", "BTC"), ("0.01", "BNB"), (None, None)]
    ),
)
MOVES = st.tuples(st.just("move"), QUANTITIES, st.sampled_from(["transfer", "funding"]), TIMES)
AMENDED = st.tuples(
    st.just("amend"), st.integers(0, 20), st.sampled_from(["bust", "correct"]), QUANTITIES, TIMES
)


def built(steps: Sequence[tuple[Any, ...]]) -> list[JournalEntry]:
    """Entries; an amendment is of an earlier fill of the same side, whatever its own time."""
    entries: list[JournalEntry] = []
    fills: list[JournalEntry] = []
    for number, step in enumerate(steps):
        if step[0] == "fill":
            _, quantity, price, at, symbol, (fee, currency) = step
            fills.append(
                trade(
                    f"t{number}", quantity, price, at, symbol=symbol, fee=fee, fee_currency=currency
                )
            )
            entries.append(fills[-1])
        elif step[0] == "move":
            _, amount, type_, at = step
            entries.append(moved(f"m{number}", amount, at, type_))
        elif fills:
            _, which, type_, quantity, at = step
            of = fills[which % len(fills)].values
            size = quantity.lstrip("-") if type_ == "correct" else str(of["quantity"])
            signed = f"-{size}" if of["side"] == "sell" else size
            fills.append(
                trade(
                    f"t{number}",
                    signed,
                    str(of["price"]),
                    at,
                    symbol=of["symbol"],
                    fee=None if of["fee"] is None else str(of["fee"]),
                    fee_currency=of["fee_currency"],
                    exec_type=type_,
                    supersedes=of["trade_id"],
                )
            )
            entries.append(fills[-1])
    return entries


ENTRIES = st.lists(FILLS | MOVES | AMENDED, max_size=12).map(built)
FILLS_ONLY = st.lists(FILLS, max_size=14).map(built)

START = [
    opened("*", 0, 0, part="spot"),
    opened("*", 0, 0, part="futures"),
    opened(PERP, "1.5", 0, average_price="100"),
    opened("USDT", "1000", 0, part="spot"),
]


def same(one: Projection, other: Projection) -> bool:
    return (one.positions, one.balances, one.unknown, one.orders) == (
        other.positions,
        other.balances,
        other.unknown,
        other.orders,
    )


@given(ENTRIES, METHODS, st.integers(), st.sampled_from([None, 3, 7]))
def test_any_order_of_arrival_gives_the_same_projection(
    entries: list[JournalEntry], method: Method, seed: int, as_of: int | None
) -> None:
    everything = [*START, *entries, ordered(1, "open", "0")]
    shuffled = [*everything, *everything[::2]]
    Random(seed).shuffle(shuffled)
    ours, theirs = (project(each, as_of=as_of, method=method) for each in (everything, shuffled))
    assert same(ours, theirs)
    assert entries_since(shuffled, after=2) == entries_since(everything, after=2)


@given(ENTRIES, METHODS, TIMES)
def test_what_happens_later_changes_nothing_before(
    entries: list[JournalEntry], method: Method, at: int
) -> None:
    everything = [*START, *entries]
    past = [each for each in everything if each.at <= at]
    assert same(
        project(everything, as_of=at, method=method), project(past, as_of=at, method=method)
    )


@given(ENTRIES, st.integers(0, 12), st.integers(0, 12))
def test_an_amount_and_what_happened_since_give_the_amount_later(
    entries: list[JournalEntry], one: int, other: int
) -> None:
    after, until = sorted([one, other])
    everything = [*START, *entries]
    before = project(everything, as_of=after)
    amounts = before.amounts()
    for entry in entries_since(everything, after=after, until=until):
        assert after < entry.at <= until
        for key, effect in entry.effects.items():
            amounts[key] = add(amounts.get(key, Decimal(0)), effect)
    later = project(everything, as_of=until)
    if not before.unknown and not later.unknown:
        assert nonzero(amounts) == nonzero(later.amounts())


def nonzero(amounts: dict[Key, Decimal]) -> dict[Key, Decimal]:
    return {key: amount for key, amount in amounts.items() if amount}


@given(ENTRIES, METHODS, st.integers(0, 12))
def test_going_on_from_an_opening_gives_the_same_amounts(
    entries: list[JournalEntry], method: Method, at: int
) -> None:
    """What is known at an instant, written as opening entries, stands for all that was before."""
    everything = [*START, *entries]
    before = project(everything, as_of=at, method=method)
    whole = project(everything, method=method)
    if before.unknown or whole.unknown:
        return
    again = [
        opened(key.name, str(amount), at, part=key.part) for key, amount in before.amounts().items()
    ]
    rest = [
        opened("*", 0, at, part="spot"),
        opened("*", 0, at, part="futures"),
        *again,
        *entries,
    ]
    assert nonzero(project(rest).amounts()) == nonzero(whole.amounts())


# The slow and obvious ledger: one lot a unit of the smallest size, added and taken one by one.

UNIT = Decimal("0.01")


def obvious(entries: Sequence[JournalEntry], basis: str) -> tuple[Decimal, Fraction, Fraction]:
    """Quantity, cost and realised PnL of the position in PERP."""
    lots = [Fraction(100)] * 150
    sign, realised = 1, Fraction(0)
    fills = [each for each in entries if each.values["symbol"] == PERP and each.at > 0]
    for entry in sorted(fills, key=lambda each: (each.at, str(each.values["trade_id"]))):
        price = Fraction(entry.values["price"])
        way = 1 if entry.values["side"] == "buy" else -1
        for _ in range(int(entry.values["quantity"] / UNIT)):
            if not lots:
                sign = way
            if way == sign:
                lots.append(price)
            elif basis == "fifo":
                realised += (price - lots.pop(0)) * sign
            else:
                realised += (price - lots.pop(0)) * sign
        if basis == "average" and lots and way == sign:
            lots = [sum(lots) / len(lots)] * len(lots)
    scale = Fraction(UNIT)
    return len(lots) * UNIT * sign, sum(lots, Fraction(0)) * scale * sign, realised * scale


@given(FILLS_ONLY, st.sampled_from(["average", "fifo"]))
def test_positions_are_those_of_the_obvious_ledger(entries: list[JournalEntry], basis: str) -> None:
    found = project([*START, *entries], method=Method(basis=basis)).positions[position()]
    assert (found.quantity, found.cost, found.realised) == obvious(entries, basis)
    if found.average is not None:
        assert found.average * found.units == found.cost


@given(FILLS_ONLY, st.sampled_from(["average", "fifo"]))
def test_fees_in_the_cost_lower_the_profit_by_what_was_paid(
    entries: list[JournalEntry], basis: str
) -> None:
    """Profit so far, with what is still in the cost, differs by the fees and nothing else."""
    without, with_fees = (
        project([*START, *entries], method=Method(basis=basis, fees=fees)).positions[position()]
        for fees in ("out", "in")
    )
    assert without.realised is not None is not without.cost
    assert with_fees.realised is not None is not with_fees.cost
    paid = with_fees.fees.get("USDT", Decimal(0))
    lost = (without.realised - without.cost) - (with_fees.realised - with_fees.cost)
    assert lost == Fraction(paid)
    assert without.quantity == with_fees.quantity


@given(FILLS_ONLY)
def test_balances_are_plain_sums(entries: list[JournalEntry]) -> None:
    base, quote, third = Decimal(0), Decimal(1000), Decimal(0)
    for entry in entries:
        values = entry.values
        if values["symbol"] != SPOT or entry.at <= 0:
            continue
        way = 1 if values["side"] == "buy" else -1
        base += way * values["quantity"]
        quote -= way * values["quantity"] * values["price"]
        fee = values["fee"] or Decimal(0)
        base -= fee if values["fee_currency"] == "BTC" else 0
        quote -= fee if values["fee_currency"] == "USDT" else 0
        third -= fee if values["fee_currency"] == "BNB" else 0
    found = project([*START, *entries])
    assert found.balances[balance("USDT")] == quote
    assert found.balances.get(balance("BTC"), 0) == base
    assert found.balances.get(balance("BNB"), 0) == third
