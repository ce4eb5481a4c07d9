"""What an engine asks about, checked before anything begins."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tieout.errors import UsageError


def names_of(symbols: Iterable[str] | None) -> frozenset[str] | None:
    """The symbols that are asked about; None: all.

    Raises:
        UsageError: for a text, which would be its letters, and where there are none.
    """
    if symbols is None:
        return None
    if isinstance(symbols, str) or not (names := frozenset(symbols)):
        raise UsageError(
            f"symbols={symbols!r} names no symbols", hint="a list: symbols=['BTC/USDT'], or None"
        )
    return names


def ns_of(moment: datetime | None) -> int | None:
    """UTC nanoseconds; None as it is. Raises UsageError for a time without a zone."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise UsageError(f"{moment} has no time zone", hint="pass an aware time, e.g. in UTC")
    from tieout.core.canonical import nanoseconds

    return nanoseconds(moment)
