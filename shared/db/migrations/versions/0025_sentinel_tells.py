"""The sentinel reads what is held already, and tells of its word."""

from __future__ import annotations

from alembic import op

from shared.db.security import sentinel_statements

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in sentinel_statements():
        op.execute(statement)


def downgrade() -> None:
    for table, verb in (("drifts", "select"), ("risk_state", "select"), ("outbox", "insert")):
        op.execute(f"DROP POLICY IF EXISTS sentinel_{verb} ON {table}")
        op.execute(f"REVOKE ALL ON {table} FROM tm_sentinel")
