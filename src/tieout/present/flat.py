"""A break as one row of cells, for CSV and XLSX.

The columns are those of the break object, with `key.`, `internal.`, `external.` and
`difference.` spread over one column each: those that the breaks have, so without any break there
are none of them. What does not fit into one row stands there as JSON: `differences` with both
sides' values, and `records` with the duplicates and candidates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tieout.core.model import Role
from tieout.core.rows import BreakRow
from tieout.present import encoded, is_number, priced_by

FIRST: Final = (
    "id",
    "reconciliation",
    "kind",
    "severity",
    "cause",
    "state",
    "doubt",
    "fields",
    "value.amount",
    "value.currency",
    "value.prices",
    "first_seen",
    "opened_at",
    "age_seconds",
    "run_id",
)
LAST: Final = ("differences", "records")
SPREAD: Final = ("key", "internal", "external")


_FORMULA: Final = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def guarded(text: str) -> str:
    """`text` with an apostrophe before it where a spreadsheet would take it for a formula.

    Numbers stay numbers: `-12.5` is one, `+1` and `-2+3` are not.
    """
    risky = text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA)
    return "'" + text if risky and not is_number(text) else text


def columns(rows: Iterable[BreakRow]) -> list[str]:
    """All columns that the breaks need, in a fixed order. Reads them once."""
    found: dict[str, dict[str, None]] = {group: {} for group in (*SPREAD, "difference")}
    for row in rows:
        found["key"] |= dict.fromkeys(row.content["key"])
        for part in row.content["records"]:
            if part["role"] == Role.PRIMARY:
                found[part["side"]] |= dict.fromkeys(part["record"])
        found["difference"] |= dict.fromkeys(each["field"] for each in row.content["differences"])
    spread = [f"{group}.{name}" for group, names in found.items() for name in names]
    return [*FIRST, *spread, *LAST]


def flat(brk: Mapping[str, Any]) -> dict[str, str | None]:
    """The cells of a break object, by column; absent where it has no value."""
    value = brk["value"] or {}
    others = [part for part in brk["records"] if part["role"] != Role.PRIMARY]
    cells = {
        **{name: brk[name] for name in ("id", "reconciliation", "kind", "severity", "cause")},
        **{name: brk[name] for name in ("state", "first_seen", "opened_at", "run_id")},
        "doubt": "true" if brk["doubt"] else "false",
        "fields": " ".join(each["field"] for each in brk["differences"]),
        "value.amount": value.get("amount"),
        "value.currency": value.get("currency"),
        "value.prices": (priced_by(value) or None) if value else None,
        "age_seconds": str(brk["age_seconds"]),
        "differences": encoded(brk["differences"]) if brk["differences"] else None,
        "records": encoded(others) if others else None,
    }
    for group in SPREAD:
        cells |= {f"{group}.{name}": text for name, text in (brk[group] or {}).items()}
    return cells | {f"difference.{d['field']}": d["difference"] for d in brk["differences"]}
