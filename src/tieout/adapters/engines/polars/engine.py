"""Match two sides with Polars: both in memory, for snapshots that are compared again and again.

The same plan as the engine for files. What is special (carried, superseding, under an identity
that is there twice) is taken out first; the rest is joined once, on the assumption that every key
is unique, and the join's own counts prove that or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, repeat

import polars as pl

from tieout.adapters.engines.polars import careful, checks
from tieout.adapters.engines.polars.facts import side_facts, watermark
from tieout.adapters.engines.polars.join import (
    EXTERNAL,
    INTERNAL,
    Joined,
    Judged,
    different_types,
    join,
    judge,
)
from tieout.adapters.engines.polars.sides import SideState
from tieout.adapters.engines.polars.staging import ROW, records_of, stage
from tieout.core.bounds import bounds_of
from tieout.core.canonical import moment
from tieout.core.lifecycle import OpenItem
from tieout.core.match.identity import identify
from tieout.core.match.keyed import match_records
from tieout.core.match.plan import Plan, plan
from tieout.core.model import Candidate, Pair, Quarantined, Record
from tieout.core.read import Reading
from tieout.core.scan import Scan
from tieout.core.valuation import ONE, Valuation
from tieout.errors import EngineError
from tieout.ports import Matching, MatchTask, SideFacts, SideTask


@dataclass(frozen=True, slots=True)
class PolarsEngine:
    """The engine for live snapshots and frames. It keeps nothing from one match to the next.

    Files are read whole, text files row by row: DuckDB is the engine for them.
    """

    name: str = "polars"

    @contextmanager
    def match(self, task: MatchTask) -> Iterator[Matching]:
        """See `ports.Engine`."""
        yield _Match(task).run()

    def facts(self, side: SideTask) -> SideFacts:
        """See `ports.Engine`."""
        staged = stage(side.scan, side.reading)
        return side_facts(SideState(side, staged, staged.frame))

    def read(self, scan: Scan, reading: Reading) -> tuple[list[Record], list[Quarantined]]:
        """A small source, whole: its records, identified, and what could not be read."""
        staged = stage(scan, reading)
        rows = records_of(staged.frame.sort(ROW), staged.columns)
        return identify(rows, staged.bound.identity, reading.records), staged.quarantined


class _Match:
    """One match, from staging to candidates."""

    def __init__(self, task: MatchTask) -> None:
        self._task = task
        self._sides = tuple(
            SideState(side, staged, staged.frame)
            for side in (task.internal, task.external)
            for staged in (stage(side.scan, side.reading),)
        )
        self._plan: Plan = plan(task.rules, *(each.staged.bound for each in self._sides))
        self._checks = [
            checks.stage_check(task.rules.checks[check.index], check) for check in task.checks
        ]
        self._bounds = bounds_of(self._plan, task.rules, Valuation(task.instruments))

    def run(self) -> Matching:
        internal, external = self._sides
        self._set_special_aside()
        joined = self._proved()
        internal.loose += records_of(joined.left_only, internal.staged.columns, INTERNAL)
        external.loose += records_of(joined.right_only, external.staged.columns, EXTERNAL)
        judged = judge(
            self._plan,
            checks.with_checks(joined.pairs, self._checks),
            self._bounds,
            self._task.rules.checks,
            multipliers=any(each.multiplier != ONE for each in self._task.instruments.values()),
        )
        found = chain(self._kept(judged), self._matched_in_memory())
        return Matching(
            internal=side_facts(internal),
            external=side_facts(external),
            agreed=judged.agreed,
            agreed_within=judged.agreed_within,
            candidates=checks.look_up(found, self._checks),
            statistics=judged.statistics,
            checks=tuple(check.facts() for check in self._checks),
        )

    def _set_special_aside(self) -> None:
        """Leave only records in the frames that may be joined."""
        special = list(self._task.watched)
        for side in self._sides:
            special += self._carry(side)
            self._set_after_cut_aside(side)
        step = self._plan.steps[0]
        if different := different_types(self._plan, *(side.frame for side in self._sides)):
            for side in self._sides:
                side.take(side.frame, side.frame.clear())
                side.frame = side.frame.with_columns(  # it is empty
                    pl.col(name).cast(type_) for name, type_ in different.items()
                )
            return
        keys = [careful.keys_of(self._plan, special)] if special else []
        keys += [each for side in self._sides for each in careful.special_keys(self._plan, side)]
        for side in self._sides:
            side.take_keyless(step)
            if keys:
                side.take_keys(step, pl.concat(keys).unique())

    def _carry(self, side: SideState) -> list[Record]:
        """Bring carried items in, unless the source has them again.

        Returns:
            the records under whose keys nothing must be joined.
        """
        if not side.task.carried:
            return []
        cut, clock = self._task.cut, self._plan.records.clock
        carried, older = careful.still_carried(side, side.task.carried)
        for item in carried:
            record = item.record
            when = record.values.get(clock) if clock else None
            if item.unreadable:
                side.blocked.append(dict(record.values))
                side.unreadable.append(item)
            elif cut is not None and isinstance(when, int) and when > cut:
                side.after_cut.append(item)
            else:
                side.loose.append(Record(record.values, record.identity, carried_from=item.since))
        return [*side.loose, *older]

    def _set_after_cut_aside(self, side: SideState) -> None:
        cut, latest = self._task.cut, watermark(side.staged)
        if cut is None or latest is None or latest <= cut:
            return
        late = (pl.col(self._plan.records.clock or "") > cut).fill_null(value=False)
        rows = records_of(side.frame.filter(late), side.staged.columns)
        side.frame = side.frame.filter(~late)
        since = self._task.business_date or moment(cut).date()
        side.after_cut += [
            OpenItem(side.task.side, record, since) for record in side.identified(rows, self._plan)
        ]

    def _proved(self) -> Joined:
        """A join in which every key is unique; repeated ones are taken out of it."""
        step = self._plan.steps[0]
        joined = self._join()
        if self._repeats(joined):
            keys = pl.concat(careful.repeated_keys(step, side.frame) for side in self._sides)
            for side in self._sides:
                side.take_keys(step, keys)
            joined = self._join()
            if self._repeats(joined):
                raise EngineError("repeated keys are left in the join: this is a bug in Tieout")
        return joined

    def _join(self) -> Joined:
        internal, external = self._sides
        return join(self._plan, internal.frame, external.frame)

    def _repeats(self, joined: Joined) -> bool:
        internal, external = self._sides
        pairs = joined.pairs.height
        return (
            pairs + joined.left_only.height != internal.frame.height
            or pairs + joined.right_only.height != external.frame.height
        )

    def _kept(self, judged: Judged) -> Iterator[Candidate]:
        """The pairs that the join found and that may break."""
        ours, theirs = (
            side.identified(records_of(judged.kept, side.staged.columns, prefix), self._plan)
            for side, prefix in zip(self._sides, (INTERNAL, EXTERNAL), strict=True)
        )
        yield from map(Pair, ours, theirs, repeat(0))

    def _matched_in_memory(self) -> Iterator[Candidate]:
        """Everything that is special, and what the join left one-sided."""
        internal, external = (side.identified(side.loose, self._plan) for side in self._sides)
        blocked = {
            side.task.side: side.blocked
            + [dict(entry.values) for entry in side.staged.quarantined if entry.values]
            for side in self._sides
        }
        yield from match_records(self._plan, internal, external, blocked)
