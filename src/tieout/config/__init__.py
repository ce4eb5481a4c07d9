"""YAML, a text or a dict, and the environment -> frozen settings, checked whole.

`load` reads a file, `parse` what the Python API is given, `explain.explain` says in words what a
configuration means, `writer.write` writes one. Every problem is found at once, each with its line.
"""

from tieout.config.environment import served
from tieout.config.loader import load, parse
from tieout.config.secret import Reference
from tieout.config.settings import (
    BookOptions,
    Expectations,
    FrameOptions,
    FreqtradeOptions,
    LiveSettings,
    MappingSettings,
    QueryOptions,
    ReconciliationSettings,
    ServeSettings,
    Settings,
    SourceSettings,
    VenueOptions,
)
from tieout.core.scan import FileOptions

__all__ = [
    "BookOptions",
    "Expectations",
    "FileOptions",
    "FrameOptions",
    "FreqtradeOptions",
    "LiveSettings",
    "MappingSettings",
    "QueryOptions",
    "ReconciliationSettings",
    "Reference",
    "ServeSettings",
    "Settings",
    "SourceSettings",
    "VenueOptions",
    "load",
    "parse",
    "served",
]
