"""The one table that says what became of a command: accepted, refused, unknown or never sent.

    what came back                                       outcome
    ---------------------------------------------------  ---------------------------------------
    no connection, no free connection, socket closed     NotSent
    anything after the bytes may have left               Unknown
    a body with `p-ticket`                               NotSent, after `p-time`
    429                                                  NotSent
    401, 403, 400 that names the access token            NotSent; a cancel: Refused, order final
    other 4xx with words                                 Refused
    other 4xx without words, 3xx, 408, 423, 5xx          Unknown
    200 with violations or errorText                     Refused
    200 with a failureReason that decides nothing        Unknown
    200 with another failureReason                       Refused
    200 with the id, alone or with "Success"             Accepted
    200 with an order strategy; one that failed          Accepted; Refused
    200 with anything else, or unreadable                Unknown

Sources: Tradovate partner pages "Error Handling" and "Rate Limits", OpenAPI PlaceOrderResult.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final, assert_never

from shared.brokers.tradovate.limits import CAPTCHA_REST_S, RATE_LIMITED_REST_S
from shared.ports.broker import Accepted, NotSent, Outcome, Refused, Unknown

REASON_LENGTH_MAX: Final = 500
ORDER_FINAL: Final = "broker.order_final"
UNAUTHORIZED: Final = "broker.unauthorized"

# These words tell that something went wrong, not that nothing works.
_UNDECIDED: Final = frozenset({"RiskCheckTimeout", "UnknownReason", "OtherExecutionRelated"})
_TOO_LATE: Final = "TooLate"
# `OrderStrategy.status` of one that has placed nothing (partner OpenAPI).
FAILED_STRATEGIES: Final = frozenset({"ExecutionFailed", "NotEnoughLiquidity"})
_SNAKE: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OK, _OK_END, _CLIENT_END = 200, 300, 500
_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _TOO_MANY = 400, 401, 403, 429
_MAYBE: Final = frozenset({408, 423})  # a displaced session, a locked login


class Kind(StrEnum):
    PLACE = "place"
    MODIFY = "modify"
    CANCEL = "cancel"
    START = "start"  # an order strategy
    INTERRUPT = "interrupt"


# --- what the transports report ---------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Answered:
    """A complete answer; `body` is None when it was empty or no JSON."""

    status: int
    body: object


@dataclass(frozen=True, slots=True)
class NeverLeft:
    """No byte of the request can have reached the broker."""

    cause: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The request may have reached the broker; no complete answer came."""

    cause: str


Reply = Answered | NeverLeft | NoAnswer


@dataclass(frozen=True, slots=True)
class Ticket:
    """A time penalty: the request was not executed; repeat it with `value` after `wait_s`."""

    value: str
    wait_s: float
    captcha: bool

    def __repr__(self) -> str:
        return f"Ticket(wait_s={self.wait_s}, captcha={self.captcha})"


# --- the table --------------------------------------------------------------------------------
def decide(kind: Kind, reply: Reply, *, order_id: int | None = None, legs: int = 0) -> Outcome:
    """The outcome of a command.

    `order_id` names the order of a modify or cancel, `legs` counts the protective legs sent along.
    """
    match reply:
        case NeverLeft(cause):
            return NotSent(cause)
        case NoAnswer(cause):
            return Unknown(cause)
        case Answered(status, body):
            ticket = ticket_of(body)
            if ticket is not None:
                return _penalized(ticket)
            if status >= _CLIENT_END or status < _OK or status in _MAYBE:
                return Unknown(f"broker.status_{status}")
            if status < _OK_END:
                return _processed(kind, body, order_id, legs)
            return _turned_away(kind, status, body)
        case _:
            assert_never(reply)


def ticket_of(body: object) -> Ticket | None:
    """The penalty in a body, looked for before anything else in it."""
    if not isinstance(body, Mapping) or "p-ticket" not in body:
        return None
    wait = body.get("p-time", 0)
    wait_s = float(wait) if isinstance(wait, int | Decimal) else 0.0
    return Ticket(str(body["p-ticket"]), max(0.0, wait_s), captcha=body.get("p-captcha") is True)


def words_of(body: object) -> str:
    """What a refusal says, bounded; empty when it says nothing."""
    match body:
        case str():
            text = body
        case {"errorText": str(text)} if text:
            pass
        case {"violations": [_, *_] as violations}:
            text = "; ".join(_violation(item) for item in violations)
        case {"failureText": str(text)} if text:
            pass
        case {"failureReason": str(text)}:
            pass
        case _:
            text = ""
    return text.strip()[:REASON_LENGTH_MAX]


def snake(reason: str) -> str:
    """`MaxOrderQtyLimitReached` as the tail of a code."""
    return re.sub(r"[^a-z0-9_]", "", _SNAKE.sub("_", reason).lower())[:80]


def _penalized(ticket: Ticket) -> NotSent:
    if ticket.captcha:
        return NotSent("broker.captcha", CAPTCHA_REST_S)
    return NotSent("broker.penalty", ticket.wait_s)


def _turned_away(kind: Kind, status: int, body: object) -> Outcome:
    words = words_of(body)
    names_token = "access token" in words.lower()
    if status == _TOO_MANY:
        return NotSent("broker.rate_limited", RATE_LIMITED_REST_S)
    if status in {_UNAUTHORIZED, _FORBIDDEN} or (status == _BAD_REQUEST and names_token):
        # A final order answers a cancel with 401 "Access is denied" (public incident log).
        if kind is Kind.CANCEL and not names_token:
            return Refused(ORDER_FINAL, words)
        return NotSent(UNAUTHORIZED)
    if status < _BAD_REQUEST or not words:
        return Unknown(f"broker.status_{status}")
    return Refused(f"broker.refused.status_{status}", words)


def _processed(kind: Kind, body: object, order_id: int | None, legs: int) -> Outcome:  # noqa: PLR0911 - one line of the table each
    if not isinstance(body, Mapping):
        return Unknown("broker.unreadable")
    reason = body.get("failureReason")
    if body.get("violations"):
        return Refused("broker.refused.violations", words_of(body))
    if body.get("errorText"):
        return Refused("broker.refused.error_text", words_of(body))
    if reason is not None and reason != "Success":
        return _failed(kind, str(reason), words_of(body))
    if kind in {Kind.START, Kind.INTERRUPT}:
        return _strategy(kind, body.get("orderStrategy"))
    given = _id(body, "orderId" if kind is Kind.PLACE else "commandId")
    if given is None:
        return Unknown("broker.no_id")
    if kind is Kind.PLACE:
        return Accepted(given, _leg_ids(body, legs))
    if order_id is None:
        raise ValueError("a modify or cancel names its order")
    return Accepted(order_id)


def _strategy(kind: Kind, row: object) -> Outcome:
    """A strategy that failed at once has placed nothing that works (OrderStrategy.status)."""
    given = _id(row, "id") if isinstance(row, Mapping) else None
    if given is None or not isinstance(row, Mapping):
        return Unknown("broker.no_id")
    status = row.get("status")
    if kind is Kind.START and status in FAILED_STRATEGIES:
        words = row.get("failureMessage")
        text = words if isinstance(words, str) else ""
        return Refused(f"broker.refused.{snake(str(status))}", text[:REASON_LENGTH_MAX])
    return Accepted(given, is_strategy=True)


def _failed(kind: Kind, reason: str, words: str) -> Outcome:
    if reason in _UNDECIDED:
        return Unknown(f"broker.{snake(reason)}")
    if kind is Kind.CANCEL and reason == _TOO_LATE:
        return Refused(ORDER_FINAL, words)
    return Refused(f"broker.refused.{snake(reason)}", words)


def _leg_ids(body: Mapping[str, object], legs: int) -> tuple[int, ...]:
    """Ids of the legs in the order sent; cut at the first missing one, so that none is mixed up."""
    ids: list[int] = []
    names = ("ocoId",) if "ocoId" in body else ("oso1Id", "oso2Id")
    for name in names[:legs]:
        leg_id = _id(body, name)
        if leg_id is None:
            break
        ids.append(leg_id)
    return tuple(ids)


def _id(body: Mapping[str, object], name: str) -> int | None:
    value = body.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _violation(item: object) -> str:
    match item:
        case {"description": str(text)}:
            return text
        case {"constraint": str(text)}:
            return text
        case _:
            return "violation"
