"""`tieout book show`: what the firm believes, and what it does not know."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tieout.cli.arguments import instant, one_of, opened
from tieout.cli.console import count, out, paint, table
from tieout.core.canonical import instant as written
from tieout.core.canonical import nanoseconds, plain_record
from tieout.core.entries import Key, KeyKind
from tieout.core.ledger import Projection
from tieout.core.live import SNAPSHOTS
from tieout.core.model import Record
from tieout.core.schema import RECORD_TYPES

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "positions": ("account", "venue", "symbol", "leg", "quantity", "average_price", "cost"),
    "balances": ("account", "venue", "currency", "wallet", "total"),
    "orders": (
        "account",
        "venue",
        "order_id",
        "symbol",
        "side",
        "quantity",
        "filled",
        "price",
        "status",
    ),
}
_NUMBERS = ("quantity", "average_price", "cost", "total", "filled", "price")
_KINDS = {"positions": KeyKind.POSITION, "balances": KeyKind.BALANCE}


def show_book(
    as_of: str | None,
    records: str | None,
    *,
    account: str | None,
    venue: str | None,
    config: Path | None,
    store: str | None,
    shape: str,
) -> None:
    """Show positions, balances and open orders at an instant, and the keys that are unknown."""
    from tieout.wiring.book import ledger_book

    shape = one_of(shape, ("table", "json"), "--format")
    kinds = SNAPSHOTS if records is None else (one_of(records, SNAPSHOTS, "--records"),)
    moment = instant(as_of, "--as-of")
    at = None if moment is None else nanoseconds(moment)
    with opened(store, config) as view:
        book = ledger_book(view, account=account, venue=venue)
        found = asyncio.run(book.projection(at))
    if shape == "json":
        out(json.dumps(_object(found, kinds), indent=2, ensure_ascii=False))
        return
    for line in _lines(found, kinds):
        if not out(line):
            return


def _object(found: Projection, kinds: tuple[str, ...]) -> dict[str, Any]:
    """Keys: as_of, method, one of each of `kinds` (records as canonical text), unknown."""
    return {
        "as_of": written(found.as_of),
        "method": {"basis": found.method.basis, "fees": found.method.fees},
        **{
            records: [
                plain_record(record.values, RECORD_TYPES[records])
                for record in _shown(found, records)
            ]
            for records in kinds
        },
        "unknown": [
            {
                "records": records,
                "account": key.account,
                "venue": key.venue,
                "name": key.name,
                "part": key.part,
                "reason": why,
            }
            for records in kinds
            for key, why in _unknown(found, records)
        ],
    }


def _lines(found: Projection, kinds: tuple[str, ...]) -> Iterator[str]:
    yield f"as of {written(found.as_of)}"
    for records in kinds:
        shown = list(_shown(found, records))
        some = [record for record in shown if records != "balances" or record.values.get("total")]
        rows = [_cells(record, records) for record in some]
        unknown = list(_unknown(found, records))
        rows += [_unknown_cells(key, records) for key, _ in unknown]
        yield ""
        empty = len(shown) - len(some)
        if not rows and not empty:
            yield paint(f"no {'open orders' if records == 'orders' else records}", "dim")
            continue
        columns = _COLUMNS[records]
        right = "".join("r" if name in _NUMBERS else "." for name in columns)
        yield from table([_title(name, records) for name in columns], rows, right=right)
        if empty:
            yield f"{count(empty, 'balance')} of zero"
        if unknown:
            yield f"{count(len(unknown), 'of them is', 'of them are')} unknown, not zero:"
            yield from (f"  {key.name} {key.part}: {why}" for key, why in unknown)


def _title(name: str, records: str) -> str:
    return records if name in ("symbol", "currency") else name.replace("_", " ")


def _shown(found: Projection, records: str) -> list[Record]:
    """Records; of orders those that may still be filled."""
    rows = found.records(records)
    if records != "orders":
        return list(rows)
    return [row for row, order in zip(rows, found.orders, strict=True) if order.working]


def _unknown(found: Projection, records: str) -> Iterator[tuple[Key, str]]:
    for key, why in found.unknown.items():
        if key.kind is _KINDS.get(records):
            yield key, why


def _cells(record: Record, records: str) -> list[str]:
    plain = plain_record(record.values, RECORD_TYPES[records])
    return [plain.get(name) or "-" for name in _COLUMNS[records]]


def _unknown_cells(key: Key, records: str) -> list[str]:
    given = dict(zip(_COLUMNS[records], (key.account, key.venue, key.name, key.part), strict=False))
    amount = "quantity" if records == "positions" else "total"
    given[amount] = "unknown"
    return [given.get(name) or "-" for name in _COLUMNS[records]]
