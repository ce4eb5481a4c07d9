"""One way to a database: connections, transactions, bulk rows, and errors for people."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from tieout.adapters import scratch
from tieout.adapters.sql.connection import lively
from tieout.errors import MissingExtra, StoreError

BUSY_SECONDS: Final = 60
"""How long to wait for another process's transaction; `?timeout=` in a SQLite URL overrides."""

_PRAGMAS: Final = (
    "PRAGMA foreign_keys=ON",
    # A run that was reported must survive a power cut, so every commit is synced (NORMAL may
    # lose the last ones in WAL). There are two small transactions a run: it costs milliseconds.
    "PRAGMA synchronous=FULL",
    "PRAGMA cache_size=-65536",
    # Of a new file. A break takes about 1 kB, and pages are what is summed up, written and synced.
    "PRAGMA page_size=16384",
    # After a run with very many breaks the log file shrinks again.
    "PRAGMA journal_size_limit=67108864",
)

_FAILURES: Final = (
    (
        ("database is locked", "database table is locked"),
        "the store is locked by another program",
        "wait until it is done, or find who holds it open; no data was changed",
    ),
    (
        ("database or disk is full", "No space left"),
        "the disk of the store is full",
        "free some space and run again; the transaction was undone, the store is as it was",
    ),
    (
        ("readonly database", "read-only"),
        "the store cannot be written",
        "check the permissions of the file and its directory, or pass another --store",
    ),
    (
        ("unable to open database file",),
        "the store's file cannot be opened",
        "check that its directory exists and can be written, or pass another --store",
    ),
    (
        ("file is not a database", "malformed"),
        "the store's file is not a SQLite database, or is damaged",
        "pass another --store, or restore the file from a backup",
    ),
    (
        ("password authentication failed", "no password supplied"),
        "the database refused the user or the password",
        "check the user and the password in the store's URL",
    ),
    (
        ("Connection refused", "could not translate host", "failed to resolve", "No such file or"),
        "the database server cannot be reached",
        "check host and port in the store's URL, and that the server runs",
    ),
    (
        ("does not exist",),
        "the database or a table of the store does not exist",
        "create the database (createdb NAME), or check its name in the store's URL",
    ),
)


class Database:
    """A SQLite or PostgreSQL database.

    Attributes:
        label: its URL without password, for messages.
        file: the path of a SQLite file; None for a server.
    """

    def __init__(self, url: str) -> None:
        parsed = _parse(url)
        self.sqlite = parsed.get_backend_name() == "sqlite"
        self.file: str | None = None
        self._path: Path | None = None
        self._identity: tuple[int, int] | None = None
        self.label = parsed.render_as_string(hide_password=True)
        self._remove: weakref.finalize[..., Any] | None = None
        if self.sqlite:
            parsed = self._place(parsed)
        self.engine = _engine(parsed, sqlite=self.sqlite)

    def _place(self, url: URL) -> URL:
        """Where a SQLite database is. Without a path it is a file that goes with this object:
        in memory, its connections could not see one state each."""
        if url.database in (None, "", ":memory:"):
            folder = tempfile.mkdtemp(prefix=scratch.prefix())
            self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            url = url.set(database=str(Path(folder, "store.db")))
        self.file = url.database
        if self.file is not None and not self.file.startswith("file:"):
            self._path = Path(self.file).absolute()
        return url

    def _check_place(self) -> None:
        """That the file is the one that was opened first.

        SQLite goes on with one that is not there any more, where nobody else sees what it writes;
        and its next connection begins another one.
        """
        if self._path is None:
            return
        try:
            there = self._path.stat()
            identity = (there.st_dev, there.st_ino)
        except FileNotFoundError:
            identity = None
        except OSError:  # it may not be looked at: its use will say
            return
        if self._identity is None:
            self._identity = identity
        elif identity != self._identity:
            hint = "put it back, or start what uses it anew: it then goes on with what is there"
            if identity is None:
                raise StoreError("the store's file is gone", where=self.label, hint=hint)
            raise StoreError(
                "the store's file was replaced by another one", where=self.label, hint=hint
            )

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turn the database's errors into ours."""
        try:
            yield
        except (SQLAlchemyError, self.engine.dialect.loaded_dbapi.Error) as error:
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> StoreError:
        told = str(getattr(error, "orig", None) or error).strip()
        for fragments, what, hint in _FAILURES:
            if any(fragment in told for fragment in fragments):
                return StoreError(f"{what} ({_first_line(told)})", where=self.label, hint=hint)
        return StoreError(f"the store failed: {_first_line(told)}", where=self.label)

    @contextmanager
    def writing(self, *, keys_checked: bool = True) -> Iterator[Connection]:
        """A transaction that writes; all of it or nothing. On SQLite it is the only one.

        Args:
            keys_checked: whether SQLite looks after foreign keys. It reads a whole table for
                each row that is deleted, where a reference to it has no index; who knows that
                there is none can do without.
        """
        self._check_place()
        with self.guarded(), self.engine.connect() as connection:
            connection.execution_options(tieout_writes=True)
            with self._keys(connection, keys_checked), connection.begin():
                yield connection

    @contextmanager
    def _keys(self, connection: Connection, checked: bool) -> Iterator[None]:
        if checked or not self.sqlite:
            yield
            return
        # Nothing happens inside a transaction, which SQLAlchemy would begin by itself.
        raw: Any = connection.connection.driver_connection
        raw.execute("PRAGMA foreign_keys=OFF")
        try:
            yield
        finally:
            raw.execute("PRAGMA foreign_keys=ON")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database from its first query on."""
        self._check_place()
        with self.guarded(), self.engine.connect() as connection:
            if not self.sqlite:
                connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            with connection.begin():
                yield connection

    def insert(
        self,
        connection: Connection,
        table: Table,
        rows: Sequence[tuple[Any, ...]],
        columns: Sequence[str] | None = None,
    ) -> None:
        """Insert rows, with values for `columns` (all of them by default), as bulk."""
        names = list(columns) if columns is not None else [column.name for column in table.columns]
        if not rows:
            return
        listed = ", ".join(f'"{name}"' for name in names)
        if self.sqlite:
            places = ", ".join("?" * len(names))
            statement = f"INSERT INTO {table.name} ({listed}) VALUES ({places})"  # noqa: S608
            connection.exec_driver_sql(statement, list(rows))
            return
        cursor = connection.connection.cursor()
        with cursor.copy(f"COPY {table.name} ({listed}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def change(
        self, connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Execute `statement` once a row. Its parameters are written `?`."""
        if rows:
            connection.exec_driver_sql(self.dialect(statement), list(rows))

    def dialect(self, statement: str) -> str:
        """`statement` with the parameter style of the database."""
        return statement if self.sqlite else statement.replace("?", "%s")

    def close(self) -> None:
        self.engine.dispose()
        if self._remove is not None:
            self._remove()


def _parse(url: str) -> URL:
    example = "write it like sqlite:///tieout.db or postgresql+psycopg://user@host/database"
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The text is not repeated: a password may be in it.
        raise StoreError("the store's URL cannot be read", hint=example) from None
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise StoreError(
            f"a store cannot be in {parsed.drivername!r}",
            where=parsed.render_as_string(hide_password=True),
            hint=example,
        )
    return parsed


def _engine(url: URL, *, sqlite: bool) -> Engine:
    try:
        if not sqlite:
            return create_engine(url, paramstyle="format", connect_args=lively(url))
        timeout = float(str(url.query.get("timeout", BUSY_SECONDS)))
        engine = create_engine(url, connect_args={"timeout": timeout})
    except (NoSuchModuleError, ModuleNotFoundError):
        raise MissingExtra("postgres", "a store in PostgreSQL") from None
    except ValueError as error:
        raise StoreError(f"the store's URL cannot be used: {error}") from None
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(raw: Any, _record: Any) -> None:
    # The driver would start transactions by itself, and never an immediate one.
    raw.isolation_level = None
    for pragma in _PRAGMAS:
        raw.execute(pragma)


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("tieout_writes", False)
    # A transaction that reads first and writes later could fail in the middle.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _first_line(told: str) -> str:
    return told.splitlines()[0] if told else "no reason given"
