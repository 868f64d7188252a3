"""Rows of the twin's store as api writes them to its tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from shared.domain.ids import UserId
from tests.simulation.rows import (
    AccountRow,
    CommandRow,
    ConnectionRow,
    LinkRow,
    SignalRow,
    StrategyRow,
)
from tests.simulation.store import Store

Row = dict[str, Any]


def of(store: Store) -> Iterator[tuple[str, int, Row]]:
    """Who trades where: table, number, row; each after what it refers to."""
    for user in store.users:
        yield "users", user, {"username": f"user {user}", "password_hash": "x"}
    for connection in store.connections.rows():
        yield "broker_connections", connection.id, _connection(connection)
    for account in store.accounts.rows():
        yield "accounts", account.id, _account(account)
    for strategy in store.strategies.rows():
        yield "strategies", strategy.strategy.id, _strategy(strategy)
    for link in store.links.rows():
        owner = store.accounts.one(link.account_id).user_id
        yield "strategy_accounts", link.account_id, _link(link, owner)


def signal(row: SignalRow, user: UserId) -> Row:
    return {
        "user_id": user,
        "strategy_id": row.strategy_id,
        "seq": row.seq,
        "status": "accepted",
        "content": json.dumps(row.content),
        "received_at": row.received_at,
    }


def command(row: CommandRow) -> Row:
    asked = row.command
    return {
        "user_id": asked.user_id,
        "kind": asked.kind,
        "detail": json.dumps(asked.detail),
        "requested_by": "test",
        "created_at": row.created_at,
    }


def _connection(row: ConnectionRow) -> Row:
    return {
        "user_id": row.user_id,
        "name": row.login_name,
        "broker": row.broker,
        "environment": row.environment,
        "login_name": row.login_name,
        "device_id": row.device_id,
        "enabled": row.enabled,
    }


def _account(row: AccountRow) -> Row:
    return {
        "user_id": row.user_id,
        "connection_id": row.connection_id,
        "broker_account_id": row.broker_account_id,
        "name": row.name,
        "enabled": row.enabled,
        "multiplier": row.multiplier,
        "max_contracts": row.max_contracts,
        "custom_ticker": row.custom_ticker,
        "netting": "exclusive" if row.exclusive else "shared",
        "rules": json.dumps(row.rules.stored()),
    }


def _strategy(row: StrategyRow) -> Row:
    strategy = row.strategy
    return {
        "user_id": strategy.user_id,
        "name": strategy.name,
        "name_key": strategy.name,
        "symbol": strategy.symbol,
        "active": strategy.active,
        "position_size": strategy.position_size,
        "position_add": strategy.position_add,
        "size_from": strategy.size_from.value,
        "rules": json.dumps(strategy.rules.stored()),
        "webhook_key_hash": strategy.name.encode(),
    }


def _link(row: LinkRow, owner: UserId) -> Row:
    return {
        "strategy_id": row.strategy_id,
        "account_id": row.account_id,
        "user_id": owner,
        "enabled": row.enabled,
        "multiplier": row.multiplier,
        "max_contracts": row.max_contracts,
        "custom_ticker": row.custom_ticker,
    }
