"""Runs, breaks, history, open items, quarantine, covered dates."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _ordered() -> Any:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _serial() -> Any:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _run(*, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(
        "run",
        sa.BigInteger(),
        sa.ForeignKey("runs.seq"),
        nullable=False,
        primary_key=primary_key,
        autoincrement=False,
    )


def _reconciliation(*, primary_key: bool = True) -> sa.Column[str]:
    return sa.Column(
        "reconciliation",
        _ordered(),
        sa.ForeignKey("reconciliations.name"),
        nullable=False,
        primary_key=primary_key,
    )


def upgrade() -> None:
    _create_runs()
    _create_breaks()
    _create_open_items()
    op.create_table(
        "quarantine",
        _run(primary_key=True),
        sa.Column("ordinal", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("side", sa.Text()),
        sa.Column("entry", sa.Text(), nullable=False),
    )
    op.create_table(
        "covered",
        _reconciliation(),
        sa.Column("side", _ordered(), primary_key=True),
        sa.Column("business_date", _ordered(), primary_key=True),
        _run(),
    )


def _create_runs() -> None:
    op.create_table(
        "reconciliations",
        sa.Column("name", _ordered(), primary_key=True),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("latest", sa.Text()),
    )
    op.create_table(
        "runs",
        sa.Column("seq", _serial(), primary_key=True),
        sa.Column("run_id", _ordered(), nullable=False, unique=True),
        _reconciliation(primary_key=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("business_date", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger()),
        sa.Column("rules_digest", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("birth", sa.Text()),
        sa.Column("restate", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.Text()),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("details", sa.Text()),
    )
    op.create_index("runs_by_reconciliation", "runs", ["reconciliation", "seq"])


def _create_breaks() -> None:
    op.create_table(
        "breaks",
        _reconciliation(),
        sa.Column("id", _ordered(), primary_key=True),
        sa.Column("kind", _ordered(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("doubt", sa.Boolean(), nullable=False),
        sa.Column("value_amount", _ordered()),
        sa.Column("value_currency", sa.Text()),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("binding", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("cleared_at", sa.BigInteger()),
        sa.Column("cleared_on", sa.Text()),
        sa.Column("suppressed_until", sa.BigInteger()),
        _run(),
        sa.Column("business_date", sa.Text(), nullable=False),
        sa.Column("opener", sa.BigInteger(), sa.ForeignKey("runs.seq")),
    )
    unresolved = sa.text("state <> 'resolved'")
    op.create_index(
        "breaks_unresolved",
        "breaks",
        ["reconciliation", "id"],
        sqlite_where=unresolved,
        postgresql_where=unresolved,
    )
    op.create_table(
        "history",
        sa.Column("seq", _serial(), primary_key=True),
        sa.Column("reconciliation", _ordered(), nullable=False),
        sa.Column("break_id", _ordered(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        _run(),
        sa.Column("business_date", sa.Text(), nullable=False),
        sa.Column("before", sa.Text()),
        sa.Column("other", sa.Text()),
    )
    op.create_index("history_by_break", "history", ["break_id", "seq"])


def _create_open_items() -> None:
    op.create_table(
        "open_items",
        _reconciliation(),
        sa.Column("whole", sa.Boolean(), primary_key=True),
        sa.Column("business_date", _ordered(), primary_key=True),
        sa.Column("page", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("items", sa.Text(), nullable=False),
    )
