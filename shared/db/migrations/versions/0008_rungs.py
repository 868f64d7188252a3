"""intents: legs of earlier rungs, distances in percent, and what moves a stop later."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "intents", sa.Column("offset_percent", sa.Numeric(precision=24, scale=10), nullable=True)
    )
    op.add_column("intents", sa.Column("rung", sa.Integer(), server_default="0", nullable=False))
    op.add_column(
        "intents", sa.Column("moves", postgresql.JSONB(astext_type=sa.Text()), nullable=True)
    )


def downgrade() -> None:
    for column in ("moves", "rung", "offset_percent"):
        op.drop_column("intents", column)
