"""`tieout breaks`: list them, and look at one."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from tieout.cli.arguments import one_of, opened
from tieout.cli.console import Cell, age, count, out, paint, plain_text, table
from tieout.cli.runs import find_run
from tieout.cli.status import OPEN
from tieout.cli.summary import SHORT, break_line, subject, what_differs
from tieout.core.model import Kind, Severity
from tieout.core.rows import BreakFilter, BreakRow, HistoryRow
from tieout.errors import UsageError
from tieout.ports import Store
from tieout.present import (
    age_seconds,
    break_object,
    in_contract_order,
    marked,
    one_line,
    priced_by,
    primary,
    utc,
    value_object,
)
from tieout.present.flat import columns, flat, guarded

STATES = ("open", "in_review", "correcting", "resolved", "suppressed", "all")
_PAGE = 100


def list_breaks(
    where: BreakFilter, *, config: Path | None, store: str | None, limit: int | None, shape: str
) -> None:
    """List open breaks: in a table the worst first, in other formats by id."""
    shape = one_of(shape, ("table", "json", "ndjson", "csv"), "--format")
    now = datetime.now(UTC)
    with opened(store, config) as view:
        if where.run_id is not None:
            where = replace(where, run_id=find_run(view, where.run_id).run_id)
        if shape == "table":
            total = sum(each.number for each in view.tally(where))
            shown = _PAGE if limit is None else limit or total
            _table(view.breaks(replace(where, worst=shown)), total, now)
        else:
            chosen = replace(where, worst=limit or None)
            _write(lambda: view.breaks(chosen), shape, now)


def show_break(id_: str, *, config: Path | None, store: str | None, shape: str) -> None:
    """Show both sides of a break, what differs, and its history."""
    shape = one_of(shape, ("table", "json"), "--format")
    now = datetime.now(UTC)
    with opened(store, config) as view:
        row = _find(view, id_)
        history = list(view.history(row.id))
    if shape == "json":
        data = break_object(row, as_of=now) | {"history": [_event(each) for each in history]}
        out(json.dumps(data, indent=2, ensure_ascii=False))
        return
    for line in [*_heading(row, now), "", *_sides(row), *_others(row), "", *_history(history)]:
        out(line)


def wanted(
    reconciliation: str | None,
    kinds: Sequence[str],
    severity: str | None,
    states: Sequence[str],
    run: str | None,
) -> BreakFilter:
    """Which breaks to list, as said on the command line. Raises UsageError."""
    in_state = [one_of(each, STATES, "--state") for each in states] or list(OPEN)
    names = [kind.value.lower() for kind in Kind]
    minimum = None
    if severity is not None:
        known = [each.label for each in Severity]
        minimum = int(Severity.of(one_of(severity, known, "--severity")))
    return BreakFilter(
        reconciliation=reconciliation,
        states=None if "all" in in_state else in_state,
        kinds=[one_of(each, names, "--kind").upper() for each in kinds] or None,
        minimum=minimum,
        run_id=run,
    )


def _table(rows: Iterable[BreakRow], total: int, now: datetime) -> None:
    """The worst of `total` breaks."""
    if not total:
        out("no breaks")
        return
    lines = []
    for row in rows:
        value = value_object(row)
        lines.append(
            [
                row.id[:SHORT],
                row.content["severity"],
                row.content["kind"],
                row.reconciliation,
                subject(row.content),
                what_differs(row.content),
                "-" if value is None else f"{value['amount']} {value['currency'] or ''}".strip(),
                age(age_seconds(row, now)),
                str(row.state),
            ]
        )
    header = (
        "id",
        "severity",
        "kind",
        "reconciliation",
        "record",
        "difference",
        "value",
        "age",
        "state",
    )
    for line in table(header, lines, right="......rr"):
        if not out(line):
            return
    if total > len(lines):
        out(f"the worst {len(lines):,} of {count(total, 'break')}; all: --limit 0")


def _write(rows: Callable[[], Iterable[BreakRow]], shape: str, now: datetime) -> None:
    if shape == "csv":
        _write_csv(rows, now)
        return
    objects = (break_object(row, as_of=now) for row in rows())
    if shape == "ndjson":
        for each in objects:
            if not out(one_line(each)):
                return
    else:
        _write_list(objects)


def _write_list(objects: Iterable[dict[str, Any]]) -> None:
    """A JSON list, one element a line, so that a long one needs no memory."""
    before = "["
    for each in objects:
        if not out(before) if before == "[" else False:
            return
        if not out((" " if before == "[" else ",") + one_line(each)):
            return
        before = ","
    out("]" if before == "," else "[]")


COLUMNS = (
    "id",
    "reconciliation",
    "kind",
    "severity",
    "cause",
    "state",
    "doubt",
    "key",
    "internal",
    "external",
    "differences",
    "value",
    "value_currency",
    "value_prices",
    "first_seen",
    "opened_at",
    "age_seconds",
    "run_id",
)


def _write_csv(rows: Callable[[], Iterable[BreakRow]], now: datetime) -> None:
    """`COLUMNS`, then those that only `run --breaks FILE.csv` has. Reads the breaks twice."""

    class _Line:
        def write(self, text: str) -> bool:
            return out(text)

    spread = [name for name in columns(rows()) if name not in COLUMNS]
    writer = csv.writer(_Line(), lineterminator="")
    writer.writerow([guarded(name) for name in (*COLUMNS, *spread)])
    for row in rows():
        each = break_object(row, as_of=now)
        value = each["value"]
        whole = each | {
            "value": None if value is None else value["amount"],
            "value_currency": None if value is None else value["currency"],
            "value_prices": None if value is None else value["prices"],
        }
        cells = flat(each)
        found = [*(whole[name] for name in COLUMNS), *(cells.get(name) for name in spread)]
        if not writer.writerow(map(_cell, found)):
            return


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return one_line(value)
    return guarded(str(value).lower() if isinstance(value, bool) else str(value))


def _find(view: Store, id_: str) -> BreakRow:
    """The break whose id begins so. Raises UsageError where there is none, or several."""
    prefix = id_.strip().lower()
    if not prefix or any(letter not in "0123456789abcdef" for letter in prefix):
        raise UsageError(f"{id_!r} is no break's id", hint="tieout breaks list")
    found = list(islice(view.breaks(BreakFilter(id_prefix=prefix)), 21))
    if not found:
        raise UsageError(f"there is no break {id_!r}", hint="tieout breaks list --state all")
    if len(found) > 1:
        now = datetime.now(UTC)
        lines = "\n".join(f"  {row.id}  {break_line(row, now)}" for row in found[:20])
        more = "\n  and more" if len(found) > 20 else ""
        raise UsageError(
            f"{id_!r} begins the ids of several breaks:\n{lines}{more}", hint="give more of the id"
        )
    return found[0]


def _heading(row: BreakRow, now: datetime) -> list[str]:
    content, value = row.content, value_object(row)
    worth = "unknown" if value is None else f"{value['amount']} {value['currency'] or ''}".strip()
    facts = [
        ("id", row.id),
        ("reconciliation", row.reconciliation),
        ("state", f"{row.state}{', in doubt' if row.doubt else ''}"),
        ("cause", str(row.cause)),
        ("value", worth),
        *([("priced by", priced_by(value))] if value and value["prices"] else []),
        ("first seen", utc(row.first_seen)),
        *_life(row, now),
        ("run", row.run_id),
    ]
    title = f"{content['severity'].upper()} {content['kind']}  {subject(content)}"
    return [paint(plain_text(title), "bold")] + [
        f"{name:<16}{plain_text(text)}" for name, text in facts
    ]


def _life(row: BreakRow, now: datetime) -> list[tuple[str, str]]:
    opened, lasted = utc(row.opened_at), age(age_seconds(row, now))
    if row.cleared_at is None:
        return [("opened", f"{opened}, {lasted} ago")]
    return [("opened", opened), ("cleared", f"{utc(row.cleared_at)}, after {lasted}")]


def _sides(row: BreakRow) -> list[str]:
    """Both records, field by field; what differs is marked."""
    ours, theirs = primary(row.content, "internal"), primary(row.content, "external")
    if ours is None and theirs is None:
        return []
    differing = {each["field"]: each for each in row.content["differences"]}
    have = {*(ours or {}), *(theirs or {}), *differing}
    rows: list[list[Cell]] = []
    for name in in_contract_order(have):
        found = differing.get(name)
        pair = [(side or {}).get(name) for side in (ours, theirs)]
        if found is not None:
            pair = [found["internal"], found["external"]]
        mark, by = ("*", found["difference"] or "") if found is not None else ("", "")
        texts = ["-" if text is None else text for text in pair]
        rows.append([mark, name, *(marked(*texts) if found is not None else texts), by])
    titles = [
        name if side is not None else f"{name} (missing)"
        for name, side in (("internal", ours), ("external", theirs))
    ]
    return table(("", "field", *titles, "difference"), rows, right="....r")


def _others(row: BreakRow) -> list[str]:
    """Duplicates, candidates and members: every record that is not one of the two."""
    others = [part for part in row.content["records"] if part["role"] != "primary"]
    lines = []
    for part in others:
        said = ", ".join(f"{k} {v}" for k, v in part["record"].items() if v is not None)
        lines.append(plain_text(f"{part['side']} {part['role']}: {said}"))
    return ["", *lines] if lines else []


def _history(history: Sequence[HistoryRow]) -> list[str]:
    rows = [
        [
            utc(each.at),
            each.event,
            each.business_date.isoformat(),
            each.run_id,
            f"{each.content.get('severity', '')} {each.content.get('kind', '')}".strip(),
            what_differs(each.content) if "records" in each.content else "",
        ]
        for each in history
    ]
    return table(("at", "event", "business date", "run", "then", ""), rows) if rows else []


def _event(row: HistoryRow) -> dict[str, Any]:
    return {
        "event": str(row.event),
        "at": utc(row.at),
        "run_id": row.run_id,
        "business_date": row.business_date.isoformat(),
        "content": dict(row.content),
    }
