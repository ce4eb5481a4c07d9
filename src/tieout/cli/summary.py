"""A run and a break in words, for people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tieout.cli.console import age, can_write, count, paint, plain_text, say_error
from tieout.core.canonical import moment
from tieout.core.model import PlainRecord, Severity
from tieout.core.money import plain
from tieout.core.rows import BreakRow, QuarantineRow, RunRow
from tieout.core.scan import Coverage
from tieout.present import age_seconds, in_order, primary, reasons, scope, utc
from tieout.service.runs import RunOutcome

TOP = 5
"""Breaks and quarantined rows that a summary shows; it says how to see the others."""

SHORT = 10
"""Characters of a break's id that tell it apart, in tables."""

DERIVED = "derived-"
"""How the id of a record begins that came without one."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")
_COLOURS = {"critical": "red", "high": "red", "medium": "yellow", "low": "blue", "info": "dim"}
_STATUS = {"clean": "green", "breaks": "red", "incomplete": "yellow", "failed": "red"}


def run_lines(outcome: RunOutcome, *, top: int = TOP, where: str = "") -> list[str]:
    """A run: what was read, matched and found, the `top` worst breaks, and what to do next.

    Args:
        where: options that lead the next command to the same store.
    """
    row = outcome.row
    status = str(row.status)
    name, ended = plain_text(row.reconciliation), paint(status, _STATUS.get(status, "dim"))
    lines = [f"{paint(name, 'bold')}  {row.business_date}  {ended}"]
    said = [*scopes(row), *_notes(row)]
    lines += [_fetch(row), *(f"  {'':<8}{plain_text(each)}" for each in said)]
    if status != "failed":
        lines += [_match(row), _breaks(row), *_top(outcome, top, where)]
    return lines + _quarantine(outcome, where)


def say_why(row: RunRow) -> None:
    """Say as errors why a run failed or is incomplete."""
    incomplete = " is incomplete" if str(row.status) == "incomplete" else ""
    for reason in reasons(row):
        say_error(f"{row.reconciliation}{incomplete}: {reason}")


def _mark(good: bool) -> str:
    if can_write("✓✗"):
        return paint("✓", "green") if good else paint("✗", "red")
    return "ok" if good else "!!"


def _fetch(row: RunRow) -> str:
    sides = [_side("internal", row.internal), _side("external", row.external)]
    good = all(each is not None and each.complete for each in (row.internal, row.external))
    return f"{_mark(good)} {'fetch':<8}{_dot().join(sides)}"


def scopes(row: RunRow) -> list[str]:
    """Where a side was asked by symbol: about which."""
    sides = [side for side in (row.internal, row.external) if side is not None]
    return [f"{each.source}: {said}" for each in sides if (said := scope(each)) is not None]


def _notes(row: RunRow) -> list[str]:
    """What else a person should know of a side."""
    sides = [side for side in (row.internal, row.external) if side is not None]
    return [f"{side.source}: {note}" for side in sides for note in side.notes]


def _side(name: str, coverage: Coverage | None) -> str:
    if coverage is None:
        return f"{name} failed"
    text = f"{name} {coverage.rows:,}"
    if coverage.quarantined:
        text += f" and {coverage.quarantined:,} quarantined"
    if not coverage.complete:
        return f"{text} (incomplete)"
    if coverage.watermark is not None:
        text += f" (latest {utc(moment(coverage.watermark).replace(microsecond=0))})"
    return text


def _match(row: RunRow) -> str:
    counts = row.counts
    parts = [f"{counts.matched - counts.within_tolerance:,} exact"]
    for number, what in (
        (counts.within_tolerance, "within tolerance"),
        (counts.expected, "expected"),
        (counts.unknown, "unknown"),
        (counts.after_cut, "after the cut"),
    ):
        if number:
            parts.append(f"{number:,} {what}")
    return f"{_mark(True)} {'match':<8}{_dot().join(parts)}"


def _breaks(row: RunRow) -> str:
    breaks = row.breaks
    parts = [f"{breaks.open:,} open"]
    for number, what in (
        (breaks.new, "new"),
        (breaks.carried, "carried"),
        (breaks.changed, "changed"),
        (breaks.reopened, "reopened"),
        (breaks.cleared, "cleared"),
        (breaks.suppressed, "suppressed"),
    ):
        if number:
            parts.append(f"{number:,} {what}")
    severities = in_order(breaks.by_severity, [each.label for each in sorted(Severity)[::-1]])
    by = ", ".join(f"{number:,} {name}" for name, number in severities.items() if number)
    tail = f"  ({by})" if by else ""
    good = not breaks.open and row.status == "clean"
    return f"{_mark(good)} {'breaks':<8}{_dot().join(parts)}{tail}  {row.seconds:.1f}s"


def _dot() -> str:
    return " · " if can_write("·") else " | "


def _top(outcome: RunOutcome, top: int, where: str) -> list[str]:
    row = outcome.row
    if not row.breaks.open or not top:
        return []
    worst = list(outcome.breaks(worst=top))
    lines = ["  " + break_line(each, row.as_of) for each in worst]
    rest = row.breaks.open - len(worst)
    if rest > 0:
        lines.append(f"  and {rest:,} more: tieout breaks list{where}")
    if worst:
        lines.append(f"  next: tieout breaks show {worst[0].id[:SHORT]}{where}")
    return lines


def break_line(row: BreakRow, as_of: datetime) -> str:
    """A break on one line."""
    severity = row.content["severity"]
    parts = [
        paint(f"{severity.upper():<8}", _COLOURS.get(severity, "dim")),
        f"{row.content['kind']:<16}",
        plain_text(subject(row.content)),
        plain_text(what_differs(row.content)),
    ]
    if row.value_amount is not None:
        parts.append(plain_text(f"{plain(row.value_amount)} {row.value_currency or ''}".strip()))
    parts += [age(age_seconds(row, as_of)), paint(row.id[:SHORT], "dim")]
    return "  ".join(part for part in parts if part)


def subject(content: Mapping[str, Any]) -> str:
    """What a break is about: symbol, leg and id, or whatever its key has."""
    key = {name: text for name, text in content["key"].items() if text}
    record: PlainRecord = next((part["record"] for part in content["records"]), {})
    first = next(
        (text for text in map(key.get, ("symbol", "currency")) if text),
        record.get("symbol") or record.get("currency"),
    )
    leg = key.get("leg")
    ids = [text for name, text in key.items() if name.endswith("_id")]
    if not ids and key.get("account"):
        ids = [key["account"]]
    elif any(text.startswith(DERIVED) for text in ids):
        ids = [brief(record.get("timestamp"))]
    parts = (first, None if leg == "net" else leg, *ids)
    return " ".join(text for text in parts if text) or " ".join(key.values())


def what_differs(content: Mapping[str, Any]) -> str:
    """`price 190.5 / 190.6`; for a missing record what the other side has."""
    differences = content["differences"]
    if differences:
        first = differences[0]
        text = f"{first['field']} {brief(first['internal'])} / {brief(first['external'])}"
        more = len(differences) - 1
        return text + (f" and {count(more, 'other field')}" if more else "")
    if len(content["records"]) > 1:
        return count(len(content["records"]), "record")
    record = primary(content, "internal") or primary(content, "external") or {}
    named = ("side", "quantity", "price", "total", "amount")
    return " ".join(f"{name} {record[name]}" for name in named if record.get(name) is not None)


def brief(text: str | None) -> str:
    """A canonical text without the zeros that a time ends with; `-` for an absent one."""
    if text is None:
        return "-"
    if not _TIME.fullmatch(text):
        return text
    return text.removesuffix("Z").rstrip("0").rstrip(".").removesuffix("T00:00:00") + "Z"


def _quarantine(outcome: RunOutcome, where: str) -> list[str]:
    first: list[QuarantineRow] = []
    total = 0
    for entry in outcome.quarantine():
        total += 1
        if total <= TOP:
            first.append(entry)
    if not total:
        return []
    lines = [f"{_mark(False)} {'rows':<8}{total:,} quarantined"]
    lines += ["  " + quarantine_line(each) for each in first]
    if total > len(first):
        run = outcome.row.run_id[:SHORT]
        lines.append(f"  and {total - len(first):,} more: tieout runs show {run}{where}")
    return lines


def quarantine_line(row: QuarantineRow) -> str:
    """A quarantined row: where it is, what is wrong, and the row itself."""
    entry = row.entry
    place = (
        f"{entry.place}:{entry.line}"
        if entry.line is not None
        else f"{entry.place} row {entry.row}"
    )
    field = f"{entry.field}: " if entry.field else ""
    raw = entry.raw if len(entry.raw) <= 80 else entry.raw[:80] + "…"
    return plain_text(f"{place}  {field}{entry.reason}  [{raw}]")
