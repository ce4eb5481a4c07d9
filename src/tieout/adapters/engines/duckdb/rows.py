"""Arrow structs -> records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tieout.core.model import Record

BATCH = 20_000


def structs(kept: Any) -> Iterator[Any]:
    """Struct arrays of at most `BATCH` rows out of a column of lists of structs."""
    for chunk in kept.chunks:
        for lists in (chunk.slice(index, 1) for index in range(len(chunk))):
            flat = lists.flatten()
            for start in range(0, len(flat), BATCH):
                yield flat.slice(start, BATCH)


def columns(struct: Any, prefix: str, names: Sequence[str]) -> list[list[Any]]:
    """The Python values of a side's columns, row numbers first."""
    return [struct.field(f"{prefix}{each}").to_pylist() for each in ("row", *names)]


def records(names: Sequence[str], values: list[list[Any]]) -> list[Record | None]:
    """Records out of columns; None where the row is not there."""
    return [
        Record(dict(zip(names, cells, strict=True)), {}, row) if row is not None else None
        for row, *cells in zip(*values, strict=True)
    ]
