"""Every engine answers the edge rows alike, whichever way the rows come.

One test a case, named after it, so that the numbers of the edge cases can be read off a run.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from conformance.engine_cases import CASES
from conformance.engines import FAST_ENGINES, engine_called
from conformance.outcomes import lines
from conformance.tables import YESTERDAY, Carrier, Case, at

from tieout.core.model import Pair, Record, Side
from tieout.core.scan import Controls, Part
from tieout.ports import Engine

CARRIERS = ("batches", "frame", "csv", "parquet")
DEEP = os.environ.get("TIEOUT_HYPOTHESIS") == "deep"
ENGINES = ("reference", *FAST_ENGINES)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    return engine_called(request.param)


@pytest.fixture(params=CARRIERS)
def carrier(request: pytest.FixtureRequest, tmp_path: Path) -> Carrier:
    return Carrier(request.param, tmp_path)


def _trials(index: int) -> list[tuple[str, str]]:
    """Each engine with each carrier.

    A later pass joins what staging made of the rows, whichever way they came: the engine that
    always does so takes two of the carriers a case, by turns, and all where `deep` is asked for.
    """
    by_turns = CARRIERS if DEEP else CARRIERS[index % 2 :: 2]
    return [
        (carrier, name)
        for carrier in CARRIERS
        for name in ENGINES
        if name != "duckdb-passes" or carrier in by_turns
    ]


def _test_of(index: int, case: Case) -> Callable[[Engine, Carrier], None]:
    @pytest.mark.parametrize(("carrier", "engine"), _trials(index), indirect=True)
    def test(engine: Engine, carrier: Carrier) -> None:
        ticks = {symbol: Decimal(tick) for symbol, tick in case.ticks.items()}
        expected = sorted(line.strip() for line in case.expected.split("|") if line.strip())
        assert lines(engine, case.task(carrier), ticks) == expected

    test.__doc__ = case.name.replace("_", " ")
    return test


for _index, _case in enumerate(CASES):
    assert f"test_{_case.name}" not in globals(), f"two cases are called {_case.name}"
    globals()[f"test_{_case.name}"] = _test_of(_index, _case)


WATCHED = Case(
    "watched",
    "trade_id, order_id\n A, O1\n , O2\n C, O3",
    "trade_id, order_id\n X, O1\n Y, O2\n C, O9",
    "",
    on="trade_id; order_id",
    ignore="trade_id order_id",
)


@pytest.mark.parametrize(("trade_id", "order_id"), [("A", "O1"), (None, "O2"), ("C", "O3")])
def test_a_watched_pair_is_handed_out_whichever_pass_finds_it(
    engine: Engine, carrier: Carrier, trade_id: str | None, order_id: str
) -> None:
    watched = Record({"trade_id": trade_id, "order_id": order_id}, {})
    task = replace(WATCHED.task(carrier), watched=(watched,))
    with engine.match(task) as matching:
        pairs = [each for each in matching.candidates if isinstance(each, Pair)]
    assert order_id in {pair.internal.values["order_id"] for pair in pairs}
    assert matching.agreed + len(pairs) == 3


FACTS = Case(
    "facts",
    "trade_id, symbol, quantity, price, fee, timestamp, kind\n"
    "T1, BTC, 2, 100, 1, @09:00:00, fill\n"
    "T1, BTC, 2, 100, 1, @09:00:00, fill\n"
    "T2, ETH, x, 100, 1, @09:00:00, fill\n"
    "T3, SOL, 49999999999999999999.999999999999999999, 1.000000000000000001, , @11:00:00, fill\n"
    "T4, DOT, 1, 1, 1, @09:00:00, note\n"
    "T5, SOL, 3, 1, -2, @08:59:59.999999999, fill",
    "trade_id\n T1",
    "",
    cut="10:00:00",
    internal_reading={"only": {"kind": frozenset({"fill"})}},
    carried={Side.INTERNAL: "trade_id, quantity, timestamp\n T9, 7, @11:30:00\n T8, 7, @09:00:00"},
    controls=Controls(
        totals={"quantity": Decimal(0), "notional": Decimal(0), "fee": Decimal(0)},
        symbols=frozenset({"BTC", "ETH", "DOT", "ADA"}),
        window=(at("09:00:00"), at("11:00:00")),
        parts=(
            Part("one", 1, 3, totals={"quantity": Decimal(0)}),
            Part("two", 4, 3, totals={"fee": Decimal(0)}),
            Part("three", 4, 6, totals={"notional": Decimal(0), "desk": Decimal(0)}),
        ),
    ),
)


def test_facts_are_about_the_readable_new_rows(engine: Engine, carrier: Carrier) -> None:
    """Copies and late rows count as rows; unreadable, filtered and carried ones do not."""
    with engine.match(FACTS.task(carrier)) as matching:
        facts = matching.internal
        list(matching.candidates)
    assert facts.rows == 4
    assert facts.watermark == at("11:00:00")
    assert facts.outside_window == 1
    assert list(facts.missing_symbols) == ["ADA", "DOT", "ETH"]


def test_control_totals_are_exact(engine: Engine, carrier: Carrier) -> None:
    """Also where a sum passes 38 digits, and a product 36 decimals."""
    with engine.match(FACTS.task(carrier)) as matching:
        totals = matching.internal.totals
        list(matching.candidates)
    assert totals == {
        "quantity": Decimal("50000000000000000006.999999999999999999"),
        "fee": Decimal(0),
        "notional": Decimal("50000000000000000452.999999999999999998999999999999999999"),
    }


def test_control_totals_of_a_part_are_about_its_rows(engine: Engine, carrier: Carrier) -> None:
    """Its unreadable and filtered ones do not count; a part may be empty."""
    with engine.match(FACTS.task(carrier)) as matching:
        parts = matching.internal.parts
        list(matching.candidates)
    assert list(parts) == [
        {"quantity": Decimal(4)},
        {"fee": Decimal(0)},
        {"notional": Decimal("50000000000000000052.999999999999999998999999999999999999")},
    ]


def test_records_after_the_cut_keep_the_day_they_came_on(engine: Engine, carrier: Carrier) -> None:
    task = FACTS.task(carrier)
    with engine.match(task) as matching:
        late = {item.record.values["trade_id"]: item for item in matching.internal.after_cut}
        list(matching.candidates)
    assert {id_: item.since for id_, item in late.items()} == {
        "T3": task.business_date,
        "T9": YESTERDAY,
    }
    assert {item.side for item in late.values()} == {Side.INTERNAL}
    assert late["T3"].record.identity == {"symbol": "SOL", "trade_id": "T3"}
    assert not late["T3"].unreadable


def test_quarantined_rows_keep_what_was_readable(engine: Engine, carrier: Carrier) -> None:
    with engine.match(FACTS.task(carrier)) as matching:
        (bad,) = matching.internal.quarantined
        list(matching.candidates)
    assert (bad.source, bad.row, bad.field) == ("internal", 3, "quantity")
    assert "'x' is not a number" in bad.reason
    assert bad.raw == "T2,ETH,x,100,1,2026-03-02T09:00:00Z,fill"
    assert dict(bad.values) == {
        "symbol": "ETH",
        "trade_id": "T2",
        "price": Decimal(100),
        "fee": Decimal(1),
        "timestamp": at("09:00:00"),
    }
