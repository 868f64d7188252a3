"""Long work that a person asked for, and the trades that were brought in from elsewhere."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.db.tables import columns as c
from shared.db.tables.base import metadata
from shared.db.tables.counts import kind_of_trade

jobs = Table(
    "jobs",
    metadata,
    c.identity(),
    c.owner(),
    c.text("kind"),  # export_trades | export_strategies | import_trades | import_strategies
    Column("params", JSONB, nullable=False),
    c.text("status", default="queued"),  # queued | running | done | failed | cancelled
    # Counted up by each process that takes it: whoever lost it writes nothing any more.
    Column("claim", Integer, nullable=False, server_default=text("0")),
    Column("lease_until", c.WHEN),
    Column("state", JSONB, nullable=False, server_default="{}"),  # where to go on
    Column("progress_done", Integer, nullable=False, server_default=text("0")),
    Column("progress_total", Integer),
    Column("result", JSONB, nullable=False, server_default="{}"),
    c.text("code", nullable=True),
    c.text("message", nullable=True),
    Column("cancel_requested_at", c.WHEN),
    Column("undone_at", c.WHEN),
    c.created(),
    Column("started_at", c.WHEN),
    Column("ended_at", c.WHEN),
    Index("ix_jobs_open", "id", postgresql_where=text("ended_at IS NULL")),
    comment="The queue itself: whoever has time takes the oldest row that is open.",
)

job_parts = Table(
    "job_parts",
    metadata,
    Column("job_id", BigInteger, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("way", Text, primary_key=True),  # in | out
    Column("no", Integer, primary_key=True),
    c.owner(),
    Column("body", LargeBinary, nullable=False),
    comment="What a job reads and what it wrote, in pieces; kept for a week.",
)

imported_trades = Table(
    "imported_trades",
    metadata,
    c.identity(),
    c.owner(),
    Column("job_id", BigInteger, ForeignKey("jobs.id"), nullable=False, index=True),
    # Of everything in the row: bringing it in again changes nothing.
    Column("fingerprint", LargeBinary, nullable=False),
    Column("strategy_id", BigInteger, ForeignKey("strategies.id"), nullable=False),
    c.text("contract"),
    c.text("root"),
    c.text("ticker", nullable=True),
    c.text("timeframe", nullable=True),
    c.text("side"),
    Column("qty", Integer, nullable=False),
    Column("entry_price", c.PRICE, nullable=False),
    Column("exit_price", c.PRICE, nullable=False),
    Column("entry_at", c.WHEN, nullable=False),
    Column("exit_at", c.WHEN, nullable=False),
    c.text("exit_reason"),
    Column("gross_usd", c.MONEY, nullable=False),
    Column("fees_usd", c.MONEY, nullable=False),
    Column("net_usd", c.MONEY, nullable=False),
    Column("trade_date", Date, nullable=False),
    kind_of_trade("'0'"),
    UniqueConstraint("user_id", "fingerprint"),
    Index("ix_imported_trades_user_exit", "user_id", "exit_at"),
    Index("ix_imported_trades_strategy_exit", "strategy_id", "exit_at"),
    Index("ix_imported_trades_group_exit", "group_key", "exit_at", "id"),
    comment="Closed trades of another program's, for statistics; no account book knows them.",
)
