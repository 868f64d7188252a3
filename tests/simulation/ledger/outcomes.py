"""What became of a call to the broker. An answer never takes a step back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from shared.contracts.envelope import Envelope
from shared.domain.ids import ConnectionId, IntentId, intent_id
from shared.domain.leg_places import try_again_after_s
from shared.domain.order import IntentState, Role
from shared.ports.broker import CAPTCHA, Accepted, NotSent, Outcome, Refused, Unknown
from shared.ports.ledger import Lease, Unresolved
from tests.simulation.ledger.decisions import insert
from tests.simulation.ledger.endings import Ending, end_intents
from tests.simulation.ledger.journal import Journal
from tests.simulation.ledger.logins import rest
from tests.simulation.ledger.withdrawals import is_taken_back
from tests.simulation.rows import IntentRow
from tests.simulation.store import Store

_STUCK_AFTER: Final = timedelta(seconds=15)
_NEVER_SENT: Final = (
    IntentState.PENDING,
    IntentState.STALE,
    IntentState.SKIPPED,
    IntentState.BLOCKED,
)


def record(store: Store, intent: IntentId, outcome: Outcome, now: datetime) -> list[Envelope]:
    match outcome:
        case Accepted(is_strategy=True):
            accept(store, intent, None, (), now)
        case Accepted(order_id, leg_order_ids):
            accept(store, intent, order_id, leg_order_ids, now)
        case Unknown(cause):
            for row in _sending(store, intent):
                store.intents.change(replace(_doubted(row, cause), answered_at=now))
        case NotSent(cause, retry_after_s):
            not_before = now + timedelta(seconds=retry_after_s)
            for row in _sending(store, intent):
                store.intents.change(_back(row, cause, not_before))
            if cause == CAPTCHA:
                account = store.intents.one(intent).account_id
                rest(store, store.connection_of(account), not_before)
        case Refused(code, reason):
            return _refuse(store, store.intents.one(intent), code, reason, now)
        case _:
            assert_never(outcome)
    return []


def _refuse(store: Store, row: IntentRow, code: str, reason: str, now: datetime) -> list[Envelope]:
    journal = Journal.open(store, [row.account_id], now)
    refused = [row, *(_beside(store, row) if row.intent.rung else ())]
    after_s = try_again_after_s(row.intent.attempt) if row.intent.rung else None
    if after_s is not None:
        for each in refused:
            _next_attempt(journal, each, after_s)
    end_intents(journal, [Ending(each.id, IntentState.REJECTED, code, reason) for each in refused])
    return journal.close()


def _beside(store: Store, row: IntentRow) -> list[IntentRow]:
    """What leaves in one call with it."""
    intent = row.intent
    if intent.rung and intent.parent is not None:
        pair = store.intents.legs(intent.parent)
        mine = (intent.rung, intent.attempt)
        pair = [leg for leg in pair if (leg.intent.rung, leg.intent.attempt) == mine]
        return [leg for leg in pair if leg.id != row.id]
    legs = store.intents.legs(row.id)
    return [leg for leg in legs if leg.intent.rung == 0 or not _has_price(leg)]


def _has_price(row: IntentRow) -> bool:
    return row.intent.price is not None or row.intent.stop_price is not None


def _sending(store: Store, intent: IntentId) -> list[IntentRow]:
    """The order and the legs that left with it, as far as no answer is known."""
    order = store.intents.get(intent)
    rows = [] if order is None else [order, *_beside(store, order)]
    return [row for row in rows if row.state is IntentState.SENDING]


def _doubted(row: IntentRow, why: str) -> IntentRow:
    code = row.code if is_taken_back(row) else "broker.unknown"
    return replace(row, state=IntentState.UNKNOWN, code=code, message=why)


def _back(row: IntentRow, why: str, not_before: datetime) -> IntentRow:
    unclaimed = replace(row, state=IntentState.PENDING, claimed_at=None, claim_epoch=None)
    return replace(unclaimed, not_before=not_before, message=why)


def accept(
    store: Store,
    intent: IntentId,
    order_id: int | None,
    leg_order_ids: tuple[int, ...],
    now: datetime,
) -> None:
    """Bind the broker's order ids; an order whose id is unknown is bound by the stream."""
    order = store.intents.get(intent)
    legs = [] if order is None else _beside(store, order)
    pairs: list[tuple[IntentRow | None, int | None]] = [
        (order, order_id),
        *zip(legs, leg_order_ids, strict=False),
    ]
    for row, each in pairs:
        if row is None or row.state in _NEVER_SENT:
            continue
        doubt = row.state in (IntentState.SENDING, IntentState.UNKNOWN)
        bound = each if row.broker_order_id is None else row.broker_order_id
        state = IntentState.ACCEPTED if doubt else row.state
        store.intents.change(replace(row, broker_order_id=bound, answered_at=now, state=state))


def take_over(store: Store, lease: Lease) -> None:
    for row in store.intents.open():
        if (
            store.connection_of(row.account_id) == lease.connection_id
            and row.state is IntentState.SENDING
            and row.claim_epoch is not None
            and row.claim_epoch < lease.epoch
        ):
            why = "The process that was sending it ended."
            store.intents.change(_doubted(row, why))


def unresolved(
    store: Store, connections: Collection[ConnectionId], now: datetime
) -> list[Unresolved]:
    mine = [
        row for row in store.intents.open() if store.connection_of(row.account_id) in connections
    ]
    for row in mine:
        late = row.claimed_at is not None and row.claimed_at < now - _STUCK_AFTER
        if row.state is IntentState.SENDING and late:
            why = "The outcome of the call was not written in time."
            store.intents.change(_doubted(row, why))
    return [
        Unresolved(row.id, store.connection_of(row.account_id), row.role, row.claimed_at)
        for row in map(store.intents.one, [row.id for row in mine])
        if row.state is IntentState.UNKNOWN and _is_asked_for(row) and row.claimed_at is not None
    ]


def _is_asked_for(row: IntentRow) -> bool:
    """An order by itself; its legs are found with it."""
    return not row.is_leg or (row.intent.rung > 0 and _has_price(row))


def abandon(store: Store, intent: IntentId, now: datetime) -> list[Envelope]:
    row = store.intents.one(intent)
    if row.state is not IntentState.UNKNOWN:
        return []
    journal = Journal.open(store, [row.account_id], now)
    if row.role.ends or row.intent.rung:
        _next_attempt(journal, row)
    message = "The broker does not know it: it never arrived."
    end_intents(journal, [Ending(intent, IntentState.ABANDONED, "broker.never_arrived", message)])
    return journal.close()


def _next_attempt(journal: Journal, row: IntentRow, after_s: float = 0) -> None:
    before = row.intent
    attempt = before.attempt + 1
    key = intent_id(before.cause, before.cause_id, before.account_id, before.leg, attempt)
    again = replace(before, id=key, attempt=attempt)
    if row.role is Role.REDUCE:
        insert(journal, again, row.root)
        made = journal.store.intents.one(key)
        since = replace(made, created_at=row.created_at, as_of_event=row.as_of_event)
        journal.store.intents.change(since)
    elif row.intent.rung:
        insert(journal, again, row.root)
        made = journal.store.intents.one(key)
        due = journal.now + timedelta(seconds=after_s)
        journal.store.intents.change(replace(made, not_before=due))
    else:
        insert(journal, replace(again, qty_contracts=0), row.root)
