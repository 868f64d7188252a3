"""broker_connections: a deleted login stays on record and gives its name free."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_OLD = "uq_broker_connections_broker_environment_login_name"
_NEW = "uq_broker_connections_login"


def upgrade() -> None:
    op.add_column(
        "broker_connections", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_index(
        _NEW,
        "broker_connections",
        ["broker", "environment", sa.text("lower(login_name)")],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_constraint(_OLD, "broker_connections", type_="unique")


def downgrade() -> None:
    op.create_unique_constraint(_OLD, "broker_connections", ["broker", "environment", "login_name"])
    op.drop_index(_NEW, "broker_connections")
    op.drop_column("broker_connections", "deleted_at")
