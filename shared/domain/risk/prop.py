"""A prop firm's account: the floor that trails it, the days it made, and what ended it.

    equity = balance + open P&L
    floor  = highest seen - drawdown, where "seen" is the equity at any moment (intraday), the
             balance at the end of each trade date (end of day) or the start alone (static);
             never above the lock level
    breached once equity is at or below the floor, for good

Words and rules as the firms publish them; each firm's numbers are data (`rules.prop`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from shared.domain.money import Usd
from shared.domain.rules.limits import OnReached
from shared.domain.rules.prop import DrawdownKind, PropRules


@dataclass(frozen=True, slots=True)
class PropMark:
    """The account at one moment of trade date `on`."""

    on: date
    balance_usd: Usd  # realised, fees taken off
    open_usd: Usd

    @property
    def equity_usd(self) -> Usd:
        return self.balance_usd + self.open_usd


@dataclass(frozen=True, slots=True)
class PropState:
    """What must be remembered. `last` is the newest mark; `breach` says why it is over.

    `peak_usd` is the highest amount the floor hangs from. `day_start_usd` is the balance the
    trade date began with. `days` holds the closed days' results.
    """

    peak_usd: Usd
    day_start_usd: Usd
    last: PropMark
    days: Mapping[date, Usd] = field(default_factory=dict)
    breach: str | None = None
    day_stopped: date | None = None  # the trade date whose daily loss was reached
    left_on: date | None = None  # the trade date on which all was closed before it was too late


def started(rules: PropRules, on: date) -> PropState:
    """An account on its first trade date."""
    start = rules.start_balance_usd
    return PropState(start, start, PropMark(on, start, Decimal(0)))


def observe(state: PropState, rules: PropRules, mark: PropMark) -> PropState:
    """The state once `mark` was seen. Marks come in order; a breach never heals."""
    if mark.on > state.last.on:
        state = _day_over(state, rules)
    if rules.drawdown_kind is DrawdownKind.INTRADAY:
        state = replace(state, peak_usd=max(state.peak_usd, mark.equity_usd))
    state = replace(state, last=mark)
    if state.breach is None and mark.equity_usd <= floor_usd(state, rules):
        state = replace(state, breach="prop.drawdown")
    lost = day_result_usd(state)
    if rules.daily_loss_usd is not None and lost <= -rules.daily_loss_usd:
        state = replace(state, day_stopped=mark.on)
    return state


def _day_over(state: PropState, rules: PropRules) -> PropState:
    """Close the last trade date with its balance, which the next one begins with."""
    closed = state.last.balance_usd
    days = {**state.days, state.last.on: closed - state.day_start_usd}
    peak = state.peak_usd
    if rules.drawdown_kind is DrawdownKind.END_OF_DAY:
        peak = max(peak, closed)
    return replace(state, peak_usd=peak, day_start_usd=closed, days=days)


def floor_usd(state: PropState, rules: PropRules) -> Usd:
    """The equity at which the account is over."""
    floor = state.peak_usd - rules.drawdown_usd
    return floor if rules.lock_at_usd is None else min(floor, rules.lock_at_usd)


def day_result_usd(state: PropState) -> Usd:
    """Of the running trade date, open P&L included."""
    return state.last.equity_usd - state.day_start_usd


def room_usd(state: PropState, rules: PropRules) -> Usd:
    """The margin to breach: what may be lost before any loss rule is hit."""
    room = state.last.equity_usd - floor_usd(state, rules)
    if rules.daily_loss_usd is not None:
        room = min(room, rules.daily_loss_usd + day_result_usd(state))
    return room


def leave_in_time(state: PropState, rules: PropRules, leaving_usd: Usd) -> PropState:
    """Marks the day where what is left would not pay for more than closing what is held.

    A floor that follows open profit may rise above a stop that stands still. Closing at the floor
    is too late: the account is over by then.
    """
    is_over = state.breach is not None or state.day_stopped == state.last.on
    if rules.on_reached is not OnReached.FLATTEN or is_over or leaving_usd == 0:
        return state
    is_near = room_usd(state, rules) <= leaving_usd
    return replace(state, left_on=state.last.on) if is_near else state


def refusal_of(state: PropState, rules: PropRules) -> str | None:
    """The code of the rule that stops entries now, the gravest first."""
    if state.breach is not None:
        return state.breach
    if state.day_stopped == state.last.on:
        return "prop.daily_loss"
    if state.left_on == state.last.on:
        return "prop.left_in_time"
    if rules.profit_target_usd is not None and (
        state.last.equity_usd >= rules.start_balance_usd + rules.profit_target_usd
    ):
        return "prop.target_reached"
    return "prop.consistency" if _day_is_full(state, rules) else None


def _day_is_full(state: PropState, rules: PropRules) -> bool:
    """Whether today's profit has its whole share of the target: more would break consistency."""
    if rules.consistency_percent is None or rules.profit_target_usd is None:
        return False
    return day_result_usd(state) >= rules.profit_target_usd * rules.consistency_percent / 100
