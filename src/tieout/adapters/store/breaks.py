"""Breaks and their history: reading them, and writing what a run did to them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Boolean, ColumnElement, Connection, Row, Select, func, literal_column, select

from tieout.adapters.store.database import Database
from tieout.adapters.store.pages import pages
from tieout.adapters.store.tables import breaks, history, reconciliations, runs
from tieout.core.canonical import moment
from tieout.core.found import Found
from tieout.core.lifecycle import Event, KnownBreak, Transition
from tieout.core.model import State
from tieout.core.priced import prices_of
from tieout.core.rows import BreakFilter, BreakRow, BreakTally, HistoryRow

BATCH: Final = 5000
"""Rows that wait to be written together."""

_KNOWN = select(
    breaks.c.id,
    breaks.c.state,
    breaks.c.content,
    breaks.c.binding,
    breaks.c.business_date,
    breaks.c.first_seen,
    breaks.c.opened_at,
    breaks.c.suppressed_until,
    breaks.c.cleared_on,
)

_UNRESOLVED: Final[ColumnElement[bool]] = literal_column("breaks.state <> 'resolved'", Boolean())
"""Spelled as in the partial index, which is used only then."""

_REWRITTEN: Final = (
    "UPDATE breaks SET state = ?, suppressed_until = ?, cause = ?, doubt = ?, value_amount = ?, "
    "value_currency = ?, value_prices = ?, run = ?, business_date = ?, kind = ?, severity = ?, "
    "content = ?, binding = ?, first_seen = ?, opened_at = ?, cleared_at = NULL, cleared_on = NULL "
    "WHERE reconciliation = ? AND id = ?"
)
_TOUCHED: Final = (
    "UPDATE breaks SET state = ?, suppressed_until = ?, cause = ?, doubt = ?, value_amount = ?, "
    "value_currency = ?, value_prices = ?, run = ?, business_date = ? "
    "WHERE reconciliation = ? AND id = ?"
)
_RESOLVED: Final = (
    "UPDATE breaks SET state = 'resolved', suppressed_until = NULL, cleared_at = ?, "
    "cleared_on = ? WHERE reconciliation = ? AND id = ?"
)
_RELEASED: Final = (
    "UPDATE breaks SET state = ?, suppressed_until = NULL WHERE reconciliation = ? AND id = ?"
)
_HISTORY: Final = (
    "reconciliation",
    "break_id",
    "event",
    "at",
    "run",
    "business_date",
    "before",
    "other",
)


# For what is asked of every break: an enumeration is slow to find its members.
_RESOLVED_STATE, _SUPPRESSED, _OPENED = State.RESOLVED, State.SUPPRESSED, Event.OPENED


class View:
    """One state of a reconciliation's breaks; inside a commit, the state before it."""

    def __init__(self, connection: Connection, reconciliation: str) -> None:
        self._connection = connection
        self._ours = breaks.c.reconciliation == reconciliation
        # The first run of all asks about every break that it finds.
        self._any = connection.execute(select(breaks.c.id).where(self._ours).limit(1)).first()

    def holds_any(self) -> bool:
        return self._any is not None

    def open_breaks(self) -> Iterator[KnownBreak]:
        query = _KNOWN.where(self._ours, _UNRESOLVED)
        return map(_known, pages(self._connection, query, [breaks.c.id]))

    def known(self, ids: Sequence[str]) -> Mapping[str, KnownBreak]:
        if self._any is None or not ids:
            return {}
        rows = self._connection.execute(_KNOWN.where(self._ours, breaks.c.id.in_(ids)))
        return {row[0]: _known(row) for row in rows}


def _known(row: Any) -> KnownBreak:
    """A row of `_KNOWN`, in its order: each run reads every open break, if not twice."""
    id_, state, content, binding, day, first_seen, opened_at, until, cleared_on = row
    return KnownBreak(
        id_,
        _STATES[state],
        content,
        binding,
        _date(day),
        first_seen,
        opened_at,
        until,
        None if cleared_on is None else _date(cleared_on),
    )


_STATES: Final = {state.value: state for state in State}


@lru_cache(maxsize=1024)  # few occur, many times
def _date(text: str) -> date:
    return date.fromisoformat(text)


class BreakWriter:
    """Writes transitions, in batches, inside one transaction.

    Args:
        run: the run's number. `at` is its as_of in UTC nanoseconds.
    """

    def __init__(
        self,
        database: Database,
        connection: Connection,
        *,
        reconciliation: str,
        run: int,
        at: int,
        business_date: date,
    ) -> None:
        self._database = database
        self._connection = connection
        self._reconciliation = reconciliation
        self._run = run
        self._at = at
        self._day = business_date.isoformat()
        self._opened: list[tuple[Any, ...]] = []
        self._history: list[tuple[Any, ...]] = []
        self._updates: dict[str, list[tuple[Any, ...]]] = {
            statement: [] for statement in (_REWRITTEN, _TOUCHED, _RESOLVED, _RELEASED)
        }
        self._waiting = 0

    def add(self, step: Transition) -> None:
        if step.brk is not None:
            self._found(step, step.brk)
        elif step.state is _RESOLVED_STATE:
            self._update(_RESOLVED, step, self._at, self._day)
        elif step.known is not None and step.state is not step.known.state:
            self._update(_RELEASED, step, step.state.value)
        if step.event is not _OPENED and step.written:
            self._tell(step)
        self._waiting += 1
        if self._waiting >= BATCH:
            self.flush()

    def _found(self, step: Transition, brk: Found) -> None:
        until = None
        if step.known is not None and step.state is _SUPPRESSED:
            until = step.known.suppressed_until
        found = (
            str(step.state), until, brk.cause, brk.doubt, brk.amount, brk.currency,
            brk.prices, self._run, step.business_date.isoformat(),
        )  # fmt: skip
        content = (
            brk.kind, brk.severity, step.content, step.binding,
            step.first_seen, step.opened_at,
        )  # fmt: skip
        if step.known is None:
            opener = self._run if step.event is _OPENED else None
            self._opened.append((*found, *content, self._reconciliation, brk.id, opener))
        elif step.written:
            self._update(_REWRITTEN, step, *found, *content)
        else:
            self._update(_TOUCHED, step, *found)

    def _update(self, statement: str, step: Transition, *values: Any) -> None:
        self._updates[statement].append((*values, self._reconciliation, step.id))

    def _tell(self, step: Transition) -> None:
        before = None if step.known is None else step.known.content
        self._history.append(
            (
                self._reconciliation,
                step.id,
                str(Event.MERGED if step.merged_from else step.event),
                self._at,
                self._run,
                self._day,
                None if before == step.content else before,
                step.merged_from or step.merged_into,
            )
        )

    def flush(self) -> None:
        database, connection = self._database, self._connection
        database.insert(connection, breaks, self._opened, _COLUMNS)
        database.insert(connection, history, self._history, _HISTORY)
        for statement, rows in self._updates.items():
            database.change(connection, statement, rows)
            rows.clear()
        self._opened.clear()
        self._history.clear()
        self._waiting = 0


_COLUMNS: Final = (
    "state", "suppressed_until", "cause", "doubt", "value_amount", "value_currency",
    "value_prices", "run", "business_date", "kind", "severity", "content", "binding",
    "first_seen", "opened_at", "reconciliation", "id", "opener",
)  # fmt: skip
"""In the order of `_REWRITTEN`, then what is written once."""


def listed(connection: Connection, where: BreakFilter) -> Iterator[BreakRow]:
    """The breaks that `where` lets through, by reconciliation, then id; or the worst of them."""
    if where.worst is not None:
        yield from _worst(connection, where, where.worst)
        return
    names = [where.reconciliation]
    if where.reconciliation is None:
        # Each by itself: its rows are sorted by id already.
        named = select(reconciliations.c.name).order_by(reconciliations.c.name)
        names = list(connection.scalars(named))
    query = _filtered(where)
    for name in names:
        ours = query.where(breaks.c.reconciliation == name)
        yield from map(_row, pages(connection, ours, [breaks.c.id]))


def _worst(connection: Connection, where: BreakFilter, limit: int) -> Iterator[BreakRow]:
    order = _badness(sqlite=connection.dialect.name == "sqlite")
    query = _filtered(where)
    # The keys by themselves: what is sorted should not carry the contents.
    keys = query.with_only_columns(breaks.c.reconciliation, breaks.c.id)
    worst = keys.order_by(*order).limit(limit).subquery()
    rows = query.join(
        worst,
        (breaks.c.reconciliation == worst.c.reconciliation) & (breaks.c.id == worst.c.id),
    )
    yield from map(_row, connection.execute(rows.order_by(*order)))


def _badness(*, sqlite: bool) -> list[Any]:
    """The order of `rows.badness`. Amounts are plain decimals of 0 or more, as texts: the one
    with more digits before its point is larger, else the one that sorts later."""
    amount = breaks.c.value_amount
    place = func.instr if sqlite else func.strpos
    return [
        breaks.c.severity.desc(),
        amount.is_(None),
        place(amount + ".", ".").desc(),
        amount.desc(),
        breaks.c.id,
        breaks.c.reconciliation,
    ]


def tallied(connection: Connection, where: BreakFilter) -> Iterator[BreakTally]:
    """How many breaks `where` lets through, by reconciliation, kind and severity."""
    by = (breaks.c.reconciliation, breaks.c.kind, breaks.c.severity)
    counts = _filtered(where).with_only_columns(*by, func.count(), func.min(breaks.c.opened_at))
    grouped = counts.group_by(*by).order_by(*by)
    for name, kind, severity, number, oldest in connection.execute(grouped):
        yield BreakTally(name, kind, severity, number, moment(oldest))


def _filtered(where: BreakFilter) -> Select[Any]:
    query = select(breaks, runs.c.run_id).join(runs, breaks.c.run == runs.c.seq)
    if where.reconciliation is not None:
        query = query.where(breaks.c.reconciliation == where.reconciliation)
    if where.states is not None:
        query = query.where(breaks.c.state.in_(where.states))
        if State.RESOLVED.value not in where.states:
            query = query.where(_UNRESOLVED)
    if where.kinds is not None:
        query = query.where(breaks.c.kind.in_(where.kinds))
    if where.minimum is not None:
        query = query.where(breaks.c.severity >= where.minimum)
    if where.run_id is not None:
        query = query.where(runs.c.run_id == where.run_id)
    if where.id_prefix:
        query = query.where(*starts_with(breaks.c.id, where.id_prefix))
    return query


def starts_with(column: Any, prefix: str) -> tuple[Any, Any]:
    """As a range, which every database answers from an index."""
    return column >= prefix, column < prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _row(row: Row[Any]) -> BreakRow:
    return BreakRow(
        id=row.id,
        reconciliation=row.reconciliation,
        state=row.state,
        cause=row.cause,
        doubt=row.doubt,
        content=json.loads(row.content),
        value_amount=None if row.value_amount is None else Decimal(row.value_amount),
        value_currency=row.value_currency,
        first_seen=moment(row.first_seen),
        opened_at=moment(row.opened_at),
        cleared_at=None if row.cleared_at is None else moment(row.cleared_at),
        run_id=row.run_id,
        business_date=date.fromisoformat(row.business_date),
        value_prices=prices_of(row.value_prices),
    )


def told(connection: Connection, break_id: str) -> list[HistoryRow]:
    """A break's history, oldest first, each event with the content after it."""
    named = breaks.c.reconciliation.in_(select(reconciliations.c.name))
    lives = connection.execute(
        select(breaks, runs.c.run_id, runs.c.as_of, runs.c.business_date.label("opened_on"))
        .join(runs, breaks.c.opener == runs.c.seq, isouter=True)
        .where(named, breaks.c.id == break_id)
        .order_by(breaks.c.reconciliation)
    ).all()
    return [each for life in lives for each in _life(connection, life)]


def _life(connection: Connection, life: Row[Any]) -> list[HistoryRow]:
    """Of one reconciliation's break. That it was opened stands in its own row."""
    rows = connection.execute(
        select(history, runs.c.run_id)
        .join(runs, history.c.run == runs.c.seq)
        .where(history.c.break_id == life.id, history.c.reconciliation == life.reconciliation)
        .order_by(history.c.seq.desc())
    ).all()
    newest_first: list[HistoryRow] = []
    after = life.content
    for row in rows:
        newest_first.append(
            _event(life.id, row.event, row.at, row.run_id, row.business_date, after, row.other)
        )
        if row.before is not None:
            after = row.before
    if life.opener is not None:
        opened = Event.OPENED.value
        newest_first.append(
            _event(life.id, opened, life.as_of, life.run_id, life.opened_on, after, None)
        )
    return newest_first[::-1]


def _event(
    break_id: str, event: str, at: int, run_id: str, day: str, content: str, other: str | None
) -> HistoryRow:
    return HistoryRow(
        break_id=break_id,
        event=event,
        at=moment(at),
        run_id=run_id,
        business_date=date.fromisoformat(day),
        content=json.loads(content),
        other=other,
    )
