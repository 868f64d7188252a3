"""What to call the condition of a broker login, and what to tell its owner about it.

A login has a state and, for most states, the code of the error behind it (`broker.captcha`). Both
are for programs. A condition is the short answer to "what is with this login, and what should I
do?"; each has one plain sentence, and many codes lead to the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Condition(StrEnum):
    SIGNED_IN = "signed_in"
    RENEWAL_PENDING = "renewal_pending"
    STARTING = "starting"
    WAITING_FOR_SLOT = "waiting_for_slot"
    THIRD_SESSION = "third_session"
    SOCKET_DOWN = "socket_down"
    VENUE_CLOSED = "venue_closed"
    UNREACHABLE = "unreachable"
    RATE_LIMITED_UNTIL = "rate_limited_until"
    BUDGET_SPENT = "budget_spent"
    CAPTCHA_UNTIL = "captcha_until"
    LOCKED_UNTIL = "locked_until"
    BAD_CREDENTIALS = "bad_credentials"
    CONSENT_NEEDED = "consent_needed"
    WRONG_ENVIRONMENT = "wrong_environment"
    SIGN_IN_FAILED = "sign_in_failed"
    OFFLINE = "offline"


SENTENCES: Final[Mapping[Condition, str]] = {
    Condition.SIGNED_IN: "Signed in; orders and fills flow.",
    Condition.RENEWAL_PENDING: "Signed in; the broker has not renewed the session yet.",
    Condition.STARTING: "Connecting to the broker.",
    Condition.WAITING_FOR_SLOT: "Waiting for our turn: the broker limits sign-ins by address.",
    Condition.THIRD_SESSION: "Somebody signed in elsewhere and ended our session; we come back.",
    Condition.SOCKET_DOWN: "The broker's live feed is interrupted; we connect again.",
    Condition.VENUE_CLOSED: "The broker is closed for maintenance; we connect when it is back.",
    Condition.UNREACHABLE: "The broker cannot be reached; we keep trying.",
    Condition.RATE_LIMITED_UNTIL: "The broker asked us to wait.",
    Condition.BUDGET_SPENT: "This login's requests of the hour are nearly spent; exits still go.",
    Condition.CAPTCHA_UNTIL: "The broker demands a captcha: sign in on its own site, we rest.",
    Condition.LOCKED_UNTIL: "The broker is about to lock our address; nothing is tried for now.",
    Condition.BAD_CREDENTIALS: "The broker refuses these credentials: enter them again.",
    Condition.CONSENT_NEEDED: "Your consent at the broker has ended: give it again.",
    Condition.WRONG_ENVIRONMENT: "The broker does not show the accounts of this login there.",
    Condition.SIGN_IN_FAILED: "The broker did not sign us in; we try again.",
    Condition.OFFLINE: "Nobody drives this login now.",
}

_BY_CODE: Final[Mapping[str, Condition]] = {
    "broker.sign_in_paused": Condition.WAITING_FOR_SLOT,
    "broker.logins_spent": Condition.WAITING_FOR_SLOT,
    "broker.renewals_spent": Condition.WAITING_FOR_SLOT,
    "broker.connect_queued": Condition.WAITING_FOR_SLOT,
    "broker.session_displaced": Condition.THIRD_SESSION,
    "broker.shutdown_ConnectionQuotaReached": Condition.THIRD_SESSION,
    "broker.maintenance": Condition.VENUE_CLOSED,
    "broker.shutdown_Maintenance": Condition.VENUE_CLOSED,
    "broker.unreachable": Condition.UNREACHABLE,
    "broker.timeout": Condition.UNREACHABLE,
    "broker.rate_limited": Condition.RATE_LIMITED_UNTIL,
    "broker.penalty": Condition.RATE_LIMITED_UNTIL,
    "broker.budget_spent": Condition.BUDGET_SPENT,
    "broker.captcha": Condition.CAPTCHA_UNTIL,
    "broker.locked": Condition.LOCKED_UNTIL,
    "broker.credentials_refused": Condition.BAD_CREDENTIALS,
    "broker.credentials_unreadable": Condition.BAD_CREDENTIALS,
    "broker.consent_needed": Condition.CONSENT_NEEDED,
    "broker.no_accounts": Condition.WRONG_ENVIRONMENT,
    "broker.account_missing": Condition.WRONG_ENVIRONMENT,
    "broker.sign_in_failed": Condition.SIGN_IN_FAILED,
    "broker.renewal_failed": Condition.SIGN_IN_FAILED,
    "broker.unauthorized": Condition.SIGN_IN_FAILED,
}
_RESTING: Final = frozenset({"quarantined", "stopped"})


def condition_of(state: str, code: str | None) -> Condition:
    """Total: a code that is not known here is an interrupted feed."""
    if state == "streaming":
        return Condition.SIGNED_IN if code is None else Condition.RENEWAL_PENDING
    if state == "offline":
        return Condition.OFFLINE
    if code is None:
        return Condition.STARTING
    return _BY_CODE.get(code, Condition.SOCKET_DOWN)


def says_nothing_new(before: str, state: str, code: str | None) -> bool:
    """A mere new start does not take back why a login rests: only its result does.

    A resting login is started each minute, in case its owner has mended it meanwhile.
    """
    return before in _RESTING and state == "connecting" and code is None
