"""Whether the process that started a run is still there."""

from __future__ import annotations

import os
from pathlib import Path


def birth(pid: int) -> str | None:
    """What tells a process from a later one with the same id; None where it is not known."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name, in parentheses, may hold anything. State is then field 3, the start field 22.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def alive(pid: int, born: str | None) -> bool:
    """Whether the process `pid`, of which `birth` said `born`, runs on this host."""
    if born is not None:
        return birth(pid) == born
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
