"""What a strategy's settings were after each change of them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# One statement, so that the row holds what this transaction wrote. The strategy is locked by it.
_KEEP: Final = text("""
    WITH now_set AS (
      SELECT s.id, s.user_id, to_jsonb(s) - ARRAY['id', 'user_id', 'webhook_key_hash',
               'webhook_prev_hash', 'key_version', 'signal_seq', 'created_at', 'updated_at']
             || jsonb_build_object('accounts', coalesce((
                  SELECT jsonb_agg(to_jsonb(a) - ARRAY['strategy_id', 'user_id', 'created_at']
                                   ORDER BY a.account_id)
                  FROM strategy_accounts a WHERE a.strategy_id = s.id), '[]'::jsonb)) AS settings
      FROM strategies s WHERE s.id = :strategy
    ), newest AS (
      SELECT version, settings FROM strategy_versions WHERE strategy_id = :strategy
      ORDER BY version DESC LIMIT 1
    )
    INSERT INTO strategy_versions (user_id, strategy_id, version, settings)
    SELECT n.user_id, n.id, coalesce((SELECT version FROM newest), 0) + 1, n.settings
    FROM now_set n WHERE n.settings IS DISTINCT FROM (SELECT settings FROM newest)
""")


async def keep(connection: AsyncConnection, strategy_id: int) -> None:
    """Write the settings down, unless they are as they were."""
    await connection.execute(_KEEP, {"strategy": strategy_id})
