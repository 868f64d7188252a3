"""strategies: what the original's clients say about options; kept and given back, never traded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0028"
branch_labels = None
depends_on = None

_NAMES = ("days_to_expiry", "strike_offset")


def upgrade() -> None:
    for name in _NAMES:
        op.add_column(
            "strategies", sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False)
        )


def downgrade() -> None:
    for name in reversed(_NAMES):
        op.drop_column("strategies", name)
