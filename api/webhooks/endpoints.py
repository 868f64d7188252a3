"""The door for alerts. TradingView waits 3 s and resends on 500-599 except 504: so 503, never 504.

(TradingView, "How to configure webhook alerts" and "Webhook resubmission".)
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from sqlalchemy.exc import DBAPIError
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from api.access import WEBHOOK, Router
from api.deps import Clock
from api.resources import Resources
from api.webhooks import store
from api.webhooks.delivery import READ_BYTES_MAX, Delivery, Told, secret_in
from api.webhooks.groups import Groups
from api.webhooks.service import Webhooks
from api.webhooks.turns import Turn, Turns
from shared.db.failures import DatabaseAway, is_contention, is_outage, sqlstate
from shared.domain.errors import Unavailable
from shared.domain.signal import MAX_BODY_BYTES
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

HANDLER_S: Final = 2.0
_POLL_S: Final = 0.05
_QUERY_CANCELED: Final = "57014"  # the statement took longer than it may

webhook = Router(WEBHOOK, tags=["webhook"], max_body_size=None)
ROUTERS: Final = (webhook,)

_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    202: {"description": "Committed: accepted, blocked or duplicate."},
    400: {"description": "Can never become a signal; stored for its owner with this code."},
    404: {"description": "No such webhook."},
    503: {"description": "Not committed in time; send it again."},
}


class Door:
    """What the endpoints share: one for an application."""

    def __init__(self, resources: Resources) -> None:
        self.webhooks = Webhooks(resources)
        self.turns = Turns()
        self.taken = Groups(self.webhooks.take, _is_late, HANDLER_S)
        self._engine = resources.engine
        self.noted = Groups(self._note, _is_late, HANDLER_S)

    async def _note(self, answered: Sequence[store.Answered]) -> Sequence[None]:
        await store.note_answers(self._engine, answered)
        return [None] * len(answered)


async def _door(request: Request) -> Door:
    door: Door = request.app.state.door
    return door


_Door = Annotated[Door, Depends(_door)]


@webhook.post("/webhook/{key}", status_code=202, responses=_RESPONSES)
async def keyed(request: Request, key: str, door: _Door, clock: Clock) -> Response:
    """An alert for the strategy of this key, whatever its content type says."""
    return await _receive(request, key, door, clock)


@webhook.post("/webhook", status_code=202, responses=_RESPONSES)
async def generic(request: Request, door: _Door, clock: Clock) -> Response:
    """An alert that carries its strategy's webhook key itself, in a field `secret` or `key`."""
    return await _receive(request, None, door, clock)


async def _receive(request: Request, key: str | None, door: Door, clock: Clock) -> Response:
    arrived_s = clock.monotonic()
    try:
        async with asyncio.timeout(HANDLER_S):
            delivery = await _read(request, key, arrived_s)
            turn = await door.turns.take((delivery.key, delivery.body_hash))
    except TimeoutError as error:
        raise _late() from error
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is there to read it
    try:
        left_s = HANDLER_S - (clock.monotonic() - arrived_s)
        async with asyncio.timeout(left_s):
            told = await _take(door, delivery, clock)
    except BaseException as error:
        turn.end()
        if _is_late(error):
            raise _late() from error
        raise
    if told.signal_id is not None:
        request.scope["state"]["correlation_id"] = str(told.signal_id)
    return Receipt(request, told, turn, door)


async def _take(door: Door, delivery: Delivery, clock: Clock) -> Told:
    """Together with what else waits for this strategy.

    If time runs out just as it commits, the resend is recognised.
    """
    while True:
        told = await door.taken.do(delivery.key, delivery)
        if told is not None:
            return told
        await clock.sleep(_POLL_S)


async def _read(request: Request, key: str | None, arrived_s: float) -> Delivery:
    """As much as may be read; one byte more than allowed is kept, so that the reader sees it."""
    kept, size_bytes, digest = bytearray(), 0, hashlib.sha256()
    async for chunk in request.stream():
        size_bytes += len(chunk)
        digest.update(chunk)
        kept += chunk[: MAX_BODY_BYTES + 1 - len(kept)]
        if size_bytes > READ_BYTES_MAX:
            break
    body = bytes(kept)
    return Delivery(
        key=secret_in(body) if key is None else key,
        body=body,
        size_bytes=size_bytes,
        body_hash=digest.digest(),
        content_type=request.headers.get("content-type", "")[:200] or None,
        address=request.client.host if request.client else "unknown",
        arrived_s=arrived_s,
    )


def _is_late(error: BaseException) -> bool:
    """The database did not manage in time, whatever the alert says."""
    if isinstance(error, DBAPIError):
        is_slow = sqlstate(error) == _QUERY_CANCELED
        return is_slow or is_outage(error) or is_contention(error)
    return isinstance(error, (TimeoutError, DatabaseAway))


def _late() -> Unavailable:
    return Unavailable("db.unavailable", "The alert could not be stored in time; send it again.")


class Receipt(JSONResponse):
    """An answer that knows whether it was given.

    The status is noted only after the last byte was handed over to a client that was still there:
    an equal delivery soon afterwards is then an alert of its own, and otherwise a resend.
    """

    def __init__(self, request: Request, told: Told, turn: Turn, door: Door) -> None:
        body = told.body
        if told.signal_id is None:
            body = body | {"correlation_id": request.scope["state"]["correlation_id"]}
        super().__init__(body, told.status)
        self._request = request
        self._told = told
        self._turn = turn
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            # One turn of the loop, so that a connection closed by now is seen as closed.
            await asyncio.sleep(0)
            is_gone = await self._request.is_disconnected()
            await super().__call__(scope, receive, send)
            if not is_gone:
                await self._note()
        finally:
            self._turn.end()

    async def _note(self) -> None:
        told = self._told
        if told.alert_id is None or told.user_id is None:
            return
        answered = store.Answered(told.user_id, told.alert_id, told.status)
        try:
            await self._door.noted.do(told.user_id, answered)
        except (DatabaseAway, DBAPIError, TimeoutError) as error:
            _log.warning("answer_not_noted", alert_id=told.alert_id, error=type(error).__name__)
