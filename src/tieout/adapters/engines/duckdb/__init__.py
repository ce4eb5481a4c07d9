"""The batch engine."""

import atexit

from tieout.adapters.engines.duckdb.engine import DuckDBEngine
from tieout.adapters.engines.duckdb.quiet_exit import release_cached_types

__all__ = ["DuckDBEngine"]

atexit.register(release_cached_types)
