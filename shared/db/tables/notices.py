"""Messages to people. Written by notifier."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from shared.db.tables import columns as c
from shared.db.tables.base import metadata

deliveries = Table(
    "deliveries",
    metadata,
    c.identity(),
    c.owner(),
    Column("event_id", UUID(as_uuid=True), nullable=False),
    c.text("kind"),  # opened | closed | stop_hit | target_hit
    c.text("channel"),
    c.text("content"),
    c.text("state"),  # pending | sent | failed
    c.text("code", nullable=True),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_attempt_at", c.WHEN, nullable=False),
    c.created(),
    Column("sent_at", c.WHEN),
    UniqueConstraint("event_id", "user_id", "kind", "channel"),
    Index("ix_deliveries_due", "next_attempt_at", postgresql_where=text("state = 'pending'")),
    comment="One message to one person about one event; its id gives the nonce.",
)

notification_settings = Table(
    "notification_settings",
    metadata,
    Column("user_id", BigInteger, ForeignKey("users.id"), primary_key=True),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("kinds", JSONB, nullable=False, server_default=text("'{}'")),
    c.updated(),
    comment="What a person wants to be told; an absent kind means yes. Written by api.",
)
