"""Frames as sources: types, exactness, and no guess where a column is mixed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from source_rows import DAY

from tieout.adapters.frames import FrameSettings, FrameSource, physical
from tieout.core.physical import Physical
from tieout.core.scan import Controls, Frame, Scan
from tieout.errors import SourceError, UsageError

MOMENT = datetime(2026, 3, 2, 9, tzinfo=UTC)
NAIVE = datetime(2026, 3, 2, 9)  # noqa: DTZ001


def scan(frame: object, **settings: Any) -> Scan:
    return FrameSource(frame, FrameSettings("book", **settings)).scan(business_date=DAY)


def columns(frame: object, **settings: Any) -> dict[str, tuple[str, list[Any]]]:
    rows = scan(frame, **settings).rows
    assert isinstance(rows, Frame)
    values = pa.table(rows.table).to_pydict()
    assert all(len(each) == rows.rows for each in values.values())
    return {
        name: (type_, values[name]) for name, type_ in zip(rows.columns, rows.types, strict=True)
    }


def test_polars_types() -> None:
    frame = pl.DataFrame(
        {
            "text": ["a", None],
            "category": pl.Series(["x", "y"], dtype=pl.Categorical),
            "enum": pl.Series(["x", "y"], dtype=pl.Enum(["x", "y"])),
            "number": [1, 2],
            "exact": pl.Series([Decimal("0.1"), Decimal("1e-18")], dtype=pl.Decimal(38, 18)),
            "utc": [MOMENT, None],
            "naive": [NAIVE, None],
            "day": [DAY, None],
            "flag": [True, None],
            "none": [None, None],
            "list": [[1], []],
        }
    )
    for each in (frame, frame.lazy()):
        read = columns(each)
        assert {name: type_ for name, (type_, _) in read.items()} == {
            "text": "text",
            "category": "text",
            "enum": "text",
            "number": "integer",
            "exact": "decimal",
            "utc": "utc_time",
            "naive": "naive_time",
            "day": "date",
            "flag": "text",
            "none": "text",
            "list": "other",
        }
        assert read["exact"][1] == [Decimal("0.1"), Decimal("1e-18")]
        assert read["category"][1] == read["enum"][1] == ["x", "y"]
        assert read["flag"][1] == ["true", None]


def test_pandas_types() -> None:
    frame = pd.DataFrame(
        {
            "text": ["a", None],
            "exact": [Decimal("0.1"), Decimal("1e-18")],
            "category": pd.Series(["x", "y"], dtype="category"),
            "gap": [1, None],
            "integer": pd.Series([1, None], dtype="Int64"),
            "utc": pd.to_datetime(["2026-03-02T09:00:00.123456789Z", None], utc=True),
        }
    )
    read = columns(frame)
    assert read["text"] == ("text", ["a", None])
    assert read["exact"] == ("decimal", [Decimal("0.1"), Decimal("1e-18")])
    assert read["category"] == ("text", ["x", "y"])
    assert read["gap"] == ("float", [1.0, None])
    assert read["integer"] == ("integer", [1, None])
    assert read["utc"][0] == "utc_time"
    assert read["utc"][1][0].value % 1000 == 789


def test_arrow_tables_are_not_copied() -> None:
    table = pa.table({"id": ["a"], "q": pa.array([1], pa.int64())})
    rows = scan(table).rows
    assert isinstance(rows, Frame)
    assert rows.table is table


def test_a_reader_is_read_once_and_kept() -> None:
    batch = pa.record_batch({"id": ["a", "b"]})
    source = FrameSource(
        pa.RecordBatchReader.from_batches(batch.schema, [batch]), FrameSettings("book")
    )
    for _ in range(2):
        rows = source.scan(business_date=DAY).rows
        assert isinstance(rows, Frame)
        assert rows.table.to_pydict() == {"id": ["a", "b"]}


def test_dicts_are_a_frame() -> None:
    read = columns([{"id": "a", "q": Decimal("0.1")}, {"id": "b", "fee": 1}])
    assert read == {
        "id": ("text", ["a", "b"]),
        "q": ("decimal", [Decimal("0.1"), None]),
        "fee": ("integer", [None, 1]),
    }


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([1, Decimal("2.50")], ["1", "2.5"]),
        ([1, "x"], ["1", "x"]),
        ([True, 1], ["true", "1"]),
        ([Decimal("NaN"), Decimal(1)], ["NaN", "1"]),
        ([Decimal("NaN")], ["NaN"]),
        ([2**70], [str(2**70)]),
        ([Decimal("1e40")], ["1" + "0" * 40]),
        ([Decimal("1e-60"), Decimal("1e30")], ["0." + "0" * 59 + "1", "1" + "0" * 30]),
        ([DAY, NAIVE], ["2026-03-02", "2026-03-02T09:00:00"]),
        ([MOMENT, NAIVE], ["2026-03-02T09:00:00+00:00", "2026-03-02T09:00:00"]),
        ([NAIVE, MOMENT], ["2026-03-02T09:00:00", "2026-03-02T09:00:00+00:00"]),
    ],
)
def test_what_arrow_would_guess_is_read_as_text(values: list[Any], texts: list[str]) -> None:
    """Arrow cuts a time beside a date, takes naive for UTC, and a NaN for absent."""
    assert columns([{"x": value} for value in values])["x"] == ("text", texts)
    series = pd.Series(values, dtype=object)
    assert columns(pd.DataFrame({"x": series}))["x"] == ("text", texts)


def test_an_index_with_a_name_is_not_dropped() -> None:
    """An account in the index is no column: without it two accounts are one."""
    frame = pd.DataFrame({"trade_id": ["T1"], "account": ["B"]}).set_index("account")
    with pytest.raises(UsageError, match="index is named 'account': it may be data"):
        scan(frame)
    assert scan(frame.reset_index()).rows.columns == ("account", "trade_id")


def test_absent_cells_of_pandas_objects_are_absent() -> None:
    frame = pd.DataFrame({"x": pd.Series([1, float("nan"), None, pd.NA, "b"], dtype=object)})
    assert columns(frame)["x"] == ("text", ["1", None, None, None, "b"])


def test_decimals_of_any_width_keep_their_digits() -> None:
    values = [Decimal("1.50"), Decimal("1e-20"), Decimal("1e29"), None]
    table = pa.table({"q": pa.array(values, pa.decimal256(60, 20))})
    texts = ["1.5", "0.00000000000000000001", "1" + "0" * 29, None]
    assert columns(table)["q"] == ("text", texts)


def test_floats_among_others_are_refused_unless_accepted() -> None:
    rows = [{"x": "a"}, {"x": 0.5}]
    with pytest.raises(SourceError, match="column 'x' holds binary floats"):
        columns(rows)
    assert columns(rows, floats="shortest")["x"] == ("text", ["a", "0.5"])
    assert columns([{"x": "a"}, {"x": 5.0}])["x"] == ("text", ["a", "5"])
    with pytest.raises(SourceError, match="column 'x' holds binary floats"):
        columns([{"x": "a"}, {"x": 2.0**60}])  # an id of which digits may be lost


def test_shortest_floats_are_announced() -> None:
    frame = pl.DataFrame({"q": [0.1], "id": ["a"]})
    assert scan(frame, floats="shortest").notes == (
        "binary floats are read as their shortest decimals: q",
    )
    assert scan(frame).notes == ()
    assert scan(frame, floats="shortest", used=frozenset({"id"})).notes == ()


def test_no_rows_need_a_reason() -> None:
    frame = pl.DataFrame({"id": []}, schema={"id": pl.String})
    with pytest.raises(SourceError, match="the frame has no rows"):
        scan(frame)
    assert scan(frame, allow_empty=True).allow_empty
    assert scan(frame, controls=Controls(rows=0)).allow_empty
    assert scan(frame, is_holiday=lambda day: day == DAY).allow_empty


@pytest.mark.parametrize(
    "frame", [3, "trades.csv", {"id": [1]}, [1, 2], pd.Series([1]), pl.Series([1]), None]
)
def test_what_is_no_frame_is_a_mistake_of_the_caller(frame: object) -> None:
    with pytest.raises(UsageError, match="book"):
        scan(frame)


def test_columns_have_one_name_each() -> None:
    with pytest.raises(SourceError, match="'a' more than once"):
        scan(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(SourceError, match="'a' more than once"):
        scan(pa.table([[1], [2]], names=["a", "a"]))


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        (pa.string(), Physical.TEXT),
        (pa.large_string(), Physical.TEXT),
        (pa.string_view(), Physical.TEXT),
        (pa.dictionary(pa.int8(), pa.string()), Physical.TEXT),
        (pa.uint64(), Physical.INTEGER),
        (pa.decimal128(38, 18), Physical.DECIMAL),
        (pa.float32(), Physical.FLOAT),
        (pa.timestamp("ns"), Physical.NAIVE_TIME),
        (pa.timestamp("ns", "Europe/London"), Physical.UTC_TIME),
        (pa.date64(), Physical.DATE),
        (pa.time64("us"), Physical.OTHER),
        (pa.binary(), Physical.OTHER),
        (pa.struct([("a", pa.int8())]), Physical.OTHER),
    ],
)
def test_arrow_types_are_known(type_: pa.DataType, kind: Physical) -> None:
    assert physical(type_) is kind


def test_the_date_of_the_run_is_asked_for() -> None:
    asked: list[date] = []
    scan(pl.DataFrame({"id": ["a"]}), is_holiday=lambda day: bool(asked.append(day)))
    assert asked == [DAY]


def test_no_dicts_at_all_have_every_column_that_is_read() -> None:
    used = frozenset({"symbol", "quantity"})
    assert columns([], used=used, allow_empty=True) == {
        "quantity": ("text", []),
        "symbol": ("text", []),
    }
