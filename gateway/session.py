"""One socket from its first frame to its last.

    open --AUTH within 5 s--> signed in --ACCSETUP, ...--> closed

What ends it, and with which code (the reasons stand in `shared.contracts.ws.CloseCode`):

| cause                                             | code |
|---------------------------------------------------|------|
| a binary frame                                    | 1003 |
| not JSON, not UTF-8                               | 1007 |
| a frame before AUTH, AUTH twice, no frame of ours | 1008 |
| more than 100 frames in 10 s                      | 1008 |
| a frame above 64 KB                               | 1009 |
| this gateway is being restarted                   | 1012 |
| not reading for 5 s; database away at AUTH        | 1013 |
| wrong token or user name; session ended           | 4401 |
| no AUTH within 5 s                                | 4408 |
| 64 sockets of the session are open                | 4429 |
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import msgspec
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from gateway import auth, frames
from gateway.client import Client, Goodbye
from gateway.desk import Desk
from gateway.hub import Hub
from shared.contracts.ws import AccountSetup, Auth, CloseCode, FrameType
from shared.db.failures import is_outage
from shared.domain.errors import RateLimited
from shared.ports.clock import Clock
from shared.runtime.logging import get_logger

_log = get_logger(__name__)
F = TypeVar("F", Auth, AccountSetup)

AUTH_TIMEOUT_S: Final = 5.0
BLOCKED_TIMEOUT_S: Final = 5.0
FRAMES_MAX: Final = 100
FRAMES_WINDOW_S: Final = 10.0
WELCOME: Final = "Connection established."
DASHBOARD: Final = "/ws/dashboard"


class _EndError(Exception):
    """Raised in the reader to end the socket with a code."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.goodbye = Goodbye(code, reason)


class Sessions:
    """Serves sockets that passed the handshake."""

    def __init__(self, engine: AsyncEngine, hub: Hub, clock: Clock) -> None:
        self._engine = engine
        self._hub = hub
        self._clock = clock

    async def serve(self, ws: ServerConnection) -> None:
        """Until either side ends it. Raises nothing a client can cause."""
        try:
            who = await self._sign_in(ws)
            goodbye = await self._talk(ws, who)
        except _EndError as end:
            goodbye = end.goodbye
        except ConnectionClosed:
            return
        if goodbye.code is not None:
            _log.info("socket_ended", code=int(goodbye.code), reason=goodbye.reason)
            await ws.close(goodbye.code, goodbye.reason)

    async def _sign_in(self, ws: ServerConnection) -> auth.SignedIn:
        try:
            async with asyncio.timeout(AUTH_TIMEOUT_S):
                message = await ws.recv()
        except TimeoutError:
            raise _EndError(CloseCode.NO_AUTH, "AUTH did not come in time") from None
        fields = _fields(message)
        if fields.get("type") != "AUTH":
            raise _EndError(CloseCode.REFUSED, "AUTH has to come first")
        try:
            who = await auth.sign_in(self._engine, _checked(Auth, fields))
        except Exception as error:
            if not (is_outage(error) or isinstance(error, TimeoutError)):
                raise
            raise _EndError(CloseCode.TRY_LATER, "the database is away") from error
        if who is None:
            raise _EndError(CloseCode.SIGNED_OUT, "wrong token or user")
        return who

    async def _talk(self, ws: ServerConnection, who: auth.SignedIn) -> Goodbye:
        path = "" if ws.request is None else ws.request.path.partition("?")[0].rstrip("/")
        client = Client(who.session_id, wants_updates=path == DASHBOARD)
        try:
            with self._hub.joined(who.user_id, client) as desk:
                for kind in (FrameType.AUTH_OK, FrameType.STATUS):
                    client.answer(self._welcome(kind, desk, who))
                return await _first(
                    self._read(ws, who, client), self._write(ws, desk, client), client.ended()
                )
        except RateLimited as error:
            return Goodbye(CloseCode.TOO_MANY, error.message)

    def _welcome(self, kind: FrameType, desk: Desk, who: auth.SignedIn) -> bytes:
        data = WELCOME if kind is FrameType.AUTH_OK else {"status": "connected"}
        about = {"epoch": self._hub.epoch, "seq": desk.seq, "ts": self._clock.now()}
        return frames.reply(kind, {"data": data, "user": who.username, **about})

    async def _read(self, ws: ServerConnection, who: auth.SignedIn, client: Client) -> Goodbye:
        window_ends_s, count = 0.0, 0
        try:
            async for message in ws:
                now_s = self._clock.monotonic()
                if now_s >= window_ends_s:
                    window_ends_s, count = now_s + FRAMES_WINDOW_S, 0
                count += 1
                if count > FRAMES_MAX:
                    return Goodbye(CloseCode.REFUSED, "too many frames")
                client.answer(await self._answer(who, _fields(message)))
        except _EndError as end:
            return end.goodbye
        except ConnectionClosed:
            pass
        return Goodbye(None, "it left")

    async def _answer(self, who: auth.SignedIn, fields: dict[str, Any]) -> bytes:
        match fields["type"]:
            case "AUTH":
                raise _EndError(CloseCode.REFUSED, "AUTH came twice")
            case "ACCSETUP":
                return await self._set_up(who, fields)
            case unknown:
                return frames.reply(
                    FrameType.ERROR,
                    {"code": "ws.unknown_type", "message": f"No frame is called {unknown[:40]!r}."},
                )

    async def _set_up(self, who: auth.SignedIn, fields: dict[str, Any]) -> bytes:
        setup = _checked(AccountSetup, fields)
        reason = None
        try:
            if setup.user is not None and not auth.is_same_name(setup.user, who.username):
                reason = "this socket is another user's"
            elif not await auth.owns(self._engine, who.user_id, setup.id):
                reason = "no such account"
        except Exception as error:
            if not (is_outage(error) or isinstance(error, TimeoutError)):
                raise
            reason = "the database is away; try again"
        status = {"status": "Success"} if reason is None else {"status": "Error", "reason": reason}
        return frames.reply(FrameType.ACCSETUP_COMPLETE, {**status, "id": setup.id})

    @staticmethod
    async def _write(ws: ServerConnection, desk: Desk, client: Client) -> Goodbye:
        try:
            while True:
                frame = await client.next(desk.snapshot)
                async with asyncio.timeout(BLOCKED_TIMEOUT_S):
                    await ws.send(frame, text=True)
        except TimeoutError:
            return Goodbye(CloseCode.TRY_LATER, "it does not read")
        except ConnectionClosed:
            return Goodbye(None, "it left")


def _fields(message: str | bytes) -> dict[str, Any]:
    if isinstance(message, bytes):
        raise _EndError(CloseCode.BINARY, "frames are text")
    try:
        found = msgspec.json.decode(message)
    except (msgspec.DecodeError, RecursionError):
        raise _EndError(CloseCode.NOT_JSON, "not JSON") from None
    if not isinstance(found, dict) or not isinstance(found.get("type"), str):
        raise _EndError(CloseCode.REFUSED, "a frame is an object with a type")
    return found


def _checked(model: type[F], fields: dict[str, Any]) -> F:
    try:
        return model.model_validate(fields)
    except ValidationError:
        raise _EndError(CloseCode.REFUSED, f"{fields['type']} lacks something") from None


async def _first(*works: Coroutine[Any, Any, Goodbye]) -> Goodbye:
    """The result of whichever ends first; the others are cancelled and awaited."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task for task in tasks if task in done).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
