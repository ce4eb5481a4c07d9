"""`tieout run`: reconcile, and say in the exit code how it went."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from tieout import wiring
from tieout.cli.arguments import day, instant, leading_to, one_of
from tieout.cli.console import Options, count, note, out, progress, warn
from tieout.cli.summary import run_lines, say_why
from tieout.config import Settings, load
from tieout.core.rows import BreakRow, RunRow
from tieout.errors import UsageError
from tieout.present import run_object
from tieout.service.runs import RunOutcome

SEVERITIES = ("info", "low", "medium", "high", "critical")
BREAK_FILES = (".ndjson", ".csv", ".parquet")


@dataclass(frozen=True, slots=True)
class RunArguments:
    """What was asked for, checked as far as it can be without the configuration."""

    config: Path
    names: Sequence[str]
    store: str | None
    as_of: datetime | None
    business_date: date | None
    restate: bool
    shape: str
    breaks: Path | None
    fail_on: str
    dry_run: bool

    @classmethod
    def parse(
        cls,
        *,
        as_of: str | None,
        business_date: str | None,
        shape: str,
        breaks: Path | None,
        fail_on: str,
        **others: Any,
    ) -> RunArguments:
        """From the texts of the command line. Raises UsageError."""
        if breaks is not None:
            _check_breaks_file(breaks)
        return cls(
            as_of=instant(as_of, "--as-of"),
            business_date=day(business_date, "--business-date"),
            shape=one_of(shape, ("table", "json"), "--format"),
            breaks=breaks,
            fail_on=one_of(fail_on, (*SEVERITIES, "any"), "--fail-on"),
            **others,
        )


def run(arguments: RunArguments, options: Options) -> int:
    """Run the reconciliations, show how it went, and return the exit code."""
    settings = load(arguments.config)
    names = known(arguments.names, settings)
    for each in settings.warnings:
        warn(each.message, options)
    url = arguments.store or settings.store.resolve()
    digests = wiring.hash_ahead(settings, names, arguments.business_date)
    with closing(wiring.open_store(url, dry_run=arguments.dry_run)) as store:
        with progress(options) as say:
            outcomes = wiring.run(
                settings,
                names,
                store=store,
                as_of=arguments.as_of,
                business_date=arguments.business_date,
                restate=arguments.restate,
                dry_run=arguments.dry_run,
                progress=say,
                digests=digests,
            )
        _show(outcomes, arguments)
        if arguments.breaks is not None:
            _write_breaks(outcomes, arguments.breaks)
            note(f"wrote the open breaks to {arguments.breaks}", options)
    return exit_code((each.row for each in outcomes), arguments.fail_on)


def exit_code(rows: Iterable[RunRow], threshold: str) -> int:
    """2 where a run failed, else 3 where one is incomplete, else 1 for bad breaks, else 0."""
    codes = {_code(row, threshold) for row in rows}
    return next((code for code in (2, 3, 1) if code in codes), 0)


def _code(row: RunRow, threshold: str) -> int:
    if row.status == "failed":
        return 2
    if row.status == "incomplete":
        return 3
    if threshold == "any":
        return 1 if row.breaks.open else 0
    bad = SEVERITIES[SEVERITIES.index(threshold) :]
    return 1 if any(row.breaks.by_severity.get(name, 0) for name in bad) else 0


def _check_breaks_file(path: Path) -> None:
    if path.suffix not in BREAK_FILES:
        raise UsageError(
            f"--breaks writes {', '.join(BREAK_FILES)}, not {path.suffix or 'no suffix'}",
            where=str(path),
            hint=f"e.g. --breaks {path.with_suffix('.ndjson')}",
        )
    if not path.absolute().parent.is_dir():
        raise UsageError(f"there is no directory {path.absolute().parent}", where="--breaks")


def known(names: Sequence[str], settings: Settings) -> list[str]:
    """`names`, each once. Raises UsageError for one that the configuration does not have."""
    for name in names:
        if name not in settings.reconciliations:
            there = list(settings.reconciliations)
            near = difflib.get_close_matches(name, there, n=1)
            raise UsageError(
                f"there is no reconciliation {name!r}",
                where=str(settings.file),
                hint=f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(there)}",
            )
    return list(dict.fromkeys(names))


def _show(outcomes: Sequence[RunOutcome], arguments: RunArguments) -> None:
    if arguments.shape == "json":
        rows = [run_object(each.row) for each in outcomes]
        out(json.dumps(rows, indent=2, ensure_ascii=False))
        for outcome in outcomes:
            say_why(outcome.row)
        return

    where = leading_to(arguments.config, arguments.store)
    for number, outcome in enumerate(outcomes):
        for line in ([""] if number else []) + run_lines(outcome, where=where):
            out(line)
        say_why(outcome.row)
    if len(outcomes) > 1:
        breaks = sum(each.row.breaks.open for each in outcomes)
        out(f"\n{count(len(outcomes), 'reconciliation')}, {count(breaks, 'open break')}")


def _write_breaks(outcomes: Sequence[RunOutcome], path: Path) -> None:
    def rows() -> Iterable[BreakRow]:
        return chain.from_iterable(each.breaks() for each in outcomes)

    wiring.write_breaks(rows, str(path), max(each.row.as_of for each in outcomes))
