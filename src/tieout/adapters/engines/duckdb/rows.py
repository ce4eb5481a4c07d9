"""Arrow structs -> records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Context, Decimal, Inexact
from typing import Any, Final

import pyarrow as pa

from tieout.core.model import Record

BATCH = 4_000

_EXACT: Final = Context(prec=40, traps=[Inexact])
"""128 bits have 39 digits."""


def structs(kept: Any) -> Iterator[Any]:
    """Struct arrays of at most `BATCH` rows out of a column of lists of structs.

    By their offsets: `flatten` would load `pyarrow.compute`, which takes longer than a small run.
    """
    batch: list[Any] = []
    rows = 0
    for part in _slices(kept):
        rows += len(part)
        if rows > BATCH:
            yield pa.concat_arrays(batch)
            batch, rows = [], len(part)
        batch.append(part)
    if batch:
        yield pa.concat_arrays(batch)


def _slices(kept: Any) -> Iterator[Any]:
    for chunk in kept.chunks:
        offsets = chunk.offsets
        for index in range(len(chunk)):
            if not chunk[index].is_valid:
                continue
            start, end = offsets[index].as_py(), offsets[index + 1].as_py()
            for at in range(start, end, BATCH):
                yield chunk.values.slice(at, min(BATCH, end - at))


def columns(struct: Any, prefix: str, names: Sequence[str]) -> list[list[Any]]:
    """The Python values of a side's columns, row numbers first."""
    return [cells(struct.field(f"{prefix}{each}")) for each in ("row", *names)]


def cells(array: Any) -> list[Any]:
    """The Python values of an array."""
    numbers = len(array) and pa.types.is_decimal128(array.type)
    return _decimals(array) if numbers else array.to_pylist()


def _decimals(array: Any) -> list[Decimal | None]:
    """What `to_pylist` gives, without a text for each number: in a third of the time."""
    validity, data = array.buffers()
    words = slice(2 * array.offset, 2 * (array.offset + len(array)))
    low = memoryview(data).cast("Q")[words][::2].tolist()
    high = memoryview(data).cast("q")[words][1::2].tolist()
    unit = Decimal((0, (1,), -array.type.scale))
    exact = _EXACT.multiply
    numbers: list[Decimal | None] = [
        exact(more << 64 | less if more else less, unit)
        for less, more in zip(low, high, strict=True)
    ]
    if not array.null_count:
        return numbers
    bits = memoryview(validity)
    return [
        number if bits[at >> 3] >> (at & 7) & 1 else None
        for at, number in enumerate(numbers, array.offset)
    ]


def records(names: Sequence[str], values: list[list[Any]]) -> list[Record | None]:
    """Records out of columns; None where the row is not there."""
    return [
        Record(dict(zip(names, cells, strict=True)), {}, row) if row is not None else None
        for row, *cells in zip(*values, strict=True)
    ]
