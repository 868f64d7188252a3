"""The agenda over the twin: see `shared.ports.agenda` for what each operation promises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from shared.contracts.envelope import Envelope
from shared.db.outbox import envelope_of
from shared.domain.ids import AccountId, Cause, StrategyId, event_id
from shared.domain.instruments import product_of
from shared.domain.order import IntentState, Role
from shared.domain.roll_orders import Distance, entry_leg, ticks_left
from shared.domain.rules import Watchdog
from shared.ports.agenda import Duty, Holding, Kept, News, RollExit, Watched
from shared.ports.ledger import Lease
from tests.simulation.ledger.decisions import insert
from tests.simulation.ledger.journal import Journal, write
from tests.simulation.ledger.legs import working
from tests.simulation.rows import IntentRow
from tests.simulation.store import Store

# Rows of the twin do not keep when their settings were changed: nobody changes them meanwhile.
_RULED_SINCE: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LOOK_BACK: Final = timedelta(days=1)
_Owner = tuple[AccountId, StrategyId, str]


class TwinAgenda:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(self, held: Sequence[Lease], due: Callable[[Holding], Iterable[Duty]]) -> Kept:
        with self._store.undo.transaction():
            found = sorted(_holdings(self._store, held), key=_place)
            return _write(self._store, [duty for each in found for duty in due(each)])

    async def follow(self, held: Sequence[Lease], after: Callable[[RollExit], Duty | None]) -> Kept:
        with self._store.undo.transaction():
            rolls = _rolls(self._store, held)
            ended = [_roll_exit(self._store, row) for row in rolls if row.ended_at is not None]
            found = [after(each) for each in ended]
            kept = _write(self._store, [duty for duty in found if duty is not None])
            is_waiting = len(ended) < len(rolls) or None in found
            return Kept(kept.events, kept.has_planned, is_waiting)

    async def watch(self, silent: Callable[[Watched], Iterable[News]]) -> list[Envelope]:
        with self._store.undo.transaction():
            return _tell(self._store, [n for each in _watched(self._store) for n in silent(each)])


def _place(holding: Holding) -> tuple[int, str, int]:
    return holding.account_id, holding.contract, holding.strategy_id


def _here(store: Store, account: AccountId, held: Sequence[Lease]) -> bool:
    return store.connection_of(account) in {lease.connection_id for lease in held}


def _holdings(store: Store, held: Sequence[Lease]) -> Iterator[Holding]:
    owned: dict[_Owner, int] = {
        (row.account_id, StrategyId(row.strategy_id), row.contract): row.net_qty
        for row in store.positions.rows()
        if row.net_qty and row.strategy_id
    }
    for row in store.intents.open():
        if row.role is Role.ENTRY:
            owned.setdefault((row.account_id, row.intent.strategy_id, row.intent.contract), 0)
    for owner, net_qty in owned.items():
        newest = _newest_entry(store, owner)
        if newest is not None and _here(store, owner[0], held):
            yield _holding(store, owner, net_qty, newest)


def _newest_entry(store: Store, owner: _Owner) -> IntentRow | None:
    entries = (
        row
        for row in store.intents.rows()
        if row.owner == (owner[0], owner[1], owner[2])
        and row.role is Role.ENTRY
        and row.intent.cause is not Cause.AVERAGE
        and (row.filled_qty > 0 or row.ended_at is None)
    )
    return max(entries, key=lambda row: row.account_seq, default=None)


def _holding(store: Store, owner: _Owner, net_qty: int, newest: IntentRow) -> Holding:
    account, strategy, contract = owner
    settings = store.strategies.one(strategy).strategy
    return Holding(
        user_id=settings.user_id,
        account_id=account,
        strategy_id=strategy,
        contract=contract,
        root=newest.root,
        net_qty=net_qty,
        began_at=newest.created_at,
        symbol=settings.symbol,
        may_enter=_may_enter(store, account, strategy),
        rules=settings.rules,
        account_rules=store.accounts.one(account).rules,
        ruled_since=_RULED_SINCE,
    )


def _may_enter(store: Store, account: AccountId, strategy: StrategyId) -> bool:
    row, link = store.strategies.one(strategy), store.links.get((strategy, account))
    here = store.accounts.one(account)
    on = row.strategy.active and not row.deleted and link is not None and link.enabled
    return on and here.enabled and store.connections.one(here.connection_id).enabled


def _rolls(store: Store, held: Sequence[Lease]) -> list[IntentRow]:
    """One exit for each roll: under way, else filled, else the last attempt."""
    out: dict[tuple[AccountId, int, str], IntentRow] = {}
    for row in sorted(store.intents.rows(), key=lambda each: each.intent.attempt):
        if not _is_roll(row) or not _here(store, row.account_id, held):
            continue
        if row.created_at <= store.clock.now() - _LOOK_BACK:
            continue
        key = (row.account_id, row.intent.cause_id, row.intent.leg)
        if key not in out or _rank(row) >= _rank(out[key]):
            out[key] = row
    return [out[key] for key in sorted(out)]


def _is_roll(row: IntentRow) -> bool:
    return row.intent.cause is Cause.ROLL and row.role is Role.EXIT


def _rank(row: IntentRow) -> tuple[bool, bool, int]:
    return row.ended_at is None, row.state is IntentState.FILLED, row.intent.attempt


def _roll_exit(store: Store, row: IntentRow) -> RollExit:
    exit_, ended_at = row.intent, row.ended_at
    assert ended_at is not None
    first = min((each for each in store.intents.rows() if _same(each, row)), key=_attempt)
    name = entry_leg(exit_.contract, exit_.strategy_id)
    entry = next((each for each in store.intents.rows() if _named(each, row, name)), None)
    wanted = entry is None and row.state is IntentState.FILLED
    owned = (
        abs(each.net_qty)
        for each in store.positions.rows()
        if (each.account_id, each.strategy_id, each.root)
        == (row.account_id, exit_.strategy_id, row.root)
    )
    return RollExit(
        exit=exit_,
        root=row.root,
        state=row.state,
        code=row.code,
        filled_contracts=row.filled_qty,
        ended_at=ended_at,
        entry_state=None if entry is None else entry.state,
        entry_code=None if entry is None else entry.code,
        held=sum(owned),
        is_overtaken=_is_overtaken(store, first),
        symbol=store.strategies.one(exit_.strategy_id).strategy.symbol,
        may_enter=_may_enter(store, row.account_id, exit_.strategy_id),
        distances=tuple(_distances(store, first, row)) if wanted and row.filled_qty else (),
    )


def _same(each: IntentRow, row: IntentRow) -> bool:
    return _is_roll(each) and _named(each, row, row.intent.leg)


def _named(each: IntentRow, row: IntentRow, leg: str) -> bool:
    one, two = each.intent, row.intent
    return (one.cause, one.cause_id, one.account_id, one.leg) == (
        two.cause,
        two.cause_id,
        two.account_id,
        leg,
    )


def _attempt(row: IntentRow) -> int:
    return row.intent.attempt


def _is_overtaken(store: Store, first: IntentRow) -> bool:
    strategy = first.intent.strategy_id
    recent = [
        row
        for row in store.signals.rows()
        if row.strategy_id == strategy and row.received_at > first.created_at - _LOOK_BACK
    ]
    decisions = [store.decisions.get((row.id, first.account_id)) for row in recent]
    if any(row is None or row.decided_at >= first.created_at for row in decisions):
        return True
    return any(
        row.account_id == first.account_id
        and row.account_seq > first.account_seq
        and row.intent.strategy_id == strategy
        and row.root == first.root
        and not row.is_leg
        and row.intent.cause is not Cause.ROLL
        for row in store.intents.rows()
    )


def _distances(store: Store, first: IntentRow, exit_: IntentRow) -> Iterator[Distance]:
    """Of the legs that worked when the first attempt was made, from where the exit filled."""
    exit_price = exit_.fill_value / exit_.filled_qty
    for leg in sorted(store.intents.rows(), key=lambda row: row.account_seq):
        if leg.owner != first.owner or leg.intent.parent is None or leg.broker_order_id is None:
            continue
        worked = leg.ended_at is None or leg.ended_at >= first.created_at
        entry = store.intents.one(leg.intent.parent)
        if not worked or leg.created_at > first.created_at or not entry.filled_qty:
            continue
        level = _level(store, leg)
        if level is not None:
            tick = product_of(leg.root).tick_size
            yield Distance(
                role=leg.role,
                ticks=ticks_left(leg.role, level, exit_.intent.action, exit_price, tick),
                open_contracts=leg.intent.qty_contracts - leg.filled_qty,
                pair=working(store, leg).pair,
                moves=leg.intent.moves,
                per_position=leg.intent.per_position,
            )


def _level(store: Store, leg: IntentRow) -> Decimal | None:
    shown = store.orders.get((leg.account_id, leg.broker_order_id or 0))
    prices = (
        None if shown is None else shown.price,
        leg.intent.price,
        None if shown is None else shown.stop_price,
        leg.intent.stop_price,
    )
    return next((each for each in prices if each is not None), None)


def _watched(store: Store) -> Iterator[Watched]:
    for row in sorted(store.strategies.rows(), key=lambda each: each.strategy.id):
        settings = row.strategy
        if not settings.active or row.deleted or settings.rules.watchdog == Watchdog():
            continue
        mine = [each for each in store.signals.rows() if each.strategy_id == settings.id]
        heard_at = max(mine, key=lambda each: each.seq).received_at if mine else None
        watchdog = settings.rules.watchdog
        yield Watched(
            settings.id, settings.user_id, settings.symbol, watchdog, heard_at, _RULED_SINCE
        )


def _write(store: Store, wanted: Sequence[Duty]) -> Kept:
    new = [duty for duty in wanted if not any(i.id in store.intents for i in duty.intents)]
    accounts = {order.account_id for duty in wanted for order in duty.intents}
    journal = Journal.open(store, accounts, store.clock.now())
    for duty in new:
        for order in duty.intents:
            insert(journal, order, duty.root)
    journal.close()
    told = _tell(store, [news for duty in new for news in duty.news])
    return Kept(tuple(told), has_planned=any(duty.intents for duty in new))


def _tell(store: Store, news: Iterable[News]) -> list[Envelope]:
    out = []
    for each in news:
        event = envelope_of(
            each.body,
            event_id=event_id(each.body.type, each.key),
            correlation_id=each.about,
            user_id=each.user_id,
            aggregate=each.about,
            occurred_at=store.clock.now(),
        )
        if event.id not in store.outbox:
            write(store, event)
            out.append(event)
    return out
