"""From a draft of a plan to the intents it means: the order, and the legs that leave with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain.decision.rungs import Exits, Rung
from shared.domain.ids import AccountId, Cause, IntentId, SignalId, StrategyId, UserId, intent_id
from shared.domain.ladder import At, Offset, Place
from shared.domain.order import OrderIntent, OrderType, Role, TimeInForce
from shared.domain.plan import Draft
from shared.domain.rules.bracket import Stop
from shared.domain.strategy import Strategy


@dataclass(frozen=True, slots=True)
class Origin:
    """For whom an order is, where, and what made it exist."""

    user_id: UserId
    account_id: AccountId
    strategy_id: StrategyId
    cause: Cause
    cause_id: int
    signal_id: SignalId | None = None


def intents_of(
    draft: Draft, strategy: Strategy, signal: SignalId, account: AccountId, expires_at: datetime
) -> list[OrderIntent]:
    """The order first, then its protective legs; every id is computed from the signal."""
    origin = Origin(strategy.user_id, account, strategy.id, Cause.SIGNAL, signal, signal)
    return orders_of(draft, origin, expires_at)


def orders_of(draft: Draft, origin: Origin, expires_at: datetime) -> list[OrderIntent]:
    """The same of whatever cause."""

    def named(leg: str) -> IntentId:
        return intent_id(origin.cause, origin.cause_id, origin.account_id, leg, 1)

    order = OrderIntent(
        id=named(draft.leg),
        user_id=origin.user_id,
        account_id=origin.account_id,
        strategy_id=origin.strategy_id,
        signal_id=origin.signal_id,
        cause=origin.cause,
        cause_id=origin.cause_id,
        role=draft.role,
        leg=draft.leg,
        attempt=1,
        action=draft.action,
        qty_contracts=draft.qty_contracts,
        order_type=draft.order_type,
        contract=draft.contract,
        time_in_force=TimeInForce.DAY,
        price=draft.price,
        stop_price=draft.stop_price,
        offset_ticks=None,
        reference_price=draft.reference_price,
        parent=None,
        after=None if draft.after_leg is None else named(draft.after_leg),
        # An exit is never too late: only an entry has a maximum age.
        expires_at=expires_at if draft.role is Role.ENTRY else None,
    )
    return [order, *_legs(order, draft.exits, named)]


def _legs(
    order: OrderIntent, exits: Exits, named: Callable[[str], IntentId]
) -> Iterator[OrderIntent]:
    """The farthest target and the stop for the whole entry, then a pair for each earlier rung."""
    if not exits.rungs:
        return
    last = exits.rungs[-1]
    whole = Rung(order.qty_contracts, last.target, last.stop)
    for number, rung in enumerate((whole, *exits.rungs[:-1])):
        under = order.leg if number == 0 else f"{order.leg}.r{number}"
        legs = (
            (Role.TAKE_PROFIT, f"{under}.tp", rung.target, None),
            (Role.STOP_LOSS, f"{under}.sl", rung.stop, _moving(exits.stop)),
        )
        for role, name, place, moves in legs:
            if place is not None:
                leg = _leg(order, named(name), name, role, place)
                yield replace(
                    leg,
                    qty_contracts=rung.qty_contracts,
                    rung=number,
                    moves=moves,
                    per_position=exits.per_position,
                )


def _moving(stop: Stop | None) -> Stop | None:
    """The rule that moves a stop later; None for one that stays."""
    if stop is None or (stop.trail is None and stop.break_even is None):
        return None
    return stop


def adopted(like: OrderIntent, order_id: int, qty_contracts: int) -> OrderIntent:
    """One more leg beside `like`, for an order that the broker placed; its order names it."""
    name = f"{like.leg}.{order_id}"
    return replace(
        like,
        id=intent_id(like.cause, like.cause_id, like.account_id, name, like.attempt),
        leg=name,
        qty_contracts=qty_contracts,
        price=None,
        stop_price=None,
    )


def _leg(order: OrderIntent, id_: IntentId, name: str, role: Role, place: Place) -> OrderIntent:
    """Good till cancelled: a protective order of the day would die with the session."""
    is_target = role is Role.TAKE_PROFIT
    level = place.price if isinstance(place, At) else None
    return replace(
        order,
        id=id_,
        role=role,
        leg=name,
        action=order.action.opposite,
        order_type=OrderType.LIMIT if is_target else OrderType.STOP,
        time_in_force=TimeInForce.GTC,
        price=level if is_target else None,
        stop_price=None if is_target else level,
        offset_ticks=place.ticks if isinstance(place, Offset) else None,
        offset_percent=place.percent if isinstance(place, Offset) else None,
        reference_price=None,
        parent=order.id,
        after=None,
        expires_at=None,
    )
