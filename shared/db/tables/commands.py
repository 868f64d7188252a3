"""What people ask of execution, and what came of it. Commands may be added by any service."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from shared.db.tables import columns as c
from shared.db.tables.base import metadata

commands = Table(
    "commands",
    metadata,
    c.identity(),
    c.owner(),
    c.text("kind"),  # flatten | close_strategy | reconcile | ...
    Column("detail", JSONB, nullable=False),
    c.text("requested_by"),
    c.created(),
    comment="Append only: a wish, committed before anything is done about it.",
)

command_results = Table(
    "command_results",
    metadata,
    Column("command_id", BigInteger, ForeignKey("commands.id"), primary_key=True),
    c.owner(),
    c.text("status"),  # done | refused | failed
    c.text("code"),
    c.text("message"),
    Column("detail", JSONB, nullable=False),
    c.created(),
    comment="Written by execution; at most one for a command.",
)

command_secrets = Table(
    "command_secrets",
    metadata,
    Column("command_id", BigInteger, ForeignKey("commands.id"), primary_key=True),
    c.owner(),
    Column("sealed", LargeBinary, nullable=False),
    c.created(),
    comment="What a command carries sealed; deleted with its result, or after 60 s.",
)

broker_consents = Table(
    "broker_consents",
    metadata,
    c.identity(),
    c.owner(),
    Column("connection_id", BigInteger, ForeignKey("broker_connections.id"), nullable=False),
    c.text("client_id"),
    c.text("redirect_uri"),
    Column("state_hash", LargeBinary, nullable=False, unique=True),
    c.created(),
    comment="People on their way through the broker's consent page; good once, ten minutes.",
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("user_id", BigInteger, ForeignKey("users.id"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_hash", LargeBinary, nullable=False),
    Column("answer", JSONB(none_as_null=True)),
    c.created(),
    comment="What a client asked for under a key of its own, with the answer; kept for a day.",
)
