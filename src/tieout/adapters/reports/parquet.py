"""Breaks as Parquet: typed where a break has a type, JSON text where it is nested."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from tieout.adapters.reports.objects import break_objects, encodable
from tieout.adapters.reports.whole import whole
from tieout.ports import ReportData
from tieout.present import encoded

BATCH: Final = 10_000
_TEXTS: Final = ("id", "reconciliation", "kind", "severity", "cause", "state", "run_id")
_NESTED: Final = ("key", "internal", "external", "records", "differences")
_VALUE: Final = ("value_amount", "value_currency", "value_prices")


class ParquetBreaks:
    """One row a break: the object's columns, `value` as `value_amount`, `value_currency` and
    `value_prices`.

    Amounts are text, times are UTC microseconds, `age_seconds` is int64, nested values JSON.
    """

    suffix = ".parquet"

    def write(self, data: ReportData, path: str) -> None:
        utc, text = pa.timestamp("us", "UTC"), pa.string()
        schema = pa.schema(
            [(name, text) for name in (*_TEXTS, *_NESTED, *_VALUE)]
            + [("doubt", pa.bool_()), ("first_seen", utc), ("opened_at", utc)]
            + [("age_seconds", pa.int64())]
        )
        rows = map(_row, break_objects(data))
        with whole(path) as draft, pq.ParquetWriter(draft, schema, compression="zstd") as writer:
            while batch := list(islice(rows, BATCH)):
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))


def _row(brk: dict[str, Any]) -> dict[str, Any]:
    value = brk["value"] or {"amount": None, "currency": None, "prices": None}
    return {
        **{name: encodable(brk[name]) for name in _TEXTS},
        **{name: None if brk[name] is None else encodable(encoded(brk[name])) for name in _NESTED},
        "value_amount": value["amount"],
        "value_currency": value["currency"],
        "value_prices": None if value["prices"] is None else encoded(value["prices"]),
        "doubt": brk["doubt"],
        "first_seen": datetime.fromisoformat(brk["first_seen"]),
        "opened_at": datetime.fromisoformat(brk["opened_at"]),
        "age_seconds": brk["age_seconds"],
    }
