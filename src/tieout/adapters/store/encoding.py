"""Values of the core as JSON text and back, without loss."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from tieout.core.canonical import jsonable
from tieout.core.matched import KeptLog
from tieout.core.model import Quarantined, Value
from tieout.core.money import plain
from tieout.core.rows import DriftStatistic, RunCounts, RunRow
from tieout.core.scan import Coverage, InputFile
from tieout.core.tally import BreakCounts

_FAST = msgspec.json.Encoder(order="sorted")


def _text(value: Any) -> str:
    """JSON that every database takes: a NUL or a lone surrogate is escaped in it."""
    try:
        return _FAST.encode(value).decode()
    except UnicodeEncodeError:
        return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _value(value: Value) -> Any:
    """A cell with its type: texts, integers and null as they are, the others named."""
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    return value


def _unvalue(stored: Any) -> Value:
    if not isinstance(stored, dict):
        return stored  # type: ignore[no-any-return]
    if "decimal" in stored:
        return Decimal(stored["decimal"])
    return date.fromisoformat(stored["date"])


def _values(values: Mapping[str, Value]) -> dict[str, Any]:
    return {name: _value(value) for name, value in values.items()}


def _unvalues(stored: Mapping[str, Any]) -> dict[str, Value]:
    return {name: _unvalue(value) for name, value in stored.items()}


def quarantined_text(entry: Quarantined) -> str:
    return _text(
        {
            "source": entry.source,
            "place": entry.place,
            "row": entry.row,
            "reason": entry.reason,
            "raw": entry.raw,
            "field": entry.field,
            "line": entry.line,
            "offset": entry.offset,
            "values": _values(entry.values),
        }
    )


def quarantined(stored: str) -> Quarantined:
    data = json.loads(stored)
    return Quarantined(**{**data, "values": _unvalues(data["values"])})


def details_text(row: RunRow) -> str:
    """What a run's row has beside its columns."""
    return _text(
        {
            "internal": _coverage(row.internal),
            "external": _coverage(row.external),
            "counts": asdict(row.counts),
            "breaks": asdict(row.breaks),
            "reasons": list(row.reasons),
            "statistics": [
                [
                    each.step,
                    each.column,
                    each.symbol,
                    each.pairs,
                    str(each.largest),
                    str(each.total),
                ]
                for each in row.statistics
            ],
            "inputs": [asdict(each) for each in row.inputs],
            "policy": jsonable(row.policy),
            **({} if row.matches is None else {"matches": asdict(row.matches)}),
        }
    )


def details(stored: str | None) -> dict[str, Any]:
    """`details_text` back, as arguments of RunRow."""
    if stored is None:
        return {}
    data = json.loads(stored)
    return {
        "internal": _uncoverage(data["internal"]),
        "external": _uncoverage(data["external"]),
        "counts": RunCounts(**data["counts"]),
        "breaks": BreakCounts(**data["breaks"]),
        "reasons": tuple(data["reasons"]),
        "statistics": tuple(
            DriftStatistic(step, column, symbol, pairs, Decimal(largest), Decimal(total))
            for step, column, symbol, pairs, largest, total in data["statistics"]
        ),
        "inputs": tuple(InputFile(**each) for each in data["inputs"]),
        "policy": data["policy"],
        "matches": _kept_log(data.get("matches")),
    }


def kept_log(stored: str | None) -> KeptLog | None:
    """The log of matches that `details_text` names, if any."""
    return None if stored is None else _kept_log(json.loads(stored).get("matches"))


def _kept_log(stored: dict[str, Any] | None) -> KeptLog | None:
    if stored is None:
        return None
    rests = stored.get("rests", stored["since"])  # older ones do not say: then as far as they go
    return KeptLog(
        digest=stored["digest"],
        rows=stored["rows"],
        since=date.fromisoformat(stored["since"]),
        rests=None if rests is None else date.fromisoformat(rests),
        rules=stored.get("rules", ""),
    )


def _coverage(coverage: Coverage | None) -> dict[str, Any] | None:
    if coverage is None:
        return None
    totals = {name: plain(total) for name, total in coverage.totals.items()}
    return {**asdict(coverage), "totals": totals}


def _uncoverage(stored: dict[str, Any] | None) -> Coverage | None:
    if stored is None:
        return None
    window = stored["window"]
    return Coverage(
        **{
            **stored,
            "reasons": tuple(stored["reasons"]),
            "window": None if window is None else (window[0], window[1]),
            "totals": {name: Decimal(total) for name, total in stored["totals"].items()},
            "inputs": tuple(InputFile(**each) for each in stored["inputs"]),
            "notes": tuple(stored["notes"]),
            "symbols": None if (names := stored.get("symbols")) is None else tuple(names),
        }
    )
