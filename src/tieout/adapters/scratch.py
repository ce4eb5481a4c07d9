"""Temporary directories that a later process removes where this one cannot: it was killed.

A directory's name says whose it is: the host, the namespace in which process ids mean something,
the id, and when that process was born. Only one whose process is certainly gone is removed: on
this host, in this namespace, of this user.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from tieout.adapters.store.processes import alive, birth
from tieout.core.canonical import digest

_NAMED: Final = re.compile(r"tieout-([0-9a-f]{12})-([0-9]+)-([0-9]*)-.+")


def prefix() -> str:
    """How the names of this process's temporary directories begin.

    The first call removes what processes that were killed have left.
    """
    _sweep(tempfile.gettempdir())
    pid = os.getpid()
    return f"tieout-{_place()}-{pid}-{birth(pid) or ''}-"


@cache
def _place() -> str:
    """Where a process id means one process: containers may share a directory, and not their ids."""
    namespace = ""
    with suppress(OSError):
        namespace = str(Path("/proc/self/ns/pid").stat().st_ino)
    return digest("place", socket.gethostname(), namespace)[:12]


@cache
def _sweep(folder: str) -> None:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                if _is_orphan(entry):
                    shutil.rmtree(entry.path, ignore_errors=True)


def _is_orphan(entry: os.DirEntry[str]) -> bool:
    named = _NAMED.fullmatch(entry.name)
    if named is None or named[1] != _place() or not entry.is_dir(follow_symlinks=False):
        return False
    if hasattr(os, "getuid") and entry.stat(follow_symlinks=False).st_uid != os.getuid():
        return False
    return not alive(int(named[2]), named[3] or None)
