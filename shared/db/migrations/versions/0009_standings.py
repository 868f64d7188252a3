"""how accounts and strategies stand towards their money rules."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.db.security import statements
from shared.db.tables import metadata

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_MONEY = sa.Numeric(precision=24, scale=10)
_WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column(
        "fills", sa.Column("realized_usd", _MONEY, server_default=sa.text("0"), nullable=False)
    )
    op.create_index("ix_fills_account_days", "fills", ["account_id", "trade_date"])
    op.create_index("ix_fills_strategy_days", "fills", ["strategy_id", "trade_date"])
    _standings()
    _prices()
    for statement in statements(metadata):
        op.execute(statement)


def _standings() -> None:
    op.create_table(
        "risk_standings",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("scope_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("reached", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("prop", postgresql.JSONB(none_as_null=True, astext_type=sa.Text())),
        sa.Column("anchor_usd", _MONEY),
        sa.Column("anchor_at", _WHEN),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("day_usd", _MONEY),
        sa.Column("week_usd", _MONEY),
        sa.Column("room_usd", _MONEY),
        sa.Column("seen_at", _WHEN, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_risk_standings_user_id")),
        sa.PrimaryKeyConstraint("scope", "scope_id", name=op.f("pk_risk_standings")),
        comment="Outlives midnight and restarts: limits reached, a prop account's floor, the mark.",
    )
    op.create_index(op.f("ix_risk_standings_user_id"), "risk_standings", ["user_id"])


def _prices() -> None:
    op.create_table(
        "risk_prices",
        sa.Column("connection_id", sa.BigInteger(), nullable=False),
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("bid", _MONEY, nullable=False),
        sa.Column("ask", _MONEY, nullable=False),
        sa.Column("seen_at", _WHEN, nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["broker_connections.id"],
            name=op.f("fk_risk_prices_connection_id"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_risk_prices_user_id")),
        sa.PrimaryKeyConstraint("connection_id", "contract", name=op.f("pk_risk_prices")),
        comment="Where a login's positions could last be closed: for judging risk in any process.",
    )
    op.create_index(op.f("ix_risk_prices_user_id"), "risk_prices", ["user_id"])


def downgrade() -> None:
    op.drop_table("risk_prices")
    op.drop_table("risk_standings")
    op.drop_index("ix_fills_strategy_days", "fills")
    op.drop_index("ix_fills_account_days", "fills")
    op.drop_column("fills", "realized_usd")
