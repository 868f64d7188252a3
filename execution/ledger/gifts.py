"""What others traded becomes a strategy's: its fills change their owner and stay the same fills.

Nothing is booked beside the broker's ledger, so the account's book does not change by it; the two
owners' books are folded anew from the first fill that was given.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from sqlalchemy import text

from execution.ledger.journal import Journal
from execution.ledger.positions import Changed, refold
from shared.contracts.orders import FillRecorded
from shared.domain.ids import EXTERNAL, AccountId, StrategyId

# Everything since nobody but us held anything here.
_GIVE: Final = text("""
    WITH running AS (
      SELECT broker_fill_id, filled_at, sum(CASE action WHEN 'Buy' THEN qty ELSE -qty END)
          OVER (ORDER BY filled_at, broker_fill_id) AS net
      FROM fills
      WHERE account_id = :account AND strategy_id = 0 AND contract = :contract AND active
    ), flat AS (
      SELECT filled_at, broker_fill_id FROM running WHERE net = 0
      ORDER BY filled_at DESC, broker_fill_id DESC LIMIT 1
    )
    UPDATE fills f SET strategy_id = :strategy FROM running r
    WHERE f.account_id = :account AND f.broker_fill_id = r.broker_fill_id
      AND ((r.filled_at, r.broker_fill_id) > (SELECT filled_at, broker_fill_id FROM flat)
        OR NOT EXISTS (SELECT 1 FROM flat))
    RETURNING f.*
""")


async def give(journal: Journal, account: AccountId, contract: str, strategy: StrategyId) -> bool:
    """All that is EXTERNAL in this contract now; False when there is nothing."""
    parameters = {"account": account, "contract": contract, "strategy": strategy}
    rows = list(await journal.connection.execute(_GIVE, parameters))
    rows.sort(key=lambda row: (row.filled_at, row.broker_fill_id))
    for row in rows:
        _tell(journal, account, row)
    if rows:
        first = Changed(rows[0].filled_at, rows[0].broker_fill_id)
        for owner in (EXTERNAL, strategy):
            await refold(journal, account, owner, contract, rows[0].root, first)
    return bool(rows)


def _tell(journal: Journal, account: AccountId, row: Any) -> None:
    fee: Decimal | None = row.fee_usd
    body = FillRecorded(
        account_id=account,
        fill_id=row.broker_fill_id,
        order_id=row.broker_order_id,
        intent_id=None,
        strategy_id=row.strategy_id,
        signal_id=None,
        role=None,
        contract=row.contract,
        root=row.root,
        action=row.action,
        qty=row.qty,
        price=row.price,
        fee_usd=fee,
        trade_date=row.trade_date,
        filled_at=row.filled_at,
    )
    key = f"{account}:{row.broker_fill_id}:{row.strategy_id}"
    journal.tell_again(account, body, key, f"fill:{row.broker_fill_id}")
