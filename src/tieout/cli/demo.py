"""`tieout demo`: a real reconciliation of the bundled example, on two days."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path

from tieout import wiring
from tieout.cli.arguments import leading_to, opened
from tieout.cli.console import Options, count, note, out, paint, progress
from tieout.cli.report import report_data, write_report
from tieout.cli.summary import SHORT, break_line, run_lines, say_why
from tieout.config import load
from tieout.core.rows import badness
from tieout.errors import UsageError
from tieout.service.runs import RunOutcome
from tieout.testing.example import Truth, write_example

MARK = ".tieout-demo"
"""A file that says that a directory is the demo's own, and may be written to again."""

REPORT = "report.html"
TOP = 8


def demo(directory: Path, options: Options) -> None:
    """Reconcile the bundled example on two days and write a report. Needs no network."""
    prepare(directory)
    note(f"the example's files and configuration are in {directory}", options)
    first = write_example(directory)
    _run(directory, first, options, "the first day")
    second = write_example(directory, second_day=True)
    outcomes = _run(directory, second, options, "the next day: what is open is carried forward")
    _worst(outcomes, directory)
    _report(directory, options)


def prepare(directory: Path) -> None:
    """An empty directory, or the one of an earlier demo without its store: each starts anew."""
    if directory.exists() and not directory.is_dir():
        raise UsageError(f"{directory} is no directory", hint="tieout demo --dir <another>")
    mark = directory / MARK
    if directory.is_dir() and any(directory.iterdir()) and not mark.exists():
        raise UsageError(
            f"{directory} holds files that are not the demo's; it would write over them",
            hint="tieout demo --dir <an empty one>",
        )
    directory.mkdir(parents=True, exist_ok=True)
    mark.touch()
    for left in directory.glob("*.db*"):
        left.unlink()


def _run(directory: Path, truth: Truth, options: Options, title: str) -> Sequence[RunOutcome]:
    settings = load(directory / "tieout.yaml")
    out(paint(f"\n{title}: {truth.business_date}", "bold"))
    with closing(wiring.open_store(settings.store.resolve())) as store, progress(options) as say:
        outcomes = wiring.run(
            settings,
            (),
            store=store,
            as_of=truth.as_of,
            business_date=truth.business_date,
            restate=False,
            dry_run=False,
            progress=say,
        )
        where = leading_to(directory / "tieout.yaml", None)
        for outcome in outcomes:
            out()
            for line in run_lines(outcome, top=0, where=where):
                out(line)
            say_why(outcome.row)
    return outcomes


def _worst(outcomes: Sequence[RunOutcome], directory: Path) -> None:
    """The worst breaks of all reconciliations together."""
    rows = chain.from_iterable(each.breaks(worst=TOP) for each in outcomes)
    worst = heapq.nsmallest(TOP, rows, key=badness)
    total = sum(each.row.breaks.open for each in outcomes)
    out(paint(f"\nthe worst {len(worst)} of {count(total, 'open break')}", "bold"))
    for each in worst:
        out("  " + break_line(each, outcomes[0].row.as_of))
    if worst:
        where = leading_to(directory / "tieout.yaml", None)
        out(f"  next: tieout breaks show {worst[0].id[:SHORT]}{where}")


def _report(directory: Path, options: Options) -> None:
    path = directory / REPORT
    with opened(None, directory / "tieout.yaml") as store:
        write_report(report_data(store, []), path, options)
    out(f"\nreport: {path}")
