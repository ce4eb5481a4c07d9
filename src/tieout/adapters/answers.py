"""What a live source answered, as rows that an engine reads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from tieout.adapters.frames import physical
from tieout.core.canonical import Layout, dumps, layout, plain_record
from tieout.core.model import Value
from tieout.core.money import SCALE, rounded
from tieout.core.scan import Controls, Frame, InputFile, Scan
from tieout.core.schema import ColumnType, RecordType
from tieout.ports import Rows

_PRECISION: Final = 38


def scan_of(rows: Rows) -> Scan:
    """The rows of one side as a typed table.

    Numbers that fit no DECIMAL(38,18) (a product of two that do) are at its 18 digits, half to
    even: what is compared is what can be stored.
    """
    import pyarrow as pa

    contract = rows.layout.records
    columns = [name for name in contract.columns if name in set(rows.columns)]
    values = [record.values for record in rows.records]
    arrays = [
        _array([each.get(name) for each in values], contract.columns[name].type) for name in columns
    ]
    table = pa.table(dict(zip(columns, arrays, strict=True)))
    types = tuple(physical(each).value for each in table.schema.types)
    return Scan(
        rows.source,
        Frame(table, tuple(columns), types, table.num_rows),
        inputs=_digest(rows, contract),
        controls=Controls(window=rows.window),
        allow_empty=True,
        notes=rows.notes,
        reasons=_reasons(rows),
        unreadable=rows.quarantined,
    )


def prepare() -> None:
    """Load what the first table needs. pyarrow looks for pandas once, which may take a second."""
    import pyarrow as pa

    pa.array([""])


def _reasons(rows: Rows) -> tuple[str, ...]:
    if not rows.quarantined:
        return rows.reasons
    number = len(rows.quarantined)
    what = "1 record" if number == 1 else f"{number} records"
    return (*rows.reasons, f"{what} cannot be read")


def _array(cells: Sequence[Value], type_: ColumnType) -> Any:
    import pyarrow as pa

    match type_:
        case ColumnType.DECIMAL:
            try:
                return pa.array(cells, pa.decimal128(_PRECISION, SCALE))
            except pa.ArrowException:  # one has more digits: as nearly never
                fitted = [_fitted(cell) if isinstance(cell, Decimal) else None for cell in cells]
                return pa.array(fitted, pa.decimal128(_PRECISION, SCALE))
        case ColumnType.TIME:
            return pa.array(cells, pa.int64()).cast(pa.timestamp("ns", tz="UTC"))
        case ColumnType.DATE:
            return pa.array(cells, pa.date32())
        case _:
            return pa.array(cells, pa.string())


def _fitted(number: Decimal) -> Decimal:
    if number.as_tuple().exponent >= -SCALE:  # type: ignore[operator]
        return number
    return rounded(number)


def _digest(rows: Rows, contract: RecordType) -> Callable[[], tuple[InputFile, ...]]:
    """The answer's proof: a hash over its records as canonical text, in their order."""

    def inputs() -> tuple[InputFile, ...]:
        hasher, size = hashlib.sha256(), 0
        orders: dict[tuple[str, ...], Layout] = {}
        for record in rows.records:
            names = tuple(record.values)
            order = orders.get(names)
            if order is None:
                order = orders[names] = layout(names, contract)
            line = dumps(plain_record(record.values, contract, order)).encode() + b"\n"
            hasher.update(line)
            size += len(line)
        return (InputFile(rows.source, hasher.hexdigest(), size, len(rows.records)),)

    return inputs
