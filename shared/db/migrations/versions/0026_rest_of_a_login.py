"""broker_sessions: until when a login that met a captcha places no order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0029"  # which came first
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "broker_sessions", sa.Column("rests_until", sa.DateTime(timezone=True), nullable=True)
    )


def downgrade() -> None:
    op.drop_column("broker_sessions", "rests_until")
