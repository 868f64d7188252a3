"""orders: our client id as the broker tells it, whichever intent the order was bound to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.db.security import statements
from shared.db.tables import metadata

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("client_id", sa.Text(), nullable=True))
    op.create_index(
        "ix_orders_client_id",
        "orders",
        ["account_id", "client_id"],
        postgresql_where=sa.text("client_id IS NOT NULL"),
    )
    for statement in statements(metadata):
        op.execute(statement)


def downgrade() -> None:
    op.drop_index("ix_orders_client_id", "orders")
    op.drop_column("orders", "client_id")
