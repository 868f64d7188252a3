"""sessions: on the way to Discord and back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("discord_state_hash", sa.LargeBinary(), nullable=True))
    op.add_column(
        "sessions", sa.Column("discord_state_at", sa.DateTime(timezone=True), nullable=True)
    )


def downgrade() -> None:
    op.drop_column("sessions", "discord_state_at")
    op.drop_column("sessions", "discord_state_hash")
