"""One text for one value; ids and digests from content alone."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.canonical import (
    ID_LENGTH,
    RunDigest,
    break_id,
    content,
    derived_id,
    digest,
    dumps,
    instant,
    jsonable,
    layout,
    moment,
    nanoseconds,
    plain_like,
    plain_record,
    plain_value,
    rules_digest,
)
from tieout.core.model import Break, BreakRecord, Difference, Kind, Role, Severity, Side, Value
from tieout.core.rules import Calendar, Duration, Measure, Rules, Tolerance
from tieout.core.schema import TRADES, ColumnType

times = st.integers(-(2**62), 2**62)
texts = st.text(st.characters(codec=None, exclude_characters="\x00"))  # lone surrogates too


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (1753524082900000001, "2025-07-26T10:01:22.900000001Z"),
        (-(2**62), "1823-11-12T00:06:21.572612096Z"),
        (2**62, "2116-02-20T23:53:38.427387904Z"),
    ],
)
def test_instant(ns: int, text: str) -> None:
    assert instant(ns) == text


@given(times, times)
def test_instants_have_one_text_each_and_sort_like_times(left: int, right: int) -> None:
    assert (instant(left) < instant(right)) == (left < right)
    assert len(instant(left)) == 30


@given(times)
def test_a_moment_is_the_instant_cut_to_microseconds(ns: int) -> None:
    assert nanoseconds(moment(ns)) == ns - ns % 1000
    assert moment(ns).utcoffset() == timedelta(0)


def test_a_moment_in_another_zone_is_the_same_instant() -> None:
    utc = datetime(2025, 7, 26, 10, 1, 22, 900000, tzinfo=UTC)
    assert nanoseconds(utc.astimezone(timezone(timedelta(hours=-7)))) == nanoseconds(utc)


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        nanoseconds(datetime(2025, 7, 26))  # noqa: DTZ001 - what is tested


def test_plain_value_by_type() -> None:
    assert plain_value(None, ColumnType.TEXT) is None
    assert plain_value("1.50", ColumnType.TEXT) == "1.50"
    assert plain_value(Decimal("1.50"), ColumnType.DECIMAL) == "1.5"
    assert plain_value(date(2025, 7, 26), ColumnType.DATE) == "2025-07-26"
    assert plain_value(5, ColumnType.TIME) == "1970-01-01T00:00:00.000000005Z"


def test_a_record_is_written_in_contract_order_then_extras_by_name() -> None:
    values = {"zeta": "z", "price": Decimal("2.0"), "alpha": None, "symbol": "X", "timestamp": 0}
    plain = plain_record(values, TRADES)
    assert list(plain) == ["symbol", "price", "timestamp", "alpha", "zeta"]
    assert plain["timestamp"] == "1970-01-01T00:00:00.000000000Z"
    assert plain == plain_record(values, TRADES, layout(tuple(values), TRADES))


CELLS = {
    "symbol": st.sampled_from(["A", "B"]) | st.none(),
    "price": st.sampled_from(["1", "1.0", "2", "0", "-0.0"]).map(Decimal) | st.none(),
    "timestamp": st.integers(0, 2) | st.none(),
    "trade_date": st.dates(date(2025, 7, 26), date(2025, 7, 27)),
    "lot": st.integers(0, 2) | st.integers(0, 2).map(Decimal) | st.none(),
}
TIMED = TRADES.with_extra({"lot": ColumnType.TIME})


@given(st.fixed_dictionaries({}, optional=CELLS), st.fixed_dictionaries({}, optional=CELLS))
def test_a_record_has_one_text_whichever_record_it_is_like(
    values: dict[str, Value], other: dict[str, Value]
) -> None:
    alone = plain_record(values, TIMED)
    like = plain_like(values, layout(values, TIMED), other, plain_record(other, TIMED))
    assert list(like.items()) == list(alone.items())


def test_an_extra_time_is_written_as_a_time() -> None:
    extended = TRADES.with_extra({"booked": ColumnType.TIME})
    assert plain_record({"booked": 0}, extended)["booked"] == instant(0)


@given(st.dictionaries(texts, texts | st.none()))
def test_json_does_not_depend_on_the_order_of_keys(record: dict[str, str | None]) -> None:
    backwards = dict(reversed(record.items()))
    assert dumps(record) == dumps(backwards)
    assert json.loads(dumps(record)) == record
    assert break_id("r", record, Side.INTERNAL) == break_id("r", backwards, Side.INTERNAL)


@given(st.lists(texts), st.lists(texts))
def test_no_two_lists_of_parts_share_a_digest(left: list[str], right: list[str]) -> None:
    assert (digest(*left) == digest(*right)) == (left == right)


def test_an_id_is_32_hex_characters_and_stays_what_it_is() -> None:
    """Ids are stored: they must never change between versions."""
    key = {"symbol": "BTC/USDT", "trade_id": "T1", "side": "buy"}
    assert break_id("x", key, Side.INTERNAL) == "7fbd3eb42d0e4e51550e8622fb07d7f0"
    assert len(break_id("x", key, Side.INTERNAL)) == ID_LENGTH
    assert break_id("y", key, Side.INTERNAL) != break_id("x", key, Side.INTERNAL)


def test_each_side_has_its_own_id_and_so_has_a_duplicate() -> None:
    key = {"trade_id": "T1"}
    ids = {break_id("x", key, side, duplicate=twice) for side in Side for twice in (False, True)}
    assert len(ids) == 4


@given(st.dictionaries(texts, texts | st.none()), st.integers(0, 5))
def test_edge_15_a_derived_id_depends_on_content_and_ordinal_only(
    values: dict[str, str | None], ordinal: int
) -> None:
    same = dict(reversed(values.items())) | {"\ue000 a column that is empty": None}
    assert derived_id(values, ordinal) == derived_id(same, ordinal)
    assert derived_id(values, ordinal) != derived_id(values, ordinal + 1)
    changed = values | {"\ue000": "changed"}
    assert derived_id(values, ordinal) != derived_id(changed, ordinal)


def a_break(trade_id: str = "T1") -> Break:
    return Break(
        id="a" * 32,
        reconciliation="r",
        kind=Kind.PRICE,
        severity=Severity.HIGH,
        key={"trade_id": trade_id},
        records=(BreakRecord(Side.INTERNAL, Role.PRIMARY, {"price": "1"}),),
        differences=(Difference("price", "1", None, None),),
    )


def test_the_content_of_a_break_says_what_and_not_when() -> None:
    assert json.loads(content(a_break())) == {
        "id": "a" * 32,
        "kind": "PRICE",
        "severity": "high",
        "key": {"trade_id": "T1"},
        "records": [{"side": "internal", "role": "primary", "record": {"price": "1"}}],
        "differences": [{"field": "price", "internal": "1", "external": None, "difference": None}],
    }


def test_half_of_a_character_in_a_record_is_written_as_it_is() -> None:
    said, plain = json.loads(content(a_break("\ud83d"))), json.loads(content(a_break()))
    assert said == {**plain, "key": {"trade_id": "\ud83d"}}


def test_the_run_digest_wants_contents_by_id_each_once() -> None:
    run = RunDigest({"matched": 1}, "d")
    run.add("b", "{}")
    for late in ("a", "b"):
        with pytest.raises(ValueError, match="sorted"):
            run.add(late, "{}")


def test_the_run_digest_changes_with_counts_rules_and_contents() -> None:
    def of(counts: dict[str, int], rules: str, *contents: str) -> str:
        run = RunDigest(counts, rules)
        for number, each in enumerate(contents):
            run.add(f"{number}", each)
        return run.hexdigest()

    digests = [
        of({"matched": 1}, "d"),
        of({"matched": 2}, "d"),
        of({"matched": 1}, "e"),
        of({"matched": 1}, "d", "{}"),
        of({"matched": 1}, "d", '{"a":1}'),
        of({"matched": 1}, "d", "{}", "{}"),
    ]
    assert len(set(digests)) == len(digests)
    assert of({"a": 1, "b": 2}, "d") == of({"b": 2, "a": 1}, "d")


def test_the_rules_digest_changes_exactly_when_a_rule_does() -> None:
    rules = Rules("r", "trades", compare={"price": Tolerance(Measure.ABSOLUTE, Decimal("0.50"))})
    same = Rules("r", "trades", compare={"price": Tolerance(Measure.ABSOLUTE, Decimal("0.5"))})
    wider = Rules("r", "trades", compare={"price": Tolerance(Measure.ABSOLUTE, Decimal("0.6"))})
    other = Rules("r", "trades", compare={"price": Tolerance(Measure.RELATIVE, Decimal("0.5"))})
    later = Rules("r", "trades", compare=rules.compare, deadline=Duration(1))
    assert rules_digest(rules) == rules_digest(same)
    assert len({rules_digest(each) for each in (rules, wider, other, later)}) == 4


def test_settings_become_json_whatever_order_a_set_has() -> None:
    days = [date(2025, 12, 25), date(2026, 1, 1), date(2026, 4, 3)]
    forwards = Calendar("c", frozenset({7, 6}), frozenset(days))
    backwards = Calendar("c", frozenset({6, 7}), frozenset(reversed(days)))
    assert dumps(jsonable(forwards)) == dumps(jsonable(backwards))
    assert jsonable(time(9, 30)) == "09:30:00"
    assert jsonable({Kind.PRICE: Severity.HIGH}) == {"price": "high"}
