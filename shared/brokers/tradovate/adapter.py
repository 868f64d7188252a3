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
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Final

import httpx
import msgspec

from shared.brokers.tradovate import limits, mapping, models, strategies
from shared.brokers.tradovate.auth import Auth, TokenStore
from shared.brokers.tradovate.cache import EntityStore
from shared.brokers.tradovate.contracts import ContractBook
from shared.brokers.tradovate.egress import Egress
from shared.brokers.tradovate.feed import UserFeed
from shared.brokers.tradovate.health import HealthBoard
from shared.brokers.tradovate.login import Login, Urls
from shared.brokers.tradovate.outcomes import (
    ORDER_FINAL,
    UNAUTHORIZED,
    Answered,
    Kind,
    NeverLeft,
    Reply,
    decide,
    ticket_of,
)
from shared.brokers.tradovate.outlet import FactOutlet
from shared.brokers.tradovate.polls import Polls
from shared.brokers.tradovate.quotes import QuoteFeed
from shared.brokers.tradovate.reads import (
    Reader,
    check_accounts,
    find_orders,
    find_strategies,
)
from shared.brokers.tradovate.rest import Rest
from shared.brokers.tradovate.rows import Recent, is_final
from shared.brokers.tradovate.search import find_front
from shared.brokers.tradovate.socket import Connect, connect_for_real
from shared.domain.errors import BrokerUnavailable, CredentialsExpired, NotFound
from shared.domain.order import BrokerStatus
from shared.ports.broker import (
    CAPTCHA,
    AccountInfo,
    ContractInfo,
    Fact,
    FrontContract,
    LoginHealth,
    ModifyRequest,
    NotSent,
    Outcome,
    PlaceRequest,
    Priority,
    QuoteFact,
    Refused,
    Snapshot,
    StrategyRequest,
)
from shared.ports.clock import Clock
from shared.runtime.logging import get_logger

log = get_logger(__name__)

_AT_THE_DOOR: Final = frozenset({401, 403})
_TOO_MANY: Final = 429
_LEGS_MAX: Final = 2
# What a captcha keeps back. Cancels and modifies draw none, and an exit may wait for them.
_PLACING: Final = frozenset(
    {"order/placeorder", "order/placeoso", "order/placeoco", strategies.START}
)


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
        self._budget = egress.spending.budget(urls, login.name)
        self._cooldown = limits.Cooldown(clock, rng)
        cooldowns = (self._cooldown, egress.cooldown(urls.rest))
        outage = limits.Outage(clock)
        self._reader = Reader(self._rest, self._auth, cooldowns, self._budget, outage)
        self._contracts = ContractBook(self._reader, clock)
        self._store = EntityStore(self._contracts.names)
        self._polls = Polls(self._reader, self._contracts.names, self._store, clock)
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
        self._knock_at_s = float("-inf")
        self._captcha_until_s = float("-inf")
        self._penalty_until_s = float("-inf")

    # --- holding the login --------------------------------------------------------------------
    async def run(self) -> None:
        """Until cancelled; raises CredentialsExpired when only a person can help."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._auth.keep())
                group.create_task(self._feed.run())
                group.create_task(self._feed.resolve())
                group.create_task(self._feed.doubts.run())
                group.create_task(self._quotes.run())
                group.create_task(self._board.keep())
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
    def rests_s(self) -> float:
        if self._auth.held is None and self._feed.socket is None:
            return limits.QUICK_RETRY_S  # whoever signs in may be back at any time
        until_s = max(self._captcha_until_s, self._penalty_until_s)
        return max(0.0, until_s - self._clock.monotonic())

    def rest_until(self, at: datetime) -> None:
        left_s = min((at - self._clock.now()).total_seconds(), limits.CAPTCHA_REST_S)
        if left_s > 0:
            self._rest_for(left_s)

    def _rest_for(self, wait_s: float) -> None:
        self._captcha_until_s = self._clock.monotonic() + wait_s
        self._board.rest(CAPTCHA, wait_s)

    @property
    def health(self) -> LoginHealth:
        return self._board.now

    def healths(self) -> AsyncIterator[LoginHealth]:
        return self._board.changes()

    # --- orders -------------------------------------------------------------------------------
    async def place(self, request: PlaceRequest) -> Outcome:
        if len(request.legs) > _LEGS_MAX:
            raise ValueError("an order leaves with two legs at most")
        if request.other is not None and request.legs:
            raise ValueError("an order has legs or another beside it, not both")
        endpoint, body = mapping.place_body(request)
        reply = await self._command(endpoint, body, request.client_id, request.priority)
        beside = len(request.legs) if request.other is None else 1
        outcome = decide(Kind.PLACE, reply, legs=beside)
        return self._paced(outcome, request.priority)

    async def start(self, request: StrategyRequest) -> Outcome:
        body = strategies.start_body(request)
        known = self._store.strategies
        known.expect(request.client_id, request.account, request.contract)
        reply = await self._command(strategies.START, body, request.client_id, request.priority)
        outcome = self._paced(decide(Kind.START, reply), request.priority)
        if isinstance(outcome, Refused | NotSent):
            known.forget(request.client_id)
        return outcome

    async def interrupt(self, client_id: str) -> Outcome:
        """Found in the feed's rows, else asked for. Whether it ended, the facts tell."""
        strategy = self._store.strategies.by_client_id(client_id)
        if strategy is None:
            reader = self._reader.first(Priority.EXIT)
            try:
                found = await find_strategies(reader, frozenset({client_id}))
            except (BrokerUnavailable, CredentialsExpired) as error:
                return NotSent(error.code)
            strategy = next(iter(found), None)
        if strategy is None or strategy.status not in strategies.LIVE:
            return Refused(ORDER_FINAL, "" if strategy is None else strategy.status)
        body = strategies.interrupt_body(strategy.id)
        reply = await self._command(strategies.INTERRUPT, body, client_id, Priority.EXIT)
        return self._paced(decide(Kind.INTERRUPT, reply), Priority.EXIT)

    async def modify(self, request: ModifyRequest) -> Outcome:
        body = mapping.modify_body(request)
        first = Priority.PROTECTION
        reply = await self._command("order/modifyorder", body, request.client_id, first)
        return self._paced(decide(Kind.MODIFY, reply, order_id=request.order_id), first)

    async def cancel(self, order_id: int, client_id: str) -> Outcome:
        body = mapping.cancel_body(order_id, client_id)
        first = Priority.EXIT
        reply = await self._command("order/cancelorder", body, client_id, first)
        outcome = self._paced(decide(Kind.CANCEL, reply, order_id=order_id), first)
        at_the_door = isinstance(reply, Answered) and reply.status in _AT_THE_DOOR
        if at_the_door and not await self._is_final(order_id):
            return NotSent(UNAUTHORIZED)  # the session was meant, not the order
        return outcome

    async def liquidate(self, account: int, contract_id: int) -> Outcome:
        body = mapping.liquidate_body(account, contract_id)
        key = f"{account}/{contract_id}"
        first = Priority.EXIT
        reply = await self._command("order/liquidateposition", body, key, first)
        return self._paced(decide(Kind.PLACE, reply), first)

    def _paced(self, outcome: Outcome, priority: Priority) -> Outcome:
        """A 429 or an empty budget with the wait that holds for this class of call."""
        match outcome:
            case NotSent(cause="broker.rate_limited"):
                wait_s = self._cooldown.remaining_s
                if priority <= Priority.PROTECTION:
                    wait_s = min(wait_s, limits.KNOCK_EVERY_S)
                return NotSent("broker.rate_limited", wait_s)
            case NotSent(cause="broker.captcha"):
                wait_s = self._captcha_until_s - self._clock.monotonic()
                return NotSent(CAPTCHA, max(0.0, wait_s))
            case NotSent(cause="broker.budget_spent"):
                return NotSent("broker.budget_spent", limits.QUICK_RETRY_S)
            case _:
                return outcome

    def _must_wait(self, endpoint: str, priority: Priority) -> NeverLeft | None:
        if endpoint in _PLACING and self._clock.monotonic() < self._captcha_until_s:
            return NeverLeft(CAPTCHA)
        knocks = priority <= Priority.PROTECTION and self._clock.monotonic() >= self._knock_at_s
        if self._cooldown.remaining_s > 0 and not knocks:
            return NeverLeft("broker.rate_limited")
        if self._budget.draw(priority) > 0:
            return NeverLeft("broker.budget_spent")
        return None

    async def _command(
        self, endpoint: str, body: dict[str, object], key: str, priority: Priority
    ) -> Reply:
        """Over the socket; over HTTP only when the socket certainly took nothing.

        A command that drew a penalty ticket carries it when it is sent again.
        """
        waits = self._must_wait(endpoint, priority)
        if waits is not None:
            return waits
        ticket_key = f"{endpoint} {key}"
        ticket = self._tickets.pop(ticket_key, None)
        if ticket is not None:
            body["p-ticket"] = ticket
        reply = await self._over_socket(endpoint, body)
        if isinstance(reply, NeverLeft):
            reply = await self._over_http(endpoint, body)
        self._polls.stir()
        drawn = ticket_of(reply.body) if isinstance(reply, Answered) else None
        if drawn is not None:
            log.warning("broker_penalty", endpoint=endpoint, wait_s=drawn.wait_s)
            if drawn.captcha:  # its ticket is for a person; nothing is placed for an hour
                self._rest_for(limits.CAPTCHA_REST_S)
            else:
                self._tickets[ticket_key] = drawn.value
                until_s = self._clock.monotonic() + drawn.wait_s
                self._penalty_until_s = max(self._penalty_until_s, until_s)
        if isinstance(reply, Answered):
            self._mind_the_door(is_open=reply.status != _TOO_MANY)
        return reply

    def _mind_the_door(self, *, is_open: bool) -> None:
        """Who is let in shows that the others need not wait before they knock."""
        if is_open:
            self._knock_at_s = float("-inf")
            self._cooldown.let_in()
        else:
            self._knock_at_s = self._clock.monotonic() + limits.KNOCK_EVERY_S
            self._cooldown.refused()

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
            row = await self._reader.first(Priority.EXIT).row("order/item", id=str(order_id))
            return is_final(BrokerStatus(str(row.get("ordStatus"))))
        except (BrokerUnavailable, CredentialsExpired, NotFound, ValueError) as error:
            log.warning("broker_order_not_read", order=order_id, error=str(error))
            return False

    # --- reads --------------------------------------------------------------------------------
    async def lookup(self, client_ids: frozenset[str]) -> dict[str, int]:
        return await find_orders(self._reader, client_ids) if client_ids else {}

    async def snapshot(self, *, urgent: bool = False) -> Snapshot:
        """Without the stream it is all there is, so it goes first then."""
        first = urgent or not self.ready
        return await self._polls.whole(
            Priority.RESOLUTION if first else Priority.RECONCILE, self._held
        )

    async def news(self) -> Snapshot | None:
        return await self._polls.news(self._held)

    @property
    def _held(self) -> frozenset[int]:
        return self._store.held if self.ready else self._store.held | self._polls.held

    async def accounts(self) -> list[AccountInfo]:
        rows = await self._reader.rows("account/list")
        try:
            accounts = msgspec.convert(rows, list[models.Account])
        except msgspec.ValidationError as error:
            raise BrokerUnavailable("broker.unreadable", str(error)) from error
        check_accounts(frozenset(row.id for row in accounts), self._store.held)
        return [AccountInfo(row.id, row.name, row.active and not row.closed) for row in accounts]

    async def open_pnl_usd(self, account: int) -> Decimal | None:
        path = "cashBalance/getcashbalancesnapshot"
        said = (await self._reader.answer(path, {"accountId": account})).get("openPnL")
        return Decimal(said) if isinstance(said, int | Decimal) else None

    async def contract(self, name: str) -> ContractInfo:
        """Raises NotFound for a name the broker does not know."""
        return await self._contracts.info(name)

    async def front(self, root: str) -> FrontContract:
        """Raises NotFound for a product the broker lists no contract of."""
        return await find_front(self._reader, self._contracts, root)

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
