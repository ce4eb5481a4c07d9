"""The version of a store's tables: find it, create it, bring it up to date.

A new database gets the tables as they are now in one step. Migrations (Alembic, in
`migrations/`) are for the ones that are older; a test holds both ways to the same tables.
"""

from __future__ import annotations

import os
import sqlite3
import time
from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    inspect,
    select,
    text,
)

from tieout.adapters.store.database import Database
from tieout.adapters.store.tables import metadata
from tieout.errors import StoreError, StoreOutdated

HEAD: Final = "0004"
"""The newest migration. Revisions are numbers, so older and newer can be told."""

VERSION_TABLE: Final = "tieout_version"

_version = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)
"""As Alembic makes it, under a name that no other program's migrations use."""

_LOCK: Final = 0x7469656F7574  # "tieout": the advisory lock of whoever changes the tables


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The schema of a store.

    Attributes:
        current: the revision found; None where there are no tables yet.
        head: the revision of this program.
    """

    current: str | None
    head: str = HEAD

    @property
    def older(self) -> bool:
        return self.current is not None and self.current < self.head

    @property
    def newer(self) -> bool:
        return self.current is not None and self.current > self.head


def schema_state(url: str) -> SchemaState:
    """The schema of the store at `url`. Creates nothing. Raises StoreError."""
    database = Database(url)
    try:
        return SchemaState(_found(database))
    finally:
        database.close()


def upgrade(url: str) -> SchemaState:
    """Bring the store at `url` to this program's schema, and say what it was before.

    Raises:
        StoreOutdated: the store is newer than this program.
    """
    database = Database(url)
    try:
        before = SchemaState(_found(database))
        if before.newer:
            raise _newer(database, before)
        if before.current is None:
            create(database)
        elif before.older:
            with database.writing() as connection:
                _exclusive(database, connection)
                _migrate(connection)
        return before
    finally:
        database.close()


def ready(database: Database, *, url: str, create_missing: bool) -> None:
    """Make sure that `database` has this program's tables.

    Raises:
        StoreOutdated: it has older or newer ones.
        StoreError: it has none, and they are not to be created; or another program's.
    """
    state = SchemaState(_found(database))
    if state.older:
        shown = url if "@" not in url else database.label
        raise StoreOutdated(
            f"the store's schema is {state.current}, and this version of tieout needs {HEAD}",
            where=database.label,
            hint=f"make a backup, then: tieout db upgrade --store '{shown}'",
        )
    if state.newer:
        raise _newer(database, state)
    if state.current is None:
        if not create_missing:
            raise StoreError(
                "there is no store yet",
                where=database.label,
                hint="`tieout run` creates it, or pass another --store",
            )
        create(database)


def create(database: Database) -> None:
    """Create the tables, unless another process just has."""
    if database.sqlite:
        _write_ahead(database)
    with database.writing() as connection:
        _exclusive(database, connection)
        if _revision(connection) is not None:
            return
        if strangers := inspect(connection).get_table_names():
            raise StoreError(
                f"the database belongs to another program: it has the table {strangers[0]!r}",
                where=database.label,
                hint="give Tieout a file, a database or a schema of its own",
            )
        metadata.create_all(connection, checkfirst=False)
        _version.create(connection)
        connection.execute(insert(_version).values(version_num=HEAD))


_ATTEMPTS: Final = 250


def _write_ahead(database: Database) -> None:
    """Readers never wait for the writer, nor it for them. The file remembers.

    While another process does the same, SQLite answers `locked` at once, whatever the timeout.
    """
    with database.guarded(), database.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        for attempt in range(_ATTEMPTS):
            try:
                raw.execute("PRAGMA journal_mode=WAL")
                break
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or attempt + 1 == _ATTEMPTS:
                    raise
                time.sleep(0.02)


def _found(database: Database) -> str | None:
    if database.file is not None:
        # os.path takes a place that may not be looked at for an absent one: opening it will say.
        if os.path.isdir(database.file):  # noqa: PTH112
            raise StoreError(
                "the store is a directory", where=database.label, hint="name a file inside it"
            )
        if not os.path.exists(database.file):  # noqa: PTH110
            return None
    with database.reading() as connection:
        return _revision(connection)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.scalar(select(_version.c.version_num))
    return found


def _exclusive(database: Database, connection: Connection) -> None:
    """Wait for others that change the tables. A SQLite write transaction is alone anyway."""
    if not database.sqlite:
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


def _migrate(connection: Connection) -> None:
    # Imported here: it takes longer than a small run.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "tieout.adapters.store:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _newer(database: Database, state: SchemaState) -> StoreOutdated:
    return StoreOutdated(
        f"the store's schema {state.current} is newer than this version of tieout ({HEAD})",
        where=database.label,
        hint="pip install --upgrade tieout",
    )
