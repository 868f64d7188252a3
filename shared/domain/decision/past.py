"""How far back a decision looks, as far as its rules ask and no further."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from shared.domain.alert_signal import Signal
from shared.domain.decision.ask import ask_of
from shared.domain.errors import InvalidInput
from shared.domain.strategy import AccountLink, Strategy

_MINUTE_S: Final = 60


@dataclass(frozen=True, slots=True)
class Span:
    """`recent_s` back from now; `review` and `account_review` entries at most are counted.

    What no rule asks for is not counted at all: 0.
    """

    recent_s: int = _MINUTE_S
    review: int = 0
    account_review: int = 0


def span_of(strategy: Strategy, links: Iterable[AccountLink]) -> Span:
    """As far as any brake of the strategy and of these accounts looks."""
    accounts = [link.rules.brakes for link in links]
    brakes = (strategy.rules.brakes, *accounts)
    return Span(
        recent_s=max(_MINUTE_S, *(each.duplicate_s for each in brakes)),
        review=strategy.rules.brakes.entries_before_review or 0,
        account_review=max((each.entries_before_review or 0 for each in accounts), default=0),
    )


def asks_entry(signal: Signal) -> bool:
    """Whether an alert counts as an entry signal of its strategy, whatever becomes of it."""
    try:
        return ask_of(signal).kind.enters
    except InvalidInput:
        return False
