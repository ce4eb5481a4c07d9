"""Fixtures that several directories of tests share."""

from __future__ import annotations

import os

from hypothesis import settings

pytest_plugins = ["postgres"]

# A loaded machine is slow, which proves nothing; where CI=true, a failure can be repeated.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")
