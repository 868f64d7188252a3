"""sign-in attempts, counted by egress address."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.db.security import statements
from shared.db.tables import metadata

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "broker_auth_attempts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("ending", sa.Text(), server_default="pending", nullable=False),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broker_auth_attempts")),
        comment="Knocks at a broker's sign-in door by egress address; kept for a day.",
    )
    op.create_index(
        "ix_broker_auth_attempts_scope_at", "broker_auth_attempts", ["scope", "at"], unique=False
    )
    for statement in statements(metadata):
        op.execute(statement)


def downgrade() -> None:
    op.drop_index("ix_broker_auth_attempts_scope_at", table_name="broker_auth_attempts")
    op.drop_table("broker_auth_attempts")
