"""What people read of alarms: limits, words, calendars and silence. Pure, in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from notifier.pieces import lines, safe, usd
from shared.contracts.accounts import RiskReached
from shared.contracts.calendar import RollDone, RollDue, StrategyQuiet, WindowEnded
from shared.contracts.controls import ControlSaid
from shared.contracts.drifts import DriftEnded, DriftFound
from shared.contracts.registry import EventBody
from shared.contracts.signals import EntryRefused, SignalExitRefused

_REACHED: Final = {
    "risk.daily_loss": ("Daily loss limit reached", "until the next trading day"),
    "risk.daily_profit": ("Daily profit target reached", "until the next trading day"),
    "risk.weekly_loss": ("Weekly loss limit reached", "until the next trading week"),
    "risk.weekly_profit": ("Weekly profit target reached", "until the next trading week"),
    "prop.drawdown": ("Prop firm's drawdown reached", "until a person looks at it"),
    "prop.daily_loss": ("Prop firm's daily loss reached", "until the next trading day"),
}
_SAID: Final = {
    "kill": ("Killed", "Entries are refused, and what is held is being closed."),
    "pause": ("Paused", "Entries are refused; exits, stops and targets go on."),
    "resume": ("Resumed", "Entries are taken again."),
}
_DRIFTS: Final = {
    "drift.manual_exit": "Closed by somebody else",
    "drift.manual_entry": "Somebody else holds here",
    "drift.quantity": "The broker holds something else",
    "drift.unknown_position": "A position nobody knows",
    "drift.fill_busted": "A fill was taken back",
    "drift.target_missed": "Not where the last alert asked to be",
    "drift.foreign_order": "An order that is not ours",
}
_UNASKED: Final = {"average": "Averaging down", "heal": "Entering again what others closed"}
_ENDED: Final = {
    "clean": "The books agree again.",
    "followed": "The strategy's book followed.",
    "given": "Its owner gave it to a strategy.",
}
_ROLLS: Final = {
    "tell": "Nothing is done by itself: close or roll it in time.",
    "close": "It will be closed then.",
    "move": "It will be moved then.",
}
_ROLLED: Final = {
    "kept": "The contract to trade has changed, and the position stays where it is.",
    "closed": "The position was closed.",
    "moved": "The position was moved.",
    "not_moved": "The position was closed, and NOT entered again.",
    "failed": "The position was NOT closed by the roll: look at it.",
}


@dataclass(frozen=True, slots=True)
class Names:
    """What an event's ids are called; None: there is no such thing, or not any more."""

    strategy: str | None = None
    account: str | None = None

    @property
    def where(self) -> str:
        return " · ".join(safe(name) for name in (self.strategy, self.account) if name)


def render(body: EventBody, names: Names) -> str:
    """Raises `TypeError` for a body that is no alarm."""
    match body:
        case RiskReached():
            return _reached(body, names)
        case ControlSaid():
            return _said(body, names)
        case SignalExitRefused():
            return _exit_refused(body, names)
        case EntryRefused() | DriftFound() | DriftEnded():
            return _by_the_market(body, names)
        case _:
            return _by_the_clock(body, names)


def _by_the_market(body: EntryRefused | DriftFound | DriftEnded, names: Names) -> str:
    match body:
        case EntryRefused():
            return _entry_refused(body, names)
        case DriftFound():
            return _drift(body, names)
        case DriftEnded():
            return _drift_ended(body, names)


def _by_the_clock(body: EventBody, names: Names) -> str:
    match body:
        case RollDue():
            return _roll_due(body, names)
        case RollDone():
            return _roll_done(body, names)
        case WindowEnded():
            return _window(body, names)
        case StrategyQuiet():
            return _quiet(body, names)
        case _:
            raise TypeError(f"no message is written about {type(body).__name__}")


def _reached(body: RiskReached, names: Names) -> str:
    title, until = _REACHED.get(body.code, (f"Limit reached ({safe(body.code)})", "for now"))
    result = "" if body.result_usd is None else f": {usd(body.result_usd)}"
    limit = "" if body.limit_usd is None else f", the limit is ${body.limit_usd:,.2f}"
    where = names.account if body.scope == "account" else names.strategy
    return _lines(
        f"**{title}**{result}{limit}",
        f"New entries are refused {until}; exits go on.",
        safe(where or ""),
    )


def _drift(body: DriftFound, names: Names) -> str:
    held = "No entry of {} is taken here until it is over or released; exits go on."
    return _lines(
        f"**{_differs(body.code)}**: {safe(body.contract)}",
        safe(body.message),
        held.format(safe(body.root)) if body.holds_entries else "Entries go on.",
        names.where,
    )


def _drift_ended(body: DriftEnded, names: Names) -> str:
    effect = _ENDED.get(body.ending, f"How it ended: {safe(body.ending)}.")
    return _lines(f"**Over: {_differs(body.code)}**: {safe(body.contract)}", effect, names.where)


def _differs(code: str) -> str:
    return _DRIFTS.get(code, f"The books differ ({safe(code)})")


def _said(body: ControlSaid, names: Names) -> str:
    done, effect = _SAID[body.word]
    whose = {
        "system": "all trading of this installation",
        "user": "all your trading",
        "account": f"account {safe(names.account or str(body.scope_id))}",
        "strategy": f"strategy {safe(names.strategy or str(body.scope_id))}",
    }[body.scope]
    why = f"Reason: {safe(body.reason)}" if body.reason else ""
    return _lines(f"**{done}**: {whose}", effect, why, f"By {safe(body.said_by)}")


def _exit_refused(body: SignalExitRefused, names: Names) -> str:
    return _lines(
        "**An exit was NOT carried out**: the alert would have closed a position",
        safe(body.message),
        "Close it by hand, or switch it on and send the alert again.",
        names.where,
    )


def _entry_refused(body: EntryRefused, names: Names) -> str:
    what = _UNASKED.get(body.cause, "An entry")
    return _lines(f"**{what} was refused**: {safe(body.contract)}", safe(body.message), names.where)


def _roll_due(body: RollDue, names: Names) -> str:
    on = _day(body.on)
    return _lines(
        f"**Contract rolls on {on}**: {safe(body.contract)} → {safe(body.entering)}",
        f"Held: {_held(body.net_qty)}. {_ROLLS.get(body.policy, '')}".rstrip(),
        names.where,
    )


def _roll_done(body: RollDone, names: Names) -> str:
    to = "" if body.entering is None else f" → {safe(body.entering)}"
    what = f"{body.qty_contracts} {safe(body.contract)}{to}"
    effect = _ROLLED.get(body.outcome, safe(body.outcome))
    return _lines(f"**Contract rolled**: {what}", effect, names.where)


def _window(body: WindowEnded, names: Names) -> str:
    late = body.exit_at > body.at
    when = f"; the market is closed, so it goes at {_time(body.exit_at)}" if late else ""
    what = f"{_held(body.net_qty)} {safe(body.contract)}" if body.net_qty else safe(body.contract)
    return _lines(
        f"**Closed by the clock**: {what}, to be flat by {_time(body.at)}{when}", names.where
    )


def _quiet(body: StrategyQuiet, names: Names) -> str:
    due = "" if body.due_at is None else f"; one was due by {_time(body.due_at)}"
    return _lines(
        f"**No alert** since {_day(body.since.date())}, {_time(body.since)}{due}",
        "Look whether the alert is still on at TradingView.",
        names.where,
    )


def _held(net_qty: int) -> str:
    return f"{'long' if net_qty > 0 else 'short'} {abs(net_qty)}"


def _day(on: date) -> str:
    return f"{on:%Y-%m-%d}"


def _time(at: datetime) -> str:
    """Times of events are UTC, and a message has one reader anywhere."""
    return f"{at:%H:%M} UTC"


def _lines(*each: str) -> str:
    """Without what has nothing to say."""
    return lines(*(line for line in each if line))
