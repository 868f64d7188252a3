"""What a strategy did in its accounts before now: for paces, adds and brakes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.domain.decision.past import Span
from shared.domain.decision.scene import History, PastEntry
from shared.domain.ids import AccountId, StrategyId, UserId
from shared.domain.order import Action

# The order whose fill began what is held is found from the newest fill backwards, so that the
# scan ends there and not at the account's first day. Entries that ended before they were sent
# (STALE, SKIPPED, BLOCKED) never count.
_HISTORY: Final = text("""
    WITH here AS (SELECT unnest(CAST(:accounts AS bigint[])) AS account_id),
    mine AS (
      SELECT p.account_id, p.contract, p.net_qty FROM positions p JOIN here USING (account_id)
      WHERE p.strategy_id = :strategy
    ), opener AS (
      SELECT m.account_id, min(o.account_seq) AS seq FROM mine m
      CROSS JOIN LATERAL (
        SELECT w.intent_id FROM (
          SELECT f.intent_id, f.filled_at, f.broker_fill_id,
            m.net_qty - sum(CASE f.action WHEN 'Buy' THEN f.qty ELSE -f.qty END) OVER (
              ORDER BY f.filled_at DESC, f.broker_fill_id DESC ROWS UNBOUNDED PRECEDING) AS before
          FROM fills f
          WHERE f.account_id = m.account_id AND f.contract = m.contract
            AND f.strategy_id = :strategy AND f.active) w
        WHERE w.before = 0 ORDER BY w.filled_at DESC, w.broker_fill_id DESC LIMIT 1) began
      JOIN intents o ON o.id = began.intent_id
      WHERE m.net_qty <> 0 GROUP BY m.account_id
    )
    SELECT here.account_id, opener.seq,
      EXISTS (SELECT FROM mine m WHERE m.account_id = here.account_id AND m.net_qty <> 0) AS holds,
      (SELECT max(ended.filled_at) FROM mine m CROSS JOIN LATERAL (
         SELECT f.filled_at FROM fills f
         WHERE f.account_id = m.account_id AND f.contract = m.contract
           AND f.strategy_id = :strategy AND f.active
         ORDER BY f.filled_at DESC, f.broker_fill_id DESC LIMIT 1) ended
       WHERE m.account_id = here.account_id) AS last_fill_at,
      (SELECT count(*) FROM intents i WHERE i.account_id = here.account_id
         AND i.strategy_id = :strategy AND i.role = 'entry' AND i.ended_at IS NULL
         AND i.account_seq IS DISTINCT FROM opener.seq) AS coming,
      (SELECT count(*) FROM intents i WHERE i.account_id = here.account_id
         AND i.strategy_id = :strategy AND i.role = 'entry' AND i.ended_at IS NOT NULL
         AND i.filled_qty > 0 AND i.account_seq > opener.seq) AS added,
      (SELECT i.created_at FROM intents i WHERE i.account_id = here.account_id
         AND i.strategy_id = :strategy AND i.role = 'entry'
         AND i.state NOT IN ('STALE', 'SKIPPED', 'BLOCKED')
       ORDER BY i.created_at DESC LIMIT 1) AS last_entry_at,
      (SELECT max(d.entry_no) FROM signal_decisions d
       WHERE d.strategy_id = :strategy AND d.entry_no IS NOT NULL) AS asked,
      (SELECT count(*) FROM (SELECT FROM intents i WHERE i.account_id = here.account_id
         AND i.strategy_id = :strategy AND i.role = 'entry'
         AND i.state NOT IN ('STALE', 'SKIPPED', 'BLOCKED')
         AND i.created_at > coalesce((SELECT max(c.created_at) FROM controls c
           WHERE c.scope = 'strategy' AND c.scope_id = :strategy AND c.word = 'resume'
             AND c.user_id = :user), '-infinity')
       ORDER BY i.created_at DESC LIMIT :review) own) AS since_review,
      (SELECT count(*) FROM (SELECT FROM intents i WHERE i.account_id = here.account_id
         AND i.role = 'entry' AND i.state NOT IN ('STALE', 'SKIPPED', 'BLOCKED')
         AND i.created_at > coalesce((SELECT max(c.created_at) FROM controls c
           WHERE c.scope = 'account' AND c.scope_id = here.account_id AND c.word = 'resume'
             AND c.user_id = :user), '-infinity')
       ORDER BY i.created_at DESC LIMIT :account_review) every) AS account_since_review,
      (SELECT coalesce(jsonb_agg(jsonb_build_array(i.created_at, i.root, i.contract, i.action,
           i.qty, i.strategy_id) ORDER BY i.created_at, i.account_seq), '[]')
       FROM intents i WHERE i.account_id = here.account_id AND i.role = 'entry'
         AND i.state NOT IN ('STALE', 'SKIPPED', 'BLOCKED')
         AND i.created_at > :since) AS recent
    FROM here LEFT JOIN opener USING (account_id)
""")
Both = tuple[History, History]


async def read_histories(
    connection: AsyncConnection,
    strategy: StrategyId,
    user: UserId,
    accounts: Sequence[AccountId],
    span: Span,
    now: datetime,
) -> dict[AccountId, Both]:
    """By account: the strategy's history there, and that of all strategies."""
    parameters = {
        "strategy": strategy,
        "user": user,
        "accounts": list(accounts),
        "since": now - timedelta(seconds=span.recent_s),
        "review": span.review,
        "account_review": span.account_review,
    }
    rows = await connection.execute(_HISTORY, parameters)
    return {AccountId(row.account_id): _both(row, strategy) for row in rows}


def _both(row: Any, strategy: StrategyId) -> Both:
    recent: dict[bool, list[PastEntry]] = defaultdict(list)
    for entry in row.recent:
        recent[entry[5] == strategy].append(_past(entry))
    own = History(
        adds_made=row.coming + row.added if row.holds else max(0, row.coming - 1),
        last_entry_at=row.last_entry_at,
        flat_since=None if row.holds else row.last_fill_at,
        asked_entries=row.asked or 0,
        since_review=row.since_review,
        recent=tuple(recent[True]),
    )
    everyone = sorted((*recent[True], *recent[False]), key=lambda past: past.at)
    return own, History(since_review=row.account_since_review, recent=tuple(everyone))


def _past(entry: Sequence[Any]) -> PastEntry:
    at, root, contract, action, qty, _ = entry
    return PastEntry(datetime.fromisoformat(at), root, contract, Action(action), qty)
