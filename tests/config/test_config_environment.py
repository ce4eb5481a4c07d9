"""`TIEOUT__A__B` overrides any key, and a variable that means none is an error."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from config_documents import FULL, SMALL, loaded

from tieout.config import FileOptions
from tieout.core.rules import Duration, Measure, Pass, Tolerance
from tieout.errors import ConfigError

NAME = "TIEOUT__RECONCILIATIONS__EXECUTIONS_VS_CONFIRMATIONS"


def test_overrides_reach_every_level(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        FULL,
        TIEOUT__STORE="sqlite:////srv/other.db",
        tieout__sources__executions__path="late.csv",
        **{
            f"{NAME}__DEADLINE": "5m",
            f"{NAME}__COMPARE__PRICE__WITHIN": "0.01",
            f"{NAME}__COMPARE__FEE__TICKS": "2",
            f"{NAME}__MATCH__0__ON": "[order_id, symbol]",
            f"{NAME}__SEVERITY__MISSING": "high",
        },
    )
    rules = settings.reconciliations["executions-vs-confirmations"].rules
    options = settings.sources["executions"].options
    assert isinstance(options, FileOptions)
    assert options.paths == (str(tmp_path / "late.csv"),)
    assert settings.store.resolve() == "sqlite:////srv/other.db"
    assert rules.deadline == Duration(300 * 10**9)
    assert rules.compare["price"] == Tolerance(Measure.ABSOLUTE, Decimal("0.01"))
    assert rules.compare["fee"] == Tolerance(Measure.TICKS, Decimal(2))
    assert rules.passes == (Pass(("order_id", "symbol")),)


def test_a_scalar_gives_way_to_a_mapping(tmp_path: Path) -> None:
    settings = loaded(tmp_path, FULL, **{f"{NAME}__COMPARE__QUANTITY__WITHIN": "1"})
    rules = settings.reconciliations["executions-vs-confirmations"].rules
    assert rules.compare["quantity"] == Tolerance(Measure.ABSOLUTE, Decimal(1))


def test_other_variables_mean_nothing(tmp_path: Path) -> None:
    assert loaded(tmp_path, SMALL, TIEOUT_STORE="x", TIEOUT="y", STORE="z") == loaded(
        tmp_path, SMALL
    )


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("TIEOUT__STROE", "sqlite://", "unknown key `stroe` (did you mean `store`?)"),
        ("TIEOUT__SOURCES__OUR__PATH", "x", "unknown source `our` (did you mean `ours`?)"),
        ("TIEOUT__SOURCES__OURS__PTAH", "x", "unknown key `ptah` (did you mean `path`?)"),
        ("TIEOUT__SOURCES__OURS__SKIP_ROWS", "two", "a whole number"),
        ("TIEOUT__RECONCILIATIONS__TRADE__DEADLINE", "1s", "unknown reconciliation `trade`"),
        ("TIEOUT__RECONCILIATIONS__TRADES__MATCH__3__ON", "[symbol]", "has no item 3"),
        ("TIEOUT__RECONCILIATIONS__TRADES__MATCH__X", "1", "has no item X"),
        ("TIEOUT__RECONCILIATIONS__TRADES__DEADLINE", "", "it has no value"),
        ("TIEOUT__RECONCILIATIONS__TRADES__IGNORE", "[fee", "not valid YAML"),
        ("TIEOUT____STORE", "x", "names no key"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, variable: str, value: str, message: str) -> None:
    text = SMALL + "    match: [{on: [trade_id]}]\n"
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text, **{variable: value})
    [problem] = caught.value.problems
    assert message in problem.message
    assert variable in problem.message + problem.path
