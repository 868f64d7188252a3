"""From a draft of a plan to the intents it means: the order, and the legs that leave with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from shared.domain.ids import AccountId, Cause, IntentId, SignalId, intent_id
from shared.domain.order import OrderIntent, OrderType, Role, TimeInForce
from shared.domain.plan import Draft
from shared.domain.strategy import Strategy


def intents_of(
    draft: Draft, strategy: Strategy, signal: SignalId, account: AccountId, expires_at: datetime
) -> list[OrderIntent]:
    """The order first, then its protective legs; every id is computed from the signal."""

    def named(leg: str) -> IntentId:
        return intent_id(Cause.SIGNAL, signal, account, leg, 1)

    order = OrderIntent(
        id=named(draft.leg),
        user_id=strategy.user_id,
        account_id=account,
        strategy_id=strategy.id,
        signal_id=signal,
        cause=Cause.SIGNAL,
        cause_id=signal,
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
    wanted = (
        (Role.TAKE_PROFIT, "tp", OrderType.LIMIT, draft.take_profit_ticks),
        (Role.STOP_LOSS, "sl", OrderType.STOP, draft.stop_loss_ticks),
    )
    return [
        order,
        *(
            _leg(order, named(f"{draft.leg}.{short}"), f"{draft.leg}.{short}", role, kind, ticks)
            for role, short, kind, ticks in wanted
            if ticks is not None
        ),
    ]


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


def _leg(
    order: OrderIntent, id_: IntentId, name: str, role: Role, kind: OrderType, ticks: int
) -> OrderIntent:
    """Good till cancelled: a protective order of the day would die with the session."""
    return replace(
        order,
        id=id_,
        role=role,
        leg=name,
        action=order.action.opposite,
        order_type=kind,
        time_in_force=TimeInForce.GTC,
        price=None,
        stop_price=None,
        offset_ticks=ticks,
        reference_price=None,
        parent=order.id,
        after=None,
        expires_at=None,
    )
