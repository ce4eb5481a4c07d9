"""The logs of earlier matches as one relation: `logged`, a row a pair, under the names of today.

`place` is the log's place in the task, the newest first, and `number` the row in it. Every column
that a log or today's source has is there as `internal_<column>` and `external_<column>`, null
where it was not, in the type that the contract has today.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import duckdb

from tieout.adapters.engines.duckdb.columns import name, quoted, sql_type
from tieout.adapters.engines.duckdb.join import LABELS
from tieout.adapters.engines.duckdb.staging import Staged
from tieout.core.match.plan import Plan
from tieout.ports import LogFile

VIEW: Final = "logged"
BOTH: Final = "both"
META: Final = {
    "ended": "BOOLEAN",
    "pass": "INTEGER",
    "since_internal": "DATE",
    "since_external": "DATE",
    "derived_internal": "VARCHAR",
    "derived_external": "VARCHAR",
}
"""The columns of a log beside those of the records."""


@dataclass(frozen=True, slots=True)
class Logged:
    """What `logged` has.

    Attributes:
        columns: of each side, all of them, in the order of the contract.
        of: the columns that each side had in each log, by place.
    """

    logs: Sequence[LogFile]
    columns: tuple[tuple[str, ...], tuple[str, ...]]
    of: Sequence[tuple[tuple[str, ...], tuple[str, ...]]]


def create_logged(
    con: duckdb.DuckDBPyConnection,
    plan: Plan,
    staged: tuple[Staged, Staged],
    logs: Sequence[LogFile],
) -> Logged:
    """Create the view. Columns that no contract of today knows are left out."""
    there = [_columns(con, log.path) for log in logs]
    contract = tuple(plan.records.columns)
    of = [
        tuple(
            tuple(each for each in contract if {f"{side}_{each}", f"{BOTH}_{each}"} & columns)
            for side in LABELS
        )
        for columns in there
    ]
    known = [
        {each for one in of for each in one[index]} | set(side.columns)
        for index, side in enumerate(staged)
    ]
    every = tuple(tuple(each for each in contract if each in side) for side in known)
    parts = []
    for place, (log, columns) in enumerate(zip(logs, there, strict=True)):
        chosen = [
            f"{_cell(plan, side, each, columns)} AS {name(f'{side}_{each}')}"
            for side, own in zip(LABELS, every, strict=True)
            for each in own
        ]
        day = f"DATE {quoted(log.business_date.isoformat())}"
        parts.append(
            f"SELECT {place} AS place, file_row_number AS number, ended, pass,"
            f" coalesce(since_internal, {day}) AS since_internal,"
            f" coalesce(since_external, {day}) AS since_external,"
            f" derived_internal, derived_external, {', '.join(chosen)}"
            f" FROM read_parquet({quoted(log.path)}, file_row_number=true)"
        )
    con.execute(f"CREATE TEMP VIEW {VIEW} AS {' UNION ALL '.join(parts)}")
    return Logged(logs, (every[0], every[1]), [(one[0], one[1]) for one in of])


def _columns(con: duckdb.DuckDBPyConnection, path: str) -> set[str]:
    rows = con.execute(f"DESCRIBE SELECT * FROM read_parquet({quoted(path)})").fetchall()
    return {str(row[0]) for row in rows}


def _cell(plan: Plan, side: str, column: str, there: set[str]) -> str:
    type_ = sql_type(plan.records.columns[column].type)
    for prefix in (side, BOTH):
        if f"{prefix}_{column}" in there:
            return f"TRY_CAST({name(f'{prefix}_{column}')} AS {type_})"
    return f"CAST(NULL AS {type_})"
