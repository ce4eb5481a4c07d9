"""Fixtures that several directories of tests share."""

from __future__ import annotations

import os

from hypothesis import settings

pytest_plugins = ["postgres"]

# A loaded machine is slow, which proves nothing. A change is judged by the same examples
# everywhere; `TIEOUT_HYPOTHESIS=deep` looks for new ones, and for longer.
settings.register_profile("fast", deadline=None, derandomize=True)
settings.register_profile("deep", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("TIEOUT_HYPOTHESIS", "fast"))
