"""Breaks sorted by id in bounded memory: sorted runs on disk, merged when they are read."""

from __future__ import annotations

import heapq
import pickle
import tempfile
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tieout.core.model import Break

CHUNK: Final = 50_000
"""Breaks held in memory; at about 2 kB each, 100 MB."""

_BY_ID = attrgetter("id")


class SortedSpool:
    """Implements `ports.Spool`. The files live in a private directory and go with it."""

    def __init__(self, chunk: int = CHUNK) -> None:
        self._chunk = chunk
        self._held: list[Break] = []
        self._files: list[Path] = []
        self._count = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def add(self, brk: Break) -> None:
        self._held.append(brk)
        self._count += 1
        if len(self._held) >= self._chunk:
            self._spill()

    def __iter__(self) -> Iterator[Break]:
        self._held.sort(key=_BY_ID)
        return heapq.merge(*map(_read, self._files), self._held, key=_BY_ID)

    def __len__(self) -> int:
        return self._count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._held.clear()
        if self._folder is not None:
            self._folder.cleanup()

    def _spill(self) -> None:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="tieout-")
        self._held.sort(key=_BY_ID)
        path = Path(self._folder.name) / f"{len(self._files)}.breaks"
        with path.open("wb") as stream:
            for brk in self._held:
                pickle.dump(brk, stream, protocol=pickle.HIGHEST_PROTOCOL)
        self._files.append(path)
        self._held.clear()


def _read(path: Path) -> Iterator[Break]:
    with path.open("rb") as stream:
        while True:
            try:
                yield pickle.load(stream)  # noqa: S301 - our own file, in our own directory
            except EOFError:
                return
