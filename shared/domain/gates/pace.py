"""How often entries are taken, and brakes against a script that runs wild.

All are counted from the scene's history, so a restart forgets none. A time in the future, of a
clock that was set back, counts as just now. The account's brakes look at all its strategies.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from shared.domain.decision.entry import Entry
from shared.domain.decision.scene import History
from shared.domain.decision.words import Move
from shared.domain.gates.refusal import Refusal
from shared.domain.plan import Denied
from shared.domain.rules.limits import Brakes

_MINUTE: Final = timedelta(minutes=1)

ADD_DELAY: Final = Refusal(
    "pace.add_delay",
    "the time since the strategy's last entry in the account, for an add",
    "The last entry was at {last}; an add waits until {until}.",
)
EVERY_NTH: Final = Refusal(
    "pace.every_nth",
    "the number of the strategy's entry signal",
    "Of each {every} entry signals the last is taken; this is number {number}.",
)
COOLDOWN: Final = Refusal(
    "pace.cooldown",
    "the time since the strategy's position in the account ended",
    "The last position ended at {ended}; the next entry waits until {until}.",
)
DUPLICATE: Final = Refusal(
    "pace.duplicate",
    "account, contract, side and quantity of the last entries",
    "The same entry was made at {last}; it may be repeated from {until}.",
)
PER_MINUTE: Final = Refusal(
    "pace.per_minute",
    "the entries of the last 60 s",
    "{entries} entries within a minute; {limit} are allowed.",
)
REVIEW: Final = Refusal(
    "pace.review",
    "the entries since a person last resumed it",
    "{entries} entries since it was last looked at; after {limit} it waits for a person.",
)
REFUSALS: Final = (ADD_DELAY, EVERY_NTH, COOLDOWN, DUPLICATE, PER_MINUTE, REVIEW)


def not_the_nth(entry: Entry) -> Denied | None:
    """Of each `every_nth` entry signals the last is taken."""
    if not entry.on_alert:
        return None
    every, number = entry.strategy.rules.entries.every_nth, entry.scene.history.asked_entries + 1
    return None if number % every == 0 else EVERY_NTH.deny(every=every, number=number)


def add_too_soon(entry: Entry) -> Denied | None:
    last = entry.scene.history.last_entry_at
    if entry.move is not Move.ADD or last is None:
        return None
    until = last + timedelta(seconds=entry.strategy.rules.entries.add_delay_s)
    return ADD_DELAY.deny(last=last, until=until) if entry.scene.now < until else None


def cooling_down(entry: Entry) -> Denied | None:
    """The position that a reverse ends, or that an open exit is ending, ends now."""
    cooldown = timedelta(seconds=entry.strategy.rules.entries.cooldown_s)
    ended = _ended_at(entry)
    if not cooldown or ended is None or entry.scene.now >= ended + cooldown:
        return None
    return COOLDOWN.deny(ended=ended, until=ended + cooldown)


def _ended_at(entry: Entry) -> datetime | None:
    if entry.held != 0:
        return None
    still_held = any(each.root == entry.root for each in entry.scene.book.held)
    if entry.move is Move.REVERSE or still_held:
        return entry.scene.now
    return entry.scene.history.flat_since


def braked(entry: Entry) -> Denied | None:
    """The strategy's brakes, then the account's."""
    own, everyone = entry.scene.history, entry.scene.account_history
    return _brakes(entry, entry.strategy.rules.brakes, own) or _brakes(
        entry, entry.link.rules.brakes, everyone
    )


def _brakes(entry: Entry, brakes: Brakes, history: History) -> Denied | None:
    limit, review = brakes.max_entries_per_minute, brakes.entries_before_review
    if limit is not None:
        since = entry.scene.now - _MINUTE
        latest = sum(past.at > since for past in history.recent)
        if latest >= limit:
            return PER_MINUTE.deny(entries=latest, limit=limit)
    if review is not None and history.since_review >= review:
        return REVIEW.deny(entries=history.since_review, limit=review)
    return _duplicate(entry, timedelta(seconds=brakes.duplicate_s), history)


def _duplicate(entry: Entry, within: timedelta, history: History) -> Denied | None:
    since = entry.scene.now - within
    alike = [
        past.at
        for past in history.recent
        if past.at > since
        and past.qty_contracts == entry.qty_contracts
        and past.action is entry.action
        and past.contract == entry.contract
    ]
    if not within or not alike:
        return None
    return DUPLICATE.deny(last=max(alike), until=max(alike) + within)
