"""What is done when a strategy's book and the broker's part company."""

from __future__ import annotations

from enum import StrEnum


class DriftPolicy(StrEnum):
    """Every one of them tells; none opens, closes or gives away anything that it does not name."""

    ALARM = "alarm"  # no entry of the root until two clean looks, or until a person releases it
    BLOCK = "block"  # the same, and only a person releases it
    FOLLOW = "follow"  # the strategy takes over what others traded against or beside it
    HEAL = "heal"  # that, and then back to what the strategy asked for, at most once
