"""How the tests of `decide` write records.

A record is written `symbol=BTC/USDT quantity=1.5 timestamp=+60s`: times are seconds after noon,
dates days of July 2025, a column that is not named is null. The sides have all columns that a
test names.
"""

from __future__ import annotations

import decimal
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from tieout.core.bench import Bearing, Bench
from tieout.core.canonical import nanoseconds
from tieout.core.decide import decide
from tieout.core.match.plan import Plan, Step
from tieout.core.model import Break, Pair, Record, Side, Value
from tieout.core.rules import Measure, Rules, Tolerance
from tieout.core.schema import RECORD_TYPES, ColumnType
from tieout.core.valuation import Instrument, Prices

SECOND = 10**9
NOON = nanoseconds(datetime(2025, 7, 25, 12, tzinfo=UTC))
INTERNAL, EXTERNAL = Side
TRADE = "trade_id=T1 symbol=A/USD side=buy quantity=2 price=10 timestamp=0s"


@pytest.fixture(autouse=True, scope="module")
def narrow_context() -> Iterator[None]:
    """A caller's context of three digits changes no answer."""
    with decimal.localcontext() as context:
        context.prec = 3
        yield


def D(text: str | int) -> Decimal:
    return Decimal(text)


def value(text: str, type_: ColumnType) -> Value:
    match type_:
        case ColumnType.DECIMAL:
            return Decimal(text)
        case ColumnType.TIME:
            return NOON + int(Fraction(text.rstrip("s").lstrip("+")) * SECOND)
        case ColumnType.DATE:
            return date(2025, 7, int(text))
        case ColumnType.TEXT:
            return text


def record(text: str, type_: str = "trades", **columns: Value) -> Record:
    contract = RECORD_TYPES[type_]
    values: dict[str, Value] = {}
    for word in text.split():
        name, _, cell = word.partition("=")
        values[name] = value(cell, contract.columns[name].type)
    values |= columns
    identity = {name: values[name] for name in contract.identity(set(values)) if name in values}
    return Record(values, identity)


def bench(
    records: str = "trades",
    compared: str | None = None,
    *,
    as_of: str = "+1000000s",
    instruments: Mapping[str, Instrument] | None = None,
    prices: Prices | None = None,
    sides: Mapping[Side, Bearing] | None = None,
    skew: int = 0,
    **rules: Any,
) -> Bench:
    contract = RECORD_TYPES[records]
    columns = (
        tuple(name for name in contract.columns if name in compared.split())
        if compared is not None
        else tuple(contract.columns)
    )
    plan = Plan(contract, (Step(("trade_id",)),), columns, ())
    when = value(as_of, ColumnType.TIME)
    assert isinstance(when, int)
    return Bench(
        Rules("r", records, **rules),
        plan,
        when,
        {side: Bearing() for side in Side} | dict(sides or {}),
        instruments or {},
        prices or Prices(),
        skew=skew,
    )


def found(internal: str, external: str, on: Bench) -> Break:
    records = on.records.name
    outcome = decide(Pair(record(internal, records), record(external, records)), on)
    assert isinstance(outcome, Break), outcome
    return outcome


def tolerance(measure: Measure, amount: str) -> Tolerance:
    return Tolerance(measure, Decimal(amount))
