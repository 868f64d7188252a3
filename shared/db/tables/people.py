"""Users, how they are let in, and what they prefer. Written by api."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.db.tables import columns as c
from shared.db.tables.base import metadata

users = Table(
    "users",
    metadata,
    c.identity(),
    c.text("username"),
    c.text("email", nullable=True),
    c.text("password_hash"),
    Column("admin", Boolean, nullable=False, server_default=text("false")),
    Column("is_email_verified", Boolean, nullable=False, server_default=text("false")),
    c.text("discord_user_id", nullable=True),
    Column("discord_dms_enabled", Boolean, nullable=False, server_default=text("true")),
    Column("disabled_at", c.WHEN),
    # The person is gone: name, address and secrets too; what was traded stays, under a number.
    Column("deleted_at", c.WHEN),
    Column("last_login_at", c.WHEN),
    # The second factor: sealed under a key that only the API holds; valid once it is confirmed.
    Column("totp_sealed", LargeBinary),
    Column("totp_confirmed_at", c.WHEN),
    Column("totp_step", BigInteger, comment="of the last code taken: none is good twice"),
    c.created(),
    c.updated(),
    Index("uq_users_username_lower", text("lower(username)"), unique=True),
    Index("uq_users_email_lower", text("lower(email)"), unique=True),
    comment="People who sign in. username and email are unique without regard to case.",
)

sessions = Table(
    "sessions",
    metadata,
    c.identity(),
    c.owner(),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("csrf_secret", LargeBinary, nullable=False),
    # The socket token is derived, never stored; its hash and the one before it are.
    Column("ws_hash", LargeBinary, unique=True),
    Column("ws_issued_at", c.WHEN),
    Column("ws_prev_hash", LargeBinary, unique=True),
    c.text("address", nullable=True),
    c.text("agent", nullable=True),
    # On the way to Discord and back: good once, ten minutes.
    Column("discord_state_hash", LargeBinary),
    Column("discord_state_at", c.WHEN),
    c.created(),
    Column("last_seen_at", c.WHEN, nullable=False, server_default=text("now()")),
    Column("expires_at", c.WHEN, nullable=False),
    Column("ended_at", c.WHEN),
    comment="A signed-in browser. Only hashes of its secrets are stored.",
)

ws_tickets = Table(
    "ws_tickets",
    metadata,
    Column("ticket_hash", LargeBinary, primary_key=True),
    c.owner(),
    Column(
        "session_id",
        BigInteger,
        ForeignKey("sessions.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("expires_at", c.WHEN, nullable=False),
    comment="Each opens one socket of its session within a minute; redeemed, the row is gone.",
)

login_attempts = Table(
    "login_attempts",
    metadata,
    c.identity(),
    Column("user_id", BigInteger, ForeignKey("users.id")),
    c.text("username_key"),
    c.text("address"),
    Column("succeeded", Boolean, nullable=False),
    c.created(),
    Index("ix_login_attempts_key", "username_key", "created_at"),
    Index("ix_login_attempts_address", "address", "created_at"),
    comment="Tries to sign in, for growing delays; kept for a day.",
)

api_keys = Table(
    "api_keys",
    metadata,
    c.identity(),
    c.owner(),
    c.text("name"),
    Column("key_hash", LargeBinary, nullable=False, unique=True),
    c.text("hint"),
    Column("scopes", ARRAY(Text), nullable=False),  # read, trade
    Column("expires_at", c.WHEN),
    Column("last_used_at", c.WHEN),
    Column("revoked_at", c.WHEN),
    c.created(),
    comment="Keys for programs. Only their hashes are stored; hint is how a key begins.",
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    c.identity(),
    c.owner(),
    Column("code_hash", LargeBinary, nullable=False),
    Column("used_at", c.WHEN),
    c.created(),
    comment="In place of a second factor that was lost; each is good once.",
)

invites = Table(
    "invites",
    metadata,
    c.identity(),
    c.owner(),
    Column("code_hash", LargeBinary, nullable=False, unique=True),
    c.text("note"),
    Column("expires_at", c.WHEN, nullable=False),
    Column("used_by", BigInteger, ForeignKey("users.id")),
    Column("used_at", c.WHEN),
    c.created(),
    comment="Invitations of an administrator; each lets one person in.",
)

profiles = Table(
    "profiles",
    metadata,
    Column("user_id", BigInteger, ForeignKey("users.id"), primary_key=True),
    Column("favorites", JSONB, nullable=False, server_default="[]"),
    Column("stat_config", JSONB(none_as_null=True)),  # NULL: the usual eight cards
    Column("settings", JSONB, nullable=False, server_default="{}"),
    c.updated(),
    comment="What a user prefers to see, and how.",
)
