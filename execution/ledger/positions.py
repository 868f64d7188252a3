"""Positions: folded from the fills of one owner in one contract, since it was last flat."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from sqlalchemy import text

from execution.ledger.journal import Journal
from shared.contracts.positions import PositionChanged
from shared.domain.ids import AccountId
from shared.domain.instruments import PRODUCTS
from shared.domain.order import Action, Fill
from shared.domain.position import fold_all

# Only the fills after the owner was last flat: the window's running sum finds where that was.
_FILLS: Final = text("""
    WITH running AS (
      SELECT broker_fill_id, action, qty, price, filled_at,
        sum(CASE action WHEN 'Buy' THEN qty ELSE -qty END)
          OVER (ORDER BY filled_at, broker_fill_id) AS net
      FROM fills
      WHERE account_id = :account_id AND strategy_id = :strategy_id AND contract = :contract
        AND active
    ), flat AS (
      SELECT filled_at, broker_fill_id FROM running WHERE net = 0
      ORDER BY filled_at DESC, broker_fill_id DESC LIMIT 1
    )
    SELECT action, qty, price, filled_at FROM running
    WHERE (filled_at, broker_fill_id) > (SELECT filled_at, broker_fill_id FROM flat)
      OR NOT EXISTS (SELECT 1 FROM flat)
    ORDER BY filled_at, broker_fill_id
""")
_POINT_VALUE: Final = text("""
    SELECT k.point_value_usd FROM accounts a
    JOIN broker_connections c ON c.id = a.connection_id
    JOIN contracts k ON k.environment = c.environment AND k.name = :contract
    WHERE a.id = :account_id
""")
_UPSERT: Final = text("""
    INSERT INTO positions AS p
      (account_id, contract, strategy_id, user_id, root, net_qty, avg_price, version)
    VALUES (:account_id, :contract, :strategy_id, :user_id, :root, :net_qty, :avg_price, 1)
    ON CONFLICT (account_id, contract, strategy_id) DO UPDATE SET net_qty = excluded.net_qty,
      avg_price = excluded.avg_price, version = p.version + 1, updated_at = now()
    RETURNING version
""")


def _point_value(root: str) -> Decimal:
    """Of our own table. A product it does not know is worth nothing until the broker tells."""
    product = PRODUCTS.get(root)
    return Decimal(0) if product is None else product.point_value


async def refold(
    journal: Journal, account: AccountId, strategy_id: int, contract: str, root: str
) -> None:
    """Fold again and say so. `strategy_id` 0 owns what is not ours."""
    key = {"account_id": account, "strategy_id": strategy_id, "contract": contract}
    rows = await journal.connection.execute(_FILLS, key)
    position = fold_all(Fill(Action(row.action), row.qty, row.price, row.filled_at) for row in rows)
    values = {
        **key,
        "user_id": journal.accounts[account].user_id,
        "root": root,
        "net_qty": position.net_qty,
        "avg_price": position.avg_price,
    }
    version = (await journal.connection.execute(_UPSERT, values)).scalar_one()
    brokers = (await journal.connection.execute(_POINT_VALUE, key)).scalar()
    body = PositionChanged(
        account_id=account,
        strategy_id=strategy_id,
        contract=contract,
        root=root,
        net_qty=position.net_qty,
        avg_price=position.avg_price,
        point_value_usd=_point_value(root) if brokers is None else brokers,
        version=version,
        as_of=journal.now,
    )
    about = f"position:{account}:{contract}:{strategy_id}"
    journal.tell(account, body, f"{account}:{contract}:{strategy_id}:{version}", None, about)
