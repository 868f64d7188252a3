"""Which event is worth a message, and to whom. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from pydantic import JsonValue

from shared.contracts.accounts import RiskReached
from shared.contracts.calendar import RollDone, RollDue, StrategyQuiet, WindowEnded
from shared.contracts.controls import ControlSaid
from shared.contracts.drifts import DriftEnded, DriftFound
from shared.contracts.records import PositionOpened, PositionResized, TradeClosed
from shared.contracts.registry import EventBody
from shared.contracts.signals import EntryRefused, SignalExitRefused
from shared.domain.ids import event_id
from shared.domain.plan import Disposition

_TAKE_PROFIT = "Take Profit"
_STOP_LOSS = "Stop Loss"


class Kind(StrEnum):
    """What a message is about; a person may switch each off."""

    OPENED = "opened"
    CLOSED = "closed"
    STOP_HIT = "stop_hit"
    TARGET_HIT = "target_hit"
    RISK = "risk"
    DRIFT = "drift"
    EXIT_REFUSED = "exit_refused"
    ENTRY_REFUSED = "entry_refused"
    CONTROL = "control"
    WINDOW = "window"
    ROLL = "roll"
    QUIET = "quiet"


# What cannot wait behind the news of trades.
URGENT: Final = frozenset({Kind.RISK, Kind.DRIFT, Kind.EXIT_REFUSED, Kind.CONTROL})


class Notice(NamedTuple):
    """`event_id` names the fact, not the event: a fact that is told again has the same.

    `is_provisional`: a fee is still missing, and may come within moments.
    """

    kind: Kind
    event_id: UUID
    is_provisional: bool


@dataclass(frozen=True, slots=True)
class Person:
    """What a person has chosen. `kinds` holds switches by kind; an absent one means yes."""

    user_id: int
    username: str
    is_disabled: bool
    discord_user_id: str | None
    discord_dms_enabled: bool
    enabled: bool
    kinds: Mapping[str, JsonValue]


# Each of these events has an id of its fact, so that it is told once already.
_ALARMS: Final[Mapping[type[EventBody], Kind]] = {
    RiskReached: Kind.RISK,
    DriftFound: Kind.DRIFT,
    DriftEnded: Kind.DRIFT,
    SignalExitRefused: Kind.EXIT_REFUSED,
    EntryRefused: Kind.ENTRY_REFUSED,
    ControlSaid: Kind.CONTROL,
    WindowEnded: Kind.WINDOW,
    RollDue: Kind.ROLL,
    RollDone: Kind.ROLL,
    StrategyQuiet: Kind.QUIET,
}
ALARMS: Final = tuple(body.type for body in _ALARMS)


def notice_of(body: EventBody, envelope_id: UUID) -> Notice | None:
    """The one message an event is worth, if any.

    A round trip closes once for its owner: a late fee says `record.closed` again, and even a
    corrected exit reason is no second closing. Parts taken at a target are told one by one.
    """
    match body:
        case PositionOpened():
            return Notice(Kind.OPENED, _fact(body.recorded_position_id, "opened"), False)
        case TradeClosed():
            fact = _fact(body.recorded_position_id, "closed")
            return Notice(_closing_kind(body.exit_reason), fact, not body.fees_known)
        case PositionResized(reason=reason, closed_qty=closed) if closed > 0:
            # A stop that fills in parts is told once, when the position is flat.
            return Notice(Kind.TARGET_HIT, envelope_id, False) if reason == _TAKE_PROFIT else None
        case DriftEnded(ending="changed"):
            return None  # the difference in its place is told
        case EntryRefused(disposition=Disposition.SKIPPED):
            return None  # there was nothing to add to any more
        case _:
            kind = _ALARMS.get(type(body))
            return None if kind is None else Notice(kind, envelope_id, False)


def is_wanted(person: Person, kind: str) -> bool:
    """Whether this person wants to hear of this at all, by whatever channel."""
    return not person.is_disabled and person.enabled and person.kinds.get(kind, True) is not False


def _closing_kind(exit_reason: str) -> Kind:
    match exit_reason:
        case str() if exit_reason == _STOP_LOSS:
            return Kind.STOP_HIT
        case str() if exit_reason == _TAKE_PROFIT:
            return Kind.TARGET_HIT
        case _:
            return Kind.CLOSED


def _fact(recorded_position_id: int, what: str) -> UUID:
    return event_id("notice.v1", f"{recorded_position_id}:{what}")
