"""The broker's word on cash: the newest row per account."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text

from execution.ledger.journal import Journal
from shared.contracts.accounts import BalanceChanged
from shared.domain.ids import AccountId
from shared.ports.broker import BalanceFact

_UPSERT: Final = text("""
    INSERT INTO account_balances AS b
      (account_id, user_id, trade_date, cash_usd, realized_pnl_usd, as_of)
    VALUES (:account_id, :user_id, :trade_date, :cash_usd, :realized_pnl_usd, :as_of)
    ON CONFLICT (account_id) DO UPDATE SET trade_date = excluded.trade_date,
      cash_usd = excluded.cash_usd, realized_pnl_usd = excluded.realized_pnl_usd,
      as_of = excluded.as_of
    WHERE b.as_of <= excluded.as_of AND (b.cash_usd <> excluded.cash_usd
      OR b.trade_date <> excluded.trade_date
      OR b.realized_pnl_usd IS DISTINCT FROM excluded.realized_pnl_usd)
    RETURNING account_id
""")


async def apply(journal: Journal, facts: dict[int, list[BalanceFact]]) -> None:
    for account, rows in facts.items():
        for fact in rows:
            await _one(journal, AccountId(account), fact)


async def _one(journal: Journal, account: AccountId, fact: BalanceFact) -> None:
    body = BalanceChanged(
        account_id=account,
        trade_date=fact.trade_date,
        cash_usd=fact.cash_usd,
        realized_pnl_usd=fact.realized_pnl_usd,
        as_of=fact.at,
    )
    row = {
        "account_id": account,
        "user_id": journal.accounts[account].user_id,
        "trade_date": fact.trade_date,
        "cash_usd": fact.cash_usd,
        "realized_pnl_usd": fact.realized_pnl_usd,
        "as_of": fact.at,
    }
    if (await journal.connection.execute(_UPSERT, row)).first() is not None:
        key = f"{account}:{fact.at.isoformat()}:{fact.cash_usd}:{fact.realized_pnl_usd}"
        journal.tell_again(account, body, key, f"account:{account}")
