"""YAML, a text or a dict, and the environment -> frozen settings, checked whole.

`load` reads a file, `parse` what the Python API is given, `explain` says in words what a
configuration means, `writer.write` writes one. Every problem is found at once, each with its line.
"""

from tieout.config.explain import Explanation, explain
from tieout.config.loader import load, parse
from tieout.config.secret import Reference
from tieout.config.settings import (
    Expectations,
    FileOptions,
    FrameOptions,
    MappingSettings,
    QueryOptions,
    ReconciliationSettings,
    Settings,
    SourceSettings,
)

__all__ = [
    "Expectations",
    "Explanation",
    "FileOptions",
    "FrameOptions",
    "MappingSettings",
    "QueryOptions",
    "ReconciliationSettings",
    "Reference",
    "Settings",
    "SourceSettings",
    "explain",
    "load",
    "parse",
]
