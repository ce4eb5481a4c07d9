"""By which prices a break's value came about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("breaks", sa.Column("value_prices", sa.Text()))
