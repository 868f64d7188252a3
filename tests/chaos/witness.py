"""Writes down what PostgreSQL and the venue hold at the end, for the checker to read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx

LEDGER_LIMIT_S: Final = 120.0
_TABLES: Final = {
    "accounts": "SELECT id, name FROM accounts",
    "strategies": "SELECT id, name FROM strategies",
    "signals": "SELECT id, strategy_id, seq, status, code, received_at FROM signals",
    "alerts": """SELECT id, signal_id, verdict, code, convert_from(body, 'UTF8') AS body,
        answered_status FROM alerts""",
    "decisions": """SELECT signal_id, account_id, strategy_id, disposition, code, decided_at,
        ended_at FROM signal_decisions""",
    "intents": """SELECT id, signal_id, account_id, strategy_id, role, attempt, action, qty, state,
        code, broker_order_id, filled_qty, created_at, claimed_at, ended_at FROM intents""",
    "orders": "SELECT account_id, broker_order_id, intent_id, status FROM orders",
    "fills": """SELECT account_id, broker_fill_id, broker_order_id, intent_id, strategy_id,
        contract, action, qty, price, fee_usd, active FROM fills""",
    "positions": "SELECT account_id, contract, strategy_id, net_qty FROM positions",
    "trades": """SELECT t.id, t.account_id, t.strategy_id, t.contract, t.side, t.qty, t.gross_usd,
        t.fees_usd, t.net_usd, r.opening_fill_id FROM trades t
        JOIN recorded_positions r ON r.id = t.recorded_position_id""",
    "recorded": """SELECT account_id, strategy_id, contract, open_qty, opening_fill_id, status
        FROM recorded_positions""",
    "deliveries": "SELECT id, event_id, kind, state, code, attempts FROM deliveries",
    "dead_letters": "SELECT consumer, error_class, error FROM dead_letters",
    "unpublished": "SELECT id, stream, type FROM outbox WHERE published_at IS NULL",
    "balances": "SELECT account_id, cash_usd FROM account_balances",
    "lags": """SELECT o.type, extract(epoch FROM i.handled_at - o.created_at) AS lag_s
        FROM outbox o JOIN inbox i ON i.consumer = 'recorder' AND i.event_id = o.event_id
        WHERE o.type = 'fill.recorded.v1'""",
    "quarantined": """SELECT account_id, quarantine_code FROM risk_state
        WHERE quarantined_at IS NOT NULL""",
}


async def write_down(folder: Path, database_url: str, control_url: str) -> None:
    """`database.json` and `venue.json`, figures as text."""
    database = await asyncpg.connect(database_url)
    try:
        tables = {name: _rows(await database.fetch(query)) for name, query in _TABLES.items()}
    finally:
        await database.close()
    (folder / "database.json").write_text(json.dumps(tables, default=str), encoding="utf-8")
    async with httpx.AsyncClient(trust_env=False, timeout=LEDGER_LIMIT_S) as http:
        answer = await http.get(f"{control_url}/ledger")
    answer.raise_for_status()
    (folder / "venue.json").write_bytes(answer.content)


def _rows(found: list[asyncpg.Record]) -> list[dict[str, Any]]:
    return [dict(row) for row in found]
