"""Who may enter a contract in an account, and never against an order of its own.

In an exclusive account the first strategy with something open owns the root. In a shared one two
strategies may stand on opposite sides, and then an entry must not meet an order that works for
another owner of the same account: that would be trading with oneself.

Two orders could trade with each other when there is a price at which both may trade. A limit
trades at its price, or nearer the market while that is better; a market order, and a stop once
it is triggered, within `REACH_TICKS` of the market or of the trigger (our decision). Where no
price is known at all, an order may trade anywhere its own prices allow.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from shared.domain.decision.entry import Entry
from shared.domain.decision.scene import WorkingOrder
from shared.domain.decision.words import Move
from shared.domain.gates.refusal import Refusal
from shared.domain.instruments import product_of
from shared.domain.money import number_text
from shared.domain.order import Action
from shared.domain.plan import Denied

REACH_TICKS: Final = 10

OWNED_BY: Final = Refusal(
    "netting.owned_by",
    "the owner of the root, in an account for one strategy at a time",
    "Another strategy holds {root} in this account.",
)
SELF_MATCH: Final = Refusal(
    "netting.self_match",
    "the prices of the account's own orders on the other side of the contract",
    "It could trade against this account's own order {other} at {level}.",
)
REFUSALS: Final = (OWNED_BY, SELF_MATCH)

_LOWEST, _HIGHEST = Decimal("-Infinity"), Decimal("Infinity")


def owned_by_another(entry: Entry) -> Denied | None:
    owner = entry.scene.book.other_owners.get(entry.root)
    if owner is None or not entry.link.exclusive:
        return None
    return OWNED_BY.deny(root=entry.root, owner=owner)


def against_own_order(entry: Entry) -> Denied | None:
    """The own legs of a reverse are cancelled before its entry leaves; they do not count."""
    if entry.link.exclusive:
        return None
    market = entry.scene.quote if entry.scene.quote is not None else entry.reference_price
    reach = product_of(entry.root).tick_size * REACH_TICKS
    mine = _prices(entry.action, entry.price, entry.stop_price, market, reach)
    for order in entry.scene.working:
        if order.contract != entry.contract or order.action is entry.action:
            continue
        if entry.move is Move.REVERSE and order.owner == entry.strategy.id:
            continue
        theirs = _prices(order.action, order.price, order.stop_price, market, reach)
        if max(mine[0], theirs[0]) <= min(mine[1], theirs[1]):
            return _denied(entry, order)
    return None


def _denied(entry: Entry, order: WorkingOrder) -> Denied:
    levels = [number_text(each) for each in (order.stop_price, order.price) if each is not None]
    return SELF_MATCH.deny(
        other=f"{order.action} {order.order_type}",
        level=" / ".join(levels) or "the market",
        owner=order.owner,
        contract=entry.contract,
    )


def _prices(
    action: Action,
    limit: Decimal | None,
    trigger: Decimal | None,
    market: Decimal | None,
    reach: Decimal,
) -> tuple[Decimal, Decimal]:
    """The lowest and the highest price at which an order may trade."""
    around = market if trigger is None else trigger
    low = _LOWEST if around is None else around - reach
    high = _HIGHEST if around is None else around + reach
    if trigger is not None:  # not before its trigger is reached
        low, high = (trigger, high) if action is Action.BUY else (low, trigger)
    if limit is None:
        return low, high
    return (min(low, limit), limit) if action is Action.BUY else (limit, max(high, limit))
