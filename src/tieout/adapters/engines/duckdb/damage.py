"""Which file cannot be read, where DuckDB failed in the middle of a match.

A Parquet file is read where it is, column by column, as the match needs it: its footer was
verified, and a page inside may be damaged all the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from tieout.core.scan import ParquetFiles, Scan
from tieout.errors import SourceError


def refuse_damaged(scans: Sequence[Scan]) -> None:
    """Read all that was left to DuckDB once more, each file by itself.

    Raises:
        SourceError: a file cannot be read, or changed since it was found.
    """
    found = [wrong for scan in scans for wrong in _damaged(scan)]
    if found:
        raise SourceError(
            "; ".join(dict.fromkeys(what for _, what in found)),
            where=", ".join(dict.fromkeys(source for source, _ in found)),
            hint="fetch it again" if len(found) == 1 else "fetch them again",
        )
    for scan in scans:
        scan.inputs()


def _damaged(scan: Scan) -> list[tuple[str, str]]:
    """The files of a scan that cannot be read whole: (source, what is wrong)."""
    if not isinstance(scan.rows, ParquetFiles):
        return []
    found = []
    with duckdb.connect() as con:
        for path in scan.rows.paths:
            try:
                con.execute("SELECT max(hash(f)) FROM read_parquet($path) f", {"path": path})
            except duckdb.Error as error:
                why = str(error).splitlines()[0]
                found.append((scan.source, f"{path} is cut or damaged: {why}"))
    return found
