"""What a run found, in bounded memory: parts on disk, each sorted when it is read."""

from __future__ import annotations

import marshal
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from struct import Struct
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from tieout.adapters import scratch
from tieout.core.found import Found
from tieout.core.held import Held

CHUNK: Final = 50_000
"""Breaks, or records, held in memory: at 1 to 2 kB each, up to 100 MB."""

_PART: Final = 2
"""Digits of an id that name its part: 256 of them."""

_LENGTH: Final = Struct("<Q")
_FIRST: Final = itemgetter(0)

_Row = TypeVar("_Row", Found, Held)


class SortedSpool:
    """Implements `ports.Spool`. The files live in a private directory and go with it."""

    def __init__(self, chunk: int = CHUNK) -> None:
        self._folder = _Folder()
        self._found = _Rows(Found, chunk, self._folder)
        self._held = _Rows(Held, chunk, self._folder)

    def add(self, found: Found) -> None:
        self._found.add(found)

    def __iter__(self) -> Iterator[Found]:
        return iter(self._found)

    def hold(self, held: Held) -> None:
        self._held.add(held)

    def held(self) -> Iterator[Held]:
        return iter(self._held)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._found.clear()
        self._held.clear()
        self._folder.close()


class _Folder:
    """A private directory, made when the first file is."""

    def __init__(self) -> None:
        self._made: tempfile.TemporaryDirectory[str] | None = None
        self._files = 0

    def file(self) -> Path:
        if self._made is None:
            self._made = tempfile.TemporaryDirectory(prefix=scratch.prefix())
        self._files += 1
        return Path(self._made.name, str(self._files))

    def close(self) -> None:
        if self._made is not None:
            self._made.cleanup()


class _Rows(Generic[_Row]):
    """Rows sorted by their first column. Ids and keys are hashes: what waits on disk is parted by
    how they begin, into parts of about one size, and each part is sorted when it is read."""

    def __init__(self, type_: type[_Row], chunk: int, folder: _Folder) -> None:
        # As `type_._make`, without a call in Python for each row.
        self._make: Callable[[tuple[Any, ...]], _Row] = partial(tuple.__new__, type_)
        self._chunk = chunk
        self._folder = folder
        self._rows: list[_Row] = []
        self._parts: dict[str, Path] = {}

    def add(self, row: _Row) -> None:
        self._rows.append(row)
        if len(self._rows) >= self._chunk:
            self._spill()

    def __iter__(self) -> Iterator[_Row]:
        if self._parts:
            self._spill()
            return self._stored()
        self._rows.sort(key=_FIRST)
        return iter(list(self._rows))

    def clear(self) -> None:
        self._rows.clear()

    def _spill(self) -> None:
        self._rows.sort(key=_FIRST)
        for start, rows in groupby(self._rows, key=_start):
            if start not in self._parts:
                self._parts[start] = self._folder.file()
            _append(self._parts[start], list(map(tuple, rows)))
        self._rows.clear()

    def _stored(self) -> Iterator[_Row]:
        for start in sorted(self._parts):
            rows = list(_read(self._parts[start]))
            rows.sort(key=_FIRST)
            yield from map(self._make, rows)


def _start(row: Any) -> str:
    start: str = row[0][:_PART]
    return start


def _append(path: Path, rows: list[tuple[Any, ...]]) -> None:
    data = marshal.dumps(rows)
    with path.open("ab") as stream:
        stream.write(_LENGTH.pack(len(data)))
        stream.write(data)


def _read(path: Path) -> Iterator[tuple[Any, ...]]:
    # Whole blocks: `marshal.load` would ask the file for the bytes of each cell by itself.
    with path.open("rb") as stream:
        while length := stream.read(_LENGTH.size):
            block = stream.read(_LENGTH.unpack(length)[0])
            yield from marshal.loads(block)  # noqa: S302 - our own file, our own directory
