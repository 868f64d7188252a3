"""Kill and pause: what a person, or a limit that was hit, has put a stop to.

The scene names the halts that are in force at this instant, the widest first; one is enough.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from shared.domain.decision.entry import Entry
from shared.domain.decision.scene import Halt
from shared.domain.gates.refusal import Refusal
from shared.domain.plan import Denied


class Control(StrEnum):
    KILL = "kill"
    PAUSE = "pause"


class Scope(StrEnum):
    """The widest first."""

    SYSTEM = "system"
    USER = "user"
    ACCOUNT = "account"
    STRATEGY = "strategy"


_WHAT: Final = {
    Scope.SYSTEM: "Trading of this installation",
    Scope.USER: "All trading of this user",
    Scope.ACCOUNT: "This account",
    Scope.STRATEGY: "This strategy",
}
_DONE: Final = {Control.KILL: "killed", Control.PAUSE: "paused"}


def code_of(control: Control, scope: Scope) -> str:
    return f"{control}.{scope}"


_BY_CODE: Final = {
    code_of(control, scope): Refusal(
        code_of(control, scope),
        f"the newest control of the {scope}",
        f"{_WHAT[scope]} is {_DONE[control]}: {{reason}}",
    )
    for control in Control
    for scope in Scope
}
# Where real money is at stake a person has to have said so here: not in another copy of the data.
NOT_ENABLED: Final = Refusal(
    "live.not_enabled",
    "the recorded enabling of a live account, by password, in this very database",
    "This live account takes no entries: {reason}.",
)
_BY_CODE[NOT_ENABLED.code] = NOT_ENABLED
REFUSALS: Final = tuple(_BY_CODE.values())


def halt_of(control: Control, scope: Scope, reason: str) -> Halt:
    """The fact a scene is told, with the person's own words."""
    return Halt(code_of(control, scope), reason)


def not_enabled(reason: str) -> Halt:
    """The fact that a live account was not enabled, or not here."""
    return Halt(NOT_ENABLED.code, reason)


def halted(entry: Entry) -> Denied | None:
    """A halt of a code that nobody declared here stops trading all the same."""
    if not entry.scene.halts:
        return None
    halt = entry.scene.halts[0]
    refusal = _BY_CODE.get(halt.code, Refusal(halt.code, "", "Trading is stopped: {reason}"))
    return refusal.deny(reason=halt.reason)
