"""The tables of the store.

Amounts are text in canonical decimals on every database, since a value at risk may have 36
decimals and SQLite would make a binary float of it. Times are BIGINT nanoseconds UTC, business
dates ISO texts, contents canonical JSON. Texts that are sorted or paged by compare by code
point on every database.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    event,
    text,
)
from sqlalchemy.types import TypeEngine

metadata = MetaData()

_Ordered: TypeEngine[str] = Text().with_variant(Text(collation="C"), "postgresql")
_Serial: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite numbers rows by itself only in an INTEGER key."""


def _run(name: str = "run", *, nullable: bool = False, **options: Any) -> Column[int]:
    return Column(name, BigInteger, ForeignKey("runs.seq"), nullable=nullable, **options)


reconciliations = Table(
    "reconciliations",
    metadata,
    Column("name", _Ordered, primary_key=True),
    Column("fence", BigInteger, nullable=False),
    Column("latest", Text),
)
"""One row a reconciliation: what a commit locks. `fence` counts its committed results."""

runs = Table(
    "runs",
    metadata,
    Column("seq", _Serial, primary_key=True),
    Column("run_id", _Ordered, nullable=False, unique=True),
    Column("reconciliation", _Ordered, ForeignKey("reconciliations.name"), nullable=False),
    Column("status", Text, nullable=False),
    Column("as_of", BigInteger, nullable=False),
    Column("business_date", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("rules_digest", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("birth", Text),
    Column("restate", Boolean, nullable=False),
    Column("digest", Text),
    Column("seconds", Float, nullable=False),
    Column("details", Text),
    Index("runs_by_reconciliation", "reconciliation", "seq"),
)
"""Intents and results. `birth` tells the process from a later one with its `pid`; `details` is
JSON: coverage, counts, breaks, reasons, statistics, inputs, policy."""

breaks = Table(
    "breaks",
    metadata,
    Column("reconciliation", _Ordered, ForeignKey("reconciliations.name"), primary_key=True),
    Column("id", _Ordered, primary_key=True),
    Column("kind", _Ordered, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("doubt", Boolean, nullable=False),
    Column("value_amount", _Ordered),
    Column("value_currency", Text),
    Column("content", Text, nullable=False),
    Column("binding", Text, nullable=False),
    Column("first_seen", BigInteger, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("cleared_at", BigInteger),
    Column("cleared_on", Text),
    Column("suppressed_until", BigInteger),
    _run(),
    Column("business_date", Text, nullable=False),
    _run("opener", nullable=True),
    Index(
        "breaks_unresolved",
        "reconciliation",
        "id",
        info={"where": text("state <> 'resolved'")},
    ),
)
"""The present state of every break ever seen. `run` is the one that last found it, `opener` the
one that opened it: null where it came from another break, by a merge."""

history = Table(
    "history",
    metadata,
    Column("seq", _Serial, primary_key=True),
    Column("reconciliation", _Ordered, nullable=False),
    Column("break_id", _Ordered, nullable=False),
    Column("event", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    _run(),
    Column("business_date", Text, nullable=False),
    Column("before", Text),
    Column("other", Text),
    Index("history_by_break", "break_id", "seq"),
)
"""What happened to a break after it was opened; most have no row here. Append-only. `before` is
the content that an event replaced, null where it replaced none: the content after an event is the
next `before`, else the break's own. So no content is stored twice."""

open_items = Table(
    "open_items",
    metadata,
    Column("reconciliation", _Ordered, ForeignKey("reconciliations.name"), primary_key=True),
    Column("whole", Boolean, primary_key=True),
    Column("business_date", _Ordered, primary_key=True),
    Column("page", Integer, primary_key=True, autoincrement=False),
    Column("items", Text, nullable=False),
)
"""What a business date changed about the records that are carried, or (`whole`) all of them at
its end; many to a row. See `open_items.py`."""

quarantine = Table(
    "quarantine",
    metadata,
    _run(primary_key=True, autoincrement=False),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("side", Text),
    Column("entry", Text, nullable=False),
)

covered = Table(
    "covered",
    metadata,
    Column("reconciliation", _Ordered, ForeignKey("reconciliations.name"), primary_key=True),
    Column("side", _Ordered, primary_key=True),
    Column("business_date", _Ordered, primary_key=True),
    _run(),
)
"""The business dates that a side covered completely, by the last run of each."""


@event.listens_for(metadata, "before_create")
def _name_parts(target: MetaData, connection: Connection, **_: Any) -> None:
    """What an index leaves out is an option of the database's dialect, given where the index is
    made: to name that of PostgreSQL imports it, also at each start of a run into SQLite."""
    dialect = connection.dialect.name
    for index in (each for table in target.tables.values() for each in table.indexes):
        if "where" in index.info:
            index.dialect_options[dialect]["where"] = index.info["where"]
