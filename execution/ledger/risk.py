"""How accounts and strategies stand, looked at again and again: what was reached is kept.

One look serves all logins of a process, in one transaction. The looks of several processes follow
one another, so that of two that see the same strategy neither forgets what the other kept.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from execution.ledger.journal import Journal
from shared.contracts.accounts import RiskReached
from shared.contracts.envelope import Envelope
from shared.db.controls import ask_to_close
from shared.db.standings import load_facts, load_scopes
from shared.domain.gates.controls import Scope as Spoken
from shared.domain.ids import AccountId, StrategyId
from shared.domain.order import Action
from shared.domain.risk.facts import RiskFacts
from shared.domain.risk.memory import prop_to_json, reached_to_json
from shared.domain.risk.scope import News, Scope, ScopeKind, news_of
from shared.ports.ledger import Closing

_LOCK: Final = text("SELECT pg_advisory_xact_lock(10, 0)")
_ACCOUNTS: Final = text("""
    SELECT a.id AS account_id, sa.strategy_id FROM accounts a
    LEFT JOIN (
      SELECT account_id, strategy_id FROM strategy_accounts
      UNION SELECT account_id, strategy_id FROM positions WHERE net_qty <> 0 AND strategy_id <> 0
    ) sa ON sa.account_id = a.id
    WHERE a.connection_id = ANY (CAST(:connections AS bigint[]))
    ORDER BY a.id, sa.strategy_id
""")
_HELD: Final = text("""
    SELECT DISTINCT a.connection_id, a.user_id, p.contract FROM positions p
    JOIN accounts a ON a.id = p.account_id
    WHERE a.connection_id = ANY (CAST(:connections AS bigint[])) AND p.net_qty <> 0
    ORDER BY a.connection_id, p.contract
""")
_PRICE: Final = text("""
    INSERT INTO risk_prices AS k (connection_id, contract, user_id, bid, ask, seen_at)
    VALUES (:connection_id, :contract, :user_id, :bid, :ask, :seen_at)
    ON CONFLICT (connection_id, contract) DO UPDATE SET bid = excluded.bid, ask = excluded.ask,
      seen_at = excluded.seen_at
""")
_KEEP: Final = text("""
    INSERT INTO risk_standings AS k (scope, scope_id, user_id, reached, prop, anchor_usd, anchor_at,
      day, day_usd, week_usd, room_usd, seen_at)
    VALUES (:scope, :scope_id, :user_id, CAST(:reached AS jsonb), CAST(:prop AS jsonb),
      :anchor_usd, :anchor_at, :day, :day_usd, :week_usd, :room_usd, :seen_at)
    ON CONFLICT (scope, scope_id) DO UPDATE SET reached = excluded.reached, prop = excluded.prop,
      anchor_usd = excluded.anchor_usd, anchor_at = excluded.anchor_at, day = excluded.day,
      day_usd = excluded.day_usd, week_usd = excluded.week_usd, room_usd = excluded.room_usd,
      seen_at = excluded.seen_at
""")


async def watch(
    connection: AsyncConnection, connections: list[int], closing: Closing, now: datetime
) -> list[Envelope]:
    """Returns the events of what was reached since the last look."""
    rows = (await connection.execute(_ACCOUNTS, {"connections": connections})).all()
    accounts = sorted({AccountId(row.account_id) for row in rows})
    strategies = sorted({StrategyId(row.strategy_id) for row in rows if row.strategy_id})
    if not await load_scopes(connection, accounts, strategies):
        return []
    await connection.execute(_LOCK)
    scopes = await load_scopes(connection, accounts, strategies)  # as the last look left them
    await _price(connection, connections, closing, now)
    facts = await load_facts(connection, accounts, strategies, scopes, now)
    await connection.execute(_KEEP, [_row(scope, facts, now) for scope in scopes])
    reached = [(scope, tuple(news_of(scope.kept, scope.seen(facts)))) for scope in scopes]
    for scope, news in reached:
        why = scope.closes_for(news)
        if why is not None:
            await _close(connection, scope, why, facts.on)
    homes = {row.strategy_id: AccountId(row.account_id) for row in reversed(rows)}
    return await _tell(connection, reached, facts, homes, now)


async def _price(
    connection: AsyncConnection, connections: list[int], closing: Closing, now: datetime
) -> None:
    """Where what is held could be closed now; without a fresh price the last one grows old."""
    news = []
    for row in await connection.execute(_HELD, {"connections": connections}):
        bid, ask = closing(row.contract, Action.SELL), closing(row.contract, Action.BUY)
        if bid is not None and ask is not None:
            news.append({**row._mapping, "bid": bid, "ask": ask, "seen_at": now})  # noqa: SLF001 - SQLAlchemy's public name
    if news:
        await connection.execute(_PRICE, news)


def _row(scope: Scope, facts: RiskFacts, now: datetime) -> dict[str, Any]:
    kept, books = scope.seen(facts), scope.books(facts)
    mark = books.mark
    return {
        "scope": scope.kind.value,
        "scope_id": scope.id,
        "user_id": scope.user_id,
        "reached": json.dumps(reached_to_json(kept.reached)),
        "prop": None if kept.prop is None else json.dumps(prop_to_json(kept.prop)),
        "anchor_usd": None if kept.anchor is None else kept.anchor.amount_usd,
        "anchor_at": None if kept.anchor is None else kept.anchor.as_of,
        "day": facts.on,
        "day_usd": None if mark is None else mark.day_usd,
        "week_usd": None if mark is None else mark.week_usd,
        "room_usd": scope.room_usd(kept, books),
        "seen_at": now,
    }


async def _close(connection: AsyncConnection, scope: Scope, why: News, on: date) -> None:
    """As a kill closes it: by a command, committed with what was reached and so once only."""
    about = Spoken(scope.kind.value)
    by = f"limit {why.code} of {on}"
    await ask_to_close(connection, scope.user_id, about, scope.id, by=by)


async def _tell(
    connection: AsyncConnection,
    reached: Sequence[tuple[Scope, tuple[News, ...]]],
    facts: RiskFacts,
    homes: dict[int, AccountId],
    now: datetime,
) -> list[Envelope]:
    """A strategy's news are told in the first of its accounts."""
    found = [
        (AccountId(scope.id) if scope.kind is ScopeKind.ACCOUNT else homes[scope.id], scope, news)
        for scope, all_news in reached
        for news in all_news
    ]
    if not found:
        return []
    journal = await Journal.open(connection, {account for account, _, _ in found}, now)
    for account, scope, news in found:
        body = RiskReached(
            account_id=account,
            scope=scope.kind.value,
            scope_id=scope.id,
            code=news.code,
            on=facts.on,
            limit_usd=news.limit_usd,
            result_usd=news.result_usd,
        )
        about = f"{scope.kind}:{scope.id}"
        journal.tell(account, body, f"{about}:{news.code}:{facts.on}", None, about)
    return await journal.close()
