"""rules of strategies and accounts as documents, and the versions of settings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.db.security import statements
from shared.db.tables import metadata

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# The API took one target and one stop in whole ticks, so nothing else can be there; 0 was no leg.
_MOVE = """
    UPDATE strategies SET rules = jsonb_build_object('bracket', jsonb_strip_nulls(jsonb_build_object(
      'targets', CASE WHEN take_profit[1] > 0 THEN
        jsonb_build_array(jsonb_build_object('at', trim_scale(take_profit[1])::text)) END,
      'stop', CASE WHEN stop_loss > 0 THEN
        jsonb_build_object('at', trim_scale(stop_loss)::text) END)))
    WHERE take_profit[1] > 0 OR stop_loss > 0
"""
_MOVE_BACK = """
    UPDATE strategies SET
      take_profit = CASE WHEN rules #>> '{bracket,targets,0,at}' IS NULL THEN '{}'::numeric[]
        ELSE ARRAY[(rules #>> '{bracket,targets,0,at}')::numeric] END,
      stop_loss = (rules #>> '{bracket,stop,at}')::numeric
"""


def _rules() -> sa.Column[object]:
    return sa.Column(
        "rules", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
    )


def upgrade() -> None:
    op.add_column("strategies", _rules())
    op.add_column("accounts", _rules())
    op.execute(_MOVE)
    for column in ("take_profit", "stop_loss", "tpsl_units"):
        op.drop_column("strategies", column)
    op.create_table(
        "strategy_versions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("strategy_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["strategy_id"], ["strategies.id"], name=op.f("fk_strategy_versions_strategy_id")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_strategy_versions_user_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_strategy_versions")),
        sa.UniqueConstraint(
            "strategy_id", "version", name=op.f("uq_strategy_versions_strategy_id_version")
        ),
        comment="The settings of a strategy after each change of them, accounts included.",
    )
    op.create_index(op.f("ix_strategy_versions_user_id"), "strategy_versions", ["user_id"])
    op.execute(
        "COMMENT ON TABLE strategies IS 'What a trader''s alerts drive."
        " 0 is a legal size and an absent rule is no rule.'"
    )
    for statement in statements(metadata):
        op.execute(statement)


def downgrade() -> None:
    """Of a bracket, only one target and one stop in ticks have a column to go back to."""
    op.drop_table("strategy_versions")
    op.add_column(
        "strategies",
        sa.Column(
            "take_profit",
            postgresql.ARRAY(sa.Numeric(precision=18, scale=6)),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
    )
    op.add_column("strategies", sa.Column("stop_loss", sa.Numeric(18, 6), nullable=True))
    op.add_column(
        "strategies", sa.Column("tpsl_units", sa.Text(), server_default="Ticks", nullable=False)
    )
    op.execute(_MOVE_BACK)
    op.drop_column("accounts", "rules")
    op.drop_column("strategies", "rules")
