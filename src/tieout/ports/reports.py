"""What is written for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from tieout.core.held import HeldText
from tieout.core.rows import BreakRow, QuarantineRow, RunRow


@dataclass(frozen=True, slots=True)
class ReportData:
    """What a report shows: one run each, its open breaks, and what could not be read.

    Attributes:
        breaks, quarantine: fresh iterators at each call; a report may read them twice.
        filters: what the breaks were restricted to, for a person; empty where they were not.
        pending: the records that a run left open in no break; None where nobody can tell.
        beside: told of each file that a writer writes beside the report.
    """

    generated_at: datetime
    runs: Sequence[RunRow]
    breaks: Callable[[], Iterable[BreakRow]]
    quarantine: Callable[[], Iterable[QuarantineRow]]
    total_breaks: int
    filters: Mapping[str, str] = field(default_factory=dict)
    pending: Callable[[RunRow], Sequence[HeldText] | None] = lambda run: None
    beside: Callable[[str], None] = lambda path: None


class ReportWriter(Protocol):
    """Writes a report in one format."""

    suffix: str

    def write(self, data: ReportData, path: str) -> None:
        """Write whole or not at all: to a temporary name, then renamed."""
        ...
