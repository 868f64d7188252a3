"""Alerts as delivered, signals as accepted (api), and what was decided on them (execution)."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.db.tables import columns as c
from shared.db.tables.base import metadata

alerts = Table(
    "alerts",
    metadata,
    c.identity(),
    # No owner: a delivery to a key that never existed, kept for admins.
    Column("user_id", BigInteger, ForeignKey("users.id"), index=True),
    Column("strategy_id", BigInteger, ForeignKey("strategies.id")),
    Column("signal_id", BigInteger, ForeignKey("signals.id"), index=True),
    Column("received_at", c.WHEN, nullable=False),
    c.text("address", nullable=True),
    c.text("content_type", nullable=True),
    Column("body", LargeBinary, nullable=False),
    Column("body_bytes", Integer, nullable=False),
    Column("body_hash", LargeBinary, nullable=False),
    c.text("verdict"),  # accepted | duplicate | blocked | refused
    c.text("code", nullable=True),
    c.text("message", nullable=True),
    # The status whose last byte we handed over; NULL: not known to have been answered.
    Column("answered_status", SmallInteger),
    Column("answered_at", c.WHEN),
    Index("ix_alerts_strategy_hash", "strategy_id", "body_hash", "received_at"),
    Index("ix_alerts_user_received", "user_id", "received_at"),
    comment="The webhook log: every delivery with its verdict, refused ones included.",
)

signals = Table(
    "signals",
    metadata,
    c.identity(),
    c.owner(),
    Column("strategy_id", BigInteger, ForeignKey("strategies.id"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    # Evidence that a later delivery is this one; cleared when its window has passed.
    c.text("dedupe_key", nullable=True),
    c.text("status"),  # accepted: execution decides on it; blocked: we chose not to trade it
    c.text("code", nullable=True),
    Column("content", JSONB, nullable=False),
    Column("received_at", c.WHEN, nullable=False),
    c.created(),
    UniqueConstraint("strategy_id", "dedupe_key"),
    UniqueConstraint("strategy_id", "seq"),
    Index("ix_signals_user_received", "user_id", "received_at"),
    Index("ix_signals_accepted", "received_at", postgresql_where=text("status = 'accepted'")),
    comment="What an alert meant, in the order of its strategy.",
)

signal_decisions = Table(
    "signal_decisions",
    metadata,
    c.identity(),
    c.owner(indexed=False),
    Column("signal_id", BigInteger, ForeignKey("signals.id"), nullable=False),
    # 0: the strategy has no account; then this one row says so.
    Column("account_id", BigInteger, nullable=False),
    Column("strategy_id", BigInteger, nullable=False),
    c.text("disposition"),  # PLANNED, then the end of its last intent, or why there is none
    c.text("code"),
    c.text("message"),
    Column("detail", JSONB, nullable=False),
    # Of a signal that asks for an entry: which of its strategy's it is, counted from 1.
    Column("entry_no", BigInteger),
    Column("decided_at", c.WHEN, nullable=False),
    Column("ended_at", c.WHEN),
    UniqueConstraint("signal_id", "account_id"),
    Index(
        "ix_decisions_entry_no",
        "strategy_id",
        "entry_no",
        postgresql_where=text("entry_no IS NOT NULL"),
    ),
    Index("ix_decisions_open", "account_id", postgresql_where=text("ended_at IS NULL")),
    Index("ix_signal_decisions_user_decided", "user_id", "decided_at"),
    comment="One row for each (signal, account): it always reaches one terminal disposition.",
)
