"""Tieout reconciles what a trading firm believes with what venues, brokers and files say.

import tieout

report = tieout.reconcile(mine, theirs, "records: trades")
for row in report.to_dicts():
    print(row["kind"], row["key"], row["differences"])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tieout.errors import (
    ConfigError,
    EngineError,
    MissingExtra,
    SourceError,
    SourceMissing,
    StoreError,
    TieoutError,
    UsageError,
)

if TYPE_CHECKING:
    from tieout.api import Report, reconcile
    from tieout.api.embedded import Reconciler
    from tieout.api.notice import Notice, Ready
    from tieout.core.rules import Rules

__version__ = "0.1.0"

__all__ = [
    "ConfigError",
    "EngineError",
    "MissingExtra",
    "Notice",
    "Ready",
    "Reconciler",
    "Report",
    "Rules",
    "SourceError",
    "SourceMissing",
    "StoreError",
    "TieoutError",
    "UsageError",
    "__version__",
    "reconcile",
]

_LAZY = {
    "Notice": "tieout.api.notice",
    "Ready": "tieout.api.notice",
    "Reconciler": "tieout.api.embedded",
    "Report": "tieout.api",
    "Rules": "tieout.core.rules",
    "reconcile": "tieout.api",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """Import what is heavy only when it is asked for: the CLI's start depends on it."""
    if name not in _LAZY:
        raise AttributeError(f"module 'tieout' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)
