"""Users and their sessions. Written by api."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, LargeBinary, Table, text

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
    Column("last_login_at", c.WHEN),
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
    c.created(),
    Column("last_seen_at", c.WHEN, nullable=False, server_default=text("now()")),
    Column("expires_at", c.WHEN, nullable=False),
    Column("ended_at", c.WHEN),
    comment="A signed-in browser. Only hashes of its secrets are stored.",
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
