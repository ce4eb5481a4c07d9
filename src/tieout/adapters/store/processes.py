"""Whether the process that started a run is still there."""

from __future__ import annotations

import os
import socket
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


def holder_here(unique: str) -> str:
    """What this process calls itself where it holds a lease: host, id, birth, and `unique`."""
    return f"{socket.gethostname()}:{os.getpid()}:{birth(os.getpid()) or ''}:{unique}"


def holder_parts(holder: str) -> tuple[str, int, str | None] | None:
    """Host, process id and birth of a holder; None where it is called otherwise."""
    host, _, rest = holder.partition(":")
    parts = rest.split(":")
    if len(parts) != 3 or not parts[0].isdecimal():
        return None
    return host, int(parts[0]), parts[1] or None


def runs_here(holder: str) -> bool:
    """Whether the process that holds a lease runs on this host. Of others nobody can tell."""
    parts = holder_parts(holder)
    if parts is None or parts[0] != socket.gethostname() or parts[2] is None:
        return False  # without its birth a process cannot be told from a later one
    return alive(parts[1], parts[2])
