"""audit_log; live accounts that a person has enabled; a kill that closes everybody's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.db.security import statements
from shared.db.tables import metadata

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_audit_log_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
        comment="Append only: who changed what, in the transaction of the change.",
    )
    op.create_index("ix_audit_log_user_id", "audit_log", ["user_id", "id"])
    op.add_column(
        "accounts", sa.Column("live_enabled_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column("accounts", sa.Column("live_enabled_home", sa.Text(), nullable=True))
    for statement in statements(metadata):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION IF EXISTS tm_database_home()")
    op.execute("DROP FUNCTION IF EXISTS tm_close_for_all(text)")
    op.drop_column("accounts", "live_enabled_home")
    op.drop_column("accounts", "live_enabled_at")
    op.drop_table("audit_log")
