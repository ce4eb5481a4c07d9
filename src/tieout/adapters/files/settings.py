"""How a file source is configured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from tieout.core.scan import Controls, FileOptions
from tieout.core.text import NumberStyle


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSettings(FileOptions):
    """A file source: its files, and what is to be known beside them.

    Attributes:
        name: the source's name.
        base: the directory that relative paths start from.
        numbers: how the trailer writes numbers.
        floats: `refuse` or `shortest`; None: `shortest` for XLSX, else `refuse`.
        used: the columns that are read, where known; binary floats elsewhere do no harm.
        allow_empty: no records at all is a valid answer.
        is_holiday: says of a business date whether no records are expected on it.
        controls: what must hold of the records, by configuration.
    """

    name: str
    base: Path | None = None
    numbers: NumberStyle = NumberStyle()
    floats: str | None = None
    used: frozenset[str] | None = None
    allow_empty: bool = False
    is_holiday: Callable[[date], bool] | None = None
    controls: Controls = field(default_factory=Controls)
