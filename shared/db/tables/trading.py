"""The order life cycle. Written by execution only."""

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
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from shared.db.tables import columns as c
from shared.db.tables.base import metadata

intents = Table(
    "intents",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    c.owner(indexed=False),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("strategy_id", BigInteger, nullable=False),
    Column("signal_id", BigInteger, index=True),
    c.text("cause"),
    Column("cause_id", BigInteger, nullable=False),
    Column("account_seq", BigInteger, nullable=False),
    c.text("role"),
    c.text("leg"),
    Column("attempt", Integer, nullable=False),
    c.text("root"),
    c.text("contract"),
    c.text("action"),
    Column("qty", Integer, nullable=False),
    c.text("order_type"),
    c.text("time_in_force"),
    Column("price", c.PRICE),
    Column("stop_price", c.PRICE),
    Column("offset_ticks", Integer),
    Column("offset_percent", c.PRICE),
    Column("rung", Integer, nullable=False, server_default=text("0")),
    Column("moves", JSONB(none_as_null=True)),
    Column("per_position", Boolean, nullable=False, server_default=text("false")),
    Column("reference_price", c.PRICE),
    Column("parent_id", UUID(as_uuid=True), index=True),
    Column("after_id", UUID(as_uuid=True)),
    Column("expires_at", c.WHEN),
    c.text("state"),
    c.text("code", nullable=True),
    c.text("message", nullable=True),
    Column("broker_order_id", BigInteger),
    Column("filled_qty", Integer, nullable=False, server_default=text("0")),
    Column("fill_value", c.PRICE, nullable=False, server_default=text("0")),
    Column("claim_epoch", BigInteger),
    Column("not_before", c.WHEN),
    # Of a part: the account's last event when its quantity was told, or claimed.
    Column("as_of_event", BigInteger),
    Column("created_at", c.WHEN, nullable=False),
    Column("claimed_at", c.WHEN),
    Column("answered_at", c.WHEN),
    Column("ended_at", c.WHEN),
    UniqueConstraint("cause", "cause_id", "account_id", "leg", "attempt"),
    UniqueConstraint("account_id", "account_seq"),
    Index("uq_intents_broker_order", "account_id", "broker_order_id", unique=True),
    Index(
        "ix_intents_open", "account_id", "account_seq", postgresql_where=text("ended_at IS NULL")
    ),
    Index(
        "ix_intents_entries", "account_id", "created_at", postgresql_where=text("role = 'entry'")
    ),
    Index(
        "ix_intents_strategy_entries",
        "account_id",
        "strategy_id",
        "created_at",
        postgresql_where=text("role = 'entry'"),
    ),
    Index("ix_intents_user_created", "user_id", "created_at"),
    comment="Every order we mean to place, committed before it is sent. id is the client order id.",
)

orders = Table(
    "orders",
    metadata,
    Column("account_id", BigInteger, ForeignKey("accounts.id"), primary_key=True),
    Column("broker_order_id", BigInteger, primary_key=True),
    c.owner(),
    Column("intent_id", UUID(as_uuid=True), index=True),
    c.text("contract"),
    c.text("action"),
    c.text("status"),
    c.text("order_type", nullable=True),
    Column("qty", Integer, nullable=False),
    Column("price", c.PRICE),
    Column("stop_price", c.PRICE),
    Column("parent_order_id", BigInteger),
    c.text("reject_reason", nullable=True),
    # As the broker tells it: two orders with one of ours were sent twice, see sentinel/.
    c.text("client_id", nullable=True),
    Column("version", BigInteger, nullable=False),
    Column("as_of", c.WHEN, nullable=False),
    c.updated(),
    Index(
        "ix_orders_client_id",
        "account_id",
        "client_id",
        postgresql_where=text("client_id IS NOT NULL"),
    ),
    Index(
        "ix_orders_foreign",
        "account_id",
        postgresql_where=text(
            "intent_id IS NULL AND status IN"
            " ('Working', 'PendingNew', 'PendingReplace', 'PendingCancel', 'Suspended')"
        ),
    ),
    comment="Orders as the broker shows them, ours and foreign ones (intent_id NULL).",
)

fills = Table(
    "fills",
    metadata,
    Column("account_id", BigInteger, ForeignKey("accounts.id"), primary_key=True),
    Column("broker_fill_id", BigInteger, primary_key=True),
    c.owner(indexed=False),
    Column("broker_order_id", BigInteger, nullable=False),
    Column("intent_id", UUID(as_uuid=True), index=True),
    # 0: nobody's of ours (EXTERNAL).
    Column("strategy_id", BigInteger, nullable=False),
    c.text("role", nullable=True),
    c.text("root"),
    c.text("contract"),
    c.text("action"),
    Column("qty", Integer, nullable=False),
    Column("price", c.PRICE, nullable=False),
    Column("fee_usd", c.MONEY),  # NULL: not told yet
    # Before fees, from its owner's average price; see shared/domain/risk/realized.py.
    Column("realized_usd", c.MONEY, nullable=False, server_default=text("0")),
    Column("trade_date", Date, nullable=False),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("filled_at", c.WHEN, nullable=False),
    Column("recorded_at", c.WHEN, nullable=False, server_default=text("now()")),
    Column("event_seq", BigInteger),  # of the event that told it; NULL: recorded before we kept it
    # In the broker's order: an owner's book is read from its last flat instant on.
    Index("ix_fills_book", "account_id", "contract", "strategy_id", "filled_at", "broker_fill_id"),
    # Results of a day or a week, per account and per strategy.
    Index("ix_fills_account_days", "account_id", "trade_date"),
    Index("ix_fills_strategy_days", "strategy_id", "trade_date"),
    Index("ix_fills_taken_back", "account_id", postgresql_where=text("NOT active")),
    Index("ix_fills_user_filled", "user_id", "filled_at"),
    comment="Each execution once, keyed as the broker keys it: the only truth about money.",
)

positions = Table(
    "positions",
    metadata,
    Column("account_id", BigInteger, ForeignKey("accounts.id"), primary_key=True),
    Column("contract", c.text("contract").type, primary_key=True),
    Column("strategy_id", BigInteger, primary_key=True),  # 0: EXTERNAL
    c.owner(),
    c.text("root"),
    Column("net_qty", Integer, nullable=False),
    Column("avg_price", c.PRICE),  # NULL when flat
    Column("version", BigInteger, nullable=False),
    c.updated(),
    Index("ix_positions_held", "strategy_id", postgresql_where=text("net_qty <> 0")),
    comment="Fold of fills per owner; the sum over owners is the account's net.",
)

contracts = Table(
    "contracts",
    metadata,
    Column("environment", c.text("environment").type, primary_key=True),
    Column("name", c.text("name").type, primary_key=True),
    Column("broker_contract_id", BigInteger, nullable=False),
    c.text("root"),
    Column("tick_size", c.PRICE, nullable=False),
    Column("point_value_usd", c.PRICE, nullable=False),
    c.updated(),
    comment="What the broker says of a contract, cached.",
)

risk_state = Table(
    "risk_state",
    metadata,
    Column("account_id", BigInteger, ForeignKey("accounts.id"), primary_key=True),
    c.owner(),
    Column("intent_seq", BigInteger, nullable=False, server_default=text("0")),
    Column("event_seq", BigInteger, nullable=False, server_default=text("0")),
    Column("quarantined_at", c.WHEN),
    c.text("quarantine_code", nullable=True),
    Column("reconciled_at", c.WHEN),
    c.updated(),
    comment="Per account: its counters (this row's lock orders its events) and its quarantine.",
)

leases = Table(
    "leases",
    metadata,
    Column("connection_id", BigInteger, ForeignKey("broker_connections.id"), primary_key=True),
    c.owner(),
    c.text("holder"),
    Column("epoch", BigInteger, nullable=False),
    Column("expires_at", c.WHEN, nullable=False),
    comment="Which execution process drives a login; expiry is judged by database time.",
)

broker_sessions = Table(
    "broker_sessions",
    metadata,
    Column("connection_id", BigInteger, ForeignKey("broker_connections.id"), primary_key=True),
    c.owner(),
    Column("token_sealed", LargeBinary),
    Column("token_expires_at", c.WHEN),
    c.text("state", default="offline"),
    c.text("reason", nullable=True),  # the code of the error behind the state
    c.text("condition", default="offline"),  # see shared/domain/login_health.py
    c.text("message", nullable=True),  # the condition in one plain sentence
    Column("since", c.WHEN),
    Column("next_attempt_at", c.WHEN),
    Column("rests_until", c.WHEN),  # after a captcha: no order is placed before
    c.updated(),
    comment="The sealed token of a login and how it is doing, why, since when, until when.",
)

broker_auth_attempts = Table(
    "broker_auth_attempts",
    metadata,
    c.identity(),
    c.text("scope"),
    c.text("verb"),
    c.text("login"),
    c.text("ending", default="pending"),
    Column("at", c.WHEN, nullable=False, server_default=text("clock_timestamp()")),
    Index("ix_broker_auth_attempts_scope_at", "scope", "at"),
    comment="Knocks at a broker's sign-in door by egress address; kept for a day.",
)

broker_requests = Table(
    "broker_requests",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("minute", c.WHEN, primary_key=True),
    Column("requests", Integer, nullable=False),
    comment="Requests of a user at a broker by minute, over all processes; kept two hours.",
)
