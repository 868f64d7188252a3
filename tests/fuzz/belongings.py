"""What Ada has, so that requests find something: one of each thing that has an id."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.uow import unit_of_work
from shared.domain.webhook_key import key_hash, webhook_key

_ROWS = {
    "connection_id": """
        INSERT INTO broker_connections (user_id, name, environment, login_name, device_id)
        VALUES (:user, 'Live', 'live', 'login', 'd') RETURNING id""",
    "account_id": """
        INSERT INTO accounts (user_id, connection_id, broker_account_id, name)
        VALUES (:user, 1, 7001, 'LIVE1') RETURNING id""",
    "strategy_id": """
        INSERT INTO strategies (user_id, name, name_key, webhook_key_hash, symbol)
        VALUES (:user, 'Opening Range', 'opening range', :hash, 'NQ1!') RETURNING id""",
    "command_id": """
        INSERT INTO commands (user_id, kind, detail, requested_by)
        VALUES (:user, 'close', '{}', 'ada') RETURNING id""",
    "signal_id": """
        INSERT INTO signals (user_id, strategy_id, seq, status, content, received_at)
        VALUES (:user, 1, 1, 'accepted',
          '{"kind": "order", "dialect": "json", "side": "buy", "symbol": "NQ1!"}', now())
        RETURNING id""",
    "drift_id": """
        INSERT INTO drifts (user_id, account_id, strategy_id, root, contract, code, message,
          compared, policy, found_at)
        VALUES (:user, 1, 1, 'NQ', 'NQH7', 'drift.position', 'x', '{}', 'hold', now())
        RETURNING id""",
    "job_id": """
        INSERT INTO jobs (user_id, kind, params) VALUES (:user, 'export_strategies', '{}')
        RETURNING id""",
}
_LINK = "INSERT INTO strategy_accounts (strategy_id, account_id, user_id) VALUES (1, 1, :user)"
_TRADE = """
    WITH position AS (
      INSERT INTO recorded_positions (user_id, strategy_id, account_id, opening_fill_id, contract,
        root, ticker, timeframe, side, qty, open_qty, entry_price, exit_price, entry_at, exit_at,
        exit_reason, gross_usd, fees_usd, net_usd, fees_known, status, version)
      VALUES (:user, 1, 1, 1, 'NQH7', 'NQ', 'NQ1!', '5', 'BUY', 1, 0, 21000, 21010.25, now(),
        now(), 'Take Profit', 205, 4.2, 200.8, true, 'closed', 1)
      RETURNING *)
    INSERT INTO trades (user_id, recorded_position_id, strategy_id, account_id, contract, root,
      ticker, timeframe, side, qty, entry_price, exit_price, entry_at, exit_at, exit_reason,
      gross_usd, fees_usd, net_usd, trade_date)
    SELECT user_id, id, strategy_id, account_id, contract, root, ticker, timeframe, side, qty,
      entry_price, exit_price, entry_at, exit_at, exit_reason, gross_usd, fees_usd, net_usd,
      current_date FROM position
"""


async def fill(owner: AsyncEngine, user_id: int, secret: bytes) -> dict[str, int]:
    """Name of a path's parameter -> an id that is there. In an empty database all of them are 1."""
    found = {"person_id": user_id, "session_id": 1, "key_id": 1}
    async with unit_of_work(owner) as connection:
        for name, statement in _ROWS.items():
            values: dict[str, object] = {"user": user_id}
            if ":hash" in statement:
                values["hash"] = key_hash(webhook_key(secret, 1, 1))
            found[name] = (await connection.execute(text(statement), values)).scalar_one()
        for statement in (_LINK, _TRADE):
            await connection.execute(text(statement), {"user": user_id})
    return found
