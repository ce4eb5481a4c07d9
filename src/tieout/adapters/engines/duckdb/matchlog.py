"""The log of a match, copied into Parquet where the data is: see `ports.matches.MatchLog`.

What the joins counted as agreed goes from the join into the file. Pairs that were handed out and
turned out to agree come back by `add`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final

import duckdb
import pyarrow as pa

from tieout.adapters.engines.duckdb.columns import name, quoted, sql_type
from tieout.adapters.engines.duckdb.folding import Folded
from tieout.adapters.engines.duckdb.join import LABELS, Joined, Sides
from tieout.adapters.engines.duckdb.logged import BOTH, META, VIEW, Logged, create_logged
from tieout.adapters.engines.duckdb.recall import AGAIN, MET, Recalled, recall
from tieout.adapters.engines.duckdb.sides import SideState
from tieout.adapters.engines.duckdb.staging import ARROW_TYPES
from tieout.core.match.plan import Plan
from tieout.core.model import Pair, Record, Side
from tieout.errors import EngineError
from tieout.ports import MatchTask

_BATCH: Final = 10_000
_ADDED: Final = "added_pairs"
_LATER: Final = "later_pairs"


class DuckDBMatchLog:
    """Implements `ports.MatchLog`.

    Args:
        exact: columns that are compared without any tolerance: equal in every pair of the log.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        task: MatchTask,
        plan: Plan,
        sides: Sequence[SideState],
        exact: Sequence[str],
    ) -> None:
        self._con = con
        self._plan = plan
        self._sides = sides
        self._exact = set(exact)
        self._day = task.business_date
        self._logged: Logged | None = None
        self.recalled = Recalled()
        if task.logs:
            staged = (sides[0].staged, sides[1].staged)
            self._logged = create_logged(con, plan, staged, task.logs)
            self.recalled = recall(
                con, plan, sides, self._logged, task.cut, checked=bool(task.rules.checks)
            )
        self._first = ""
        self._batch: list[Pair] = []
        columns = ", ".join(f"{name(each)} {type_}" for each, type_ in self._columns().items())
        con.execute(f"CREATE TEMP TABLE {_ADDED} ({columns})")
        con.execute(
            f"CREATE TEMP TABLE {_LATER} (internal_row BIGINT, external_row BIGINT, pass INTEGER)"
        )

    @property
    def reconciled(self) -> Mapping[Side, int]:
        return dict(zip(Side, self.recalled.reconciled, strict=True))

    # What the joins agreed on

    def joined(self, joined: Joined, folded: Folded | None) -> None:
        """The first pass: what it joined, which is read again when the log is written."""
        rows = [
            f"SELECT row, {self._list(i)} FROM ({each})"
            for i, each in enumerate(joined.sides.relations)
        ]
        apart = ""
        if folded is not None:
            for label in LABELS:
                apart += f" AND {label}_row NOT IN (SELECT row FROM {label}_repeated)"
        self._first = self._agreed(joined.sql, apart)
        if folded is not None:
            self._first += f" UNION ALL BY NAME {self._agreed(folded.once_sql, '')}"
        if self._con.execute(f"SELECT 1 FROM {_LATER} LIMIT 1").fetchall():
            values = ", ".join(self._own("i", "e"))
            self._first += (
                f" UNION ALL BY NAME SELECT p.pass, {values} FROM {_LATER} AS p"
                f" JOIN ({rows[0]}) AS i ON i.row = p.internal_row"
                f" JOIN ({rows[1]}) AS e ON e.row = p.external_row"
            )

    def watching(self, join: Callable[[Sides, int], Joined]) -> Callable[[Sides, int], Joined]:
        """`join`, of a later pass, which notes the pairs before their rows are taken away."""

        def joining(sides: Sides, number: int) -> Joined:
            joined = join(sides, number)
            self._con.execute(
                f"INSERT INTO {_LATER} SELECT internal_row, external_row, {number}"
                f" FROM ({joined.sql}) WHERE {_AGREED}"
            )
            return joined

        return joining

    def _agreed(self, sql: str, apart: str) -> str:
        values = ", ".join(self._own())
        return f"SELECT 0 AS pass, {values} FROM ({sql}) WHERE {_AGREED}{apart}"

    def _list(self, index: int) -> str:
        return ", ".join(map(name, self._sides[index].staged.columns))

    def _own(self, *aliases: str) -> list[str]:
        """The columns of today's records, of pairs or (`aliases`) of two relations."""
        return [
            f"{f'{aliases[index]}.{name(each)}' if aliases else name(f'{label}_{each}')}"
            f" AS {name(f'{label}_{each}')}"
            for index, label in enumerate(LABELS)
            for each in self._sides[index].staged.columns
        ]

    # What was handed out

    def add(self, pair: Pair) -> None:
        self._batch.append(pair)
        if len(self._batch) == _BATCH:
            self._flush()

    def _flush(self) -> None:
        pairs, self._batch = self._batch, []
        if not pairs:
            return
        ours, theirs = [pair.internal for pair in pairs], [pair.external for pair in pairs]
        arrays: dict[str, Any] = {
            "ended": pa.array([False] * len(pairs), pa.bool_()),
            "pass": pa.array([pair.step for pair in pairs], pa.int32()),
        }
        for index, (label, records) in enumerate(zip(LABELS, (ours, theirs), strict=True)):
            arrays[f"since_{label}"] = pa.array(
                [None if each.carried_from == self._day else each.carried_from for each in records],
                pa.date32(),
            )
            arrays[f"derived_{label}"] = pa.array(self._derived(index, records), pa.string())
            for each in self._side_columns(index):
                type_ = ARROW_TYPES[self._plan.records.columns[each].type]
                values = [record.values.get(each) for record in records]
                arrays[f"{label}_{each}"] = pa.array(values, type_)
        self._con.register("batch", pa.table(arrays))
        self._con.execute(f"INSERT INTO {_ADDED} BY NAME SELECT * FROM batch")
        self._con.unregister("batch")

    def _derived(self, index: int, records: Sequence[Record]) -> list[Any]:
        """The ids that were derived; None where the record has one of its own."""
        id_column = self._plan.records.id_of(self._sides[index].staged.bound.identity)
        if id_column is None:
            return [None] * len(records)
        return [
            each.identity.get(id_column) if each.values.get(id_column) is None else None
            for each in records
        ]

    # The file

    def write(self, path: str) -> tuple[int, date | None]:
        self._flush()
        con = self._con
        earlier = self._earlier()
        both = self._shared(earlier)
        con.execute("SET preserve_insertion_order = false")  # so that no thread waits for another
        columns = ", ".join(
            f"{'coalesce(ended, false)' if each == 'ended' else name(each)} AS {name(each)}"
            for each in META
        )
        for index, label in enumerate(LABELS):
            for each in self._side_columns(index):
                own = name(f"{label}_{each}")
                if each not in both:
                    columns += f", {own}"
                elif index == 0:
                    columns += f", {own} AS {name(f'{BOTH}_{each}')}"
        every = " UNION ALL BY NAME ".join([f"SELECT * FROM {_ADDED}", self._first, *earlier])
        try:
            ((rows,),) = con.execute(
                f"COPY (SELECT {columns} FROM ({every})) TO {quoted(path)} (FORMAT parquet)"
            ).fetchall()
            ((rests,),) = con.execute(
                "SELECT min(least(since_internal, since_external))"
                f" FROM read_parquet({quoted(path)})"
            ).fetchall()
        except duckdb.IOException as error:
            raise EngineError(
                f"the log of what matched cannot be written: {str(error).splitlines()[0]}",
                where=path,
                hint="free space there, or name another directory: `match_logs: DIRECTORY`",
            ) from error
        return rows, rests

    def _earlier(self) -> list[str]:
        """What goes on from earlier logs: reconciled pairs, ended ones, and the rest of the log
        of this date, where it is added to."""
        if self._logged is None:
            return []
        kept = ", ".join(
            f"CASE WHEN {each} = DATE {quoted(str(self._day))} THEN NULL ELSE {each} END AS {each}"
            for each in ("since_internal", "since_external")
        )
        columns = f"* EXCLUDE (place, number) REPLACE ({kept})"
        found = [
            f"SELECT {columns} FROM {VIEW} SEMI JOIN {AGAIN} USING (place, number)",
            f"SELECT * EXCLUDE (place, number) REPLACE ({kept}, true AS ended) FROM {VIEW}"
            f" SEMI JOIN (SELECT place, number FROM {MET} ANTI JOIN {AGAIN} USING (place, number))"
            " USING (place, number)",
        ]
        places = [
            place for place, log in enumerate(self._logged.logs) if log.business_date == self._day
        ]
        found += [
            f"SELECT {columns} FROM {VIEW} ANTI JOIN {MET} USING (place, number)"
            f" WHERE place = {place}"
            for place in places
        ]
        return found

    def _shared(self, earlier: Sequence[str]) -> set[str]:
        """The columns that are the same on both sides of every row."""
        both = set(self._side_columns(0)) & set(self._side_columns(1)) & self._exact
        if not both:
            return both
        listed = sorted(both)
        tests = ", ".join(
            f"bool_or({name(f'internal_{each}')} IS DISTINCT FROM {name(f'external_{each}')})"
            for each in listed
        )
        rows = " UNION ALL BY NAME ".join([f"SELECT * FROM {_ADDED}", *earlier])
        (differ,) = self._con.execute(f"SELECT {tests} FROM ({rows})").fetchall()
        return {each for each, differs in zip(listed, differ, strict=True) if not differs}

    def _side_columns(self, index: int) -> tuple[str, ...]:
        return (
            self._sides[index].staged.columns
            if self._logged is None
            else self._logged.columns[index]
        )

    def _columns(self) -> dict[str, str]:
        types = self._plan.records.columns
        own = {
            f"{label}_{each}": sql_type(types[each].type)
            for index, label in enumerate(LABELS)
            for each in self._side_columns(index)
        }
        return {**META, **own}


_AGREED: Final = "internal_row IS NOT NULL AND external_row IS NOT NULL AND NOT __keep"
