"""drifts between two books; taken-back fills found by account; the sentinel's role."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.db.security import statements
from shared.db.tables import metadata

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "drifts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("strategy_id", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("compared", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("clean_looks", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("clean_at", _WHEN, nullable=True),
        sa.Column("found_at", _WHEN, nullable=False),
        sa.Column("released_at", _WHEN, nullable=True),
        sa.Column("ended_at", _WHEN, nullable=True),
        sa.Column("ending", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_drifts_account_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_drifts_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drifts")),
        comment="Each difference between a strategy's book and the broker's, named,"
        " until it is over.",
    )
    op.create_index(op.f("ix_drifts_user_id"), "drifts", ["user_id"])
    op.create_index("ix_drifts_found", "drifts", ["user_id", "found_at"])
    op.create_index(
        "uq_drifts_place",
        "drifts",
        ["account_id", "contract", "strategy_id", "code"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_fills_taken_back",
        "fills",
        ["account_id"],
        postgresql_where=sa.text("NOT active"),
    )
    for statement in statements(metadata):
        op.execute(statement)


def downgrade() -> None:
    op.drop_index("ix_fills_taken_back", "fills")
    op.drop_table("drifts")
