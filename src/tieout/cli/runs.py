"""`tieout runs`: list them, and look at one."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from tieout.cli.arguments import one_of, opened
from tieout.cli.console import count, out, plain_text, table
from tieout.cli.summary import quarantine_line
from tieout.core.held import HeldText
from tieout.core.model import RunStatus
from tieout.core.rows import QuarantineRow, RunRow
from tieout.core.scan import Coverage, InputFile
from tieout.errors import UsageError
from tieout.ports import Store
from tieout.present import (
    in_contract_order,
    match_rate,
    one_line,
    pending_object,
    quarantine_object,
    run_object,
    scope,
    utc,
)
from tieout.service.pending import pending

_PAGE = 50


def list_runs(
    reconciliation: str | None,
    *,
    config: Path | None,
    store: str | None,
    limit: int | None,
    shape: str,
) -> None:
    """List runs, the newest first."""
    shape = one_of(shape, ("table", "json", "ndjson", "csv"), "--format")
    most = (_PAGE if shape == "table" else None) if limit is None else limit or None
    with opened(store, config) as view:
        ask = None if most is None else most + 1
        rows = list(view.runs(reconciliation=reconciliation, limit=ask))
    shown = rows if most is None else rows[:most]
    if shape == "table":
        _table(shown)
        if len(rows) > len(shown):
            out(f"the newest {len(shown)}; all: --limit 0")
    elif shape == "csv":
        _csv(shown)
    elif shape == "ndjson":
        for row in shown:
            if not out(one_line(run_object(row))):
                break
    else:
        out(json.dumps([run_object(row) for row in shown], indent=2, ensure_ascii=False))


def show_run(id_: str, *, config: Path | None, store: str | None, shape: str) -> None:
    """Show a run: inputs, hashes, coverage, counts, quarantined rows, what is in no break."""
    shape = one_of(shape, ("table", "json"), "--format")
    with opened(store, config) as view:
        row = find_run(view, id_)
        quarantine = list(view.quarantine(row.run_id))
        waiting = pending(view, row)
    if shape == "json":
        data = run_object(row) | {
            "started_at": row.started_at.isoformat().replace("+00:00", "Z"),
            "rules_digest": row.rules_digest,
            "inputs": [_input(each) for each in _inputs(row)],
            "quarantine": [quarantine_object(each) for each in quarantine],
            "pending": None if waiting is None else [pending_object(each) for each in waiting],
        }
        out(json.dumps(data, indent=2, ensure_ascii=False))
        return
    lines = [*_facts(row), "", *_inputs_table(row), *_quarantined(row, quarantine)]
    for line in [*lines, *_pending(row, waiting)]:
        if not out(line):
            return


def find_run(view: Store, id_: str) -> RunRow:
    """The run whose id begins so. Raises UsageError where there is none, or several."""
    found = list(islice(view.runs(id_prefix=id_, limit=2), 2)) if id_ else []
    if not found:
        raise UsageError(f"there is no run {id_!r}", hint="tieout runs list")
    if len(found) > 1 and found[0].run_id != id_:
        raise UsageError(f"{id_!r} begins the ids of several runs", hint="give more of the id")
    return found[0]


_HEADER = (
    "run",
    "reconciliation",
    "status",
    "business date",
    "started",
    "internal",
    "external",
    "matched",
    "open",
    "new",
    "cleared",
)


def _cells(row: RunRow) -> list[str]:
    return [
        row.run_id,
        row.reconciliation,
        str(row.status),
        row.business_date.isoformat(),
        utc(row.started_at.replace(microsecond=0)),
        *("-" if side is None else str(side.rows) for side in (row.internal, row.external)),
        str(row.counts.matched),
        str(row.breaks.open),
        str(row.breaks.new),
        str(row.breaks.cleared),
    ]


def _table(rows: list[RunRow]) -> None:
    if not rows:
        out("no runs yet")
        return
    for line in table(_HEADER, [_cells(row) for row in rows], right=".....rrrrrr"):
        if not out(line):
            return


def _csv(rows: list[RunRow]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([name.replace(" ", "_") for name in _HEADER])
    writer.writerows(_cells(row) for row in rows)
    out(buffer.getvalue().rstrip("\n"))


def _facts(row: RunRow) -> list[str]:
    counts, breaks = row.counts, row.breaks
    numbers = {
        "matched": counts.matched,
        "within tolerance": counts.within_tolerance,
        "expected": counts.expected,
        "unknown": counts.unknown,
        "after the cut": counts.after_cut,
    }
    changes = {
        "open": breaks.open,
        "new": breaks.new,
        "carried": breaks.carried,
        "changed": breaks.changed,
        "reopened": breaks.reopened,
        "cleared": breaks.cleared,
    }
    facts = [
        ("run", row.run_id),
        ("reconciliation", row.reconciliation),
        ("status", str(row.status)),
        ("business date", row.business_date.isoformat()),
        ("as of", utc(row.as_of)),
        ("started", f"{utc(row.started_at)}, {row.seconds:.1f}s"),
        ("records", ", ".join(f"{number:,} {name}" for name, number in numbers.items())),
        ("match rate", match_rate(counts) or "-"),
        ("breaks", ", ".join(f"{number:,} {name}" for name, number in changes.items())),
        ("rules", row.rules_digest),
        ("digest", row.digest or "-"),
        *(("reason", reason) for reason in row.reasons),
        *_coverage("internal", row.internal),
        *_coverage("external", row.external),
    ]
    return [
        f"{name if not number else '':<16}{plain_text(line)}"
        for name, text in facts
        for number, line in enumerate(text.split("\n"))
    ]


def _coverage(name: str, side: Coverage | None) -> list[tuple[str, str]]:
    if side is None:
        return [(name, "the source failed")]
    text = f"{side.source}: {count(side.rows, 'record')}, {side.quarantined:,} quarantined"
    text += ", complete" if side.complete else ", incomplete"
    only = [f"{side.source}: {said}"] if (said := scope(side)) is not None else []
    return [(name, text), *((name, why) for why in (*only, *side.reasons, *side.notes))]


def _inputs(row: RunRow) -> list[InputFile]:
    sides = [each for each in (row.internal, row.external) if each is not None]
    listed = [*row.inputs, *(each for side in sides for each in side.inputs)]
    return list(dict.fromkeys(listed))


def _inputs_table(row: RunRow) -> list[str]:
    rows = [[each.name, f"{each.size:,}", each.sha256] for each in _inputs(row)]
    return table(("input", "bytes", "sha256"), rows, right=".r") if rows else ["no inputs"]


def _quarantined(row: RunRow, quarantine: Sequence[QuarantineRow]) -> list[str]:
    if quarantine:
        return ["", "quarantined rows:", *("  " + quarantine_line(each) for each in quarantine)]
    sides = (row.internal, row.external)
    if row.status is RunStatus.FAILED and any(side.quarantined for side in sides if side):
        return ["", "quarantined rows: of a failed run they are counted and not kept"]
    return []


def _pending(row: RunRow, waiting: Sequence[HeldText] | None) -> list[str]:
    counts = row.counts
    some = counts.expected + counts.unknown + counts.after_cut
    if waiting is None:
        why = "told of the last run for the latest business date only"
        return ["", f"open, in no break: {why}"] if some else []
    if not waiting:
        return ["", "open, in no break: none is kept of snapshots"] if some else []
    rows = [
        [
            str(each.side),
            each.since.isoformat(),
            "yes" if each.unreadable else "",
            ", ".join(
                f"{name} {each.identity[name] or '-'}" for name in in_contract_order(each.identity)
            ),
        ]
        for each in waiting[:_PAGE]
    ]
    lines = ["", "open, in no break (expected, unknown or after the cut; quarantined):"]
    lines += ["  " + line for line in table(("side", "since", "quarantined", "record"), rows)]
    if len(waiting) > _PAGE:
        rest = count(len(waiting) - _PAGE, "other")
        lines.append(f"  and {rest}: tieout runs show {row.run_id} --format json")
    return lines


def _input(file: InputFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "sha256": file.sha256,
        "size": file.size,
        "rows": file.rows,
        "repeats": file.repeats,
    }
