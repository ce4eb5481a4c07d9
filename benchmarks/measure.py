"""Whole programs, timed from their start to their end, with the memory that they took.

The peak is the kernel's (`ru_maxrss` of `wait4`). A program inherits the peak of whoever starts
it, so this one imports nothing large.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_CGROUPS: Final = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of a program.

    Attributes:
        seconds: wall clock. cpu: of all its threads, user and system.
        megabytes: its peak resident memory.
        answer: the JSON that it printed.
    """

    seconds: float
    cpu: float
    megabytes: float
    answer: Any


def run(
    command: Sequence[str],
    folder: Path,
    *,
    accepted: Sequence[int] = (0,),
    environment: dict[str, str] | None = None,
) -> Measured:
    """Run `command` in `folder` and wait for it.

    Raises:
        SystemExit: it printed nothing, or ended with another code than those accepted.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, stdout=out, stderr=err, env={**os.environ, **(environment or {})}
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        said, failed = _text(out), _text(err)
    if process.returncode not in accepted or not said:
        raise SystemExit(f"{' '.join(command)}\nended with {process.returncode}:\n{failed}")
    megabytes = usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return Measured(seconds, usage.ru_utime + usage.ru_stime, megabytes, json.loads(said))


def _text(stream: Any) -> str:
    stream.seek(0)
    return stream.read().decode(errors="replace")


@contextmanager
def memory_group(limit: int) -> Iterator[list[str]]:
    """What to put before a command so that it gets at most `limit` bytes, page cache included.

    Nothing where the machine gives us no control group to limit it with.
    """
    group = _CGROUPS / ("memory" if (_CGROUPS / "memory").is_dir() else "") / f"bench-{os.getpid()}"
    names = ("memory.limit_in_bytes", "memory.max")
    try:
        group.mkdir()
    except OSError:
        yield []
        return
    try:
        setting = next((group / name for name in names if (group / name).exists()), None)
        if setting is None:
            yield []
            return
        setting.write_text(str(limit))
        yield ["/bin/sh", "-c", f'echo $$ > "{group}/cgroup.procs" && exec "$@"', "sh"]
    finally:
        group.rmdir()
