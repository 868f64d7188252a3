"""Sign-in attempts are counted over processes: two books on one table, one address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from execution.ledger.auth_attempts import PostgresAttempts
from shared.brokers.tradovate.quota import (
    Ask,
    Denied,
    Ending,
    Granted,
    MemoryAttempts,
    Quotas,
    TwoBooks,
    Verb,
)
from shared.db.engine import make_engine
from shared.db.failures import DatabaseAway
from shared.db.uow import unit_of_work
from shared.runtime.clock import SystemClock
from tests.fixtures.servers import DatabaseUrls


@pytest.fixture
async def engine(fresh_database: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(fresh_database.execution, "execution", pool_size=4)
    yield engine
    await engine.dispose()


def ask(verb: Verb, login: str = "a", scope: str = "home", *, at_risk: bool = True) -> Ask:
    return Ask(scope, verb, login, at_risk, Quotas())


async def shift(engine: AsyncEngine, by: timedelta) -> None:
    async with unit_of_work(engine) as connection:
        await connection.execute(
            text("UPDATE broker_auth_attempts SET at = at - CAST(:by AS interval)"), {"by": by}
        )


async def test_processes_that_ask_at_once_share_twelve_renewals(engine: AsyncEngine) -> None:
    books = [
        TwoBooks(MemoryAttempts(SystemClock()), PostgresAttempts(engine), DatabaseAway)
        for _ in range(4)
    ]
    wishes = [(book, login) for book in books for login in range(8)]
    Random(3).shuffle(wishes)  # noqa: S311 - an order, no secret
    verdicts = await asyncio.gather(
        *(book.take(ask(Verb.RENEWAL, str(login))) for book, login in wishes)
    )
    assert sum(isinstance(verdict, Granted) for verdict in verdicts) == 12
    assert isinstance(await books[0].take(ask(Verb.RENEWAL, scope="elsewhere")), Granted)


async def test_a_failure_seen_by_one_process_counts_for_all(engine: AsyncEngine) -> None:
    mine, theirs = PostgresAttempts(engine), PostgresAttempts(engine)
    for _ in range(4):
        verdict = await mine.take(ask(Verb.LOGIN))
        assert isinstance(verdict, Granted)
        await mine.settle(verdict.attempt_id, Ending.FAILED)
        await shift(engine, timedelta(seconds=15))
    no = await theirs.take(ask(Verb.LOGIN, "b"))
    assert isinstance(no, Denied)
    assert (no.code, 3_500 < no.wait_s < 3_541) == ("broker.logins_spent", True)
    await shift(engine, timedelta(hours=1))
    assert isinstance(await theirs.take(ask(Verb.LOGIN, "b")), Granted)


async def test_a_captcha_is_known_after_a_restart(engine: AsyncEngine) -> None:
    verdict = await PostgresAttempts(engine).take(ask(Verb.LOGIN))
    assert isinstance(verdict, Granted)
    await PostgresAttempts(engine).settle(verdict.attempt_id, Ending.CAPTCHA)
    await shift(engine, timedelta(minutes=1))
    no = await PostgresAttempts(engine).take(ask(Verb.LOGIN))
    assert isinstance(no, Denied)
    assert no.code == "broker.captcha"
    assert isinstance(await PostgresAttempts(engine).take(ask(Verb.LOGIN, "b")), Granted)


async def test_while_the_database_is_away_memory_counts() -> None:
    nowhere = make_engine("postgresql+asyncpg://tm_execution@/none?host=/nowhere", "execution")
    clock = SystemClock()
    book = TwoBooks(MemoryAttempts(clock), PostgresAttempts(nowhere), DatabaseAway)
    verdict = await book.take(ask(Verb.LOGIN))
    assert isinstance(verdict, Granted)
    await book.settle(verdict.attempt_id, Ending.GOOD)
    assert isinstance(await book.take(ask(Verb.LOGIN)), Denied)
    await nowhere.dispose()
