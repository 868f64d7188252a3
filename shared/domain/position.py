"""Positions: the fold of fills, and what an owner will hold once its open intents are through."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from shared.domain.ids import IntentId
from shared.domain.order import Action, Fill, IntentState, Role


@dataclass(frozen=True, slots=True)
class Position:
    """Signed contracts and their average price; `avg_price` is None exactly when flat."""

    net_qty: int = 0
    avg_price: Decimal | None = None


FLAT = Position()


def fold(position: Position, fill: Fill) -> Position:
    """The position after one fill.

    Growing averages the price, shrinking keeps it, and a fill beyond flat is a close and an open
    at its own price.
    """
    net = position.net_qty + fill.signed_qty
    if net == 0:
        return FLAT
    if position.avg_price is None or position.net_qty * net < 0:
        return Position(net, fill.price)
    if abs(net) < abs(position.net_qty):
        return Position(net, position.avg_price)
    held, added = abs(position.net_qty), fill.qty_contracts
    return Position(net, (position.avg_price * held + fill.price * added) / (held + added))


def fold_all(fills: Iterable[Fill]) -> Position:
    position = FLAT
    for fill in fills:
        position = fold(position, fill)
    return position


@dataclass(frozen=True, slots=True)
class OpenIntent:
    """An intent that has not ended, as far as it matters for what comes after it.

    `remaining_qty` of a protective leg is no more than its entry's legs have left to close: one
    whose entry has not filled, or whose pair has closed it, cannot trade any more.
    """

    id: IntentId
    role: Role
    action: Action
    root: str
    contract: str
    remaining_qty: int
    state: IntentState
    account_seq: int


def expected_net(net_qty: int, open_intents: Iterable[OpenIntent]) -> int:
    """Signed contracts of one owner in one root after its open intents, taken in their order.

    An exit ends flat whatever came before it, a part at flat at most. Protective legs do not
    count: whether they trade is the market's choice.
    """
    for intent in sorted(open_intents, key=lambda each: each.account_seq):
        if intent.role is Role.EXIT:
            net_qty = 0
        elif intent.role is Role.ENTRY:
            net_qty += intent.action.sign * intent.remaining_qty
        elif intent.role is Role.REDUCE and net_qty * intent.action.sign < 0:
            net_qty += intent.action.sign * min(intent.remaining_qty, abs(net_qty))
    return net_qty


def external_left(net: int, against: int) -> int:
    """What may be closed of a `net` that is not ours, signed.

    `against` are the contracts of our owners on the other side: so much of it has closed theirs
    already, and closing it would open what our books still show.
    """
    left = max(0, abs(net) - against)
    return left if net > 0 else -left


def still_held(net: int, same_side: int, external: int) -> int:
    """What an owner can still close of its `net`, signed: trades of others may have closed it.

    `same_side` are the contracts of all our owners on that side, at least `abs(net)`; `external`
    is the signed net of what is not ours. Without this an exit after a person's flatten would
    open a position of its own.
    """
    closed_by_others = abs(external) if net * external < 0 else 0
    left = min(abs(net), max(0, same_side - closed_by_others))
    return left if net > 0 else -left
