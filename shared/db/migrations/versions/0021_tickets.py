"""ws_tickets: each opens one socket."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.db.security import statements
from shared.db.tables import metadata

revision = "0021"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ws_tickets",
        sa.Column("ticket_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sessions.id"],
            name=op.f("fk_ws_tickets_session_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_ws_tickets_user_id")),
        sa.PrimaryKeyConstraint("ticket_hash", name=op.f("pk_ws_tickets")),
        comment="Each opens one socket of its session within a minute; redeemed, the row is gone.",
    )
    op.create_index(op.f("ix_ws_tickets_user_id"), "ws_tickets", ["user_id"])
    for statement in statements(metadata):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION IF EXISTS tm_use_ws_ticket(bytea)")
    op.drop_table("ws_tickets")
