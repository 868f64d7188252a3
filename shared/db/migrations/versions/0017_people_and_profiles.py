"""API keys, invitations, the second factor, where a session is from; what users prefer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.db.security import statements
from shared.db.tables import metadata

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_WHEN = sa.DateTime(timezone=True)
_USERS = (
    sa.Column("deleted_at", _WHEN, nullable=True),
    sa.Column("totp_sealed", sa.LargeBinary(), nullable=True),
    sa.Column("totp_confirmed_at", _WHEN, nullable=True),
    sa.Column(
        "totp_step",
        sa.BigInteger(),
        nullable=True,
        comment="of the last code taken: none is good twice",
    ),
)


def _head(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(f"fk_{table}_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def _when(name: str) -> sa.Column[object]:
    return sa.Column(name, _WHEN, server_default=sa.text("now()"), nullable=False)


def upgrade() -> None:
    for column in _USERS:
        op.add_column("users", column)
    op.add_column("sessions", sa.Column("address", sa.Text(), nullable=True))
    op.add_column("sessions", sa.Column("agent", sa.Text(), nullable=True))
    op.create_table(
        "api_keys",
        *_head("api_keys"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("expires_at", _WHEN, nullable=True),
        sa.Column("last_used_at", _WHEN, nullable=True),
        sa.Column("revoked_at", _WHEN, nullable=True),
        _when("created_at"),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_keys_key_hash")),
        comment="Keys for programs. Only their hashes are stored; hint is how a key begins.",
    )
    op.create_index(op.f("ix_api_keys_user_id"), "api_keys", ["user_id"])
    op.create_table(
        "recovery_codes",
        *_head("recovery_codes"),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", _WHEN, nullable=True),
        _when("created_at"),
        comment="In place of a second factor that was lost; each is good once.",
    )
    op.create_index(op.f("ix_recovery_codes_user_id"), "recovery_codes", ["user_id"])
    op.create_table(
        "invites",
        *_head("invites"),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("expires_at", _WHEN, nullable=False),
        sa.Column("used_by", sa.BigInteger(), nullable=True),
        sa.Column("used_at", _WHEN, nullable=True),
        _when("created_at"),
        sa.ForeignKeyConstraint(["used_by"], ["users.id"], name=op.f("fk_invites_used_by")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_invites_code_hash")),
        comment="Invitations of an administrator; each lets one person in.",
    )
    op.create_index(op.f("ix_invites_user_id"), "invites", ["user_id"])
    op.create_table(
        "profiles",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("favorites", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("stat_config", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("settings", postgresql.JSONB(), server_default="{}", nullable=False),
        _when("updated_at"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_profiles_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_profiles")),
        comment="What a user prefers to see, and how.",
    )
    for statement in statements(metadata):
        op.execute(statement)


def downgrade() -> None:
    for function in (
        "tm_has_users()",
        "tm_find_api_key(bytea)",
        "tm_use_invite(bytea)",
        "tm_list_users()",
        "tm_change_user(bigint, boolean, boolean, boolean)",
        "tm_forget_person(text)",
    ):
        op.execute(f"DROP FUNCTION IF EXISTS {function}")
    for table in ("profiles", "invites", "recovery_codes", "api_keys"):
        op.drop_table(table)
    for table, columns in (
        ("sessions", ("address", "agent")),
        ("users", ("deleted_at", "totp_sealed", "totp_confirmed_at", "totp_step")),
    ):
        for column in columns:
            op.drop_column(table, column)
