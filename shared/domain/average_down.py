"""Averaging down: when a price that went against a position asks for one more add.

    position + fresh price --is_due--> Average --decide--> an entry with its bracket, or a refusal

Adds are measured from the position's worst entry and not from its average: the average follows
every add, so that steps from it would shrink to a half, a third, and so on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from shared.domain.ids import AccountId, SignalId, StrategyId
from shared.domain.instruments import product_of
from shared.domain.ladder import place_of, ticks_from
from shared.domain.order import Action, Role
from shared.domain.position import Position
from shared.domain.rules import StrategyRules
from shared.domain.rules.bracket import AverageDown, DistanceUnit


@dataclass(frozen=True, slots=True)
class Sinking:
    """What a strategy that averages down holds in one contract, with nothing else under way there.

    `opener_seq` is the account's number of the entry that began it, `opener_signal` its alert.
    `tried` adds were made since, whatever became of them. `worst_entry` is the price furthest
    against it at which it was entered, or at which an add was tried. `stop` is the nearest stop
    that works for it; `is_stopped`: it was given one.
    """

    account_id: AccountId
    strategy_id: StrategyId
    contract: str
    root: str
    position: Position
    rule: AverageDown
    opener_seq: int
    opener_signal: SignalId | None
    tried: int
    worst_entry: Decimal
    stop: Decimal | None
    is_stopped: bool
    tick: Decimal

    @property
    def action(self) -> Action:
        """Of an add."""
        return Action.BUY if self.position.net_qty > 0 else Action.SELL


@dataclass(frozen=True, slots=True)
class Market:
    """Where an add would fill now, and where the position could be closed: fresh, or nothing."""

    enters_at: Decimal
    closes_at: Decimal


def is_due(sinking: Sinking, market: Market) -> bool:
    """Whether the next add is due at this price; never at or beyond a stop of the position."""
    if sinking.tried >= sinking.rule.times or sinking.rule.unit is DistanceUnit.PRICE:
        return False
    if sinking.position.net_qty == 0:
        return False  # of what is on the books trades of others may have left nothing
    sign, stop = sinking.action.sign, sinking.stop
    if stop is None and sinking.is_stopped:
        return False  # its stop is missing or moving: whoever mends that comes first
    if stop is not None and (market.closes_at - stop) * sign <= 0:
        return False
    return (sinking.worst_entry - market.enters_at) * sign >= step(sinking)


def step(sinking: Sinking) -> Decimal:
    """In points, in whole ticks rounded up: an add never comes sooner than asked."""
    rule, tick = sinking.rule, sinking.tick
    product = product_of(sinking.root)
    place = place_of(rule.step, rule.unit, Role.STOP_LOSS, sinking.action, product)
    ticks = ticks_from(sinking.worst_entry, place, Role.STOP_LOSS, tick)
    return (ticks or 0) * tick


def doubts(rules: StrategyRules) -> Iterator[tuple[str, str]]:
    """Codes and sentences of rules that keep each other from working."""
    rule, stop, most = rules.bracket.average_down, rules.bracket.stop, rules.entries.max_adds
    if rule is None:
        return
    if stop is not None and stop.unit is rule.unit and rule.step >= stop.at:
        says = "The stop is reached before the first add: nothing is ever added."
        yield "average_down.beyond_stop", says
    if most is not None and most < rule.times:
        yield "average_down.more_than_adds", f"The strategy allows {most} adds of {rule.times}."


def add_leg(number: int) -> str:
    """The name of the n-th add of a position: one, whoever makes it."""
    return f"average.{number}"
