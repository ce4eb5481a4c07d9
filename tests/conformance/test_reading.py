"""What the engines read by themselves is what `core.read` reads, cell by cell: the types that a
source may store a column in, times the ways to read it, times the cells that go wrong."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conformance.strategies import PROFILE
from conformance.tables import DAY
from hypothesis import event, given, settings
from hypothesis import strategies as st
from reference.reading import read

from tieout.adapters.engines.duckdb.join import readable_sql
from tieout.adapters.engines.duckdb.staging import resolve_doubts, stage
from tieout.adapters.engines.polars import PolarsEngine
from tieout.adapters.files.settings import FileSettings
from tieout.adapters.files.source import FileSource
from tieout.adapters.frames import FrameSettings, FrameSource
from tieout.core.model import Quarantined, Value
from tieout.core.money import decimals
from tieout.core.read import Reading
from tieout.core.scan import Batches, Scan, TextRow
from tieout.core.schema import TRADES, ColumnType
from tieout.core.sign import SignColumn
from tieout.core.text import NumberStyle
from tieout.errors import SourceError

RECORDS = TRADES.with_extra({"note": ColumnType.TEXT})
NEEDED = {"symbol": "BTC", "quantity": "5", "price": "10", "timestamp": "2026-03-02T09:00:00Z"}
OTHERS = ("trade_id", "side", "fee", "settle_date", "note", "kind")
TEXTS = """
    TRD|trd|T RD|DIV|BTC|btc|BTCUSDT|B|b|Buy|SELL|s|1|2|1.0|1.50|0|-5|+5|5-|(5)|$5|1e3|1_000|1,000
    0,005|00,500|1.000|0.005|1 000|1,5|12345678901234567890|0.1234567890123456789|5e19|nan|true
    2026-03-02T09:00:00Z|2026-03-02 09:00:00|2026-03-02|2026-03-29T02:30:00|20260302|1772442000
    1772442000.5|9999-12-31|é|TRDé|~|#N/A
""".replace("\n", "|").split("|")
BLANKS = ["{}", " {}", "{} ", "\t{}", "{}\t", "\u00a0{}", "{}\u2003", "{}\x00", "\x1f{}"]
WHOLE = [0, 1, 2, -5, 5, 20260302, 1772442000, 2**53 - 1]
MOMENT = datetime(2026, 3, 2, 9, 0, 0)  # noqa: DTZ001 - each type has its own zone
NUMBERS = ["0", "1", "2", "-5", "1.5", "0.05", "20260302", "1772442000", "50000000000000000000"]


STRANGE = [-0.0, float("nan"), float("inf"), float("-inf")]


def padded(blanks: list[str]) -> list[str]:
    """Every text, with blanks around it."""
    return [blank.format(text) for text in [*TEXTS, ""] for blank in blanks]


def number(precision: int, scale: int) -> tuple[pa.DataType, list[Any]]:
    fit = [each for each in map(Decimal, NUMBERS) if abs(each) < Decimal(10) ** (precision - scale)]
    fit = [each for each in fit if decimals(each) <= scale]
    most = Decimal("9" * (precision - scale) + "." + "9" * scale)
    wide = pa.decimal128 if precision <= 38 else pa.decimal256
    return wide(precision, scale), [*fit, most]


def times(unit: str, zone: str | None) -> tuple[pa.DataType, list[Any]]:
    per = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    count = int(MOMENT.replace(tzinfo=UTC).timestamp()) * per
    summer = int(datetime(2026, 3, 29, 2, 30, tzinfo=UTC).timestamp()) * per
    early = -(5 * 10**9) * per  # the year 1811
    return pa.timestamp(unit, zone), [count, count + 1, summer, 0, -(10**8) * per, early]


TYPES: Mapping[str, tuple[pa.DataType, list[Any]]] = {
    "text": (pa.string(), padded(["{}", " {}", "{}\t"])),
    "category": (pa.dictionary(pa.int8(), pa.string()), TEXTS),
    "int64": (pa.int64(), [*WHOLE, 2**63 - 1]),
    "uint64": (pa.uint64(), [*map(abs, WHOLE), 2**64 - 1]),
    "int8": (pa.int8(), [0, 1, -5]),
    "double": (pa.float64(), [*map(float, WHOLE), 1.5, 0.1, 1e-7, 2.0**53, 1e300, *STRANGE]),
    "float": (pa.float32(), [0.0, 1.0, -5.0, 1.5, 0.1, 2.0**24, *STRANGE]),
    "decimal(10,2)": number(10, 2),
    "decimal(38,18)": number(38, 18),
    "decimal(38,20)": number(38, 20),
    "decimal(28,0)": number(28, 0),
    "decimal256": number(50, 20),
    "bool": (pa.bool_(), [True, False]),
    "null": (pa.null(), []),
    "date": (pa.date32(), [DAY, date(1, 1, 1), date(9999, 12, 31)]),
    "naive s": times("s", None),
    "naive us": times("us", None),
    "naive ns": times("ns", None),
    "utc us": times("us", "UTC"),
    "utc ns": times("ns", "UTC"),
    "zoned ms": times("ms", "America/New_York"),
}
KINDS = st.frozensets(
    st.sampled_from(["TRD", "1", "", "true", "1.5", "é", " TRD", "2026-03-02"]), max_size=3
)
MAPPING = st.dictionaries(
    st.sampled_from(["1", "1.5", "B", "BTC", "TRD", "5", "true", "2026-03-02", "é", " 1"]),
    st.sampled_from(["BTCUSDT", "BTC", "buy", "SELL", "7", "2026-03-05", "1772442000"]),
    min_size=1,
    max_size=5,
)
OPTIONS = {
    "floats": st.sampled_from(["refuse", "shortest"]),
    "timezone": st.sampled_from([None, "UTC", "Europe/Berlin"]),
    "numbers": st.sampled_from(
        [NumberStyle(), NumberStyle(".", ","), NumberStyle(",", "."), NumberStyle(".", " ")]
    ),
    "symbols": st.sampled_from([{"BTCUSDT": "BTC", "1": "ONE", "é": "E"}, {}]),
    "signed": st.booleans(),
}


@st.composite
def readings(draw: st.DrawFn) -> tuple[str, Reading]:
    """A column, and a way to read a source in which it is stored in any type."""
    column = draw(st.sampled_from([*NEEDED, *OTHERS, "symbol"]))
    options: dict[str, Any] = {name: draw(each) for name, each in OPTIONS.items()}
    if column == "kind":
        options[draw(st.sampled_from(["only", "skip"]))] = {"kind": draw(KINDS)}
        if draw(st.booleans()):
            words = frozenset({"trd", "1", "true"})
            options |= {"signed": False, "sign": SignColumn("kind", words, frozenset({"2", "é"}))}
    elif column == "symbol" or draw(st.booleans()):
        options["values"] = {column: draw(MAPPING)}
    if column in ("timestamp", "settle_date"):
        forms = ["iso", "%Y%m%d", *(["s", "ms", "ns"] if column == "timestamp" else [])]
        options["forms"] = {column: draw(st.sampled_from(forms))}
    return column, Reading("side", RECORDS, **options)


@st.composite
def tables(draw: st.DrawFn, column: str) -> pa.Table:
    """Plain rows, but for one column: all cells of a type."""
    type_, cells = TYPES[draw(st.sampled_from([*TYPES]))]
    values = [*cells, None]
    plain: dict[str, Any] = {
        "symbol": pa.array(["BTC"] * len(values)),
        "quantity": pa.array([5] * len(values)),
        "price": pa.array([10] * len(values)),
        "timestamp": pa.array([MOMENT] * len(values), pa.timestamp("us", "UTC")),
    }
    return pa.table({**plain, column: _array(values, type_)})


def _array(values: list[Any], type_: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(type_):
        return pa.array(values, pa.string()).dictionary_encode()
    if pa.types.is_timestamp(type_):
        return pa.array(values, pa.int64()).cast(type_)
    return pa.array(values, type_)


def seen_by_duckdb(scan: Scan, reading: Reading) -> tuple[Any, ...]:
    """Records by row number, and quarantine."""
    with closing(_database().cursor()) as con:
        staged = stage(con, "side", scan, reading)
        resolve_doubts(staged)
        names = ", ".join(f'"{name}"' for name in staged.columns)
        rows = con.execute(f"SELECT row, {names} FROM ({readable_sql(staged)})").fetchall()
        records = {row: dict(zip(staged.columns, cells, strict=True)) for row, *cells in rows}
        assert len(records) == len(rows)
        return records, unread(staged.quarantined)


def seen_by_polars(scan: Scan, reading: Reading) -> tuple[Any, ...]:
    """The same."""
    rows, quarantined = PolarsEngine().read(scan, reading)
    records = {record.row: dict(record.values) for record in rows}
    assert len(records) == len(rows)
    return records, unread(quarantined)


Seen = Callable[[Scan, Reading], tuple[Any, ...]]
engines = pytest.mark.parametrize("seen", [seen_by_duckdb, seen_by_polars])


@cache
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        config={"TimeZone": "UTC", "threads": 1, "autoinstall_known_extensions": False}
    )


def told(scan: Scan, reading: Reading) -> tuple[Any, ...]:
    """The same, as `core.read` reads the cells' texts."""
    known = read(scan, reading)
    return dict(known.rows), unread(known.quarantined)


def unread(rows: list[Quarantined]) -> dict[int, tuple[str | None, str, Mapping[str, Value]]]:
    return {row.row: (row.field, row.reason, row.values) for row in rows}


def check(seen: Seen, scan: Scan, reading: Reading) -> None:
    try:
        expected = told(scan, reading)
    except SourceError as refused:
        event("refused")
        try:
            seen(scan, reading)
        except SourceError as error:
            assert str(error) == str(refused)
            return
        raise AssertionError(f"not refused: {refused}") from None
    for found, known in zip(seen(scan, reading), expected, strict=True):
        rows = {*found, *known}
        differing = {row: (found.get(row), known.get(row)) for row in sorted(rows)}
        assert not {row: pair for row, pair in differing.items() if pair[0] != pair[1]}


MANY = settings(PROFILE, max_examples=2 * PROFILE.max_examples)


@engines
@MANY
@given(data=st.data())
def test_typed_columns_are_read_alike(seen: Seen, data: st.DataObject) -> None:
    column, reading = data.draw(readings())
    table = data.draw(tables(column))
    scan = FrameSource(table, FrameSettings("side", floats=reading.floats)).scan(business_date=DAY)
    check(seen, scan, reading)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "side.parquet"
        pq.write_table(table, path)
        files = FileSettings((str(path),), name="side", floats=reading.floats)
        with FileSource(files) as source:
            check(seen, source.scan(business_date=DAY), reading)


@engines
@PROFILE
@given(which=readings(), blanks=st.lists(st.sampled_from(BLANKS), min_size=2, max_size=2))
def test_texts_are_read_alike(seen: Seen, which: tuple[str, Reading], blanks: list[str]) -> None:
    column, reading = which
    rows: list[Any] = [
        TextRow(tuple({**NEEDED, column: cell}.values()), "side", number)
        for number, cell in enumerate([*padded(["{}", *blanks]), None], start=1)
    ]
    check(
        seen, Scan("side", Batches(tuple({**NEEDED, column: None}), lambda: iter([rows]))), reading
    )
