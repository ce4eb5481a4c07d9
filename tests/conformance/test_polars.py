"""What only the engine for snapshots does: the rest it shares with the others, see `engines.py`."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from conformance.comparison import drift, outcome
from conformance.outcomes import run
from conformance.tables import Carrier, Case
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.engine import ReferenceEngine

from tieout.adapters.answers import scan_of
from tieout.adapters.engines.polars import PolarsEngine
from tieout.core.model import Record, Side
from tieout.core.money import LIMIT, SCALE, subtract
from tieout.core.read import Reading
from tieout.core.rules import Measure, Rules, Tolerance
from tieout.core.scan import Frame, Scan
from tieout.core.schema import MOVEMENTS, POSITIONS, TRADES, ColumnType, RecordType
from tieout.errors import SourceError
from tieout.ports import MatchTask, Rows, SideTask

MEMORY = Carrier("batches", Path())
AS_OF = 1_763_000_000_000_000_001


def position(symbol: str, quantity: str, **more: str | None) -> Record:
    values = {"symbol": symbol, "quantity": Decimal(quantity), "as_of": AS_OF, **more}
    known = {"account": "main", "venue": "binance", "leg": None, "average_price": Decimal(1)}
    return Record({**known, **values}, {})


def frame_of(records: list[Record], type_: RecordType) -> Frame:
    columns = {name for record in records for name in record.values}
    rows = scan_of(Rows("side", Reading("side", type_), records, tuple(columns))).rows
    assert isinstance(rows, Frame)
    return rows


def task(internal: list[Record], external: list[Record], tolerance: str = "0") -> MatchTask:
    within = Tolerance(Measure.ABSOLUTE, Decimal(tolerance))
    compare = {"quantity": within, "average_price": within}
    sides = (
        SideTask(side, scan_of(Rows(side.value, layout, records, tuple(COLUMNS))), layout)
        for side, records in ((Side.INTERNAL, internal), (Side.EXTERNAL, external))
        for layout in (Reading(side.value, POSITIONS),)
    )
    return MatchTask(Rules("positions", "positions", compare=compare), *sides)


COLUMNS = position("BTC", "1").values


def test_only_what_may_break_leaves_the_engine() -> None:
    """Agreeing pairs, and those inside tolerance, are counted where they are."""
    ours = [position(f"S{number}", str(number)) for number in range(3_000)]
    theirs = [position(f"S{number}", f"{number}.01") for number in range(2_000)]
    theirs += [position(f"S{number}", str(number)) for number in range(2_000, 2_999)]
    theirs.append(position("S2999", "2999.011"))
    matching, candidates = run(PolarsEngine(), task(ours, theirs, "0.01"))
    assert (matching.agreed, matching.agreed_within) == (2_999, 2_000)
    (pair,) = candidates
    assert (pair.internal.values["symbol"], pair.external.values["symbol"]) == ("S2999", "S2999")
    assert {(each.column, each.symbol): each.total for each in matching.statistics} == {
        ("quantity", f"S{number}"): Decimal("0.01") for number in range(2_000)
    }


def test_a_side_without_records_is_matched() -> None:
    matching, candidates = run(PolarsEngine(), task([position("BTC", "1")], []))
    assert (matching.internal.rows, matching.external.rows, matching.agreed) == (1, 0, 0)
    assert [(each.side, each.record.row) for each in candidates] == [(Side.INTERNAL, 1)]


HUGE = Case(
    "sums",
    "trade_id, fee\n" + "\n".join(f"T{number}, 40000000000000000000.5" for number in range(5)),
    "trade_id, fee\n" + "\n".join(f"T{number}, 1" for number in range(5)),
    "",
    on="trade_id",
    compare="fee=45000000000000000000",
)


def test_summed_differences_are_exact_beyond_what_the_engine_adds_up() -> None:
    """Polars ends at 1e20."""
    expected = drift(ReferenceEngine(), HUGE.task(MEMORY), ticks={})
    assert drift(PolarsEngine(), HUGE.task(MEMORY), ticks={}) == expected
    matching, _ = run(PolarsEngine(), HUGE.task(MEMORY))
    (fee,) = matching.statistics
    assert (fee.pairs, fee.total) == (5, Decimal("199999999999999999997.5"))


NAMELESS = Case(
    "nameless",
    "trade_id, symbol, fee\n T1, none, 1",
    "trade_id, symbol, fee\n T1, ETH, 3",
    "",
    on="trade_id",
    ignore="symbol",
    overrides={"": "fee=7"},
    reading={"values": {"symbol": {"none": ""}}},
)


def test_an_empty_symbol_has_the_tolerance_of_the_other_side() -> None:
    _, (pair,) = run(PolarsEngine(), NAMELESS.task(MEMORY))
    assert (pair.internal.values["symbol"], pair.external.values["symbol"]) == ("", "ETH")


def test_a_column_of_two_types_is_compared_in_memory() -> None:
    """Sources may extend the contract by columns of one name and another type."""
    sides = "trade_id, ref, quantity\n T1, 7, 1\n T2, 8, 2"
    case = Case("types", sides, sides, "", on="trade_id ref", extra={"ref": ColumnType.TEXT})
    mixed = case.task(MEMORY)
    other = TRADES.with_extra({"ref": ColumnType.DECIMAL})
    external = SideTask(
        Side.EXTERNAL,
        mixed.external.scan,
        Reading("external", other, constants=mixed.external.reading.constants),
    )
    mixed = MatchTask(mixed.rules, mixed.internal, external)
    assert outcome(PolarsEngine(), mixed) == outcome(ReferenceEngine(), mixed)


numbers = st.decimals(-LIMIT, LIMIT, places=SCALE).filter(lambda number: abs(number) < LIMIT)
texts = st.text(min_size=1, max_size=5).filter(lambda text: text == text.strip() != "")


@settings(max_examples=60)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"movement_id": texts.filter(lambda text: "\x00" not in text), "amount": numbers},
            optional={
                "reference": st.none(),
                "timestamp": st.integers(-(2**62), 2**62),
                "note": texts.filter(lambda text: "\x00" not in text),
                "day": st.none() | st.dates(),
            },
        ),
        min_size=1,
    )
)
def test_records_come_back_from_their_frame(rows: list[dict[str, object]]) -> None:
    type_: RecordType = MOVEMENTS.with_extra({"note": ColumnType.TEXT, "day": ColumnType.DATE})
    needed = {"currency": "USD", "kind": "deposit", "timestamp": AS_OF}
    needed = {name: value for name, value in needed.items() if name in type_.columns}
    records = [Record({**needed, **row}, {}) for row in rows]
    read, bad = PolarsEngine().read(Scan("side", frame_of(records, type_)), Reading("side", type_))
    assert not bad
    present = {name for record in records for name in record.values}
    wanted = [{name: each.values.get(name) for name in present} for each in records]
    assert [dict(each.values) for each in read] == wanted
    assert [each.row for each in read] == list(range(1, len(rows) + 1))


def test_dates_that_python_does_not_have_are_quarantined() -> None:
    days = pa.array([0, 10**7, -(10**6)], pa.int32()).view(pa.date32())
    record = Record({"trade_id": "T", "symbol": "BTC", "price": Decimal(1)}, {})
    values = {"quantity": Decimal(1), "timestamp": AS_OF, "trade_date": date(2026, 3, 2)}
    frame = frame_of([Record({**record.values, **values}, {})] * 3, TRADES)
    at = frame.table.column_names.index("trade_date")
    frame = type(frame)(
        frame.table.set_column(at, "trade_date", days), frame.columns, frame.types, 3
    )
    read, bad = PolarsEngine().read(Scan("side", frame), Reading("side", TRADES))
    assert [each.values["trade_date"] for each in read] == [date(1970, 1, 1)]
    assert [(each.row, each.field, each.reason) for each in bad] == [
        (2, "trade_date", "it is outside the years 1 to 9999"),
        (3, "trade_date", "it is outside the years 1 to 9999"),
    ]


def test_cells_of_no_column_can_make_a_row_unreadable() -> None:
    """A cell without a text where `only` looks, and one in a column that has no name."""
    table = pa.table(
        [
            ["BTC"] * 4,
            [1] * 4,
            ["2026-03-02"] * 4,
            [b"fill", None, b"", None],
            ["", " ", None, "x"],
        ],
        names=["symbol", "quantity", "as_of", "kind", ""],
    )
    types = ("text", "integer", "text", "other", "text")
    frame = Frame(table, tuple(table.column_names), types, 4)
    skip = {"kind": frozenset({"note"})}
    reading = Reading("side", POSITIONS, timezone="UTC", skip=skip)
    read, bad = PolarsEngine().read(Scan("side", frame), reading)
    assert [each.row for each in read] == [2]
    assert [(each.row, each.field) for each in bad] == [(1, "kind"), (3, "kind"), (4, None)]


@pytest.mark.parametrize("digits", [38, 28])
def test_numbers_of_which_a_difference_may_not_fit_are_quarantined(digits: int) -> None:
    least = Decimal("1e-18") if digits == 38 else Decimal(1)
    numbers = [subtract(LIMIT, least), subtract(least, LIMIT), LIMIT, -LIMIT]
    frame = frame_of([position("BTC", "1")] * 4, POSITIONS)
    column = pa.array(numbers, pa.decimal128(digits, SCALE if digits == 38 else 0))
    table = frame.table.set_column(frame.columns.index("quantity"), "quantity", column)
    frame = Frame(table, frame.columns, frame.types, 4)
    read, bad = PolarsEngine().read(Scan("side", frame), Reading("side", POSITIONS))
    assert [each.values["quantity"] for each in read] == numbers[:2]
    assert [(each.row, each.field) for each in bad] == [(3, "quantity"), (4, "quantity")]


def test_bytes_that_are_no_text_are_refused() -> None:
    """Polars takes for granted that texts are UTF-8."""
    good = frame_of([position("BTC", "1")], POSITIONS)
    bad = pa.array([b"\xff\xfe"]).view(pa.string())
    at = good.columns.index("symbol")
    frame = Frame(good.table.set_column(at, "symbol", bad), good.columns, good.types, 1)
    with pytest.raises(SourceError, match=r"cannot be read: Column 2: .*UTF8"):
        PolarsEngine().read(Scan("side", frame), Reading("side", POSITIONS))


def test_a_table_without_chunks_is_empty() -> None:
    good = frame_of([position("BTC", "1")], POSITIONS)
    none = pa.Table.from_batches([], good.table.schema)
    frame = Frame(none, good.columns, good.types, 0)
    assert PolarsEngine().read(Scan("side", frame), Reading("side", POSITIONS)) == ([], [])


@pytest.mark.parametrize("kind", ["batches", "frame"])
def test_rows_that_are_left_out_are_counted(kind: str) -> None:
    rows = "trade_id, kind, quantity\n T1, fill, 1\n T2, note, x\n T3, , 1\n T4, fill, x"
    options = {"only": {"kind": frozenset({"fill"})}}
    case = Case("skipped", rows, "trade_id\n T1", "", internal_reading=options)
    matching, _ = run(PolarsEngine(), case.task(Carrier(kind, Path())))
    facts = matching.internal
    assert (facts.rows, facts.skipped, len(facts.quarantined)) == (1, 2, 1)


@pytest.mark.parametrize("module", ["polars", "tieout.adapters.engines.polars.engine"])
def test_without_polars_the_extra_is_named(module: str) -> None:
    code = (
        "import sys; sys.modules['polars'] = None\n"
        "from tieout.errors import MissingExtra\n"
        f"try: import {'tieout.adapters.engines.' * (module == 'polars')}{module}\n"
        "except MissingExtra as error: print(error, error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "the live engine" in done.stdout
    assert "tieout[live]" in done.stdout
