"""From a saved form to every other screen of its owner."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal

import httpx
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from api.app import create_app
from api.resources import Resources
from api.security.captcha import NoCaptcha
from api.security.passwords import Passwords
from api.settings import ApiSettings
from shared.contracts.settings import AccountEdited
from shared.db.engine import make_engine
from shared.db.outbox import Outbox
from shared.runtime.clock import SystemClock
from shared.runtime.readiness import Readiness
from shared.streams.publisher import Publisher
from tests.fixtures.servers import DatabaseUrls
from tests.integration.gateway.browser import signed_in
from tests.integration.gateway.conftest import Running
from tests.integration.gateway.house import NOON, Account, House, User


@pytest.fixture
async def program(
    fresh_database: DatabaseUrls, redis: Redis, alice: User
) -> AsyncIterator[httpx.AsyncClient]:
    """The API with its publisher, and a program of Alice's that may change things."""
    engine, clock = make_engine(fresh_database.api, "tests-api", pool_size=3), SystemClock()
    publisher = Publisher(redis, Outbox(engine), clock)
    settings = ApiSettings(
        env="test",
        database_url=SecretStr(fresh_database.api),
        redis_url=SecretStr("redis://127.0.0.1:1/0"),
        secret_key=SecretStr(secrets.token_urlsafe(32)),
    )
    app = create_app(
        Resources(
            settings=settings,
            engine=engine,
            bell=publisher,
            clock=clock,
            random_bytes=secrets.token_bytes,
            passwords=Passwords(1),
            captcha=NoCaptcha(),
            readiness=Readiness(clock),
        )
    )
    publishing = asyncio.create_task(publisher.run())
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:5001") as made:
        yield made
    publishing.cancel()
    await asyncio.gather(publishing, return_exceptions=True)
    await engine.dispose()


async def key_of(house: House, user: User) -> dict[str, str]:
    """As the API stores keys."""
    key = "tmk_" + secrets.token_hex(20)
    await house.execute(
        "INSERT INTO api_keys (user_id, name, key_hash, hint, scopes)"
        " VALUES (:u, 'k', sha256(convert_to(:k, 'UTF8')), 'tmk', ARRAY['trade'])",
        u=user.id, k=key,
    )  # fmt: skip
    return {"Authorization": f"Bearer {key}"}


async def test_m16_an_edit_by_rest_reaches_every_socket_of_its_owner(
    gateway: Running, house: House, alice: User, account: Account, program: httpx.AsyncClient
) -> None:
    key = await key_of(house, alice)
    bob = await house.add_user("Bob")
    async with (
        signed_in(gateway.url, alice) as here,
        signed_in(gateway.url, alice) as there,
        signed_in(gateway.url, bob) as elsewhere,
    ):
        body = {"enabled": False}
        saved = await program.put(f"/api/accounts/{account.id}/", json=body, headers=key)
        assert saved.status_code == 200, saved.text
        for screen in (here, there):
            frame = await screen.until_type("ACCOUNT")
            assert frame["data"]["event"] == "edited"
            assert (frame["data"]["account_id"], frame["data"]["enabled"]) == (account.id, False)
        words = {"description": "Mornings only."}
        path = f"/api/strategies/{account.strategy_id}/"
        saved = await program.put(path, json=words, headers=key)
        assert saved.status_code == 200, saved.text
        frame = await here.until_type("STRATEGY")
        assert frame["data"]["strategy_id"] == account.strategy_id
        assert frame["data"]["changed"] == ["description"]
        async with signed_in(gateway.url, alice) as later:
            [snapshot] = later.of("SNAPSHOT")
            assert [each["enabled"] for each in snapshot["data"]["accounts"]] == [False]
        await elsewhere.until_type("HEARTBEAT")
        assert elsewhere.of("ACCOUNT") + elsewhere.of("STRATEGY") == []


async def test_m16_an_older_edit_that_comes_late_turns_nothing_back(
    gateway: Running, house: House, alice: User, account: Account
) -> None:
    def edited(name: str, minutes: int) -> AccountEdited:
        return AccountEdited(
            account_id=account.id, name=name, enabled=True, live_enabled=False,
            multiplier=Decimal(1), max_contracts=0, custom_ticker=None, changed=["name"],
            by="Alice", at=NOON.replace(year=2100) + timedelta(minutes=minutes),
        )  # fmt: skip

    async with signed_in(gateway.url, alice) as client:
        for name, minutes in (("second", 2), ("first", 1), ("third", 3)):
            await house.tell_user(alice, edited(name, minutes))
        await client.until(lambda frame: frame["data"].get("name") == "third")
        assert [frame["data"]["name"] for frame in client.of("ACCOUNT")] == ["second", "third"]
    async with signed_in(gateway.url, alice) as later:
        [snapshot] = later.of("SNAPSHOT")
        assert len(snapshot["data"]["accounts"]) == 1
