"""The engine for live snapshots and frames: both sides in memory."""

from tieout.errors import MissingExtra

try:
    import polars as pl  # noqa: F401 - only whether it is there
except ImportError:
    raise MissingExtra("live", "the live engine") from None

from tieout.adapters.engines.polars.engine import PolarsEngine

__all__ = ["PolarsEngine"]
