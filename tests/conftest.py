"""Fixtures that several directories of tests share."""

from __future__ import annotations

pytest_plugins = ["postgres"]
