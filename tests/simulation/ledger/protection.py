"""What protects positions: legs that stand wrong, stops that are missing, exits a guard adds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from shared.contracts.envelope import Envelope
from shared.domain.bracket import needs_move
from shared.domain.calendar import trade_date
from shared.domain.ids import EXTERNAL, AccountId, Cause, ConnectionId, StrategyId, intent_id
from shared.domain.instruments import product_of
from shared.domain.ladder import Offset
from shared.domain.leg_places import level_of
from shared.domain.order import Action, IntentState, OrderIntent, OrderType, Role, TimeInForce
from shared.domain.position import external_left, still_held
from shared.domain.symbols import root_of
from shared.ports.ledger import NAKED, ORPHANED_AFTER_S, Cancel, Command, LegOffset, Naked
from tests.simulation.ledger.decisions import insert
from tests.simulation.ledger.health import quarantine
from tests.simulation.ledger.journal import Journal
from tests.simulation.ledger.legs import AT_WORK
from tests.simulation.rows import IntentRow, PositionRow
from tests.simulation.store import Store

_LOOK_BACK: Final = timedelta(days=7)
_DONE_S: Final = 0.5
_GONE: Final = (
    IntentState.FILLED,
    IntentState.REJECTED,
    IntentState.CANCELLED,
    IntentState.EXPIRED,
    IntentState.ABANDONED,
)
_NOT_THERE: Final = (IntentState.PENDING, IntentState.SENDING, IntentState.UNKNOWN)
_LEGS: Final = (Role.STOP_LOSS, Role.TAKE_PROFIT)
_AT_BROKER: Final = (IntentState.ACCEPTED, IntentState.WORKING)


def legs_off(store: Store, connections: Collection[ConnectionId]) -> list[LegOffset]:
    """Legs more than a tick away from where their entry's average fill wants them, stops first."""
    legs = [
        row
        for row in store.intents.open()
        if row.is_leg
        and row.state in _AT_BROKER
        and row.broker_order_id is not None
        and store.connection_of(row.account_id) in connections
    ]
    legs.sort(key=lambda row: (row.role is Role.TAKE_PROFIT, row.account_id, row.account_seq))
    return [off for leg in legs if (off := _offset(store, leg)) is not None]


def _offset(store: Store, leg: IntentRow) -> LegOffset | None:
    wanted = _wanted(store, leg)
    current = _stands_at(store, leg)
    tick = product_of(leg.root).tick_size
    if wanted is None or current is None or not needs_move(current, wanted, tick):
        return None
    return LegOffset(
        intent_id=leg.id,
        connection_id=store.connection_of(leg.account_id),
        broker_order_id=leg.broker_order_id or 0,
        role=leg.role,
        qty_contracts=leg.intent.qty_contracts,
        wanted=wanted,
    )


def _wanted(store: Store, leg: IntentRow) -> Decimal | None:
    entry = entry_of(store, leg)
    if entry is None or entry.ended_at is None:
        return None
    if entry.filled_qty == 0:
        return None
    if leg.intent.per_position:
        base = average_of(store, leg)
    else:
        is_market = entry.intent.order_type is OrderType.MARKET
        base = entry.fill_value / entry.filled_qty if is_market else None
    if base is None:
        return None
    level = level_of(
        leg.role,
        entry.intent.action,
        base,
        Offset(leg.intent.offset_ticks, leg.intent.offset_percent),
        product_of(leg.root).tick_size,
    )
    if level is None:
        return None
    return level.stop_price if level.price is None else level.price


def average_of(store: Store, leg: IntentRow) -> Decimal | None:
    """Of the position that the leg protects; None of one on its own side."""
    account, strategy, contract = leg.owner
    held = store.positions.get((account, contract, strategy))
    if held is None or held.net_qty * leg.intent.action.sign >= 0:
        return None
    return held.avg_price


def entry_of(store: Store, leg: IntentRow) -> IntentRow | None:
    return None if leg.intent.parent is None else store.intents.get(leg.intent.parent)


def _stands_at(store: Store, leg: IntentRow) -> Decimal | None:
    """As the broker shows it; as we sent it until the broker has shown it."""
    shown = store.orders.get((leg.account_id, leg.broker_order_id or 0))
    limits = (None if shown is None else shown.price, leg.intent.price)
    stops = (None if shown is None else shown.stop_price, leg.intent.stop_price)
    return next((price for price in (*limits, *stops) if price is not None), None)


def move_leg(store: Store, leg: LegOffset) -> None:
    row = store.intents.get(leg.intent_id)
    if row is None:
        return
    if row.role is Role.TAKE_PROFIT:
        store.intents.change(replace(row, intent=replace(row.intent, price=leg.wanted)))
    elif row.role is Role.STOP_LOSS:
        store.intents.change(replace(row, intent=replace(row.intent, stop_price=leg.wanted)))


def naked(
    store: Store, connections: Collection[ConnectionId], older_than_s: float, now: datetime
) -> list[Naked]:
    held = [
        row
        for row in store.positions.rows()
        if held_of(store, row) and store.connection_of(row.account_id) in connections
    ]
    held.sort(key=lambda row: (row.account_id, row.strategy_id, row.contract))
    found = [_found(store, row, older_than_s, now) for row in held]
    return [each for each in found if each is not None]


def _found(store: Store, held: PositionRow, older_than_s: float, now: datetime) -> Naked | None:
    mine = store.intents.of_owner(held.account_id, held.strategy_id, held.contract)
    mine.sort(key=lambda row: -row.account_seq)
    before = now - timedelta(seconds=older_than_s)
    ours = held.strategy_id != EXTERNAL
    cause = _overtaken(mine, before, now) if ours else None
    cause = cause or _stopless(store, mine, held, before, now)
    cause = cause or (_turned(store, mine, held, before) if ours else None)
    if cause is None:
        return None
    owner = StrategyId(held.strategy_id)
    return Naked(held.account_id, owner, held.contract, cause.id)


def _overtaken(mine: list[IntentRow], before: datetime, now: datetime) -> IntentRow | None:
    """The owner's last word was "be flat", it was carried out, and still something is held."""
    last = next((row for row in mine if not row.is_leg and _counts(row)), None)
    if last is None or last.role is not Role.EXIT or last.ended_at is None:
        return None
    done = last.state in (IntentState.FILLED, IntentState.SKIPPED)
    limit = now - timedelta(seconds=_DONE_S) if done else before
    return last if last.ended_at < limit else None


def _counts(row: IntentRow) -> bool:
    waits = row.state is IntentState.PENDING and row.ended_at is None
    at_broker = row.state in (IntentState.SENDING, *_AT_BROKER)
    return row.role is Role.EXIT or waits or row.filled_qty > 0 or at_broker


def _stopless(
    store: Store, mine: list[IntentRow], held: PositionRow, before: datetime, now: datetime
) -> IntentRow | None:
    """A filled entry was given a stop that is gone, and nothing else ends its position."""
    if held.updated_at >= before:
        return None
    if any(row.ended_at is None and _protects(row) for row in mine):
        return None
    entries = (row for row in mine if row.role is Role.ENTRY and row.created_at > now - _LOOK_BACK)
    legs_of = store.intents.legs
    return next((row for row in entries if _lost_stop(row, legs_of(row.id), before)), None)


def _turned(
    store: Store, mine: list[IntentRow], held: PositionRow, before: datetime
) -> IntentRow | None:
    """The leg that closed more than was there, and so opened what nobody asked for."""
    if held.updated_at >= before:
        return None
    if any(row.ended_at is None and _protects(row) for row in mine):
        return None
    place = (held.account_id, held.strategy_id, held.contract)
    fills = [
        row
        for row in store.fills.rows()
        if (row.account_id, row.strategy_id, row.contract) == place and row.active
    ]
    net, began = 0, None
    for fill in sorted(fills, key=lambda row: (row.filled_at, row.broker_fill_id)):
        last, net = net, net + fill.qty * Action(fill.action).sign
        if net != 0 and net * last <= 0:
            began = fill
    if began is None or began.intent_id is None or began.role not in _LEGS:
        return None
    return store.intents.one(began.intent_id)


def _protects(row: IntentRow) -> bool:
    is_sent_stop = row.role is Role.STOP_LOSS and row.state is not IntentState.PENDING
    return is_sent_stop or row.role.ends


def _lost_stop(entry: IntentRow, legs: list[IntentRow], before: datetime) -> bool:
    if entry.filled_qty == sum(leg.filled_qty for leg in legs):
        return False  # its legs closed it: this entry is over
    return any(
        leg.role is Role.STOP_LOSS
        and leg.state in _GONE
        and leg.ended_at is not None
        and leg.ended_at < before
        for leg in legs
    )


def held_of(store: Store, row: PositionRow) -> int:
    """What the row's owner still holds when trades of others are taken off."""
    same_side = external = against = 0
    for other in store.positions.rows():
        if (other.account_id, other.contract) != (row.account_id, row.contract):
            continue
        if other.strategy_id == 0:
            external = other.net_qty
        elif other.net_qty * row.net_qty < 0:
            against += abs(other.net_qty)
        elif other.net_qty * row.net_qty > 0:
            same_side += abs(other.net_qty)
    if row.strategy_id == EXTERNAL:
        return external_left(row.net_qty, against)
    return still_held(row.net_qty, same_side, external)


def orphans(store: Store, connections: Collection[ConnectionId], now: datetime) -> list[Cancel]:
    """Legs to cancel: their entry is over, and nothing has been left to close for a while."""
    before = now - timedelta(seconds=ORPHANED_AFTER_S)
    out = []
    for leg in store.intents.open():
        entry = None if leg.intent.parent is None else store.intents.get(leg.intent.parent)
        account, strategy, contract = leg.owner
        held = store.positions.get((account, contract, strategy))
        if (
            entry is None
            or entry.ended_at is None
            or entry.ended_at >= before
            or (held is None and entry.state is not IntentState.FILLED)
            or leg.state not in _AT_BROKER
            or leg.broker_order_id is None
            or store.connection_of(account) not in connections
        ):
            continue
        moved = any(
            row.updated_at > before
            for row in store.positions.rows()
            if (row.account_id, row.contract) == (account, contract)
        )
        flat = held is None or held_of(store, held) == 0
        if flat and not moved and not _is_young(store, entry):
            out.append((leg, Cancel(store.connection_of(account), leg.broker_order_id)))
    out.sort(key=lambda each: (each[0].account_id, each[0].account_seq))
    return [cancel for _, cancel in out]


def _is_young(store: Store, entry: IntentRow) -> bool:
    """What closes the other side before it may still trade: nothing in sum is not flat then."""
    return any(
        row.owner == entry.owner
        and row.role.ends
        and row.state is not IntentState.PENDING
        and row.account_seq < entry.account_seq
        and row.intent.action is entry.intent.action
        for row in store.intents.open()
    )


def stuck_exits(
    store: Store, connections: Collection[ConnectionId], older_than_s: float, now: datetime
) -> list[AccountId]:
    before = now - timedelta(seconds=older_than_s)
    return sorted(
        {
            row.account_id
            for row in store.intents.open()
            if row.role.ends
            and row.state in _NOT_THERE
            and row.created_at < before
            and store.connection_of(row.account_id) in connections
        }
    )


def guard_exit(store: Store, found: Naked, now: datetime) -> list[Envelope]:
    entry = store.intents.one(found.entry_id)
    journal = Journal.open(store, [found.account_id], now)
    owner = (entry.account_id, entry.intent.strategy_id, entry.intent.contract)
    _add_exit(journal, Cause.GUARD, entry.account_seq, owner, entry.root)
    return [*journal.close(), *quarantine(store, found.account_id, NAKED, now)]


def close_all(store: Store, command: Command, now: datetime) -> list[Envelope]:
    """An exit for everything the command's user holds or enters in its account or strategy."""
    account, strategy = command.detail.get("account_id"), command.detail.get("strategy_id")
    holding = {
        (row.account_id, row.contract, StrategyId(row.strategy_id)): row.root
        for row in store.positions.rows()
        if row.net_qty != 0 and row.strategy_id != 0
    }
    entering = {
        (row.account_id, row.intent.contract, row.intent.strategy_id): row.root
        for row in store.intents.open()
        if row.role is Role.ENTRY
    }
    if command.detail.get("every_owner"):
        entering |= _foreign(store, now)
    # What is not ours comes last.
    owned = sorted(
        (
            (owner, root)
            for owner, root in (holding | entering).items()
            if store.accounts.one(owner[0]).user_id == command.user_id
            and account in (None, owner[0])
            and strategy in (None, owner[2])
        ),
        key=lambda each: (each[0][2] == EXTERNAL, each),
    )
    journal = Journal.open(store, (owner[0] for owner, _ in owned), now)
    for (held_in, contract, holder), root in owned:
        _add_exit(journal, Cause.COMMAND, command.id, (held_in, holder, contract), root)
    return journal.close()


def _foreign(store: Store, now: datetime) -> dict[tuple[AccountId, str, StrategyId], str]:
    on = trade_date(now)
    held = [
        (row.account_id, row.contract)
        for row in store.positions.rows()
        if row.net_qty != 0 and row.strategy_id == EXTERNAL
    ]
    working = [
        (row.account_id, row.contract)
        for row in store.orders.rows()
        if row.intent_id is None and row.status in AT_WORK
    ]
    return {
        (account, contract, EXTERNAL): root_of(contract, on)
        for account, contract in [*held, *working]
    }


def _add_exit(
    journal: Journal,
    cause: Cause,
    cause_id: int,
    owner: tuple[AccountId, StrategyId, str],
    root: str,
) -> None:
    account, strategy, contract = owner
    leg = f"exit.{contract}.{strategy}"
    attempt = 1 + _attempts(journal, (cause, cause_id, account, leg))
    intent = OrderIntent(
        id=intent_id(cause, cause_id, account, leg, attempt),
        user_id=journal.store.risk.one(account).user_id,
        account_id=account,
        strategy_id=strategy,
        signal_id=None,
        cause=cause,
        cause_id=cause_id,
        role=Role.EXIT,
        leg=leg,
        attempt=attempt,
        action=Action.SELL,
        qty_contracts=0,
        order_type=OrderType.MARKET,
        contract=contract,
        time_in_force=TimeInForce.DAY,
        price=None,
        stop_price=None,
        offset_ticks=None,
        reference_price=None,
        parent=None,
        after=None,
        expires_at=None,
    )
    insert(journal, intent, root)


def _attempts(journal: Journal, key: tuple[Cause, int, AccountId, str]) -> int:
    return max(
        (
            row.intent.attempt
            for row in journal.store.intents.rows()
            if (row.intent.cause, row.intent.cause_id, row.account_id, row.intent.leg) == key
        ),
        default=0,
    )
