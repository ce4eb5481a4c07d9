"""The objects that every command, file and report shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from integration.report_data import AS_OF, break_row, coverage, part, run_row, trade, unreadable

from tieout.core.model import OWN_PRICE, Priced, RunStatus
from tieout.core.rows import BreakCounts, RunCounts
from tieout.present import (
    break_object,
    is_number,
    marked,
    match_rate,
    priced_by,
    quarantine_object,
    run_object,
    scope,
    utc,
    value_object,
)


def test_a_break_object_has_exactly_the_documented_keys() -> None:
    row = break_row("T-1", value=("1E+3", "USD"))
    assert break_object(row, as_of=AS_OF) == {
        "id": row.id,
        "reconciliation": "executions-vs-confirmations",
        "kind": "PRICE",
        "severity": "medium",
        "cause": "unknown",
        "state": "open",
        "doubt": False,
        "key": {
            "account": "MM-01",
            "venue": "xnas",
            "symbol": "AAPL",
            "trade_id": "T-1",
            "side": "buy",
        },
        "internal": trade("T-1"),
        "external": trade("T-1", price="187.35"),
        "records": [
            part("internal", trade("T-1")),
            part("external", trade("T-1", price="187.35")),
        ],
        "differences": [
            {"field": "price", "internal": "187.25", "external": "187.35", "difference": "-0.1"}
        ],
        "value": {"amount": "1000", "currency": "USD", "prices": []},
        "first_seen": "2026-03-02T18:00:00Z",
        "opened_at": "2026-03-02T18:00:00Z",
        "age_seconds": 14_400,
        "run_id": "run-0001",
    }


def test_a_value_says_by_which_prices_and_when() -> None:
    rate = Priced("EUR/USD", Decimal("1.10"), 1_772_442_000_000_000_001)
    undated = Priced("USDT/USD", Decimal("0.9998"))
    row = replace(break_row("T-1", value=("5", "USD")), value_prices=(*OWN_PRICE, rate, undated))
    value = value_object(row)
    assert value is not None
    own = trade("T-1")
    assert value["prices"] == [
        {"pair": None, "price": own["price"], "as_of": own["timestamp"]},
        {"pair": "EUR/USD", "price": "1.1", "as_of": "2026-03-02T09:00:00.000000001Z"},
        {"pair": "USDT/USD", "price": "0.9998", "as_of": None},
    ]
    assert priced_by(value) == (
        f"own price {own['price']} of {own['timestamp']}, "
        "EUR/USD 1.1 of 2026-03-02T09:00:00.000000001Z, USDT/USD 0.9998"
    )
    records = [part("external", {**trade("T-1"), "price": None, "average_price": "7"})]
    alone = replace(break_row(records=records, value=("5", "USD")), value_prices=OWN_PRICE)
    shown = value_object(alone)
    assert shown is not None
    assert [each["price"] for each in shown["prices"]] == ["7"]


def test_a_missing_side_and_an_unknown_value_are_null() -> None:
    records = [part("external", trade("T-1")), part("external", trade("T-1"), "duplicate")]
    found = break_object(break_row(records=records, value=None), as_of=AS_OF)
    assert found["internal"] is None
    assert found["external"] == trade("T-1")
    assert found["value"] is None


def test_candidates_are_no_primary_record() -> None:
    records = [part("internal", trade("T-1"), "candidate")]
    assert break_object(break_row(records=records), as_of=AS_OF)["internal"] is None


def test_age_is_whole_seconds_since_it_was_opened_and_not_first_seen() -> None:
    row = replace(break_row(), opened_at=AS_OF - timedelta(days=2, microseconds=1))
    assert break_object(row, as_of=AS_OF)["age_seconds"] == 2 * 86_400


def test_an_earlier_as_of_makes_no_age_negative() -> None:
    row = replace(break_row("b"), opened_at=AS_OF + timedelta(days=2))
    assert break_object(row, as_of=AS_OF)["age_seconds"] == 0


def test_the_age_of_a_break_ends_when_it_cleared() -> None:
    cleared = AS_OF - timedelta(hours=3)
    row = replace(break_row(), opened_at=AS_OF - timedelta(hours=4), cleared_at=cleared)
    assert break_object(row, as_of=AS_OF)["age_seconds"] == 3_600
    assert set(break_object(row, as_of=AS_OF)) == set(break_object(break_row(), as_of=AS_OF))


def test_of_a_side_that_was_asked_by_symbol_it_is_said_of_which() -> None:
    assert scope(None) is None
    assert scope(coverage("c")) is None
    assert scope(coverage("c", symbols=())) == (
        "asked about no symbol: nothing is known to be clean"
    )
    many = tuple(f"S{number}" for number in range(2_007))
    assert scope(coverage("c", symbols=many)) == (
        "asked about S0, S1, S2, S3, S4 and 2,002 more only: nothing else is known to be clean"
    )


def test_a_run_object_has_exactly_the_documented_keys() -> None:
    rows = [break_row("T-1"), break_row("T-2", severity="critical", kind="SIDE")]
    assert run_object(
        run_row(rows, external=coverage("c", 3, watermark=None, symbols=("BTC/USDT",)))
    ) == {
        "reconciliation": "executions-vs-confirmations",
        "run_id": "run-0001",
        "status": "breaks",
        "as_of": "2026-03-02T22:00:00Z",
        "business_date": "2026-03-02",
        "internal": {
            "rows": 2_004,
            "quarantined": 0,
            "complete": True,
            "watermark": "2026-03-02T20:59:59.900000000Z",
            "symbols": None,
        },
        "external": {
            "rows": 3,
            "quarantined": 0,
            "complete": True,
            "watermark": None,
            "symbols": ["BTC/USDT"],
        },
        "matched": 2_002,
        "within_tolerance": 37,
        "expected": 0,
        "unknown": 0,
        "after_cut": 0,
        "match_rate": {"count": "0.999001996007"},
        "breaks": {
            "open": 2,
            "new": 2,
            "carried": 0,
            "changed": 0,
            "reopened": 0,
            "cleared": 0,
            "suppressed": 0,
            "by_kind": {"SIDE": 1, "PRICE": 1},
            "by_severity": {"critical": 1, "medium": 1},
        },
        "reasons": [],
        "digest": run_row().digest,
        "seconds": 1.235,
    }


def test_a_failed_side_is_null() -> None:
    found = run_object(
        run_row(internal=None, status=RunStatus.FAILED, counts=RunCounts(), breaks=BreakCounts())
    )
    assert found["internal"] is None
    assert found["match_rate"] == {"count": None}


def test_counts_stand_in_a_fixed_order() -> None:
    counts = BreakCounts(by_kind={"PRICE": 1, "SIDE": 2}, by_severity={"low": 1, "critical": 2})
    found = run_object(run_row(breaks=counts))["breaks"]
    assert list(found["by_kind"]) == ["SIDE", "PRICE"]
    assert list(found["by_severity"]) == ["critical", "low"]


@pytest.mark.parametrize(
    ("matched", "broken", "rate"),
    [
        (0, 0, None),
        (0, 3, "0"),
        (3, 0, "1"),
        (1, 1, "0.5"),
        (2, 1, "0.666666666666"),
        (10**13, 1, "0.999999999999"),
    ],
)
def test_a_match_rate_of_one_means_all(matched: int, broken: int, rate: str | None) -> None:
    assert match_rate(RunCounts(matched=matched, broken=broken)) == rate


def test_quarantine_says_where_what_and_why() -> None:
    assert quarantine_object(unreadable()) == {
        "run_id": "run-0001",
        "side": "internal",
        "source": "executions",
        "file": "executions.csv",
        "row": 9,
        "line": 10,
        "offset": None,
        "field": "quantity",
        "reason": "'abc' is not a number",
        "raw": "T-9,AAPL,abc",
    }


def test_times_are_utc_and_a_naive_one_is_refused() -> None:
    east = timezone(timedelta(hours=2))
    assert utc(datetime(2026, 3, 2, 0, 30, tzinfo=east)) == "2026-03-01T22:30:00Z"
    assert utc(datetime(2026, 3, 2, 0, 0, 0, 5, tzinfo=UTC)) == "2026-03-02T00:00:00.000005Z"
    with pytest.raises(ValueError, match="no time zone"):
        utc(datetime(2026, 3, 2))  # noqa: DTZ001


def shown(text: str, other: str) -> tuple[str, str]:
    """Both texts with brackets around what is marked."""
    left, right = (
        "".join(f"[{piece}]" if differs else piece for piece, differs in pieces)
        for pieces in marked(text, other)
    )
    return left, right


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("187.25", "187.35", ("187.[2]5", "187.[3]5")),
        ("1.5", "1.25", ("1.[5]", "1.[25]")),
        ("99.5", "100.5", ("[99].5", "[100].5")),
        ("1000", "100", ("[10]00", "[1]00")),
        ("-5", "5", ("[-]5", "5")),
        ("1", "1.25", ("1", "1[.25]")),
        ("10:01:22.900", "10:01:23.400", ("10:01:2[2].[9]00", "10:01:2[3].[4]00")),
        ("buy", "sell", ("[buy]", "[sell]")),
        ("BTC/USDT", "BTC/USDC", ("BTC/USD[T]", "BTC/USD[C]")),
        ("ACC-1", "ACC-12", ("ACC-1", "ACC-1[2]")),
        ("aa", "a", ("a[a]", "a")),
        ("same", "same", ("same", "same")),
        ("", "x", ("", "[x]")),
    ],
)
def test_what_differs_is_marked(left: str, right: str, expected: tuple[str, str]) -> None:
    assert shown(left, right) == expected
    assert shown(right, left) == expected[::-1]


NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=4).map(lambda n: format(n, "f"))


@given(st.tuples(st.text(), st.text()) | st.tuples(NUMBERS, NUMBERS))
def test_marked_pieces_are_the_text_and_equal_texts_have_no_marks(pair: tuple[str, str]) -> None:
    left, right = marked(*pair)
    assert ("".join(text for text, _ in left), "".join(text for text, _ in right)) == pair
    assert any(differs for _, differs in left + right) == (pair[0] != pair[1])


@given(NUMBERS)
def test_plain_numbers_are_numbers(text: str) -> None:
    assert is_number(text)


@pytest.mark.parametrize(
    "text", ["", "+1", "1e3", "-2+3", "1,000", ".5", "5.", "- 5", "\u0661", "1\n"]
)
def test_other_texts_are_no_numbers(text: str) -> None:
    assert not is_number(text)
