"""The user feed: keeps an authorised, synced socket, fills the store, tells facts.

    token -> dial -> authorise -> syncrequest -> snapshot told, Synced -> events ... lost -> again

From `authorise` on orders may use the socket; `ready` only after `Synced`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from random import Random
from typing import Final, NoReturn

from shared.brokers.tradovate import limits
from shared.brokers.tradovate.auth import Auth
from shared.brokers.tradovate.cache import EntityStore
from shared.brokers.tradovate.doubts import Doubts, asking
from shared.brokers.tradovate.health import HealthBoard
from shared.brokers.tradovate.login import Urls
from shared.brokers.tradovate.outcomes import Answered, Reply, words_of
from shared.brokers.tradovate.outlet import FactOutlet
from shared.brokers.tradovate.reads import Reader, check_accounts, complete, ids_of, read_missing
from shared.brokers.tradovate.socket import Connect, VenueSocket, connect_for_real, dial
from shared.brokers.tradovate.wire import Garbled
from shared.domain.errors import BrokerUnavailable
from shared.ports.broker import Token
from shared.ports.clock import Clock
from shared.runtime.logging import get_logger

log = get_logger(__name__)

_OK: Final = 200
_TOKEN_REFUSED: Final = frozenset({400, 401, 403, 408})
# Names in the snapshot that matter here; contracts first, the others need their names.
_SNAPSHOT: Final[Mapping[str, str]] = {
    "contracts": "contract",
    "orders": "order",
    "orderVersions": "orderVersion",
    "commands": "command",
    "commandReports": "commandReport",
    "executionReports": "executionReport",
    "orderStrategies": "orderStrategy",
    "orderStrategyLinks": "orderStrategyLink",
    "fills": "fill",
    "fillFees": "fillFee",
    "positions": "position",
    "cashBalances": "cashBalance",
}


class UserFeed:
    """One login's user socket over all its reconnects."""

    def __init__(
        self,
        urls: Urls,
        auth: Auth,
        reader: Reader,
        store: EntityStore,
        outlet: FactOutlet,
        gate: limits.ConnectGate,
        clock: Clock,
        rng: Random,
        board: HealthBoard,
        connect: Connect = connect_for_real,
    ) -> None:
        self._board = board
        self._urls = urls
        self._connect = connect
        self._auth = auth
        self._reader = reader
        self._store = store
        self._outlet = outlet
        self._gate = gate
        self._clock = clock
        self._backoff = limits.Backoff(rng, urls.retry_s_max)
        self._socket: VenueSocket | None = None
        self._by_accounts = False
        self._resolve_now = asyncio.Event()
        self.doubts = Doubts(asking(reader), store, outlet, clock)

    @property
    def socket(self) -> VenueSocket | None:
        """The socket that orders may use now."""
        return self._socket if self._socket is not None and self._socket.up else None

    @property
    def ready(self) -> bool:
        return self._outlet.in_sync and self.socket is not None

    @property
    def age_s(self) -> float:
        if self._socket is None:
            return float("inf")
        return self._clock.monotonic() - self._socket.last_frame_at

    async def run(self) -> NoReturn:
        """For ever; raises CredentialsExpired only."""
        while True:
            try:
                reason = await self._session()
                pause_s = self._backoff.next_s()  # of now: a session that held has reset it
                self._board.down(reason, pause_s)
            except BrokerUnavailable as error:
                reason = error.code
                pause_s = max(self._backoff.next_s(), self._gate.cooldown.remaining_s)
                self._board.failed(error)
            self._outlet.lost(reason)
            log.warning("broker_feed_lost", reason=reason, retry_in_s=round(pause_s, 3))
            await self._clock.sleep(pause_s)

    async def _session(self) -> str:
        token = await self._auth.token()
        queued_s = self._gate.wait_s()
        if queued_s > 0:
            cooling = self._gate.cooldown.remaining_s > 0
            code = "broker.rate_limited" if cooling else "broker.connect_queued"
            self._board.down(code, queued_s)
        line = dial(self._urls.socket, self._clock, self._gate, self._on_event, self._connect)
        async with line as socket:
            await self._authorize(socket, token)
            self._socket = socket
            await self._sync(socket, token)
            self._outlet.synced()
            self.doubts.look()
            self._board.streaming()
            synced_at = self._clock.monotonic()
            log.info("broker_feed_synced")
            reason = await socket.lost()
            if self._clock.monotonic() - synced_at > limits.STABLE_S:
                self._backoff.reset()
            return reason

    async def _authorize(self, socket: VenueSocket, token: Token) -> None:
        reply = await socket.authorize(token.access)
        if isinstance(reply, Answered):
            if reply.status == _OK:
                return
            if reply.status in _TOKEN_REFUSED:
                await self._auth.replace(token)
        raise BrokerUnavailable("broker.socket_unauthorized", "The socket was not authorised.")

    # --- the snapshot -------------------------------------------------------------------------
    async def _sync(self, socket: VenueSocket, token: Token) -> None:
        """Ask once, take parts until there is none for a while. Raises BrokerUnavailable.

        A login that gives no answer to the classic form is asked in the other one next time: a
        socket takes one syncrequest only.
        """
        parts = _Parts(self._store)
        await socket.request_parts("user/syncrequest", await self._sync_body(token), parts.take)
        try:
            await parts.all_taken()
        except BrokerUnavailable:
            self._by_accounts = not self._by_accounts
            raise
        check_accounts(parts.accounts, self._store.held)
        # A stream that is not finished costs more: until it stands the login is polled.
        await complete(self._reader.to_its_end(), self._store)

    async def _sync_body(self, token: Token) -> dict[str, object]:
        if not self._by_accounts:
            return {"splitResponses": True, "users": [token.user_id]}
        rows = await self._reader.to_its_end().rows("account/list")
        accounts = ids_of(rows)
        check_accounts(accounts, self._store.held)  # a sync of no accounts is told nothing
        kinds = [*_SNAPSHOT.values(), "account"]
        return {"splitResponses": True, "accounts": sorted(accounts), "entityTypes": kinds}

    # --- events -------------------------------------------------------------------------------
    def _on_event(self, name: str, body: object) -> None:
        if name != "props":
            return
        match body:
            case {"eventType": "Deleted"}:
                pass  # facts are told, not untold
            case {"entityType": str(kind), "entity": entity}:
                self._outlet.push(self._store.apply(kind, entity))
                self.doubts.look()
                if self._store.needs_name:
                    self._resolve_now.set()
            case _:
                raise Garbled("props without an entity")

    async def resolve(self) -> NoReturn:
        """Fetch rows that others wait for: names at once, the rest when a second did not help."""
        waited = self._store.missing()
        rows_seen = -1
        pause_s = limits.RESOLVE_EVERY_S
        while True:
            await self._tick(pause_s)
            pause_s = limits.RESOLVE_EVERY_S
            if not self.ready or (not waited and self._store.rows_taken == rows_seen):
                continue
            rows_seen = self._store.rows_taken
            missing = self._store.missing()
            due = missing.still(waited)
            waited = missing
            if not due:
                continue
            try:
                for kind, rows in await read_missing(self._reader, due):
                    self._outlet.push(self._store.apply(kind, rows))
            except (BrokerUnavailable, Garbled) as error:
                log.warning("broker_rows_not_read", error=str(error))
            if self._store.missing() == missing:
                pause_s = limits.RESOLVE_PAUSE_S_MAX  # asking again at once brings nothing new

    async def _tick(self, pause_s: float) -> None:
        try:
            async with asyncio.timeout(pause_s):
                await self._resolve_now.wait()
        except TimeoutError:
            pass
        self._resolve_now.clear()
        self._store.needs_name = False


class _Parts:
    """Takes the parts of one snapshot into the store."""

    def __init__(self, store: EntityStore) -> None:
        self._store = store
        self._came = asyncio.Event()
        self._failure = ""
        self.accounts: frozenset[int] = frozenset()  # a snapshot leaves out what is empty

    def take(self, reply: Reply) -> None:
        match reply:
            case Answered(200, dict() as body) if not body.get("errorText"):
                if isinstance(named := body.get("accounts"), list):
                    self.accounts |= ids_of(named)
                for name, kind in _SNAPSHOT.items():
                    self._store.load(kind, body.get(name, []))
            case Answered(status, body):
                self._failure = words_of(body) or f"status {status}"
            case _:
                self._failure = reply.cause
        self._came.set()

    async def all_taken(self) -> None:
        wait_s = limits.SYNC_TIMEOUT_S
        count = 0
        while True:
            try:
                async with asyncio.timeout(wait_s):
                    await self._came.wait()
            except TimeoutError:
                break
            self._came.clear()
            count += 1
            if self._failure:
                break
            wait_s = limits.SYNC_QUIET_S
        if count == 0 or self._failure:
            log.error("broker_sync_refused", words=self._failure)
            raise BrokerUnavailable("broker.sync_failed", "The broker gave no snapshot.")
