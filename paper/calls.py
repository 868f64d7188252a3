"""One registry of endpoints for REST and socket alike.

    @endpoint("order/cancelorder")
    def cancel_order(call: Call) -> object: ...

A handler runs to its end without waiting and returns what is encoded as the body, or raises
Refusal. What it changed is committed by `dispatch`, whose answer must wait for the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from paper.faults import Fault
from paper.rows import Session, encode
from shared.runtime.logging import get_logger

if TYPE_CHECKING:
    from paper.socket import Socket
    from paper.venue import Venue

_log = get_logger(__name__)

T = TypeVar("T")
Params = Mapping[str, Any]


class Refusal(Exception):  # noqa: N818 - an answer, not an accident
    """An answer with a status of its own and a plain text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `session` is None only at endpoints that are open to everybody."""

    venue: Venue
    params: Params
    session: Session | None
    socket: Socket | None
    address: str = ""

    @property
    def user_id(self) -> int:
        if self.session is None:
            raise Refusal(401, "Access is denied")
        return self.session.user_id

    def read(self, shape: type[T]) -> T:
        """The parameters as `shape`, unknown ones ignored, numbers as text accepted."""
        try:
            return msgspec.convert(self.params, shape, strict=False)
        except msgspec.ValidationError as error:
            raise Refusal(400, str(error)) from None

    def text(self, name: str) -> str:
        value = self.params.get(name)
        if value is None or value == "":
            raise Refusal(400, f"{name} is missing")
        return str(value)

    def number(self, name: str) -> int:
        return _int(self.text(name), name)

    def decimal(self, name: str) -> Decimal:
        try:
            return Decimal(self.text(name))
        except ArithmeticError:
            raise Refusal(400, f"{name} is no number") from None

    def numbers(self, name: str) -> list[int]:
        value = self.params.get(name)
        items = value if isinstance(value, list) else self.text(name).split(",")
        return [_int(str(item), name) for item in items]


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is JSON at 200 and plain text otherwise. A lost one is never sent."""

    status: int
    body: bytes
    lost: bool = False
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    name: str
    handler: Callable[[Call], object]
    is_open: bool
    socket_only: bool
    is_action: bool


_EVENTS_LATE_MS: Final = 50
ENDPOINTS: Final[dict[str, Endpoint]] = {}


def endpoint(
    name: str, *, is_open: bool = False, socket_only: bool = False, is_action: bool = False
) -> Callable[[Callable[[Call], object]], Callable[[Call], object]]:
    """Register a handler; names are matched without regard to case.

    `is_open` needs no session; `is_action` changes orders, so that faults may spoil its answer.
    """

    def register(handler: Callable[[Call], object]) -> Callable[[Call], object]:
        ENDPOINTS[name.lower()] = Endpoint(name, handler, is_open, socket_only, is_action)
        return handler

    return register


def find(path: str) -> Endpoint | None:
    return ENDPOINTS.get(path.strip("/").lower())


def dispatch(target: Endpoint, call: Call) -> Answer:
    """Run a handler and commit what it did; the caller sends the answer once that is durable."""
    verdict = call.venue.guard.verdict(call, target)
    if verdict is not None:
        return Answer(verdict.status or 0, verdict.body, lost=verdict.status is None)
    if target.is_action:
        _hold_events(call.venue)
    try:
        answer = Answer(200, encode(target.handler(call)))
    except Refusal as refusal:
        answer = Answer(refusal.status, refusal.text.encode())
    except Exception as error:  # noqa: BLE001 - the edge of a request
        _log.error("request_failed", endpoint=target.name, exc_info=error)
        answer = Answer(500, b"Internal server error")
    finally:
        call.venue.commit()
    call.venue.guard.answered(call, target, answer.status, answer.body)
    return _spoiled(call, answer) if target.is_action else answer


async def delivered(venue: Venue, answer: Answer) -> Answer:
    """Wait until everything the answer speaks of is durable, and as long as a fault asks."""
    durable = asyncio.Event()
    venue.journal.after(durable.set)
    await durable.wait()
    if answer.delay_s:
        await asyncio.sleep(answer.delay_s)
    return answer


def _hold_events(venue: Venue) -> None:
    late = venue.faults.take(Fault.ANSWER_BEFORE_EVENT)
    if late is not None:
        venue.hub.hold(float(str(late.get("ms", _EVENTS_LATE_MS))) / 1000)


def _spoiled(call: Call, answer: Answer) -> Answer:
    venue = call.venue
    if call.session and venue.faults.take(Fault.EXPIRE_MID_FLIGHT) is not None:
        venue.sessions.expire(call.session.user_id)
        venue.commit()
    if venue.faults.take(Fault.LOSE_ANSWER) is not None:
        return Answer(answer.status, answer.body, lost=True)
    if venue.faults.take(Fault.ERROR_AFTER_ACCEPT) is not None:
        return Answer(500, b"Internal server error")
    delay = venue.faults.take(Fault.DELAY_ANSWER_MS)
    if delay is not None:
        return Answer(answer.status, answer.body, delay_s=float(str(delay.get("ms", 0))) / 1000)
    return answer


def _int(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Refusal(400, f"{name} is no number") from None
