"""A strategy's positions become another's, over the twin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from shared.contracts.envelope import Envelope
from shared.contracts.handovers import HandoverDetail, PositionHandedOver
from shared.domain.ids import AccountId, IntentId, StrategyId
from shared.domain.order import IntentState
from shared.ports.ledger import Command
from tests.simulation.ledger import wishes
from tests.simulation.ledger.fact_fills import refold
from tests.simulation.ledger.journal import Journal
from tests.simulation.rows import FillRow, IntentRow, PositionRow
from tests.simulation.store import Store

_AT_REST: Final = (IntentState.ACCEPTED, IntentState.WORKING)
_Told = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class _Held:
    """What the giver holds in a contract, and the fill that began it."""

    position: PositionRow
    opening: FillRow | None


class TwinHandovers:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def carry_out(self, command: Command) -> list[Envelope]:
        store = self._store
        with store.undo.transaction():
            return _carried_out(store, command, store.clock.now())


def _carried_out(store: Store, command: Command, now: datetime) -> list[Envelope]:
    def answer(status: str, code: str, message: str) -> list[Envelope]:
        return wishes.answer(store, command, status, code, message, now)

    try:
        detail = HandoverDetail.model_validate(dict(command.detail))
    except ValidationError:
        return answer("refused", "command.malformed", "The command cannot be read.")
    if command.id in store.results:
        return []
    giver, taker = StrategyId(detail.strategy_id), StrategyId(detail.to_strategy_id)
    if not _may(store, command, giver, taker):
        says = "There is no such strategy to hand over to, or it is switched off."
        return answer("refused", "handover.unknown", says)
    held = list(_held(store, giver))
    refused = next((why for each in held if (why := _refusal(store, each, giver, taker))), None)
    if refused is not None:
        return answer(*refused)
    journal = Journal.open(store, [each.position.account_id for each in held], now)
    for each in held:
        _move(journal, each, giver, taker, command)
    events = journal.close()
    moved = "The positions are the other strategy's now."
    nothing = "Nothing was held: there is nothing to hand over."
    return [*events, *answer("done", "command.done", moved if held else nothing)]


def _may(store: Store, command: Command, giver: StrategyId, taker: StrategyId) -> bool:
    one, other = store.strategies.get(giver), store.strategies.get(taker)
    if one is None or other is None or giver == taker:
        return False
    users = {one.strategy.user_id, other.strategy.user_id}
    return users == {command.user_id} and other.strategy.active and not other.deleted


def _held(store: Store, giver: StrategyId) -> Iterator[_Held]:
    rows = [r for r in store.positions.rows() if r.strategy_id == giver and r.net_qty]
    for row in sorted(rows, key=lambda each: (each.account_id, each.contract)):
        net, opening = 0, None
        for fill in _fills(store, row, giver):
            if net == 0:
                opening = fill
            net += fill.fill.signed_qty
        yield _Held(row, opening)


def _fills(store: Store, position: PositionRow, owner: StrategyId) -> list[FillRow]:
    """Of an owner in the contract, as they came."""
    rows = store.fills.of_owner(position.account_id, owner, position.contract)
    return sorted((row for row in rows if row.active), key=_at)


def _at(fill: FillRow) -> tuple[datetime, int]:
    return fill.filled_at, fill.broker_fill_id


def _refusal(store: Store, held: _Held, giver: StrategyId, taker: StrategyId) -> _Told | None:
    position = held.position
    where = f"{position.contract} in account {position.account_id}"
    if held.opening is None or any(_moves(each) for each in _orders(store, position, giver)):
        message = f"An order of {where} is under way: wait a moment and try again."
        return "refused", "handover.busy", message
    link = store.links.get((taker, position.account_id))
    if link is None or not link.enabled:
        message = f"The other strategy does not trade account {position.account_id}."
        return "refused", "handover.not_linked", message
    if _meets(store, position, held.opening, taker):
        message = f"The other strategy has traded {where} itself meanwhile."
        return "refused", "handover.meets_other", message
    return None


def _orders(store: Store, position: PositionRow, owner: StrategyId) -> list[IntentRow]:
    return [
        row
        for row in store.intents.rows()
        if row.account_id == position.account_id
        and row.intent.strategy_id == owner
        and row.root == position.root
    ]


def _moves(row: IntentRow) -> bool:
    return row.ended_at is None and not (row.is_leg and row.state in _AT_REST)


def _meets(store: Store, position: PositionRow, opening: FillRow, taker: StrategyId) -> bool:
    def is_later(row: IntentRow) -> bool:
        if row.intent.contract != position.contract:
            return False
        if opening.intent_id is None:
            return row.created_at >= opening.filled_at
        return row.account_seq > store.intents.one(opening.intent_id).account_seq

    orders = _orders(store, position, taker)
    held = (
        row.net_qty
        for row in store.positions.rows()
        if (row.account_id, row.strategy_id, row.root)
        == (position.account_id, taker, position.root)
    )
    return (
        any(row.ended_at is None or is_later(row) for row in orders)
        or any(held)
        or any(
            _at(row) >= _at(opening)
            for row in store.fills.of_owner(position.account_id, taker, position.contract)
        )
    )


def _move(
    journal: Journal, held: _Held, giver: StrategyId, taker: StrategyId, command: Command
) -> None:
    store, position, opening = journal.store, held.position, held.opening
    assert opening is not None
    key = (position.account_id, giver, position.contract)
    fills = [row for row in store.fills.of_owner(*key) if _at(row) >= _at(opening)]
    _rename(store, {row.intent_id for row in fills if row.intent_id is not None}, key, taker)
    for row in fills:
        moved = replace(row, strategy_id=taker)
        store.fills.put((row.account_id, row.broker_fill_id), moved)
    for owner in (giver, taker):
        refold(journal, replace(opening, strategy_id=owner))
    assert position.avg_price is not None
    body = PositionHandedOver(
        account_id=position.account_id,
        contract=position.contract,
        root=position.root,
        from_strategy_id=giver,
        to_strategy_id=taker,
        net_qty=position.net_qty,
        price=position.avg_price,
        opening_fill_id=opening.broker_fill_id,
    )
    name = f"{command.id}:{position.account_id}:{position.contract}"
    about = f"position:{position.account_id}:{position.contract}:{taker}"
    journal.tell(position.account_id, body, name, None, about)


def _rename(
    store: Store, filled: set[IntentId], key: tuple[AccountId, int, str], taker: StrategyId
) -> None:
    """The entries and exits of these fills, and the legs of these entries."""
    parents = {store.intents.one(each).intent.parent for each in filled} - {None}
    trees = filled | parents
    for row in store.intents.of_owner(*key):
        if row.id in trees or row.intent.parent in trees:
            store.intents.change(replace(row, intent=replace(row.intent, strategy_id=taker)))
