"""The tables that let rooms speak: what was said, what was heard, what could not be heard."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.db.tables.base import metadata

_NOW = text("clock_timestamp()")

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("event_id", Uuid, nullable=False, unique=True),
    Column("stream", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("user_id", BigInteger),
    Column("account_id", BigInteger),
    Column("seq", BigInteger, comment="gap-free per account on tm.events"),
    Column("aggregate", Text, nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("causation_id", Text),
    Column("body", JSONB, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    # The database's clock, not the writer's: sweeps and retention count age by it, and the time of
    # the fact may be long ago (an import) or wrong (a process whose clock is off).
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("published_at", DateTime(timezone=True)),
    Index("ix_outbox_unpublished", "id", postgresql_where=text("published_at IS NULL")),
    Index("ix_outbox_stream_id", "stream", "id"),
    Index(
        "ix_outbox_account_id_seq",
        "account_id",
        "seq",
        postgresql_where=text("account_id IS NOT NULL"),
    ),
    Index("ix_outbox_created_at", "created_at", postgresql_using="brin"),
    comment="Events, written in the transaction that makes them true. Append only.",
)

inbox = Table(
    "inbox",
    metadata,
    Column("consumer", Text, primary_key=True),
    Column("event_id", Uuid, primary_key=True),
    Column("handled_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Index("ix_inbox_handled_at", "handled_at", postgresql_using="brin"),
    comment="Which consumer has handled which event; written with the effect, so exactly once.",
)

message_attempts = Table(
    "message_attempts",
    metadata,
    Column("consumer", Text, primary_key=True),
    Column("event_id", Uuid, primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("first_seen_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    comment="Failed tries so far, counted where a crash and an emptied Redis cannot reset them.",
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("consumer", Text, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("stream", Text, nullable=False),
    Column("envelope", JSONB, nullable=False),
    Column("error_class", Text, nullable=False),
    Column("error", Text, nullable=False, comment="scrubbed and cut to 2,000 characters"),
    Column("attempts", Integer, nullable=False),
    Column("first_seen_at", DateTime(timezone=True), nullable=False),
    Column("died_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    UniqueConstraint("consumer", "event_id"),
    comment="Messages that failed too often, until a person replays or drops them.",
)
