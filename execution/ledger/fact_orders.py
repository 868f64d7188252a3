"""Orders as the broker shows them, bound to the intents they came from."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from execution.ledger.adoption import adopt, end_unplaced
from execution.ledger.journal import Journal
from shared.contracts.orders import OrderChanged
from shared.domain.ids import AccountId, IntentId, SignalId
from shared.domain.order import IntentState, state_of, states_before
from shared.ports.broker import OrderFact

# By the broker's order id once it is known, else by our client id: whichever came first.
_BIND: Final = text("""
    UPDATE intents SET broker_order_id = :order_id
    WHERE account_id = :account_id AND broker_order_id IS NULL
      AND id = CAST(:client_id AS uuid)
""")
_INTENT: Final = text("""
    SELECT i.id, i.strategy_id, i.signal_id, i.role, i.state, i.qty, i.filled_qty, (
      SELECT coalesce(sum(f.qty), 0) FROM fills f
      WHERE f.account_id = i.account_id AND f.intent_id = i.id) AS told_qty
    FROM intents i WHERE i.account_id = :account_id AND i.broker_order_id = :order_id
""")
_UPSERT: Final = text("""
    INSERT INTO orders AS o (account_id, broker_order_id, user_id, intent_id, contract, action,
      status, order_type, qty, price, stop_price, parent_order_id, reject_reason, client_id,
      version, as_of)
    VALUES (:account_id, :order_id, :user_id, :intent_id, :contract, :action, :status,
      :order_type, :qty, :price, :stop_price, :parent_order_id, :reject_reason,
      CAST(:client_id AS text), 1, :as_of)
    ON CONFLICT (account_id, broker_order_id) DO UPDATE SET
      intent_id = coalesce(o.intent_id, excluded.intent_id), status = excluded.status,
      client_id = coalesce(o.client_id, excluded.client_id),
      order_type = excluded.order_type, qty = excluded.qty, price = excluded.price,
      stop_price = excluded.stop_price, reject_reason = excluded.reject_reason,
      as_of = excluded.as_of, version = o.version + 1, updated_at = now()
    WHERE NOT (o.status = ANY (CAST(:final AS text[]))
               AND NOT excluded.status = ANY (CAST(:final AS text[])))
      AND (o.status, coalesce(o.order_type, ''), o.qty, coalesce(o.price, -1),
           coalesce(o.stop_price, -1), o.intent_id IS NULL AND excluded.intent_id IS NOT NULL
             OR o.client_id IS NULL AND excluded.client_id IS NOT NULL)
        IS DISTINCT FROM (excluded.status, coalesce(excluded.order_type, ''), excluded.qty,
           coalesce(excluded.price, -1), coalesce(excluded.stop_price, -1), false)
    RETURNING version
""")
_STEP: Final = text("""
    UPDATE intents SET state = :state, code = coalesce(CAST(:code AS text), code),
      message = coalesce(CAST(:message AS text), message),
      qty = CASE WHEN parent_id IS NULL THEN qty ELSE :qty END,
      answered_at = coalesce(answered_at, :now),
      ended_at = CASE WHEN :ends THEN :now ELSE NULL END
    WHERE id = :id AND state = ANY (CAST(:allowed AS text[]))
    RETURNING id
""")
# A leg's quantity is the broker's: an OCO sibling shrinks as its partner fills.
_LEG_QTY: Final = text("""
    UPDATE intents SET qty = :qty WHERE id = :id AND parent_id IS NOT NULL AND qty <> :qty
""")
_FINAL: Final = ["Canceled", "Completed", "Expired", "Filled", "Rejected"]


async def apply(journal: Journal, facts: dict[int, list[OrderFact]]) -> set[IntentId]:
    """Apply order facts; returns the intents that ended by them."""
    ended: set[IntentId] = set()
    for account, rows in facts.items():
        for fact in rows:
            ended |= await _one(journal, AccountId(account), fact)
    return ended


async def _one(journal: Journal, account: AccountId, fact: OrderFact) -> set[IntentId]:
    key = {"account_id": account, "order_id": fact.order_id}
    client_id = _ours(fact.client_id)
    if client_id is not None:
        await journal.connection.execute(_BIND, {**key, "client_id": client_id})
    strategy = _ours(fact.strategy)
    if strategy is not None:
        await adopt(journal, account, fact, strategy)
    intent = (await journal.connection.execute(_INTENT, key)).first()
    version = (
        await journal.connection.execute(_UPSERT, _row(journal, account, fact, intent))
    ).scalar()
    if version is None:
        return set()
    _tell(journal, account, fact, intent, version)
    return set() if intent is None else await _step(journal, fact, intent)


def _ours(client_id: str | None) -> UUID | None:
    """A client id that is not a UUID is somebody else's."""
    try:
        return None if client_id is None else UUID(client_id)
    except ValueError:
        return None


async def _step(journal: Journal, fact: OrderFact, intent: Any) -> set[IntentId]:
    state = state_of(fact.status)
    if state is None:
        return set()
    if state is IntentState.FILLED and intent.told_qty < intent.qty:
        # No fill is inferred from a status: the fills themselves end the intent, and a fill that
        # was taken back has been one.
        state = IntentState.WORKING
    moved = await journal.connection.execute(
        _STEP,
        {
            "id": intent.id,
            "state": state.value,
            "code": "broker.rejected" if state is IntentState.REJECTED else None,
            "message": fact.reject_reason,
            "qty": fact.qty_contracts,
            "ends": state.final,
            "allowed": [before.value for before in states_before(state)],
            "now": journal.now,
        },
    )
    await journal.connection.execute(_LEG_QTY, {"id": intent.id, "qty": fact.qty_contracts})
    if moved.first() is None or not state.final:
        return set()
    if intent.filled_qty == 0:
        await end_unplaced(journal, intent.id)
    return {IntentId(intent.id)}


def _row(journal: Journal, account: AccountId, fact: OrderFact, intent: Any) -> dict[str, Any]:
    return {
        "account_id": account,
        "order_id": fact.order_id,
        "user_id": journal.accounts[account].user_id,
        "intent_id": None if intent is None else intent.id,
        "contract": fact.contract,
        "action": fact.action.value,
        "status": fact.status.value,
        "order_type": None if fact.order_type is None else fact.order_type.value,
        "qty": fact.qty_contracts,
        "price": fact.price,
        "stop_price": fact.stop_price,
        "parent_order_id": fact.parent_order_id,
        "reject_reason": fact.reject_reason,
        "client_id": fact.client_id,
        "as_of": fact.at,
        "final": _FINAL,
    }


def _tell(journal: Journal, account: AccountId, fact: OrderFact, intent: Any, version: int) -> None:
    signal = None if intent is None or intent.signal_id is None else SignalId(intent.signal_id)
    body = OrderChanged(
        account_id=account,
        order_id=fact.order_id,
        intent_id=None if intent is None else intent.id,
        strategy_id=0 if intent is None else intent.strategy_id,
        signal_id=signal,
        role=None if intent is None else intent.role,
        contract=fact.contract,
        action=fact.action,
        status=fact.status,
        order_type=fact.order_type,
        qty=fact.qty_contracts,
        price=fact.price,
        stop_price=fact.stop_price,
        reject_reason=fact.reject_reason,
        version=version,
        as_of=fact.at,
    )
    key = f"{account}:{fact.order_id}:{version}"
    journal.tell(account, body, key, signal, f"order:{fact.order_id}")
