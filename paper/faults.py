"""Named faults: armed or done through the control port, each where the venue would do right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from types import MappingProxyType
from typing import Final


class Fault(StrEnum):
    """What can be made to go wrong.

    A new one is a name here, its words below, and one `take` where it acts; or, if it happens at
    once, one function in `mishaps`.
    """

    # Of the next answers, events and requests.
    LOSE_ANSWER = "lose_answer"
    ERROR_AFTER_ACCEPT = "error_after_accept"
    TIMEOUT_BEFORE_ACCEPT = "timeout_before_accept"
    DELAY_ANSWER_MS = "delay_answer_ms"
    ANSWER_BEFORE_EVENT = "answer_before_event"
    DUPLICATE_EVENTS = "duplicate_events"
    REVERSE_EVENTS = "reverse_events"
    SHUFFLE_EVENTS = "shuffle_events"
    REJECT_NEXT = "reject_next"
    EXPIRE_MID_FLIGHT = "expire_mid_flight"
    TIME_PENALTY = "time_penalty"
    CAPTCHA_PENALTY = "captcha_penalty"
    STORM_429 = "storm_429"
    OVERSIZE_SNAPSHOT = "oversize_snapshot"
    INTERLEAVE_SNAPSHOT = "interleave_snapshot"
    WRONG_ENVIRONMENT = "wrong_environment"
    # At once.
    DROP_SOCKETS = "drop_sockets"
    BUST_FILL = "bust_fill"
    CORRECT_FILL = "correct_fill"
    MANUAL_ORDER = "manual_order"
    MANUAL_FLATTEN = "manual_flatten"
    FORCED_LIQUIDATION = "forced_liquidation"
    ACCOUNT_STATE = "account_state"
    EXPIRE_TOKENS = "expire_tokens"
    THIRD_SESSION = "third_session"
    MAINTENANCE = "maintenance"
    ROLL_DATE = "roll_date"
    REPLAY_DAY = "replay_day"


ABOUT: Final[Mapping[Fault, str]] = MappingProxyType(
    {
        Fault.LOSE_ANSWER: "an action is done and its answer never sent",
        Fault.ERROR_AFTER_ACCEPT: "an action is done and answered 500",
        Fault.TIMEOUT_BEFORE_ACCEPT: "an action is not done and never answered",
        Fault.DELAY_ANSWER_MS: "an action is answered `ms` late, so that its events come first",
        Fault.ANSWER_BEFORE_EVENT: "the events of an action come `ms` (50) after its answer",
        Fault.DUPLICATE_EVENTS: "each event of a transaction is told twice",
        Fault.REVERSE_EVENTS: "the events of a transaction are told last first",
        Fault.SHUFFLE_EVENTS: "the events of a transaction are told in the order of a `seed`",
        Fault.REJECT_NEXT: "an order is refused: `reason`, `text`, `as` event (default) or answer",
        Fault.EXPIRE_MID_FLIGHT: "an action is done, and the token that sent it is over",
        Fault.TIME_PENALTY: "a login or order is answered `p-ticket`, to wait `p_time` s (1); "
        "`on` login or order narrows it",
        Fault.CAPTCHA_PENALTY: "the same with `p-captcha`, which nothing satisfies",
        Fault.STORM_429: "a request, or the upgrade to a socket, is answered 429",
        Fault.OVERSIZE_SNAPSHOT: "a snapshot is `bytes` (5,000,000) larger",
        Fault.INTERLEAVE_SNAPSHOT: "events come between the request of a snapshot and its answer",
        Fault.WRONG_ENVIRONMENT: "lists and snapshots are empty, as if asked of the other host",
        Fault.DROP_SOCKETS: "every socket of `user` (or of all) is closed without a word",
        Fault.BUST_FILL: "a fill is taken back: `fill`, or the last one of `account`",
        Fault.CORRECT_FILL: "the same, and made again at `price`",
        Fault.MANUAL_ORDER: "a person orders: `account`, `symbol`, `action`, `qty`",
        Fault.MANUAL_FLATTEN: "a person closes everything of `account`",
        Fault.FORCED_LIQUIDATION: "the venue closes everything of `account`: admin order and state",
        Fault.ACCOUNT_STATE: "`account` gets the `adminAction` `action`; Normal frees it",
        Fault.EXPIRE_TOKENS: "the tokens of `user` (or of all) are over",
        Fault.THIRD_SESSION: "`user` logs in elsewhere, so often that every session ends",
        Fault.MAINTENANCE: "sockets are shut down with Maintenance; for `s` (0) requests get 503",
        Fault.ROLL_DATE: "the manual clock moves to 1 s before the next trading day, or before the "
        "day on which `root` rolls",
        Fault.REPLAY_DAY: "the events of the day are told again",
    }
)
UNTIL_CLEARED: Final = -1


@dataclass(slots=True)
class _Armed:
    left: int
    options: Mapping[str, object]
    chance: Random | None = None
    rate: float = 1.0
    untouched: bool = True


@dataclass(slots=True)
class Faults:
    """The armed ones. Each `take` spends one; at no count a fault stays until it is cleared."""

    _armed: dict[Fault, _Armed] = field(default_factory=dict)

    def arm(self, fault: Fault, count: int, options: Mapping[str, object]) -> None:
        """`count` times from now on; UNTIL_CLEARED for ever, 0 to clear.

        With `rate` and `seed` among the options it acts in that share of the cases only, always
        the same ones for a seed; only those are counted.
        """
        if count == 0:
            self._armed.pop(fault, None)
            return
        rate = float(str(options.get("rate", 1)))
        chance = Random(f"{options.get('seed', 0)}:{fault}")  # noqa: S311 - reproducible on purpose
        self._armed[fault] = _Armed(count, options, chance if rate < 1 else None, rate)

    def take(self, fault: Fault) -> Mapping[str, object] | None:
        """The options of an armed fault, spending it once; None when it is not armed."""
        armed = self._armed.get(fault)
        if armed is None or (armed.chance is not None and armed.chance.random() >= armed.rate):
            return None
        armed.untouched = False
        if armed.left != UNTIL_CLEARED:
            armed.left -= 1
            if armed.left == 0:
                del self._armed[fault]
        return armed.options

    def is_untouched(self, fault: Fault) -> bool:
        """Armed, and it has not acted even once."""
        armed = self._armed.get(fault)
        return armed is not None and armed.untouched

    @property
    def are_armed(self) -> bool:
        return bool(self._armed)

    def clear(self) -> None:
        self._armed.clear()

    def peek(self, fault: Fault) -> Mapping[str, object] | None:
        """The options of an armed fault, unspent."""
        armed = self._armed.get(fault)
        return None if armed is None else armed.options
