"""Orders that no alert asked for: the exit at a window's end, the exit and the entry of a roll.

Their ids are computed from the cause and the contract that is left, so each exists at most once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from shared.domain.ids import AccountId, Cause, StrategyId, UserId, intent_id
from shared.domain.order import Action, OrderIntent, OrderType, Role, TimeInForce
from shared.domain.rules.bracket import Stop

CLOSES: Final = "exit"
MOVES: Final = "move"
_ENTERS: Final = "entry"
_LEGS: Final = ((Role.TAKE_PROFIT, "tp", OrderType.LIMIT), (Role.STOP_LOSS, "sl", OrderType.STOP))


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds which contract where."""

    user_id: UserId
    account_id: AccountId
    strategy_id: StrategyId
    contract: str


@dataclass(frozen=True, slots=True)
class Distance:
    """How far a leg stood from the entry it protected, in ticks; `moves` is what moves a stop."""

    role: Role
    ticks: int
    moves: Stop | None = None


def exit_for(owner: Owner, cause: Cause, cause_id: int, kind: str = CLOSES) -> OrderIntent:
    """Be flat in this contract.

    Quantity and side are read from fills when it is claimed; before that its owner's working
    orders in the contract are cancelled, entries included.
    """
    leg = f"{kind}.{owner.contract}.{owner.strategy_id}"
    return OrderIntent(
        id=intent_id(cause, cause_id, owner.account_id, leg, 1),
        user_id=owner.user_id,
        account_id=owner.account_id,
        strategy_id=owner.strategy_id,
        signal_id=None,
        cause=cause,
        cause_id=cause_id,
        role=Role.EXIT,
        leg=leg,
        attempt=1,
        action=Action.SELL,
        qty_contracts=0,
        order_type=OrderType.MARKET,
        contract=owner.contract,
        time_in_force=TimeInForce.DAY,
        price=None,
        stop_price=None,
        offset_ticks=None,
        reference_price=None,
        parent=None,
        after=None,
        expires_at=None,
    )


def moves(order: OrderIntent) -> bool:
    """Whether this exit is the first half of a move."""
    return order.leg.startswith(f"{MOVES}.")


def entry_leg(contract: str, strategy: StrategyId) -> str:
    """The name of the entry that follows the exit from `contract`: one, whatever came between."""
    return f"{_ENTERS}.{contract}.{strategy}"


def entry_after(
    exit_: OrderIntent,
    qty_contracts: int,
    contract: str,
    distances: Iterable[Distance],
    expires_at: datetime,
) -> tuple[OrderIntent, ...]:
    """The second half: the same quantity and side in `contract`, its bracket as far away as it was.

    `exit_` as it was sent. Of several legs the farthest target and the farthest stop stand for the
    whole quantity: nothing is ever naked, and nothing ends sooner than it would have.
    """
    name = entry_leg(exit_.contract, exit_.strategy_id)
    entry = replace(
        exit_,
        id=intent_id(exit_.cause, exit_.cause_id, exit_.account_id, name, 1),
        role=Role.ENTRY,
        leg=name,
        attempt=1,
        action=exit_.action.opposite,
        qty_contracts=qty_contracts,
        contract=contract,
        expires_at=expires_at,
    )
    farthest = {each.role: each for each in sorted(distances, key=lambda each: each.ticks)}
    legs = (
        _leg(entry, farthest[role], f"{name}.{short}", kind)
        for role, short, kind in _LEGS
        if role in farthest
    )
    return (entry, *legs)


def _leg(entry: OrderIntent, away: Distance, name: str, kind: OrderType) -> OrderIntent:
    return replace(
        entry,
        id=intent_id(entry.cause, entry.cause_id, entry.account_id, name, 1),
        role=away.role,
        leg=name,
        action=entry.action.opposite,
        order_type=kind,
        time_in_force=TimeInForce.GTC,
        offset_ticks=away.ticks,
        moves=away.moves,
        parent=entry.id,
        expires_at=None,
    )
