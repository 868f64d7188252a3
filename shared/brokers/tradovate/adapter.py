"""The `Broker` port for one Tradovate login: read this file first, then `feed` and `outcomes`.

orders   user socket when it is up, else HTTP         -> outcomes.decide
facts    user socket -> cache -> outlet               (feed)
reads    HTTP: lists, contracts, lookups              (reads, contracts)
quotes   market-data socket                           (quotes)
token    auth
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random
from typing import Final

import httpx
import msgspec

from shared.brokers.tradovate import limits, mapping, models
from shared.brokers.tradovate.auth import Auth, TokenStore
from shared.brokers.tradovate.cache import EntityStore
from shared.brokers.tradovate.contracts import ContractBook
from shared.brokers.tradovate.egress import Egress
from shared.brokers.tradovate.feed import UserFeed
from shared.brokers.tradovate.health import HealthBoard
from shared.brokers.tradovate.login import Login, Urls
from shared.brokers.tradovate.outcomes import (
    UNAUTHORIZED,
    Answered,
    Kind,
    NeverLeft,
    Reply,
    decide,
    ticket_of,
)
from shared.brokers.tradovate.outlet import FactOutlet
from shared.brokers.tradovate.quotes import QuoteFeed
from shared.brokers.tradovate.reads import Reader, check_accounts, find_orders, read_snapshot
from shared.brokers.tradovate.rest import Rest
from shared.brokers.tradovate.rows import Recent, is_final
from shared.brokers.tradovate.socket import Connect, connect_for_real
from shared.domain.errors import BrokerUnavailable, CredentialsExpired, NotFound
from shared.domain.order import BrokerStatus
from shared.ports.broker import (
    AccountInfo,
    ContractInfo,
    Fact,
    LoginHealth,
    ModifyRequest,
    NotSent,
    Outcome,
    PlaceRequest,
    QuoteFact,
    Snapshot,
)
from shared.ports.clock import Clock
from shared.runtime.logging import get_logger

log = get_logger(__name__)

_AT_THE_DOOR: Final = frozenset({401, 403})
_LEGS_MAX: Final = 2


class TradovateBroker:
    """One login. `run` holds it; reads and, while a token is held, orders work without `run` too.

    The end of `run` closes every connection; whoever only reads calls `aclose` when done.
    """

    def __init__(
        self,
        login: Login,
        urls: Urls,
        clock: Clock,
        token_store: TokenStore,
        rng: Random,
        *,
        egress: Egress | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        connect: Connect = connect_for_real,
    ) -> None:
        egress = Egress(clock, rng) if egress is None else egress
        gate = egress.gate(urls.socket, metered=urls.metered)
        md_gate = egress.gate(urls.md_socket, metered=urls.metered)
        self._clock = clock
        self._board = HealthBoard(clock)
        self._rest = Rest(urls.rest, transport)
        self._auth = Auth(
            login,
            self._rest,
            clock,
            token_store,
            egress.door(urls, login),
            at_risk=lambda: self._store.at_risk,
            board=self._board,
        )
        self._reader = Reader(self._rest, self._auth, egress.cooldown(urls.rest))
        self._contracts = ContractBook(self._reader, clock)
        self._store = EntityStore(self._contracts.names)
        self._outlet = FactOutlet(self._store.facts, clock)
        self._feed = UserFeed(
            urls,
            self._auth,
            self._reader,
            self._store,
            self._outlet,
            gate,
            clock,
            rng,
            self._board,
            connect,
        )
        self._quotes = QuoteFeed(urls, self._auth, self._contracts, md_gate, clock, rng, connect)
        self._tickets: Recent[str, str] = Recent()

    # --- holding the login --------------------------------------------------------------------
    async def run(self) -> None:
        """Until cancelled; raises CredentialsExpired when only a person can help."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._auth.keep())
                group.create_task(self._feed.run())
                group.create_task(self._feed.resolve())
                group.create_task(self._quotes.run())
        except BaseExceptionGroup as failures:
            expired = failures.subgroup(CredentialsExpired)
            if expired is None or failures.split(CredentialsExpired)[1] is not None:
                raise
            first = _first(expired)
            if isinstance(first, CredentialsExpired):
                self._board.failed(first)
            raise first from failures
        finally:
            self._outlet.lost("broker.stopped")
            await self.aclose()

    async def aclose(self) -> None:
        await self._rest.aclose()

    @property
    def ready(self) -> bool:
        return self._auth.held is not None and self._feed.ready

    @property
    def age_s(self) -> float:
        return self._feed.age_s

    @property
    def health(self) -> LoginHealth:
        return self._board.now

    def healths(self) -> AsyncIterator[LoginHealth]:
        return self._board.changes()

    # --- orders -------------------------------------------------------------------------------
    async def place(self, request: PlaceRequest) -> Outcome:
        if len(request.legs) > _LEGS_MAX:
            raise ValueError("an order leaves with two legs at most")
        endpoint, body = mapping.place_body(request)
        reply = await self._command(endpoint, body, request.client_id)
        return decide(Kind.PLACE, reply, legs=len(request.legs))

    async def modify(self, request: ModifyRequest) -> Outcome:
        body = mapping.modify_body(request)
        reply = await self._command("order/modifyorder", body, request.client_id)
        return decide(Kind.MODIFY, reply, order_id=request.order_id)

    async def cancel(self, order_id: int, client_id: str) -> Outcome:
        body = mapping.cancel_body(order_id, client_id)
        reply = await self._command("order/cancelorder", body, client_id)
        outcome = decide(Kind.CANCEL, reply, order_id=order_id)
        at_the_door = isinstance(reply, Answered) and reply.status in _AT_THE_DOOR
        if at_the_door and not await self._is_final(order_id):
            return NotSent(UNAUTHORIZED)  # the session was meant, not the order
        return outcome

    async def liquidate(self, account: int, contract_id: int) -> Outcome:
        body = mapping.liquidate_body(account, contract_id)
        key = f"{account}/{contract_id}"
        return decide(Kind.PLACE, await self._command("order/liquidateposition", body, key))

    async def _command(self, endpoint: str, body: dict[str, object], key: str) -> Reply:
        """Over the socket; over HTTP only when the socket certainly took nothing.

        A command that drew a penalty ticket carries it when it is sent again.
        """
        ticket_key = f"{endpoint} {key}"
        ticket = self._tickets.pop(ticket_key, None)
        if ticket is not None:
            body["p-ticket"] = ticket
        reply = await self._over_socket(endpoint, body)
        if isinstance(reply, NeverLeft):
            reply = await self._over_http(endpoint, body)
        drawn = ticket_of(reply.body) if isinstance(reply, Answered) else None
        if drawn is not None:
            log.warning("broker_penalty", endpoint=endpoint, wait_s=drawn.wait_s)
            self._tickets[ticket_key] = drawn.value
        return reply

    async def _over_socket(self, endpoint: str, body: dict[str, object]) -> Reply:
        socket = self._feed.socket
        if socket is None:
            return NeverLeft("broker.socket_closed")
        return await socket.request(endpoint, body, timeout_s=limits.ORDER_TIMEOUT_S)

    async def _over_http(self, endpoint: str, body: dict[str, object]) -> Reply:
        token = self._auth.held
        if token is None:
            return NeverLeft("broker.signed_out")
        reply = await self._rest.post(
            endpoint, body, token=token.access, timeout_s=limits.ORDER_TIMEOUT_S
        )
        if isinstance(reply, Answered) and reply.status in _AT_THE_DOOR:
            await self._refresh_token(endpoint)
        return reply

    async def _refresh_token(self, endpoint: str) -> None:
        """Have a good token ready for the next try; this one stays refused."""
        token = self._auth.held
        if token is None or endpoint == "order/cancelorder":
            return  # a cancel is refused like this when the order is final
        try:
            await self._auth.replace(token)
        except (BrokerUnavailable, CredentialsExpired) as error:
            log.warning("broker_token_not_replaced", code=error.code)

    async def _is_final(self, order_id: int) -> bool:
        """Whether the order can still trade; False also when nobody can tell now."""
        known = self._store.status(order_id)
        if known is not None and is_final(known):
            return True
        try:
            row = await self._reader.row("order/item", id=str(order_id))
            return is_final(BrokerStatus(str(row.get("ordStatus"))))
        except (BrokerUnavailable, CredentialsExpired, NotFound, ValueError) as error:
            log.warning("broker_order_not_read", order=order_id, error=str(error))
            return False

    # --- reads --------------------------------------------------------------------------------
    async def lookup(self, client_ids: frozenset[str]) -> dict[str, int]:
        return await find_orders(self._reader, client_ids) if client_ids else {}

    async def snapshot(self) -> Snapshot:
        at = self._clock.now()
        facts = await read_snapshot(self._reader, self._contracts.names, self._store.held)
        return Snapshot(tuple(facts), at)

    async def accounts(self) -> list[AccountInfo]:
        rows = await self._reader.rows("account/list")
        try:
            accounts = msgspec.convert(rows, list[models.Account])
        except msgspec.ValidationError as error:
            raise BrokerUnavailable("broker.unreadable", str(error)) from error
        check_accounts(frozenset(row.id for row in accounts), self._store.held)
        return [AccountInfo(row.id, row.name, row.active and not row.closed) for row in accounts]

    async def contract(self, name: str) -> ContractInfo:
        """Raises NotFound for a name the broker does not know."""
        return await self._contracts.info(name)

    # --- streams ------------------------------------------------------------------------------
    def facts(self) -> AsyncIterator[Fact]:
        return self._outlet.stream()

    def quotes(self) -> AsyncIterator[QuoteFact]:
        return self._quotes.outlet.stream()

    async def subscribe(self, contract: str) -> None:
        self._quotes.subscribe(contract)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner
