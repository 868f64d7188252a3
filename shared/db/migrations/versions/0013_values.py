"""open P&L of accounts by the broker's word."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.db.security import statements
from shared.db.tables import metadata

revision = "0013"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "risk_values",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("open_usd", sa.Numeric(precision=24, scale=10), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_risk_values_account_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_risk_values_user_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_risk_values")),
        comment="An account's open P&L by the broker's word, asked for where no price is at hand.",
    )
    op.create_index(op.f("ix_risk_values_user_id"), "risk_values", ["user_id"])
    for statement in statements(metadata):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("risk_values")
