"""Positions: folded from the fills of one owner in one contract, since it was last flat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import text

from execution.ledger.journal import Journal
from shared.contracts.positions import PositionChanged
from shared.domain.ids import AccountId
from shared.domain.instruments import PRODUCTS
from shared.domain.order import Action, Fill
from shared.domain.position import FLAT
from shared.domain.risk.realized import fold_realized

# Only from where the owner was last flat before the fill that changed: the window's running sum
# finds where that was. What was realised before it cannot change.
_FILLS: Final = text("""
    WITH running AS (
      SELECT broker_fill_id, action, qty, price, filled_at, realized_usd,
        sum(CASE action WHEN 'Buy' THEN qty ELSE -qty END)
          OVER (ORDER BY filled_at, broker_fill_id) AS net
      FROM fills
      WHERE account_id = :account_id AND strategy_id = :strategy_id AND contract = :contract
        AND active
    ), flat AS (
      SELECT filled_at, broker_fill_id FROM running
      WHERE net = 0 AND (filled_at, broker_fill_id) < (:changed_at, :changed_fill)
      ORDER BY filled_at DESC, broker_fill_id DESC LIMIT 1
    )
    SELECT broker_fill_id, action, qty, price, filled_at, realized_usd FROM running
    WHERE (filled_at, broker_fill_id) > (SELECT filled_at, broker_fill_id FROM flat)
      OR NOT EXISTS (SELECT 1 FROM flat)
    ORDER BY filled_at, broker_fill_id
""")
_REALIZED: Final = text("""
    UPDATE fills f SET realized_usd = r.realized_usd
    FROM unnest(CAST(:fills AS bigint[]), CAST(:amounts AS numeric[])) AS r(fill_id, realized_usd)
    WHERE f.account_id = :account_id AND f.broker_fill_id = r.fill_id
""")
# The database keeps ten places of what an average need not end at.
_SAME_USD: Final = Decimal("1E-9")
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


@dataclass(frozen=True, slots=True)
class Changed:
    """The fill that is new or void: nothing before it has changed."""

    at: datetime
    fill_id: int


async def refold(
    journal: Journal,
    account: AccountId,
    strategy_id: int,
    contract: str,
    root: str,
    changed: Changed,
) -> None:
    """Fold again and say so. `strategy_id` 0 owns what is not ours."""
    key = {"account_id": account, "strategy_id": strategy_id, "contract": contract}
    since = {"changed_at": changed.at, "changed_fill": changed.fill_id}
    rows = (await journal.connection.execute(_FILLS, {**key, **since})).all()
    fills = [Fill(Action(row.action), row.qty, row.price, row.filled_at) for row in rows]
    walked = list(fold_realized(fills, _point_value(root)))
    position = walked[-1][1] if walked else FLAT
    await _realize(
        journal, account, [(row, usd) for row, (usd, _) in zip(rows, walked, strict=True)]
    )
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


async def _realize(
    journal: Journal, account: AccountId, walked: Sequence[tuple[Any, Decimal]]
) -> None:
    """Write what each fill realised where it is news."""
    news = [(row.broker_fill_id, usd) for row, usd in walked if _differs(row.realized_usd, usd)]
    if news:
        parameters = {"fills": [fill for fill, _ in news], "amounts": [usd for _, usd in news]}
        await journal.connection.execute(_REALIZED, {**parameters, "account_id": account})


def _differs(kept: Decimal, usd: Decimal) -> bool:
    return abs(kept - usd) > _SAME_USD
