"""What strategies did, from flat to flat. Written by recorder."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.db.tables import columns as c
from shared.db.tables.base import metadata
from shared.db.tables.counts import kind_of_trade

recorded_positions = Table(
    "recorded_positions",
    metadata,
    c.identity(),
    c.owner(),
    Column("strategy_id", BigInteger, nullable=False),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False),
    # The fill that opened it: the key that makes recording it again harmless.
    Column("opening_fill_id", BigInteger, nullable=False),
    c.text("contract"),
    c.text("root"),
    c.text("ticker", nullable=True),  # as the alert wrote it
    c.text("timeframe", nullable=True),
    c.text("side"),  # BUY | SELL
    Column("qty", Integer, nullable=False),  # largest size held
    Column("open_qty", Integer, nullable=False),
    Column("entry_price", c.PRICE, nullable=False),
    Column("exit_price", c.PRICE),
    Column("entry_at", c.WHEN, nullable=False),
    Column("exit_at", c.WHEN),
    c.text("exit_reason", nullable=True),  # Take Profit | Stop Loss | Signal | Manual | Risk
    Column("stop_loss_price", c.PRICE),
    Column("take_profit_price", c.PRICE),
    Column("gross_usd", c.MONEY, nullable=False),
    Column("fees_usd", c.MONEY, nullable=False),
    Column("net_usd", c.MONEY, nullable=False),
    Column("fees_known", Boolean, nullable=False),
    c.text("status"),  # open | closed | stopped_out | target_hit
    Column("signal_id", BigInteger),
    Column("exits", JSONB, nullable=False, server_default=text("'[]'")),
    Column("version", BigInteger, nullable=False),
    c.updated(),
    UniqueConstraint("account_id", "strategy_id", "opening_fill_id"),
    Index(
        "ix_recorded_open", "strategy_id", "account_id", postgresql_where=text("status = 'open'")
    ),
    Index("ix_recorded_opening", "account_id", "opening_fill_id"),
    comment="A strategy's round trip in one account, from its first fill until flat.",
)

trades = Table(
    "trades",
    metadata,
    c.identity(),
    c.owner(),
    Column(
        "recorded_position_id",
        BigInteger,
        ForeignKey("recorded_positions.id"),
        nullable=False,
        unique=True,
    ),
    Column("strategy_id", BigInteger, nullable=False),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False),
    c.text("contract"),
    c.text("root"),
    c.text("ticker", nullable=True),
    c.text("timeframe", nullable=True),
    c.text("side"),
    Column("qty", Integer, nullable=False),
    Column("entry_price", c.PRICE, nullable=False),
    Column("exit_price", c.PRICE, nullable=False),
    Column("entry_at", c.WHEN, nullable=False),
    Column("exit_at", c.WHEN, nullable=False),
    c.text("exit_reason"),
    Column("gross_usd", c.MONEY, nullable=False),
    Column("fees_usd", c.MONEY, nullable=False),
    Column("net_usd", c.MONEY, nullable=False),
    Column("trade_date", Date, nullable=False),
    c.updated(),
    kind_of_trade("account_id::text"),
    Index("ix_trades_user_exit", "user_id", "exit_at"),
    Index("ix_trades_strategy_exit", "strategy_id", "exit_at"),
    Index("ix_trades_group_exit", "group_key", "exit_at", "id"),
    comment="Closed round trips: what statistics are made of.",
)

trade_notes = Table(
    "trade_notes",
    metadata,
    Column("user_id", BigInteger, ForeignKey("users.id"), primary_key=True, index=True),
    # What stays of a trade, however often it is recorded anew or whoever it is given to: where it
    # began. Of one that was brought in: account 0, and its id.
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("opening_id", BigInteger, primary_key=True, autoincrement=False),
    c.text("note"),
    Column("tags", ARRAY(Text), nullable=False),
    c.updated(),
    comment="What an owner wrote on a closed trade, and the words it is found by.",
)

unmatched_activity = Table(
    "unmatched_activity",
    metadata,
    c.identity(),
    c.owner(),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False),
    c.text("contract"),
    Column("broker_fill_id", BigInteger),
    c.text("reason"),
    Column("detail", JSONB, nullable=False),
    c.created(),
    UniqueConstraint("account_id", "broker_fill_id"),
    comment="Activity of an account that no strategy explains, with the reason why not.",
)
