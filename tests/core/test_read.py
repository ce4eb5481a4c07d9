"""Rows to records, or to quarantine with a reason."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.canonical import instant
from tieout.core.model import Quarantined, Value
from tieout.core.physical import Physical
from tieout.core.read import RAW_LIMIT, BoundReading, Reading, raw_text
from tieout.core.schema import BALANCES, MOVEMENTS, ORDERS, POSITIONS, TRADES, ColumnType
from tieout.core.sign import SignColumn
from tieout.core.text import NumberStyle, unreadable
from tieout.errors import SourceError

HEADER = ("symbol", "trade_id", "side", "quantity", "price", "timestamp")
ROW = ("AAPL", "T1", "buy", "10", "172.55", "2025-07-26T10:00:00Z")


def bound(header: Sequence[str] = HEADER, **reading: Any) -> BoundReading:
    return Reading("executions", reading.pop("records", TRADES), **reading).bind(header)


def read(on: BoundReading, cells: Sequence[str | None]) -> dict[str, Value] | Quarantined:
    return on.read(cells, place="a.csv", row=7, line=9, offset=120)


def values(on: BoundReading, cells: Sequence[str | None]) -> dict[str, Value]:
    found = read(on, cells)
    assert not isinstance(found, Quarantined), found
    return found


def refused(on: BoundReading, cells: Sequence[str | None]) -> Quarantined:
    found = read(on, cells)
    assert isinstance(found, Quarantined), found
    return found


def row(**changed: str | None) -> list[str | None]:
    return [changed.get(name, cell) for name, cell in zip(HEADER, ROW, strict=True)]


def test_a_row_becomes_a_record_of_typed_values() -> None:
    found = values(bound(), ROW)
    assert found == {
        "symbol": "AAPL",
        "trade_id": "T1",
        "side": "buy",
        "quantity": Decimal(10),
        "price": Decimal("172.55"),
        "timestamp": 1753524000 * 10**9,
    }
    assert bound().plain(found)["timestamp"] == instant(1753524000 * 10**9)


def test_blanks_around_a_cell_are_not_part_of_it_and_nothing_is_absent() -> None:
    found = values(bound(), row(symbol="  AAPL\t", trade_id="   ", side=None))
    assert (found["symbol"], found["trade_id"], found["side"]) == ("AAPL", None, None)


BAD = """
quantity  | ten                 | not a number
quantity  | NaN                 | not a finite number
quantity  | 0.0000000000000000001 | 19 decimals
quantity  | 1e30                | too large
quantity  |                     | it is empty
quantity  | -5                  | quantity_sign: side
price     | inf                 | not a finite number
price     | 1,5                 | thousands
timestamp | 2025-07-26 10:00:00 | no time zone
timestamp |                     | it is empty
side      | long                | none of buy, sell
symbol    |                     | it is empty
symbol    | AA\x00PL            | NUL
"""


@pytest.mark.parametrize("line", BAD.strip().splitlines())
def test_edge_24_an_unreadable_cell_puts_the_row_into_quarantine(line: str) -> None:
    name, cell, why = (part.strip(" ") for part in line.split("|"))
    found = refused(bound(), row(**{name: cell}))
    assert (found.field, found.source, found.place) == (name, "executions", "a.csv")
    assert (found.row, found.line, found.offset) == (7, 9, 120)
    assert why in found.reason
    assert name not in found.values
    assert len(found.values) == len(HEADER) - 1


def test_the_first_fault_is_named_and_the_rest_is_kept() -> None:
    found = refused(bound(), row(price="x", timestamp="y"))
    assert found.field == "price"
    assert set(found.values) == {"symbol", "trade_id", "side", "quantity"}
    assert found.raw == "AAPL,T1,buy,10,x,y"


@pytest.mark.parametrize(
    ("cell", "side"),
    [("B", "buy"), ("Buy", "buy"), ("BOT", "buy"), ("s", "sell"), ("SLD", "sell"), ("", None)],
)
def test_choices_have_other_spellings_in_any_case(cell: str, side: str | None) -> None:
    assert values(bound(), row(side=cell))["side"] == side


def test_value_mapping_comes_before_the_choices() -> None:
    on = bound(values={"side": {"1": "buy", "2": "SELL", "b": "sell"}})
    assert [values(on, row(side=cell))["side"] for cell in ("1", "2", "b")] == [
        "buy",
        "sell",
        "sell",
    ]


def test_order_states_are_spelled_as_venues_do() -> None:
    on = Reading("o", ORDERS).bind(("symbol", "quantity", "status"))
    for cell, status in (("CANCELED", "cancelled"), ("NEW", "open"), ("filled", "filled")):
        assert values(on, ("A", "1", cell))["status"] == status


def test_columns_are_mapped_constants_stand_in_every_row() -> None:
    on = bound(
        ("Ticker", "Qty", "Px", "When"),
        columns={"symbol": "Ticker", "quantity": "Qty", "price": "Px", "timestamp": "When"},
        constants={"venue": "bybit", "side": "B", "fee": "0,10"},
        timezone="Europe/Berlin",
        forms={"timestamp": "%d.%m.%Y %H:%M"},
        numbers=NumberStyle(point=",", thousands="."),
    )
    found = values(on, ("AAPL", "1.000,5", "172,55", "26.07.2025 12:00"))
    assert (found["venue"], found["side"]) == ("bybit", "buy")
    assert (found["quantity"], found["fee"]) == (Decimal("1000.5"), Decimal("0.1"))
    assert found["timestamp"] == 1753524000 * 10**9
    assert on.present == ("venue", "symbol", "side", "quantity", "price", "fee", "timestamp")


# Signs

SIGNED = """
buy   | 5    | buy  | 5
sell  | -5   | sell | 5
-     | 5    | buy  | 5
-     | -5   | sell | 5
-     | 0    | buy  | 0
sell  | 0    | sell | 0
buy   | -0   | buy  | 0
sell  | 5    | refused
buy   | -5   | refused
"""


@pytest.mark.parametrize("line", SIGNED.strip().splitlines())
def test_the_sign_of_the_quantity_is_the_side(line: str) -> None:
    side, quantity, *expected = (part.strip() for part in line.split("|"))
    on = bound(signed=True)
    cells = row(side="" if side == "-" else side, quantity=quantity)
    if expected == ["refused"]:
        found = refused(on, cells)
        assert found.field == "side"
        assert "side" not in found.values
        return
    record = values(on, cells)
    assert [record["side"], str(record["quantity"])] == expected


def test_a_side_from_the_sign_is_known_even_where_another_cell_is_unreadable() -> None:
    """It may be in a pass key: the partner of this row is unknown, not missing."""
    found = refused(bound(signed=True), row(side="", quantity="-5", price="x"))
    assert found.field == "price"
    assert (found.values["side"], found.values["quantity"]) == ("sell", Decimal(5))


def test_an_unreadable_side_is_not_replaced_by_the_sign() -> None:
    for cells in (row(side="long"), row(side="long", trade_id="\x00"), row(symbol="", side="long")):
        assert "side" not in refused(bound(signed=True), cells).values


def test_a_source_without_a_side_column_gets_one_from_the_sign() -> None:
    on = bound(("symbol", "quantity", "price", "timestamp"), signed=True)
    assert "side" in on.present
    assert values(on, ("A", "-1", "1", "2025-07-26T10:00:00Z"))["side"] == "sell"


SIGN_COLUMN = SignColumn("Direction", frozenset({"out", "debit"}), frozenset({"in"}))


@pytest.mark.parametrize(
    ("word", "amount", "expected"),
    [
        ("Out", "5", Decimal(-5)),
        ("debit ", "5", Decimal(-5)),
        ("IN", "5", Decimal(5)),
        ("out", "0", Decimal(0)),
        ("out", "-5", Decimal(-5)),
    ],
)
def test_the_sign_comes_from_a_column(word: str, amount: str, expected: Decimal) -> None:
    on = Reading("m", MOVEMENTS, sign=SIGN_COLUMN).bind(("amount", "timestamp", "Direction"))
    found = values(on, (amount, "2025-07-26T10:00:00Z", word))
    assert found["amount"] == expected
    assert str(found["amount"]) != "-0"


@pytest.mark.parametrize(("word", "amount"), [("", "5"), (None, "5"), ("up", "5"), ("in", "-5")])
def test_a_sign_that_is_not_known_or_contradicts_is_not_guessed(
    word: str | None, amount: str
) -> None:
    on = Reading("m", MOVEMENTS, sign=SIGN_COLUMN).bind(("amount", "timestamp", "Direction"))
    found = refused(on, (amount, "2025-07-26T10:00:00Z", word))
    assert found.field == "amount"
    assert "'Direction'" in found.reason


def test_positions_and_balances_are_signed_by_nature() -> None:
    on = Reading("p", POSITIONS).bind(("symbol", "quantity", "as_of"))
    assert values(on, ("A", "-5", "2025-07-26T10:00:00Z"))["quantity"] == Decimal(-5)
    on = Reading("b", BALANCES).bind(("currency", "total", "as_of"))
    assert values(on, ("USD", "(5)", "2025-07-26T10:00:00Z"))["total"] == Decimal(-5)


# Symbols


def test_edge_58_a_symbol_that_does_not_map_names_the_nearest() -> None:
    on = bound(symbols={"XBTUSD": "BTC/USD", "ETHUSD": "ETH/USD"})
    assert values(on, row(symbol="XBTUSD"))["symbol"] == "BTC/USD"
    assert values(on, row(symbol="BTC/USD"))["symbol"] == "BTC/USD"
    found = refused(on, row(symbol="XBTUSDT"))
    assert found.field == "symbol"
    assert "'XBTUSDT' is not mapped; nearest: XBTUSD" in found.reason


@pytest.mark.parametrize(
    ("text", "nearest"),
    [("apple", "APPLE"), ("btc/usdt", "BTC/USDT"), ("Apple", "APPLE"), ("zzz", None)],
)
def test_edge_58_the_nearest_symbol_may_be_written_in_another_case(
    text: str, nearest: str | None
) -> None:
    on = bound(symbols={"APPLE": "AAPL", "BTCUSDT": "BTC/USDT"})
    for _ in range(2):
        reason = refused(on, row(symbol=text)).reason
        assert reason.partition("; nearest: ")[2].split(", ")[0] == (nearest or "")


def test_a_symbol_that_comes_again_is_held_against_the_others_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It takes milliseconds where thousands of symbols are mapped."""
    asked: list[str] = []

    def close(word: str, *_: object, **__: object) -> list[str]:
        asked.append(word)
        return []

    monkeypatch.setattr("tieout.core.nearest.difflib.get_close_matches", close)
    on = bound(symbols={"APPLE": "AAPL"})
    for text in ("X1", "X2", "X1", "X1", "X2"):
        refused(on, row(symbol=text))
    assert asked == ["x1", "x2"]


def test_without_a_symbol_mapping_any_symbol_is_taken() -> None:
    assert values(bound(), row(symbol="whatever"))["symbol"] == "whatever"


# Rows that are no records


def test_only_and_skip_choose_the_rows() -> None:
    on = Reading(
        "t",
        TRADES,
        only={"side": frozenset({"buy", "sell"})},
        skip={"trade_id": frozenset({"VOID", ""})},
    ).bind(HEADER)
    assert on.wanted(row())
    assert on.wanted(row(side=" sell "))
    assert not on.wanted(row(side="dividend"))
    assert not on.wanted(row(trade_id="VOID"))
    assert not on.wanted(row(trade_id=None))


# Binding


@pytest.mark.parametrize(
    ("header", "reading", "message", "hint"),
    [
        (("symbol",), {}, "no column for 'quantity', 'price', 'timestamp'", "columns: {quantity:"),
        (HEADER, {"columns": {"price": "Prize"}}, "no column 'Prize'", "did you mean 'price'?"),
        (HEADER, {"columns": {"price": "§"}}, "no column '§'", "correct the column"),
        (HEADER, {"only": {"§": frozenset()}}, "no column '§'", "correct"),
        (HEADER, {"constants": {"fee": "x"}}, "constant for 'fee'", "correct `constants`"),
        (HEADER, {"sign": SIGN_COLUMN}, "no column 'Direction'", "column"),
    ],
)
def test_a_header_that_does_not_fit_is_one_clear_error(
    header: Sequence[str], reading: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(SourceError, match="executions") as raised:
        bound(header, **reading)
    assert message in raised.value.what
    assert raised.value.hint is not None
    assert hint in raised.value.hint


def types(**physical: Physical) -> list[Physical]:
    return [physical.get(name, Physical.TEXT) for name in HEADER]


def test_decimals_that_no_engine_reads_are_refused_where_they_are_read() -> None:
    why = "'price' holds decimals of more than 38 digits .decimal256."
    for floats in ("refuse", "shortest"):
        reading = Reading("t", TRADES, floats=floats)
        with pytest.raises(SourceError, match=why):
            reading.bind(HEADER, types(price=Physical.WIDE_DECIMAL))
    chosen = Reading("t", TRADES, columns={"price": "quantity"}, only={"price": frozenset({"1"})})
    with pytest.raises(SourceError, match=why):
        chosen.bind(HEADER, types(price=Physical.WIDE_DECIMAL))
    Reading("t", TRADES, columns={"price": "quantity"}).bind(
        HEADER, types(price=Physical.WIDE_DECIMAL)
    )


@pytest.mark.parametrize(
    ("floats", "text", "unread"),
    [
        ("refuse", "1", ""),
        ("refuse", "-7", ""),
        ("refuse", "1.5", "the binary float 1.5"),
        ("refuse", "1e+16", "the binary float 1e[+]16"),
        ("shortest", "1.5", ""),
        ("shortest", "nan", "the binary float nan"),
        ("shortest", "-inf", "the binary float -inf"),
    ],
)
def test_a_binary_float_is_an_id_where_it_is_a_whole_number(
    floats: str, text: str, unread: str
) -> None:
    bound = Reading("t", TRADES, floats=floats).bind(HEADER, types(trade_id=Physical.FLOAT))
    found = bound.read(row(trade_id=text), place="t", row=1)
    if unread:
        assert isinstance(found, Quarantined)
        assert found.field == "trade_id"
        assert re.search(unread, found.reason)
    else:
        assert isinstance(found, dict)
        assert found["trade_id"] == text


def test_a_stored_number_is_not_written_as_the_source_writes_texts() -> None:
    reading = Reading("t", TRADES, numbers=NumberStyle(",", "."))
    for kind, number in ((Physical.TEXT, "1234"), (Physical.DECIMAL, "1.234")):
        read = reading.bind(HEADER, types(price=kind)).read(row(price="1.234"), place="t", row=1)
        assert isinstance(read, dict)
        assert read["price"] == Decimal(number)


def test_a_stored_time_has_no_form() -> None:
    reading = Reading("t", TRADES, forms={"timestamp": "ms"}, timezone="UTC")
    bound = reading.bind(HEADER, types(timestamp=Physical.NAIVE_TIME))
    read = bound.read(row(timestamp="1970-01-01T00:00:01"), place="t", row=1)
    assert isinstance(read, dict)
    assert read["timestamp"] == 10**9


def test_a_column_without_a_name_is_empty() -> None:
    bound = Reading("t", TRADES).bind((*HEADER, ""))
    assert isinstance(bound.read((*row(), " "), place="t", row=1), dict)
    found = bound.read((*row(), "x"), place="t", row=1)
    assert isinstance(found, Quarantined)
    assert found.reason == "it has a cell in a column that has no name"
    assert found.values["trade_id"] == "T1"


def test_what_a_source_cannot_give_is_unreadable_where_it_is_needed() -> None:
    cell = unreadable("A2 is an error")
    chosen = Reading("t", TRADES, only={"side": frozenset({"buy"})})
    for reading, name in ((Reading("t", TRADES), "price"), (chosen, "side")):
        bound, cells = reading.bind(HEADER), row(**{name: cell})
        assert bound.wanted(cells)
        found = bound.read(cells, place="t", row=1)
        assert isinstance(found, Quarantined)
        assert (found.field, found.reason) == (name, "A2 is an error")
        assert "\x00" not in found.raw


def test_binary_floats_are_refused_unless_accepted_as_shortest() -> None:
    reading = Reading("t", TRADES)
    with pytest.raises(SourceError, match="binary floats"):
        reading.bind(HEADER, types(price=Physical.FLOAT))
    accepted = Reading("t", TRADES, floats="shortest").bind(HEADER, types(price=Physical.FLOAT))
    assert values(accepted, row(price="1e-05"))["price"] == Decimal("0.00001")


def test_naive_times_need_a_zone_before_anything_is_read() -> None:
    physical = types(timestamp=Physical.NAIVE_TIME)
    with pytest.raises(SourceError, match="without a zone"):
        Reading("t", TRADES).bind(HEADER, physical)
    Reading("t", TRADES, timezone="UTC").bind(HEADER, physical)


def test_identity_is_the_contracts_or_the_declared_one() -> None:
    assert bound().identity == ("symbol", "trade_id", "side")
    assert bound(identity=("trade_id", "order_id")).identity == ("trade_id", "order_id")
    without_id = bound(("symbol", "quantity", "price", "timestamp"))
    assert without_id.identity == ("symbol", "trade_id")


def test_extra_columns_are_read_by_their_type() -> None:
    extended = TRADES.with_extra({"desk": ColumnType.TEXT, "booked": ColumnType.DATE})
    on = Reading("t", extended).bind((*HEADER, "desk", "booked"))
    found = values(on, (*ROW, "rates", "2025-07-26"))
    assert (found["desk"], found["booked"]) == ("rates", date(2025, 7, 26))


# Any row


cells = st.none() | st.sampled_from(ROW) | st.text(max_size=20)


@given(st.tuples(*[cells] * len(HEADER)), st.booleans())
def test_any_row_is_a_whole_record_or_quarantined_with_a_reason(
    texts: tuple[str | None, ...], signed: bool
) -> None:
    on = bound(signed=signed)
    found = read(on, texts)
    if isinstance(found, Quarantined):
        assert found.reason
        assert found.field in on.present
        assert found.field not in found.values
        assert set(found.values) < set(on.present)
    else:
        assert tuple(found) == on.present
        for column in TRADES.columns.values():
            assert not (column.required and found[column.name] is None)


records = st.fixed_dictionaries(
    {
        "symbol": st.sampled_from(["AAPL", "BTC/USDT"]),
        "trade_id": st.none() | st.sampled_from(["T1", "0001", "1e5"]),
        "side": st.sampled_from(["buy", "sell", None]),
        "quantity": st.decimals(0, 10**19, places=18),
        "price": st.decimals(-(10**19), 10**19, places=18),
        "timestamp": st.integers(-(2**62), 2**62),
    }
)


@given(records)
def test_the_canonical_text_of_a_record_reads_back_as_the_record(record: dict[str, Value]) -> None:
    on = bound()
    assert values(on, list(on.plain(record).values())) == record


@given(st.lists(st.none() | st.text(max_size=900), max_size=8))
def test_the_raw_text_is_kept_up_to_a_readable_length(row_: list[str | None]) -> None:
    assert len(raw_text(row_)) <= RAW_LIMIT + 1
