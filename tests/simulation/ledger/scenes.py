"""What a decision is told, from the twin's tables: the slow, plain reading of everything."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from shared.domain.calendar import trade_date
from shared.domain.controls import Said, Word, halts_of
from shared.domain.decision.past import Span, span_of
from shared.domain.decision.scene import Halt, History, PastEntry, RootHeld, Scene, WorkingOrder
from shared.domain.gates.controls import Scope, not_enabled
from shared.domain.gates.exposure import exposure_of, roots_of
from shared.domain.ids import AccountId, IntentId, StrategyId, UserId
from shared.domain.order import Action, BrokerStatus, IntentState, OrderType
from shared.domain.plan import Book, Held
from shared.domain.position import OpenIntent
from shared.domain.strategy import AccountLink, Strategy
from tests.simulation.rows import AccountRow, FillRow, IntentRow, LinkRow, OrderRow, PositionRow
from tests.simulation.store import Store

_NEVER_SENT: Final = (IntentState.STALE, IntentState.SKIPPED, IntentState.BLOCKED)
AT_WORK: Final = (
    BrokerStatus.WORKING,
    BrokerStatus.PENDING_NEW,
    BrokerStatus.PENDING_REPLACE,
    BrokerStatus.PENDING_CANCEL,
    BrokerStatus.SUSPENDED,
)
Counts = Callable[[IntentRow], bool]


def link_of(store: Store, row: LinkRow) -> AccountLink:
    account = store.accounts.one(row.account_id)
    login = store.connections.one(account.connection_id)
    return AccountLink(
        account_id=row.account_id,
        enabled=row.enabled and account.enabled and login.enabled,
        multiplier=account.multiplier if row.multiplier is None else row.multiplier,
        max_contracts=account.max_contracts if row.max_contracts is None else row.max_contracts,
        custom_ticker=account.custom_ticker if row.custom_ticker is None else row.custom_ticker,
        exclusive=account.exclusive,
        rules=account.rules,
    )


def scene_of(
    store: Store, strategy: Strategy, links: list[AccountLink], link: AccountLink, now: datetime
) -> Scene:
    account = link.account_id
    span = span_of(strategy, links)
    return replace(
        scene_without_past(store, strategy.id, account, now, lambda _: True),
        history=_history(store, strategy, account, span, now),
        account_history=_account_history(store, strategy.user_id, account, span, now),
        followed=_followed(store, strategy),
    )


def scene_without_past(
    store: Store, me: StrategyId, account: AccountId, now: datetime, counts: Counts
) -> Scene:
    row = store.accounts.one(account)
    owners = _owners(store, account, counts)
    mine = owners.get(me, Book())
    others = {
        root: owner
        for owner, book in sorted(owners.items())
        if owner != me
        for root in roots_of(book)
    }
    return Scene(
        book=Book(mine.held, mine.open_intents, others),
        now=now,
        on=trade_date(now),
        exposure=exposure_of(owners.values()),
        halts=halts_of(_newest(store, row.user_id, account, me)) + _lacking(store, row),
        held_roots=_held_roots(store, account),
        working=tuple(_working(store, account)),
        keeps_hours=store.connections.one(row.connection_id).environment != "paper",
    )


def _owners(store: Store, account: AccountId, counts: Counts) -> dict[StrategyId, Book]:
    held = [row for row in store.positions.rows() if row.account_id == account and row.net_qty != 0]
    held.sort(key=lambda row: (row.contract, row.strategy_id))
    coming = [row for row in store.intents.open() if row.account_id == account and counts(row)]
    owners = {StrategyId(row.strategy_id) for row in held}
    owners |= {row.intent.strategy_id for row in coming}
    return {
        owner: Book(
            tuple(
                Held(row.contract, row.root, row.net_qty)
                for row in held
                if row.strategy_id == owner
            ),
            tuple(_open(store, row) for row in coming if row.intent.strategy_id == owner),
        )
        for owner in owners
    }


def _open(store: Store, row: IntentRow) -> OpenIntent:
    remaining, entry = row.intent.qty_contracts - row.filled_qty, row.intent.parent
    return OpenIntent(
        id=row.id,
        role=row.role,
        action=row.intent.action,
        root=row.root,
        contract=row.intent.contract,
        remaining_qty=remaining if entry is None else min(remaining, _left(store, entry)),
        state=row.state,
        account_seq=row.account_seq,
    )


def _left(store: Store, entry: IntentId) -> int:
    """What its legs may still close. A fill that was taken back ended none of them."""
    legs = [leg.id for leg in store.intents.legs(entry)]
    closed = sum(row.qty for leg in legs for row in store.fills.of_intent(leg))
    return max(0, sum(row.qty for row in store.fills.of_intent(entry)) - closed)


def _held_roots(store: Store, account: AccountId) -> tuple[RootHeld, ...]:
    return tuple(
        RootHeld(row.drift.root, row.drift.kind.value, row.drift.message)
        for row in store.drifts.rows()
        if row.drift.account_id == account
        and row.ended_at is None
        and row.released_at is None
        and row.drift.holds_entries
    )


def _lacking(store: Store, row: AccountRow) -> tuple[Halt, ...]:
    live = store.connections.one(row.connection_id).environment == "live"
    return (not_enabled("it has not been enabled"),) if live and not row.live_enabled else ()


def _newest(store: Store, user: UserId, account: AccountId, strategy: StrategyId) -> Iterable[Said]:
    asked = {
        (Scope.SYSTEM, 0): None,
        (Scope.USER, int(user)): user,
        (Scope.ACCOUNT, int(account)): user,
        (Scope.STRATEGY, int(strategy)): user,
    }
    found = {
        (row.said.scope, row.said.scope_id): row.said
        for row in store.controls.rows()
        if asked.get((row.said.scope, row.said.scope_id), 0) == row.user_id
    }
    return found.values()


def _working(store: Store, account: AccountId) -> Iterable[WorkingOrder]:
    for row in store.intents.open():
        if row.account_id == account and row.state is not IntentState.PENDING:
            intent = row.intent
            prices = (intent.price, intent.stop_price)
            owner = intent.strategy_id
            yield WorkingOrder(owner, intent.contract, intent.action, intent.order_type, *prices)
    for order in store.orders.rows():
        if order.account_id == account and order.intent_id is None and order.status in AT_WORK:
            yield _foreign(order)


def _foreign(order: OrderRow) -> WorkingOrder:
    return WorkingOrder(
        StrategyId(0),
        order.contract,
        Action(order.action),
        OrderType.MARKET if order.order_type is None else OrderType(order.order_type),
        order.price,
        order.stop_price,
    )


def _history(
    store: Store, strategy: Strategy, account: AccountId, span: Span, now: datetime
) -> History:
    mine = [row for row in _entries(store, account) if row.intent.strategy_id == strategy.id]
    positions = [
        row
        for row in store.positions.rows()
        if (row.account_id, row.strategy_id) == (account, strategy.id)
    ]
    holds = any(row.net_qty != 0 for row in positions)
    ended = [fill.filled_at for row in positions for fill in _fills(store, row)]
    sent = [row for row in mine if row.state not in _NEVER_SENT]
    asked = [row.entry_no for row in store.decisions.rows() if row.strategy_id == strategy.id]
    since = _resumed_at(store, strategy.user_id, Scope.STRATEGY, strategy.id)
    return History(
        adds_made=_adds(store, mine, [row for row in positions if row.net_qty != 0]),
        last_entry_at=max((row.created_at for row in sent), default=None),
        flat_since=None if holds else max(ended, default=None),
        asked_entries=max((number for number in asked if number is not None), default=0),
        since_review=min(span.review, _since(sent, since)),
        recent=_recent(sent, span, now),
    )


def _account_history(
    store: Store, user: UserId, account: AccountId, span: Span, now: datetime
) -> History:
    sent = [row for row in _entries(store, account) if row.state not in _NEVER_SENT]
    since = _resumed_at(store, user, Scope.ACCOUNT, account)
    reviewed = min(span.account_review, _since(sent, since))
    return History(since_review=reviewed, recent=_recent(sent, span, now))


def _entries(store: Store, account: AccountId) -> list[IntentRow]:
    return store.intents.entries(account)


def _fills(store: Store, position: PositionRow) -> list[FillRow]:
    rows = store.fills.of_owner(position.account_id, position.strategy_id, position.contract)
    return sorted(
        (row for row in rows if row.active), key=lambda row: (row.filled_at, row.broker_fill_id)
    )


def _adds(store: Store, entries: list[IntentRow], held: list[PositionRow]) -> int:
    openers = [found.account_seq for row in held if (found := opener_of(store, row)) is not None]
    seq = min(openers, default=None)
    coming = sum(row.ended_at is None and row.account_seq != seq for row in entries)
    if not held:
        return max(0, coming - 1)
    added = sum(
        row.ended_at is not None and row.filled_qty > 0 and row.account_seq > seq
        for row in entries
        if seq is not None
    )
    return coming + added


def opener_of(store: Store, held: PositionRow) -> IntentRow | None:
    """The order whose fill began the position."""
    net, began = 0, None
    for row in _fills(store, held):
        before, net = net, net + row.fill.signed_qty
        began = row if before == 0 else began
    if began is None or began.intent_id is None:
        return None
    return store.intents.one(began.intent_id)


def _resumed_at(store: Store, user: UserId, scope: Scope, scope_id: int) -> datetime | None:
    return max(
        (
            row.said.at
            for row in store.controls.rows()
            if row.user_id == user
            and (row.said.scope, row.said.scope_id, row.said.word) == (scope, scope_id, Word.RESUME)
        ),
        default=None,
    )


def _since(sent: list[IntentRow], at: datetime | None) -> int:
    return sum(at is None or row.created_at > at for row in sent)


def _recent(sent: list[IntentRow], span: Span, now: datetime) -> tuple[PastEntry, ...]:
    since = now - timedelta(seconds=span.recent_s)
    rows = sorted(
        (row for row in sent if row.created_at > since),
        key=lambda row: (row.created_at, row.account_seq),
    )
    return tuple(
        PastEntry(
            row.created_at,
            row.root,
            row.intent.contract,
            row.intent.action,
            row.intent.qty_contracts,
        )
        for row in rows
    )


def _followed(store: Store, strategy: Strategy) -> dict[StrategyId, int]:
    out = {}
    for follow in strategy.rules.follows:
        row = store.strategies.get(StrategyId(follow.strategy_id))
        if row is not None and not row.deleted and row.strategy.user_id == strategy.user_id:
            rows = [each for each in store.positions.rows() if each.strategy_id == row.strategy.id]
            out[row.strategy.id] = sum(each.net_qty for each in rows)
    return out
