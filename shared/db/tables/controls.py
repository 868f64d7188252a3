"""What people say to a whole scope. May be added by any service, changed by none."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Table

from shared.db.tables import columns as c
from shared.db.tables.base import metadata

controls = Table(
    "controls",
    metadata,
    c.identity(),
    # NULL: said to the whole installation, and seen by everybody.
    Column("user_id", BigInteger, ForeignKey("users.id"), index=True),
    c.text("scope"),  # system | user | account | strategy
    Column("scope_id", BigInteger, nullable=False),  # 0: the system
    c.text("word"),  # kill | pause | resume
    c.text("reason"),
    c.text("said_by"),
    c.created(),
    CheckConstraint("scope IN ('system', 'user', 'account', 'strategy')", name="scope"),
    CheckConstraint("word IN ('kill', 'pause', 'resume')", name="word"),
    CheckConstraint("(scope = 'system') = (user_id IS NULL)", name="owner"),
    Index("ix_controls_newest", "scope", "scope_id", "id"),
    comment="Append only: kill, pause and resume; the newest word said to a scope rules it.",
)
