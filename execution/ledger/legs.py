"""The working orders that an exit meets, and the legs that have to change their quantity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.domain.claim import Working
from shared.domain.cover import Resize
from shared.domain.ids import ConnectionId, IntentId
from shared.domain.order import BrokerStatus, IntentState, OrderType, Role
from shared.ports.ledger import LegResize

# Orders that may still trade, by the broker's word.
AT_WORK: Final = [
    status.value
    for status in (
        BrokerStatus.WORKING,
        BrokerStatus.PENDING_NEW,
        BrokerStatus.PENDING_REPLACE,
        BrokerStatus.PENDING_CANCEL,
        BrokerStatus.SUSPENDED,
    )
]
# What a leg is worked at, by the broker's word where there is one, and which of its entry's pairs
# it is: its rung, and within it the first target belongs to the first stop, and so on. A leg that
# was tried again is the same one; a broker's order strategy may make several of one rung.
LEG_COLUMNS: Final = """
    w.id, w.broker_order_id, w.role, w.order_type, w.state, w.claimed_at, w.qty, w.filled_qty,
    coalesce(o.price, w.price) AS price, coalesce(o.stop_price, w.stop_price) AS stop_price,
    coalesce(e.account_seq, w.account_seq) AS seq, w.parent_id,
    coalesce(e.filled_qty - (SELECT sum(f.filled_qty) FROM intents f
       WHERE f.parent_id = e.id), 0) AS entry_left,
    concat(w.rung, '.', (SELECT count(DISTINCT b.leg) FROM intents b
       WHERE b.parent_id = w.parent_id AND b.role = w.role AND b.rung = w.rung
         AND b.account_seq <= w.account_seq)) AS number
"""
# An exit waits for every order of its owner that may still trade, UNKNOWN entries excepted. A part
# leaves alone what protects nothing yet: the legs of an entry that has not filled at all.
_WORKING: Final = text(f"""
    SELECT x.id AS exit_id, {LEG_COLUMNS}
    FROM intents x
    JOIN intents w ON w.account_id = x.account_id AND w.strategy_id = x.strategy_id
      AND w.contract = x.contract AND w.id <> x.id AND w.ended_at IS NULL
      AND w.state IN ('SENDING', 'ACCEPTED', 'WORKING')
    LEFT JOIN intents e ON e.id = w.parent_id
    LEFT JOIN orders o ON o.account_id = w.account_id AND o.broker_order_id = w.broker_order_id
    WHERE x.id = ANY (CAST(:exits AS uuid[]))
      AND (x.role = 'exit' OR e.id IS NULL OR e.filled_qty > 0)
    ORDER BY w.account_id, w.account_seq
""")
# What is not ours: an exit of what is not ours waits for it too.
_FOREIGN: Final = text("""
    SELECT x.id AS exit_id, x.id, o.broker_order_id, 'exit' AS role,
      coalesce(o.order_type, 'Limit') AS order_type, 'WORKING' AS state,
      CAST(NULL AS timestamptz) AS claimed_at, o.qty, 0 AS filled_qty, 0 AS seq,
      CAST(NULL AS uuid) AS parent_id, 0 AS entry_left, 0 AS number
    FROM intents x
    JOIN orders o ON o.account_id = x.account_id AND o.contract = x.contract
      AND o.intent_id IS NULL AND o.status = ANY (CAST(:at_work AS text[]))
    WHERE x.id = ANY (CAST(:exits AS uuid[])) AND x.role = 'exit'
    ORDER BY o.account_id, o.broker_order_id
""")


async def working_of(
    connection: AsyncConnection, exits: Sequence[IntentId]
) -> dict[IntentId, tuple[Any, ...]]:
    """Rows of the working orders that each of these exits meets."""
    out: dict[IntentId, tuple[Any, ...]] = {}
    if not exits:
        return out
    for row in await connection.execute(_WORKING, {"exits": list(exits)}):
        out[row.exit_id] = (*out.get(row.exit_id, ()), row)
    return out


async def foreign_of(
    connection: AsyncConnection, exits: Sequence[IntentId]
) -> dict[IntentId, tuple[Any, ...]]:
    """The same of orders that are not ours, for exits of what is not ours."""
    out: dict[IntentId, tuple[Any, ...]] = {}
    if not exits:
        return out
    parameters = {"exits": list(exits), "at_work": AT_WORK}
    for row in await connection.execute(_FOREIGN, parameters):
        out[row.exit_id] = (*out.get(row.exit_id, ()), row)
    return out


def working(row: Any) -> Working:
    return Working(
        intent_id=IntentId(row.id),
        broker_order_id=row.broker_order_id,
        role=Role(row.role),
        order_type=OrderType(row.order_type),
        state=IntentState(row.state),
        claimed_at=row.claimed_at,
        qty_contracts=row.qty,
        filled_contracts=row.filled_qty,
        pair=f"{row.parent_id}.{row.number}",
        seq=row.seq,
        entry_left_contracts=int(row.entry_left),
    )


def resized(
    connection: ConnectionId, changes: Iterable[Resize], rows: Iterable[Any]
) -> tuple[LegResize, ...]:
    """The changes in their order, each with the prices where its leg works."""
    by_id: Mapping[IntentId, Any] = {IntentId(row.id): row for row in rows}
    return tuple(_resized(connection, each, by_id[each.leg.intent_id]) for each in changes)


def _resized(connection: ConnectionId, change: Resize, row: Any) -> LegResize:
    return LegResize(
        connection_id=connection,
        intent_id=change.leg.intent_id,
        broker_order_id=change.leg.broker_order_id,
        order_type=OrderType(row.order_type),
        qty_contracts=change.qty_contracts,
        price=row.price,
        stop_price=row.stop_price,
    )
