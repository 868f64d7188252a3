"""Legs that stand for more or fewer contracts than is left of their entries."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from shared.domain.claim import cover_of
from shared.domain.cover import handed_over, remainder_of, resizes
from shared.domain.ids import AccountId, ConnectionId
from shared.domain.order import IntentState, Role
from shared.ports.ledger import UNEVEN_AFTER_S, LegResize
from tests.simulation.ledger.legs import resized, working
from tests.simulation.ledger.protection import entry_of, held_of
from tests.simulation.rows import IntentRow, PositionRow
from tests.simulation.store import Store

_LOOK_BACK = timedelta(days=7)
_AT_BROKER = (IntentState.ACCEPTED, IntentState.WORKING)


def uneven(
    store: Store, connections: Collection[ConnectionId], now: datetime
) -> list[tuple[LegResize, ...]]:
    before = now - timedelta(seconds=UNEVEN_AFTER_S)
    rows = store.positions.rows()
    moved = {(row.account_id, row.contract) for row in rows if row.updated_at > before}
    held = [
        row
        for row in rows
        if row.net_qty != 0 and store.connection_of(row.account_id) in connections
    ]
    held.sort(key=lambda row: (row.account_id, row.contract, row.strategy_id))
    return [
        changes
        for row in held
        for changes in _of_owner(store, row, now, has_moved=(row.account_id, row.contract) in moved)
        if changes
    ]


def _of_owner(
    store: Store, position: PositionRow, now: datetime, *, has_moved: bool
) -> list[tuple[LegResize, ...]]:
    owner = (position.account_id, position.strategy_id, position.contract)
    mine = [row for row in store.intents.open() if row.owner == owner]
    legs = [row for row in mine if _is_working(store, row)]
    if not legs or any(row.role.ends for row in mine):
        return []
    if has_moved:
        return _at_once(store, legs)
    unfinished = sum(row.filled_qty for row in mine if row.role is Role.ENTRY)
    held = abs(held_of(store, position)) - unfinished
    covers = [cover_of(working(store, row)) for row in legs]
    left = remainder_of(held, covers, _gone(store, owner, now))
    changes = resizes(left, covers) if left else ()
    return [resized(store, store.connection_of(position.account_id), changes)]


def _gone(store: Store, owner: tuple[AccountId, int, str], now: datetime) -> int:
    """What entries have left whose stops ended a while ago, since the owner was last flat."""
    mine = store.intents.of_owner(*owner)
    exits = [row.account_seq for row in mine if row.role is Role.EXIT and row.filled_qty > 0]
    entries = [
        row
        for row in mine
        if row.role is Role.ENTRY
        and row.ended_at is not None
        and row.created_at > now - _LOOK_BACK
        and row.account_seq >= max(exits, default=0)
    ]
    return sum(_left_bare(row, store.intents.legs(row.id), now) for row in entries)


def _left_bare(entry: IntentRow, legs: list[IntentRow], now: datetime) -> int:
    ends = [leg.ended_at for leg in legs if leg.role is Role.STOP_LOSS and leg.ended_at is not None]
    is_open = any(leg.ended_at is None and leg.state is not IntentState.PENDING for leg in legs)
    if is_open or not ends or max(ends) >= now - timedelta(seconds=UNEVEN_AFTER_S):
        return 0
    return max(0, entry.filled_qty - sum(leg.filled_qty for leg in legs))


def _at_once(store: Store, legs: list[IntentRow]) -> list[tuple[LegResize, ...]]:
    """None of them waits for another: each shrinks for contracts that another pair stands for."""
    some = [leg for leg in legs if leg.state is IntentState.WORKING and _is_whole(store, leg)]
    changes = handed_over([cover_of(working(store, leg)) for leg in some])
    return [resized(store, store.connection_of(legs[0].account_id), [each]) for each in changes]


def _is_whole(store: Store, leg: IntentRow) -> bool:
    entry = entry_of(store, leg)
    return entry is not None and entry.filled_qty == entry.intent.qty_contracts


def _is_working(store: Store, row: IntentRow) -> bool:
    entry = entry_of(store, row)
    if entry is None or entry.ended_at is None or entry.filled_qty == 0:
        return False
    return row.role.protective and row.state in _AT_BROKER and row.broker_order_id is not None
