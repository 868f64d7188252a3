"""May this intent be sent now, and with which numbers? Judged inside the claim's transaction.

A verdict is Send (frozen numbers), End (it will never be sent) or Wait (not now; perhaps orders
of its owner must be cancelled first).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from shared.domain.claim_gates import EntryFacts, refused_now
from shared.domain.cover import Cover, Resize, resizes
from shared.domain.ids import Cause, IntentId
from shared.domain.leg_places import RungStand, priced, rung_contracts, wrong_side
from shared.domain.order import Action, IntentState, OrderIntent, OrderType, Role

# A market order is answered by its fill within moments; cancelling it sooner helps nobody.
MARKET_ORDER_PATIENCE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Working:
    """An order of the same owner in the same contract that may still trade."""

    intent_id: IntentId
    broker_order_id: int | None
    role: Role
    order_type: OrderType
    state: IntentState
    claimed_at: datetime | None
    qty_contracts: int = 0
    filled_contracts: int = 0
    pair: str = ""  # legs of one pair end each other
    seq: int = 0
    entry_left_contracts: int = 0  # of a leg: what the legs of its entry have not closed of it


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pending intent whose turn it is, with what decides about it."""

    intent: OrderIntent
    legs: tuple[OrderIntent, ...]
    tick: Decimal
    after_state: IntentState | None  # of the intent it waits for
    owner_net: int  # signed contracts its owner holds in the contract, by fills
    working: tuple[Working, ...] = ()
    # What its owner's protective legs have closed since the intent was made.
    closed_by_legs: int = 0
    facts: EntryFacts | None = None  # of an entry: what the gates are asked again of
    stand: RungStand | None = None  # of a pair that an earlier rung gets; `legs` is its other leg
    rests: bool = False  # its login may place nothing now, by the record


@dataclass(frozen=True, slots=True)
class Send:
    intent: OrderIntent
    legs: tuple[OrderIntent, ...] = ()


@dataclass(frozen=True, slots=True)
class End:
    state: IntentState
    code: str
    message: str
    detail: dict[str, str] = field(default_factory=dict)  # the compared values


@dataclass(frozen=True, slots=True)
class Wait:
    """`cancel` holds broker order ids to cancel before asking again, `resize` legs to shrink."""

    reason: str
    cancel: tuple[int, ...] = ()
    resize: tuple[Resize, ...] = ()


Verdict = Send | End | Wait

# An entry that an alert took back; its code marks it from then on, sent or not.
TAKEN_BACK: Final = End(
    IntentState.CANCELLED, "entry.withdrawn", "An alert took it back before it had filled."
)


def judge(candidate: Candidate, now: datetime, quote: Decimal | None) -> Verdict:
    """`quote` is a price of the contract younger than 2 s, or None."""
    if candidate.stand is not None:
        return _judge_rung(candidate, candidate.stand)
    if candidate.intent.role is Role.EXIT:
        return _judge_exit(candidate, now)
    if candidate.intent.role is Role.REDUCE:
        return _judge_part(candidate, now)
    return _judge_entry(candidate, now, quote)


def _judge_entry(candidate: Candidate, now: datetime, quote: Decimal | None) -> Verdict:
    intent = candidate.intent
    if intent.expires_at is not None and now >= intent.expires_at:
        return stale()
    settled = _settled(candidate, quote)
    if settled is not None:
        return settled
    if candidate.facts is not None:
        denied = refused_now(intent, candidate.legs, candidate.facts, quote)
        if denied is not None:
            return End(IntentState.BLOCKED, denied.code, denied.message, denied.detail)
    if not candidate.legs:
        return Send(intent)
    return _with_legs(candidate, _base(intent, quote))


def _settled(candidate: Candidate, quote: Decimal | None) -> Verdict | None:
    """What its own story says of an entry: what it follows, and what it adds to."""
    intent = candidate.intent
    if intent.cause is Cause.AVERAGE:
        return _average_over(candidate, quote)
    before = None if intent.after is None else candidate.after_state
    if before is not None and not before.final:
        return Wait("after")
    # One that names no exit was planned behind what was being closed then, or from flat.
    adds = before is None and candidate.owner_net * intent.action.sign > 0
    if candidate.owner_net == 0 or adds:
        return None
    message = f"The exit before it ended with {candidate.owner_net} contracts still held."
    return End(IntentState.BLOCKED, "reverse.not_flat", message)


def _average_over(candidate: Candidate, quote: Decimal | None) -> End | None:
    """An add adds: what it was meant for must be there still, and not about to be stopped out."""
    intent, facts = candidate.intent, candidate.facts
    sign = intent.action.sign
    if candidate.owner_net * sign <= 0:
        return End(IntentState.SKIPPED, "average.ended", "The position ended before its add left.")
    stops = [
        order.stop_price
        for order in (() if facts is None else facts.scene.working)
        if order.owner == intent.strategy_id
        and order.contract == intent.contract
        and order.action is not intent.action
        and order.stop_price is not None
    ]
    if quote is not None and any((quote - stop) * sign <= 0 for stop in stops):
        return End(IntentState.SKIPPED, "average.stopped", "The position's stop is reached.")
    return None


def _with_legs(candidate: Candidate, base: Decimal | None) -> Verdict:
    """Legs at their prices, or, of a market order without a base, as mere distances.

    What has no price then, the broker measures from the fill. Pairs of earlier rungs stay behind
    until there is something to cover, unless the broker is to place them.
    """
    intent = candidate.intent
    if base is not None:
        legs = [priced(leg, intent.action, base, candidate.tick) for leg in candidate.legs]
        for price in _fills_from(intent, base):
            wrong = wrong_side(legs, intent.action, price)
            if wrong is not None:
                return _refused_side(wrong, price)
        qty = intent.qty_contracts
        leaving = tuple(replace(leg, qty_contracts=qty) for leg in legs if leg.rung == 0)
        return Send(replace(intent, reference_price=base), leaving)
    if intent.order_type is OrderType.MARKET and all(map(_is_distance, candidate.legs)):
        return Send(intent, _shared_out(intent, candidate.legs))
    message = "No fresh quote and no price in the alert to place the bracket from."
    return End(IntentState.BLOCKED, "bracket.no_reference", message)


def _refused_side(leg: OrderIntent, base: Decimal) -> End:
    """A stop beyond the market would trade at once, a target there would not be one."""
    level = leg.price if leg.price is not None else leg.stop_price
    message = f"With the price at {base}, {leg.leg} at {level} is on the wrong side of the entry."
    return End(IntentState.BLOCKED, "bracket.wrong_side", message)


def _shared_out(intent: OrderIntent, legs: tuple[OrderIntent, ...]) -> tuple[OrderIntent, ...]:
    """Without a moment in which the first pair covers everything: each rung its own part."""
    earlier = {leg.rung: leg.qty_contracts for leg in legs if leg.rung}
    last = intent.qty_contracts - sum(earlier.values())
    return tuple(leg if leg.rung else replace(leg, qty_contracts=last) for leg in legs)


def _is_distance(leg: OrderIntent) -> bool:
    return leg.offset_ticks is not None


def _judge_rung(candidate: Candidate, stand: RungStand) -> Verdict:
    qty = rung_contracts(stand, candidate.intent.qty_contracts)
    if qty == 0:
        message = "Nothing was left for this part of the entry."
        return End(IntentState.SKIPPED, "rung.closed", message)
    head, *others = (
        replace(priced(leg, stand.entry, stand.entry_price, candidate.tick), qty_contracts=qty)
        for leg in (candidate.intent, *candidate.legs)
    )
    return Send(head, tuple(others))


def _base(intent: OrderIntent, quote: Decimal | None) -> Decimal | None:
    """What the legs are measured from: an exact price of the order wins over any estimate."""
    for price in (intent.price, intent.stop_price, quote, intent.reference_price):
        if price is not None:
            return price
    return None


def _fills_from(intent: OrderIntent, base: Decimal) -> Iterator[Decimal]:
    """The prices between which an order fills: of a stop limit from its trigger to its limit.

    With a limit short of the trigger it fills at the limit, as if it had always rested there.
    """
    yield base
    limit, trigger = intent.price, intent.stop_price
    if limit is not None and trigger is not None and (limit - trigger) * intent.action.sign > 0:
        yield trigger


def stale() -> End:
    return End(IntentState.STALE, "signal.expired", "Older than its maximum age before its turn.")


def _judge_exit(candidate: Candidate, now: datetime) -> Verdict:
    if candidate.working:
        cancel = tuple(
            order.broker_order_id
            for order in candidate.working
            if order.broker_order_id is not None and _worth_cancelling(order, now)
        )
        return Wait("working", cancel)
    net = candidate.owner_net
    if net == 0:
        return End(IntentState.SKIPPED, "exit.flat", "Flat already: nothing was left to close.")
    action = Action.SELL if net > 0 else Action.BUY
    return Send(replace(candidate.intent, action=action, qty_contracts=abs(net)))


def _judge_part(candidate: Candidate, now: datetime) -> Verdict:
    """Targets shrink, then stops, and only then the part is closed: no leg may outlive it.

    What a leg closes meanwhile counts as closed.
    """
    held = abs(candidate.owner_net)
    left = candidate.intent.qty_contracts - candidate.closed_by_legs
    moving = [order for order in candidate.working if _moves_the_position(order)]
    if moving and left > 0:  # what it is a part of may be on its way only now
        # What closes is not cut short: the part would take its place, and the rest stay open.
        others = [order for order in moving if not order.role.ends]
        late = [order.broker_order_id for order in others if _worth_cancelling(order, now)]
        return Wait("working", tuple(order for order in late if order is not None))
    if held == 0 or left <= 0:
        message = "Closed already: nothing of the part was left."
        return End(IntentState.SKIPPED, "exit.part_closed", message)
    qty = min(left, held)
    shrunk = tuple(
        change
        for change in resizes(held - qty, [cover_of(order) for order in _legs_of(candidate)])
        if change.shrinks
    )
    if shrunk:
        return Wait("legs", resize=shrunk)
    action = Action.SELL if candidate.owner_net > 0 else Action.BUY
    return Send(replace(candidate.intent, action=action, qty_contracts=qty))


def _moves_the_position(order: Working) -> bool:
    """A market order on its way, or a leg of which it is not known yet where it works.

    So is a resting entry that has begun to fill: its legs are for more than is held.
    """
    if order.role.protective:
        return order.broker_order_id is None
    return order.order_type is OrderType.MARKET or order.filled_contracts > 0


def _legs_of(candidate: Candidate) -> Iterator[Working]:
    return (order for order in candidate.working if order.role.protective)


def cover_of(order: Working) -> Cover:
    return Cover(
        intent_id=order.intent_id,
        broker_order_id=order.broker_order_id or 0,
        role=order.role,
        qty_contracts=order.qty_contracts,
        filled_contracts=order.filled_contracts,
        pair=order.pair,
        seq=order.seq,
        entry_left_contracts=order.entry_left_contracts,
    )


def _worth_cancelling(order: Working, now: datetime) -> bool:
    if order.state not in (IntentState.ACCEPTED, IntentState.WORKING):
        return False
    if order.order_type is not OrderType.MARKET:
        return True
    return order.claimed_at is None or now - order.claimed_at > MARKET_ORDER_PATIENCE
