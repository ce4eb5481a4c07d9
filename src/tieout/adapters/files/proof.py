"""The proof of what was read: SHA-256 of the bytes as stored, taken beside all else."""

from __future__ import annotations

import hashlib
import os
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from pathlib import Path
from threading import get_native_id
from typing import Final, TypeAlias

from tieout.adapters.files.locate import StoredFile, locate
from tieout.adapters.files.settings import FileSettings
from tieout.core.scan import InputFile
from tieout.errors import SourceError

_Stat: TypeAlias = tuple[int, int, int]

_BLOCK: Final = 16 << 20
"""Hashed at once: between blocks a thread waits its turn for the interpreter, up to 5 ms."""

_LEAST_PRIORITY: Final = 19
_NOTED: Final = 5
"""Repeated files that a note is made of; the proof has each."""


class Digests:
    """SHA-256 of files, taken in the background by half of the cores, each content once.

    Hashing needs no interpreter, so what begins early costs a run little: while it still starts,
    the other cores are idle.
    """

    def __init__(self) -> None:
        threads = max(1, (os.cpu_count() or 2) // 2)
        self._pool = ThreadPoolExecutor(threads, "tieout-sha256", _give_way)
        self._known: dict[tuple[Path, _Stat], Future[str]] = {}

    def begin(self, settings: FileSettings, business_date: date) -> None:
        """Begin with a source's files. What is wrong with them is for its scan to say."""
        with suppress(SourceError, OSError):
            for file in locate(settings, business_date):
                self.of(file.path, _stat(file.path))

    def of(self, path: Path, stat: _Stat) -> Future[str]:
        """The digest of a file as it is now, which `stat` says."""
        if (path, stat) not in self._known:
            self._known[path, stat] = self._pool.submit(_digest, path)
        return self._known[path, stat]

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Proof:
    """The digests of a source's files; notices when one changes while it is read.

    Files of equal size are hashed at once, since the same bytes are not to be read twice.

    Attributes:
        distinct: the files without repetitions.
        repeats: a repeated file's path to the name of the first one with the same bytes.
    """

    def __init__(self, source: str, files: Sequence[StoredFile], digests: Digests) -> None:
        self._source = source
        self._files = tuple(files)
        self._before = {file.path: _stat(file.path) for file in files}
        self._digests = {path: digests.of(path, stat) for path, stat in self._before.items()}
        self.repeats = self._find_repeats()
        self.distinct = tuple(file for file in files if file.path not in self.repeats)

    def _find_repeats(self) -> dict[Path, str]:
        by_size: dict[int, list[StoredFile]] = defaultdict(list)
        for file in self._files:
            by_size[self._before[file.path][0]].append(file)
        repeats: dict[Path, str] = {}
        for same_size in by_size.values():
            first: dict[str, str] = {}
            for file in same_size if len(same_size) > 1 else ():
                earlier = first.setdefault(self._digests[file.path].result(), file.name)
                if earlier != file.name:
                    repeats[file.path] = earlier
        return repeats

    def notes(self) -> tuple[str, ...]:
        """What a person should know of repetitions."""
        names = {file.path: file.name for file in self._files}
        notes = [
            f"{names[path]} has the same bytes as {first}, and was not read twice"
            for path, first in self.repeats.items()
        ]
        more = len(notes) - _NOTED
        return (*notes[:_NOTED], f"and {more:,} more files like these") if more > 1 else (*notes,)

    def inputs(self, rows: Mapping[Path, int] | None = None) -> tuple[InputFile, ...]:
        """Wait for the hashes.

        Args:
            rows: records by path, where they are known.

        Raises:
            SourceError: a file changed since the scan started.
        """
        result = []
        for file in self._files:
            try:
                digest = self._digests[file.path].result()
                changed = _stat(file.path) != self._before[file.path]
            except OSError as error:
                raise SourceError(
                    f"{file.name} cannot be read any more: {error.strerror}", where=self._source
                ) from error
            if changed:
                raise SourceError(
                    f"{file.name} changed while it was read",
                    where=self._source,
                    hint="run again when it is complete; let its writer rename it into place",
                )
            size = self._before[file.path][0]
            count = rows.get(file.path) if rows else None
            result.append(InputFile(file.name, digest, size, count, self.repeats.get(file.path)))
        return tuple(result)


def _stat(path: Path) -> _Stat:
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino


def _digest(path: Path) -> str:
    hasher = hashlib.sha256()
    with path.open("rb", buffering=0) as stream:
        block = memoryview(bytearray(min(_BLOCK, max(1, path.stat().st_size))))
        while size := stream.readinto(block):
            hasher.update(block[:size])
    return hasher.hexdigest()


def _give_way() -> None:
    """Hash when no one else needs the core: a join takes them all, what follows it one."""
    if sys.platform == "linux":  # elsewhere priorities are those of whole processes
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, get_native_id(), _LEAST_PRIORITY)
