"""From what was remembered and what the books say now: how a scope stands, and what to remember.

The same step is taken by the watch, which keeps what it returns, and by a decision, which does
not: a decision never stands on an older look than its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

from shared.domain.money import Usd
from shared.domain.risk import limits as money
from shared.domain.risk import prop
from shared.domain.risk.books import Books, Cash
from shared.domain.risk.limits import Reached
from shared.domain.risk.prop import PropMark, PropState
from shared.domain.risk.standing import Standing
from shared.domain.rules.limits import Limits
from shared.domain.rules.prop import PropRules


@dataclass(frozen=True, slots=True)
class Kept:
    """What outlives midnight and restarts. `reached` may hold what a later day has forgotten.

    `seen_at` is when the scope was last looked at, None: never.
    """

    reached: frozenset[Reached] = frozenset()
    prop: PropState | None = None
    anchor: Cash | None = None
    seen_at: datetime | None = None


NOTHING_KEPT = Kept()


def observed(kept: Kept, limits: Limits, rules: PropRules | None, books: Books) -> Kept:
    """What is to be remembered once these books were seen; unknown P&L adds nothing.

    The fills since the last look are seen too, each at its own price.
    """
    reached = money.current(kept.reached, books.on)
    for mark in books.marks:
        reached = money.observe(reached, limits, mark)
    anchor = kept.anchor if books.cash is None else replace(books.cash, since_usd=Usd(0))
    return Kept(reached, _prop(kept.prop, rules, books), anchor, kept.seen_at)


def standing_of(kept: Kept, limits: Limits, rules: PropRules | None, books: Books) -> Standing:
    """How the scope stands now. A prop account that cannot be told stands as it was stopped."""
    now = observed(kept, limits, rules, books)
    unknown = books.open_usd is None or books.cash is None
    stopped = now.prop is not None and _is_stopped(now.prop, books.on)
    told = now.prop if rules is not None and (stopped or not unknown) else None
    return Standing(books.mark, now.reached, books.further_usd, told, books.is_priced)


def _is_stopped(state: PropState, on: date) -> bool:
    return state.breach is not None or on in (state.day_stopped, state.left_on)


def _prop(state: PropState | None, rules: PropRules | None, books: Books) -> PropState | None:
    """Kept while no rules are set: an account does not begin anew by switching them off and on."""
    open_usd = books.open_usd
    if rules is None or open_usd is None or books.cash is None:
        return state
    balance_usd = books.cash.balance_usd
    begun_usd = balance_usd - books.day.net_usd
    if state is None:
        state = _begun(rules, books.on, begun_usd)
    elif state.last.on < books.on:
        # What was realised after the last look at that day belongs to it.
        state = replace(state, last=replace(state.last, balance_usd=begun_usd))
    elif state.last.on > books.on:
        return state  # a clock that went back sees nothing new
    for swing_usd in (*books.swings_usd, Usd(0)):
        state = prop.observe(state, rules, PropMark(books.on, balance_usd, open_usd + swing_usd))
    return prop.leave_in_time(state, rules, books.leaving_usd)


def _begun(rules: PropRules, on: date, balance_usd: Usd) -> PropState:
    """An account that may have traded before: its highest balance is at least today's first."""
    fresh = prop.started(rules, on)
    return replace(fresh, peak_usd=max(fresh.peak_usd, balance_usd), day_start_usd=balance_usd)
