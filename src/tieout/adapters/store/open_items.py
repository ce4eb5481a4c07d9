"""Open items: which records were carried at the end of each business date.

The table holds changes. A row says: from business date `valid_from` on, this identity has this
item open (or, with a null item, none), until before `valid_to`, where its next change is.

1. What is open at the end of D are the items with valid_from <= D < valid_to.
2. A run for D changes only rows that begin on D, and the end of the rows just before them. So
   it can be undone and repeated, also when there are later dates (a restatement): what these
   say of an identity stays as they said it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from hashlib import sha256
from itertools import chain, groupby, islice
from typing import Any, Final, NamedTuple, TypeAlias

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    Text,
    and_,
    delete,
    func,
    select,
    tuple_,
    update,
)

from tieout.adapters.store import encoding
from tieout.adapters.store.database import Database
from tieout.adapters.store.pages import PAGE, pages
from tieout.adapters.store.tables import FOREVER, open_items
from tieout.core.lifecycle import OpenItem

_C_TEXT: Final = Text().with_variant(Text(collation="C"), "postgresql")
_staged = Table(
    "tieout_staged_items",
    MetaData(),
    Column("side", _C_TEXT, primary_key=True),
    Column("identity", _C_TEXT, primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("item", Text),
    prefixes=["TEMPORARY"],
)
"""The items of a run, to be sorted by the database: they may be more than memory holds. They are
read page by page along the key; without it, each page would sort them all again."""

_other = open_items.alias("other")
_SAME: Final = and_(
    _other.c.reconciliation == open_items.c.reconciliation,
    _other.c.side == open_items.c.side,
    _other.c.identity == open_items.c.identity,
)

IN_MEMORY: Final = 100_000
"""Fewer items than this, at about 1 kB each, are sorted without the database."""

_Group: TypeAlias = tuple[tuple[str, str], list[str]]
"""(side, identity) and its items, sorted."""


def open_before(connection: Connection, reconciliation: str, day: date) -> Iterator[OpenItem]:
    """What was open at the end of the last run before `day`."""
    for row in pages(connection, _open_before(reconciliation, day), _KEY):
        yield encoding.item(row.side, row.item)


_KEY = [open_items.c.side, open_items.c.identity, open_items.c.valid_from, open_items.c.ordinal]


def _open_before(reconciliation: str, day: date) -> Any:
    return select(*_KEY, open_items.c.item).where(
        open_items.c.reconciliation == reconciliation,
        open_items.c.valid_from < day.isoformat(),
        open_items.c.valid_to >= day.isoformat(),
        open_items.c.item.is_not(None),
    )


def replace(
    database: Database,
    connection: Connection,
    *,
    reconciliation: str,
    day: date,
    items: Iterable[OpenItem],
) -> None:
    """Make `items` what is open at the end of `day`."""
    _undo(connection, reconciliation, day)
    changes = _changes(
        _grouped(pages(connection, _open_before(reconciliation, day), _KEY)),
        _grouped(_sorted(database, connection, items)),
    )
    rows = (
        (reconciliation, *key, day.isoformat(), ordinal, FOREVER, item)
        for key, after in changes
        for ordinal, item in enumerate(after or [None])
    )
    while batch := list(islice(rows, PAGE)):
        database.insert(connection, open_items, batch, _INSERTED)
    _link(connection, reconciliation, day)
    _staged.drop(connection, checkfirst=True)


_INSERTED: Final = (
    "reconciliation",
    "side",
    "identity",
    "valid_from",
    "ordinal",
    "valid_to",
    "item",
)


def _undo(connection: Connection, reconciliation: str, day: date) -> None:
    """Forget what a run for `day` did: the rows before its own end where its own ended."""
    ours, of_day = _on(open_items, reconciliation, day)
    if connection.execute(select(open_items.c.side).where(ours, of_day).limit(1)).first() is None:
        return
    end = select(func.min(_other.c.valid_to)).where(_SAME, _other.c.valid_from == day.isoformat())
    connection.execute(
        update(open_items)
        .where(ours, open_items.c.valid_to == day.isoformat(), _changed_on(reconciliation, day))
        .values(valid_to=end.scalar_subquery())
    )
    connection.execute(delete(open_items).where(ours, of_day))


class _Staged(NamedTuple):
    side: str
    identity: str
    n: int
    item: str


def _sorted(database: Database, connection: Connection, items: Iterable[OpenItem]) -> Iterator[Any]:
    """The items by side and identity; sorted by the database where they are many."""
    rows = (
        _Staged(
            item.side.value,
            sha256(encoding.identity_text(item).encode()).hexdigest()[:32],
            number,
            encoding.item_text(item),
        )
        for number, item in enumerate(items)
    )
    few = list(islice(rows, IN_MEMORY))
    if len(few) < IN_MEMORY:
        return iter(sorted(few))
    _staged.create(connection)
    every = chain(few, rows)
    while batch := list(islice(every, PAGE)):
        database.insert(connection, _staged, batch)
    return pages(connection, select(_staged), [_staged.c.side, _staged.c.identity, _staged.c.n])


def _grouped(rows: Iterable[Any]) -> Iterator[_Group]:
    for key, group in groupby(rows, key=lambda row: (row.side, row.identity)):
        yield key, sorted(row.item for row in group)


def _changes(before: Iterator[_Group], after: Iterator[_Group]) -> Iterator[_Group]:
    """The identities whose items differ, with the items after; both inputs sorted by key."""
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


def _link(connection: Connection, reconciliation: str, day: date) -> None:
    """End the new rows where the next change of their identity is, and those before them here."""
    ours, of_day = _on(open_items, reconciliation, day)
    following = select(func.min(_other.c.valid_from)).where(
        _SAME, _other.c.valid_from > day.isoformat()
    )
    connection.execute(
        update(open_items)
        .where(ours, of_day)
        .values(valid_to=func.coalesce(following.scalar_subquery(), FOREVER))
    )
    connection.execute(
        update(open_items)
        .where(
            ours,
            open_items.c.valid_from < day.isoformat(),
            open_items.c.valid_to > day.isoformat(),
            _changed_on(reconciliation, day),
        )
        .values(valid_to=day.isoformat())
    )


def _on(table: Any, reconciliation: str, day: date) -> tuple[Any, Any]:
    return table.c.reconciliation == reconciliation, table.c.valid_from == day.isoformat()


def _changed_on(reconciliation: str, day: date) -> Any:
    """The identity has a row that begins on `day`."""
    changed = select(_other.c.side, _other.c.identity).where(*_on(_other, reconciliation, day))
    return tuple_(open_items.c.side, open_items.c.identity).in_(changed)
