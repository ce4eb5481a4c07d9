"""Reading long results a page at a time: the next page starts after the last row seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, tuple_

PAGE: Final = 1000


def pages(
    connection: Connection, query: Select[Any], keys: Sequence[ColumnElement[Any]]
) -> Iterator[Row[Any]]:
    """The rows of `query`, sorted by `keys`, which must be unique and among its columns."""
    ordered = query.order_by(*keys).limit(PAGE)
    page = connection.execute(ordered).all()
    while page:
        yield from page
        if len(page) < PAGE:
            return
        last = [page[-1]._mapping[key] for key in keys]  # noqa: SLF001 - its public name
        after = keys[0] > last[0] if len(keys) == 1 else tuple_(*keys) > tuple_(*last)
        page = connection.execute(ordered.where(after)).all()
