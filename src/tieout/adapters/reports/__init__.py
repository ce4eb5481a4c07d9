"""Reports: what was found, as a file for a person or a program.

Every writer is a `tieout.ports.ReportWriter`. They are imported when asked for, so that a run
without a report pays for none of their libraries.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

from tieout.errors import UsageError
from tieout.ports import ReportWriter

REPORTS: Final = (".html", ".xlsx", ".csv", ".json")
BREAK_FILES: Final = (".ndjson", ".csv", ".parquet")


def report_writer(path: str) -> ReportWriter:
    """The writer of a whole report, by the file's suffix. Raises UsageError for another one."""
    match _suffix(path, REPORTS):
        case ".html":
            from tieout.adapters.reports.html import HtmlReport

            return HtmlReport()
        case ".xlsx":
            from tieout.adapters.reports.xlsx import XlsxReport

            return XlsxReport()
        case ".json":
            from tieout.adapters.reports.json import JsonReport

            return JsonReport()
        case _:
            from tieout.adapters.reports.csv import CsvBreaks

            return CsvBreaks()


def break_writer(path: str) -> ReportWriter:
    """The writer of `--breaks FILE`, by the file's suffix. Raises UsageError for another one."""
    match _suffix(path, BREAK_FILES):
        case ".ndjson":
            from tieout.adapters.reports.ndjson import NdjsonBreaks

            return NdjsonBreaks()
        case ".parquet":
            from tieout.adapters.reports.parquet import ParquetBreaks

            return ParquetBreaks()
        case _:
            from tieout.adapters.reports.csv import CsvBreaks

            return CsvBreaks()


def _suffix(path: str, known: tuple[str, ...]) -> str:
    suffix = PurePath(path).suffix.lower()
    if suffix not in known:
        raise UsageError(
            f"the suffix says the format, and {suffix or 'none'!r} is not one of them",
            where=path,
            hint=f"end the name in {', '.join(known)}",
        )
    return suffix
