"""Strategies and the accounts they trade. Written by api."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.db.tables import columns as c
from shared.db.tables.base import metadata

strategies = Table(
    "strategies",
    metadata,
    c.identity(),
    c.owner(),
    c.text("name"),
    c.text("name_key"),  # case and spaces folded: how an alert's name finds it
    c.text("strat_type", default="Futures"),
    c.text("symbol", nullable=True),
    c.text("timeframe", nullable=True),
    c.text("description", default=""),
    Column("position_size", Integer, nullable=False, server_default=text("1")),
    Column("position_add", Integer, nullable=False, server_default=text("1")),
    # Of options, which are not traded: kept for clients of the original and given back.
    Column("days_to_expiry", Integer, nullable=False, server_default=text("0")),
    Column("strike_offset", Integer, nullable=False, server_default=text("0")),
    c.text("size_from", default="signal"),  # signal: the alert's quantity wins; strategy: never
    c.rules(),  # read by shared.domain.rules.StrategyRules; what is not named is neutral
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("recording_enabled", Boolean, nullable=False, server_default=text("true")),
    Column("demo_account_id", BigInteger, ForeignKey("accounts.id")),
    Column("key_version", Integer, nullable=False, server_default=text("1")),
    Column("webhook_key_hash", LargeBinary, nullable=False, unique=True),
    Column("webhook_prev_hash", LargeBinary, unique=True),
    # Bumped under this row's lock at each accepted alert: the order of the strategy's signals.
    Column("signal_seq", BigInteger, nullable=False, server_default=text("0")),
    Column("deleted_at", c.WHEN),
    c.created(),
    c.updated(),
    Index(
        "uq_strategies_name",
        "user_id",
        "name_key",
        unique=True,
        postgresql_where=text("deleted_at IS NULL"),
    ),
    comment="What a trader's alerts drive. 0 is a legal size and an absent rule is no rule.",
)

strategy_versions = Table(
    "strategy_versions",
    metadata,
    c.identity(),
    c.owner(),
    Column("strategy_id", BigInteger, ForeignKey("strategies.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("settings", JSONB, nullable=False),
    c.created(),
    UniqueConstraint("strategy_id", "version"),
    comment="The settings of a strategy after each change of them, accounts included.",
)

strategy_accounts = Table(
    "strategy_accounts",
    metadata,
    Column("strategy_id", BigInteger, ForeignKey("strategies.id"), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), primary_key=True, index=True),
    c.owner(),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    # NULL: the account's own setting holds.
    Column("multiplier", Numeric(12, 4)),
    Column("max_contracts", Integer),
    c.text("custom_ticker", nullable=True),
    c.created(),
    comment="Which accounts a strategy trades, with settings of this pair.",
)
