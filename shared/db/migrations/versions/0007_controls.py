"""kill, pause and resume; what scenes ask of the past."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.db.security import statements
from shared.db.tables import metadata

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _controls() -> None:
    op.create_table(
        "controls",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("scope_id", sa.BigInteger(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("said_by", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "scope IN ('system', 'user', 'account', 'strategy')", name=op.f("ck_controls_scope")
        ),
        sa.CheckConstraint("word IN ('kill', 'pause', 'resume')", name=op.f("ck_controls_word")),
        sa.CheckConstraint(
            "(scope = 'system') = (user_id IS NULL)", name=op.f("ck_controls_owner")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_controls_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_controls")),
        comment="Append only: kill, pause and resume; the newest word said to a scope rules it.",
    )
    op.create_index(op.f("ix_controls_user_id"), "controls", ["user_id"])
    op.create_index("ix_controls_newest", "controls", ["scope", "scope_id", "id"])


def upgrade() -> None:
    _controls()
    op.add_column("signal_decisions", sa.Column("entry_no", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_decisions_entry_no",
        "signal_decisions",
        ["strategy_id", "entry_no"],
        postgresql_where=sa.text("entry_no IS NOT NULL"),
    )
    op.create_index(
        "ix_intents_entries",
        "intents",
        ["account_id", "created_at"],
        postgresql_where=sa.text("role = 'entry'"),
    )
    op.create_index(
        "ix_intents_strategy_entries",
        "intents",
        ["account_id", "strategy_id", "created_at"],
        postgresql_where=sa.text("role = 'entry'"),
    )
    op.create_index(
        "ix_positions_held",
        "positions",
        ["strategy_id"],
        postgresql_where=sa.text("net_qty <> 0"),
    )
    op.create_index(
        "ix_orders_foreign",
        "orders",
        ["account_id"],
        postgresql_where=sa.text(
            "intent_id IS NULL AND status IN"
            " ('Working', 'PendingNew', 'PendingReplace', 'PendingCancel', 'Suspended')"
        ),
    )
    for statement in statements(metadata):
        op.execute(statement)


def downgrade() -> None:
    op.drop_index("ix_orders_foreign", "orders")
    op.drop_index("ix_positions_held", "positions")
    op.drop_index("ix_intents_strategy_entries", "intents")
    op.drop_index("ix_intents_entries", "intents")
    op.drop_index("ix_decisions_entry_no", "signal_decisions")
    op.drop_column("signal_decisions", "entry_no")
    op.drop_table("controls")
