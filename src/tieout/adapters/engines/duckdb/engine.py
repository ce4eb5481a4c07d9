"""Match two sides with DuckDB: larger than memory, and only what may be a break leaves it.

The join is tried at once, on the assumption that every row is plain and every key unique. Its own
counts prove that or not. Only where they do not are doubtful rows read again, repeated keys looked
for, and the join done a second time without them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any

import duckdb

from tieout.adapters.engines.duckdb import checks, facts, residue
from tieout.adapters.engines.duckdb.columns import name
from tieout.adapters.engines.duckdb.connection import connected
from tieout.adapters.engines.duckdb.damage import refuse_damaged
from tieout.adapters.engines.duckdb.folding import Folded, fold
from tieout.adapters.engines.duckdb.hopes import hoped_sides
from tieout.adapters.engines.duckdb.join import (
    Checked,
    Joined,
    Sides,
    join,
    side_sql,
    sure_sides,
)
from tieout.adapters.engines.duckdb.matchlog import DuckDBMatchLog
from tieout.adapters.engines.duckdb.passes import LaterPasses, leaves_many
from tieout.adapters.engines.duckdb.rows import columns, records, structs
from tieout.adapters.engines.duckdb.sides import SideState
from tieout.adapters.engines.duckdb.staging import Staged, resolve_doubts, stage
from tieout.adapters.engines.duckdb.tolerances import create_tolerances
from tieout.core.bounds import bounds_of
from tieout.core.canonical import moment
from tieout.core.lifecycle import OpenItem
from tieout.core.match.identity import identify
from tieout.core.match.keyed import match_records
from tieout.core.match.plan import Plan, plan
from tieout.core.model import Candidate, Pair, Quarantined, Record, Side
from tieout.core.read import Reading
from tieout.core.scan import Scan
from tieout.core.valuation import ONE, Valuation
from tieout.errors import EngineError
from tieout.ports import Matching, MatchTask, SideFacts, SideTask


@dataclass(frozen=True, slots=True)
class DuckDBEngine:
    """The engine for files and frames.

    Attributes:
        memory_limit: as DuckDB writes it, `4GB`; None leaves it to DuckDB. What does not fit is
            spilled to a temporary directory, which is removed afterwards.
        threads: None uses every core.
        joins_above: a pass after the first is a join as well where each side has more records
            than this left; else they are matched in memory.
        crowd: keys that several records of both sides have are set aside first where there would
            be so many more pairs than usual.
    """

    memory_limit: str | None = None
    threads: int | None = None
    joins_above: int = 100_000
    sample: int = 2_048
    crowd: int = residue.CROWD
    name: str = "duckdb"

    @contextmanager
    def match(self, task: MatchTask) -> Iterator[Matching]:
        """See `ports.Engine`."""
        scans = [task.internal.scan, task.external.scan, *(each.scan for each in task.checks)]
        with self._connected(scans) as con:
            yield _Match(con, task, self).run()

    def facts(self, side: SideTask) -> SideFacts:
        """See `ports.Engine`."""
        refuse_damaged([side.scan])
        with self._connected([side.scan]) as con:
            staged = stage(con, side.side.value, side.scan, side.reading)
            resolve_doubts(staged)
            rows, watermark, _ = facts.count_and_watermark(con, staged, None)
            return facts.side_facts(con, SideState(side, staged, rows, watermark))

    def read(self, scan: Scan, reading: Reading) -> tuple[list[Record], list[Quarantined]]:
        """A small source, whole: its records, identified, and what could not be read."""
        with self._connected([scan]) as con:
            staged = stage(con, "internal", scan, reading)
            resolve_doubts(staged)
            table = con.sql(f"{side_sql(staged)} ORDER BY row").to_arrow_table()
            rows = residue.to_records(table, staged.columns)
            return identify(rows, staged.bound.identity, reading.records), staged.quarantined

    def _connected(
        self, scans: Sequence[Scan]
    ) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        return connected(scans, self.memory_limit, self.threads)


class _Match:
    """One match, from staging to candidates."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, task: MatchTask, engine: DuckDBEngine
    ) -> None:
        self._con = con
        self._task = task
        self._sides = tuple(
            SideState(side, staged, staged.rows)
            for side in (task.internal, task.external)
            for staged in (stage(con, side.side.value, side.scan, side.reading),)
        )
        self._plan: Plan = plan(task.rules, *(each.bound for each in self._staged()))
        self._checks: tuple[Checked, ...] = tuple(
            checks.stage_check(con, task.rules.checks[check.index], check) for check in task.checks
        )
        self._bounds = bounds_of(self._plan, task.rules, Valuation(task.instruments))
        create_tolerances(con, self._bounds)
        self._careful = False
        self._folded: Folded | None = None
        self._unfoldable = residue.is_crowded(
            con, self._plan.steps[0], *self._staged(), above=engine.crowd
        )
        self._sample = engine.sample
        self._joins_above = engine.joins_above
        self._passes_join = leaves_many(con, self._plan, self._staged(), self._joins_above)
        self._log: DuckDBMatchLog | None = None if task.logs is None else self._begin_log()

    def _begin_log(self) -> DuckDBMatchLog:
        """The log of this match, with what earlier ones say of the records."""
        exact = [each for each in self._plan.compared if each not in self._bounds]
        log = DuckDBMatchLog(self._con, self._task, self._plan, self._sides, exact)
        for side, items, number in zip(
            self._sides, log.recalled.items, log.recalled.reconciled, strict=True
        ):
            side.recalled, side.reconciled = list(items), number
        return log

    def run(self) -> Matching:
        joined = self._try() or self._carefully()
        for side, watermark in zip(self._sides, joined.watermarks, strict=True):
            side.watermark = side.watermark if self._careful else watermark
        later = self._later_passes(joined) if self._passes_join else []
        if self._log is not None:
            self._log.joined(joined, self._folded)
        return Matching(
            internal=facts.side_facts(self._con, self._sides[0]),
            external=facts.side_facts(self._con, self._sides[1]),
            agreed=sum(each.agreed for each in (joined, *later)),
            agreed_within=sum(each.agreed_within for each in (joined, *later)),
            candidates=self._candidates(joined, later),
            statistics=[row for each in (joined, *later) for row in each.statistics],
            checks=tuple(checks.facts_of(check) for check in self._checks),
            log=self._log,
        )

    def _try(self) -> Joined | None:
        """The join on the assumption that nothing is special; None where something is."""
        if self._unfoldable:
            return None
        if self._task.watched or any(side.task.carried for side in self._sides):
            return None
        if any(side.recalled or side.reconciled for side in self._sides):
            return None
        for each in self._staged():
            if residue.replaces_any(self._con, each) or self._searches_identities(each):
                return None
            if each.counted and self._has_faults(each):
                return None
        sides = hoped_sides(self._plan, self._bounds, self._staged(), self._sample)
        joined = self._join(sides)
        cut, marks = self._task.cut, [each for each in joined.watermarks if each is not None]
        late = cut is not None and any(mark > cut for mark in marks)
        if joined.faults or late:
            return None
        return self._without_repetition(joined, sides)

    def _searches_identities(self, staged: Staged) -> bool:
        return not set(self._plan.steps[0].on) <= set(staged.bound.identity)

    def _has_faults(self, staged: Staged) -> bool:
        return bool(staged.quarantined or staged.reread or staged.bound.tests)

    def _carefully(self) -> Joined:
        """Set everything special aside, then join what is left."""
        self._careful = True
        step = self._plan.steps[0]
        residue.create_careful(self._con, step, self._sides[0].staged)
        residue.add_keys(self._con, step, self._plan, self._task.watched)
        for side in self._sides:
            resolve_doubts(side.staged)
            side.rows, side.watermark, late = facts.count_and_watermark(
                self._con, side.staged, self._task.cut
            )
            side.taken += side.reconciled
            self._carry(side)
            if late:
                self._set_after_cut_aside(side)
            residue.add_superseded(self._con, step, side.staged)
            residue.add_repeated_identities(self._con, step, side.staged)
        sides = sure_sides(*self._staged())
        if not self._unfoldable:
            self._take_out()
            joined = self._join(sides)
            if (single := self._without_repetition(joined, sides)) is not None:
                return single
        for side in self._sides:
            residue.add_repeated(self._con, step, side_sql(side.staged))
        self._take_out()
        return self._proved(self._join(sides))

    def _without_repetition(self, joined: Joined, sides: Sides) -> Joined | None:
        """`joined` with keys that are unique; None where it must be done again without some."""
        guilty = [side.staged for side in self._repeated(joined)]
        if not guilty:
            return joined
        folded = fold(self._con, self._plan, self._staged(), sides, joined, guilty, self._join)
        if folded is None:
            self._unfoldable = True
            return None
        self._folded = folded
        for index, side in enumerate(self._sides):
            side.loose += folded.mixed[index]
            side.taken += len(folded.gone[index]) - folded.singles[index]
        return self._proved(replace(folded.joined, kept=joined.kept))

    def _proved(self, joined: Joined) -> Joined:
        if self._repeated(joined):
            raise EngineError("repeated keys are left in the join: this is a bug in Tieout")
        return joined

    def _staged(self) -> tuple[Staged, Staged]:
        internal, external = self._sides
        return internal.staged, external.staged

    def _carry(self, side: SideState) -> None:
        """Bring carried items in, unless the source has them again."""
        cut = self._task.cut
        clock = self._plan.records.clock
        step, again = self._plan.steps[0], [*side.task.carried, *side.recalled]
        for item in residue.still_carried(self._con, step, self._plan, side.staged, again):
            when = item.record.values.get(clock) if clock else None
            if item.unreadable:
                side.blocked.append(dict(item.record.values))
                side.unreadable.append(item)
            elif cut is not None and isinstance(when, int) and when > cut:
                side.after_cut.append(item)
            else:
                record = item.record
                side.loose.append(Record(record.values, record.identity, carried_from=item.since))
        residue.add_keys(self._con, step, self._plan, side.loose)
        residue.add_named(self._con, step, side.staged, side.loose)

    def _set_after_cut_aside(self, side: SideState) -> None:
        clock = name(self._plan.records.clock or "")
        rows = residue.take_where(
            self._con,
            side.staged,
            f"SELECT * FROM ({side_sql(side.staged)}) WHERE {clock} > {self._task.cut}",
        )
        side.taken += len(rows)
        since = self._task.business_date or moment(self._task.cut or 0).date()
        side.after_cut += [
            OpenItem(side.task.side, record, since)
            for record in identify(rows, side.staged.bound.identity, self._plan.records)
        ]

    def _take_out(self) -> None:
        for side in self._sides:
            rows = residue.take_out(self._con, self._plan.steps[0], side.staged)
            side.loose += rows
            side.taken += len(rows)

    def _join(self, sides: Sides, number: int = 0) -> Joined:
        return join(
            self._con,
            self._plan,
            self._task.rules.checks,
            self._bounds,
            sides,
            self._checks,
            number=number,
            multipliers=any(each.multiplier != ONE for each in self._task.instruments.values()),
            one_sided=not self._passes_join,
        )

    def _later_passes(self, joined: Joined) -> list[Joined]:
        """Joins of what the first one left, pass by pass; what they leave becomes loose."""
        loose = (self._sides[0].loose, self._sides[1].loose)
        passes = LaterPasses(self._con, self._plan, self._staged(), loose, self._task.watched)
        passes.create_rest(joined.sides, folded=self._folded is not None)
        join = self._join if self._log is None else self._log.watching(self._join)
        return passes.run(join, self._joins_above)

    def _repeated(self, joined: Joined) -> list[SideState]:
        """The sides with repeated keys. A row joined twice is the *other* side's repetition."""
        internal, external = self._sides
        guilty = []
        if joined.pairs + joined.left_only != internal.rows - internal.taken:
            guilty.append(external)
        if joined.pairs + joined.right_only != external.rows - external.taken:
            guilty.append(internal)
        return guilty

    def _candidates(self, joined: Joined, later: Sequence[Joined]) -> Iterator[Candidate]:
        """Pairs as they come; the one-sided rows and all special ones are matched at the end."""
        gone: Sequence[Collection[int]] = ((), ())
        if self._folded is not None:
            gone = self._folded.gone
            yield from self._folded.duplicates
            yield from self._kept(self._folded.joined.kept, ((), ()))
        yield from self._kept(joined.kept, gone)
        for number, each in enumerate(later, start=1):
            yield from self._kept(each.kept, ((), ()), number)
        yield from self._matched_in_memory()

    def _kept(
        self, kept: Any, gone: Sequence[Collection[int]], number: int = 0
    ) -> Iterator[Candidate]:
        """The pairs among what a join kept; its one-sided rows become loose.

        Args:
            gone: rows of each side that are not to be seen.
            number: of the pass.
        """
        internal, external = self._sides
        for struct in structs(kept):
            left = records(
                internal.staged.columns, columns(struct, "internal_", internal.staged.columns)
            )
            right = records(
                external.staged.columns, columns(struct, "external_", external.staged.columns)
            )
            ours, theirs = [], []
            for one, other in zip(left, right, strict=True):
                if (one and one.row in gone[0]) or (other and other.row in gone[1]):
                    continue
                if one is not None and other is not None:
                    ours.append(one)
                    theirs.append(other)
                elif other is not None:
                    external.loose.append(other)
                elif one is not None:
                    internal.loose.append(one)
            ours, theirs = self._identified(ours, internal), self._identified(theirs, external)
            pairs = list(map(Pair, ours, theirs, repeat(number)))
            yield from checks.look_up(self._con, self._checks, self._plan, pairs)

    def _identified(self, records: list[Record], side: SideState) -> list[Record]:
        return identify(records, side.staged.bound.identity, self._plan.records)

    def _matched_in_memory(self) -> Iterator[Candidate]:
        loose, blocked = {}, {}
        for side in self._sides:
            which = side.task.side
            loose[which] = identify(side.loose, side.staged.bound.identity, self._plan.records)
            side.loose = []
            blocked[which] = side.blocked + [
                dict(entry.values) for entry in side.staged.quarantined if entry.values
            ]
        pairs: list[Pair] = []
        for candidate in match_records(
            self._plan, loose[Side.INTERNAL], loose[Side.EXTERNAL], blocked
        ):
            if isinstance(candidate, Pair) and self._checks:
                pairs.append(candidate)
            else:
                yield candidate
        yield from checks.look_up(self._con, self._checks, self._plan, pairs)
