"""Reads what a source's scan hands out, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from tieout.adapters.files.delimited import read_delimited
from tieout.adapters.files.settings import FileSettings
from tieout.adapters.files.source import FileSource
from tieout.core.scan import BadRow, Batches, DelimitedFiles, Scan, TextRow

DAY = date(2026, 3, 2)


@contextmanager
def scanned(folder: Path, *paths: str, **settings: Any) -> Iterator[Scan]:
    """The scan of files in `folder`; temporary copies are there until the block ends."""
    with FileSource(FileSettings(paths, name="broker", base=folder, **settings)) as source:
        yield source.scan(business_date=DAY)


def rows_of(scan: Scan) -> list[TextRow | BadRow]:
    if isinstance(scan.rows, DelimitedFiles):
        return [row for batch in read_delimited(scan.rows) for row in batch]
    assert isinstance(scan.rows, Batches)
    return [row for batch in scan.rows.read() for row in batch]


def cells_of(scan: Scan) -> list[tuple[str | None, ...] | str]:
    """The cells of good rows, the reasons of bad ones."""
    return [row.cells if isinstance(row, TextRow) else row.reason for row in rows_of(scan)]


def read_file(folder: Path, *paths: str, **settings: Any) -> list[tuple[str | None, ...] | str]:
    with scanned(folder, *paths, **settings) as scan:
        return cells_of(scan)
