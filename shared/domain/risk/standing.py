"""How an account, or a strategy over all its accounts, stands towards its money rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shared.domain.money import Usd
from shared.domain.risk.limits import Mark, Reached
from shared.domain.risk.prop import PropState

ZERO: Final = Usd(0)


@dataclass(frozen=True, slots=True)
class Standing:
    """`mark` is None when open P&L cannot be told: then nothing with a loss limit is entered.

    `further_usd` is what would be lost from this mark on if every stop were hit: positions,
    working entries and entries in flight, slippage and closing fees included. None: some of them
    has no stop, and there is no bound.
    """

    mark: Mark | None = None
    reached: frozenset[Reached] = frozenset()
    further_usd: Usd | None = ZERO
    prop: PropState | None = None
    is_priced: bool = True  # False: `mark` is the broker's word, of no use for what may yet be lost


UNTOUCHED: Final = Standing()
