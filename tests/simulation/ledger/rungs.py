"""Pairs of earlier rungs: due once their entry is over."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby

from shared.domain.claim import Candidate, Send, Verdict
from shared.domain.ids import AccountId, ConnectionId, IntentId
from shared.domain.instruments import product_of
from shared.domain.leg_places import RungStand
from shared.domain.order import IntentState, OrderType
from shared.ports.ledger import EMPTY_AFTER_S, Judge
from tests.simulation.ledger.logins import rests
from tests.simulation.ledger.protection import held_of
from tests.simulation.rows import IntentRow
from tests.simulation.store import Store

_NOT_KNOWN = (IntentState.SENDING, IntentState.UNKNOWN)


def due(
    store: Store,
    opened: list[IntentRow],
    connections: Collection[ConnectionId],
    judge: Judge,
    now: datetime,
) -> list[tuple[tuple[IntentRow, ...], Verdict]]:
    rows = [row for row in opened if row.intent.rung > 0 and row.state is IntentState.PENDING]
    rows = [row for row in rows if _is_due(store, row, opened, connections, now)]
    rows.sort(key=_turn)
    entries = groupby(rows, lambda row: row.intent.parent)
    return [each for _, some in entries for each in _of(store, some, judge, now)]


def _turn(row: IntentRow) -> tuple[int, bytes, int, str, int]:
    assert row.intent.parent is not None
    key = row.intent.parent.bytes
    return row.account_id, key, row.intent.rung, row.role.value, row.account_seq


def _is_due(
    store: Store,
    row: IntentRow,
    opened: list[IntentRow],
    connections: Collection[ConnectionId],
    now: datetime,
) -> bool:
    entry = _entry(store, row)
    if entry.ended_at is None:
        return False
    if entry.filled_qty == 0 and entry.ended_at >= now - timedelta(seconds=EMPTY_AFTER_S):
        return False
    if store.connection_of(row.account_id) not in connections:
        return False
    if row.not_before is not None and row.not_before > now:
        return False
    if any(each.owner == row.owner and each.role.ends for each in opened):
        return False
    first = [leg for leg in store.intents.legs(entry.id) if leg.intent.rung == 0]
    return not any(leg.ended_at is None and leg.state in _NOT_KNOWN for leg in first)


def _position_key(row: IntentRow) -> tuple[AccountId, str, int]:
    account, strategy, contract = row.owner
    return account, contract, strategy


def _entry(store: Store, leg: IntentRow) -> IntentRow:
    assert leg.intent.parent is not None
    return store.intents.one(IntentId(leg.intent.parent))


def _of(
    store: Store, rows: Iterator[IntentRow], judge: Judge, now: datetime
) -> Iterator[tuple[tuple[IntentRow, ...], Verdict]]:
    taken = 0
    for _, some in groupby(rows, lambda row: row.intent.rung):
        pair = tuple(some)
        if len(pair) < _in_pair(store, pair[0]):
            continue  # its other leg is at the broker, or in doubt
        verdict = judge(_candidate(store, pair, taken, now))
        if isinstance(verdict, Send):
            taken += verdict.intent.qty_contracts
        yield pair, verdict


def _in_pair(store: Store, row: IntentRow) -> int:
    legs = store.intents.legs(_entry(store, row).id)
    return sum(leg.intent.rung == row.intent.rung and leg.ended_at is None for leg in legs)


def _candidate(store: Store, pair: tuple[IntentRow, ...], taken: int, now: datetime) -> Candidate:
    row, entry = pair[0], _entry(store, pair[0])
    legs = store.intents.legs(entry.id)
    position = store.positions.get(_position_key(row))
    held = 0 if position is None else abs(held_of(store, position))
    closed = sum(leg.filled_qty for leg in legs)
    is_sized = row.not_before is not None
    stand = RungStand(
        entry=entry.intent.action,
        entry_price=_measured_from(entry),
        planned_contracts=entry.filled_qty if is_sized else entry.intent.qty_contracts,
        filled_contracts=entry.filled_qty,
        before_contracts=_before(legs, row.intent.rung),
        free_contracts=min(held, entry.filled_qty - closed) - _apart(legs) - taken,
        covered_contracts=_covered(legs, row) - taken,
    )
    return Candidate(
        intent=row.intent,
        legs=tuple(each.intent for each in pair[1:]),
        tick=product_of(row.root).tick_size,
        after_state=None,
        owner_net=held,
        stand=stand,
        rests=rests(store, store.connection_of(row.account_id), now),
    )


def _measured_from(entry: IntentRow) -> Decimal:
    if entry.filled_qty == 0:
        return Decimal(0)
    if entry.intent.order_type is OrderType.MARKET:
        return entry.fill_value / entry.filled_qty
    price = entry.intent.price if entry.intent.price is not None else entry.intent.stop_price
    assert price is not None
    return price


def _before(legs: list[IntentRow], rung: int) -> int:
    planned: dict[int, int] = {}
    for leg in legs:
        if 0 < leg.intent.rung < rung:
            planned.setdefault(leg.intent.rung, leg.intent.qty_contracts)
    return sum(planned.values())


def _apart(legs: list[IntentRow]) -> int:
    """Open contracts of the pairs that have left already."""
    found: dict[int, int] = {}
    for leg in legs:
        if leg.intent.rung and leg.ended_at is None and leg.state is not IntentState.PENDING:
            rest = leg.intent.qty_contracts - leg.filled_qty
            found[leg.intent.rung] = max(rest, found.get(leg.intent.rung, rest))
    return sum(found.values())


def _covered(legs: list[IntentRow], like: IntentRow) -> int:
    first = [leg for leg in legs if leg.intent.rung == 0 and leg.role is like.role]
    rest = [leg.intent.qty_contracts - leg.filled_qty for leg in first if leg.ended_at is None]
    return max(rest, default=0)
