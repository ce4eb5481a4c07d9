"""What an engine says to its Reconciler, and what it is told before it trades."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

EVENTS: Final = ("large_fill", "reconnect", "strategy_change")
"""What an engine may tell of; each makes the venue be compared at once."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Whether trading may begin, and if not, why."""

    ok: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """Something happened in the engine.

    Attributes:
        kind: one of EVENTS.
        venue: the source's name, or the exchange's; None: all of them.
        symbols: where, in unified symbols; None: anywhere.
        since: aware; events from then on are read again.
    """

    kind: str
    venue: str | None = None
    symbols: frozenset[str] | None = None
    since: datetime | None = None
