"""The broker's facts become orders, fills and positions: each applied once, by its id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from shared.contracts.accounts import BalanceChanged
from shared.contracts.envelope import Envelope
from shared.domain.ids import AccountId, ConnectionId, IntentId
from shared.ports.broker import BalanceFact, Fact, FeeFact, FillFact, OrderFact
from tests.simulation.ledger import fact_fills, fact_orders
from tests.simulation.ledger.endings import end_decisions
from tests.simulation.ledger.journal import Journal
from tests.simulation.rows import BalanceRow
from tests.simulation.store import Store

F = TypeVar("F", OrderFact, FillFact, BalanceFact)


def apply(
    store: Store, login: ConnectionId, facts: Sequence[Fact], now: datetime
) -> list[Envelope]:
    """Accounts that are not of this login are nobody's and are passed over."""
    ours = {
        row.broker_account_id: row.id for row in store.accounts.rows() if row.connection_id == login
    }
    orders = _by_account(ours, [fact for fact in facts if isinstance(fact, OrderFact)])
    fills = _by_account(ours, [fact for fact in facts if isinstance(fact, FillFact)])
    balances = _by_account(ours, [fact for fact in facts if isinstance(fact, BalanceFact)])
    fees = [fact for fact in facts if isinstance(fact, FeeFact)]
    paid = {fee.fill_id for fee in fees}
    mine = ours.values()
    known = {account for account in mine for fill in paid if (account, fill) in store.fills}
    journal = Journal.open(store, {*orders, *fills, *balances, *known}, now)
    ended: set[IntentId] = set()
    for account, rows in orders.items():
        for order in rows:
            ended |= fact_orders.apply(journal, account, order)
    for account, executions in fills.items():
        for fill in sorted(executions, key=lambda each: (each.at, each.fill_id)):
            ended |= fact_fills.apply(journal, account, fill)
    for fee in fees:
        fact_fills.apply_fee(journal, fee)
    for account, words in balances.items():
        for balance in words:
            _apply_balance(journal, account, balance)
    end_decisions(journal, ended)
    return journal.close()


def _by_account(ours: dict[int, AccountId], facts: list[F]) -> dict[AccountId, list[F]]:
    out: dict[AccountId, list[F]] = defaultdict(list)
    for fact in facts:
        if fact.account in ours:
            out[ours[fact.account]].append(fact)
    return out


def _apply_balance(journal: Journal, account: AccountId, fact: BalanceFact) -> None:
    """The newest word on cash, told when it says something new."""
    said = BalanceRow(account, fact.trade_date, fact.cash_usd, fact.realized_pnl_usd, fact.at)
    known = journal.store.balances.get(account)
    if known is not None and (known.as_of > said.as_of or replace(known, as_of=said.as_of) == said):
        return
    journal.store.balances.put(account, said)
    body = BalanceChanged(
        account_id=account,
        trade_date=fact.trade_date,
        cash_usd=fact.cash_usd,
        realized_pnl_usd=fact.realized_pnl_usd,
        as_of=fact.at,
    )
    key = f"{account}:{fact.at.isoformat()}:{fact.cash_usd}:{fact.realized_pnl_usd}"
    journal.tell_again(account, body, key, f"account:{account}")
