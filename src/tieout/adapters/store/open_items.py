"""Open items: which records were carried at the end of each business date.

The table holds changes, many to a row: which keys a business date gave other items than they had
before it, sorted by key.

1. What is open at the end of D: of each key, what the latest date up to D says of it.
2. A run for D replaces what D says, and nothing else. So D can be run again, also when there are
   later dates (a restatement): what these say of a key stays as they said it.
3. Now and then a business date is stored whole as well, so that reading need not go back to the
   first one. A run for an earlier date drops such a copy: it is no truth of its own.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import count, groupby, islice
from operator import itemgetter
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select

from tieout.adapters.store.database import Database
from tieout.adapters.store.tables import open_items
from tieout.core.held import Held

LINES: Final = 500
"""Items in one row: about 200 kB."""

_Group: TypeAlias = tuple[str, list[str]]
"""A key and the texts of its items, sorted; without any, the key has none (any more)."""

_ours = open_items.c


def open_before(connection: Connection, reconciliation: str, day: date) -> Iterator[Held]:
    """What was open at the end of the last run before `day`, sorted by key."""
    for key, texts in _state(connection, reconciliation, _ours.business_date < day.isoformat()):
        for text in texts:
            yield Held(key, text)


def replace(
    database: Database,
    connection: Connection,
    *,
    reconciliation: str,
    day: date,
    items: Iterable[Held],
) -> None:
    """Make `items`, which are sorted by key, what is open at the end of `day`."""
    on = day.isoformat()
    outdated = or_(
        and_(_ours.whole.is_(False), _ours.business_date == on),
        and_(_ours.whole.is_(True), _ours.business_date >= on),
    )
    connection.execute(delete(open_items).where(_ours.reconciliation == reconciliation, outdated))
    before = _state(connection, reconciliation, _ours.business_date < on)
    number = 0

    def counted() -> Iterator[Held]:
        nonlocal number
        for held in items:
            number += 1
            yield held

    changes = _changes(before, _grouped(counted()))
    _write(database, connection, (reconciliation, False, on), changes)
    if _changed_rows(connection, reconciliation, on) > number // LINES + 2:
        state = _state(connection, reconciliation, _ours.business_date <= on)
        _write(database, connection, (reconciliation, True, on), state)


def _changed_rows(connection: Connection, reconciliation: str, on: str) -> int:
    """How many rows of changes there are to read for the state at the end of `on`."""
    until = _ours.business_date <= on
    mine = _ours.reconciliation == reconciliation
    whole = select(func.max(_ours.business_date)).where(mine, _ours.whole.is_(True), until)
    base = connection.scalar(whole)
    rows = select(func.count()).where(mine, _ours.whole.is_(False), until)
    if base is not None:
        rows = rows.where(_ours.business_date > base)
    return connection.scalar(rows) or 0


def _grouped(items: Iterable[Held]) -> Iterator[_Group]:
    last, texts = "", [""]
    for key, text in items:
        if key == last:
            texts.append(text)
            continue
        if key < last:
            raise ValueError(f"item {key} after {last}: items come sorted by key")
        if last:
            yield last, sorted(texts)
        last, texts = key, [text]
    if last:
        yield last, sorted(texts)


def _changes(before: Iterator[_Group], after: Iterator[_Group]) -> Iterator[_Group]:
    """The keys whose items differ, with the items after; both inputs sorted by key."""
    old, new = next(before, None), next(after, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old[0] < new[0]):
            assert old is not None
            yield old[0], []
            old = next(before, None)
        elif old is None or new[0] < old[0]:
            yield new
            new = next(after, None)
        else:
            if old[1] != new[1]:
                yield new
            old, new = next(before, None), next(after, None)


# Rows: a line is a key and a text, or a key alone; JSON has no line ends in it.


def _write(
    database: Database,
    connection: Connection,
    of: tuple[str, bool, str],
    groups: Iterable[_Group],
) -> None:
    lines = (f"{key} {text}" if text else key for key, texts in groups for text in texts or _NONE)
    page = 0
    while batch := list(islice(lines, LINES)):
        database.insert(connection, open_items, [(*of, page, "\n".join(batch))], _INSERTED)
        page += 1


_NONE: Final = ("",)
_INSERTED: Final = ("reconciliation", "whole", "business_date", "page", "items")


def _state(connection: Connection, reconciliation: str, until: Any) -> Iterator[_Group]:
    """The keys that have items, by the latest date of those that `until` lets through."""
    mine = _ours.reconciliation == reconciliation
    whole = select(func.max(_ours.business_date)).where(mine, _ours.whole.is_(True), until)
    base = connection.scalar(whole)
    changed = select(_ours.business_date).distinct().where(mine, _ours.whole.is_(False), until)
    if base is not None:
        changed = changed.where(_ours.business_date > base)
    dates = connection.scalars(changed.order_by(_ours.business_date.desc())).all()
    layers = [_layer(connection, mine, False, each) for each in dates]
    if base is not None:
        layers.append(_layer(connection, mine, True, base))
    newest_first = [_ranked(rank, layer) for rank, layer in enumerate(layers)]
    for key, said in groupby(heapq.merge(*newest_first), key=itemgetter(0)):
        _, _, texts = next(said)
        if texts:
            yield key, texts


def _ranked(rank: int, layer: Iterator[_Group]) -> Iterator[tuple[str, int, list[str]]]:
    return ((key, rank, texts) for key, texts in layer)


def _layer(
    connection: Connection, mine: ColumnElement[bool], whole: bool, on: str
) -> Iterator[_Group]:
    """What one date says, sorted by key."""
    lines = (line.partition(" ") for line in _lines(connection, mine, whole, on))
    for key, group in groupby(lines, key=itemgetter(0)):
        yield key, [text for _, _, text in group if text]


def _lines(
    connection: Connection, mine: ColumnElement[bool], whole: bool, on: str
) -> Iterator[str]:
    kept = select(_ours["items"]).where(mine, _ours.whole.is_(whole), _ours.business_date == on)
    for page in count():
        row = connection.scalar(kept.where(_ours.page == page))
        if row is None:
            return
        yield from row.split("\n")
