"""A database as a source: one query or table, read as a stream of exact texts."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from tieout.adapters.cells import is_whole, refuse_float, text_row
from tieout.adapters.sql.connection import engine, read_only, refused
from tieout.core.scan import BadRow, Batches, Controls, InputFile, Scan, TextRow
from tieout.core.text import no_certain_text, unreadable
from tieout.errors import SourceError, SourceMissing

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, CursorResult, Engine, Executable

_BATCH: Final = 2_000


@dataclass(frozen=True)
class SqlSettings:
    """A database source. Exactly one of `query` and `table` is given.

    Attributes:
        name: the source's name.
        url: a SQLAlchemy URL; secrets are resolved already.
        query: may use `:business_date`, bound as a date. It is run as it is, and only read.
        table: a table's or view's name, `schema.name` where it is in a schema.
        floats: `refuse` or `shortest`.
        used: the columns that are read, where known; binary floats elsewhere do no harm.
        texts: those that are read as text, where a whole float is as good as an integer.
        timeout: seconds for a statement; None: as long as it takes.
        allow_empty, is_holiday, controls: as for files.
    """

    name: str
    url: str
    query: str = ""
    table: str = ""
    floats: str = "refuse"
    used: frozenset[str] | None = None
    texts: frozenset[str] = frozenset()
    timeout: float | None = None
    allow_empty: bool = False
    is_holiday: Callable[[date], bool] | None = None
    controls: Controls = field(default_factory=Controls)


class SqlSource:
    """A query or a table. Close it after the engine is done: that ends its connections."""

    def __init__(self, settings: SqlSettings) -> None:
        self._settings = settings
        self._engine: Engine | None = None
        self._readings: list[_Reading] = []

    @property
    def name(self) -> str:
        return self._settings.name

    def scan(self, *, business_date: date) -> Scan:
        """Run the query as far as to know its columns.

        Raises:
            MissingExtra: the driver is not installed.
            SourceMissing: there is no such database file or table.
            SourceError: the database refuses the connection or the query.
        """
        settings = self._settings
        holiday = settings.is_holiday is not None and settings.is_holiday(business_date)
        allow_empty = settings.allow_empty or holiday or settings.controls.rows == 0
        if self._engine is None:
            self._engine = engine(settings.url, settings.name)
        reading = _Reading(settings, self._engine, business_date, allow_empty=allow_empty)
        self._readings.append(reading)
        return Scan(
            settings.name,
            Batches(reading.columns, reading.batches),
            inputs=reading.inputs,
            controls=settings.controls,
            allow_empty=allow_empty,
            notes=reading.notes(),
        )

    def close(self) -> None:
        """End all connections."""
        for reading in self._readings:
            reading.close()
        if self._engine is not None:
            self._engine.dispose()
        self._engine = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Reading:
    """One execution of a source's query: opened for its columns, read once, then hashed.

    Attributes:
        columns: what the query gives.
    """

    def __init__(
        self, settings: SqlSettings, engine: Engine, business_date: date, *, allow_empty: bool
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._date = business_date
        self._allow_empty = allow_empty
        self._proof: tuple[InputFile, ...] = ()
        self._place = settings.table or "query"
        self._open: tuple[Connection, CursorResult[Any]] | None = self._execute()
        keys = enumerate(self._open[1].keys(), start=1)
        self.columns = self._checked(tuple(key or f"column {number}" for number, key in keys))
        used = settings.used
        self._used = tuple(used is None or name in used for name in self.columns)

    def _execute(self) -> tuple[Connection, CursorResult[Any]]:
        from sqlalchemy.exc import SQLAlchemyError

        statement, parameters = _statement(self._settings, self._date)
        connection = None
        try:
            connection = self._engine.connect()
            read_only(connection, batch=_BATCH, seconds=self._settings.timeout)
            if self._settings.table:
                _check_table(connection, self._settings)
            return connection, connection.execute(statement, parameters)
        except SQLAlchemyError as error:
            if connection is not None:
                connection.close()
            raise refused(error, self._settings.url, self._settings.name) from None
        except SourceError:
            if connection is not None:
                connection.close()
            raise

    def _checked(self, columns: tuple[str, ...]) -> tuple[str, ...]:
        repeated = sorted({name for name in columns if columns.count(name) > 1})
        if repeated:
            self.close()
            raise SourceError(
                f"the query gives {', '.join(map(repr, repeated))} more than once",
                where=self._settings.name,
                hint="name its columns one by one, with `AS`",
            )
        return columns

    def batches(self) -> Iterator[list[TextRow | BadRow]]:
        """All rows. Raises SourceError where the database fails, or gives none unexpectedly."""
        from sqlalchemy.exc import SQLAlchemyError

        connection, result = self._open or self._execute()
        self._open = None
        digest, size, number = hashlib.sha256(), 0, 0
        try:
            for partition in result.partitions(_BATCH):
                rows = [self._row(values, number + i) for i, values in enumerate(partition, 1)]
                number += len(rows)
                content = repr([tuple(values) for values in partition]).encode("utf-8", "replace")
                digest.update(content)
                size += len(content)
                yield rows
        except SQLAlchemyError as error:
            raise refused(error, self._settings.url, self._settings.name) from None
        finally:
            result.close()
            connection.close()
        if not number and not self._allow_empty:
            raise SourceError(
                "the query gave no rows",
                where=f"{self._settings.name}, business date {self._date}",
                hint="if a day without records is normal, say `allow_empty: true`",
            )
        self._proof = (InputFile(self._title(), digest.hexdigest(), size, number),)

    def _row(self, values: Sequence[object], number: int) -> TextRow | BadRow:
        if self._settings.floats != "shortest":
            named = zip(self.columns, values, self._used, strict=True)
            values = [
                self._float(name, value, number) if used and isinstance(value, float) else value
                for name, value, used in named
            ]
        return text_row(values, self._place, number)

    def _float(self, name: str, value: float, number: int) -> float | str:
        """A binary float that is read as text, as an id may be stored. Others are refused."""
        if name in self._settings.texts:
            return value if is_whole(value) else unreadable(no_certain_text(repr(value)))
        raise refuse_float(
            name,
            f"{self._settings.name}: row {number}",
            f"cast it in the query, `CAST({name} AS TEXT)`, or accept the shortest decimals with"
            " `floats: shortest`",
        )

    def _title(self) -> str:
        asked = self._settings.table or " ".join(self._settings.query.split())
        return f"{self._engine.url.render_as_string(hide_password=True)}: {asked}"

    def inputs(self) -> tuple[InputFile, ...]:
        """The hash of the rows, once they were read to the end."""
        return self._proof

    def notes(self) -> tuple[str, ...]:
        if self._settings.floats != "shortest":
            return ()
        return ("binary floats, where the query gives them, are read as their shortest decimals",)

    def close(self) -> None:
        if self._open is not None:
            connection, result = self._open
            result.close()
            connection.close()
        self._open = None


def _statement(settings: SqlSettings, business_date: date) -> tuple[Executable, dict[str, Any]]:
    from sqlalchemy import Date, bindparam, literal_column, select, table, text

    if settings.table:
        schema, _, name = settings.table.rpartition(".")
        return select(literal_column("*")).select_from(table(name, schema=schema or None)), {}
    query = text(settings.query)
    names = set(query.compile().params)
    unknown = sorted(names - {"business_date"})
    if unknown:
        raise SourceError(
            f"the query has the parameter :{unknown[0]}; only :business_date is known",
            where=f"{settings.name}: query",
            hint=f"if it is no parameter, write \\:{unknown[0]}",
        )
    if not names:
        return query, {}
    # Typed, so that every database gets a date as it writes dates.
    return query.bindparams(bindparam("business_date", type_=Date())), {
        "business_date": business_date
    }


def _check_table(connection: Connection, settings: SqlSettings) -> None:
    from sqlalchemy import inspect

    schema, _, name = settings.table.rpartition(".")
    inspector = inspect(connection)
    names = [
        *inspector.get_table_names(schema or None),
        *inspector.get_view_names(schema or None),
    ]
    if name in names or inspector.has_table(name, schema or None):
        return
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    raise SourceMissing(
        f"there is no table {settings.table!r}",
        where=f"{settings.name}: table",
        hint=f"there is: {', '.join(near or names[:5])}" if names else "the database has no tables",
    )
