"""One login, driven: its broker session, the tracker of its facts, its quotes and its state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Final

from execution.bell import Bell
from execution.instruments import differences, front_difference
from execution.prices import Prices
from execution.tracker import Tracker
from shared.db.failures import is_outage
from shared.domain.calendar import front_month, trade_date
from shared.domain.errors import (
    BrokerUnavailable,
    CredentialsExpired,
    NotFound,
    TradeManagerError,
)
from shared.domain.instruments import product_of
from shared.domain.symbols import read_symbol
from shared.ports.broker import Broker, LoginHealth
from shared.ports.clock import Clock
from shared.ports.ledger import Lease, Ledger, LoginRow
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

_SUBSCRIBE_EVERY_S: Final = 1.0
_READ_FIRST_AGAIN_AFTER_S: Final = 1.0
# Between two full reads because an order had ended unheard: the first doubling to the last.
_LOOK_PAUSE_S: Final = 1.0
_LOOK_PAUSE_S_MAX: Final = 30.0


class Login:
    """`run` until cancelled.

    `sendable` once everything was in the record: by the lists over REST, read as soon as the
    login is ours, or by the stream, whichever comes first. Sockets of many logins come up one
    after the other; until then orders go over HTTP.
    """

    def __init__(
        self,
        lease: Lease,
        row: LoginRow,
        broker: Broker,
        ledger: Ledger,
        prices: Prices,
        bell: Bell,
        clock: Clock,
        *,
        changed: Callable[[], None],
    ) -> None:
        self.lease = lease
        self.row = row
        self.broker = broker
        self.changed = changed
        self._ledger = ledger
        self._prices = prices
        self._bell = bell
        self._clock = clock
        self.read_began_s: float | None = None  # the last full read, whatever became of it
        self._subscribed: set[str] = set()
        self._reconciled = False
        self._look_pause_s = _LOOK_PAUSE_S
        self._look_from_s = clock.monotonic()
        self._fronts: dict[str, str] = {}  # root -> the front contract by our table
        self._compared: dict[str, date] = {}
        self._meant: dict[str, tuple[date, str]] = {}  # what a symbol stands for on a day
        self.tracker = Tracker(lease.connection_id, ledger, bell, clock, changed=self._applied)

    @property
    def sendable(self) -> bool:
        return self._reconciled

    async def run(self) -> None:
        if self.row.rests_until is not None:
            self.broker.rest_until(self.row.rests_until)
        try:
            await self._hold()
        except (CredentialsExpired, BaseExceptionGroup) as error:
            # Not `except*`: a cancel that arrived in there would come out in a group, as a failure.
            if _is_expired(error):
                await self._say(self.broker.health)  # the task that says so ended with the others
            raise

    async def read(self, *, urgent: bool = False) -> None:
        """Everything over REST into the record. Raises BrokerUnavailable, CredentialsExpired."""
        self.read_began_s = began_s = self._clock.monotonic()
        snapshot = await self.broker.snapshot(urgent=urgent)
        await self.tracker.feed_read(snapshot.facts, began_s)

    async def poll(self) -> None:
        """What a stream would have told by now. Raises BrokerUnavailable, CredentialsExpired."""
        began_s = self._clock.monotonic()
        news = await self.broker.news()
        if news is not None:
            self.read_began_s = began_s
            await self.tracker.feed_read(news.facts, began_s)

    async def look_again(self) -> None:
        """An order has ended unheard: read at once what the stream is late with, or lost.

        All of it: whoever waited for that end must know as well what others have traded. In vain
        again and again, it is done ever more rarely.
        """
        now_s = self._clock.monotonic()
        if now_s < self._look_from_s:
            return
        if now_s - self._look_from_s > _LOOK_PAUSE_S_MAX:
            self._look_pause_s = _LOOK_PAUSE_S  # another trouble than the one before
        self._look_from_s = now_s + self._look_pause_s
        self._look_pause_s = min(self._look_pause_s * 2, _LOOK_PAUSE_S_MAX)
        try:
            await self.read(urgent=True)
        except (BrokerUnavailable, CredentialsExpired) as error:
            _log.info("look_failed", connection_id=self.lease.connection_id, code=error.code)

    async def _hold(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._health())
            tasks.create_task(self.broker.run())
            tasks.create_task(self.tracker.run())
            tasks.create_task(self._read_first())
            tasks.create_task(self._facts())
            tasks.create_task(self._quotes())
            tasks.create_task(self._subscriptions())

    def _applied(self) -> None:
        if self.tracker.has_everything:
            self._reconciled = True
        self.changed()

    async def _read_first(self) -> None:
        """What is open here may not wait for the stream. A read that fails proves nothing."""
        while not self._reconciled:
            try:
                await self.read(urgent=True)
            except (BrokerUnavailable, CredentialsExpired) as error:
                connection = self.lease.connection_id
                _log.info("first_read_failed", connection_id=connection, code=error.code)
                await self._clock.sleep(_READ_FIRST_AGAIN_AFTER_S)
            else:
                return

    async def _facts(self) -> None:
        async for fact in self.broker.facts():
            await self.tracker.feed(fact)

    async def _health(self) -> None:
        async for health in self.broker.healths():
            await self._say(health)

    async def _quotes(self) -> None:
        async for quote in self.broker.quotes():
            self._prices.take(quote)

    async def _subscriptions(self) -> None:
        """Quotes for what is held, worked, or may be traded soon."""
        while True:
            try:
                for contract in sorted(await self._wanted() - self._subscribed):
                    await self._subscribe(contract)
                await self._compare_fronts()
            except (BrokerUnavailable, CredentialsExpired) as error:
                _log.info("subscribing_postponed", code=error.code)
            except Exception as error:
                if not is_outage(error):
                    raise
            await self._clock.sleep(_SUBSCRIBE_EVERY_S)

    async def _subscribe(self, contract: str) -> None:
        try:
            info = await self.broker.contract(contract)
        except NotFound as error:
            _log.warning("contract_not_listed", contract=contract, code=error.code)
        else:
            for differs in differences(info):
                _log.warning("instrument_differs", code=differs.code, words=differs.words)
            await self.broker.subscribe(contract)
            await self._ledger.save_contract(self.row.environment, info)
        self._subscribed.add(contract)  # an unlisted one is not asked for again

    async def _compare_fronts(self) -> None:
        """Once a trading day and root: whether our front contract is the broker's too."""
        today = trade_date(self._clock.now())
        for root, ours in self._fronts.items():
            if self._compared.get(root) == today:
                continue
            try:
                differs = front_difference(ours, await self.broker.front(root))
            except NotFound:
                differs = None
            self._compared[root] = today
            if differs is not None:
                _log.warning("instrument_differs", code=differs.code, words=differs.words)

    async def _wanted(self) -> set[str]:
        contracts, symbols = await self._ledger.wanted(self.lease.connection_id)
        for text in symbols:
            try:
                contracts.add(self._front(text))
            except TradeManagerError:
                continue  # a symbol its owner sees refused at the first alert
        return contracts

    def _front(self, text: str) -> str:
        today = trade_date(self._clock.now())
        known = self._meant.get(text)
        if known is None or known[0] != today:
            known = self._meant[text] = (today, self._contract_of(text, today))
        return known[1]

    def _contract_of(self, text: str, today: date) -> str:
        symbol = read_symbol(text, today)
        if symbol.contract is not None:
            return symbol.contract.name
        product = product_of(symbol.root)
        self._fronts[product.root] = front_month(product, today).name
        return front_month(product, today, symbol.continuous or 1).name

    async def _say(self, health: LoginHealth) -> None:
        """Never worth waiting for: the next change says it again."""
        try:
            self._bell(await self._ledger.save_state(self.row, health))
        except Exception as error:
            if not is_outage(error):
                raise


def _is_expired(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(CredentialsExpired) is not None
    return isinstance(error, CredentialsExpired)
