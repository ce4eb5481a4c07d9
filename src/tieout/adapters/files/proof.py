"""The proof of what was read: SHA-256 of the bytes as stored, taken beside the scan."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

from tieout.adapters.files.locate import StoredFile
from tieout.core.scan import InputFile
from tieout.errors import SourceError

_Stat: TypeAlias = tuple[int, int, int]


class Proof:
    """Hashes files in the background, and notices when one changes while it is read.

    Files of equal size are hashed at once, since the same bytes are not to be read twice.

    Attributes:
        distinct: the files without repetitions.
        repeats: a repeated file's path to the name of the first one with the same bytes.
    """

    def __init__(self, source: str, files: Sequence[StoredFile]) -> None:
        self._source = source
        self._files = tuple(files)
        self._before = {file.path: _stat(file.path) for file in files}
        self._digests: dict[Path, Future[str]] = {}
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tieout-sha256")
        for file in self._files:
            self._digests[file.path] = self._pool.submit(_digest, file.path)
        self._pool.shutdown(wait=False)
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
        return tuple(
            f"{names[path]} has the same bytes as {first}, and was not read twice"
            for path, first in self.repeats.items()
        )

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
    with path.open("rb", buffering=0) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
