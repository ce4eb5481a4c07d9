"""`tieout book journal`: the entries, as they were written."""

from __future__ import annotations

import csv
import io
import json
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tieout.cli.arguments import one_of, opened
from tieout.cli.console import out, table
from tieout.core.canonical import instant, plain_record
from tieout.core.journal import JOURNALED, JournalRow
from tieout.core.schema import RECORD_TYPES
from tieout.present import one_line

_PAGE = 100
_HEADER = (
    "number",
    "recorded at",
    "at",
    "records",
    "account",
    "venue",
    "what",
    "says",
    "source",
    "approved by",
)


def list_journal(
    records: str | None,
    *,
    account: str | None,
    venue: str | None,
    limit: int | None,
    config: Path | None,
    store: str | None,
    shape: str,
) -> None:
    """List entries in the order in which they were written, of many the newest."""
    shape = one_of(shape, ("table", "json", "ndjson", "csv"), "--format")
    wanted = None if records is None else one_of(records, JOURNALED, "--records")
    most = (_PAGE if shape == "table" else None) if limit is None else limit or None
    with opened(store, config) as view:
        rows = view.journal.read(account=account, venue=venue, records=wanted)
        shown: Iterable[JournalRow] = rows if most is None else deque(rows, most + 1)
        _write(shown, shape, most)


def _write(rows: Iterable[JournalRow], shape: str, most: int | None) -> None:
    if shape == "ndjson":
        for row in _last(rows, most):
            if not out(one_line(journal_object(row))):
                return
        return
    held = list(rows)
    cut = most is not None and len(held) > most
    held = held[-most:] if cut and most else held
    if shape == "json":
        out(json.dumps([journal_object(row) for row in held], indent=2, ensure_ascii=False))
    elif shape == "csv":
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([name.replace(" ", "_") for name in _HEADER])
        writer.writerows(_cells(row) for row in held)
        out(buffer.getvalue().rstrip("\n"))
    else:
        _table(held)
        if cut:
            out(f"the newest {len(held)}; all: --limit 0")


def _last(rows: Iterable[JournalRow], most: int | None) -> Iterable[JournalRow]:
    return rows if most is None else deque(rows, most)


def _table(rows: list[JournalRow]) -> None:
    if not rows:
        out("the journal is empty")
        return
    for line in table(_HEADER, [_cells(row) for row in rows], right="r"):
        if not out(line):
            return


def journal_object(row: JournalRow) -> dict[str, Any]:
    """An entry as an object. Keys: number, id, recorded_at, at, records, account, venue, opening,
    approved_by, source, values (as canonical text)."""
    entry = row.entry
    return {
        "number": row.number,
        "id": entry.id,
        "recorded_at": instant(row.recorded_at),
        "at": instant(entry.at),
        "records": entry.records,
        "account": entry.account,
        "venue": entry.venue,
        "opening": entry.opening,
        "approved_by": entry.approved_by,
        "source": entry.source,
        "values": _plain(row),
    }


def _plain(row: JournalRow) -> dict[str, str | None]:
    return plain_record(row.entry.values, RECORD_TYPES[row.entry.records])


def _cells(row: JournalRow) -> list[str]:
    entry, values = row.entry, _plain(row)
    what = values.get("symbol") or values.get("currency") or "-"
    return [
        str(row.number),
        instant(row.recorded_at),
        instant(entry.at),
        entry.records,
        entry.account,
        entry.venue,
        what,
        _says(entry.records, values),
        entry.source,
        (entry.approved_by or "nobody") if entry.opening else "-",
    ]


def _says(records: str, values: dict[str, str | None]) -> str:
    """The entry in a few words: `buy 0.5 @ 64000`."""
    match records:
        case "positions":
            price = values.get("average_price")
            return f"opens at {values['quantity']}" + (f" @ {price}" if price else "")
        case "balances":
            return f"opens at {values['total']}"
        case "movements":
            return f"{values.get('type') or 'movement'} {values['amount']}"
        case "orders":
            state = values.get("status") or "-"
            filled = values.get("filled") or "0"
            side = values.get("side") or ""
            return f"{side} {values['quantity']}, {state}, filled {filled}".strip()
        case _:
            side = values.get("side") or ""
            return f"{side} {values['quantity']} @ {values['price']}".strip()
