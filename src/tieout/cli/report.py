"""`tieout report`: the last runs as one document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from tieout import wiring
from tieout.cli.arguments import opened
from tieout.cli.console import Options, count, note, out, progress
from tieout.cli.status import OPEN, standing
from tieout.core.rows import BreakFilter, BreakRow, QuarantineRow, RunRow
from tieout.errors import UsageError
from tieout.ports import ReportData, Store
from tieout.service.pending import pending

SUFFIXES = (".html", ".xlsx", ".csv", ".json")


def report(
    names: list[str], output: Path, *, config: Path | None, store: str | None, options: Options
) -> None:
    """Write the last run of each reconciliation and its open breaks into one file."""
    if output.is_dir():
        file = output / "report.html"
        raise UsageError("this is a directory, not a file", where=str(output), hint=f"-o {file}")
    if output.suffix.lower() not in SUFFIXES:
        near = output.with_suffix(".html") if output.name else "report.html"
        raise UsageError(
            f"a report is {', '.join(SUFFIXES)}, not {output.suffix or 'without suffix'}",
            where=str(output),
            hint=f"-o {near}",
        )
    with opened(store, config) as view:
        data = report_data(view, names)
        files = write_report(data, output, options)
    note(count(data.total_breaks, "open break"), options)
    for each in files:
        out(each)


def write_report(data: ReportData, output: Path, options: Options) -> list[str]:
    """Write it, with a progress bar. The files that were written: it, and those beside it."""
    files = [str(output)]
    with progress(options) as say:
        say(f"writing {output.name}", None)
        wiring.write_report(replace(data, beside=files.append), str(output))
    return files


def report_data(view: Store, names: list[str]) -> ReportData:
    """The last run of each named reconciliation (of all, without names), and its open breaks.

    Raises:
        UsageError: one of them never ran.
    """
    standings = {each.last.reconciliation: each for each in standing(view)}
    for name in names:
        if name not in standings:
            there = ", ".join(standings) or "none"
            raise UsageError(f"{name!r} never ran; there are runs of: {there}")
    chosen = [each for name, each in standings.items() if not names or name in names]
    if not chosen:
        raise UsageError("there is no run to report", hint="tieout run CONFIG")
    rows = [each.last for each in chosen]
    return ReportData(
        generated_at=datetime.now(UTC),
        runs=rows,
        breaks=lambda: _open_breaks(view, rows),
        quarantine=lambda: _quarantine(view, rows),
        pending=lambda row: pending(view, row),
        total_breaks=sum(each.open.total() for each in chosen),
    )


def _open_breaks(view: Store, rows: list[RunRow]) -> Iterator[BreakRow]:
    filters = (BreakFilter(reconciliation=row.reconciliation, states=OPEN) for row in rows)
    return chain.from_iterable(view.breaks(each) for each in filters)


def _quarantine(view: Store, rows: list[RunRow]) -> Iterator[QuarantineRow]:
    return chain.from_iterable(view.quarantine(row.run_id) for row in rows)
