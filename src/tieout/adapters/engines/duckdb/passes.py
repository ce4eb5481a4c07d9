"""Later passes where the data is: what a join left one-sided, joined again by the next key.

Without this, everything that the first pass leaves is matched in memory: right, but slow where the
sides have different ids and millions of records must be paired by something else.

A record is in one of three places: *paired* by a join, *loose* (matched in memory, at the end), or
in the *rest*, one table a side. What holds:

1. Before a second pass, stage A has nothing to say about the rest: records that share their
   identity with another of their side, loose ones included, that replace or bust another, or that
   are named by one that does, are loose.
2. In a pass, all records of both sides under one key are in the rest, or all are loose: where one
   is, the others become so. Records without a key take no part, and stay where they are.
3. A pass pairs from the rest only where a key has one record on each side. Several on a side and
   one on the other are loose: identity, symbol and side have a say in them. Several on a side and
   none on the other stay: no rule of this pass is about them.
4. So a pass finds the same records free as the specification does, key by key, in the rest or in
   memory; and a pass in memory finds no record of the rest that it lacked.
5. What is left after the last pass is loose. Conflicts and unreadable rows claim only records that
   no pass wanted, so they need not be known earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import duckdb
import pyarrow as pa

from tieout.adapters.engines.duckdb import residue
from tieout.adapters.engines.duckdb.columns import OK, name
from tieout.adapters.engines.duckdb.folding import MIXED
from tieout.adapters.engines.duckdb.join import LABELS, Joined, Sides, same_key
from tieout.adapters.engines.duckdb.staging import ARROW_TYPES, Staged
from tieout.core.match.plan import Plan, Step
from tieout.core.model import Record

_SAMPLE = 10_000


def leaves_many(
    con: duckdb.DuckDBPyConnection, plan: Plan, staged: tuple[Staged, Staged], above: int
) -> bool:
    """Whether the first pass will leave more than `above` records on each side to further ones.

    A guess: the first records of one side stand for all. Wrong, it costs time and nothing else.
    """
    internal, external = staged
    if len(plan.steps) == 1 or min(internal.rows, external.rows) <= above:
        return False
    step = plan.steps[0]
    on = ", ".join(map(name, step.on))
    looked_at = max(1, min(_SAMPLE, internal.rows))
    found: int = con.execute(
        f"SELECT count(*) FROM (SELECT {on} FROM {internal.relation} LIMIT {_SAMPLE}) AS s"
        f" SEMI JOIN {external.relation} AS k ON {same_key(step, 's', 'k')}"
    ).fetchall()[0][0]
    pairs = internal.rows * found // looked_at
    return min(internal.rows, external.rows) - pairs > above


class LaterPasses:
    """The passes after the first, over `<label>_rest`.

    Attributes:
        loose: the records of each side that are matched in memory; grows.
        watched: internal records of which the pairs must be handed out, see `ports.MatchTask`.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        plan: Plan,
        staged: tuple[Staged, Staged],
        loose: tuple[list[Record], list[Record]],
        watched: Sequence[Record],
    ) -> None:
        self._con = con
        self._plan = plan
        self._staged = staged
        self.loose = loose
        self.watched = watched

    def run(self, join: Callable[[Sides, int], Joined], above: int) -> list[Joined]:
        """What each pass found, in order. In the end no record is in the rest.

        Args:
            join: of sides, by the pass of a number. It keeps pairs alone.
            above: how many records a side must have left for another pass to be a join.
        """
        found = []
        for index in range(2):
            self._set_identities_aside(index)
            self._set_replaced_aside(index)
        for number, step in enumerate(self._plan.steps[1:], start=1):
            if min(self._count(label) for label in LABELS) <= above:
                break
            self._set_keys_aside(step)
            found.append(join(self._sides(), number))
            self._shrink(step)
        for index, label in enumerate(LABELS):
            self._set_aside(index, f"SELECT row FROM {label}_rest")
        return found

    def create_rest(self, sides: Sides, *, folded: bool) -> None:
        """Make the tables of what the first pass left.

        Args:
            sides: what it joined.
            folded: copies were folded, see `folding`.
        """
        same = same_key(self._plan.steps[0], "s", "k")
        for index, (own, other) in enumerate((LABELS, LABELS[::-1])):
            columns = ", ".join(map(name, sides.columns[index]))
            left = (
                f"SELECT row, {columns} FROM ({sides.relations[index]}) AS s"
                f" ANTI JOIN ({sides.relations[1 - index]}) AS k ON {same}"
            )
            if folded:
                left = f"SELECT * FROM ({left}) ANTI JOIN {own}_repeated USING (row)"
                left += f" UNION ALL SELECT row, {columns} FROM (SELECT * FROM {own}_folded AS s"
                left += f" ANTI JOIN {MIXED} AS k ON {same}) AS s"
                left += f" ANTI JOIN {other}_folded AS k ON {same}"
            self._con.execute(
                f"CREATE TEMP TABLE {own}_rest AS SELECT *, {OK} AS state FROM ({left})"
            )

    def _sides(self) -> Sides:
        internal, external = self._staged
        return Sides(
            (internal.columns, external.columns),
            (f"SELECT * FROM {LABELS[0]}_rest", f"SELECT * FROM {LABELS[1]}_rest"),
        )

    def _count(self, label: str) -> int:
        return self._con.execute(f"SELECT count(*) FROM {label}_rest").fetchall()[0][0]  # type: ignore[no-any-return]

    def _set_aside(self, index: int, rows: str) -> None:
        """Make the records of the rest of which `rows` selects the row loose."""
        label = LABELS[index]
        table = self._con.sql(
            f"SELECT * FROM {label}_rest SEMI JOIN ({rows}) USING (row)"
        ).to_arrow_table()
        if not len(table):
            return
        self.loose[index].extend(residue.to_records(table, self._staged[index].columns))
        self._con.register("batch", table.select(["row"]))
        self._con.execute(f"DELETE FROM {label}_rest WHERE row IN (SELECT row FROM batch)")
        self._con.unregister("batch")

    def _set_identities_aside(self, index: int) -> None:
        """The records that share their identity with another one. No two derived ids are equal."""
        staged, label = self._staged[index], LABELS[index]
        identity = staged.bound.identity
        id_column = self._plan.records.id_of(identity)
        if not set(identity) <= set(staged.columns):
            return
        named = f"{name(id_column)} IS NOT NULL" if id_column is not None else "true"
        columns = ", ".join(map(name, identity))
        self._set_aside(
            index,
            f"SELECT row FROM {label}_rest WHERE {named} AND hash({columns}) IN (SELECT"
            f" hash({columns}) FROM {label}_rest WHERE {named} GROUP BY 1 HAVING count(*) > 1)",
        )
        loose = [record.identity or record.values for record in self.loose[index]]
        if not loose:
            return
        types = self._plan.records.columns
        self._con.register(
            "loose",
            pa.table(
                {
                    each: pa.array([own.get(each) for own in loose], ARROW_TYPES[types[each].type])
                    for each in identity
                }
            ),
        )
        self._set_aside(
            index,
            f"SELECT row FROM {label}_rest WHERE {named} AND hash({columns}) IN"
            f" (SELECT hash({columns}) FROM loose)",
        )
        self._con.unregister("loose")

    def _set_replaced_aside(self, index: int) -> None:
        """The records that replace or bust another, and those that they name."""
        staged, label = self._staged[index], LABELS[index]
        tests = ["supersedes IS NOT NULL"] if "supersedes" in staged.columns else []
        tests += ["exec_type = 'bust'"] if "exec_type" in staged.columns else []
        if tests:
            self._set_aside(index, f"SELECT row FROM {label}_rest WHERE {' OR '.join(tests)}")
        if "trade_id" in staged.columns and residue.name_replaced(self._con, self.loose[index]):
            self._set_aside(index, f"SELECT row FROM {label}_rest SEMI JOIN named USING (trade_id)")
            self._con.unregister("named")

    def _set_keys_aside(self, step: Step) -> None:
        """The records under keys that are loose, or that meet another and are not alone."""
        on, same = ", ".join(map(name, step.on)), same_key(step, "s", "k")
        residue.create_careful(self._con, step, self._staged[0])
        for records in (*self.loose, self.watched):
            residue.add_keys(self._con, step, self._plan, records)
        for own, other in (LABELS, LABELS[::-1]):
            self._con.execute(
                f"CREATE OR REPLACE TEMP TABLE several AS SELECT hash({on}) AS hashed"
                f" FROM {own}_rest GROUP BY hashed HAVING count(*) > 1"
            )
            if self._con.execute("SELECT 1 FROM several LIMIT 1").fetchall():
                hashed = f"SELECT {on} FROM {own}_rest WHERE hash({on}) IN (FROM several)"
                residue.add_repeated(
                    self._con, step, f"FROM ({hashed}) AS s SEMI JOIN {other}_rest AS k ON {same}"
                )
        for index, label in enumerate(LABELS):
            self._set_aside(
                index,
                f"SELECT row FROM {label}_rest AS s SEMI JOIN {residue.CAREFUL} AS k ON {same}",
            )

    def _shrink(self, step: Step) -> None:
        """Take what a pass paired out of the rest."""
        same = same_key(step, "s", "k")
        for own, other in (LABELS, LABELS[::-1]):
            self._con.execute(
                f"CREATE TEMP TABLE {own}_left AS"
                f" SELECT * FROM {own}_rest AS s ANTI JOIN {other}_rest AS k ON {same}"
            )
        for label in LABELS:
            self._con.execute(f"DROP TABLE {label}_rest")
            self._con.execute(f"ALTER TABLE {label}_left RENAME TO {label}_rest")
