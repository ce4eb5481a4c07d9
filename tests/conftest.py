"""Fixtures that several directories of tests share."""

from __future__ import annotations

import gc
import os

import pytest
from hypothesis import settings

pytest_plugins = ["postgres"]

# A loaded machine is slow, which proves nothing. A change is judged by the same examples
# everywhere; `TIEOUT_HYPOTHESIS=deep` looks for new ones, and for longer.
settings.register_profile("fast", deadline=None, derandomize=True, max_examples=60)
settings.register_profile("deep", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("TIEOUT_HYPOTHESIS", "fast"))

_GC = (50_000, 20, 20)
"""Few tests leave a cycle, and a thousand modules are looked through for it each time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Hypothesis goes hundreds of times where other tests go once; with its lines counted, that
    takes more than twice as long. Coverage is what examples written down reach."""
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.no_cover)


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is imported and collected stays: the collector need not look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC)
