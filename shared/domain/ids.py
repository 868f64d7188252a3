"""Identities: surrogate keys as distinct types, and ids computed from their cause.

An id computed from its cause makes a repeat harmless: the same cause gives the same id, whoever
computes it and however often.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NewType
from uuid import UUID, uuid5

UserId = NewType("UserId", int)
ConnectionId = NewType("ConnectionId", int)
AccountId = NewType("AccountId", int)
StrategyId = NewType("StrategyId", int)
AlertId = NewType("AlertId", int)
SignalId = NewType("SignalId", int)
IntentId = NewType("IntentId", UUID)
CommandId = NewType("CommandId", int)
EventId = NewType("EventId", UUID)

# Fixed for ever: a different namespace would let a repeat through as something new.
_INTENTS = UUID("5d2c6f0e-2f0b-5a5e-9a53-1f6f0c5f7a01")
_EVENTS = UUID("5d2c6f0e-2f0b-5a5e-9a53-1f6f0c5f7a02")


# Owns what none of our intents asked for: a person's trades, a broker's liquidation.
EXTERNAL = StrategyId(0)


class Cause(StrEnum):
    """What made an intent exist."""

    SIGNAL = "signal"
    COMMAND = "command"
    GUARD = "guard"
    ROLL = "roll"  # numbered by the trade date of the roll
    AVERAGE = "average"  # numbered by the account's number of the entry that began the position
    HEAL = "heal"  # numbered by the drift it mends
    WINDOW = "window"  # numbered by the second at which positions had to be flat


def intent_id(cause: Cause, cause_id: int, account: AccountId, leg: str, attempt: int) -> IntentId:
    """The client order id of one leg of one cause in one account.

    Its text form is what the broker is told (`clOrdId`, `text`, `customTag50`): 36 characters.
    `attempt` rises only for exits and protective legs whose earlier attempt is known absent or
    final; an entry has exactly one attempt.
    """
    return IntentId(uuid5(_INTENTS, f"{cause}:{cause_id}:{account}:{leg}:{attempt}"))


def event_id(kind: str, key: str) -> EventId:
    """The id of the event `kind` about the fact `key`, the same at every recomputation."""
    return EventId(uuid5(_EVENTS, f"{kind}:{key}"))
