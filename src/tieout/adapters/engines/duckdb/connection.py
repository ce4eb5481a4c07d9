"""A DuckDB for one match: it may spill to a directory, and says which file it cannot read."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import duckdb

from tieout.adapters import scratch
from tieout.adapters.engines.duckdb.damage import refuse_damaged
from tieout.core.scan import Scan
from tieout.errors import EngineError

_Config: TypeAlias = dict[str, str | bool | int | float | list[str]]


@contextmanager
def connected(
    scans: Sequence[Scan], memory_limit: str | None, threads: int | None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB that spills to a directory of its own, which is removed afterwards.

    Raises:
        SourceError: it failed on a file of `scans` that cannot be read.
    """
    spill = tempfile.mkdtemp(prefix=scratch.prefix())
    con = duckdb.connect(":memory:", config=_config(spill, memory_limit, threads))
    try:
        yield con
    except duckdb.OutOfMemoryException as error:
        raise EngineError(
            "the engine ran out of memory",
            where=str(error).splitlines()[0],
            hint="raise the memory limit, or free space in the temporary directory",
        ) from error
    except duckdb.Error:
        refuse_damaged(scans)
        raise
    finally:
        con.close()
        shutil.rmtree(spill, ignore_errors=True)


def _config(spill: str, memory_limit: str | None, threads: int | None) -> _Config:
    config: _Config = {
        "temp_directory": spill,
        "TimeZone": "UTC",
        "autoinstall_known_extensions": False,
    }
    limit = memory_limit or os.environ.get("TIEOUT_MEMORY_LIMIT")
    if limit:
        config["memory_limit"] = limit
    if threads:
        config["threads"] = threads
    return config
