"""Indexes of the owner's log: by user and time, in place of by user alone."""

from __future__ import annotations

from typing import Final

from alembic import op

revision = "0029"
down_revision = "0027"
branch_labels = None
depends_on = None

# Table, the new index and its columns, the index it takes the place of and its columns.
_INDEXES: Final[tuple[tuple[str, str, str, str, list[str]], ...]] = (
    ("intents", "ix_intents_user_created", "created_at", "ix_intents_user_id", []),
    ("fills", "ix_fills_user_filled", "filled_at", "ix_fills_user_id", []),
    (
        "signal_decisions",
        "ix_signal_decisions_user_decided",
        "decided_at",
        "ix_signal_decisions_user_id",
        [],
    ),
    ("audit_log", "ix_audit_log_user_created", "created_at", "ix_audit_log_user_id", ["id"]),
)


def upgrade() -> None:
    for table, name, moment, before, _ in _INDEXES:
        op.create_index(name, table, ["user_id", moment])
        op.drop_index(before, table)


def downgrade() -> None:
    for table, name, _, before, rest in _INDEXES:
        op.create_index(before, table, ["user_id", *rest])
        op.drop_index(name, table)
