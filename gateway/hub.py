"""Who is connected: desks by user, clients by session.

Channels (SUB, UNSUB) will be a property of `Client`, asked where a desk tells its clients; nothing
here changes for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from gateway.client import Client
from gateway.desk import Ask, Desk
from shared.contracts.ws import CloseCode
from shared.domain.errors import RateLimited
from shared.domain.ids import UserId
from shared.ports.clock import Clock
from shared.runtime.metrics import gauge

SOCKETS_PER_SESSION_MAX: Final = 64

_sockets = gauge("tm_gateway_sockets_count", "signed-in sockets")


class Hub:
    """`epoch` names this process instance in every frame."""

    def __init__(self, epoch: str, clock: Clock, ask_snapshot: Ask, ask_mending: Ask) -> None:
        self.epoch = epoch
        self._clock = clock
        self._asks = ask_snapshot, ask_mending
        self._desks: dict[UserId, Desk] = {}
        self._sessions: dict[int, set[Client]] = {}

    @contextmanager
    def joined(self, user_id: UserId, client: Client) -> Iterator[Desk]:
        """The client gets its user's frames while the block runs.

        Raises `RateLimited` `ws.too_many` when the session has all the sockets it may have.
        """
        siblings = self._sessions.setdefault(client.session_id, set())
        if len(siblings) >= SOCKETS_PER_SESSION_MAX:
            raise RateLimited("ws.too_many", "Too many sockets of this session are open.")
        desk = self._desks.get(user_id)
        if desk is None:
            desk = self._desks[user_id] = Desk(user_id, self.epoch, self._clock, *self._asks)
            desk.ask_snapshot()
        siblings.add(client)
        desk.clients.add(client)
        _sockets.inc()
        desk.mark_all()
        try:
            yield desk
        finally:
            _sockets.dec()
            self._leave(desk, client)

    def desk(self, user_id: UserId) -> Desk | None:
        return self._desks.get(user_id)

    def desks(self) -> list[Desk]:
        return list(self._desks.values())

    def session_ids(self) -> list[int]:
        return list(self._sessions)

    def end_sessions(self, session_ids: Iterable[int]) -> None:
        """Their sockets close as signed out."""
        for session_id in session_ids:
            for client in self._sessions.get(session_id, ()):
                client.end(CloseCode.SIGNED_OUT, "the session ended")

    def _leave(self, desk: Desk, client: Client) -> None:
        desk.clients.discard(client)
        if not desk.clients and self._desks.get(desk.user_id) is desk:
            del self._desks[desk.user_id]
        siblings = self._sessions[client.session_id]
        siblings.discard(client)
        if not siblings:
            del self._sessions[client.session_id]
