"""What tells a store from others that keep files in one directory."""

from __future__ import annotations

import os

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    store = op.create_table("store", sa.Column("id", sa.Text(), primary_key=True))
    op.execute(store.insert().values(id=os.urandom(8).hex()))
