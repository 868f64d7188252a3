"""How a login is doing, in the record and told once, and against a venue that makes trouble."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import NoResultFound
from sqlalchemy.ext.asyncio import AsyncEngine

from execution.ledger import PostgresLedger
from execution.login import Login
from execution.logins import Logins
from execution.prices import Prices
from shared.brokers.tradovate.adapter import TradovateBroker
from shared.db.engine import make_engine
from shared.db.uow import read_only, unit_of_work
from shared.domain.ids import ConnectionId, UserId
from shared.domain.login_health import SENTENCES, Condition, condition_of
from shared.ports.broker import LoginHealth, LoginState
from shared.ports.ledger import Lease, LoginRow
from shared.runtime.clock import SystemClock
from tests.fixtures.servers import DatabaseUrls
from tests.integration.brokers.venue import PASSWORD, USER, PaperVenue, broker_for, running

AT = datetime(2026, 3, 2, 15, tzinfo=UTC)
WAIT_LIMIT_S = 30.0


@pytest.fixture
async def engine(fresh_database: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(fresh_database.execution, "execution", pool_size=4)
    yield engine
    await engine.dispose()


@pytest.fixture
async def login(fresh_database: DatabaseUrls) -> AsyncIterator[LoginRow]:
    owner = make_engine(fresh_database.owner, "owner", pool_size=1)
    async with unit_of_work(owner) as connection:
        user = await connection.execute(
            text("INSERT INTO users (username, password_hash) VALUES ('ann', 'x') RETURNING id")
        )
        user_id = UserId(user.scalar_one())
        made = await connection.execute(
            text(
                "INSERT INTO broker_connections (user_id, name, environment, login_name, device_id)"
                " VALUES (:user, 'Demo', 'demo', 'ann', 'd') RETURNING id"
            ),
            {"user": user_id},
        )
        key = ConnectionId(made.scalar_one())
    yield LoginRow(key, user_id, "tradovate", "demo", "ann", None, None, None, "d", None)
    await owner.dispose()


async def row_of(engine: AsyncEngine, login: LoginRow) -> Any:
    async with read_only(engine) as connection:
        rows = await connection.execute(
            text("SELECT * FROM broker_sessions WHERE connection_id = :id"),
            {"id": login.connection_id},
        )
        return rows.one()


STORY = [
    (LoginState.CONNECTING, None, Condition.STARTING),
    (LoginState.COOLING, "broker.sign_in_paused", Condition.WAITING_FOR_SLOT),
    (LoginState.STREAMING, None, Condition.SIGNED_IN),
    (LoginState.CONNECTING, "broker.session_displaced", Condition.THIRD_SESSION),
    (LoginState.CONNECTING, "broker.connection_lost", Condition.SOCKET_DOWN),
    (LoginState.CONNECTING, "broker.maintenance", Condition.VENUE_CLOSED),
    (LoginState.COOLING, "broker.rate_limited", Condition.RATE_LIMITED_UNTIL),
    (LoginState.QUARANTINED, "broker.captcha", Condition.CAPTCHA_UNTIL),
    (LoginState.STOPPED, "broker.credentials_refused", Condition.BAD_CREDENTIALS),
    (LoginState.CONNECTING, "broker.no_accounts", Condition.WRONG_ENVIRONMENT),
    (LoginState.STREAMING, None, Condition.SIGNED_IN),
]


async def test_each_change_is_recorded_and_told_once(engine: AsyncEngine, login: LoginRow) -> None:
    ledger = PostgresLedger(engine, SystemClock())
    for minute, (state, code, condition) in enumerate(STORY):
        since = AT + timedelta(minutes=minute)
        due = since + timedelta(seconds=9)
        told = await ledger.save_state(login, LoginHealth(state, code, since, due))
        assert [(e.body["state"], e.body["reason"]) for e in told] == [(state, code)]
        row = await row_of(engine, login)
        assert (row.condition, row.message) == (condition, SENTENCES[condition])
        assert (row.since, row.next_attempt_at) == (since, due)


async def test_the_same_trouble_after_a_restart_began_when_it_began(
    engine: AsyncEngine, login: LoginRow
) -> None:
    captcha = LoginHealth(LoginState.QUARANTINED, "broker.captcha", AT, AT + timedelta(hours=1))
    await PostgresLedger(engine, SystemClock()).save_state(login, captcha)
    after = PostgresLedger(engine, SystemClock())
    later = AT + timedelta(minutes=5)
    started = LoginHealth(LoginState.CONNECTING, None, later, None)
    assert await after.save_state(login, started) == []
    again = LoginHealth(LoginState.QUARANTINED, "broker.captcha", later, AT + timedelta(hours=2))
    assert await after.save_state(login, again) == []
    row = await row_of(engine, login)
    assert (row.condition, row.since) == ("captcha_until", AT)
    assert row.next_attempt_at == AT + timedelta(hours=2)


# --- against the venue -------------------------------------------------------------------------
@pytest.fixture(scope="module")
async def venue() -> AsyncIterator[PaperVenue]:
    async with running() as venue:
        yield venue


async def until(broker: TradovateBroker, *wanted: Condition) -> LoginHealth:
    async with asyncio.timeout(WAIT_LIMIT_S), aclosing(broker.healths()) as healths:  # type: ignore[type-var] # an async generator
        async for health in healths:
            if condition_of(health.state, health.code) in wanted:
                return health
    raise AssertionError(wanted)


async def sign_in_elsewhere(venue: PaperVenue) -> None:
    async with httpx.AsyncClient(trust_env=False) as browser:
        body = {"name": USER, "password": PASSWORD}
        answer = await browser.post(f"{venue.url}/auth/accesstokenrequest", json=body)
        assert "accessToken" in answer.json()


async def test_a_third_session_and_an_absent_venue_are_told_as_what_they_are(
    venue: PaperVenue,
) -> None:
    broker = broker_for(venue)
    running = asyncio.create_task(broker.run())
    try:
        await until(broker, Condition.SIGNED_IN)
        displaced = asyncio.create_task(until(broker, Condition.THIRD_SESSION))
        for _ in range(2):
            await sign_in_elsewhere(venue)
        await displaced
        await until(broker, Condition.SIGNED_IN)
        venue.stop()
        down = await until(
            broker, Condition.SOCKET_DOWN, Condition.UNREACHABLE, Condition.VENUE_CLOSED
        )
        assert down.next_attempt_at is not None
        await venue.start()
        await until(broker, Condition.SIGNED_IN)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_a_login_that_is_switched_off_is_offline_and_comes_back(
    engine: AsyncEngine, login: LoginRow, venue: PaperVenue, fresh_database: DatabaseUrls
) -> None:
    clock = SystemClock()
    ledger = PostgresLedger(engine, clock)

    async def make(lease: Lease) -> Login:
        row = await ledger.login(lease.connection_id)
        broker, prices = broker_for(venue), Prices(clock)
        return Login(
            lease, row, broker, ledger, prices, lambda _: None, clock, changed=lambda: None
        )

    owner = make_engine(fresh_database.owner, "owner", pool_size=1)
    held = asyncio.create_task(Logins(ledger, clock, holder="the test").run(make))
    try:
        await recorded(engine, login, Condition.SIGNED_IN)
        await switch(owner, on=False)
        await recorded(engine, login, Condition.OFFLINE)
        await switch(owner, on=True)
        await recorded(engine, login, Condition.SIGNED_IN)
    finally:
        held.cancel()
        with suppress(asyncio.CancelledError):
            await held
        await owner.dispose()


async def recorded(engine: AsyncEngine, login: LoginRow, wanted: Condition) -> None:
    async with asyncio.timeout(WAIT_LIMIT_S):
        while True:
            with suppress(NoResultFound):
                if (await row_of(engine, login)).condition == wanted:
                    return


async def switch(owner: AsyncEngine, *, on: bool) -> None:
    async with unit_of_work(owner) as connection:
        await connection.execute(text("UPDATE broker_connections SET enabled = :on"), {"on": on})


async def test_a_wrong_password_is_a_matter_for_its_owner(venue: PaperVenue) -> None:
    broker = broker_for(venue, password="wrong")
    running = asyncio.gather(broker.run(), return_exceptions=True)
    assert (await until(broker, Condition.BAD_CREDENTIALS)).state is LoginState.STOPPED
    await running
