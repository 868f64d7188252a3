"""The part of execution that answers the API about logins, with the paper venue behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from pydantic import SecretStr

from execution.brokers import make_broker, make_egress
from execution.consents import Consents
from execution.ledger import PostgresLedger
from execution.ledger.consents import ConsentBook
from execution.ledger.trials import TrialBook
from execution.login import Login
from execution.logins import Logins
from execution.prices import Prices
from execution.settings import ExecutionSettings
from execution.tokens import TokenStore
from execution.trials import Trials
from shared.db.engine import make_engine
from shared.ports.ledger import Lease
from shared.runtime.clock import SystemClock
from shared.vault import Opener
from tests.fixtures.servers import DatabaseUrls

CLOCK = SystemClock()
APP, APP_SECRET = "our-app", "an-app-secret"


class BrokerRoom:
    """`logins` drives what is stored, `trials` answers commands."""

    def __init__(self, database: DatabaseUrls, vault: Opener, paper_url: str) -> None:
        self.engine = make_engine(database.execution, "execution", pool_size=8)
        settings = ExecutionSettings.model_construct(
            paper_url=paper_url,
            tradovate_api_url=None,
            tradovate_demo_url=None,
            tradovate_oauth_client_id=APP,
            tradovate_oauth_client_secret=SecretStr(APP_SECRET),
            broker_renewals_per_hour=12,
            broker_failed_logins_per_hour=4,
            broker_login_spacing_s=15.0,
            egress_address="default",
        )
        self.settings, self.vault = settings, vault
        self.ledger = PostgresLedger(self.engine, CLOCK)
        self.logins = Logins(self.ledger, CLOCK, holder="the test")
        self.egress = make_egress(settings, self.engine, CLOCK)
        parts = self.logins, vault, settings, self.egress, lambda _: None, CLOCK
        self.trials = Trials(self.ledger, TrialBook(self.engine, CLOCK), *parts)
        self.consents = Consents(self.ledger, ConsentBook(self.engine, CLOCK), *parts)

    async def make(self, lease: Lease) -> Login:
        row = await self.ledger.login(lease.connection_id)
        tokens = TokenStore(self.ledger, self.vault, row)
        await self.trials.hand_over(row, tokens)
        broker = make_broker(row, self.vault, tokens, self.settings, CLOCK, self.egress)
        prices = Prices(CLOCK)
        return Login(
            lease, row, broker, self.ledger, prices, lambda _: None, CLOCK, changed=lambda: None
        )


@asynccontextmanager
async def open_room(
    database: DatabaseUrls, vault: Opener, paper_url: str
) -> AsyncIterator[BrokerRoom]:
    room = BrokerRoom(database, vault, paper_url)
    work = (room.logins.run(room.make), room.trials.run(), room.consents.rounds.run())
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield room
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        await room.engine.dispose()
