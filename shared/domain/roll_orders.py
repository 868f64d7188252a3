"""Orders that no alert asked for: the exit at a window's end, the exit and the entry of a roll.

Their ids are computed from the cause and the contract that is left, so each exists at most once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from shared.domain.ids import AccountId, Cause, StrategyId, UserId, intent_id
from shared.domain.ladder import whole_ticks
from shared.domain.order import Action, OrderIntent, OrderType, Role, TimeInForce
from shared.domain.rules.bracket import Stop

CLOSES: Final = "exit"
MOVES: Final = "move"
_ENTERS: Final = "entry"
_RUNGS_MAX: Final = 9  # beside the first pair: as many as a bracket has


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds which contract where."""

    user_id: UserId
    account_id: AccountId
    strategy_id: StrategyId
    contract: str


@dataclass(frozen=True, slots=True)
class Distance:
    """A leg that worked when its position was left: how far the market was from it, in ticks.

    0: its price had been reached. Legs with one `pair` ended each other and stood for
    `open_contracts`. `moves` is what moves a stop; `per_position`: with the position's average.
    """

    role: Role
    ticks: int
    open_contracts: int
    pair: str = ""
    moves: Stop | None = None
    per_position: bool = False


def ticks_left(
    role: Role, level: Decimal, exit_: Action, exit_price: Decimal, tick: Decimal
) -> int:
    """From where an exit in direction `exit_` filled to a leg's level; 0 when it was reached."""
    gain = (exit_price - level) * exit_.sign
    away = gain if role is Role.TAKE_PROFIT else -gain
    return whole_ticks(away / tick, role) if away > 0 else 0


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
    """The second half: the same side in `contract`, its legs as far from it as the market was.

    `exit_` as it was sent, `qty_contracts` as it filled. What the legs of a pair whose price was
    reached would have closed stays closed; empty when nothing is left. The pair with the farthest
    target leaves with the entry, for all of it; the others are its rungs.
    """
    pairs, reached = _pairs(distances)
    qty = qty_contracts - reached
    if qty <= 0 or (reached and not pairs):
        return ()
    name = entry_leg(exit_.contract, exit_.strategy_id)
    entry = replace(
        exit_,
        id=intent_id(exit_.cause, exit_.cause_id, exit_.account_id, name, 1),
        role=Role.ENTRY,
        leg=name,
        attempt=1,
        action=exit_.action.opposite,
        qty_contracts=qty,
        contract=contract,
        expires_at=expires_at,
    )
    return (entry, *_legs(entry, pairs))


@dataclass(frozen=True, slots=True)
class _Pair:
    target: Distance | None
    stop: Distance | None
    open_contracts: int

    @property
    def is_reached(self) -> bool:
        return any(leg is not None and leg.ticks == 0 for leg in (self.target, self.stop))


def _pairs(distances: Iterable[Distance]) -> tuple[list[_Pair], int]:
    """What stood, nearest target first, and how many contracts of reached ones there were.

    Those without a target come last, as one: the farthest of their stops stands for all of them.
    """
    by_pair: dict[str, list[Distance]] = {}
    for each in distances:
        by_pair.setdefault(each.pair, []).append(each)
    found = [pair for legs in by_pair.values() if (pair := _pair(legs)).open_contracts > 0]
    left = [pair for pair in found if not pair.is_reached]
    aimed = sorted((p for p in left if p.target is not None), key=_ticks_to_target)
    bare = [p for p in left if p.target is None]
    if bare:
        stop = max((p.stop for p in bare if p.stop is not None), key=lambda each: each.ticks)
        aimed.append(_Pair(None, stop, sum(p.open_contracts for p in bare)))
    return aimed, sum(p.open_contracts for p in found if p.is_reached)


def _pair(legs: Sequence[Distance]) -> _Pair:
    """Of legs that nobody paired, the farthest."""
    farthest = {each.role: each for each in sorted(legs, key=lambda each: each.ticks)}
    held = min(each.open_contracts for each in legs)
    return _Pair(farthest.get(Role.TAKE_PROFIT), farthest.get(Role.STOP_LOSS), held)


def _ticks_to_target(pair: _Pair) -> int:
    return 0 if pair.target is None else pair.target.ticks


def _legs(entry: OrderIntent, pairs: Sequence[_Pair]) -> Iterator[OrderIntent]:
    """No pair without a stop where there was one; one contract at least stays to the last pair."""
    if not pairs:
        return
    stops = [pair.stop for pair in pairs if pair.stop is not None]
    farthest = max(stops, key=lambda each: each.ticks, default=None)
    left = entry.qty_contracts - 1
    for rung, pair in enumerate((pairs[-1], *pairs[:-1][:_RUNGS_MAX])):
        qty = min(pair.open_contracts, left) if rung else entry.qty_contracts
        left -= qty if rung else 0
        under = f"{entry.leg}.r{rung}" if rung else entry.leg
        for away, short in ((pair.target, "tp"), (pair.stop or farthest, "sl")):
            if away is not None and qty > 0:
                leg = _leg(entry, away, f"{under}.{short}")
                yield replace(leg, qty_contracts=qty, rung=rung)


def _leg(entry: OrderIntent, away: Distance, name: str) -> OrderIntent:
    return replace(
        entry,
        id=intent_id(entry.cause, entry.cause_id, entry.account_id, name, 1),
        role=away.role,
        leg=name,
        action=entry.action.opposite,
        order_type=OrderType.LIMIT if away.role is Role.TAKE_PROFIT else OrderType.STOP,
        time_in_force=TimeInForce.GTC,
        offset_ticks=away.ticks,
        moves=away.moves,
        per_position=away.per_position,
        parent=entry.id,
        expires_at=None,
    )
