"""The files of the match logs: named by their digests, a directory for each reconciliation.

A file is written under the id of its run, synced, and gets its name when its run is committed. What
a crash leaves behind is a file that no run names; the next run removes it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from hashlib import file_digest
from pathlib import Path
from typing import Final

from tieout.core.canonical import digest
from tieout.core.matched import KeptLog, LoggedDate
from tieout.errors import MatchLogLost, StoreError

_WHOLE: Final = ".parquet"
_PART: Final = ".part"


@dataclass(frozen=True, slots=True)
class MatchFolder:
    """Implements `ports.Matches`.

    Attributes:
        command: how the log of a date is made anew, without names and dates; for messages.
    """

    root: Path
    command: str = "tieout run CONFIG"

    def find(
        self,
        reconciliation: str,
        logged: LoggedDate,
        *,
        restated: date | None = None,
        removed: bool = False,
    ) -> str:
        log, day = logged.log, logged.business_date
        assert log is not None
        path = self._path(reconciliation, log)
        again = f"`{self.command} {reconciliation} --business-date {day} --restate`"
        without = "without them, say `keep_matches: false` for a day"
        if restated is not None:
            raise MatchLogLost(
                f"the log of what matched on {day} rests on {restated}, which ran again after it",
                where=str(path),
                hint=f"run {day} again from its sources: {again}; {without}",
            )
        hint = f"restore the file, or make it anew from that day's sources: {again}; {without}"
        try:
            with path.open("rb") as stream:
                found = file_digest(stream, "sha256").hexdigest()
        except FileNotFoundError:
            what = f"the log of what matched on {day} is not there"
            if removed:
                what = f"the log of what matched on {day} is kept no more"
                hint = (
                    f"restate from {day} on, in the order of the dates: {again}; or say"
                    " `keep_matches: false` for the first date that is restated"
                )
            raise MatchLogLost(what, where=str(path), hint=hint) from None
        except OSError as error:
            raise MatchLogLost(
                f"the log of what matched on {day} cannot be read: {error.strerror}",
                where=str(path),
                hint=hint,
            ) from None
        if found != log.digest:
            raise MatchLogLost(
                f"the log of what matched on {day} was altered: its bytes are not those that were"
                " written",
                where=str(path),
                hint=hint,
            )
        return str(path)

    def part(self, reconciliation: str, run_id: str) -> str:
        folder = self._folder(reconciliation)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"the directory of the match logs cannot be made: {error.strerror}",
                where=str(folder),
                hint="check its permissions, or name another: `match_logs: DIRECTORY`",
            ) from None
        return str(folder / f"{run_id}{_PART}")

    def seal(self, reconciliation: str, run_id: str) -> str:
        path = Path(self.part(reconciliation, run_id))
        with _written(path), path.open("rb") as stream:
            found = file_digest(stream, "sha256").hexdigest()
            os.fsync(stream.fileno())
        return found

    def place(self, reconciliation: str, run_id: str, log: KeptLog) -> None:
        folder = self._folder(reconciliation)
        with _written(folder):
            (folder / f"{run_id}{_PART}").replace(self._path(reconciliation, log))
            if os.name == "posix":  # a name is on disk once its directory is
                number = os.open(folder, os.O_RDONLY)
                try:
                    os.fsync(number)
                finally:
                    os.close(number)

    def sweep(
        self, reconciliation: str, *, named: Collection[str], running: Collection[str]
    ) -> None:
        folder = self._folder(reconciliation)
        if not folder.is_dir():
            return
        for path in folder.iterdir():
            kept = {_WHOLE: named, _PART: running}.get(path.suffix)
            if kept is not None and path.stem not in kept:
                with suppress(OSError):  # the next run tries again
                    path.unlink()

    def _folder(self, reconciliation: str) -> Path:
        """A name may have characters that a file cannot."""
        return self.root / digest("reconciliation", reconciliation)[:16]

    def _path(self, reconciliation: str, log: KeptLog) -> Path:
        return self._folder(reconciliation) / f"{log.digest}{_WHOLE}"


@contextmanager
def _written(where: Path) -> Iterator[None]:
    """Raises StoreError for what the disk refuses."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"the log of what matched cannot be written: {error.strerror}",
            where=str(where),
            hint="free space, check its permissions, or name another: `match_logs: DIRECTORY`",
        ) from error
