"""Which service writes which table: the second wall of the house, held by PostgreSQL roles.

Every service may read what it shows; only the writer named here may change a table. The
append-only tables may be added to by any service and are changed by their keeper alone.
`docs/data-ownership.md` is written from this module, and the migration grants from it.
"""

from __future__ import annotations

from typing import Final

SERVICES: Final = ("api", "gateway", "execution", "recorder", "notifier")

WRITER: Final[dict[str, str]] = {
    "users": "api",
    "sessions": "api",
    "ws_tickets": "api",  # the gateway redeems one through tm_use_ws_ticket
    "login_attempts": "api",
    "api_keys": "api",
    "recovery_codes": "api",
    "invites": "api",
    "profiles": "api",
    "broker_connections": "api",
    "accounts": "api",
    "strategies": "api",
    "strategy_accounts": "api",
    "strategy_versions": "api",
    "alerts": "api",
    "signals": "api",
    "notification_settings": "api",
    "idempotency_keys": "api",
    "jobs": "api",
    "job_parts": "api",
    "imported_trades": "api",
    "trade_notes": "api",
    "signal_decisions": "execution",
    "intents": "execution",
    "orders": "execution",
    "fills": "execution",
    "positions": "execution",
    "contracts": "execution",
    "risk_state": "execution",
    "drifts": "execution",
    "risk_standings": "execution",
    "risk_prices": "execution",
    "risk_values": "execution",
    "leases": "execution",
    "broker_sessions": "execution",
    "broker_auth_attempts": "execution",
    "broker_requests": "execution",  # recorder adds its own through tm_spend_requests
    "account_balances": "execution",
    "command_results": "execution",
    "recorded_positions": "recorder",
    "trades": "recorder",
    "unmatched_activity": "recorder",
    "deliveries": "notifier",
}

APPEND_ONLY: Final = ("audit_log", "commands", "controls")

# Handed from one service to another: the first adds rows, the second takes them away.
HANDED_OVER: Final[dict[str, tuple[str, str]]] = {
    "command_secrets": ("api", "execution"),
    "broker_consents": ("api", "execution"),
}

# Kept by PostgreSQL's own triggers, in the transaction that changes what they count: no service may
# write them, and none can forget to.
COUNTED: Final = ("trade_groups", "trade_days")

# The machinery of messages: each service marks its own rows in them.
MESSAGING: Final = ("outbox", "inbox", "dead_letters", "message_attempts")

# Tables without a user's rows: row security has nothing to say about them.
NO_OWNER: Final = frozenset(
    {
        "outbox",
        "inbox",
        "dead_letters",
        "message_attempts",
        "contracts",
        "login_attempts",
        "broker_auth_attempts",
        "broker_requests",
    }
)

# How people and programs are let in: the API's business alone.
_KEYS: Final = ("api_keys", "recovery_codes", "invites", "ws_tickets")

# What a service must not even read: it has no business there.
HIDDEN: Final[dict[str, tuple[str, ...]]] = {
    "api": ("broker_auth_attempts", "broker_requests", "command_secrets"),
    "gateway": (
        "broker_connections",
        "broker_sessions",
        "broker_auth_attempts",
        "broker_requests",
        "broker_consents",
        "command_secrets",
        "login_attempts",
        "alerts",
        *_KEYS,
    ),
    "notifier": (
        "broker_connections",
        "broker_sessions",
        "broker_auth_attempts",
        "broker_requests",
        "broker_consents",
        "command_secrets",
        "sessions",
        "login_attempts",
        *_KEYS,
    ),
    "execution": ("sessions", "login_attempts", *_KEYS),
    "recorder": (
        "sessions",
        "login_attempts",
        *_KEYS,
        "broker_auth_attempts",
        "broker_consents",
        "command_secrets",
    ),
}


# The watchman is no service: it reads what it counts and may say one word, see sentinel/.
SENTINEL: Final = "sentinel"
SENTINEL_READS: Final = (
    "accounts",
    "strategies",
    "strategy_accounts",
    "commands",
    "controls",
    "intents",
    "orders",
    "fills",
    "positions",
    "drifts",
    "risk_state",
)
SENTINEL_SAYS: Final = ("audit_log", "controls", "outbox")


def role(service: str) -> str:
    """The PostgreSQL login role of a service."""
    return f"tm_{service}"
