"""audit_log: a chain of hashes, so that a row that was changed is found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.db.security import statements
from shared.db.tables import metadata

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_CHAIN = ("salt", "chain_seq", "prev_hash", "content", "hash")


def upgrade() -> None:
    op.add_column(
        "audit_log",
        sa.Column("salt", sa.LargeBinary(), server_default=sa.text("uuid_send(gen_random_uuid())")),
    )
    op.add_column("audit_log", sa.Column("chain_seq", sa.BigInteger(), nullable=True))
    for name in ("prev_hash", "content", "hash"):
        op.add_column("audit_log", sa.Column(name, sa.LargeBinary(), nullable=True))
    op.create_unique_constraint(op.f("uq_audit_log_chain_seq"), "audit_log", ["chain_seq"])
    op.create_index(
        "ix_audit_log_unlinked",
        "audit_log",
        ["id"],
        postgresql_where=sa.text("chain_seq IS NULL"),
    )
    for statement in statements(metadata):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION IF EXISTS tm_link_audit(bigint)")
    op.drop_index("ix_audit_log_unlinked", "audit_log")
    for name in _CHAIN:
        op.drop_column("audit_log", name)
