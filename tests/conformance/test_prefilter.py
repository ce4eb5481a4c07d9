"""What `decide` breaks, `may_break` keeps: on every engine, for pairs at a tolerance's edge."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import narwhals as nw
import polars as pl
import pyarrow as pa
import pytest
from conformance.comparison import bench_of
from conformance.strategies import PROFILE, TICKS
from conformance.tables import Carrier, Case
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.core.bench import Bench
from tieout.core.bounds import bounds_of
from tieout.core.decide import decide
from tieout.core.model import Break, Pair, Record, Value
from tieout.core.money import LIMIT, fits
from tieout.core.prefilter import may_break, symbol_columns
from tieout.core.rules import Measure, PnlCheck
from tieout.core.schema import ColumnType

DOWN, UP = Context(prec=200, rounding=ROUND_FLOOR), Context(prec=200, rounding=ROUND_CEILING)
UNIT = Decimal("1e-18")
NUMBERS = ("quantity", "price", "fee")
SYMBOLS = ("BTC", "BTC", "ETH", "SOL", "DOT")
"""`DOT` is the one without an override and with a tick."""
ANY_SYMBOL = (*SYMBOLS, "", None)
"""Where symbols are not compared. A mapping of values may have made an empty text of one."""
OTHERS: dict[str, tuple[Value, ...]] = {
    "symbol": SYMBOLS,
    "trade_id": ("t1", "T2", None),
    "side": ("buy", "sell", None),
    "settle_date": (None, date(2026, 3, 5)),
}
VARIED = (*OTHERS, *NUMBERS, "timestamp")
COLUMNS = ("symbol", "trade_id", "side", *NUMBERS, "timestamp", "settle_date")
ARROW = {
    **dict.fromkeys(("symbol", "trade_id", "side"), pa.string()),
    **dict.fromkeys(NUMBERS, pa.decimal128(38, 18)),
    "timestamp": pa.int64(),
    "settle_date": pa.date32(),
}
TOLERANCES = (
    "",
    "fee=0",
    "fee=0.000000000000000001",
    "fee=0.005",
    "fee=49999999999999999999.5",
    "fee=99999999999999999999",
    "fee=1000000000000000000000",
    "fee=0.0000000000000000001",
    "fee=1%",
    "fee=100%",
    "fee=0.1%",
    "fee=33.3333333333333333%",
    "fee=0.0000000000000001%",
    "fee=0.00000000000000001%",
    "fee=99.9999999999999999%",
    "fee=0%",
    "fee=2ticks",
    "fee=1% timestamp=100ms",
    "timestamp=1ns",
    "timestamp=9000000000s",
    "quantity=1% price=0.5 fee=1ticks",
)
OVERRIDES = (
    {},
    {},
    {"BTC": "fee=exact"},
    {"BTC": "fee=5%", "ETH": "timestamp=1s"},
    {"BTC": "fee=0.01", "ETH": "fee=0.0123%", "SOL": "fee=3ticks", "": "fee=7"},
    {"BTC": "fee=3ticks timestamp=3ns", "ETH": "fee=1000000000000000000000", "SOL": "fee=exact"},
    {"BTC": "fee=100% price=0.25", "SOL": "fee=0.0000000000000001% price=1%", "ETH": "fee=0%"},
    {"BTC": "timestamp=9000000000000s", "ETH": "timestamp=exact fee=0.0000000000000000019"},
    {"ETH": "side=1% timestamp=1% fee=5s"},
)
TICK_SIZES = TICKS | {"DOT": "0.0000000000000003", "ETH": "-0.5"}
CHECKS = ((), (), ("as-given", "1.0"), ("cash", "0"), ("cash", "0.000000000000000001"))


def amount(random: Random) -> Decimal:
    """A number that a record may hold: any digits, few digits, and the ends of the range."""
    digits = random.choice((2, 4, 19, 22, 38))
    number = random.randrange(-(10**digits) // 2 + 1, 10**digits // 2)
    ends = (UNIT, -UNIT, Decimal(0), LIMIT - UNIT, UNIT - LIMIT, Decimal("10.005"))
    if random.random() < 0.2:
        return random.choice(ends)
    return Decimal(number).scaleb(-random.choice((0, 2) if digits < 19 else (18,)), DOWN)


def partner(random: Random, case: Case, number: Decimal, column: str) -> Decimal:
    """A number just inside the tolerance from `number`, at its edge, or just outside."""
    symbol = random.choice(("BTC", "ETH", "SOL", "DOT", None))
    tolerance = case.rules.tolerance(column, symbol)
    if random.random() < 0.1:
        return random.choice((number, number.copy_negate(), Decimal(0)))
    sign, context = random.choice((1, -1)), random.choice((DOWN, UP))
    if tolerance.measure is Measure.RELATIVE and random.random() < 0.5:  # of the other one
        whole = context.subtract(1, tolerance.amount)
        moved = context.divide(number, whole) if whole else context.add(number, number)
    else:
        apart = {
            Measure.RELATIVE: DOWN.multiply(tolerance.amount, number.copy_abs()),
            Measure.TICKS: DOWN.multiply(tolerance.amount, Decimal(case.ticks.get(symbol, "1"))),
        }.get(tolerance.measure, tolerance.amount)
        moved = context.add(number, context.multiply(sign, apart))
    moved = context.quantize(moved, UNIT)
    return DOWN.add(moved, UNIT * random.randint(-2, 2))


def pair(random: Random, case: Case) -> Pair:
    """Two equal records, but for one column (or a check), so that nothing else keeps the pair."""
    internal: dict[str, Any] = {
        "symbol": random.choice(SYMBOLS),
        "trade_id": "T1",
        "side": random.choice(("buy", "sell", None)),
        "quantity": random.choice((amount(random).copy_abs(), Decimal(3))),
        "price": random.choice((amount(random), Decimal("33.333333333333333333"))),
        "fee": random.choice((amount(random), Decimal(1))),
        "timestamp": random.randrange(-(2**62), 2**62),
        "settle_date": random.choice((None, date(2026, 3, 4))),
    }
    external = dict(internal)
    if "symbol" in case.rules.ignore:
        internal["symbol"] = random.choice(ANY_SYMBOL)
        external["symbol"] = random.choice(ANY_SYMBOL)
    listed = [*case.rules.compare, *(name for own in case.rules.overrides.values() for name in own)]
    varied = random.choice(listed if listed and random.random() < 0.7 else VARIED)
    if case.checks and random.random() < 0.7:
        return Pair(
            Record(internal, {}), Record(external, {}), 0, check_row(random, case, internal)
        )
    if varied == "fee" and random.random() < 0.1:
        external[varied] = None
    elif varied in NUMBERS:
        other = partner(random, case, internal[varied], varied)
        external[varied] = other if fits(other) else internal[varied]
    elif varied == "timestamp":
        symbol = internal["symbol"] or external["symbol"]
        window = int(case.rules.tolerance("timestamp", symbol).amount)
        shift = random.choice((1, -1, window, window + 1, -window, -window - 1))
        external[varied] = max(-(2**62), min(2**62 - 1, internal[varied] + shift))
    else:
        external[varied] = random.choice(OTHERS[varied])
    return Pair(Record(internal, {}), Record(external, {}))


def check_row(random: Random, case: Case, trade: dict[str, Any]) -> dict[int, Record]:
    """A PnL row at the edge of the check's tolerance, if the number fits a record."""
    (check,) = case.rules.checks
    value = DOWN.multiply(trade["price"], trade["quantity"])
    if check.pnl is PnlCheck.CASH and trade["side"] != "sell":
        value = value.copy_negate()
    edge = DOWN.multiply(check.tolerance, random.choice((1, -1)))
    impact = DOWN.add(DOWN.subtract(value, trade["fee"]), edge)
    impact = DOWN.add(impact, UNIT * random.randint(-2, 2))
    if impact.copy_abs() >= LIMIT - 1 or random.random() < 0.1:
        return {}
    impact = random.choice((DOWN, UP)).quantize(impact, UNIT)
    return {0: Record({"pnl_impact": impact}, {})}


def boundary_case(random: Random, tolerances: str) -> Case:
    formula = random.choice(CHECKS)
    header = ",".join(COLUMNS)
    return Case(
        "drawn",
        header,
        header,
        "",
        compare=tolerances,
        overrides=random.choice(OVERRIDES),
        ignore=random.choice(("", "symbol", "symbol")),
        checks=((*formula[:1], "trade_id", *formula[1:], "trade_id,pnl_impact"),)
        if formula
        else (),
        ticks=TICK_SIZES,
    )


def joined(found: list[Pair], bench: Bench) -> pa.Table:
    """The pairs as an engine joins them, with the bounds of their symbols."""
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
    symbols = [pair.internal.values["symbol"] or pair.external.values["symbol"] for pair in found]
    for column, bounds in bounds_of(bench.plan, bench.rules, bench.valuation).items():
        for name, own in symbol_columns(column, bounds).items():
            number = name.startswith("tolerance_") and bounds.type is ColumnType.DECIMAL
            type_ = pa.decimal128(38, 18) if number else pa.int64()
            columns[name] = pa.array([own.get(symbol) for symbol in symbols], type_)
    return pa.table(columns)


def keep(bench: Bench) -> nw.Expr:
    bounds = bounds_of(bench.plan, bench.rules, bench.valuation)
    return may_break(bench.plan, bounds, bench.rules.checks)


def kept_by_polars(table: pa.Table, keep: nw.Expr) -> set[int]:
    frame = nw.from_native(pl.from_arrow(table), eager_only=True)
    return set(frame.filter(keep)["number"].to_list())


def kept_by_duckdb(table: pa.Table, keep: nw.Expr) -> set[int]:
    with duckdb.connect() as connection:
        frame = nw.from_native(connection.from_arrow(table))
        return set(frame.filter(keep).select("number").collect("pyarrow")["number"].to_list())


@pytest.mark.parametrize("tolerances", TOLERANCES)
@pytest.mark.parametrize("kept", [kept_by_polars, kept_by_duckdb])
@settings(PROFILE, max_examples=max(4, PROFILE.max_examples // 20))
@given(seed=st.integers(0, 2**32 - 1))
def test_what_decide_breaks_may_break_keeps(
    kept: Callable[[pa.Table, nw.Expr], set[int]], tolerances: str, seed: int
) -> None:
    """100 pairs a seed: the odds are even, as those of Hypothesis's own choices are not."""
    random = Random(seed)
    case = boundary_case(random, tolerances)
    found = [pair(random, case) for _ in range(100)]
    bench = bench_of(case.task(Carrier("batches", Path())), case.ticks)
    broken = {n for n, each in enumerate(found) if isinstance(decide(each, bench), Break)}
    missed = broken - kept(joined(found, bench), keep(bench))
    assert not missed, [found[number] for number in missed]


@pytest.mark.parametrize("kept", [kept_by_polars, kept_by_duckdb])
def test_equal_pairs_are_not_kept(kept: Callable[[pa.Table, nw.Expr], set[int]]) -> None:
    """The filter filters: pairs that agree, or are well inside a tolerance, stay behind."""
    values: dict[str, Value] = {
        "symbol": "BTC",
        "trade_id": "T1",
        "side": "buy",
        "quantity": Decimal(1),
        "price": Decimal(100),
        "fee": None,
        "timestamp": 0,
        "settle_date": None,
    }
    near = {**values, "price": Decimal("100.5"), "timestamp": 1}
    header = ",".join(COLUMNS)
    case = Case("near", header, header, "", compare="price=1% timestamp=1ms")
    bench: Bench = bench_of(case.task(Carrier("batches", Path())))
    found = [Pair(Record(values, {}), Record(other, {})) for other in (values, near)]
    assert kept(joined(found, bench), keep(bench)) == set()


SYMBOL_BOUNDS = Case(
    "bounds",
    ",".join(COLUMNS),
    ",".join(COLUMNS),
    "",
    compare="fee=2ticks price=1",
    overrides={
        "BTC": "price=2",
        "ETH": "price=1% timestamp=1ms fee=0.5",
        "SOL": "price=exact fee=100%",
    },
    ticks={"BTC": "0.01", "DOT": "0.0000000000000003"},
)
INSIDE = {
    "BTC": {"price": "102", "fee": "10.02", "timestamp": 0},
    "ETH": {"price": "99", "fee": "9.5", "timestamp": -1_000_000},
    "SOL": {"price": "100", "fee": "0", "timestamp": 0},
    "DOT": {"price": "99", "fee": "10.0000000000000006", "timestamp": 0},
    None: {"price": "101", "fee": "10", "timestamp": 0},
}
"""By symbol, what is just inside for a price of 100 and a fee of 10."""


@pytest.mark.parametrize("kept", [kept_by_polars, kept_by_duckdb])
def test_each_symbol_has_its_own_bounds(kept: Callable[[pa.Table, nw.Expr], set[int]]) -> None:
    """Inside its tolerance a pair stays behind; one step further, it is kept."""
    bench = bench_of(SYMBOL_BOUNDS.task(Carrier("batches", Path())), SYMBOL_BOUNDS.ticks)
    found, beyond = [], set()
    for symbol, inside in INSIDE.items():
        values: dict[str, Value] = dict.fromkeys(COLUMNS) | {"symbol": symbol, "quantity": None}
        values |= {"price": Decimal(100), "fee": Decimal(10), "timestamp": 0}
        near = {
            **values,
            "price": Decimal(str(inside["price"])),
            "fee": Decimal(str(inside["fee"])),
        }
        near["timestamp"] = inside["timestamp"]
        found.append(Pair(Record(values, {}), Record(near, {})))
        for name in ("price", "fee", "timestamp"):
            step = 1 if name == "timestamp" else UNIT
            away = -step if near[name] < values[name] else step
            beyond.add(len(found))
            found.append(Pair(Record(values, {}), Record({**near, name: near[name] + away}, {})))
    assert kept(joined(found, bench), keep(bench)) == beyond
