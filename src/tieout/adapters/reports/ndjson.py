"""Breaks as NDJSON: one object a line."""

from __future__ import annotations

from tieout.adapters.reports.objects import break_objects, opened
from tieout.adapters.reports.whole import whole
from tieout.ports import ReportData
from tieout.present import encoded


class NdjsonBreaks:
    """Every break as one line of JSON, see `tieout.present.break_object`."""

    suffix = ".ndjson"

    def write(self, data: ReportData, path: str) -> None:
        with whole(path) as draft, opened(draft) as file:
            for each in break_objects(data):
                file.write(encoded(each) + "\n")
