"""Legs that stand for more or fewer contracts than is left of their entries."""

from __future__ import annotations

from itertools import groupby
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from execution.ledger.legs import LEG_COLUMNS, resized, working
from shared.domain.claim import cover_of
from shared.domain.cover import handed_over, remainder_of, resizes
from shared.domain.ids import ConnectionId
from shared.domain.order import IntentState
from shared.domain.position import still_held
from shared.ports.ledger import UNEVEN_AFTER_S, LegResize

# Not while an exit is under way: it sizes or cancels them itself. Fills of one moment come in
# parts, so a position rests a while first, and until then a first pair only gives up what pairs of
# earlier rungs have taken over. An entry that still works has legs the broker sizes.
_LEGS: Final = text(f"""
    SELECT {LEG_COLUMNS}, w.account_id, w.contract, w.strategy_id, a.connection_id, p.net_qty,
      e.filled_qty = e.qty AS is_whole,
      EXISTS (
        SELECT 1 FROM positions q WHERE q.account_id = p.account_id AND q.contract = p.contract
          AND q.updated_at > clock_timestamp() - make_interval(secs => {UNEVEN_AFTER_S})
      ) AS has_moved,
      coalesce((SELECT sum(abs(q.net_qty)) FROM positions q
        WHERE q.account_id = p.account_id AND q.contract = p.contract
          AND q.strategy_id <> 0 AND sign(q.net_qty) = sign(p.net_qty)), 0) AS same_side,
      coalesce((SELECT q.net_qty FROM positions q WHERE q.account_id = p.account_id
        AND q.contract = p.contract AND q.strategy_id = 0), 0) AS external,
      coalesce((SELECT sum(n.filled_qty) FROM intents n WHERE n.account_id = p.account_id
        AND n.strategy_id = p.strategy_id AND n.contract = p.contract AND n.role = 'entry'
        AND n.ended_at IS NULL), 0) AS unfinished
    FROM intents w
    JOIN intents e ON e.id = w.parent_id AND e.ended_at IS NOT NULL AND e.filled_qty > 0
    JOIN accounts a ON a.id = w.account_id
    JOIN positions p ON p.account_id = w.account_id AND p.contract = w.contract
      AND p.strategy_id = w.strategy_id AND p.net_qty <> 0
    LEFT JOIN orders o ON o.account_id = w.account_id AND o.broker_order_id = w.broker_order_id
    WHERE a.connection_id = ANY (CAST(:connections AS bigint[])) AND w.ended_at IS NULL
      AND w.role IN ('take_profit', 'stop_loss') AND w.state IN ('ACCEPTED', 'WORKING')
      AND w.broker_order_id IS NOT NULL
      AND NOT EXISTS (
        SELECT 1 FROM intents x WHERE x.account_id = w.account_id AND x.ended_at IS NULL
          AND x.strategy_id = w.strategy_id AND x.contract = w.contract
          AND x.role IN ('exit', 'reduce'))
    ORDER BY w.account_id, w.contract, w.strategy_id, w.account_seq
""")
# What entries have left whose stops have all ended a while ago, since the owner was last flat.
_GONE: Final = text(f"""
    SELECT coalesce(sum(e.filled_qty - l.closed), 0)
    FROM intents e
    JOIN LATERAL (
      SELECT sum(c.filled_qty) AS closed,
        max(c.ended_at) FILTER (WHERE c.role = 'stop_loss') AS stopped_until,
        bool_or(c.ended_at IS NULL AND c.state <> 'PENDING') AS has_legs
      FROM intents c WHERE c.parent_id = e.id
    ) l ON l.closed < e.filled_qty AND NOT l.has_legs
      AND l.stopped_until < clock_timestamp() - make_interval(secs => {UNEVEN_AFTER_S})
    WHERE e.account_id = :account_id AND e.strategy_id = :strategy_id AND e.contract = :contract
      AND e.role = 'entry' AND e.ended_at IS NOT NULL
      AND e.created_at > clock_timestamp() - interval '7 days'
      AND NOT EXISTS (
        SELECT 1 FROM intents x WHERE x.account_id = e.account_id AND x.role = 'exit'
          AND x.strategy_id = e.strategy_id AND x.contract = e.contract
          AND x.account_seq > e.account_seq AND x.filled_qty > 0)
""")


async def uneven(
    connection: AsyncConnection, connections: list[int]
) -> list[tuple[LegResize, ...]]:
    rows = list(await connection.execute(_LEGS, {"connections": connections}))
    owners = groupby(rows, lambda row: (row.account_id, row.contract, row.strategy_id))
    found = [each for _, some in owners for each in await _of_owner(connection, list(some))]
    return [changes for changes in found if changes]


async def _of_owner(connection: AsyncConnection, rows: list[Any]) -> list[tuple[LegResize, ...]]:
    return _at_once(rows) if rows[0].has_moved else [await _at_rest(connection, rows)]


def _at_once(rows: list[Any]) -> list[tuple[LegResize, ...]]:
    """None of them waits for another: each shrinks for contracts that another pair stands for."""
    some = [row for row in rows if row.is_whole and IntentState(row.state) is IntentState.WORKING]
    changes = handed_over([cover_of(working(each)) for each in some])
    return [resized(ConnectionId(rows[0].connection_id), [each], rows) for each in changes]


async def _at_rest(connection: AsyncConnection, rows: list[Any]) -> tuple[LegResize, ...]:
    row = rows[0]
    held = abs(still_held(row.net_qty, int(row.same_side), row.external)) - int(row.unfinished)
    legs = [cover_of(working(each)) for each in rows]
    left = remainder_of(held, legs)
    if left < held:
        left = remainder_of(held, legs, await _gone(connection, row))
    changes = resizes(left, legs) if left else ()
    return resized(ConnectionId(row.connection_id), changes, rows)


async def _gone(connection: AsyncConnection, row: Any) -> int:
    owner = {
        "account_id": row.account_id,
        "strategy_id": row.strategy_id,
        "contract": row.contract,
    }
    return int((await connection.execute(_GONE, owner)).scalar_one())
