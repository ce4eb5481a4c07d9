"""How a run and a break are shown outside: the objects of `--format json`, NDJSON and reports.

One function an object, so that the command line, a file and a report never disagree. Decimals
are texts without exponent; times are ISO 8601 in UTC with `Z`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal, localcontext
from itertools import groupby, zip_longest
from typing import Any, Final, TypeAlias

import msgspec

from tieout.core.canonical import instant
from tieout.core.held import HeldText
from tieout.core.model import Kind, PlainRecord, Priced, Role, Severity
from tieout.core.money import plain
from tieout.core.rows import BreakRow, QuarantineRow, RunCounts, RunRow
from tieout.core.scan import Coverage
from tieout.core.schema import RECORD_TYPES

RATE_DIGITS: Final = 12
"""Digits after the point of a match rate."""

Marked: TypeAlias = list[tuple[str, bool]]
"""A text in pieces, each with whether it differs from the other side's text."""

BIDI: Final = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Characters that turn the direction of writing."""

_COLUMNS: Final = {
    name: place
    for place, name in enumerate(
        dict.fromkeys(name for type_ in RECORD_TYPES.values() for name in type_.columns)
    )
}
_VISIBLE: Final = {ord(char): f"\\x{ord(char):x}" for char in BIDI}
_NUMBER: Final = re.compile(r"(-?)(\d+)(?:\.(\d+))?", re.ASCII)


def utc(moment: datetime) -> str:
    """`2026-11-20T09:30:00Z`; microseconds only where there are any. Naive times are refused."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def one_line(value: Any) -> str:
    """JSON on one line, keys in their own order, text as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def encoded(value: Any) -> str:
    """`one_line`, several times as fast."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # a lone surrogate
        return one_line(value)


def visible(text: str) -> str:
    """`text` with what turns the direction of writing shown: `\\x202e`.

    Such a character makes an id look like another one.
    """
    return text if text.isascii() else text.translate(_VISIBLE)


def is_number(text: str) -> bool:
    """Whether `text` is a number in canonical form: `-12.5`, and neither `+1` nor `1e3`."""
    return _NUMBER.fullmatch(text) is not None


def age_seconds(row: BreakRow, as_of: datetime) -> int:
    """Whole seconds from when the break was last opened to `as_of`, or to when it cleared.

    Zero where `as_of` is before it was opened: an earlier date was run again.
    """
    until = as_of if row.cleared_at is None else min(as_of, row.cleared_at)
    delta = until - row.opened_at
    return max(0, delta.days * 86_400 + delta.seconds)


def reasons(row: RunRow) -> list[str]:
    """Why a run failed or is incomplete: its own reasons, then those of each side."""
    sides = [each for each in (row.internal, row.external) if each is not None]
    said = [*row.reasons, *(f"{each.source}: {why}" for each in sides for why in each.reasons)]
    return list(dict.fromkeys(said))


def break_object(row: BreakRow, *, as_of: datetime) -> dict[str, Any]:
    """A break: a line of NDJSON, an element of the JSON report.

    Keys: id, reconciliation, kind, severity, cause, state, doubt, key, internal, external (the
    primary records, or None), records, differences, value (amount, currency, prices; or None),
    first_seen, opened_at, age_seconds (at `as_of`; of a resolved one, when it cleared), run_id.
    """
    content = row.content
    return {
        "id": row.id,
        "reconciliation": row.reconciliation,
        "kind": content["kind"],
        "severity": content["severity"],
        "cause": str(row.cause),
        "state": str(row.state),
        "doubt": row.doubt,
        "key": content["key"],
        "internal": primary(content, "internal"),
        "external": primary(content, "external"),
        "records": content["records"],
        "differences": content["differences"],
        "value": value_object(row),
        "first_seen": utc(row.first_seen),
        "opened_at": utc(row.opened_at),
        "age_seconds": age_seconds(row, as_of),
        "run_id": row.run_id,
    }


def value_object(row: BreakRow) -> dict[str, Any] | None:
    """A break's value at risk; None where it is unknown, which is not zero."""
    if row.value_amount is None:
        return None
    return {
        "amount": plain(row.value_amount),
        "currency": row.value_currency,
        "prices": [_price_object(each, row.content) for each in row.value_prices],
    }


def _price_object(priced: Priced, content: Mapping[str, Any]) -> dict[str, str | None]:
    """A price with its time. The record's own price, without a pair, is in the record."""
    if priced.pair is None:
        record = primary(content, "internal") or primary(content, "external") or {}
        price = record.get("price") or record.get("average_price")
        times = (record.get(name) for name in ("timestamp", "updated_at", "as_of"))
        return {"pair": None, "price": price, "as_of": next((each for each in times if each), None)}
    return {
        "pair": priced.pair,
        "price": None if priced.price is None else plain(priced.price),
        "as_of": None if priced.as_of is None else instant(priced.as_of),
    }


def priced_by(value: Mapping[str, Any]) -> str:
    """The prices of a `value_object` in one line; empty where none was needed."""
    said = (
        f"{each['pair'] or 'own price'} {each['price']}"
        + (f" of {each['as_of']}" if each["as_of"] else "")
        for each in value["prices"]
    )
    return ", ".join(said)


def primary(content: Mapping[str, Any], side: str) -> PlainRecord | None:
    """The record on `side` that the differences are about, if there is one."""
    for part in content["records"]:
        if part["side"] == side and part["role"] == Role.PRIMARY:
            record: PlainRecord = part["record"]
            return record
    return None


NAMED: Final = 5
"""Symbols that `scope` names."""


def scope(coverage: Coverage | None) -> str | None:
    """Of which symbols alone a side has answered, in words; None where it is all of them."""
    if coverage is None or coverage.symbols is None:
        return None
    names = coverage.symbols
    if not names:
        return "asked about no symbol: nothing is known to be clean"
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"asked about {', '.join(names[:NAMED])}{more} only: nothing else is known to be clean"


def run_object(row: RunRow) -> dict[str, Any]:
    """A run: an element of what `tieout run --format json` prints.

    A side is None where its source failed. `match_rate.count` is None where nothing was
    compared. `seconds` is a number; it is no money.
    """
    counts, breaks = row.counts, row.breaks
    return {
        "reconciliation": row.reconciliation,
        "run_id": row.run_id,
        "status": str(row.status),
        "as_of": utc(row.as_of),
        "business_date": row.business_date.isoformat(),
        "internal": side_object(row.internal),
        "external": side_object(row.external),
        "matched": counts.matched,
        "within_tolerance": counts.within_tolerance,
        "expected": counts.expected,
        "unknown": counts.unknown,
        "after_cut": counts.after_cut,
        "match_rate": {"count": match_rate(counts)},
        "breaks": {
            "open": breaks.open,
            "new": breaks.new,
            "carried": breaks.carried,
            "changed": breaks.changed,
            "reopened": breaks.reopened,
            "cleared": breaks.cleared,
            "suppressed": breaks.suppressed,
            "by_kind": in_order(breaks.by_kind, KINDS),
            "by_severity": in_order(breaks.by_severity, SEVERITIES),
        },
        "reasons": reasons(row),
        "digest": row.digest,
        "seconds": round(row.seconds, 3),
    }


KINDS: Final = tuple(kind.value for kind in Kind)
"""Kinds by precedence."""

SEVERITIES: Final = tuple(severity.label for severity in sorted(Severity, reverse=True))
"""Severities, the worst first."""


def side_object(coverage: Coverage | None) -> dict[str, Any] | None:
    """What `--format json` says of a side."""
    if coverage is None:
        return None
    return {
        "rows": coverage.rows,
        "quarantined": coverage.quarantined,
        "complete": coverage.complete,
        "watermark": None if coverage.watermark is None else instant(coverage.watermark),
        "symbols": None if coverage.symbols is None else list(coverage.symbols),
    }


def match_rate(counts: RunCounts) -> str | None:
    """matched / (matched + broken), cut and never rounded up: `1` means all of them."""
    compared = counts.matched + counts.broken
    if compared == 0:
        return None
    with localcontext(prec=50, rounding=ROUND_DOWN):
        rate = Decimal(counts.matched) / Decimal(compared)
        return plain(rate.quantize(Decimal(1).scaleb(-RATE_DIGITS)))


def in_order(counts: Mapping[str, int], order: Sequence[str]) -> dict[str, int]:
    """`counts` in a fixed order; names that the order lacks stand at the end."""
    known = {name: counts[name] for name in order if name in counts}
    return known | {name: counts[name] for name in sorted(counts) if name not in known}


def in_contract_order(columns: Iterable[str]) -> list[str]:
    """Columns in the order of the contracts; others stand at the end, by name."""
    return sorted(columns, key=lambda name: (_COLUMNS.get(name, len(_COLUMNS)), name))


def quarantine_object(row: QuarantineRow) -> dict[str, Any]:
    """A quarantined row: where it is, what is wrong with it, and the row itself."""
    entry = row.entry
    return {
        "run_id": row.run_id,
        "side": None if row.side is None else str(row.side),
        "source": entry.source,
        "file": entry.place,
        "row": entry.row,
        "line": entry.line,
        "offset": entry.offset,
        "field": entry.field,
        "reason": entry.reason,
        "raw": entry.raw,
    }


def pending_object(item: HeldText) -> dict[str, Any]:
    """A record that a run left open without a break."""
    return {
        "side": str(item.side),
        "since": item.since.isoformat(),
        "quarantined": item.unreadable,
        "identity": item.identity,
        "record": item.record,
    }


def marked(left: str, right: str) -> tuple[Marked, Marked]:
    """Both texts in pieces, with what differs marked.

    Numbers are compared place by place around the point (`1.5` and `1.25` differ in the tenths
    and hundredths), texts of one shape (times, ids) position by position, other texts between
    their common beginning and end.
    """
    numbers = _NUMBER.fullmatch(left), _NUMBER.fullmatch(right)
    if numbers[0] and numbers[1]:
        places = _places(numbers[0].groups(""), numbers[1].groups(""))
    elif _shape(left) == _shape(right):
        places = list(zip(left, right, strict=True))
    else:
        places = _between(left, right)
    return _pieces((mine, mine != other) for mine, other in places), _pieces(
        (mine, mine != other) for other, mine in places
    )


def _places(left: Sequence[str], right: Sequence[str]) -> list[tuple[str, str]]:
    wholes = zip_longest(reversed(left[1]), reversed(right[1]), fillvalue="")
    points = ("." if left[2] else "", "." if right[2] else "")
    fractions = zip_longest(left[2], right[2], fillvalue="")
    return [(left[0], right[0]), *reversed(list(wholes)), points, *fractions]


def _shape(text: str) -> str:
    return re.sub(r"\d", "0", text)


def _between(left: str, right: str) -> list[tuple[str, str]]:
    most = min(len(left), len(right))
    start = next((n for n in range(most) if left[n] != right[n]), most)
    end = next((n for n in range(most - start) if left[-1 - n] != right[-1 - n]), most - start)
    middle = (left[start : len(left) - end], right[start : len(right) - end])
    tail = left[len(left) - end :]
    return [(left[:start], right[:start]), middle, (tail, tail)]


def _pieces(parts: Iterable[tuple[str, bool]]) -> Marked:
    written = ((text, differs) for text, differs in parts if text)
    return [
        ("".join(text for text, _ in run), differs)
        for differs, run in groupby(written, key=lambda part: part[1])
    ]
