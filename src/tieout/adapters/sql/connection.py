"""Connections to databases that are only read, and what their refusals mean."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from tieout.errors import MissingExtra, SourceError, SourceMissing

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.exc import SQLAlchemyError

_EXTRAS: Final = {"psycopg": "postgres"}

_SERVER: Final = {
    "connect_timeout": 20,
    "keepalives": 1,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""Of PostgreSQL's drivers: seconds to connect, and until it is noticed that a server or the network
to it is gone (the last in milliseconds). A query that takes hours is none of that."""

_STEPS: Final = 100_000
"""SQLite's own steps between two looks at the clock: milliseconds."""


def engine(text: str, name: str, arguments: Mapping[str, Any] | None = None) -> Engine:
    """An engine that opens a connection each time, and never creates a SQLite file.

    Args:
        text: the database's URL, secrets resolved. `name`: the source's.
        arguments: what else the driver is told at each connection.

    Raises:
        MissingExtra: the driver is not installed.
        SourceMissing: there is no such SQLite file.
        SourceError: the URL cannot be read.
    """
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError
    from sqlalchemy.pool import NullPool

    where = f"{name}: url"
    try:
        url = make_url(text)
        _check_file(url, name)
        given = {**lively(url), **(arguments or {})}
        return create_engine(url, poolclass=NullPool, connect_args=given)
    except NoSuchModuleError as error:
        raise SourceError(
            f"there is no database driver for {make_url(text).drivername!r}",
            where=where,
            hint="write `sqlite:///file.db`, `postgresql+psycopg://…`, or install the SQLAlchemy"
            f" dialect ({error})",
        ) from None
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(error.name or "")
        if extra is not None:
            raise MissingExtra(extra, f"the source {name!r}") from None
        raise SourceError(
            f"the database driver {error.name!r} is not installed",
            where=where,
            hint=f"pip install {error.name}",
        ) from None
    except ArgumentError:
        raise SourceError(
            "the URL of the database cannot be read",
            where=where,
            hint="it looks like `postgresql+psycopg://user:password@host:5432/name`; write special"
            " characters of the password as %XX",
        ) from None


def lively(url: URL) -> dict[str, Any]:
    """What the driver is told, so that nobody waits for a server that is gone. The URL wins."""
    if url.drivername not in ("postgresql", "postgresql+psycopg", "postgresql+psycopg2"):
        return {}
    return {name: value for name, value in _SERVER.items() if name not in url.query}


def _check_file(url: URL, source: str) -> None:
    """SQLite would create a file that does not exist, and it would be empty."""
    name = url.database
    if url.get_backend_name() != "sqlite" or not name or name.startswith((":", "file:")):
        return
    path = Path(name)
    if not path.exists():
        folder = path.parent
        there = [each.name for each in folder.iterdir()] if folder.is_dir() else []
        names = sorted(each for each in there if not each.startswith("."))
        near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.5)
        raise SourceMissing(
            f"there is no database {name!r}",
            where=f"{source}: url",
            hint=f"in {str(folder)!r} there is: {', '.join(near)}" if near else None,
        )


def read_only(connection: Connection, *, batch: int, seconds: float | None = None) -> None:
    """Whatever the query says, it changes nothing, where the database can promise that.

    Args:
        seconds: for a statement; None: as long as it takes.
    """
    if connection.dialect.name == "postgresql":
        connection.execution_options(postgresql_readonly=True)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA query_only = ON")
    if seconds is not None:
        limited(connection, seconds)
    connection.execution_options(stream_results=True, yield_per=batch)


def limited(connection: Connection, seconds: float) -> None:
    """Have the database end by itself what takes longer, where it can.

    So that nothing is at work there, and no thread here, after nobody waits for it any more.
    """
    if connection.dialect.name == "postgresql":
        # Of this transaction: a pooler gives the session to others after it.
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {round(seconds * 1000)}")
    elif connection.dialect.driver == "pysqlite":
        raw: Any = connection.connection.driver_connection
        end = monotonic() + seconds
        raw.set_progress_handler(lambda: monotonic() > end, _STEPS)


def refused(error: SQLAlchemyError, text: str, name: str) -> SourceError:
    """The database's own message. Never the URL: it may hold a password."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import DBAPIError

    message = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    password = make_url(text).password
    if password:
        message = message.replace(str(password), "***")
    return SourceError(
        f"the database refused: {message.strip()}",
        where=name,
        hint="try the query with the database's own client",
    )
