"""Rule sets of prop firms as data, to begin an account's own rules from.

The figures were gathered from what others write of the firms. `published_at` is where the firm
itself publishes them; nobody has compared them with that page or with a contract, so each row
says `verified=False`: whoever chooses one is told, and reads the figures against the own
agreement. Firms change them often.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from typing import Final

from shared.domain.errors import NotFound
from shared.domain.rules.base import CHICAGO, NEW_YORK
from shared.domain.rules.entries import Hours
from shared.domain.rules.prop import DrawdownKind, PropRules


@dataclass(frozen=True, slots=True)
class PropSet:
    """`key` names the set for good; `published_at` is where the firm publishes its rules."""

    key: str
    rules: PropRules
    published_at: str
    as_of: str
    verified: bool = False


_TOPSTEP: Final = "https://help.topstep.com (Trading Combine: rules and parameters)"
_APEX: Final = "https://apextraderfunding.com (evaluation rules, trailing threshold)"
_AS_OF: Final = "2025"


def _topstep(size_k: int, target: int, drawdown: int, day_loss: int, minis: int) -> PropSet:
    """The floor follows the closed days' balance and stops at the start; flat by 15:10 Chicago."""
    start = Decimal(size_k * 1000)
    rules = PropRules(
        name=f"Topstep Combine {size_k}K",
        start_balance_usd=start,
        drawdown_usd=Decimal(drawdown),
        drawdown_kind=DrawdownKind.END_OF_DAY,
        lock_at_usd=start,
        daily_loss_usd=Decimal(day_loss),
        profit_target_usd=Decimal(target),
        consistency_percent=Decimal(50),
        max_contracts=minis,
        hours=Hours(zone=CHICAGO),
        flat_by=time(15, 10),
    )
    return PropSet(f"topstep_combine_{size_k}k", rules, _TOPSTEP, _AS_OF)


def _apex(size_k: int, target: int, drawdown: int, minis: int) -> PropSet:
    """The floor follows every high of the equity; no daily loss; flat by 16:59 New York."""
    rules = PropRules(
        name=f"Apex evaluation {size_k}K",
        start_balance_usd=Decimal(size_k * 1000),
        drawdown_usd=Decimal(drawdown),
        drawdown_kind=DrawdownKind.INTRADAY,
        profit_target_usd=Decimal(target),
        max_contracts=minis,
        hours=Hours(zone=NEW_YORK),
        flat_by=time(16, 59),
    )
    return PropSet(f"apex_evaluation_{size_k}k", rules, _APEX, _AS_OF)


PROP_SETS: Final = {
    each.key: each
    for each in (
        _topstep(50, target=3000, drawdown=2000, day_loss=1000, minis=5),
        _topstep(100, target=6000, drawdown=3000, day_loss=2000, minis=10),
        _topstep(150, target=9000, drawdown=4500, day_loss=3000, minis=15),
        _apex(50, target=3000, drawdown=2500, minis=10),
        _apex(100, target=6000, drawdown=3000, minis=14),
    )
}


def prop_set(key: str) -> PropSet:
    """Raises `NotFound` for a name that no set has."""
    found = PROP_SETS.get(key)
    if found is None:
        known = ", ".join(PROP_SETS)
        raise NotFound("prop.unknown_set", f"There is no rule set {key!r}; known are {known}.")
    return found
