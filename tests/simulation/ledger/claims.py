"""Pending intents whose turn it is are judged; what may go is SENDING afterwards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from shared.contracts.envelope import Envelope
from shared.domain.claim import MARKET_ORDER_PATIENCE, Candidate, End, Send, Wait, stale
from shared.domain.claim_gates import EntryFacts
from shared.domain.held_up import fenced
from shared.domain.ids import AccountId, ConnectionId, IntentId
from shared.domain.instruments import product_of
from shared.domain.order import IntentState, OrderIntent, Role
from shared.ports.ledger import AccountRef, Cancel, Claimed, Claims, Judge, Lease
from tests.simulation.ledger import rungs, standings, withdrawals
from tests.simulation.ledger.endings import Ending, end_intents
from tests.simulation.ledger.journal import Journal
from tests.simulation.ledger.leases import is_live
from tests.simulation.ledger.legs import closed_by_legs, resized, working_of
from tests.simulation.ledger.logins import rests
from tests.simulation.ledger.protection import held_of, orphans
from tests.simulation.ledger.scenes import link_of, scene_without_past
from tests.simulation.rows import IntentRow, LinkRow
from tests.simulation.store import Store

_AT_ONCE: Final = 200
_UNSENT: Final = (IntentState.PENDING, IntentState.SENDING)
_OVER: Final = End(
    IntentState.SKIPPED, "entry.superseded", "A later signal closed the strategy before it went."
)
Endings = dict[IntentId, tuple[AccountId, End]]


def claim(store: Store, held: Sequence[Lease], judge: Judge, now: datetime) -> Claims:
    judge = fenced(judge)
    opened = store.intents.open()
    epochs = {lease.connection_id: lease.epoch for lease in held if _holds(store, lease, now)}
    queues = _queues(opened)
    turn = [row for row in opened if _is_turn(store, row, queues, epochs, now)][:_AT_ONCE]
    endings = _hopeless(store, {lease.connection_id for lease in held}, opened, now)
    claimed: list[Claimed] = []
    resizes = []
    cancels = orphans(store, {lease.connection_id for lease in held}, now)
    cancels += withdrawals.cancels(store, {lease.connection_id for lease in held})
    for row in turn:
        connection = store.connection_of(row.account_id)
        facts = _facts(store, row, now) if row.role is Role.ENTRY else None
        verdict = judge(replace(_candidate(store, row, opened, now), facts=facts))
        if isinstance(verdict, Send):
            claimed.append(_freeze(store, connection, verdict, epochs[connection], now))
        elif isinstance(verdict, End):
            endings[row.id] = (row.account_id, verdict)
        elif isinstance(verdict, Wait):
            cancels += [Cancel(connection, order) for order in verdict.cancel]
            if verdict.resize:
                resizes.append(resized(store, connection, verdict.resize))
    for pair, verdict in rungs.due(store, opened, epochs, judge, now):
        connection = store.connection_of(pair[0].account_id)
        if isinstance(verdict, Send):
            claimed.append(_freeze(store, connection, verdict, epochs[connection], now))
        elif isinstance(verdict, End):
            endings |= {row.id: (row.account_id, verdict) for row in pair}
    events = tuple(_end(store, endings, now))
    return Claims(tuple(claimed), tuple(cancels), events, tuple(resizes))


def _queues(opened: list[IntentRow]) -> dict[AccountId, list[IntentRow]]:
    """Of each account its open orders, legs aside, in their order."""
    out: dict[AccountId, list[IntentRow]] = defaultdict(list)
    for row in opened:
        if not row.is_leg:
            out[row.account_id].append(row)
    return out


def _holds(store: Store, lease: Lease, now: datetime) -> bool:
    row = store.leases.get(lease.connection_id)
    return row is not None and row.epoch == lease.epoch and is_live(row, now)


def _is_turn(
    store: Store,
    row: IntentRow,
    queues: Mapping[AccountId, list[IntentRow]],
    epochs: Mapping[ConnectionId, int],
    now: datetime,
) -> bool:
    if row.state is not IntentState.PENDING or row.is_leg or withdrawals.is_taken_back(row):
        return False
    if store.connection_of(row.account_id) not in epochs:
        return False
    if row.not_before is not None and row.not_before > now:
        return False
    before = queues[row.account_id]
    if row.role is Role.ENTRY:
        return not _quarantined(store, row) and not any(_stops_entry(e, row) for e in before)
    return not any(_stops_exit(each, row) for each in before if each.id != row.id)


def _quarantined(store: Store, row: IntentRow) -> bool:
    risk = store.risk.get(row.account_id)
    return risk is not None and risk.quarantined_at is not None


def _stops_entry(other: IntentRow, row: IntentRow) -> bool:
    if other.account_seq < row.account_seq and (
        other.state in _UNSENT or (other.role.ends and _same_owner(other, row))
    ):
        return True
    return other.root == row.root and other.state is IntentState.UNKNOWN


def _same_owner(other: IntentRow, row: IntentRow) -> bool:
    return (other.intent.strategy_id, other.root) == (row.intent.strategy_id, row.root)


def _stops_exit(other: IntentRow, row: IntentRow) -> bool:
    if not _same_owner(other, row):
        return False
    unsent = other.account_seq < row.account_seq and other.state in _UNSENT
    in_doubt = other.role.ends and other.state in (
        IntentState.SENDING,
        IntentState.UNKNOWN,
    )
    return unsent or in_doubt


def _hopeless(
    store: Store, connections: set[ConnectionId], opened: list[IntentRow], now: datetime
) -> Endings:
    """Pending entries that will never go, and why."""
    pending = [
        row
        for row in opened
        if row.state is IntentState.PENDING and store.connection_of(row.account_id) in connections
    ]
    out: Endings = {
        row.id: (row.account_id, _OVER)
        for row in pending
        if row.role is Role.ENTRY and _superseded(store, row, opened, now)
    }
    for row in pending:
        if row.intent.expires_at is not None and row.intent.expires_at <= now:
            out[row.id] = (row.account_id, stale())
    return out | withdrawals.unsent(pending)


def _superseded(store: Store, row: IntentRow, opened: list[IntentRow], now: datetime) -> bool:
    here = [each for each in opened if each.account_id == row.account_id and each.root == row.root]
    ends = [each for each in here if each.role.ends and _same_owner(each, row)]
    leaving = [
        each
        for each in ends
        if each.state is IntentState.PENDING and each.account_seq > row.account_seq
    ]
    slow = any(each.role is Role.EXIT for each in leaving) and any(
        each.state in (IntentState.ACCEPTED, IntentState.WORKING)
        and each.claimed_at is not None
        and each.claimed_at < now - MARKET_ORDER_PATIENCE
        for each in ends
    )
    doubt = any(each.state is IntentState.UNKNOWN for each in here)
    return bool(leaving) and (slow or doubt or _quarantined(store, row))


def _candidate(store: Store, row: IntentRow, opened: list[IntentRow], now: datetime) -> Candidate:
    account, strategy, contract = row.owner
    after = None if row.intent.after is None else store.intents.get(row.intent.after)
    held = store.positions.get((account, contract, strategy))
    return Candidate(
        intent=row.intent,
        legs=tuple(leg.intent for leg in opened if leg.intent.parent == row.id),
        tick=product_of(row.root).tick_size,
        after_state=None if after is None else after.state,
        owner_net=0 if held is None else held_of(store, held),
        working=working_of(store, row, opened) if row.role.ends else (),
        closed_by_legs=closed_by_legs(store, row),
        rests=rests(store, store.connection_of(row.account_id), now),
    )


def _facts(store: Store, row: IntentRow, now: datetime) -> EntryFacts:
    strategy = store.strategies.one(row.intent.strategy_id)
    link = store.links.get((strategy.strategy.id, row.account_id))
    gone = LinkRow(strategy.strategy.id, row.account_id, enabled=False)
    facts = EntryFacts(
        root=row.root,
        strategy=replace(
            strategy.strategy, active=strategy.strategy.active and not strategy.deleted
        ),
        link=link_of(store, gone if link is None else link),
        scene=scene_without_past(store, strategy.strategy.id, row.account_id, now, _has_left),
    )
    known = standings.load(store, [row.account_id], [strategy.strategy.id], now)
    return facts.told(known)


def _has_left(row: IntentRow) -> bool:
    return row.state is not IntentState.PENDING or row.role in (Role.EXIT, Role.REDUCE)


def _freeze(
    store: Store, connection: ConnectionId, send: Send, epoch: int, now: datetime
) -> Claimed:
    for intent in (send.intent, *send.legs):
        _send(store, intent, epoch, now)
    account = store.accounts.one(send.intent.account_id)
    ref = AccountRef(account.id, send.intent.user_id, account.broker_account_id, account.name)
    tick = product_of(store.intents.one(send.intent.id).root).tick_size
    return Claimed(send.intent, send.legs, connection, ref, tick)


def _send(store: Store, intent: OrderIntent, epoch: int, now: datetime) -> None:
    row = store.intents.one(intent.id)
    if row.state is IntentState.PENDING:
        if row.role is Role.REDUCE:
            last = store.risk.one(row.account_id).event_seq
            row = replace(row, created_at=now, as_of_event=last)
        row = replace(row, claimed_at=now, claim_epoch=epoch)
        sending = replace(row, state=IntentState.SENDING)
        store.intents.change(replace(sending, intent=intent))


def _end(store: Store, endings: Endings, now: datetime) -> list[Envelope]:
    journal = Journal.open(store, (account for account, _ in endings.values()), now)
    ends = [
        Ending(each, end.state, end.code, end.message, end.detail)
        for each, (_, end) in endings.items()
    ]
    end_intents(journal, ends)
    return journal.close()
