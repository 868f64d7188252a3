"""How accounts and strategies stand towards their money rules. Written by execution only."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, ForeignKey, Table
from sqlalchemy.dialects.postgresql import JSONB

from shared.db.tables import columns as c
from shared.db.tables.base import metadata

risk_standings = Table(
    "risk_standings",
    metadata,
    Column("scope", c.text("scope").type, primary_key=True),  # account | strategy
    Column("scope_id", BigInteger, primary_key=True),
    c.owner(),
    Column("reached", JSONB, nullable=False),
    Column("prop", JSONB(none_as_null=True)),
    Column("anchor_usd", c.MONEY),
    Column("anchor_at", c.WHEN),
    Column("day", Date, nullable=False),
    Column("day_usd", c.MONEY),  # NULL: not known, as the rest
    Column("week_usd", c.MONEY),
    Column("room_usd", c.MONEY),
    Column("seen_at", c.WHEN, nullable=False),
    comment="Outlives midnight and restarts: limits reached, a prop account's floor, the mark.",
)

risk_prices = Table(
    "risk_prices",
    metadata,
    Column("connection_id", BigInteger, ForeignKey("broker_connections.id"), primary_key=True),
    Column("contract", c.text("contract").type, primary_key=True),
    c.owner(),
    Column("bid", c.PRICE, nullable=False),
    Column("ask", c.PRICE, nullable=False),
    Column("seen_at", c.WHEN, nullable=False),
    comment="Where a login's positions could last be closed: for judging risk in any process.",
)

risk_values = Table(
    "risk_values",
    metadata,
    Column("account_id", BigInteger, ForeignKey("accounts.id"), primary_key=True),
    c.owner(),
    Column("open_usd", c.MONEY, nullable=False),
    Column("asked_at", c.WHEN, nullable=False),
    comment="An account's open P&L by the broker's word, asked for where no price is at hand.",
)
