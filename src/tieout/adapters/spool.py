"""What a run found, in bounded memory: sorted blocks on disk, merged when they are read."""

from __future__ import annotations

import heapq
import marshal
import pickle
import tempfile
from collections.abc import Iterator
from datetime import date
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from tieout.core.found import Found
from tieout.core.lifecycle import OpenItem
from tieout.core.model import Record, Side, Value

CHUNK: Final = 50_000
"""Breaks, or records, held in memory: at 1 to 2 kB each, up to 100 MB."""

_BLOCK: Final = 500
"""Entries that are written, and read back, together."""

_Row: TypeAlias = tuple[Any, ...]
_Item: TypeAlias = tuple[str, dict[str, Value], dict[str, Value], int | None, date, bool]


class SortedSpool:
    """Implements `ports.Spool`. The files live in a private directory and go with it."""

    def __init__(self, chunk: int = CHUNK) -> None:
        self._chunk = chunk
        self._found: list[_Row] = []
        self._found_files: list[Path] = []
        self._items: list[OpenItem] = []
        self._item_files: list[Path] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def add(self, found: Found) -> None:
        self._found.append(tuple(found))
        if len(self._found) >= self._chunk:
            self._found.sort()
            self._found_files.append(self._file("found"))
            with self._found_files[-1].open("wb") as stream:
                rest = iter(self._found)
                while block := list(islice(rest, _BLOCK)):
                    marshal.dump(block, stream)
            self._found.clear()

    def __iter__(self) -> Iterator[Found]:
        self._found.sort()
        merged = heapq.merge(*map(_blocks, self._found_files), list(self._found))
        return map(Found._make, merged)

    def hold(self, item: OpenItem) -> None:
        self._items.append(item)
        if len(self._items) >= self._chunk:
            self._item_files.append(self._file("items"))
            with self._item_files[-1].open("wb") as stream:
                rest = map(_plain, self._items)
                while block := list(islice(rest, _BLOCK)):
                    pickle.dump(block, stream, protocol=pickle.HIGHEST_PROTOCOL)
            self._items.clear()

    def held(self) -> Iterator[OpenItem]:
        for path in self._item_files:
            yield from _items(path)
        yield from self._items

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._found.clear()
        self._items.clear()
        if self._folder is not None:
            self._folder.cleanup()

    def _file(self, name: str) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="tieout-")
        number = len(self._found_files) + len(self._item_files)
        return Path(self._folder.name) / f"{number}.{name}"


def _blocks(path: Path) -> Iterator[_Row]:
    with path.open("rb") as stream:
        while True:
            try:
                yield from marshal.load(stream)  # noqa: S302 - our own file, our own directory
            except EOFError:
                return


def _plain(item: OpenItem) -> _Item:
    """An item without classes: these would be looked up by name for each one read back."""
    record = item.record
    return (
        item.side.value, dict(record.values), dict(record.identity), record.row, item.since,
        item.unreadable,
    )  # fmt: skip


def _items(path: Path) -> Iterator[OpenItem]:
    with path.open("rb") as stream:
        while True:
            try:
                block: list[_Item] = pickle.load(stream)  # noqa: S301 - as above
            except EOFError:
                return
            for side, values, identity, row, since, unreadable in block:
                yield OpenItem(Side(side), Record(values, identity, row), since, unreadable)
