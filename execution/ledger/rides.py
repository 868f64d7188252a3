"""Stops that follow the market."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.domain.ids import ConnectionId, IntentId
from shared.domain.order import Action
from shared.domain.rules.bracket import Stop
from shared.ports.ledger import LegOffset, Riding

_RIDING: Final = text("""
    SELECT l.id, a.connection_id, l.broker_order_id, l.qty, l.moves, l.root, l.contract,
      l.stop_price AS committed, coalesce(o.stop_price, l.stop_price) AS stands_at,
      e.action AS entry_action, coalesce(
        CASE WHEN l.per_position THEN p.avg_price END, e.fill_value / e.filled_qty) AS entry_price
    FROM intents l
    JOIN intents e ON e.id = l.parent_id AND e.filled_qty > 0
    JOIN accounts a ON a.id = l.account_id
    LEFT JOIN orders o ON o.account_id = l.account_id AND o.broker_order_id = l.broker_order_id
    LEFT JOIN positions p ON p.account_id = l.account_id AND p.contract = l.contract
      AND p.strategy_id = l.strategy_id
    WHERE a.connection_id = ANY (CAST(:connections AS bigint[])) AND l.ended_at IS NULL
      AND l.role = 'stop_loss' AND l.moves IS NOT NULL AND l.state IN ('ACCEPTED', 'WORKING')
      AND l.broker_order_id IS NOT NULL AND coalesce(o.stop_price, l.stop_price) IS NOT NULL
      AND NOT EXISTS (
        SELECT 1 FROM intents x WHERE x.account_id = l.account_id AND x.ended_at IS NULL
          AND x.strategy_id = l.strategy_id AND x.contract = l.contract AND x.role = 'exit')
    ORDER BY l.account_id, l.account_seq
""")
_TIGHTEN: Final = text("""
    UPDATE intents SET stop_price = :wanted, offset_ticks = NULL, offset_percent = NULL
    WHERE id = :id AND role = 'stop_loss'
""")


async def riding(connection: AsyncConnection, connections: list[int]) -> list[Riding]:
    rows = await connection.execute(_RIDING, {"connections": connections})
    return [
        Riding(
            intent_id=IntentId(row.id),
            connection_id=ConnectionId(row.connection_id),
            broker_order_id=row.broker_order_id,
            qty_contracts=row.qty,
            contract=row.contract,
            root=row.root,
            rule=Stop.model_validate(row.moves),
            entry=Action(row.entry_action),
            entry_price=row.entry_price,
            stands_at=row.stands_at,
            committed=row.committed,
        )
        for row in rows
    ]


async def tighten(connection: AsyncConnection, leg: LegOffset) -> None:
    await connection.execute(_TIGHTEN, {"id": leg.intent_id, "wanted": leg.wanted})
