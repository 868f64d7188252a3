"""intents, fills: which fills a part of a position knew of, by the account's event numbers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("intents", sa.Column("as_of_event", sa.BigInteger(), nullable=True))
    op.add_column("fills", sa.Column("event_seq", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("fills", "event_seq")
    op.drop_column("intents", "as_of_event")
