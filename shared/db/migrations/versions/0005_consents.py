"""consents that are under way, and the sealed secrets of commands."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.db.security import statements
from shared.db.tables import metadata

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _now() -> sa.Column[object]:
    return sa.Column(
        "created_at",
        sa.DateTime(timezone=True),
        server_default=sa.text("now()"),
        nullable=False,
    )


def upgrade() -> None:
    op.create_table(
        "command_secrets",
        sa.Column("command_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        _now(),
        sa.ForeignKeyConstraint(
            ["command_id"], ["commands.id"], name=op.f("fk_command_secrets_command_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_command_secrets_user_id")),
        sa.PrimaryKeyConstraint("command_id", name=op.f("pk_command_secrets")),
        comment="What a command carries sealed; deleted with its result, or after 60 s.",
    )
    op.create_index(op.f("ix_command_secrets_user_id"), "command_secrets", ["user_id"])
    op.create_table(
        "broker_consents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("connection_id", sa.BigInteger(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("state_hash", sa.LargeBinary(), nullable=False),
        _now(),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["broker_connections.id"],
            name=op.f("fk_broker_consents_connection_id"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_broker_consents_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broker_consents")),
        sa.UniqueConstraint("state_hash", name=op.f("uq_broker_consents_state_hash")),
        comment="People on their way through the broker's consent page; good once, ten minutes.",
    )
    op.create_index(op.f("ix_broker_consents_user_id"), "broker_consents", ["user_id"])
    for statement in statements(metadata):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("broker_consents")
    op.drop_table("command_secrets")
