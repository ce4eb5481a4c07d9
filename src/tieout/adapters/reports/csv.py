"""Breaks, and quarantine, as CSV that a spreadsheet opens without running anything."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from tieout.adapters.reports.objects import break_objects, opened
from tieout.adapters.reports.whole import whole
from tieout.ports import ReportData
from tieout.present import quarantine_object
from tieout.present.flat import columns, flat, guarded


class CsvBreaks:
    """One row a break; see `tieout.present.flat` for the columns."""

    suffix = ".csv"

    def write(self, data: ReportData, path: str) -> None:
        _write(path, columns(data.breaks()), map(flat, break_objects(data)))


class CsvQuarantine:
    """One row a quarantined record."""

    suffix = ".csv"

    def write(self, data: ReportData, path: str) -> None:
        _write(path, QUARANTINE, map(quarantine_object, data.quarantine()))


QUARANTINE: Final = (
    "run_id",
    "side",
    "source",
    "file",
    "row",
    "line",
    "offset",
    "field",
    "reason",
    "raw",
)


def _write(path: str, names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    with whole(path) as draft, opened(draft) as file:
        writer = csv.writer(file)
        writer.writerow([guarded(name) for name in names])
        for row in rows:
            writer.writerow([_cell(row.get(name)) for name in names])


def _cell(value: Any) -> str:
    return "" if value is None else guarded(str(value))
