"""Quotes over the market-data socket, which is opened with the first subscription."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Final, NoReturn

import msgspec

from shared.brokers.tradovate import limits, models
from shared.brokers.tradovate.auth import Auth
from shared.brokers.tradovate.contracts import ContractBook
from shared.brokers.tradovate.login import Urls
from shared.brokers.tradovate.outcomes import Answered, words_of
from shared.brokers.tradovate.outlet import QuoteOutlet
from shared.brokers.tradovate.socket import Connect, VenueSocket, connect_for_real, dial
from shared.brokers.tradovate.wire import Garbled, instant
from shared.domain.errors import BrokerUnavailable, NotFound
from shared.ports.broker import QuoteFact
from shared.ports.clock import Clock
from shared.runtime.logging import get_logger

log = get_logger(__name__)

_OK: Final = 200


def merged(known: QuoteFact, quote: models.Quote, at: datetime) -> QuoteFact:
    """The quote after a partial update: what is absent has not changed."""
    return replace(
        known,
        at=at,
        bid=_price(quote, "Bid", known.bid),
        ask=_price(quote, "Offer", known.ask),
        last=_price(quote, "Trade", known.last),
    )


def _price(quote: models.Quote, entry: str, known: Decimal | None) -> Decimal | None:
    news = quote.entries.get(entry)
    return known if news is None or news.price is None else news.price


class QuoteFeed:
    """Subscriptions of one login, asked for again on each new socket."""

    def __init__(
        self,
        urls: Urls,
        auth: Auth,
        contracts: ContractBook,
        gate: limits.ConnectGate,
        clock: Clock,
        rng: Random,
        connect: Connect = connect_for_real,
    ) -> None:
        self._urls = urls
        self._connect = connect
        self._auth = auth
        self._contracts = contracts
        self._gate = gate
        self._clock = clock
        self._backoff = limits.Backoff(rng, urls.retry_s_max)
        self._wanted: dict[str, None] = {}  # a set that keeps its order
        self._wants_more = asyncio.Event()
        self._quotes: dict[int, QuoteFact] = {}
        self.outlet = QuoteOutlet()

    def subscribe(self, contract: str) -> None:
        if contract not in self._wanted:
            self._wanted[contract] = None
            self._wants_more.set()

    async def run(self) -> NoReturn:
        """For ever; raises CredentialsExpired only."""
        await self._wants_more.wait()
        while True:
            try:
                reason = await self._session()
            except BrokerUnavailable as error:
                reason = error.code
            log.warning("broker_quotes_lost", reason=reason)
            await self._clock.sleep(self._backoff.next_s())

    async def _session(self) -> str:
        token = await self._auth.token()
        self._quotes.clear()  # an old side must not get a new time
        line = dial(self._urls.md_socket, self._clock, self._gate, self._on_event, self._connect)
        async with line as socket:
            reply = await socket.authorize(token.market_data or token.access)
            if not isinstance(reply, Answered) or reply.status != _OK:
                raise BrokerUnavailable("broker.quotes_unauthorized", "No access to quotes.")
            self._backoff.reset()
            return await self._keep_subscribed(socket)

    async def _keep_subscribed(self, socket: VenueSocket) -> str:
        asked: set[str] = set()
        lost = asyncio.create_task(socket.lost())
        try:
            while not lost.done():
                self._wants_more.clear()
                for name in [name for name in self._wanted if name not in asked]:
                    asked.add(name)
                    await self._ask(socket, name)
                more = asyncio.create_task(self._wants_more.wait())
                try:
                    await asyncio.wait({lost, more}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    more.cancel()
            return lost.result()
        finally:
            lost.cancel()

    async def _ask(self, socket: VenueSocket, name: str) -> None:
        try:
            info = await self._contracts.info(name)
        except NotFound:
            log.warning("broker_quote_refused", contract=name, words="no such contract")
            return
        nothing = QuoteFact(contract=name, bid=None, ask=None, last=None, at=self._clock.now())
        self._quotes.setdefault(info.contract_id, nothing)
        reply = await socket.request(
            "md/subscribequote", {"symbol": name}, timeout_s=limits.READ_TIMEOUT_S
        )
        if not isinstance(reply, Answered):
            raise BrokerUnavailable(reply.cause, "The subscription was not answered.")
        words = words_of(reply.body)
        if reply.status != _OK or words:
            log.warning("broker_quote_refused", contract=name, words=words, status=reply.status)

    def _on_event(self, name: str, body: object) -> None:
        if name != "md" or not isinstance(body, dict):
            return
        try:
            quotes = msgspec.convert(body.get("quotes", []), list[models.Quote])
            for quote in quotes:
                self._take(quote)
        except msgspec.ValidationError as error:
            raise Garbled(f"quote: {error}") from error

    def _take(self, quote: models.Quote) -> None:
        known = self._quotes.get(quote.contract_id)
        if known is None:
            return
        fact = merged(known, quote, instant(quote.timestamp))
        self._quotes[quote.contract_id] = fact
        self.outlet.push(fact)
