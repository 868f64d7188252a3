"""When and how often a strategy enters."""

from __future__ import annotations

from datetime import time
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from shared.domain.rules.base import NEW_YORK, Count, Rule, Seconds, Zone, exact


class Direction(StrEnum):
    BOTH = "both"
    LONG_ONLY = "long_only"
    SHORT_ONLY = "short_only"


class Opposite(StrEnum):
    """What an entry signal against the position does."""

    REVERSE = "reverse"  # close all, then enter the whole quantity
    NET = "net"  # the quantity counts what it closes, as at an exchange
    CLOSE = "close"
    IGNORE = "ignore"


class FollowRule(StrEnum):
    """How an entry depends on the position of another strategy of the same user."""

    SAME_SIDE = "same_side"  # the directional strategy: only with the other's side
    OPPOSITE_SIDE = "opposite_side"
    WHILE_OPEN = "while_open"
    WHILE_FLAT = "while_flat"


class Follow(Rule):
    strategy_id: Annotated[int, Field(ge=1)]
    rule: FollowRule = FollowRule.SAME_SIDE


class AtEnd(StrEnum):
    """At the end of the last window of a day: keep what is open, or flatten it."""

    BLOCK = "block"
    FLATTEN = "flatten"


class Window(Rule):
    """From `start` (included) to `stop` (excluded); a stop at or before the start is tomorrow's.

    `days` are ISO weekdays (1 Monday to 7 Sunday) of the start.
    """

    start: time
    stop: time
    days: frozenset[Annotated[int, Field(ge=1, le=7)]] = frozenset(range(1, 8))

    @model_validator(mode="after")
    def _naive(self) -> Window:
        if self.start.tzinfo is not None or self.stop.tzinfo is not None:
            raise ValueError("times of day carry no offset; the zone stands beside them")
        return self


class Hours(Rule):
    """When entries are taken; no window means always. The exchange's sessions hold besides."""

    zone: Zone = NEW_YORK
    windows: Annotated[tuple[Window, ...], Field(max_length=10)] = ()
    at_end: AtEnd = AtEnd.BLOCK


class EntryRules(Rule):
    """How often entries are taken."""

    max_adds: Count | None = None  # beyond the first entry since flat; 0 never adds
    add_delay_s: Seconds = 0  # between an entry and the next add
    every_nth: Annotated[int, BeforeValidator(exact), Field(ge=1, le=1_000)] = 1
    cooldown_s: Seconds = 0  # after a position ended
    max_age_s: Annotated[int, BeforeValidator(exact), Field(ge=1, le=3_600)] | None = None
