"""The tables of the store.

Amounts are text in canonical decimals on every database, since a value at risk may have 36
decimals and SQLite would make a binary float of it. Times are BIGINT nanoseconds UTC, business
dates ISO texts, contents canonical JSON. Texts that are sorted or paged by compare by code
point on every database.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.types import TypeEngine

FOREVER: Final = "9999-12-31"
"""`valid_to` of an open item that nothing has ended."""

metadata = MetaData()

_Ordered: TypeEngine[str] = Text().with_variant(Text(collation="C"), "postgresql")
_Serial: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite numbers rows by itself only in an INTEGER key."""


def _run(**options: Any) -> Column[int]:
    return Column("run", BigInteger, ForeignKey("runs.seq"), nullable=False, **options)


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
    Column("kind", Text, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("doubt", Boolean, nullable=False),
    Column("value_amount", Text),
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
    Index(
        "breaks_unresolved",
        "reconciliation",
        "id",
        sqlite_where=text("state <> 'resolved'"),
        postgresql_where=text("state <> 'resolved'"),
    ),
    Index("breaks_by_severity", "reconciliation", "state", "severity", "id"),
)
"""The present state of every break ever seen. `run` is the one that last found it."""

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
"""Append-only. `before` is the content that an event replaced, null where it replaced none: the
content after an event is the next `before`, else the break's own. So no content is stored twice."""

open_items = Table(
    "open_items",
    metadata,
    Column("reconciliation", _Ordered, ForeignKey("reconciliations.name"), primary_key=True),
    Column("side", _Ordered, primary_key=True),
    Column("identity", _Ordered, primary_key=True),
    Column("valid_from", _Ordered, primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("valid_to", _Ordered, nullable=False),
    Column("item", Text),
    Index("open_items_by_start", "reconciliation", "valid_from"),
    Index(
        "open_items_by_end",
        "reconciliation",
        "valid_to",
        sqlite_where=text("item IS NOT NULL"),
        postgresql_where=text("item IS NOT NULL"),
    ),
)
"""What a business date changed: from `valid_from` on, until before `valid_to`, the identity has
these items open; a null item says none. See `open_items.py`."""

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
