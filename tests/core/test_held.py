"""A carried record as text comes back with equal values, by the contract of the day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.canonical import break_id, plain_record
from tieout.core.held import Held, held_of, opened
from tieout.core.lifecycle import OpenItem
from tieout.core.match.identity import Identified, identify, settle_identities
from tieout.core.model import Record, Side
from tieout.core.schema import MOVEMENTS, TRADES, ColumnType, RecordType

CONTRACT = MOVEMENTS.with_extra({"seen": ColumnType.TIME, "note": ColumnType.TEXT})
DAY = date(2026, 7, 1)


def held(values: dict[str, Any], *, side: Side = Side.INTERNAL, unreadable: bool = False) -> Held:
    plain = plain_record(values, CONTRACT)
    identity = {"movement_id": plain.get("movement_id")}
    key = break_id("r", identity, side)
    return held_of(key, side, identity, plain, DAY, unreadable=unreadable)


values = st.fixed_dictionaries(
    {},
    optional={
        "movement_id": st.none() | st.text(st.characters(exclude_categories=["Cs"])),
        "amount": st.decimals(allow_nan=False, allow_infinity=False).filter(
            lambda each: abs(each.adjusted()) < 40
        ),
        "timestamp": st.integers(-(2**62), 2**63 - 1),
        "value_date": st.dates(),
        "seen": st.none() | st.integers(0, 2**63 - 1),
        "note": st.text(st.characters(exclude_categories=["Cs"])),
        "of no contract": st.text("ab\n\x00\u2028 "),
    },
)


@given(values, st.sampled_from(Side), st.booleans())
def test_a_record_comes_back_with_equal_values(
    given_values: dict[str, Any], side: Side, unreadable: bool
) -> None:
    back = opened(held(given_values, side=side, unreadable=unreadable), CONTRACT)
    identity = {"movement_id": given_values.get("movement_id")}
    record = Record(given_values, identity, carried_from=DAY)
    assert back == OpenItem(side, record, DAY, unreadable)
    types = {name: type(value) for name, value in back.record.values.items()}
    assert types == {name: type(value) for name, value in given_values.items()}


EVENTS = [MOVEMENTS, TRADES, TRADES.with_extra({"desk": ColumnType.TEXT})]


@given(st.sampled_from(EVENTS), st.data(), st.sampled_from(Side))
def test_its_identity_is_in_the_order_of_the_contract(
    contract: RecordType, data: st.DataObject, side: Side
) -> None:
    """As that of a row that was just read: who looks at the values alone takes them for one."""
    columns = data.draw(st.lists(st.sampled_from(sorted(contract.columns)), unique=True))
    texts = {name: f"{number}" for number, name in enumerate(columns)}
    chosen = [name for name in texts if contract.columns[name].type is ColumnType.TEXT]
    for names in (contract.identity(set(columns)), in_order(chosen, contract)):
        row = Record({name: texts[name] for name in names if name in texts}, {})
        (fresh,) = identify([row], names, contract)
        plain = plain_record(fresh.identity, contract)
        back = opened(held_of("", side, plain, plain, DAY), contract).record
        assert tuple(back.identity.items()) == tuple(fresh.identity.items())


@given(st.sampled_from(EVENTS), st.data())
def test_one_identity_is_one_whatever_the_order_of_its_columns(
    contract: RecordType, data: st.DataObject
) -> None:
    """A source may state its own, in any order; an empty column is like one that is absent."""
    names = ["account", "trade_id", "movement_id", "venue", "symbol", "side"]
    named = {name: name for name in names if name in contract.columns and name != "venue"}
    orders = st.permutations([*named.items(), ("venue", None)])
    rows = [
        Record({**named, "version": Decimal(version)}, dict(data.draw(orders)), version)
        for version in (1, 3, 2)
    ]
    rows.append(Record({**named, "version": Decimal(0)}, named))
    assert settle_identities(Side.INTERNAL, rows) == Identified([rows[1]], [], [])


def in_order(names: list[str], contract: RecordType) -> tuple[str, ...]:
    return tuple(name for name in contract.columns if name in names)


@given(values)
def test_its_text_is_one_line(given_values: dict[str, Any]) -> None:
    kept = held(given_values)
    assert "\n" not in kept.text
    assert " " not in kept.key


def test_every_digit_survives() -> None:
    amount = Decimal("-49999999999999999999.123456789012345678")
    back = opened(held({"amount": amount, "timestamp": 1_753_524_082_900_000_001}), CONTRACT)
    assert str(back.record.values["amount"]) == str(amount)
    assert back.record.values["timestamp"] == 1_753_524_082_900_000_001


@pytest.mark.parametrize("text", ["abc", "2026-07-01T00:00:00Z"])
def test_what_todays_contract_cannot_read_is_unreadable(text: str) -> None:
    """`note` was a text, and is said to be a time now."""
    kept = held({"movement_id": "M", "note": text})
    back = opened(kept, TRADES.with_extra({"note": ColumnType.TIME}))
    assert back.unreadable
    assert back.record.values == {"movement_id": "M"}
    assert back.record.identity == {"movement_id": "M"}
