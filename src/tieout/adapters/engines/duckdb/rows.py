"""Arrow structs -> records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tieout.core.model import Record

BATCH = 20_000


def structs(kept: Any) -> Iterator[Any]:
    """Struct arrays of at most `BATCH` rows out of a column of lists of structs.

    By their offsets: `flatten` would load `pyarrow.compute`, which takes longer than a small run.
    """
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
    return [struct.field(f"{prefix}{each}").to_pylist() for each in ("row", *names)]


def records(names: Sequence[str], values: list[list[Any]]) -> list[Record | None]:
    """Records out of columns; None where the row is not there."""
    return [
        Record(dict(zip(names, cells, strict=True)), {}, row) if row is not None else None
        for row, *cells in zip(*values, strict=True)
    ]
