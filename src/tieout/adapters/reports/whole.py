"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tieout.errors import UsageError


@contextmanager
def whole(path: str) -> Iterator[Path]:
    """A name beside `path` to write to; it becomes `path` when the block ends well.

    Until then, and after any failure, what was at `path` stays as it was.

    Raises:
        UsageError: nothing can be written there.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise UsageError("this is a directory, not a file", where=path, hint="name a file in it")
    draft = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.tmp")
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield draft
        _sync(draft, os.O_RDWR)
        draft.replace(target)
        if hasattr(os, "O_DIRECTORY"):
            _sync(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise UsageError(
            f"cannot write the file: {error.strerror or error}",
            where=path,
            hint="check that the directory exists, is writable and has space",
        ) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
