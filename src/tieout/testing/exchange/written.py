"""Rows of answers as they were written: a history is asked for again and again.

Only the newest are kept, so that a long market stays small.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from itertools import islice
from typing import Any, Final

import msgspec

KEPT: Final = 200_000
"""Rows that are kept at most, of an account and kind."""


def forget_oldest(kept: dict[Any, Any]) -> None:
    """Drop the quarter that was put in first."""
    for key in list(islice(kept, len(kept) // 4)):
        del kept[key]


class Written:
    """Rows by what they are about, and by what that was when they were written."""

    def __init__(self) -> None:
        self._rows: dict[Hashable, tuple[object, msgspec.Raw]] = {}

    def row(
        self, key: Hashable, about: object, write: Callable[..., Any], *given: object
    ) -> msgspec.Raw:
        """What `write(*given)` gives, as JSON; as of the last time if `about` is the same."""
        known = self._rows.get(key)
        if known is not None and known[0] is about:
            return known[1]
        if len(self._rows) >= KEPT:
            forget_oldest(self._rows)
        row = msgspec.Raw(msgspec.json.encode(write(*given)))
        self._rows[key] = about, row
        return row
