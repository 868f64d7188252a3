"""Accounts at risk without a price, and what the broker says they are worth."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from shared.domain.ids import AccountId, ConnectionId, StrategyId
from shared.domain.risk.facts import PRICE_FRESH
from shared.domain.risk.said import ASK_AFTER, ASK_EVERY
from shared.domain.risk.scope import ScopeKind
from shared.ports.ledger import Unpriced
from tests.simulation.ledger import standings
from tests.simulation.rows import PositionRow, ValueRow
from tests.simulation.store import Store


def unpriced(store: Store, connections: set[ConnectionId], now: datetime) -> list[Unpriced]:
    found: dict[AccountId, Unpriced] = {}
    for row in store.positions.rows():
        login = store.connection_of(row.account_id)
        if login in connections and _is_unpriced(store, row, now) and _is_limited(store, row):
            number = store.accounts.one(row.account_id).broker_account_id
            found[row.account_id] = Unpriced(login, row.account_id, number, now)
    return [found[account] for account in sorted(found)]


def _is_unpriced(store: Store, row: PositionRow, now: datetime) -> bool:
    if row.net_qty == 0 or row.updated_at >= now - ASK_AFTER:
        return False
    price = store.prices.get((store.connection_of(row.account_id), row.contract))
    value = store.values.get(row.account_id)
    is_known = price is not None and price.seen_at > now - PRICE_FRESH
    return not is_known and (value is None or value.asked_at <= now - ASK_EVERY)


def _is_limited(store: Store, row: PositionRow) -> bool:
    strategies = [StrategyId(row.strategy_id)] if row.strategy_id else []
    scopes = standings.scopes(store, [row.account_id], strategies)
    ours = {(ScopeKind.ACCOUNT, int(row.account_id)), (ScopeKind.STRATEGY, row.strategy_id)}
    return any((scope.kind, scope.id) in ours for scope in scopes)


def keep(store: Store, found: Unpriced, open_usd: Decimal) -> None:
    known = store.values.get(found.account_id)
    if known is None or known.asked_at < found.asked_at:
        user = store.accounts.one(found.account_id).user_id
        row = ValueRow(found.account_id, user, open_usd, found.asked_at)
        store.values.put(found.account_id, row)
