"""The batch engine."""

from tieout.adapters.engines.duckdb.engine import DuckDBEngine

__all__ = ["DuckDBEngine"]
