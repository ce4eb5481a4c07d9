"""Runs, breaks, their history, open items and quarantine in SQLite or PostgreSQL.

`sqlite:///path` is a file, `sqlite://` lives as long as the store object, and
`postgresql+psycopg://...` is a database or a schema (`?options=-csearch_path=...`) of its own.
SQLAlchemy is imported at the first call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tieout.adapters.store.schema import SchemaState
    from tieout.adapters.store.store import SqlStore


def open_store(url: str, *, create: bool = True) -> SqlStore:
    """The store at `url`. A new or empty database gets its tables, if `create`.

    Raises:
        StoreOutdated: its schema is older (`tieout db upgrade`) or newer than this program.
        StoreError: it cannot be opened; or there is none, and `create` is false.
        MissingExtra: the driver is not installed.
    """
    from tieout.adapters.store import store

    return store.open_store(url, create=create)


def upgrade(url: str) -> SchemaState:
    """Bring the store at `url` to this program's schema, and say what it was before.

    Raises:
        StoreOutdated: it is newer than this program.
        StoreError: it cannot be opened, or is another program's.
    """
    from tieout.adapters.store import schema

    return schema.upgrade(url)


def schema_state(url: str) -> SchemaState:
    """The schema of the store at `url`. Creates nothing. Raises StoreError."""
    from tieout.adapters.store import schema

    return schema.schema_state(url)
