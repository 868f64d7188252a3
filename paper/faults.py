"""Named faults: armed through the control port, each spent where the venue would do right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """What can be made to go wrong. A new fault is a name here and one `take` where it acts."""

    LOSE_ANSWER = "lose_answer"  # done, and the answer never sent
    ERROR_AFTER_ACCEPT = "error_after_accept"  # done, and answered 500
    DELAY_ANSWER_MS = "delay_answer_ms"  # done, and answered `ms` later
    DROP_SOCKETS = "drop_sockets"  # every socket of `user` (or of all) closed at once
    REJECT_NEXT = "reject_next"  # `reason`, `text`; `as` "event" (default) or "answer"
    SHUFFLE_EVENTS = "shuffle_events"  # events of a transaction in another order, by `seed`
    DUPLICATE_EVENTS = "duplicate_events"  # each event told twice


UNTIL_CLEARED: Final = -1


@dataclass(slots=True)
class _Armed:
    left: int
    options: Mapping[str, object]


@dataclass(slots=True)
class Faults:
    """The armed ones. Each `take` spends one; at no count a fault stays until it is cleared."""

    _armed: dict[Fault, _Armed] = field(default_factory=dict)

    def arm(self, fault: Fault, count: int, options: Mapping[str, object]) -> None:
        """`count` times from now on; UNTIL_CLEARED for ever, 0 to clear."""
        if count == 0:
            self._armed.pop(fault, None)
        else:
            self._armed[fault] = _Armed(count, options)

    def take(self, fault: Fault) -> Mapping[str, object] | None:
        """The options of an armed fault, spending it once; None when it is not armed."""
        armed = self._armed.get(fault)
        if armed is None:
            return None
        if armed.left != UNTIL_CLEARED:
            armed.left -= 1
            if armed.left == 0:
                del self._armed[fault]
        return armed.options
