"""What an entry is judged by when its turn has come: settings and books of this transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.controls import newest
from shared.db.scene_books import EMPTY, has_left, read_books
from shared.db.scenes import link_of, scene_of, strategy_of, surroundings_of
from shared.domain.claim_gates import EntryFacts
from shared.domain.ids import AccountId, IntentId, StrategyId

# A link that was taken away since counts as one that is switched off.
_SETTINGS: Final = text(f"""
    SELECT s.id, s.user_id, s.name, s.symbol, s.position_size, s.position_add, s.size_from,
           s.rules, s.active AND s.deleted_at IS NULL AS active,
           a.id AS account_id, a.rules AS account_rules, a.netting = 'exclusive' AS exclusive,
           coalesce(sa.enabled AND a.enabled AND c.enabled, false) AS enabled,
           coalesce(sa.multiplier, a.multiplier) AS multiplier,
           coalesce(sa.max_contracts, a.max_contracts) AS max_contracts,
           coalesce(sa.custom_ticker, a.custom_ticker) AS custom_ticker,
           c.environment <> 'paper' AS keeps_hours, {newest("s.id")} AS said
    FROM unnest(CAST(:strategies AS bigint[]), CAST(:accounts AS bigint[]))
      AS turn (strategy_id, account_id)
    JOIN strategies s ON s.id = turn.strategy_id
    JOIN accounts a ON a.id = turn.account_id
    JOIN broker_connections c ON c.id = a.connection_id
    LEFT JOIN strategy_accounts sa ON sa.strategy_id = s.id AND sa.account_id = a.id
""")


async def entry_facts(
    connection: AsyncConnection, entries: Sequence[Any], now: datetime
) -> dict[IntentId, EntryFacts]:
    """By entry, in two statements; one whose strategy is not there any more is left out."""
    if not entries:
        return {}
    pairs = sorted({(row.strategy_id, row.account_id) for row in entries})
    parameters = {
        "strategies": [strategy for strategy, _ in pairs],
        "accounts": [account for _, account in pairs],
    }
    found = await connection.execute(_SETTINGS, parameters)
    settings = {(row.id, row.account_id): row for row in found}
    accounts = sorted({AccountId(account) for _, account in pairs})
    books = await read_books(connection, accounts, has_left)
    out: dict[IntentId, EntryFacts] = {}
    for entry in entries:
        row = settings.get((entry.strategy_id, entry.account_id))
        if row is not None:
            around = surroundings_of(row)
            here = books.get(AccountId(entry.account_id), EMPTY)
            scene = scene_of(here, StrategyId(row.id), around, now)
            out[IntentId(entry.id)] = EntryFacts(entry.root, strategy_of(row), link_of(row), scene)
    return out
