"""What the page shows, as texts: the template only places them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any, Final

from tieout.adapters.reports.survey import AGES, bucket
from tieout.core.canonical import instant
from tieout.core.model import PlainRecord, Role, RunStatus, Severity
from tieout.core.money import plain
from tieout.core.rows import RunRow
from tieout.core.scan import Coverage, InputFile
from tieout.core.schema import ID_COLUMNS
from tieout.present import (
    KINDS,
    SEVERITIES,
    Marked,
    in_contract_order,
    in_order,
    marked,
    match_rate,
    priced_by,
    scope,
    utc,
)

_ORDER: Final = tuple(RunStatus)
_NAMES: Final = (*sorted(ID_COLUMNS - {"reference"}, reverse=True), "symbol", "currency", "pair")
_CENTS: Final = Decimal("0.01")
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.(\d{9})Z")


def time(moment: datetime) -> str:
    """`2026-11-20 09:30:00Z`."""
    return _spaced(utc(moment))


def _spaced(text: str) -> str:
    day, _, rest = text.partition("T")
    clock, point, digits = rest.removesuffix("Z").partition(".")
    digits = digits.rstrip("0")
    return f"{day} {clock}{point if digits else ''}{digits}Z"


def age(seconds: int) -> str:
    """`3 d 4 h`, `5 h 12 min`, `12 min`."""
    minutes = max(0, seconds) // 60
    days, hours = divmod(minutes // 60, 24)
    if days:
        return f"{days} d {hours} h" if days < 30 else f"{days:,} d"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def amount(value: Decimal) -> str:
    """With thousands separators; beyond two decimals rounded, and `\u2248` says so."""
    with localcontext(prec=160, rounding=ROUND_HALF_EVEN):
        cents = value.quantize(_CENTS)
    return ("" if cents == value else "\u2248\u00a0") + f"{cents:,f}"


def worst(runs: Sequence[RunRow]) -> str | None:
    """The status that wins over several reconciliations."""
    return max((run.status for run in runs), key=_ORDER.index, default=None)


def run(row: RunRow) -> dict[str, Any]:
    """One reconciliation's header."""
    counts, breaks = row.counts, row.breaks
    named = {file.name for side in (row.internal, row.external) if side for file in side.inputs}
    return {
        "id": row.run_id,
        "name": row.reconciliation,
        "status": str(row.status),
        "headline": headline(row),
        "facts": [
            ("Business date", row.business_date.isoformat()),
            ("As of", time(row.as_of)),
            ("Run", row.run_id),
            ("Started", time(row.started_at)),
            ("Took", f"{row.seconds:.1f} s"),
        ],
        "rate": percent(row),
        "counts": [
            ("Matched", counts.matched),
            ("of them within tolerance", counts.within_tolerance),
            ("Broken", counts.broken),
            ("Expected", counts.expected),
            ("Unknown", counts.unknown),
            ("After the cut", counts.after_cut),
        ],
        "breaks": [
            ("New", breaks.new),
            ("Carried", breaks.carried),
            ("Changed", breaks.changed),
            ("Reopened", breaks.reopened),
            ("Cleared", breaks.cleared),
            ("Suppressed", breaks.suppressed),
        ],
        "severities": [(label, breaks.by_severity.get(label, 0)) for label in SEVERITIES],
        "open": breaks.open,
        "matched": counts.matched,
        "compared": counts.matched + counts.broken,
        "new": breaks.new,
        "cleared": breaks.cleared,
        "date": row.business_date.isoformat(),
        "reasons": row.reasons,
        "unkept": row.status is RunStatus.FAILED
        and any(side.quarantined for side in (row.internal, row.external) if side is not None),
        "sides": [("Internal", side(row.internal)), ("External", side(row.external))],
        "digest": row.digest,
        "rules_digest": row.rules_digest,
        "inputs": [file_of(each) for each in row.inputs if each.name not in named],
    }


def headline(row: RunRow) -> str:
    """One sentence: what came out, and how much of it can be relied on."""
    matched, compared = row.counts.matched, row.counts.matched + row.counts.broken
    agreed = f"{matched:,} of {compared:,} matched"
    if row.status is RunStatus.CLEAN:
        return f"Clean: {agreed}, {_reach(row)}"
    if row.status is RunStatus.BREAKS:
        return f"{_open(row)}; {agreed}, {_reach(row)}"
    if row.status is RunStatus.INCOMPLETE:
        return f"Incomplete: what is not there is unknown; {agreed}, {_open(row)}"
    if row.status is RunStatus.FAILED:
        return "Failed: nothing was compared, and earlier breaks stay as they were"
    return "Still running: nothing is known yet"


def _open(row: RunRow) -> str:
    return f"{row.breaks.open:,} {'break' if row.breaks.open == 1 else 'breaks'} open"


def _reach(row: RunRow) -> str:
    """What is covered. The latest records say nothing of what may be missing after them."""
    marks = [None if side is None else side.watermark for side in (row.internal, row.external)]
    ours, theirs = ("none" if mark is None else _spaced(instant(mark)) for mark in marks)
    covered = f"both sides complete for {row.business_date}"
    if marks == [None, None]:
        return covered
    if ours == theirs:
        return f"{covered}, latest record at {ours} on both"
    return f"{covered}, latest record internal {ours}, external {theirs}"


def percent(row: RunRow) -> str | None:
    """The match rate with two digits, cut: 100 % means all."""
    rate = match_rate(row.counts)
    if rate is None:
        return None
    return plain((Decimal(rate) * 100).quantize(_CENTS, rounding=ROUND_DOWN)) + "\u202f%"


def side(coverage: Coverage | None) -> dict[str, Any] | None:
    """One side of a run; None where its source failed."""
    if coverage is None:
        return None
    window = coverage.window
    return {
        "source": coverage.source,
        "rows": coverage.rows,
        "quarantined": coverage.quarantined,
        "complete": coverage.complete,
        "reasons": coverage.reasons,
        "watermark": None if coverage.watermark is None else _spaced(instant(coverage.watermark)),
        "window": None if window is None else [_spaced(instant(edge)) for edge in window],
        "everything": coverage.everything,
        "totals": [(name, plain(total)) for name, total in coverage.totals.items()],
        "only": scope(coverage),
        "notes": coverage.notes,
        "inputs": [file_of(each) for each in coverage.inputs],
    }


def file_of(each: InputFile) -> dict[str, Any]:
    """An input file, for the proof."""
    return {
        "name": each.name,
        "size": f"{each.size:,}",
        "rows": "" if each.rows is None else f"{each.rows:,}",
        "sha256": each.sha256,
        "repeats": each.repeats,
    }


def bars(counts: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    """Rows of a stacked bar chart, one a name: segments in hundredths of the longest bar."""
    totals: Counter[str] = Counter()
    for (name, _), count in counts.items():
        totals[name] += count
    longest = max(totals.values(), default=1)
    rows = []
    for name in in_order(totals, KINDS):
        at, segments = 0.0, []
        for severity in SEVERITIES:
            width = 100 * counts[name, severity] / longest
            if width:
                segments.append({"severity": severity, "x": f"{at:.3f}", "width": f"{width:.3f}"})
            at += width
        numbers = [counts[name, severity] for severity in SEVERITIES]
        rows.append({"name": name, "total": totals[name], "bar": segments, "numbers": numbers})
    return rows


def ages(counts: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    """As `bars`, every bucket in its order, empty ones included."""
    found = {row["name"]: row for row in bars(counts)}
    empty = {"total": 0, "bar": [], "numbers": [0] * len(SEVERITIES)}
    return [found.get(name) or {"name": name, **empty} for name, _ in AGES]


def summary(brk: Mapping[str, Any]) -> dict[str, Any]:
    """A break's row in the table."""
    value, key = brk["value"], {k: v for k, v in brk["key"].items() if v is not None}
    name = next((each for each in _NAMES if each in key), next(iter(key), ""))
    seconds = brk["age_seconds"]
    record: PlainRecord = next((part["record"] for part in brk["records"]), {})
    subject = record.get("symbol") or record.get("currency")
    about = [] if subject is None or {"symbol", "currency", "pair"} & set(key) else [subject]
    return {
        "reconciliation": brk["reconciliation"],
        "kind": brk["kind"],
        "severity": brk["severity"],
        "rank": int(Severity.of(brk["severity"])),
        "state": brk["state"].replace("_", " "),
        "doubt": brk["doubt"],
        "name": key.get(name, brk["id"]),
        "rest": " \u00b7 ".join([*about, *(text for each, text in key.items() if each != name)]),
        "value": None if value is None else amount(Decimal(value["amount"])),
        "exact": None if value is None else value["amount"],
        "currency": None if value is None else value["currency"],
        "seconds": seconds,
        "age": age(seconds),
        "bucket": bucket(seconds),
        **_first_difference(brk),
    }


def _first_difference(brk: Mapping[str, Any]) -> dict[str, Any]:
    differences = brk["differences"]
    if not differences:
        return {
            "field": "record",
            "internal": _said(brk, "internal"),
            "external": _said(brk, "external"),
            "difference": None,
            "more": [],
        }
    first = differences[0]
    internal, external = sides(*_short(first["internal"], first["external"]))
    return {
        "field": first["field"],
        "internal": internal,
        "external": external,
        "difference": first["difference"],
        "more": [each["field"] for each in differences[1:]],
    }


def _short(internal: str | None, external: str | None) -> tuple[str | None, str | None]:
    """Two times without the day and the zeros that they share; anything else as it is."""
    pair = [None if text is None else _TIME.fullmatch(text) for text in (internal, external)]
    if not (pair[0] and pair[1]):
        return internal, external
    (day, clock, fraction), (other_day, other_clock, other_fraction) = (
        pair[0].groups(),
        pair[1].groups(),
    )
    digits = max(len(fraction.rstrip("0")), len(other_fraction.rstrip("0")))
    clocks = [
        f"{time}.{part[:digits]}Z" if digits else f"{time}Z"
        for time, part in ((clock, fraction), (other_clock, other_fraction))
    ]
    if day == other_day:
        return clocks[0], clocks[1]
    return f"{day} {clocks[0]}", f"{other_day} {clocks[1]}"


def sides(internal: str | None, external: str | None) -> tuple[Marked | None, Marked | None]:
    """Both texts in marked pieces; a side without a value is None, the other then one piece."""
    if internal is not None and external is not None:
        return marked(internal, external)
    return _whole(internal), _whole(external)


def _whole(text: str | None) -> Marked | None:
    return None if text is None else [(text, False)]


def _said(brk: Mapping[str, Any], side: str) -> Marked | None:
    records = [part["record"] for part in brk["records"] if part["side"] == side]
    if not records:
        return None
    if len(records) > 1:
        return [(f"{len(records)} records", False)]
    values = records[0]
    shown = [values.get(name) for name in ("side", "quantity", "total", "amount", "pnl_impact")]
    text = " ".join(part for part in shown if part is not None)
    price = values.get("price")
    return [(f"{text} @ {price}" if price else text or "1 record", False)]


def detail(brk: Mapping[str, Any]) -> dict[str, Any]:
    """What a row shows when it is opened; the script renders it.

    `fields` are [name, internal, external, difference, differs], those that differ first; a side
    is null, a text, or [text, differs] pieces.
    """
    value = brk["value"]
    facts = [
        ("Break", brk["id"]),
        ("Reconciliation", brk["reconciliation"]),
        ("Kind", brk["kind"]),
        ("Severity", brk["severity"]),
        ("State", brk["state"].replace("_", " ")),
        ("Cause", brk["cause"].replace("_", " ")),
        ("First seen", _spaced(brk["first_seen"])),
        ("Opened", _spaced(brk["opened_at"])),
        ("Age", age(brk["age_seconds"])),
        ("Value at risk", f"{value['amount']} {value['currency']}" if value else "unknown"),
        ("Run", brk["run_id"]),
    ]
    if value and value["prices"]:
        facts.insert(-1, ("Priced by", priced_by(value)))
    if brk["doubt"]:
        facts.append(("In doubt", "its partner may be a quarantined row"))
    return {
        "facts": facts,
        "key": [[name, text] for name, text in brk["key"].items() if text is not None],
        "sides": [brk["internal"] is not None, brk["external"] is not None],
        "fields": _fields(brk),
        "others": [part for part in brk["records"] if part["role"] != Role.PRIMARY],
    }


def _fields(brk: Mapping[str, Any]) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for each in brk["differences"]:
        internal, external = sides(each["internal"], each["external"])
        rows.append([each["field"], internal, external, each["difference"], True])
    differing = {each["field"] for each in brk["differences"]}
    ours, theirs = brk["internal"] or {}, brk["external"] or {}
    for name in dict.fromkeys([*ours, *theirs]):
        values = ours.get(name), theirs.get(name)
        if name not in differing and values != (None, None):
            rows.append([name, *values, None, False])
    return rows


def pending(item: Mapping[str, Any]) -> dict[str, Any]:
    """A record in no break, its identity in the order of the contract."""
    identity = item["identity"]
    return {**item, "identity": [(name, identity[name]) for name in in_contract_order(identity)]}


def quarantined(row: Mapping[str, Any]) -> dict[str, Any]:
    """A quarantined row."""
    line = "" if row["line"] is None else f", line {row['line']:,}"
    return {**row, "where": f"row {row['row']:,}{line}"}
