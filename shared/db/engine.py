"""The engine: every wait bounded, every connection named in `pg_stat_activity`."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

CONNECT_TIMEOUT_S: Final = 2.0
POOL_TIMEOUT_API_S: Final = 0.5
POOL_TIMEOUT_S: Final = 5.0
TRANSACTION_TIMEOUT_S: Final = 15.0
# Above the server's own limit, so that the server ends a slow statement and a silent network is
# noticed all the same.
_CLIENT_MARGIN_S: Final = 2.0
_CLOSE_TIMEOUT_S: Final = 2.0


def async_url(url: str) -> URL:
    """`postgresql://` and `postgres://` as people write them, driven by asyncpg."""
    parsed = make_url(url)
    if parsed.drivername in {"postgres", "postgresql"}:
        return parsed.set(drivername="postgresql+asyncpg")
    return parsed


def make_engine(
    url: str,
    application_name: str,
    *,
    pool_size: int = 5,
    pool_timeout_s: float = POOL_TIMEOUT_S,
    statement_timeout_s: float = 5.0,
    lock_timeout_s: float = 2.0,
    transaction_timeout_s: float = TRANSACTION_TIMEOUT_S,
) -> AsyncEngine:
    """An engine that connects on first use. The pool never grows beyond `pool_size`.

    A transaction that is older than `transaction_timeout_s` is ended by the server together with
    its connection, whatever its process does: one that stands still keeps no lock for longer. (The
    limit for idle transactions alone is blind to a process that stopped between asking for a
    statement's description and running it; PostgreSQL 17 and newer.)

    Without a ping before each use: `unit_of_work` notices a dead connection at its first statement.
    """
    return create_async_engine(
        async_url(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=pool_timeout_s,
        pool_use_lifo=True,
        hide_parameters=True,
        json_deserializer=_read_json,
        connect_args={
            "timeout": CONNECT_TIMEOUT_S,
            "command_timeout": statement_timeout_s + _CLIENT_MARGIN_S,
            "server_settings": {
                "application_name": application_name,
                "timezone": "UTC",
                "statement_timeout": _milliseconds(statement_timeout_s),
                "lock_timeout": _milliseconds(lock_timeout_s),
                "transaction_timeout": _milliseconds(transaction_timeout_s),
                # Our statements are short; compiling one costs more than running it.
                "jit": "off",
            },
        },
    )


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


def _read_json(raw: str | bytes) -> object:
    """A fraction in JSONB is read exactly: no float near money, whoever wrote it."""
    return json.loads(raw, parse_float=Decimal)
