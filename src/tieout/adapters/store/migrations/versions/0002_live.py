"""The journal, and what monitors of several processes have to agree on."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_APPEND_ONLY: Final = {
    "sqlite": (
        "CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal "
        "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
        "CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal "
        "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
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


def _ordered() -> Any:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _serial() -> Any:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _create_journal()
    op.create_table(
        "leases",
        sa.Column("name", _ordered(), primary_key=True),
        sa.Column("holder", sa.Text()),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "pauses",
        sa.Column("scope", _ordered(), primary_key=True),
        sa.Column("paused_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger()),
    )
    op.create_table(
        "cursors",
        sa.Column("name", _ordered(), primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "summaries",
        sa.Column(
            "reconciliation",
            _ordered(),
            sa.ForeignKey("reconciliations.name"),
            primary_key=True,
        ),
        sa.Column("business_date", _ordered(), primary_key=True),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("runs", "clean", "breaks", "incomplete", "failed")
        ),
    )


def _create_journal() -> None:
    op.create_table(
        "journal",
        sa.Column("number", _serial(), primary_key=True),
        sa.Column("id", _ordered(), nullable=False, unique=True),
        sa.Column("records", _ordered(), nullable=False),
        sa.Column("account", _ordered(), nullable=False),
        sa.Column("venue", _ordered(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("opening", sa.Boolean(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text()),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("journal_by_account", "journal", ["account", "venue", "number"])
    connection = op.get_bind()
    for statement in _APPEND_ONLY[connection.dialect.name]:
        connection.exec_driver_sql(statement)
