"""What every writer shares: break objects with the right `as_of`, and texts that always encode."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from tieout.core.rows import BreakRow
from tieout.ports import ReportData
from tieout.present import break_object


def as_of(data: ReportData) -> Callable[[BreakRow], datetime]:
    """The time that a break's age is measured at: its reconciliation's latest run in the report.

    A break of a reconciliation without a run there is as old as the report says.
    """
    latest: dict[str, datetime] = {}
    for run in data.runs:
        latest[run.reconciliation] = max(run.as_of, latest.get(run.reconciliation, run.as_of))
    return lambda row: latest.get(row.reconciliation, data.generated_at)


def break_objects(data: ReportData) -> Iterator[dict[str, Any]]:
    """Every break of the report as its object, one at a time."""
    moment = as_of(data)
    for row in data.breaks():
        yield break_object(row, as_of=moment(row))


def opened(path: Path) -> IO[str]:
    """A UTF-8 text file. A lone surrogate becomes `\\udcff`: in JSON that is its own escape."""
    return path.open("w", encoding="utf-8", errors="backslashreplace", newline="")


def encodable(text: str) -> str:
    """`text` with lone surrogates as `\\udcff`, for formats that take nothing but Unicode."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
