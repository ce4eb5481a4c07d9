"""Nothing on stderr when the interpreter ends.

narwhals keeps what it learned of DuckDB's types in `functools.lru_cache`s. These outlive DuckDB's
extension module, which counts its objects as it is unloaded and prints a report of "leaked
instances". Emptied before that, there is nothing to report.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Final

_Cached: Final = type(lru_cache(len))


def release_cached_types() -> None:
    """Empty the caches of narwhals, if it was imported."""
    for name, module in list(sys.modules.items()):
        if name == "narwhals" or name.startswith("narwhals."):
            for value in list(vars(module).values()):
                if isinstance(value, _Cached):
                    value.cache_clear()
