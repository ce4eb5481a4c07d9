"""Where records come from, and what time it is."""

from __future__ import annotations

from datetime import date, datetime
from typing import Protocol

from tieout.core.scan import Scan


class Clock(Protocol):
    """The only way to the present time."""

    def now(self) -> datetime:
        """Aware UTC."""
        ...


class Source(Protocol):
    """A place that records come from."""

    @property
    def name(self) -> str: ...

    def scan(self, *, business_date: date) -> Scan:
        """Say what to read.

        Raises:
            SourceMissing: it is not there.
            SourceError: it is there and cannot be read whole.
        """
        ...
