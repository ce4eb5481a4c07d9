"""The JSON report: runs, breaks and quarantine in one document, streamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO, Any

from tieout.adapters.reports.objects import break_objects, opened
from tieout.adapters.reports.whole import whole
from tieout.core.canonical import instant
from tieout.core.money import plain
from tieout.core.rows import RunRow
from tieout.core.scan import Coverage
from tieout.ports import ReportData
from tieout.present import encoded, pending_object, quarantine_object, run_object, utc


class JsonReport:
    """`{generated_at, filters, runs: [...], breaks: [...], quarantine: [...]}`.

    A run is `tieout.present.run_object` and, under `proof`, what it rests on, and under `pending`
    the records that it left open in no break (None where nobody can tell).
    """

    suffix = ".json"

    def write(self, data: ReportData, path: str) -> None:
        with whole(path) as draft, opened(draft) as file:
            file.write(f'{{"generated_at":{encoded(utc(data.generated_at))}')
            file.write(f',"filters":{encoded(dict(data.filters))}')
            _list(file, "runs", (_run(data, run) for run in data.runs))
            _list(file, "breaks", break_objects(data))
            _list(file, "quarantine", _quarantine(data))
            file.write("}\n")


def _run(data: ReportData, run: RunRow) -> dict[str, Any]:
    items = data.pending(run)
    pending = None if items is None else [pending_object(each) for each in items]
    return run_object(run) | {"proof": proof(run), "pending": pending}


def _quarantine(data: ReportData) -> Iterator[dict[str, Any]]:
    return (quarantine_object(row) for row in data.quarantine())


def _list(file: IO[str], name: str, items: Iterable[dict[str, Any]]) -> None:
    file.write(f',\n"{name}":[')
    separator = "\n"
    for item in items:
        file.write(separator + encoded(item))
        separator = ",\n"
    file.write("]")


def proof(run: RunRow) -> dict[str, Any]:
    """What a run rests on: its rules, its inputs with hashes, and each side's coverage."""
    return {
        "rules_digest": run.rules_digest,
        "reasons": list(run.reasons),
        "started_at": utc(run.started_at),
        "finished_at": None if run.finished_at is None else utc(run.finished_at),
        "internal": _coverage(run.internal),
        "external": _coverage(run.external),
    }


def _coverage(side: Coverage | None) -> dict[str, Any] | None:
    if side is None:
        return None
    return {
        "source": side.source,
        "reasons": list(side.reasons),
        "window": None if side.window is None else [instant(edge) for edge in side.window],
        "everything": side.everything,
        "totals": {name: plain(total) for name, total in side.totals.items()},
        "inputs": [
            {
                "name": file.name,
                "sha256": file.sha256,
                "size": file.size,
                "rows": file.rows,
                "repeats": file.repeats,
            }
            for file in side.inputs
        ],
        "notes": list(side.notes),
    }
