"""Positions that average down, over the twin: see `shared.ports.averaging` for the promises."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from shared.domain.average_down import Sinking, add_leg
from shared.domain.decision.standings import in_scene
from shared.domain.ids import Cause, ConnectionId, StrategyId
from shared.domain.instruments import product_of
from shared.domain.intents import Origin, orders_of
from shared.domain.order import IntentState, Role
from shared.domain.plan import Denied, Plan
from shared.domain.position import Position
from shared.domain.rules.bracket import AverageDown
from shared.domain.signal_json import signal_from_json
from shared.ports.averaging import ADD_WITHIN, DecideAverage, Due
from shared.ports.ledger import Lease
from tests.simulation.ledger import standings
from tests.simulation.ledger.decisions import insert
from tests.simulation.ledger.journal import Journal
from tests.simulation.ledger.protection import held_of
from tests.simulation.ledger.scenes import link_of, opener_of, scene_of
from tests.simulation.ledger.unasked import tell_refused
from tests.simulation.rows import IntentRow, PositionRow
from tests.simulation.store import Store

_AT_BROKER = (IntentState.ACCEPTED, IntentState.WORKING)


class TwinAveraging:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def sinking(self, held: Sequence[Lease]) -> list[Sinking]:
        here = {lease.connection_id for lease in held}
        found = (
            _sinking(self._store, row)
            for row in sorted(self._store.positions.rows(), key=_place)
            if _counts(self._store, row, here)
        )
        return [each for each in found if each is not None]

    async def add(self, found: Sinking, due: Due, decide: DecideAverage) -> Plan | Denied | None:
        store = self._store
        with store.undo.transaction():
            here = {store.connection_of(found.account_id)}
            row = store.positions.get((found.account_id, found.contract, found.strategy_id))
            now = _sinking(store, row) if row is not None and _counts(store, row, here) else None
            price = None if now is None else due(now)
            if now is None or price is None:
                return None
            return _decided(store, now, price, decide)


def _decided(store: Store, now: Sinking, price: Decimal, decide: DecideAverage) -> Plan | Denied:
    strategy = store.strategies.one(now.strategy_id).strategy
    link = link_of(store, store.links.one((now.strategy_id, now.account_id)))
    at = store.clock.now()
    known = standings.load(store, [now.account_id], [strategy.id], at)
    scene = in_scene(scene_of(store, strategy, [link], link, at), known, now.account_id, strategy)
    signal = None if now.opener_signal is None else store.signals.one(now.opener_signal)
    opener = None if signal is None else signal_from_json(signal.content)
    verdict = decide(now, opener, strategy, link, replace(scene, quote=price))
    account, cause = now.account_id, Cause.AVERAGE
    origin = Origin(strategy.user_id, account, strategy.id, cause, now.opener_seq)
    journal = Journal.open(store, [account], at)
    if isinstance(verdict, Denied):
        tell_refused(journal, origin, add_leg(now.tried + 1), now.contract, verdict)
    else:
        for draft in verdict.drafts:
            named = replace(draft, leg=add_leg(now.tried + 1))
            for order in orders_of(named, origin, at + ADD_WITHIN):
                insert(journal, order, draft.root)
    journal.close()
    return verdict


def _place(row: PositionRow) -> tuple[int, int, str]:
    return row.account_id, row.strategy_id, row.contract


def _counts(store: Store, row: PositionRow, here: Collection[ConnectionId]) -> bool:
    strategy, risk = StrategyId(row.strategy_id), store.risk.get(row.account_id)
    settings = store.strategies.get(strategy)
    link = store.links.get((strategy, row.account_id))
    if not row.net_qty or settings is None or link is None or settings.deleted:
        return False
    if store.connection_of(row.account_id) not in here or _rule(store, row) is None:
        return False
    if risk is not None and risk.quarantined_at is not None:
        return False
    busy = (
        each.account_id == row.account_id
        and each.intent.strategy_id == strategy
        and each.root == row.root
        and not each.is_leg
        for each in store.intents.open()
    )
    return settings.strategy.active and link_of(store, link).enabled and not any(busy)


def _rule(store: Store, row: PositionRow) -> AverageDown | None:
    strategy = store.strategies.one(StrategyId(row.strategy_id)).strategy
    return strategy.rules.bracket.average_down


def _sinking(store: Store, row: PositionRow) -> Sinking | None:
    opener, rule = opener_of(store, row), _rule(store, row)
    if opener is None or opener.role is not Role.ENTRY or rule is None:
        return None
    entries = [e for e in _entries(store, row) if e.account_seq >= opener.account_seq]
    tried = [
        each
        for each in _entries(store, row)
        if each.intent.cause is Cause.AVERAGE and each.intent.cause_id == opener.account_seq
    ]
    is_long = row.net_qty > 0
    worst, nearest = (min, max) if is_long else (max, min)
    prices = [price for each in entries if (price := _price(each)) is not None]
    stops = list(_stops(store, row))
    filled = {each.id for each in entries if each.filled_qty}
    return Sinking(
        account_id=row.account_id,
        strategy_id=StrategyId(row.strategy_id),
        contract=row.contract,
        root=row.root,
        position=Position(held_of(store, row), row.avg_price),
        rule=rule,
        opener_seq=opener.account_seq,
        opener_signal=opener.intent.signal_id,
        tried=len(tried),
        worst_entry=worst(prices),
        stop=nearest(stops) if stops else None,
        is_stopped=any(
            each.role is Role.STOP_LOSS and each.intent.parent in filled
            for each in store.intents.rows()
        ),
        tick=product_of(row.root).tick_size,
    )


def _entries(store: Store, row: PositionRow) -> list[IntentRow]:
    owner = (row.account_id, row.strategy_id, row.contract)
    return [e for e in store.intents.rows() if e.owner == owner and e.role is Role.ENTRY]


def _price(entry: IntentRow) -> Decimal | None:
    if entry.filled_qty:
        return entry.fill_value / entry.filled_qty
    return entry.intent.reference_price if entry.intent.cause is Cause.AVERAGE else None


def _stops(store: Store, row: PositionRow) -> Iterator[Decimal]:
    for leg in store.intents.open():
        if leg.owner != (row.account_id, row.strategy_id, row.contract):
            continue
        if leg.role is not Role.STOP_LOSS or leg.state not in _AT_BROKER:
            continue
        if leg.broker_order_id is None:
            continue
        shown = store.orders.get((leg.account_id, leg.broker_order_id))
        price = None if shown is None else shown.stop_price
        price = leg.intent.stop_price if price is None else price
        if price is not None:
            yield price
