"""jobs, what they read and write, and trades that were brought in."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.db.security import statements
from shared.db.tables import metadata

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_WHEN = sa.DateTime(timezone=True)
_MONEY = sa.Numeric(24, 10)


def _owned(table: str, *columns: sa.schema.SchemaItem) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(f"fk_{table}_user_id")),
        *columns,
    )


def _texts(*names: str) -> tuple[sa.Column[str], ...]:
    return tuple(sa.Column(name, sa.Text(), nullable=False) for name in names)


def _maybe(kind: sa.types.TypeEngine[Any], *names: str) -> tuple[sa.Column[Any], ...]:
    return tuple(sa.Column(name, kind, nullable=True) for name in names)


def _needed(kind: sa.types.TypeEngine[Any], *names: str) -> tuple[sa.Column[Any], ...]:
    return tuple(sa.Column(name, kind, nullable=False) for name in names)


def _counted(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False)


def _document(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.JSONB(), server_default="{}", nullable=False)


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        *_owned("jobs", *_texts("kind")),
        sa.Column("params", postgresql.JSONB(), nullable=False),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        _counted("claim"),
        *_maybe(_WHEN, "lease_until"),
        _document("state"),
        _counted("progress_done"),
        *_maybe(sa.Integer(), "progress_total"),
        _document("result"),
        *_maybe(sa.Text(), "code", "message"),
        *_maybe(_WHEN, "cancel_requested_at", "undone_at"),
        sa.Column("created_at", _WHEN, server_default=sa.text("now()"), nullable=False),
        *_maybe(_WHEN, "started_at", "ended_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        comment="The queue itself: whoever has time takes the oldest row that is open.",
    )
    op.create_index(op.f("ix_jobs_user_id"), "jobs", ["user_id"])
    open_jobs = sa.text("ended_at IS NULL")
    op.create_index("ix_jobs_open", "jobs", ["id"], postgresql_where=open_jobs)
    op.create_table(
        "job_parts",
        *_needed(sa.BigInteger(), "job_id"),
        *_texts("way"),
        *_needed(sa.Integer(), "no"),
        *_owned("job_parts", *_needed(sa.LargeBinary(), "body")),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_job_parts_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "way", "no", name=op.f("pk_job_parts")),
        comment="What a job reads and what it wrote, in pieces; kept for a week.",
    )
    op.create_index(op.f("ix_job_parts_user_id"), "job_parts", ["user_id"])
    _create_imported_trades()
    for statement in statements(metadata):
        op.execute(statement)


def _create_imported_trades() -> None:
    name = "imported_trades"
    op.create_table(
        name,
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        *_owned(name, *_needed(sa.BigInteger(), "job_id", "strategy_id")),
        *_needed(sa.LargeBinary(), "fingerprint"),
        *_texts("contract", "root"),
        *_maybe(sa.Text(), "ticker", "timeframe"),
        *_texts("side"),
        *_needed(sa.Integer(), "qty"),
        *_needed(_MONEY, "entry_price", "exit_price"),
        *_needed(_WHEN, "entry_at", "exit_at"),
        *_texts("exit_reason"),
        *_needed(_MONEY, "gross_usd", "fees_usd", "net_usd"),
        *_needed(sa.Date(), "trade_date"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f(f"fk_{name}_job_id")),
        sa.ForeignKeyConstraint(
            ["strategy_id"], ["strategies.id"], name=op.f(f"fk_{name}_strategy_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
        sa.UniqueConstraint("user_id", "fingerprint", name=op.f(f"uq_{name}_user_id_fingerprint")),
        comment="Closed trades of another program's, for statistics; no account book knows them.",
    )
    for column in ("user_id", "job_id"):
        op.create_index(op.f(f"ix_{name}_{column}"), name, [column])
    op.create_index(f"ix_{name}_user_exit", name, ["user_id", "exit_at"])
    op.create_index(f"ix_{name}_strategy_exit", name, ["strategy_id", "exit_at"])


def downgrade() -> None:
    op.execute("DROP FUNCTION IF EXISTS tm_claim_job(bigint)")
    for table in ("imported_trades", "job_parts", "jobs"):
        op.drop_table(table)
