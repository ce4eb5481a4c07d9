"""`tieout.reconcile` on what is nearly nothing: empty lists, files that are not there."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tieout
from tieout import wiring
from tieout.config import load
from tieout.errors import SourceError, UsageError

Sides = tuple[Any, Any]
AS_OF = datetime(2026, 3, 2, 22, tzinfo=UTC)
POSITION = {"symbol": "AAPL", "quantity": "10", "as_of": "2026-03-02T16:00:00Z"}
ORDERS = [
    {"symbol": "AAPL", "quantity": "1", "order_id": "O1"},
    {"symbol": "AAPL", "quantity": "1", "order_id": None},
    {"symbol": "AAPL", "quantity": "2", "order_id": None},
]


EMPTY = pl.DataFrame(schema={"symbol": pl.String, "quantity": pl.String, "as_of": pl.String})


@pytest.mark.parametrize("sides", [([], [POSITION]), ([POSITION], []), (EMPTY, EMPTY), ([], [])])
def test_a_frame_without_rows_is_an_error_like_a_file_without_records(sides: Sides) -> None:
    with pytest.raises(SourceError, match="the frame has no rows") as caught:
        tieout.reconcile(*sides, "records: positions", as_of=AS_OF)
    assert "allow_empty" in str(caught.value)


@pytest.mark.parametrize("internal", [True, False])
def test_an_empty_list_is_a_side_without_records_where_it_may_be(internal: bool) -> None:
    sides = ([], [POSITION]) if internal else ([POSITION], [])
    report = tieout.reconcile(*sides, "records: positions", as_of=AS_OF, allow_empty=True)
    (found,) = report.breaks
    assert found.content["kind"] == ("MISSING_INTERNAL" if internal else "MISSING_EXTERNAL")


def test_two_empty_lists_agree_where_they_may_be_empty() -> None:
    assert tieout.reconcile([], [], "records: orders", as_of=AS_OF, allow_empty=True).clean


def test_the_rules_say_which_side_may_be_empty() -> None:
    rules = "{records: positions, internal: {allow_empty: true}}"
    report = tieout.reconcile([], [POSITION], rules, as_of=AS_OF)
    assert [each.content["kind"] for each in report.breaks] == ["MISSING_INTERNAL"]
    with pytest.raises(SourceError, match="the frame has no rows"):
        tieout.reconcile([POSITION], [], rules, as_of=AS_OF)


@pytest.mark.parametrize("as_of", ["2026-03-02T22:00:00Z", "2026-03-02T17:00:00-05:00"])
def test_as_of_may_be_a_text_with_a_zone(as_of: str) -> None:
    report = tieout.reconcile([POSITION], [POSITION], "records: positions", as_of=as_of)
    assert report.run.as_of == AS_OF


@pytest.mark.parametrize(
    ("as_of", "what"),
    [
        ("2026-03-02T22:00:00", "has no time zone"),
        (AS_OF.replace(tzinfo=None), "has no time zone"),
        ("yesterday", "is no time"),
        (date(2026, 3, 2), "is no time"),
        (1_772_488_800, "is no time"),
    ],
)
def test_an_as_of_that_is_no_instant_is_a_mistake_of_the_caller(as_of: Any, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        tieout.reconcile([POSITION], [POSITION], "records: positions", as_of=as_of)


def test_an_empty_list_has_the_columns_that_are_mapped() -> None:
    columns = "{columns: {order_id: Id}, only: {kind: [limit]}, allow_empty: true}"
    rules = f"{{records: orders, internal: {columns}}}"
    report = tieout.reconcile([], ORDERS[:1], rules, as_of=AS_OF)
    assert [each.content["kind"] for each in report.breaks] == ["MISSING_INTERNAL"]


def test_orders_without_an_id_are_told_apart_by_their_content() -> None:
    report = tieout.reconcile(ORDERS, ORDERS[:1], "records: orders", as_of=AS_OF)
    assert [each.content["kind"] for each in report.breaks] == ["MISSING_EXTERNAL"] * 2
    assert len({each.id for each in report.breaks}) == 2
    assert report.matched == 1


def test_orders_without_any_id_column_are_refused_with_a_reason() -> None:
    orders = [{"symbol": "AAPL", "quantity": "1"}]
    with pytest.raises(SourceError, match="no column that identifies its orders"):
        tieout.reconcile(orders, orders, "records: orders", as_of=AS_OF)


def test_two_sides_that_fail_are_told_one_after_the_other(tmp_path: Path) -> None:
    """Each with its place and hint on lines of their own; hidden files are not offered."""
    (tmp_path / ".nope.csv").touch()
    (tmp_path / "other.csv").touch()
    paths = [tmp_path / name for name in ("nowhere.csv", "nope.csv")]
    with pytest.raises(SourceError) as caught:
        tieout.reconcile(*paths, "records: trades", as_of=AS_OF)
    expected = []
    for side, path in zip(("internal", "external"), paths, strict=True):
        expected += [
            f"there is no file {str(path)!r}",
            f"  --> {side}, business date 2026-03-02",
            f"  hint: in {str(tmp_path)!r} there is: other.csv",
        ]
    assert str(caught.value).splitlines() == expected


def test_a_trailers_total_of_no_numbers_makes_a_side_incomplete(tmp_path: Path) -> None:
    """Also where the column is there, and holds texts."""
    path = tmp_path / "t.csv"
    path.write_text(
        "trade_id,symbol,quantity,price,timestamp\nT1,AAPL,2,10,2026-03-02T09:00:00Z\nTRL,5,6,2\n"
    )
    pattern = r"TRL,(?P<fee>\d+),(?P<symbol>\d+),(?P<quantity>\d+)"
    config = tmp_path / "tieout.yaml"
    config.write_text(
        "version: 1\nstore: 'sqlite://'\nsources:\n"
        f"  ours: {{type: file, path: t.csv, trailer: '{pattern}'}}\n"
        f"  theirs: {{type: file, path: t.csv, trailer: 'TRL.*'}}\n"
        "reconciliations:\n  trades: {records: trades, internal: ours, external: theirs}\n"
    )
    (outcome,) = run_of(config)
    assert outcome.row.status == "incomplete"
    assert outcome.row.internal is not None
    assert outcome.row.internal.reasons == (
        "there is no fee to add up, but the control total of fee is 5",
        "there is no symbol to add up, but the control total of symbol is 6",
    )


def run_of(config: Path) -> list[Any]:
    with closing(wiring.open_store("sqlite://")) as store:
        return wiring.run(load(config, {}), store=store, as_of=AS_OF)
