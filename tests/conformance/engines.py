"""The engines under test, by name."""

from __future__ import annotations

import pytest
from reference.engine import ReferenceEngine

from tieout.adapters.engines.duckdb import DuckDBEngine
from tieout.adapters.engines.polars import PolarsEngine
from tieout.ports import Engine


def every_pass_a_join() -> Engine:
    """As DuckDB works where millions are left after the first pass, and where keys are crowded."""
    return DuckDBEngine(joins_above=-1, crowd=-30)


def hopeful() -> Engine:
    """As DuckDB works where the first rows of millions are as they should be."""
    return DuckDBEngine(sample=0)


FAST_ENGINES = ("duckdb", "duckdb-passes", "polars")
"""Those that are held against the reference."""

_BUILT = {
    "reference": ReferenceEngine,
    "duckdb": hopeful,
    "duckdb-passes": every_pass_a_join,
    "polars": PolarsEngine,
}


def engine_called(name: str) -> Engine:
    return _BUILT[name]()


def engines(*names: str) -> pytest.MarkDecorator:
    """Run a test once for each engine."""
    return pytest.mark.parametrize("name", names)
