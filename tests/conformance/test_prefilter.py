"""What `decide` breaks, `may_break` keeps: on every engine, for pairs at a tolerance's edge."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw
import polars as pl
import pyarrow as pa
import pytest
from conformance.comparison import bench_of
from conformance.strategies import PROFILE, TICKS
from conformance.tables import Carrier, Case
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.decide import Bench, decide
from tieout.core.model import Break, Pair, Record, Value
from tieout.core.money import LIMIT, fits
from tieout.core.prefilter import may_break
from tieout.core.rules import Measure, PnlCheck

DOWN, UP = Context(prec=200, rounding=ROUND_FLOOR), Context(prec=200, rounding=ROUND_CEILING)
UNIT = Decimal("1e-18")
NUMBERS = ("quantity", "price", "fee")
COLUMNS = ("symbol", "trade_id", "side", *NUMBERS, "timestamp", "settle_date")
ARROW = {
    **dict.fromkeys(("symbol", "trade_id", "side"), pa.string()),
    **dict.fromkeys(NUMBERS, pa.decimal128(38, 18)),
    "timestamp": pa.int64(),
    "settle_date": pa.date32(),
}
TOLERANCES = (
    "", "fee=0", "fee=0.000000000000000001", "fee=0.005", "fee=49999999999999999999.5",
    "fee=99999999999999999999", "fee=1000000000000000000000", "fee=0.0000000000000000001",
    "fee=1%", "fee=100%", "fee=0.1%", "fee=33.3333333333333333%", "fee=0.0000000000000001%",
    "fee=0.00000000000000001%", "fee=99.9999999999999999%", "fee=0%", "fee=2ticks",
    "fee=1% timestamp=100ms", "timestamp=1ns", "timestamp=9000000000s",
    "quantity=1% price=0.5 fee=1ticks",
)
OVERRIDES = ({}, {}, {"BTC": "fee=exact"}, {"BTC": "fee=5%", "ETH": "timestamp=1s"})
CHECKS = ((), (), ("as-given", "1.0"), ("cash", "0"), ("cash", "0.000000000000000001"))


def amounts() -> st.SearchStrategy[Decimal]:
    """Numbers that a record may hold: any digits, and the ends of the range."""
    digits = st.integers(-(10**38) // 2 + 1, 10**38 // 2 - 1)
    small = st.integers(-200, 200).map(Decimal)
    return st.one_of(
        digits.map(lambda number: Decimal(number).scaleb(-18, DOWN)),
        small,
        st.integers(-(10**22), 10**22).map(lambda number: Decimal(number).scaleb(-18, DOWN)),
        st.sampled_from([UNIT, -UNIT, Decimal(0), LIMIT - UNIT, UNIT - LIMIT, Decimal("10.005")]),
    )


@st.composite
def partners(draw: st.DrawFn, case: Case, number: Decimal, column: str) -> Decimal | None:
    """A number that is just inside the tolerance from `number`, at its edge, or just outside."""
    tolerance = case.rules.tolerance(column, draw(st.sampled_from(("BTC", "ETH"))))
    magnitude = max(number.copy_abs(), draw(amounts()).copy_abs() if draw(st.booleans()) else 0)
    apart = {
        Measure.RELATIVE: DOWN.multiply(tolerance.amount, magnitude),
        Measure.TICKS: DOWN.multiply(tolerance.amount, Decimal(TICKS["BTC"])),
    }.get(tolerance.measure, tolerance.amount)
    context = draw(st.sampled_from((DOWN, UP)))
    apart = apart.quantize(UNIT, context=context)
    moved = context.add(number, apart.copy_negate() if draw(st.booleans()) else apart)
    moved = DOWN.add(moved, UNIT * draw(st.integers(-2, 2)))
    return draw(st.sampled_from((moved, number, number.copy_negate(), None, Decimal(0)))) \
        if draw(st.integers(0, 5)) == 0 else moved


@st.composite
def pairs(draw: st.DrawFn, case: Case) -> Pair:
    internal: dict[str, Value] = {
        "symbol": draw(st.sampled_from(("BTC", "ETH"))),
        "trade_id": "T1",
        "side": draw(st.sampled_from(("buy", "sell", None))),
        "timestamp": draw(st.integers(-(2**62), 2**62 - 1)),
        "settle_date": draw(st.sampled_from((None, date(2026, 3, 4)))),
    }
    external = dict(internal)
    for column in NUMBERS:
        number = draw(amounts() if column == "fee" else amounts().map(Decimal.copy_abs))
        other = draw(partners(case, number, column))
        internal[column] = number
        external[column] = other if other is not None and fits(other) else number
        if column == "fee" and draw(st.integers(0, 9)) == 0:
            external[column] = None
    if draw(st.booleans()):
        internal["quantity"], internal["price"] = Decimal(3), Decimal("33.333333333333333333")
    if draw(st.integers(0, 3)):  # most often nothing but the fee differs
        external["quantity"], external["price"] = internal["quantity"], internal["price"]
    window = int(case.rules.tolerance("timestamp", str(internal["symbol"])).amount)
    shift = draw(st.sampled_from((0, 0, 1, -1, window, window + 1, -window, -window - 1)))
    external["timestamp"] = max(-(2**62), min(2**62 - 1, int(str(internal["timestamp"])) + shift))
    if draw(st.integers(0, 9)) == 0:
        external["settle_date"] = date(2026, 3, 4) + timedelta(days=1)
    if draw(st.integers(0, 9)) == 0:
        external["symbol"] = "ETH"
    checked = draw(check_rows(case, internal)) if case.checks else {}
    return Pair(Record(internal, {}), Record(external, {}), 0, checked)


@st.composite
def check_rows(draw: st.DrawFn, case: Case, trade: dict[str, Any]) -> dict[int, Record]:
    """A PnL row at the edge of the check's tolerance, if the number fits a record."""
    (check,) = case.rules.checks
    value = DOWN.multiply(trade["price"], trade["quantity"])
    if check.pnl is PnlCheck.CASH and trade["side"] != "sell":
        value = value.copy_negate()
    sign = draw(st.sampled_from((Decimal(1), Decimal(-1))))
    impact = DOWN.add(DOWN.subtract(value, trade["fee"]), check.tolerance * sign)
    impact = DOWN.add(impact, UNIT * draw(st.integers(-2, 2)))
    if impact.copy_abs() >= LIMIT or draw(st.integers(0, 9)) == 0:
        return {}
    impact = impact.quantize(UNIT, context=draw(st.sampled_from((DOWN, UP))))
    return {0: Record({"pnl_impact": impact}, {})}


@st.composite
def boundaries(draw: st.DrawFn) -> tuple[Case, list[Pair]]:
    formula = draw(st.sampled_from(CHECKS))
    header = ",".join(COLUMNS)
    case = Case(
        "drawn",
        header,
        header,
        "",
        compare=draw(st.sampled_from(TOLERANCES)),
        overrides=draw(st.sampled_from(OVERRIDES)),
        checks=((*formula[:1], "trade_id", *formula[1:], "trade_id,pnl_impact"),) if formula else (),
        ticks=TICKS,
    )
    return case, draw(st.lists(pairs(case), min_size=1, max_size=12))


def joined(found: list[Pair]) -> pa.Table:
    """The pairs as an engine joins them."""
    columns: dict[str, pa.Array] = {"number": pa.array(range(len(found)))}
    for side in ("internal", "external"):
        for name in COLUMNS:
            cells = [getattr(pair, side).values[name] for pair in found]
            columns[f"{side}_{name}"] = pa.array(cells, ARROW[name])
    rows = [pair.checked[0].values if 0 in pair.checked else {} for pair in found]
    impacts = [row.get("pnl_impact") for row in rows]
    fees = [pair.internal.values["fee"] for pair in found]
    columns["check0_pnl_impact"] = pa.array(impacts, pa.decimal128(38, 18))
    columns["check0_commission"] = pa.array(fees, pa.decimal128(38, 18))
    return pa.table(columns)


def kept_by_polars(table: pa.Table, keep: nw.Expr) -> set[int]:
    frame = nw.from_native(pl.from_arrow(table), eager_only=True)
    return set(frame.filter(keep)["number"].to_list())


def kept_by_duckdb(table: pa.Table, keep: nw.Expr) -> set[int]:
    with duckdb.connect() as connection:
        frame = nw.from_native(connection.from_arrow(table))
        return set(frame.filter(keep).select("number").collect("pyarrow")["number"].to_list())


@pytest.mark.parametrize("kept", [kept_by_polars, kept_by_duckdb])
@PROFILE
@given(drawn=boundaries())
def test_what_decide_breaks_may_break_keeps(
    kept: Callable[[pa.Table, nw.Expr], set[int]], drawn: tuple[Case, list[Pair]]
) -> None:
    case, found = drawn
    bench = bench_of(case.task(Carrier("batches", Path())), case.ticks)
    broken = {n for n, pair in enumerate(found) if isinstance(decide(pair, bench), Break)}
    missed = broken - kept(joined(found), may_break(bench.plan, case.rules))
    assert not missed, [found[number] for number in missed]


@pytest.mark.parametrize("kept", [kept_by_polars, kept_by_duckdb])
def test_equal_pairs_are_not_kept(kept: Callable[[pa.Table, nw.Expr], set[int]]) -> None:
    """The filter filters: pairs that agree, or are well inside a tolerance, stay behind."""
    values: dict[str, Value] = {
        "symbol": "BTC", "trade_id": "T1", "side": "buy", "quantity": Decimal(1),
        "price": Decimal(100), "fee": None, "timestamp": 0, "settle_date": None,
    }
    near = {**values, "price": Decimal("100.5"), "timestamp": 1}
    header = ",".join(COLUMNS)
    case = Case("near", header, header, "", compare="price=1% timestamp=1ms")
    bench: Bench = bench_of(case.task(Carrier("batches", Path())))
    found = [Pair(Record(values, {}), Record(other, {})) for other in (values, near)]
    assert kept(joined(found), may_break(bench.plan, case.rules)) == set()
