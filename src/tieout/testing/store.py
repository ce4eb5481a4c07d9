"""A Store in memory: the plainest that can pass the conformance suite."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from tieout.core.canonical import moment
from tieout.core.held import Held
from tieout.core.lifecycle import Event, KnownBreak, Transition
from tieout.core.matched import LoggedDate
from tieout.core.model import RunStatus, Severity, Side, State
from tieout.core.priced import prices_of
from tieout.core.rows import (
    BreakFilter,
    BreakRow,
    BreakTally,
    HistoryRow,
    Prior,
    QuarantineRow,
    RunIntent,
    RunRow,
    badness,
)
from tieout.errors import LeaseLost, RunSuperseded, StoreError
from tieout.ports import RunResult, StoreView
from tieout.testing.journal import MemoryJournal
from tieout.testing.monitors import MemoryMonitors


@dataclass
class _Reconciliation:
    """Everything about one reconciliation. A commit works on a copy and swaps it in.

    Attributes:
        items: what each business date changed: key to the texts of the items open from then on.
        covered: the run that said so.
    """

    fence: int = 0
    days: set[date] = field(default_factory=set)
    covered: dict[tuple[Side, date], str] = field(default_factory=dict)
    known: dict[str, KnownBreak] = field(default_factory=dict)
    rows: dict[str, BreakRow] = field(default_factory=dict)
    history: list[HistoryRow] = field(default_factory=list)
    items: dict[date, dict[str, list[str]]] = field(default_factory=dict)
    quarantine: dict[str, list[QuarantineRow]] = field(default_factory=dict)

    def copy(self) -> _Reconciliation:
        items = {day: dict(changed) for day, changed in self.items.items()}
        return dataclasses.replace(
            self,
            days=set(self.days),
            covered=dict(self.covered),
            known=dict(self.known),
            rows=dict(self.rows),
            history=list(self.history),
            items=items,
            quarantine=dict(self.quarantine),
        )


class _View:
    def __init__(self, known: Mapping[str, KnownBreak]) -> None:
        self._known = dict(known)

    def holds_any(self) -> bool:
        return bool(self._known)

    def open_breaks(self) -> Iterator[KnownBreak]:
        for _, known in sorted(self._known.items()):
            if known.state is not State.RESOLVED:
                yield known

    def known(self, ids: Sequence[str]) -> Mapping[str, KnownBreak]:
        return {id_: self._known[id_] for id_ in ids if id_ in self._known}


class MemoryStore:
    """Keeps everything in dictionaries; for tests, and for a single answer. See `ports.Store`.

    Its runs never die: the process that began them is this one.
    """

    def __init__(self) -> None:
        self._reconciliations: dict[str, _Reconciliation] = {}
        self._runs: dict[str, RunRow] = {}
        self._lock = threading.RLock()
        self._id = os.urandom(8).hex()
        self._journal = MemoryJournal()
        self._monitors = MemoryMonitors(self._forget)

    @property
    def journal(self) -> MemoryJournal:
        return self._journal

    @property
    def monitors(self) -> MemoryMonitors:
        return self._monitors

    def begin(self, intent: RunIntent) -> None:
        with self._lock:
            self._reconciliations.setdefault(intent.reconciliation, _Reconciliation())
            self._runs[intent.run_id] = RunRow(
                run_id=intent.run_id,
                reconciliation=intent.reconciliation,
                status=RunStatus.RUNNING,
                as_of=intent.as_of,
                business_date=intent.business_date,
                started_at=intent.started_at,
                finished_at=None,
                rules_digest=intent.rules_digest,
            )

    def _of(self, reconciliation: str) -> _Reconciliation:
        return self._reconciliations.get(reconciliation, _Reconciliation())

    def prior(self, reconciliation: str) -> Prior:
        kept = self._of(reconciliation)
        days = {side: frozenset(day for own, day in kept.covered if own is side) for side in Side}
        return Prior(kept.fence, max(kept.days, default=None), days)

    def open_items(self, reconciliation: str, *, before: date) -> Iterator[Held]:
        for key, texts in sorted(_open_before(self._of(reconciliation), before).items()):
            yield from (Held(key, text) for text in texts)

    @contextmanager
    def view(self, reconciliation: str) -> Iterator[StoreView]:
        yield _View(self._of(reconciliation).known)

    def commit(self, result: RunResult) -> RunRow:
        intent = result.intent
        with self._lock:
            if intent.run_id not in self._runs:
                raise StoreError(f"the run {intent.run_id} was never begun")
            if result.lease is not None and not self._monitors.holds(result.lease):
                raise LeaseLost(f"{result.lease.holder!r} does not hold the lease any more")
            if self._of(intent.reconciliation).fence != result.fence:
                raise RunSuperseded(
                    f"another run of {intent.reconciliation!r} was committed while this one worked"
                )
            kept = self._of(intent.reconciliation).copy()
            for step in result.settle(_View(kept.known)):
                _apply(kept, step, intent)
            _carry(kept, intent.business_date, result)
            kept.quarantine[intent.run_id] = [
                QuarantineRow(intent.run_id, side, entry) for side, entry in result.quarantine
            ]
            for side, complete in result.covered.items():
                kept.covered.pop((side, intent.business_date), None)
                if complete:
                    kept.covered[side, intent.business_date] = intent.run_id
            kept.days.add(intent.business_date)
            kept.fence += 1
            row = result.finish()
            self._reconciliations[intent.reconciliation] = kept
            self._runs[intent.run_id] = row
            return row

    def logged(self, reconciliation: str, *, since: date) -> Sequence[LoggedDate]:
        last = {
            row.business_date: LoggedDate(row.business_date, row.matches, order)
            for order, row in enumerate(self._runs.values())
            if row.reconciliation == reconciliation and row.digest and row.business_date >= since
        }
        return [last[day] for day in sorted(last, reverse=True)]

    @contextmanager
    def unchanging(self, reconciliation: str) -> Iterator[Collection[str]]:
        with self._lock:
            yield frozenset(
                row.run_id
                for row in self._runs.values()
                if row.reconciliation == reconciliation and row.status is RunStatus.RUNNING
            )

    @property
    def id(self) -> str:
        return self._id

    @property
    def file(self) -> str | None:
        return None

    def fail(self, run_id: str, row: RunRow) -> None:
        with self._lock:
            if run_id not in self._runs:
                raise StoreError(f"the run {run_id} was never begun")
            if self._runs[run_id].status is RunStatus.RUNNING:
                self._runs[run_id] = row

    def withdraw(self, run_id: str) -> None:
        with self._lock:
            if self._runs[run_id].status is RunStatus.RUNNING:
                del self._runs[run_id]

    def runs(
        self,
        *,
        reconciliation: str | None = None,
        limit: int | None = None,
        id_prefix: str | None = None,
    ) -> Iterator[RunRow]:
        fitting = [
            row
            for row in reversed(self._runs.values())
            if reconciliation in (None, row.reconciliation)
            and row.run_id.startswith(id_prefix or "")
        ]
        return iter(fitting[:limit])

    def breaks(self, where: BreakFilter) -> Iterator[BreakRow]:
        rows = self._breaks(where)
        return rows if where.worst is None else iter(sorted(rows, key=badness)[: where.worst])

    def _breaks(self, where: BreakFilter) -> Iterator[BreakRow]:
        for name in sorted(self._reconciliations):
            if where.reconciliation in (None, name):
                rows = self._reconciliations[name].rows
                yield from (rows[id_] for id_ in sorted(rows) if _fits(rows[id_], where))

    def tally(self, where: BreakFilter) -> Iterator[BreakTally]:
        opened: dict[tuple[str, str, int], list[datetime]] = {}
        for row in self._breaks(where):
            severity = int(Severity.of(row.content["severity"]))
            key = (row.reconciliation, row.content["kind"], severity)
            opened.setdefault(key, []).append(row.opened_at)
        for key, times in sorted(opened.items()):
            yield BreakTally(*key, len(times), min(times))

    def history(self, break_id: str) -> Iterator[HistoryRow]:
        for name in sorted(self._reconciliations):
            for row in self._reconciliations[name].history:
                if row.break_id == break_id:
                    yield row

    def quarantine(self, run_id: str) -> Iterator[QuarantineRow]:
        for kept in self._reconciliations.values():
            yield from kept.quarantine.get(run_id, ())

    def _forget(self, before: datetime) -> Sequence[RunRow]:
        """Remove the runs that nothing refers to, and return them. See `Monitors.fold`."""
        with self._lock:
            ended = [row for row in self._runs.values() if row.status is not RunStatus.RUNNING]
            # The last of each name stays: the newest one, and the newest that ended.
            kept = {each.reconciliation: each.run_id for each in self._runs.values()}.values()
            kept_ended = {each.reconciliation: each.run_id for each in ended}.values()
            referred = {*kept, *kept_ended}
            for each in self._reconciliations.values():
                referred.update(row.run_id for row in each.rows.values())
                referred.update(row.run_id for row in each.history)
                referred.update(each.covered.values())
            referred.update(row.run_id for row in ended if row.matches is not None)
            gone = [row for row in ended if row.started_at < before and row.run_id not in referred]
            for row in gone:
                del self._runs[row.run_id]
                self._reconciliations[row.reconciliation].quarantine.pop(row.run_id, None)
            return gone

    def close(self) -> None:
        """Nothing to do."""


def _fits(row: BreakRow, where: BreakFilter) -> bool:
    return (
        (where.states is None or row.state in where.states)
        and (where.kinds is None or row.content["kind"] in where.kinds)
        and (where.minimum is None or Severity.of(row.content["severity"]) >= where.minimum)
        and where.run_id in (None, row.run_id)
        and row.id.startswith(where.id_prefix or "")
    )


def _apply(kept: _Reconciliation, step: Transition, intent: RunIntent) -> None:
    """Write one transition."""
    resolved = step.state is State.RESOLVED
    suppressed = step.known is not None and step.state is State.SUPPRESSED
    kept.known[step.id] = KnownBreak(
        id=step.id,
        state=step.state,
        content=step.content,
        binding=step.binding,
        business_date=step.business_date,
        first_seen=step.first_seen,
        opened_at=step.opened_at,
        suppressed_until=step.known.suppressed_until if step.known and suppressed else None,
        cleared_on=intent.business_date if resolved else None,
    )
    kept.rows[step.id] = _row(kept.rows.get(step.id), step, intent)
    if step.written:
        kept.history.append(
            HistoryRow(
                break_id=step.id,
                event=(Event.MERGED if step.merged_from else step.event).value,
                at=intent.as_of,
                run_id=intent.run_id,
                business_date=intent.business_date,
                content=json.loads(step.content),
                other=step.merged_from or step.merged_into,
            )
        )


def _row(before: BreakRow | None, step: Transition, intent: RunIntent) -> BreakRow:
    if step.brk is None:
        assert before is not None
        cleared = intent.as_of if step.state is State.RESOLVED else None
        return dataclasses.replace(before, state=step.state.value, cleared_at=cleared)
    amount = step.brk.amount
    return BreakRow(
        id=step.id,
        reconciliation=intent.reconciliation,
        state=step.state.value,
        cause=step.brk.cause,
        doubt=step.brk.doubt,
        content=json.loads(step.content),
        value_amount=None if amount is None else Decimal(amount),
        value_currency=step.brk.currency,
        first_seen=moment(step.first_seen),
        opened_at=moment(step.opened_at),
        cleared_at=None,
        run_id=intent.run_id,
        business_date=step.business_date,
        value_prices=prices_of(step.brk.prices),
    )


def _open_before(kept: _Reconciliation, before: date) -> dict[str, list[str]]:
    """The items of each key, by its last change before `before`."""
    state: dict[str, list[str]] = {}
    for day in sorted(day for day in kept.items if day < before):
        state.update(kept.items[day])
    return {key: texts for key, texts in state.items() if texts}


def _carry(kept: _Reconciliation, day: date, result: RunResult) -> None:
    """Make the result's items what is open at the end of `day`: keep what that changes."""
    before = _open_before(kept, day)
    after: dict[str, list[str]] = {}
    for held in result.open_items:
        after.setdefault(held.key, []).append(held.text)
    for texts in after.values():
        texts.sort()
    changed = {key: texts for key, texts in after.items() if texts != before.get(key)}
    kept.items[day] = changed | {key: [] for key in before if key not in after}
