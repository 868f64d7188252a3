"""What shows that two deliveries are one alert. Without evidence they are two.

    1. ID          the alert carries an id of its own                        7 days
    2. INSTANT     equal bytes that hold the moment of the alert             24 hours
    3. UNANSWERED  equal bytes whose earlier delivery we did not answer well 60 seconds

Swallowing a real second alert is as wrong as trading one twice. So Pine's order name, a price,
the time of a bar and equal bytes alone are no evidence. The third rule needs the record of
earlier deliveries and is decided by the store, with `unanswered_evidence`. Keys hold for one
strategy only; the store adds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final

from shared.domain.instants import instants_in

ID_FIELDS: Final = ("alert_id", "signal_id", "dedupe_id", "dedupe_key")
ID_WINDOW: Final = timedelta(days=7)
INSTANT_WINDOW: Final = timedelta(hours=24)
INSTANT_DISTANCE_MAX: Final = timedelta(minutes=10)
UNANSWERED_WINDOW: Final = timedelta(seconds=60)

# The only field in which an instant on the full minute is not suspected of being a bar's time.
_MOMENT_FIELD: Final = "timenow"


class EvidenceKind(StrEnum):
    ID = "id"
    INSTANT = "instant"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A delivery with the same key within `window` before this one was the same alert."""

    kind: EvidenceKind
    key: str
    window: timedelta


def evidence_of(
    body: bytes, fields: Mapping[str, object], received_at: datetime
) -> Evidence | None:
    """The evidence that the alert itself carries; None when it carries none.

    `fields` are those of `signal.read`, `received_at` is aware. Keys are ASCII, at most 80 long.
    """
    named = _named_id(fields)
    if named is not None:
        return Evidence(EvidenceKind.ID, f"{EvidenceKind.ID}:{named}", ID_WINDOW)
    if _holds_its_moment(fields, received_at):
        key = f"{EvidenceKind.INSTANT}:{body_hash(body)}"
        return Evidence(EvidenceKind.INSTANT, key, INSTANT_WINDOW)
    return None


def unanswered_evidence(body: bytes) -> Evidence:
    """Holds only against a delivery that we answered 5xx or could not finish answering."""
    key = f"{EvidenceKind.UNANSWERED}:{body_hash(body)}"
    return Evidence(EvidenceKind.UNANSWERED, key, UNANSWERED_WINDOW)


def body_hash(body: bytes) -> str:
    """SHA-256 of the bytes as they came, in hex."""
    return sha256(body).hexdigest()


def _named_id(fields: Mapping[str, object]) -> str | None:
    """A digest, so that an id of any length and content is a harmless key."""
    for name in ID_FIELDS:
        value = fields.get(name)
        if isinstance(value, str) and value.strip():
            return body_hash(f"{name}={value.strip()}".encode("utf-8", "surrogatepass"))
    return None


def _holds_its_moment(fields: Mapping[str, object], received_at: datetime) -> bool:
    return any(
        abs(instant - received_at) <= INSTANT_DISTANCE_MAX
        and (name == _MOMENT_FIELD or not _may_be_bar_time(instant))
        for name, value in fields.items()
        for instant in instants_in(name, value)
    )


def _may_be_bar_time(instant: datetime) -> bool:
    """Bars open on the full minute.

    On a one-minute chart `{{time}}` is at most a minute old when the alert comes, and two real
    alerts of one bar would be equal bytes. A resend that this rule then misses is still found
    as unanswered, because TradingView resends only what was answered 5xx.
    """
    return instant.second == 0 and instant.microsecond == 0
