"""requests spent at a broker, counted by user and minute."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.db.security import statements
from shared.db.tables import metadata

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "broker_requests",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "minute", name=op.f("pk_broker_requests")),
        comment="Requests of a user at a broker by minute, over all processes; kept two hours.",
    )
    for statement in statements(metadata):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION tm_spend_requests(text[], int[], int[])")
    op.drop_table("broker_requests")
