"""Which facts of a large batch are news. A full read tells mostly what the record already holds.

Asked in sets and before any lock is taken: a login with thousands of old orders must not hold up
the one that is being placed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.ports.broker import Fact, FeeFact, FillFact, OrderFact

# Below this a look-up costs more than it saves.
WORTH_ASKING: Final = 12

_ORDERS: Final = text("""
    SELECT o.account_id, o.broker_order_id, o.intent_id, o.client_id, o.status, o.order_type,
      o.qty, o.price, o.stop_price,
      o.intent_id IS NULL AND EXISTS (
        SELECT 1 FROM intents i
        WHERE i.account_id = o.account_id AND i.broker_order_id = o.broker_order_id) AS is_claimed
    FROM orders o
    WHERE o.account_id = ANY (CAST(:accounts AS bigint[]))
      AND o.broker_order_id = ANY (CAST(:ids AS bigint[]))
""")
_FILLS: Final = text("""
    SELECT account_id, broker_fill_id, active, fee_usd FROM fills
    WHERE account_id = ANY (CAST(:accounts AS bigint[]))
      AND broker_fill_id = ANY (CAST(:ids AS bigint[]))
""")


async def news(
    connection: AsyncConnection, ours: dict[int, int], facts: Sequence[Fact]
) -> Sequence[Fact]:
    """`facts` without those that would change nothing; `ours` maps broker accounts to ours."""
    if len(facts) < WORTH_ASKING:
        return facts
    accounts = list(ours.values())
    order_ids = [fact.order_id for fact in facts if isinstance(fact, OrderFact)]
    fill_ids = [fact.fill_id for fact in facts if isinstance(fact, FillFact | FeeFact)]
    orders = {
        (row.account_id, row.broker_order_id): row
        for row in await connection.execute(_ORDERS, {"accounts": accounts, "ids": order_ids})
    }
    fills = {
        row.broker_fill_id: row
        for row in await connection.execute(_FILLS, {"accounts": accounts, "ids": fill_ids})
    }
    new = {_about(fact) for fact in facts if not _is_known(fact, ours, orders, fills)}
    return [fact for fact in facts if _about(fact) in new]


def _about(fact: Fact) -> tuple[object, ...]:
    """What a fact is about.

    Beside something new even the known is news: the last word of a batch counts, old or not.
    """
    match fact:
        case OrderFact():
            return "order", fact.account, fact.order_id
        case FillFact() | FeeFact():
            return "fill", fact.fill_id
        case _:
            return (fact,)


def _is_known(
    fact: Fact, ours: dict[int, int], orders: dict[tuple[int, int], Any], fills: dict[int, Any]
) -> bool:
    match fact:
        case OrderFact():
            row = orders.get((ours.get(fact.account, 0), fact.order_id))
            return row is not None and _same_order(fact, row)
        case FillFact():
            row = fills.get(fact.fill_id)
            return row is not None and row.active == fact.active
        case FeeFact():
            row = fills.get(fact.fill_id)
            return row is not None and row.fee_usd == fact.fee_usd
        case _:
            return False


def _same_order(fact: OrderFact, row: Any) -> bool:
    """Equal in what an order row shows, and not waiting to be bound or to be named."""
    if row.is_claimed or (row.client_id is None and fact.client_id is not None):
        return False
    if row.intent_id is None and (fact.client_id is not None or fact.strategy is not None):
        return False
    kind = None if fact.order_type is None else fact.order_type.value
    return (row.status, row.order_type, row.qty, row.price, row.stop_price) == (
        fact.status.value,
        kind,
        fact.qty_contracts,
        fact.price,
        fact.stop_price,
    )
