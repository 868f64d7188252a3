"""One WebSocket: frames `o`, `h`, `a[...]`, `c[...]` out; `[]` and four-line requests in.

    open ('o') --authorize--> authorised --user/syncrequest--> synced
       '-- nothing for `silence_s` --> closed

Messages waiting for the wire are joined into one `a[...]`, an answer always first. A reader that
stays `PENDING_MAX` messages behind is closed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, MutableMapping
from functools import partial
from typing import Any, Final

from paper.calls import Answer, Call, Endpoint, Refusal, delivered, dispatch, find
from paper.params import read_body, read_query
from paper.rows import Session, encode
from paper.store import Change
from paper.venue import Venue
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

PENDING_MAX: Final = 50_000
MESSAGES_PER_FRAME_MAX: Final = 200
_CLOSE_CODE: Final = 3000
_NORMAL_CLOSE: Final = 1000
_POLICY_CLOSE: Final = 1008
_ERROR_CLOSE: Final = 1011

Receive = Callable[[], Any]
Send = Callable[[MutableMapping[str, Any]], Any]


class Socket:
    """The server's side of one connection, from accept to close."""

    def __init__(
        self, venue: Venue, receive: Receive, send: Send, *, md_only: bool, address: str = ""
    ) -> None:
        self._venue = venue
        self._receive = receive
        self._send = send
        self._md_only = md_only
        self._address = address
        self._session: Session | None = None
        self._accounts: frozenset[int] | None = None
        self._types: frozenset[str] | None = None
        self._synced = False
        self._pending: deque[bytes] = deque()
        self._last_words: str | None = None
        self._close_code = _NORMAL_CLOSE
        self._closing = False
        self._wake = asyncio.Event()
        self._followers: list[Callable[[], None]] = []
        self._parts: list[bytes] = []
        self._delayed: set[asyncio.Task[None]] = set()

    # ---- what the hub asks

    @property
    def user_id(self) -> int | None:
        return None if self._session is None else self._session.user_id

    @property
    def session_id(self) -> int | None:
        return None if self._session is None else self._session.id

    @property
    def is_synced(self) -> bool:
        return self._synced

    def sync(self, accounts: frozenset[int] | None, types: frozenset[str] | None) -> None:
        """Events from now on, of these accounts and entity types (None: of all)."""
        self._accounts, self._types, self._synced = accounts, types, True

    def wants(self, change: Change) -> bool:
        of_account = self._accounts is None or change.account_id in self._accounts
        return of_account and (self._types is None or change.kind.name in self._types)

    def push(self, message: bytes) -> None:
        self._pending.append(message)
        if len(self._pending) > PENDING_MAX:
            self._close(_POLICY_CLOSE, None)
        self._wake.set()

    def follow_with(self, tell: Callable[[], None]) -> None:
        """Call `tell` right after the answer to the request in hand."""
        self._followers.append(tell)

    def send_part(self, body: object) -> None:
        """One more answer to the request in hand, before its last one."""
        self._parts.append(encode(body))

    def shut_down(self, reason_code: str, reason: str) -> None:
        self.push(encode({"e": "shutdown", "d": {"reasonCode": reason_code, "reason": reason}}))
        self._close(_CLOSE_CODE, f'c[{_CLOSE_CODE},"Go away!"]')

    def drop(self) -> None:
        self._pending.clear()
        self._close(_ERROR_CLOSE, None)

    # ---- its life

    async def run(self) -> None:
        """Until either side closes."""
        await self._send({"type": "websocket.accept"})
        await self._send({"type": "websocket.send", "text": "o"})
        self._heard = self._spoke = self._began = asyncio.get_running_loop().time()
        self._venue.hub.listeners.add(self)
        tasks = [asyncio.create_task(x) for x in (self._read(), self._write(), self._pulse())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._closing = True
            self._venue.hub.leave(self)
            await _ended([*tasks, *self._delayed])

    async def _read(self) -> None:
        while True:
            event = await self._receive()
            if event["type"] == "websocket.disconnect":
                return
            self._heard = asyncio.get_running_loop().time()
            text = event.get("text")
            if text is None:
                text = event.get("bytes", b"").decode(errors="replace")
            if text.strip() not in {"", "[]"}:
                self._handle(text)

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                await self._say(self._frame())
            if self._closing:
                if self._last_words is not None:
                    await self._say(self._last_words)
                await self._send({"type": "websocket.close", "code": self._close_code})
                return

    async def _pulse(self) -> None:
        """Heartbeats when idle, and an end to those that are silent or strangers."""
        settings, loop = self._venue.settings, asyncio.get_running_loop()
        while True:
            await asyncio.sleep(settings.paper_heartbeat_s / 2)
            now = loop.time()
            stranger = self._session is None and now - self._began > settings.paper_silence_s
            if self._closing:
                continue  # the writer has the last word
            if stranger or now - self._heard > settings.paper_silence_s:
                self._close(_CLOSE_CODE, f'c[{_CLOSE_CODE},"Go away!"]')
            elif now - self._spoke >= settings.paper_heartbeat_s * _EARLY:
                await self._say("h")

    async def _say(self, text: str) -> None:
        self._spoke = asyncio.get_running_loop().time()
        await self._send({"type": "websocket.send", "text": text})

    def _frame(self) -> str:
        """What waits, up to the next answer: published clients find theirs only in first place."""
        batch = [self._pending.popleft()]
        while self._pending and len(batch) < MESSAGES_PER_FRAME_MAX:
            if self._pending[0].startswith(_ANSWER):
                break
            batch.append(self._pending.popleft())
        return (b"a[" + b",".join(batch) + b"]").decode()

    def _close(self, code: int, last_words: str | None) -> None:
        if not self._closing:
            self._closing, self._close_code, self._last_words = True, code, last_words
            self._wake.set()

    # ---- requests

    def _handle(self, text: str) -> None:
        name, _, rest = text.partition("\n")
        number, _, rest = rest.partition("\n")
        query, _, body = rest.partition("\n")
        try:
            request_id = int(number)
        except ValueError:
            request_id = 0
        if name.strip("/").lower() == "authorize":
            self._answer(request_id, self._authorize(body))
            return
        target = find(name)
        if target is None or (self._md_only and not target.name.startswith("md/")):
            self._answer(request_id, Answer(404, b"Not found"))
        else:
            self._call(request_id, target, query, body)

    def _authorize(self, body: str) -> Answer:
        sessions, token = self._venue.sessions, body.strip().strip('"')
        try:
            # Either token on either socket: a published client opens both with the mdAccessToken.
            self._session = sessions.check_md(token)
        except Refusal as refusal:
            self._venue.commit()  # a displaced session was told so
            text = "Invalid access token" if refusal.status == _UNAUTHORIZED else refusal.text
            return Answer(refusal.status, text.encode())
        return Answer(200, b"")

    def _call(self, request_id: int, target: Endpoint, query: str, body: str) -> None:
        try:
            params = read_query(query.encode()) | read_body(body.encode())
        except Refusal as refusal:
            self._answer(request_id, Answer(refusal.status, refusal.text.encode()))
            return
        if self._session is None and not target.is_open:
            self._answer(request_id, Answer(401, b"Access is denied"))
            return
        answer = dispatch(target, Call(self._venue, params, self._session, self, self._address))
        followers, self._followers = self._followers, []
        for part in self._parts:
            self._venue.journal.after(partial(self._answer, request_id, Answer(_OK, part)))
        self._parts = []
        if answer.lost:
            return
        if answer.delay_s:
            task = asyncio.create_task(self._answer_late(request_id, answer))
            self._delayed.add(task)
            task.add_done_callback(self._delayed.discard)
            return
        self._venue.journal.after(lambda: self._answer(request_id, answer))
        for follower in followers:
            self._venue.journal.after(follower)

    async def _answer_late(self, request_id: int, answer: Answer) -> None:
        self._answer(request_id, await delivered(self._venue, answer))

    def _answer(self, request_id: int, answer: Answer) -> None:
        body = answer.body if answer.status == _OK else encode(answer.body.decode())
        body = b',"d":' + body if answer.body else b""
        self.push(b'%b%d,"i":%d%b}' % (_ANSWER, answer.status, request_id, body))


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel what still runs and hear how each ended; a peer that went away is no error."""
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception) and not isinstance(result, OSError):
            _log.error("socket_failed", exc_info=result)


_ANSWER: Final = b'{"s":'
_OK: Final = 200
_UNAUTHORIZED: Final = 401
_EARLY: Final = 0.75  # the pulse beats twice as often as it speaks and must not skip a turn
