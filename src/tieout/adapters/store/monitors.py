"""What monitors of several processes agree on: leases, pauses, cursors, days that were folded.

A lease is right by its fence and not by a clock. `until` only says when another may take it, and
clocks of two machines differ, or jump: a renewal never moves it back, and who lost the lease
cannot commit, whatever its clock says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, func, literal_column, or_, select, text, update

from tieout.adapters.store.database import Database
from tieout.adapters.store.pages import pages
from tieout.adapters.store.tables import (
    breaks,
    covered,
    cursors,
    history,
    leases,
    pauses,
    quarantine,
    runs,
    summaries,
)
from tieout.core.canonical import nanoseconds
from tieout.core.model import RunStatus
from tieout.core.rows import DaySummary
from tieout.errors import LeaseLost
from tieout.ports import Lease, Pause

FOLDED_AT_ONCE: Final = 500
"""Runs that one transaction folds. Others wait for it."""

_NS: Final = 1_000_000_000

# Both databases spell it so; SQLAlchemy has it only per dialect.
_NEW_LEASE: Final = text(
    "INSERT INTO leases (name, holder, fence, until) VALUES (:name, NULL, 0, 0) "
    "ON CONFLICT DO NOTHING"
)
_PAUSE: Final = text(
    "INSERT INTO pauses (scope, paused_by, reason, since, until) "
    "VALUES (:scope, :by, :reason, :since, :until) "
    "ON CONFLICT (scope) DO UPDATE SET paused_by = excluded.paused_by, "
    "reason = excluded.reason, since = excluded.since, until = excluded.until"
)
_ADVANCE: Final = text(
    "INSERT INTO cursors (name, at) VALUES (:name, :to) "
    "ON CONFLICT (name) DO UPDATE SET at = excluded.at WHERE excluded.at > cursors.at"
)
_SUMMARY: Final = text(
    "INSERT INTO summaries (reconciliation, business_date, runs, clean, breaks, incomplete, failed)"
    " VALUES (:reconciliation, :business_date, :runs, :clean, :breaks, :incomplete, :failed) "
    "ON CONFLICT (reconciliation, business_date) DO UPDATE SET "
    "runs = summaries.runs + excluded.runs, clean = summaries.clean + excluded.clean, "
    "breaks = summaries.breaks + excluded.breaks, "
    "incomplete = summaries.incomplete + excluded.incomplete, "
    "failed = summaries.failed + excluded.failed"
)


class SqlMonitors:
    """See `ports.Monitors`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def acquire(self, name: str, holder: str, *, seconds: float, now: int) -> Lease | None:
        until = now + round(seconds * _NS)
        with self._database.writing() as connection:
            connection.execute(_NEW_LEASE, {"name": name})
            row = connection.execute(
                select(leases).where(leases.c.name == name).with_for_update()
            ).one()
            ours = row.holder == holder
            if row.holder is not None and not ours and row.until > now:
                return None
            lease = Lease(
                name=name,
                holder=holder,
                fence=row.fence if ours else row.fence + 1,
                # Where our clock was set back, others still go by what they read before. It rises
                # all the same: so others see that the holder lives, whatever its clock says.
                until=max(until, row.until + 1) if ours else until,
            )
            connection.execute(
                update(leases)
                .where(leases.c.name == name)
                .values(holder=holder, fence=lease.fence, until=lease.until)
            )
        return lease

    def release(self, lease: Lease) -> None:
        with self._database.writing() as connection:
            connection.execute(
                update(leases)
                .where(
                    leases.c.name == lease.name,
                    leases.c.holder == lease.holder,
                    leases.c.fence == lease.fence,
                )
                .values(holder=None, until=0)
            )

    def leases(self) -> Sequence[Lease]:
        held = select(leases).where(leases.c.holder.is_not(None)).order_by(leases.c.name)
        with self._database.reading() as connection:
            rows = connection.execute(held).all()
        return [Lease(row.name, row.holder, row.fence, row.until) for row in rows]

    def break_lease(self, lease: Lease) -> bool:
        with self._database.writing() as connection:
            broken = connection.execute(
                update(leases)
                .where(
                    leases.c.name == lease.name,
                    leases.c.holder == lease.holder,
                    leases.c.fence == lease.fence,
                    leases.c.until == lease.until,
                )
                .values(holder=None, until=0, fence=lease.fence + 1)
            )
            return broken.rowcount > 0

    def pause(self, pause: Pause) -> None:
        with self._database.writing() as connection:
            connection.execute(
                _PAUSE,
                {
                    "scope": pause.scope,
                    "by": pause.by,
                    "reason": pause.reason,
                    "since": pause.since,
                    "until": pause.until,
                },
            )

    def resume(self, scope: str) -> bool:
        with self._database.writing() as connection:
            return connection.execute(delete(pauses).where(pauses.c.scope == scope)).rowcount > 0

    def pauses(self, now: int) -> Sequence[Pause]:
        holds = pauses.c.until.is_(None) | (pauses.c.until > now)
        with self._database.reading() as connection:
            rows = connection.execute(select(pauses).where(holds).order_by(pauses.c.scope)).all()
        return [Pause(row.scope, row.paused_by, row.reason, row.since, row.until) for row in rows]

    def cursor(self, name: str) -> int | None:
        with self._database.reading() as connection:
            at: int | None = connection.scalar(select(cursors.c.at).where(cursors.c.name == name))
        return at

    def advance(self, name: str, to: int) -> None:
        with self._database.writing() as connection:
            connection.execute(_ADVANCE, {"name": name, "to": to})

    def fold(self, *, before: datetime) -> int:
        folded = 0
        while True:
            with self._database.writing(keys_checked=False) as connection:
                some = _foldable(connection, nanoseconds(before))
                _fold(connection, some)
            folded += len(some)
            if len(some) < FOLDED_AT_ONCE:
                return folded

    def summaries(self, *, reconciliation: str | None = None) -> Iterator[DaySummary]:
        query = select(summaries)
        if reconciliation is not None:
            query = query.where(summaries.c.reconciliation == reconciliation)
        keys = [summaries.c.reconciliation, summaries.c.business_date]
        with self._database.reading() as connection:
            for row in pages(connection, query, keys):
                day = date.fromisoformat(row.business_date)
                counts = row.runs, row.clean, row.breaks, row.incomplete, row.failed
                yield DaySummary(row.reconciliation, day, *counts)


def check_lease(connection: Connection, lease: Lease) -> None:
    """Raise LeaseLost where it is not the holder's any more; else hold it until the commit."""
    held = connection.execute(
        select(leases.c.holder, leases.c.fence)
        .where(leases.c.name == lease.name)
        .with_for_update(read=True)
    ).first()
    if held is None or tuple(held) != (lease.holder, lease.fence):
        raise LeaseLost(
            f"{lease.holder!r} does not hold the lease of {lease.name!r} any more",
            hint="the process that holds it now runs this monitor; nothing was stored here",
        )


def _foldable(connection: Connection, before: int) -> Sequence[Any]:
    """Runs that ended, began before `before`, and that nothing in the store refers to."""
    newest = select(func.max(runs.c.seq)).group_by(runs.c.reconciliation)
    ended = runs.c.status != RunStatus.RUNNING.value
    kept = (
        newest,
        newest.where(ended),
        select(breaks.c.run),
        select(breaks.c.opener).where(breaks.c.opener.is_not(None)),
        select(history.c.run),
        # The runs that a day's coverage rests on.
        select(covered.c.run),
    )
    # A log of matches goes with the run that names it.
    logless = or_(runs.c.details.is_(None), runs.c.details.not_like('%"matches":{%'))
    old = select(runs.c.seq).where(ended, runs.c.started_at < before, logless)
    free = old.except_(*kept).order_by(literal_column("1")).limit(FOLDED_AT_ONCE)
    chosen = list(connection.scalars(free))
    return connection.execute(
        select(runs.c.seq, runs.c.reconciliation, runs.c.business_date, runs.c.status).where(
            runs.c.seq.in_(chosen)
        )
    ).all()


def _fold(connection: Connection, folded: Sequence[Any]) -> None:
    if not folded:
        return
    counts: dict[tuple[str, str], Counter[str]] = {}
    for row in folded:
        day = counts.setdefault((row.reconciliation, row.business_date), Counter())
        day.update(("runs", row.status))
    names = ("runs", "clean", "breaks", "incomplete", "failed")
    connection.execute(
        _SUMMARY,
        [
            {"reconciliation": name, "business_date": day, **{each: many[each] for each in names}}
            for (name, day), many in counts.items()
        ],
    )
    numbers = [row.seq for row in folded]
    connection.execute(delete(quarantine).where(quarantine.c.run.in_(numbers)))
    connection.execute(delete(runs).where(runs.c.seq.in_(numbers)))
