"""The broker's facts become orders, fills and positions: each applied once, by its id.

Facts come twice, late and out of order. An order row only changes when it differs, a fill only
counts when it is new, and a position is the fold of fills and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from execution.ledger import fact_balances, fact_fills, fact_orders
from execution.ledger.endings import end_decisions
from execution.ledger.fact_news import news
from execution.ledger.journal import Journal
from shared.contracts.envelope import Envelope
from shared.domain.ids import ConnectionId, IntentId
from shared.ports.broker import (
    BalanceFact,
    Fact,
    FeeFact,
    FillFact,
    OrderFact,
)

_ACCOUNTS: Final = text("""
    SELECT id, broker_account_id FROM accounts WHERE connection_id = :connection
""")


async def apply(
    connection: AsyncConnection, login: ConnectionId, facts: Sequence[Fact], now: datetime
) -> list[Envelope]:
    """Apply facts of one login. Accounts we do not know are nobody's and are passed over."""
    ours = {
        row.broker_account_id: row.id
        for row in await connection.execute(_ACCOUNTS, {"connection": login})
    }
    facts = await news(connection, ours, facts)
    orders = _by_account([fact for fact in facts if isinstance(fact, OrderFact)], ours)
    fills = _by_account([fact for fact in facts if isinstance(fact, FillFact)], ours)
    balances = _by_account([fact for fact in facts if isinstance(fact, BalanceFact)], ours)
    fees = [fact for fact in facts if isinstance(fact, FeeFact)]
    touched = {*orders, *fills, *balances}
    touched |= await fact_fills.accounts_of(connection, [fee.fill_id for fee in fees], login)
    journal = await Journal.open(connection, touched, now)
    ended: set[IntentId] = set()
    ended |= await fact_orders.apply(journal, orders)
    ended |= await fact_fills.apply(journal, fills)
    await fact_fills.apply_fees(journal, fees)
    await fact_balances.apply(journal, balances)
    await end_decisions(journal, ended)
    return await journal.close()


def _by_account(facts: Sequence[Any], ours: dict[int, int]) -> dict[int, list[Any]]:
    out: dict[int, list[Any]] = defaultdict(list)
    for fact in facts:
        if fact.account in ours:
            out[ours[fact.account]].append(fact)
    return out
