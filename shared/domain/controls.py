"""Kill, pause and resume: what a person, or a limit that was hit, says to a whole scope.

The newest word said to a scope rules it; scopes do not lift each other's. `kill` refuses entries
and closes what the scope holds, `pause` refuses entries and leaves exits alone, `resume` ends
either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from shared.domain.decision.scene import Halt
from shared.domain.gates.controls import Control, Scope, halt_of


class Word(StrEnum):
    KILL = "kill"
    PAUSE = "pause"
    RESUME = "resume"


_HALTS: Final = {Word.KILL: Control.KILL, Word.PAUSE: Control.PAUSE}
_WIDEST_FIRST: Final = {scope: place for place, scope in enumerate(Scope)}


@dataclass(frozen=True, slots=True)
class Said:
    """`scope_id` is a user, an account or a strategy; 0 means the system."""

    scope: Scope
    scope_id: int
    word: Word
    reason: str
    at: datetime


def halts_of(newest: Iterable[Said]) -> tuple[Halt, ...]:
    """The halts in force, the widest scope first; `newest` has the last word of each scope."""
    return tuple(
        halt_of(_HALTS[said.word], said.scope, said.reason)
        for said in sorted(newest, key=lambda each: _WIDEST_FIRST[each.scope])
        if said.word in _HALTS
    )
