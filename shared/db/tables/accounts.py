"""Broker logins and the accounts under them. Written by api, balances by execution."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    Table,
    UniqueConstraint,
    text,
)

from shared.db.tables import columns as c
from shared.db.tables.base import metadata

broker_connections = Table(
    "broker_connections",
    metadata,
    c.identity(),
    c.owner(),
    c.text("name"),
    c.text("broker", default="tradovate"),
    c.text("environment"),  # live | demo | paper
    c.text("auth_type", default="credentials"),  # credentials | api
    c.text("login_name"),
    Column("password_sealed", LargeBinary),
    c.text("client_id", nullable=True),
    Column("client_secret_sealed", LargeBinary),
    c.text("device_id"),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    # What it traded stays on record; its secrets go at once, and its name may be connected again.
    Column("deleted_at", c.WHEN),
    c.created(),
    c.updated(),
    Index(
        "uq_broker_connections_login",
        "broker",
        "environment",
        text("lower(login_name)"),
        unique=True,
        postgresql_where=text("deleted_at IS NULL"),
    ),
    comment="One login at a broker; exactly one execution process drives it (see leases).",
)

accounts = Table(
    "accounts",
    metadata,
    c.identity(),
    c.owner(),
    Column(
        "connection_id", BigInteger, ForeignKey("broker_connections.id"), nullable=False, index=True
    ),
    Column("broker_account_id", BigInteger, nullable=False),
    c.text("name"),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("multiplier", Numeric(12, 4), nullable=False, server_default=text("1")),
    # 0 means no cap: a hidden default cap has capped traders without telling them.
    Column("max_contracts", Integer, nullable=False, server_default=text("0")),
    c.text("custom_ticker", nullable=True),
    c.text("netting", default="exclusive"),  # exclusive | shared
    c.rules(),  # read by shared.domain.rules.AccountRules
    # A live account trades only where a person has said so: a copy of the database is another
    # place, see `tm_database_home`.
    Column("live_enabled_at", c.WHEN),
    c.text("live_enabled_home", nullable=True),
    c.created(),
    c.updated(),
    UniqueConstraint("connection_id", "broker_account_id"),
    comment="A trading account under a connection, with what scales and limits orders in it.",
)

account_balances = Table(
    "account_balances",
    metadata,
    Column("account_id", BigInteger, ForeignKey("accounts.id"), primary_key=True),
    c.owner(),
    Column("trade_date", Date, nullable=False),
    Column("cash_usd", c.MONEY, nullable=False),
    Column("realized_pnl_usd", c.MONEY),
    Column("as_of", c.WHEN, nullable=False),
    comment="The broker's word on cash, newest only.",
)
