"""The settings of a strategy and of an account beyond sizes: frozen, checked, stored as JSON.

Every field has a neutral default, so that `{}` is a strategy without rules. None means that a
rule is off; zero is a value (0 adds: none; a loss limit of 0: nothing may be lost). Distances are
in the unit beside them, money in US dollars, times of day in the zone beside them.
"""

from __future__ import annotations

from datetime import time
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from shared.domain.rules.base import NEW_YORK, Rule, Ticks, Zone, exact
from shared.domain.rules.bracket import Bracket
from shared.domain.rules.drift import DriftPolicy
from shared.domain.rules.entries import Direction, EntryRules, Follow, Hours, Opposite
from shared.domain.rules.limits import Brakes, Limits
from shared.domain.rules.prop import PropRules


class Watchdog(Rule):
    """Tells the owner when no alert came in market hours: for so long, or until a time of day."""

    quiet_s: Annotated[int, BeforeValidator(exact), Field(ge=60, le=31 * 86_400)] | None = None
    due_by: time | None = None
    zone: Zone = NEW_YORK


class RollPolicy(StrEnum):
    """What happens to an open position when its contract is no longer the one to trade."""

    TELL = "tell"
    CLOSE = "close"
    MOVE = "move"


class RollRules(Rule):
    policy: RollPolicy = RollPolicy.TELL
    tell_days_before: Annotated[int, Field(ge=0, le=30)] = 3


class StrategyRules(Rule):
    """Everything about a strategy that its sizes and its symbol do not say."""

    direction: Direction = Direction.BOTH
    inverse: bool = False
    opposite: Opposite = Opposite.REVERSE
    follows: Annotated[tuple[Follow, ...], Field(max_length=10)] = ()
    hours: Hours = Hours()
    entries: EntryRules = EntryRules()
    limits: Limits = Limits()
    brakes: Brakes = Brakes()
    bracket: Bracket = Bracket()
    slippage_ticks: Ticks = 0  # allowed for beyond the stop when its worst case is judged
    watchdog: Watchdog = Watchdog()
    roll: RollRules = RollRules()
    drift: DriftPolicy = DriftPolicy.ALARM  # when its book and the broker's part company


class AccountRules(Rule):
    """Rules of an account, whichever strategy trades it."""

    limits: Limits = Limits()
    hours: Hours = Hours()
    brakes: Brakes = Brakes()
    prop: PropRules | None = None


# Neither has a rule: what a strategy and an account start with.
FREE_STRATEGY: Final = StrategyRules()
FREE_ACCOUNT: Final = AccountRules()
