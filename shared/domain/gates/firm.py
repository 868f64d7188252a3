"""A prop firm's clock: its hours, its news windows, and the time by which all must be flat."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import chain
from typing import Final
from zoneinfo import ZoneInfo

from shared.domain.calendar import CHICAGO, DAY_ROLLS_AT
from shared.domain.decision.entry import Entry
from shared.domain.gates.refusal import Refusal
from shared.domain.gates.windows import contains, opens_at, reached
from shared.domain.plan import Denied
from shared.domain.rules.prop import NewsWindow, PropRules

_DAY: Final = timedelta(days=1)

HOURS: Final = Refusal(
    "prop.hours",
    "the time, in the zone of the firm's windows",
    "{name}: outside its hours; it is {now} there, and entries are taken again from {opens}.",
)
NEWS: Final = Refusal(
    "prop.news",
    "the time and the news windows of the account and of the installation's file",
    "{name}: no entries around news until {until}{what}.",
)
FLAT_BY: Final = Refusal(
    "prop.flat_by",
    "the time and when all must be flat, until the trading day is over",
    "{name}: positions had to be flat by {flat_by}; entries are taken again on the next day.",
)
REFUSALS: Final = (HOURS, NEWS, FLAT_BY)


def outside_firm_hours(entry: Entry) -> Denied | None:
    rules, now = entry.link.rules.prop, entry.scene.now
    if rules is None or contains(rules.hours, now):
        return None
    opens, zone = opens_at(rules.hours, now), ZoneInfo(rules.hours.zone)
    return HOURS.deny(
        name=rules.name,
        now=_in_words(now, zone),
        opens="no time at all" if opens is None else _in_words(opens, zone),
    )


def around_news(entry: Entry) -> Denied | None:
    rules, now = entry.link.rules.prop, entry.scene.now
    if rules is None:
        return None
    for window in chain(rules.news, entry.scene.news):
        begin, end = _stretch(window)
        if begin <= now < end:
            until = _in_words(end, ZoneInfo(window.zone))
            what = f" ({window.what})" if window.what else ""
            return NEWS.deny(name=rules.name, until=until, what=what)
    return None


def past_flat_by(entry: Entry) -> Denied | None:
    rules, now = entry.link.rules.prop, entry.scene.now
    due = None if rules is None else _had_to_be_flat(rules, now)
    if rules is None or due is None or now >= _next_roll(due):
        return None
    return FLAT_BY.deny(name=rules.name, flat_by=_in_words(due, ZoneInfo(rules.hours.zone)))


def _had_to_be_flat(rules: PropRules, now: datetime) -> datetime | None:
    """The newest instant until now by which positions had to be flat."""
    if rules.flat_by is None:
        return None
    zone = ZoneInfo(rules.hours.zone)
    today = now.astimezone(zone).date()
    instants = (
        reached(datetime.combine(day, rules.flat_by), zone) for day in (today, today - _DAY)
    )
    return next((at for at in instants if at <= now), None)


def _next_roll(after: datetime) -> datetime:
    """When the next trading day begins."""
    local = after.astimezone(CHICAGO)
    day = local.date() + _DAY * (local.time() >= DAY_ROLLS_AT)
    return reached(datetime.combine(day, DAY_ROLLS_AT), CHICAGO)


def _stretch(window: NewsWindow) -> tuple[datetime, datetime]:
    zone = ZoneInfo(window.zone)
    return (
        reached(datetime.combine(window.on, window.start), zone),
        reached(datetime.combine(window.on, window.stop), zone),
    )


def _in_words(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M}"
