"""Fills, recorded once each, folded into their owner's position at the same moment."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from execution.ledger.journal import Journal
from execution.ledger.positions import Changed, refold
from shared.contracts.orders import FillFeeKnown, FillRecorded, FillVoided
from shared.domain.ids import AccountId, ConnectionId, IntentId, SignalId
from shared.domain.order import IntentState, states_before
from shared.domain.symbols import root_of
from shared.ports.broker import FeeFact, FillFact

_EXTERNAL: Final = 0

_INTENT: Final = text("""
    SELECT id, strategy_id, signal_id, role FROM intents
    WHERE account_id = :account_id AND broker_order_id = :order_id
""")
_INSERT: Final = text("""
    INSERT INTO fills (account_id, broker_fill_id, user_id, broker_order_id, intent_id,
      strategy_id, role, root, contract, action, qty, price, trade_date, active, filled_at,
      event_seq)
    VALUES (:account_id, :fill_id, :user_id, :order_id, :intent_id, :strategy_id, :role, :root,
      :contract, :action, :qty, :price, :trade_date, :active, :filled_at, :event_seq)
    ON CONFLICT (account_id, broker_fill_id) DO NOTHING
    RETURNING broker_fill_id
""")
_VOID: Final = text("""
    UPDATE fills SET active = false
    WHERE account_id = :account_id AND broker_fill_id = :fill_id AND active
    RETURNING strategy_id, contract, root, intent_id, filled_at
""")
# The sum over fills, not an addition: right however often and in whichever order they come.
_COUNT: Final = text("""
    UPDATE intents i SET filled_qty = f.qty, fill_value = f.value
    FROM (SELECT coalesce(sum(qty) FILTER (WHERE active), 0) AS qty,
            coalesce(sum(qty * price) FILTER (WHERE active), 0) AS value,
            coalesce(sum(qty), 0) AS told
          FROM fills WHERE account_id = :account_id AND intent_id = :id) f
    WHERE i.id = :id
    RETURNING i.qty, i.filled_qty, f.told, EXISTS (
      SELECT 1 FROM orders o WHERE o.account_id = i.account_id
        AND o.broker_order_id = i.broker_order_id AND o.status = 'Filled') AS shown_filled
""")
_FILLED: Final = text("""
    UPDATE intents SET state = 'FILLED', ended_at = :now, answered_at = coalesce(answered_at, :now),
      code = NULL, message = NULL
    WHERE id = :id AND state = ANY (CAST(:allowed AS text[]))
    RETURNING id
""")
_FEE: Final = text("""
    UPDATE fills f SET fee_usd = :fee_usd FROM accounts a
    WHERE a.id = f.account_id AND f.account_id = ANY (CAST(:accounts AS bigint[]))
      AND f.broker_fill_id = :fill_id AND f.fee_usd IS DISTINCT FROM CAST(:fee_usd AS numeric)
    RETURNING f.account_id, f.strategy_id, f.contract
""")
_ACCOUNTS: Final = text("""
    SELECT DISTINCT f.account_id FROM fills f JOIN accounts a ON a.id = f.account_id
    WHERE a.connection_id = :connection AND f.broker_fill_id = ANY (CAST(:fills AS bigint[]))
""")


async def apply(journal: Journal, facts: dict[int, list[FillFact]]) -> set[IntentId]:
    """Record new fills and void busted ones; returns the intents that are filled by them."""
    ended: set[IntentId] = set()
    for account, rows in facts.items():
        for fact in sorted(rows, key=lambda each: (each.at, each.fill_id)):
            ended |= await _one(journal, AccountId(account), fact)
    return ended


async def _one(journal: Journal, account: AccountId, fact: FillFact) -> set[IntentId]:
    key = {"account_id": account, "order_id": fact.order_id}
    intent = (await journal.connection.execute(_INTENT, key)).first()
    root = root_of(fact.contract, fact.trade_date)
    row = _row(journal, account, fact, intent, root)
    row["event_seq"] = journal.accounts[account].event_seq + 1
    if (await journal.connection.execute(_INSERT, row)).first() is None:
        return set() if fact.active else await _void(journal, account, fact)
    if fact.active:
        _tell(journal, account, row, intent)
        changed = Changed(fact.at, fact.fill_id)
        await refold(journal, account, row["strategy_id"], fact.contract, root, changed)
    return set() if intent is None else await _count(journal, account, IntentId(intent.id))


async def _count(journal: Journal, account: AccountId, intent: IntentId) -> set[IntentId]:
    """Filled by what counts; or, where fills were taken back, by all that the broker says filled.

    A bust takes a fill back, never the end of its order: nothing of it will come any more.
    """
    parameters = {"account_id": account, "id": intent}
    sums = (await journal.connection.execute(_COUNT, parameters)).one()
    if sums.filled_qty < sums.qty and not (sums.shown_filled and sums.told >= sums.qty):
        return set()
    allowed = [state.value for state in states_before(IntentState.FILLED)]
    done = await journal.connection.execute(
        _FILLED, {"id": intent, "allowed": allowed, "now": journal.now}
    )
    return {intent} if done.first() is not None else set()


async def _void(journal: Journal, account: AccountId, fact: FillFact) -> set[IntentId]:
    """A bust: the fill stays in the ledger, marked, and the position is folded without it."""
    key = {"account_id": account, "fill_id": fact.fill_id}
    row = (await journal.connection.execute(_VOID, key)).first()
    if row is None:
        return set()
    body = FillVoided(
        account_id=account,
        fill_id=fact.fill_id,
        strategy_id=row.strategy_id,
        contract=row.contract,
    )
    journal.tell(account, body, f"{account}:{fact.fill_id}", None, f"fill:{fact.fill_id}")
    changed = Changed(row.filled_at, fact.fill_id)
    await refold(journal, account, row.strategy_id, row.contract, row.root, changed)
    return set() if row.intent_id is None else await _count(journal, account, row.intent_id)


async def accounts_of(
    connection: AsyncConnection, fills: Sequence[int], login: ConnectionId
) -> set[int]:
    if not fills:
        return set()
    rows = await connection.execute(_ACCOUNTS, {"connection": login, "fills": list(fills)})
    return {row.account_id for row in rows}


async def apply_fees(journal: Journal, facts: Sequence[FeeFact]) -> None:
    """Fees of fills we hold; a fee whose fill is not here yet comes again with the next sync."""
    for fact in facts:
        parameters = {
            "accounts": list(journal.accounts),
            "fill_id": fact.fill_id,
            "fee_usd": fact.fee_usd,
        }
        for row in await journal.connection.execute(_FEE, parameters):
            _tell_fee(journal, AccountId(row.account_id), row, fact.fill_id, fact.fee_usd)


def _tell_fee(
    journal: Journal, account: AccountId, row: Any, fill_id: int, fee_usd: Decimal
) -> None:
    body = FillFeeKnown(
        account_id=account,
        fill_id=fill_id,
        strategy_id=row.strategy_id,
        contract=row.contract,
        fee_usd=fee_usd,
    )
    journal.tell_again(account, body, f"{account}:{fill_id}:{fee_usd}", f"fill:{fill_id}")


def _row(
    journal: Journal, account: AccountId, fact: FillFact, intent: Any, root: str
) -> dict[str, Any]:
    return {
        "account_id": account,
        "fill_id": fact.fill_id,
        "user_id": journal.accounts[account].user_id,
        "order_id": fact.order_id,
        "intent_id": None if intent is None else intent.id,
        "strategy_id": _EXTERNAL if intent is None else intent.strategy_id,
        "role": None if intent is None else intent.role,
        "root": root,
        "contract": fact.contract,
        "action": fact.action.value,
        "qty": fact.qty_contracts,
        "price": fact.price,
        "trade_date": fact.trade_date,
        "active": fact.active,
        "filled_at": fact.at,
    }


def _tell(journal: Journal, account: AccountId, row: dict[str, Any], intent: Any) -> None:
    signal = None if intent is None or intent.signal_id is None else SignalId(intent.signal_id)
    named = "fill_id order_id intent_id strategy_id role contract root action qty price trade_date"
    body = FillRecorded(
        account_id=account,
        signal_id=signal,
        fee_usd=None,
        filled_at=row["filled_at"],
        **{name: row[name] for name in named.split()},
    )
    journal.tell(account, body, f"{account}:{row['fill_id']}", signal, f"fill:{row['fill_id']}")
