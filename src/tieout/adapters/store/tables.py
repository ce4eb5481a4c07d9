"""The tables of the store.

Amounts are text in canonical decimals on every database, since a value at risk may have 36
decimals and SQLite would make a binary float of it. Times are BIGINT nanoseconds UTC, business
dates ISO texts, contents canonical JSON. Texts that are sorted or paged by compare by code
point on every database.
"""

from __future__ import annotations

import os
from typing import Any, Final

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
    insert,
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
    Column("value_prices", Text),
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

journal = Table(
    "journal",
    metadata,
    Column("number", _Serial, primary_key=True),
    Column("id", _Ordered, nullable=False, unique=True),
    Column("records", _Ordered, nullable=False),
    Column("account", _Ordered, nullable=False),
    Column("venue", _Ordered, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("opening", Boolean, nullable=False),
    Column("source", Text, nullable=False),
    Column("approved_by", Text),
    Column("content", Text, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Index("journal_by_account", "account", "venue", "number"),
)
"""The embedded ledger's entries. Append-only: triggers refuse what changes or deletes a row.
`content` is the record as canonical JSON, numbers as exact texts."""

leases = Table(
    "leases",
    metadata,
    Column("name", _Ordered, primary_key=True),
    Column("holder", Text),
    Column("fence", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
)
"""Who may run a monitor; nobody, where `holder` is null. The row stays, so that `fence` rises."""

pauses = Table(
    "pauses",
    metadata,
    Column("scope", _Ordered, primary_key=True),
    Column("paused_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger),
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", _Ordered, primary_key=True),
    Column("at", BigInteger, nullable=False),
)
"""How far windows of events have come."""

summaries = Table(
    "summaries",
    metadata,
    Column("reconciliation", _Ordered, ForeignKey("reconciliations.name"), primary_key=True),
    Column("business_date", _Ordered, primary_key=True),
    Column("runs", BigInteger, nullable=False),
    Column("clean", BigInteger, nullable=False),
    Column("breaks", BigInteger, nullable=False),
    Column("incomplete", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
)
"""What is left of a day's runs that changed no break: how many there were, and how they ended."""

store = Table("store", metadata, Column("id", Text, primary_key=True))
"""One row: what tells this store from others that keep files in one directory."""

_APPEND_ONLY: Final = {
    "sqlite": (
        "CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal "
        "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
        "CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal "
        "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
        # REPLACE would delete without asking the trigger above.
        "CREATE TRIGGER journal_no_replace BEFORE INSERT ON journal WHEN EXISTS "
        "(SELECT 1 FROM journal WHERE id = NEW.id OR number = NEW.number) "
        "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION tieout_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$",
        "CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal "
        "FOR EACH STATEMENT EXECUTE FUNCTION tieout_append_only()",
    ),
}


@event.listens_for(journal, "after_create")
def _append_only(_: Table, connection: Connection, **__: Any) -> None:
    for statement in _APPEND_ONLY[connection.dialect.name]:
        connection.exec_driver_sql(statement)


@event.listens_for(store, "after_create")
def _identify(_: Table, connection: Connection, **__: Any) -> None:
    connection.execute(insert(store).values(id=os.urandom(8).hex()))


@event.listens_for(metadata, "before_create")
def _name_parts(target: MetaData, connection: Connection, **_: Any) -> None:
    """What an index leaves out is an option of the database's dialect, given where the index is
    made: to name that of PostgreSQL imports it, also at each start of a run into SQLite."""
    dialect = connection.dialect.name
    for index in (each for table in target.tables.values() for each in table.indexes):
        if "where" in index.info:
            index.dialect_options[dialect]["where"] = index.info["where"]
