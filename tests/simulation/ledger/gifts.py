"""What others traded becomes a strategy's: the fills change their owner."""

from __future__ import annotations

from dataclasses import replace

from shared.domain.ids import EXTERNAL, AccountId, StrategyId
from tests.simulation.ledger.fact_fills import refold, tell_given
from tests.simulation.ledger.journal import Journal


def give(journal: Journal, account: AccountId, contract: str, strategy: StrategyId) -> bool:
    """All that is EXTERNAL in this contract since it was last flat."""
    mine = [
        row
        for row in journal.store.fills.rows()
        if (row.account_id, row.strategy_id, row.contract) == (account, EXTERNAL, contract)
        and row.active
    ]
    mine.sort(key=lambda row: (row.filled_at, row.broker_fill_id))
    net, since = 0, 0
    for number, row in enumerate(mine, start=1):
        net += row.fill.signed_qty
        since = number if net == 0 else since
    given = [replace(row, strategy_id=strategy) for row in mine[since:]]
    for row in given:
        journal.store.fills.put((account, row.broker_fill_id), row)
        tell_given(journal, row)
    if given:
        refold(journal, replace(given[0], strategy_id=EXTERNAL))
        refold(journal, given[0])
    return bool(given)
