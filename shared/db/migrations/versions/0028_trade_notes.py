"""What owners write on their trades, and counts found by contract."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.db.security import statements
from shared.db.tables import metadata

revision = "0028"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "trade_notes",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("opening_id", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_trade_notes_user_id")),
        sa.PrimaryKeyConstraint("user_id", "account_id", "opening_id", name=op.f("pk_trade_notes")),
        comment="What an owner wrote on a closed trade, and the words it is found by.",
    )
    op.create_index(op.f("ix_trade_notes_user_id"), "trade_notes", ["user_id"])
    op.create_index("ix_recorded_opening", "recorded_positions", ["account_id", "opening_fill_id"])
    op.drop_index("ix_trade_groups_contract", "trade_groups")
    op.create_index("ix_trade_groups_contract", "trade_groups", ["user_id", "contract"])
    for statement in statements(metadata):
        op.execute(statement)


def downgrade() -> None:
    op.drop_index("ix_trade_groups_contract", "trade_groups")
    op.create_index(
        "ix_trade_groups_contract",
        "trade_groups",
        ["user_id", "contract"],
        postgresql_where=sa.text("contract <> ''"),
    )
    op.drop_index("ix_recorded_opening", "recorded_positions")
    op.drop_table("trade_notes")
