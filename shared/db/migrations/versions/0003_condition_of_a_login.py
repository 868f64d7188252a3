"""how a login is doing: its condition in words, since when, until when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.db.security import statements
from shared.db.tables import metadata

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "broker_sessions",
        sa.Column("condition", sa.Text(), server_default="offline", nullable=False),
    )
    op.add_column("broker_sessions", sa.Column("message", sa.Text(), nullable=True))
    op.add_column("broker_sessions", sa.Column("since", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "broker_sessions", sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True)
    )
    for statement in statements(metadata):
        op.execute(statement)


def downgrade() -> None:
    for column in ("next_attempt_at", "since", "message", "condition"):
        op.drop_column("broker_sessions", column)
