"""Consent, from api's rows to a running login: PostgreSQL under both roles, and the paper venue."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from execution.brokers import make_broker, make_egress
from execution.consents import Consents
from execution.ledger import PostgresLedger
from execution.ledger.consents import ConsentBook
from execution.login import Login
from execution.logins import Logins
from execution.prices import Prices
from execution.settings import ExecutionSettings
from execution.tokens import TokenStore
from shared.brokers.tradovate.auth import Auth
from shared.brokers.tradovate.egress import Egress
from shared.brokers.tradovate.login import Environment, urls_for
from shared.brokers.tradovate.login import Login as Secrets
from shared.brokers.tradovate.oauth import Client, consent_url
from shared.brokers.tradovate.rest import Rest
from shared.contracts.consent import KIND, ConsentSecret, state_hash
from shared.contracts.envelope import Envelope
from shared.db.engine import make_engine
from shared.db.uow import read_only, unit_of_work
from shared.domain.ids import ConnectionId
from shared.ports.ledger import Lease, LoginRow
from shared.runtime.clock import SystemClock
from shared.vault import Opener, generate_keypair
from tests.fixtures.servers import DatabaseUrls
from tests.integration.brokers.venue import PASSWORD, USER, PaperVenue, running

APP, APP_SECRET, BACK = "our-app", "an-app-secret", "http://127.0.0.1:1/back"
WAIT_LIMIT_S = 30.0
CLOCK = SystemClock()


@pytest.fixture(scope="module")
async def venue() -> AsyncIterator[PaperVenue]:
    async with running() as venue:
        yield venue


@dataclass
class House:
    """Execution's parts that a consent needs, api's hand in the tables, and the venue."""

    venue: PaperVenue
    api: AsyncEngine
    execution: AsyncEngine
    owner: AsyncEngine
    user: int = 0
    login: int = 0
    rung: list[Envelope] = field(default_factory=list)
    held: asyncio.Task[None] = field(init=False)

    def __post_init__(self) -> None:
        private, _ = generate_keypair()
        self.vault = Opener(private)
        self.settings = ExecutionSettings.model_construct(
            paper_url=self.venue.url,
            tradovate_api_url=None,
            tradovate_demo_url=None,
            tradovate_oauth_client_id=APP,
            tradovate_oauth_client_secret=SecretStr(APP_SECRET),
            broker_renewals_per_hour=12,
            broker_failed_logins_per_hour=4,
            broker_login_spacing_s=15.0,
            egress_address="default",
        )
        self.ledger = PostgresLedger(self.execution, CLOCK)
        self.logins = Logins(self.ledger, CLOCK, holder="the test")
        self.egress = make_egress(self.settings, self.execution, CLOCK)
        self.consents = Consents(
            self.ledger,
            ConsentBook(self.execution, CLOCK),
            self.logins,
            self.vault,
            self.settings,
            self.egress,
            self.rung.extend,
            CLOCK,
        )

    async def make(self, lease: Lease) -> Login:
        row = await self.ledger.login(lease.connection_id)
        tokens = TokenStore(self.ledger, self.vault, row)
        broker = make_broker(row, self.vault, tokens, self.settings, CLOCK, self.egress)
        prices = Prices(CLOCK)
        return Login(
            lease, row, broker, self.ledger, prices, self.rung.extend, CLOCK, changed=lambda: None
        )

    async def person(self, name: str, login_name: str) -> tuple[int, int]:
        """A user with one login that has no password."""
        async with unit_of_work(self.owner) as connection:
            made = await connection.execute(
                text("INSERT INTO users (username, password_hash) VALUES (:n, 'x') RETURNING id"),
                {"n": name},
            )
            user = int(made.scalar_one())
            login = await connection.execute(
                text(
                    "INSERT INTO broker_connections (user_id, name, environment, login_name,"
                    " device_id) VALUES (:user, 'Paper', 'paper', :login, 'd') RETURNING id"
                ),
                {"user": user, "login": login_name},
            )
            return user, int(login.scalar_one())

    # --- what api does ---
    async def begin(self, *, app: str = APP) -> str:
        """The row behind the address the browser is sent to; its state."""
        state = secrets.token_urlsafe(32)
        await self.as_api(
            "INSERT INTO broker_consents"
            " (user_id, connection_id, client_id, redirect_uri, state_hash)"
            " VALUES (:user, :login, :app, :back, :hash)",
            login=self.login,
            app=app,
            back=BACK,
            hash=state_hash(state),
        )
        return state

    async def consented(self, state: str, *, app: str = APP) -> str:
        """A person says yes on the venue's page; the code."""
        page = consent_url(
            Client(app, SecretStr(""), BACK), state, f"{self.venue.url.removesuffix('/v1')}/oauth"
        )
        async with httpx.AsyncClient(trust_env=False) as browser:
            sent = await browser.post(page, data={"name": USER, "password": PASSWORD})
        back = parse_qs(urlsplit(sent.headers["location"]).query)
        assert back["state"] == [state]
        return back["code"][0]

    async def command(self, code: str, state: str, *, user: int = 0, row_id: int = 0) -> int:
        """The command and its secret, in one transaction; its id."""
        user = user or self.user
        async with unit_of_work(self.api, user) as connection:
            taken = await connection.execute(
                text("SELECT nextval(pg_get_serial_sequence('commands', 'id'))")
            )
            key = int(taken.scalar_one())
            await connection.execute(
                text(
                    "INSERT INTO commands (id, user_id, kind, detail, requested_by)"
                    " VALUES (:id, :user, :kind,"
                    " jsonb_build_object('connection_id', CAST(:login AS bigint)), 'api')"
                ),
                {"id": key, "user": user, "kind": KIND, "login": self.login},
            )
            plain = ConsentSecret(code=code, state=state).model_dump_json().encode()
            sealed = self.vault.seal(
                plain, table="command_secrets", row_id=row_id or key, column="sealed"
            )
            await connection.execute(
                text(
                    "INSERT INTO command_secrets (command_id, user_id, sealed)"
                    " VALUES (:id, :user, :sealed)"
                ),
                {"id": key, "user": user, "sealed": sealed},
            )
        return key

    async def as_api(self, statement: str, **parameters: object) -> None:
        async with unit_of_work(self.api, self.user) as connection:
            await connection.execute(text(statement), {"user": self.user} | parameters)

    async def obeyed(self, command: int) -> tuple[str, str]:
        """Rounds until it is answered: a lease may be renewed late on a busy machine."""
        async with asyncio.timeout(WAIT_LIMIT_S):
            while (answer := await self.answer(command)) is None:
                await self.consents.round()
        assert not await self.secret_left(command)
        return answer

    async def stop(self) -> None:
        self.held.cancel()
        with suppress(asyncio.CancelledError):
            await self.held

    # --- what is there afterwards ---
    async def answer(self, command: int) -> tuple[str, str] | None:
        row = await self.row(
            "SELECT status, code FROM command_results WHERE command_id = :id", command
        )
        return None if row is None else (row.status, row.code)

    async def secret_left(self, command: int) -> bool:
        statement = "SELECT 1 FROM command_secrets WHERE command_id = :id"
        return await self.row(statement, command) is not None

    async def row(self, statement: str, key: int) -> Any:
        async with read_only(self.owner) as connection:
            return (await connection.execute(text(statement), {"id": key})).first()

    async def condition(self, wanted: str) -> None:
        """Wait until the login's row says so."""
        async with asyncio.timeout(WAIT_LIMIT_S):
            while True:
                row = await self.row(
                    "SELECT condition FROM broker_sessions WHERE connection_id = :id", self.login
                )
                if row is not None and row.condition == wanted:
                    return


@pytest.fixture
async def house(fresh_database: DatabaseUrls, venue: PaperVenue) -> AsyncIterator[House]:
    api = make_engine(fresh_database.api, "api", pool_size=2)
    execution = make_engine(fresh_database.execution, "execution", pool_size=8)
    owner = make_engine(fresh_database.owner, "owner", pool_size=2)
    made = House(venue, api, execution, owner)
    made.user, made.login = await made.person("ann", USER)
    made.held = asyncio.create_task(made.logins.run(made.make))
    try:
        await made.condition("consent_needed")  # its lease is ours, and there is no token
        yield made
    finally:
        await made.stop()
        for engine in (api, execution, owner):
            await engine.dispose()


async def test_a_consent_signs_in_and_lives_by_renewal(house: House) -> None:
    state = await house.begin()
    code = await house.consented(state)
    command = await house.command(code, state)
    assert await house.obeyed(command) == ("done", "command.done")
    assert any(event.type == "command.answered.v1" for event in house.rung)
    await house.condition("signed_in")  # it did not wait for its next minute
    await house.consents.round()  # nothing is left to do
    again = await house.command(code, state)  # the same answer of the browser, once more
    assert await house.obeyed(again) == ("refused", "broker.consent_unknown")
    row = await house.ledger.login(ConnectionId(house.login))
    assert row.token_sealed is not None
    for part in (code, state):
        assert part.encode() not in row.token_sealed
    await renews(house, row)


async def renews(house: House, row: LoginRow) -> None:
    tokens, rest, rng = (
        TokenStore(house.ledger, house.vault, row),
        Rest(house.venue.url),
        Random(5),  # noqa: S311 - jitter, no secret
    )
    who = Secrets(USER, SecretStr(""), "trade-manager", "1.0", "d")
    urls = urls_for(Environment.PAPER, house.venue.url)
    auth = Auth(who, rest, CLOCK, tokens, Egress(CLOCK, rng).door(urls, who))
    held = await auth.token()
    renewed = await auth.replace(held)
    assert renewed.access != held.access
    assert await tokens.load() == renewed
    await rest.aclose()


async def test_a_code_of_another_state_user_or_age_is_not_shown_to_the_broker(
    house: House,
) -> None:
    state = await house.begin()
    code = await house.consented(state)
    foreign = await house.command(code, secrets.token_urlsafe(32))
    bob, _ = await house.person("bob", "bob")
    stolen = await house.command(code, state, user=bob)
    for command in (foreign, stolen):
        assert await house.obeyed(command) == ("refused", "broker.consent_unknown")
    async with unit_of_work(house.owner) as connection:
        age = text("UPDATE broker_consents SET created_at = now() - interval '11 minutes'")
        await connection.execute(age)
    late = await house.command(code, state)
    assert await house.obeyed(late) == ("refused", "broker.consent_unknown")
    await house.consents.round()
    async with unit_of_work(house.owner) as connection:
        left = await connection.execute(text("SELECT count(*) FROM broker_consents"))
        assert left.scalar_one() == 0
    state = await house.begin()  # the code was spent by none of them: it is still good
    assert await run(house, code, state) == ("done", "command.done")


async def run(house: House, code: str, state: str) -> tuple[str, str]:
    return await house.obeyed(await house.command(code, state))


async def test_what_the_broker_or_we_refuse(house: House) -> None:
    state = await house.begin()
    assert await run(house, "no-such-code", state) == ("refused", "broker.consent_refused")
    state = await house.begin(app="another-app")
    code = await house.consented(state, app="another-app")
    assert await run(house, code, state) == ("refused", "broker.consent_other_app")
    async with unit_of_work(house.owner) as connection:
        await connection.execute(text("UPDATE broker_connections SET login_name = 'somebody'"))
    state = await house.begin()
    code = await house.consented(state)
    assert await run(house, code, state) == ("refused", "broker.consent_other_login")
    row = await house.ledger.login(ConnectionId(house.login))
    assert row.token_sealed is None


async def test_the_venue_away_and_a_host_that_cools_down(house: House) -> None:
    state = await house.begin()
    code = await house.consented(state)
    house.egress.cooldown(house.venue.url).refused()
    assert await run(house, code, state) == ("failed", "broker.rate_limited")
    house.settings = house.settings.model_copy(update={"paper_url": "http://127.0.0.1:1/v1"})
    house.consents = Consents(
        house.ledger,
        ConsentBook(house.execution, CLOCK),
        house.logins,
        house.vault,
        house.settings,
        house.egress,
        house.rung.extend,
        CLOCK,
    )
    command = await house.command(code, state)  # its consent was not spent by the cool-down
    assert await house.obeyed(command) == ("failed", "broker.sign_in_failed")


async def test_a_secret_for_another_row_a_late_one_and_a_login_that_is_not_ours(
    house: House,
) -> None:
    state = await house.begin()
    copied = await house.command("x", state, row_id=7_777)
    assert await house.obeyed(copied) == ("refused", "command.malformed")
    await house.stop()
    await house.logins.release()
    waiting = await house.command("x", state)
    await house.consents.round()
    assert await house.answer(waiting) is None  # whoever holds the login will come for it
    async with unit_of_work(house.owner) as connection:
        age = text("UPDATE command_secrets SET created_at = now() - interval '61 seconds'")
        await connection.execute(age)
    await house.consents.round()
    assert await house.obeyed(waiting) == ("refused", "command.secret_gone")
