"""Where the books have parted, from the twin's tables: the slow, plain reading of everything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from shared.contracts.drifts import DriftEnded, DriftFound
from shared.contracts.envelope import Envelope
from shared.domain.calendar import trade_date
from shared.domain.drift import Change, Drift, Standing, drifts_of, followed, settle
from shared.domain.drift_books import Shelf, target_side
from shared.domain.ids import AccountId, ConnectionId, StrategyId
from shared.domain.order import IntentState
from shared.domain.rules.drift import DriftPolicy
from shared.domain.signal_json import signal_from_json
from shared.domain.symbols import root_of
from shared.ports.ledger import (
    FOREIGN_AFTER_S,
    GIVEN,
    MISSED_AFTER_S,
    NOT_GIVEN,
    NOT_RELEASED,
    RELEASED,
    Command,
    Nets,
)
from tests.simulation.ledger import gifts, wishes
from tests.simulation.ledger.journal import Journal
from tests.simulation.ledger.scenes import AT_WORK
from tests.simulation.rows import DecisionRow, DriftRow, FillRow, IntentRow, SignalRow
from tests.simulation.store import Store

_DONE: Final = ("FILLED", "REJECTED", "CANCELLED", "EXPIRED", "STALE", "ABANDONED")
_LEFT: Final = (
    IntentState.SENDING,
    IntentState.UNKNOWN,
    IntentState.ACCEPTED,
    IntentState.WORKING,
)


def look(
    store: Store,
    connections: Collection[ConnectionId],
    told: Mapping[ConnectionId, Nets],
    now: datetime,
) -> list[Envelope]:
    accounts = {row.id for row in store.accounts.rows() if row.connection_id in connections}
    change = _change(store, accounts, told, now)
    journal = Journal.open(store, change.accounts, now)
    _end(journal, change.changed, "changed")
    _end(journal, change.ended, "clean")
    ids = {drift: standing.id for standing, drift in change.kept}
    ids |= {drift: _open(journal, drift) for drift in change.opened}
    for drift in followed(change.shown):
        if gifts.give(journal, drift.account_id, drift.contract, drift.strategy_id):
            _end(journal, [Standing(ids[drift], drift)], "followed")
    for standing, looks in change.looks:
        row = store.drifts.one(standing.id)
        store.drifts.put(row.id, replace(row, clean_looks=looks, clean_at=now))
    return journal.close()


def release(store: Store, command: Command, now: datetime) -> list[Envelope]:
    wanted = command.detail.get("drift_id")
    row = store.drifts.get(wanted) if isinstance(wanted, int) else None
    if (
        row is None
        or row.user_id != command.user_id
        or row.ended_at is not None
        or row.released_at is not None
    ):
        return wishes.answer(store, command, *NOT_RELEASED, now)
    store.drifts.put(row.id, replace(row, released_at=now))
    return wishes.answer(store, command, *RELEASED, now)


def give_by_hand(store: Store, command: Command, now: datetime) -> list[Envelope]:
    row = store.drifts.get(_number(command, "drift_id"))
    strategy = StrategyId(_number(command, "strategy_id"))
    if (
        row is None
        or row.user_id != command.user_id
        or row.ended_at is not None
        or (strategy, row.drift.account_id) not in store.links
        or store.strategies.one(strategy).deleted
        or store.strategies.one(strategy).strategy.user_id != row.user_id
    ):
        return wishes.answer(store, command, *NOT_GIVEN, now)
    journal = Journal.open(store, [row.drift.account_id], now)
    given = gifts.give(journal, row.drift.account_id, row.drift.contract, strategy)
    told = wishes.answer(store, command, *(GIVEN if given else NOT_GIVEN), now)
    return [*journal.close(), *told]


def _number(command: Command, name: str) -> int:
    wanted = command.detail.get(name)
    return wanted if isinstance(wanted, int) else 0


def _change(
    store: Store,
    accounts: Collection[AccountId],
    told: Mapping[ConnectionId, Nets],
    now: datetime,
) -> Change:
    shelf = Shelf(lambda strategy: _policy(store, strategy))
    for row in store.positions.rows():
        if row.account_id in accounts and row.net_qty != 0:
            owner = StrategyId(row.strategy_id)
            shelf.held(row.account_id, row.contract, owner, row.net_qty)
    for (account, contract, strategy), qty in _busted(store, accounts).items():
        shelf.busted(account, contract, strategy, qty)
    for account, contract, strategy, side in _asked(store, accounts, now):
        shelf.asked(account, contract, strategy, side)
    before = now - timedelta(seconds=FOREIGN_AFTER_S)
    foreign = Counter(
        (row.account_id, row.contract)
        for row in store.orders.rows()
        if row.account_id in accounts
        and row.intent_id is None
        and row.status in AT_WORK
        and row.as_of < before
    )
    for (account, contract), orders in foreign.items():
        shelf.foreign(account, contract, orders)
    for account in accounts:
        nets = told.get(store.connection_of(account))
        if nets is not None:
            number = store.accounts.one(account).broker_account_id
            shelf.told(account, {name: net for (key, name), net in nets.items() if key == number})
    today = trade_date(now)
    books = shelf.books(lambda contract: root_of(contract, today))
    found = [drift for each in books for drift in drifts_of(each)]
    standing = [
        Standing(row.id, row.drift, row.clean_looks, row.clean_at, row.released_at is not None)
        for row in store.drifts.rows()
        if row.drift.account_id in accounts and row.ended_at is None
    ]
    return settle(standing, found, now)


def _policy(store: Store, strategy: StrategyId) -> DriftPolicy:
    row = store.strategies.get(strategy)
    return DriftPolicy.ALARM if row is None else row.strategy.rules.drift


def _busted(
    store: Store, accounts: Collection[AccountId]
) -> Counter[tuple[AccountId, str, StrategyId]]:
    out: Counter[tuple[AccountId, str, StrategyId]] = Counter()
    for fill in store.fills.rows():
        if fill.account_id in accounts and not fill.active and fill.intent_id is not None:
            intent = store.intents.one(fill.intent_id)
            if intent.filled_qty < intent.intent.qty_contracts and not _went_on(store, intent):
                out[fill.account_id, fill.contract, StrategyId(fill.strategy_id)] += fill.qty
    return out


def _went_on(store: Store, intent: IntentRow) -> bool:
    """Its owner's next order has left, or has filled."""
    return any(
        row.owner == intent.owner
        and row.intent.parent is None
        and row.account_seq > intent.account_seq
        and (row.filled_qty > 0 or row.state in _LEFT)
        for row in store.intents.rows()
    )


def _asked(
    store: Store, accounts: Collection[AccountId], now: datetime
) -> Iterator[tuple[AccountId, str, StrategyId, int]]:
    before = now - timedelta(seconds=MISSED_AFTER_S)
    for link in store.links.rows():
        strategy = store.strategies.one(link.strategy_id)
        signals = [row for row in store.signals.rows() if row.strategy_id == link.strategy_id]
        newest = max(signals, key=lambda row: row.seq, default=None)
        if newest is None or strategy.deleted or link.account_id not in accounts:
            continue
        decision = store.decisions.get((newest.id, link.account_id))
        if decision is None or not _is_over(decision, before):
            continue
        order = _newest_order(store, newest, link.account_id)
        side = target_side(signal_from_json(newest.content), strategy.strategy.rules)
        if order is None or side is None or _is_moving(store, order):
            continue
        if not _others_traded(store, order, newest):
            yield link.account_id, order.intent.contract, link.strategy_id, side


def _is_over(decision: DecisionRow, before: datetime) -> bool:
    ended = decision.ended_at is not None and decision.ended_at < before
    return ended and decision.disposition in _DONE and not decision.detail


def _newest_order(store: Store, signal: SignalRow, account: AccountId) -> IntentRow | None:
    mine = [
        row
        for row in store.intents.rows()
        if row.intent.signal_id == signal.id
        and row.account_id == account
        and row.intent.parent is None
    ]
    return max(mine, key=lambda row: row.account_seq, default=None)


def _is_moving(store: Store, order: IntentRow) -> bool:
    return any(
        row.account_id == order.account_id
        and row.intent.strategy_id == order.intent.strategy_id
        and row.root == order.root
        for row in store.intents.open()
    )


def _others_traded(store: Store, order: IntentRow, signal: SignalRow) -> bool:
    account, strategy, contract = order.owner
    return any(
        (fill.account_id, fill.strategy_id, fill.contract) == (account, strategy, contract)
        and fill.recorded_at >= signal.received_at
        and _is_anothers(store, fill, signal)
        for fill in store.fills.rows()
    )


def _is_anothers(store: Store, fill: FillRow, signal: SignalRow) -> bool:
    if fill.intent_id is None:
        return True
    intent = store.intents.one(fill.intent_id).intent
    return intent.signal_id != signal.id or intent.parent is not None


def _open(journal: Journal, drift: Drift) -> int:
    key = journal.store.next_drift()
    user = journal.store.risk.one(drift.account_id).user_id
    journal.store.drifts.put(key, DriftRow(key, user, drift, journal.now))
    body = DriftFound.of(key, drift)
    journal.tell(drift.account_id, body, str(key), None, f"drift:{key}")
    return key


def _end(journal: Journal, some: Collection[Standing], ending: str) -> None:
    for each in some:
        row, drift = journal.store.drifts.one(each.id), each.drift
        journal.store.drifts.put(row.id, replace(row, ended_at=journal.now, ending=ending))
        body = DriftEnded(
            drift_id=row.id,
            account_id=drift.account_id,
            strategy_id=drift.strategy_id,
            contract=drift.contract,
            code=drift.kind.value,
            ending=ending,
        )
        journal.tell(drift.account_id, body, str(row.id), None, f"drift:{row.id}")
