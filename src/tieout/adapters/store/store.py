"""The Store port on SQLAlchemy Core."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, text, update

from tieout.adapters.store import encoding, open_items, schema, tables
from tieout.adapters.store.breaks import BreakWriter, View, listed, starts_with, tallied, told
from tieout.adapters.store.database import Database
from tieout.adapters.store.journal import SqlJournal
from tieout.adapters.store.monitors import SqlMonitors, check_lease
from tieout.adapters.store.pages import PAGE, pages
from tieout.adapters.store.processes import alive, birth
from tieout.adapters.store.tables import covered, quarantine, reconciliations, runs
from tieout.core.canonical import moment, nanoseconds
from tieout.core.held import Held
from tieout.core.matched import LoggedDate
from tieout.core.model import RunStatus, Side
from tieout.core.rows import (
    BreakFilter,
    BreakRow,
    BreakTally,
    HistoryRow,
    Prior,
    QuarantineRow,
    RunIntent,
    RunRow,
)
from tieout.errors import RunSuperseded, StoreError
from tieout.ports import RunResult, StoreView

STALE_AFTER: Final = timedelta(hours=24)
"""A `running` row of another host, whose processes cannot be seen, is dead after this."""


def open_store(url: str, *, create: bool = True) -> SqlStore:
    """The store at `url`. A new or empty database gets its tables, if `create`.

    Raises:
        StoreOutdated: its schema is older (`tieout db upgrade`) or newer than this program.
        StoreError: it cannot be opened; or there is none, and `create` is false.
        MissingExtra: the driver is not installed.
    """
    database = Database(url)
    try:
        schema.ready(database, url=url, create_missing=create)
    except BaseException:
        database.close()
        raise
    return SqlStore(database)


class SqlStore:
    """Runs, breaks, journal, monitors and the rest in a database. See `ports.Store`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, intent: RunIntent) -> None:
        with self._database.writing() as connection:
            self._register(connection, intent.reconciliation)
            _bury(connection, intent)
            connection.execute(
                insert(runs).values(
                    run_id=intent.run_id,
                    reconciliation=intent.reconciliation,
                    status=RunStatus.RUNNING.value,
                    as_of=nanoseconds(intent.as_of),
                    business_date=intent.business_date.isoformat(),
                    started_at=nanoseconds(intent.started_at),
                    rules_digest=intent.rules_digest,
                    host=intent.host,
                    pid=intent.pid,
                    birth=birth(intent.pid),
                    restate=intent.restate,
                    seconds=0.0,
                )
            )

    def _register(self, connection: Connection, reconciliation: str) -> None:
        # Both databases spell it so; SQLAlchemy has it only per dialect, at 45 ms for PostgreSQL's.
        new = "INSERT INTO reconciliations (name, fence) VALUES (:name, 0) ON CONFLICT DO NOTHING"
        connection.execute(text(new), {"name": reconciliation})

    def prior(self, reconciliation: str) -> Prior:
        with self._database.reading() as connection:
            head = connection.execute(
                select(reconciliations).where(reconciliations.c.name == reconciliation)
            ).first()
            rows = connection.execute(
                select(covered).where(covered.c.reconciliation == reconciliation)
            ).all()
        days = {
            side: frozenset(
                date.fromisoformat(row.business_date) for row in rows if row.side == side.value
            )
            for side in Side
        }
        if head is None:
            return Prior(fence=0, latest=None, covered=days)
        latest = None if head.latest is None else date.fromisoformat(head.latest)
        return Prior(fence=head.fence, latest=latest, covered=days)

    def open_items(self, reconciliation: str, *, before: date) -> Iterator[Held]:
        with self._database.reading() as connection:
            yield from open_items.open_before(connection, reconciliation, before)

    @contextmanager
    def view(self, reconciliation: str) -> Iterator[StoreView]:
        with self._database.reading() as connection:
            yield View(connection, reconciliation)

    def commit(self, result: RunResult) -> RunRow:
        intent, database = result.intent, self._database
        with database.writing() as connection:
            if result.lease is not None:
                check_lease(connection, result.lease)
            _fence(connection, intent, result.fence)
            run = _number(connection, intent.run_id)
            writer = BreakWriter(
                database,
                connection,
                reconciliation=intent.reconciliation,
                run=run,
                at=nanoseconds(intent.as_of),
                business_date=intent.business_date,
            )
            for step in result.settle(View(connection, intent.reconciliation)):
                writer.add(step)
            writer.flush()
            open_items.replace(
                database,
                connection,
                reconciliation=intent.reconciliation,
                day=intent.business_date,
                items=result.open_items,
            )
            self._write_quarantine(connection, run, result)
            _write_covered(connection, run, result)
            row = result.finish()
            _end(connection, run, row)
        return row

    def _write_quarantine(self, connection: Connection, run: int, result: RunResult) -> None:
        batch: list[tuple[Any, ...]] = []
        for ordinal, (side, entry) in enumerate(result.quarantine):
            name = None if side is None else side.value
            batch.append((run, ordinal, name, encoding.quarantined_text(entry)))
            if len(batch) == PAGE:
                self._database.insert(connection, quarantine, batch)
                batch.clear()
        self._database.insert(connection, quarantine, batch)

    def logged(self, reconciliation: str, *, since: date) -> Sequence[LoggedDate]:
        committed = (
            select(func.max(runs.c.seq))
            .where(
                runs.c.reconciliation == reconciliation,
                runs.c.business_date >= since.isoformat(),
                runs.c.digest.is_not(None),
            )
            .group_by(runs.c.business_date)
        )
        last = select(runs.c.business_date, runs.c.details, runs.c.seq).where(
            runs.c.seq.in_(committed)
        )
        with self._database.reading() as connection:
            rows = connection.execute(last.order_by(runs.c.business_date.desc())).all()
        # Runs begin in the order of `seq`; the fence makes it the order in which they end.
        return [
            LoggedDate(date.fromisoformat(day), encoding.kept_log(details), seq)
            for day, details, seq in rows
        ]

    @contextmanager
    def unchanging(self, reconciliation: str) -> Iterator[Collection[str]]:
        mine = runs.c.reconciliation == reconciliation
        running = select(runs.c.run_id).where(mine, runs.c.status == RunStatus.RUNNING.value)
        head = reconciliations.c.name == reconciliation
        with self._database.writing() as connection:
            connection.execute(select(reconciliations.c.fence).where(head).with_for_update())
            yield frozenset(connection.scalars(running))

    @property
    def id(self) -> str:
        with self._database.reading() as connection:
            return str(connection.execute(select(tables.store.c.id)).scalar_one())

    @property
    def file(self) -> str | None:
        return self._database.file

    def fail(self, run_id: str, row: RunRow) -> None:
        with self._database.writing() as connection:
            run = _number(connection, run_id)
            status = connection.scalar(select(runs.c.status).where(runs.c.seq == run))
            if status == RunStatus.RUNNING.value:  # whoever fails after the commit has a result
                _end(connection, run, row)

    def withdraw(self, run_id: str) -> None:
        with self._database.writing() as connection:
            running = runs.c.status == RunStatus.RUNNING.value
            connection.execute(delete(runs).where(runs.c.run_id == run_id, running))

    def runs(
        self,
        *,
        reconciliation: str | None = None,
        limit: int | None = None,
        id_prefix: str | None = None,
    ) -> Iterator[RunRow]:
        query = select(runs)
        if reconciliation is not None:
            query = query.where(runs.c.reconciliation == reconciliation)
        if id_prefix:
            query = query.where(*starts_with(runs.c.run_id, id_prefix))
        with self._database.reading() as connection:
            yield from _newest(connection, query, limit)

    def breaks(self, where: BreakFilter) -> Iterator[BreakRow]:
        with self._database.reading() as connection:
            yield from listed(connection, where)

    def tally(self, where: BreakFilter) -> Iterator[BreakTally]:
        with self._database.reading() as connection:
            yield from tallied(connection, where)

    def history(self, break_id: str) -> Iterator[HistoryRow]:
        with self._database.reading() as connection:
            yield from told(connection, break_id)

    def quarantine(self, run_id: str) -> Iterator[QuarantineRow]:
        query = (
            select(quarantine)
            .join(runs, quarantine.c.run == runs.c.seq)
            .where(runs.c.run_id == run_id)
        )
        with self._database.reading() as connection:
            for row in pages(connection, query, [quarantine.c.ordinal]):
                side = None if row.side is None else Side(row.side)
                yield QuarantineRow(run_id, side, encoding.quarantined(row.entry))

    @property
    def journal(self) -> SqlJournal:
        return SqlJournal(self._database)

    @property
    def monitors(self) -> SqlMonitors:
        return SqlMonitors(self._database)

    def close(self) -> None:
        self._database.close()


def _bury(connection: Connection, intent: RunIntent) -> None:
    """End the `running` rows of the reconciliation whose process is gone."""
    rows = connection.execute(
        select(runs).where(
            runs.c.reconciliation == intent.reconciliation,
            runs.c.status == RunStatus.RUNNING.value,
        )
    ).all()
    now = nanoseconds(intent.started_at)
    for row in rows:
        if row.host == intent.host:
            dead = not alive(row.pid, row.birth)
        else:
            dead = moment(row.started_at) + STALE_AFTER < intent.started_at
        if dead:
            why = f"its process (host {row.host}, pid {row.pid}) ended without a result"
            ended = dataclasses.replace(_run_row(row), reasons=(why,))
            connection.execute(
                update(runs)
                .where(runs.c.seq == row.seq)
                .values(
                    status=RunStatus.FAILED.value,
                    finished_at=now,
                    details=encoding.details_text(ended),
                )
            )


def _fence(connection: Connection, intent: RunIntent, fence: int) -> None:
    """Lock the reconciliation, and check that nobody was faster."""
    head = reconciliations.c.name == intent.reconciliation
    found = connection.scalar(select(reconciliations.c.fence).where(head).with_for_update())
    if found != fence:
        raise RunSuperseded(
            f"another run of {intent.reconciliation!r} was committed while this one worked",
            hint="run it again: it will start from the other's result",
        )
    latest = connection.scalar(select(reconciliations.c.latest).where(head))
    day = intent.business_date.isoformat()
    connection.execute(
        update(reconciliations)
        .where(head)
        .values(fence=fence + 1, latest=day if latest is None else max(latest, day))
    )


def _number(connection: Connection, run_id: str) -> int:
    run: int | None = connection.scalar(select(runs.c.seq).where(runs.c.run_id == run_id))
    if run is None:
        raise StoreError(f"the run {run_id} was never begun")
    return run


def _write_covered(connection: Connection, run: int, result: RunResult) -> None:
    day = result.intent.business_date.isoformat()
    for side, complete in result.covered.items():
        own = {
            "reconciliation": result.intent.reconciliation,
            "side": side.value,
            "business_date": day,
        }
        connection.execute(delete(covered).filter_by(**own))
        if complete:
            connection.execute(insert(covered).values(**own, run=run))


def _end(connection: Connection, run: int, row: RunRow) -> None:
    finished = None if row.finished_at is None else nanoseconds(row.finished_at)
    connection.execute(
        update(runs)
        .where(runs.c.seq == run)
        .values(
            status=row.status.value,
            finished_at=finished,
            digest=row.digest,
            seconds=row.seconds,
            details=encoding.details_text(row),
        )
    )


def _newest(connection: Connection, query: Select[Any], limit: int | None) -> Iterator[RunRow]:
    left, page_size = limit, 100
    ordered = query.order_by(runs.c.seq.desc())
    last: int | None = None
    while left is None or left > 0:
        page = ordered if last is None else ordered.where(runs.c.seq < last)
        size = page_size if left is None else min(left, page_size)
        rows = connection.execute(page.limit(size)).all()
        yield from map(_run_row, rows)
        if len(rows) < size:
            return
        last = rows[-1].seq
        left = None if left is None else left - size


def _run_row(row: Row[Any]) -> RunRow:
    return RunRow(
        run_id=row.run_id,
        reconciliation=row.reconciliation,
        status=RunStatus(row.status),
        as_of=moment(row.as_of),
        business_date=date.fromisoformat(row.business_date),
        started_at=moment(row.started_at),
        finished_at=None if row.finished_at is None else moment(row.finished_at),
        rules_digest=row.rules_digest,
        digest=row.digest,
        seconds=row.seconds,
        **encoding.details(row.details),
    )
