"""What a client is shown: a snapshot, then every change once, in order, whatever breaks."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from redis.asyncio import Redis

from gateway import feed
from gateway.settings import GatewaySettings
from shared.contracts.streams import EVENTS
from shared.db.outbox import Outbox
from shared.runtime.clock import SystemClock
from shared.runtime.metrics import registry
from shared.streams import tail
from shared.streams.publisher import xadd
from shared.streams.quotes import Quote, QuoteStream
from tests.integration.gateway.browser import Browser, browser, signed_in
from tests.integration.gateway.conftest import Running, running
from tests.integration.gateway.house import NOON, Account, House, User
from tests.integration.streams.helpers import eventually
from tests.integration.streams.servers import Valkey


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "SWEEP_EVERY_S", 0.1)
    monkeypatch.setattr(feed, "HEARTBEAT_EVERY_S", 0.2)


async def test_the_snapshot_shows_what_is_open_and_nothing_else(
    gateway: Running, house: House, alice: User, account: Account
) -> None:
    theirs = await house.add_account(await house.add_user("Bob"))
    await house.position(theirs, 9)
    await house.position(account, 2, avg="5000.25")
    await house.position(account, 0, contract="NQZ6")
    await house.order(account, 2**60, "Working")
    await house.order(account, 2, "Filled")
    await house.record(account, "opened", 7, 1)
    await house.record(account, "closed", 8, 2)
    await house.balance(account, "50000.10")
    await house.connection_state(account, "streaming")
    async with signed_in(gateway.url, alice) as client:
        (frame,) = client.of("SNAPSHOT")
    data = frame["data"]
    assert [(p["net_qty"], p["avg_price"], p["point_value_usd"]) for p in data["positions"]] == [
        (2, "5000.25", "5")
    ]
    assert [o["order_id"] for o in data["orders"]] == [str(2**60)]
    assert [r["recorded_position_id"] for r in data["records"]] == [7]
    assert [c["state"] for c in data["connections"]] == ["streaming"]
    (shown,) = data["accounts"]
    assert shown["account_id"] == account.id
    assert shown["event_seq"] == 5
    assert shown["balance"]["cash_usd"] == "50000.1"


async def test_every_kind_of_news_arrives_once(
    gateway: Running, house: House, alice: User, account: Account
) -> None:
    async with signed_in(gateway.url, alice) as client:
        await house.order(account, 1, "Working", "4999.75")
        await house.fill(account, 2**60)
        await house.position(account, 1)
        await house.balance(account, "1.5")
        await house.decision(account, 3)
        await house.record(account, "opened", 7, 1)
        await house.record(account, "resized", 7, 2)
        await house.record(account, "closed", 7, 3)
        await house.connection_state(account, "offline")
        await client.until_type("CONNECTION")
        await client.until_type("HEARTBEAT")
    assert [f["type"] for f in client.frames if f["type"] in {"ORDER", "FILL", "DECISION"}] == [
        "ORDER", "FILL", "DECISION",
    ]  # fmt: skip
    assert client.of("ORDER")[0]["data"]["price"] == "4999.75"
    assert client.of("FILL")[0]["data"]["fill_id"] == str(2**60)
    assert [f["data"]["event"] for f in client.of("RECORD")] == ["opened", "resized", "closed"]
    assert len(client.of("BALANCE")) == len(client.of("POSITION")) == 1


async def test_nobody_sees_another_users_news(
    gateway: Running, house: House, alice: User, account: Account
) -> None:
    theirs = await house.add_account(await house.add_user("Bob"))
    async with signed_in(gateway.url, alice) as client:
        await house.position(theirs, 9)
        await house.record(theirs, "opened", 7, 1)
        await house.position(account, 1)
        await client.until_type("POSITION")
    assert [f["data"]["account_id"] for f in client.of("POSITION")] == [account.id]
    assert client.of("RECORD") == []


async def test_snapshot_then_deltas_without_a_gap_under_load(
    gateway: Running, house: House, alice: User, account: Account
) -> None:
    """Clients come at any moment of a storm; each ends with the same truth, never a step back."""
    second = await house.add_account(alice)

    async def storm(target: Account) -> None:
        for number in range(60):
            await house.position(target, number % 3, contract=f"C{number % 4}")
            await house.order(target, number % 5, "Working" if number % 2 else "Filled")

    async def watch(delay_s: float) -> Browser:
        await asyncio.sleep(delay_s)  # spread over the storm; no moment is waited for
        async with signed_in(gateway.url, alice) as client:
            while (account.id, "END") not in client.positions:
                await client.next()
            return client

    watchers = [asyncio.create_task(watch(number * 0.05)) for number in range(8)]
    await asyncio.gather(storm(account), storm(second))
    await house.position(second, 7, contract="LAST")
    await house.position(account, 7, contract="END")
    clients = await asyncio.gather(*watchers)
    async with signed_in(gateway.url, alice) as fresh:
        pass
    for client in clients:
        theirs = {k: v for k, v in client.positions.items() if k[0] == account.id}
        assert theirs == {k: v for k, v in fresh.positions.items() if k[0] == account.id}
        assert client.orders == fresh.orders


async def test_events_that_arrive_in_any_order_are_told_in_theirs(
    gateway: Running, house: House, redis: Redis, alice: User, account: Account
) -> None:
    async with signed_in(gateway.url, alice) as client:
        house.rings = False
        for number in range(1, 21):
            await house.position(account, number)
        outbox = Outbox(house.owner)
        rows = await outbox.since([EVENTS], 0, older_than=timedelta(0), limit=100)
        events = list(await outbox.read([row[1] for row in rows]))
        random.Random(7).shuffle(events)  # noqa: S311 - an order, the same each time
        await xadd(redis, [*events[:12], *events[:5]])  # some twice, the rest never
        await client.until(lambda f: f["type"] == "POSITION" and f["data"]["net_qty"] == 20)
    assert [f["data"]["net_qty"] for f in client.of("POSITION")] == list(range(1, 21))


async def test_an_emptied_redis_loses_no_frame(
    gateway: Running, house: House, redis: Redis, alice: User, account: Account
) -> None:
    async with signed_in(gateway.url, alice) as client:
        for number in range(1, 31):
            house.rings = number % 3 != 0
            await house.position(account, number)
            if number % 10 == 0:
                await redis.flushall()
        await house.record(account, "opened", 7, 1)
        await client.until(lambda f: f["type"] == "POSITION" and f["data"]["net_qty"] == 30)
        await client.until(lambda _: client.records == {7: 1})
    assert [f["data"]["net_qty"] for f in client.of("POSITION")] == list(range(1, 31))


async def test_without_redis_frames_still_come(
    settings: GatewaySettings, house: House, alice: User, account: Account, valkey_server: Valkey
) -> None:
    valkey_server.kill()
    try:
        house.rings = False
        async with running(settings) as gateway, signed_in(gateway.url, alice) as client:
            await house.position(account, 3)
            await client.until_type("POSITION")
    finally:
        valkey_server.start()


async def test_a_gap_that_nobody_can_fill_gives_a_fresh_snapshot(
    gateway: Running, house: House, alice: User, account: Account
) -> None:
    async with signed_in(gateway.url, alice) as client:
        await house.execute(
            "INSERT INTO risk_state (account_id, user_id, event_seq) VALUES (:a, :u, 5)",
            a=account.id, u=alice.id,
        )  # fmt: skip
        await house.position(account, 4)
        await client.until_type("SNAPSHOT")
        assert client.positions == {(account.id, "MESZ6"): 4}
        await house.position(account, 5)
        await client.until_type("POSITION")
        assert client.positions == {(account.id, "MESZ6"): 5}


async def test_an_account_added_later_appears(gateway: Running, house: House, alice: User) -> None:
    async with signed_in(gateway.url, alice) as client:
        added = await house.add_account(alice)
        await house.position(added, 1)
        await client.until_type("SNAPSHOT")
        assert client.positions == {(added.id, "MESZ6"): 1}


async def test_a_late_event_does_not_reopen_a_record(
    gateway: Running, house: House, alice: User, account: Account
) -> None:
    async with signed_in(gateway.url, alice) as client:
        await house.record(account, "opened", 7, 1)
        await house.record(account, "closed", 7, 3)
        await client.until(lambda f: f["type"] == "RECORD" and f["data"]["event"] == "closed")
        await house.record(account, "resized", 7, 2)
        await house.position(account, 1)
        await client.until_type("POSITION")
        await client.until_type("HEARTBEAT")
        assert client.records == {}


async def test_pnl_follows_the_price(
    gateway: Running, house: House, redis: Redis, alice: User, account: Account
) -> None:
    quotes = QuoteStream(redis, SystemClock())
    await house.position(account, -2, avg="5000.25")
    async with signed_in(gateway.url, alice) as client:
        for number in range(100):
            at = NOON + timedelta(seconds=number)
            await quotes.publish([Quote("MESZ6", Decimal(5000) + number, at, "md")])
        await quotes.publish([Quote("MESZ6", Decimal(1), NOON, "alert")])  # older: no news
        pnl = await client.until(
            lambda f: f["type"] == "PNL" and f["data"]["last_price"] == "5099", "the last price"
        )
        assert pnl["data"]["unrealised_usd"] == "-987.50"
        tick = await client.until_type("DATA")
        assert tick["data"] == {
            "ticker": "MESZ6",
            "prices": {"ask": 5099, "bid": 5099},
            "tickinfo": {"step": 0.25, "amnt": 1.25},
        }
        assert len(client.of("PNL")) < 10, "at most four a second"
        await house.position(account, -1, avg="5000.25")
        changed = await client.until_type("PNL")
        assert changed["data"]["unrealised_usd"] == "-493.75"


async def test_the_older_name_of_a_position_on_the_dashboard(
    gateway: Running, house: House, alice: User, account: Account
) -> None:
    async with signed_in(gateway.url, alice, path="/ws/dashboard") as client:
        await house.position(account, 2)
        update = await client.until_type("position_update")
    assert update["data"] == client.of("POSITION")[0]["data"]


async def test_another_instance_has_another_epoch(
    settings: GatewaySettings, redis: Redis, house: House, alice: User, account: Account
) -> None:
    async with running(settings, "e1") as gateway, signed_in(gateway.url, alice) as client:
        await house.position(account, 1)
        await client.until_type("POSITION")
    async with running(settings, "e2") as gateway, signed_in(gateway.url, alice) as client:
        assert client.of("SNAPSHOT")[0]["epoch"] == "e2"
        assert client.positions == {(account.id, "MESZ6"): 1}


async def test_a_client_that_does_not_read_delays_nobody_and_is_closed(
    gateway: Running, house: House, alice: User, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.session.BLOCKED_TIMEOUT_S", 0.5)
    async with slow_browser(gateway.url) as lazy, signed_in(gateway.url, alice) as keen:
        await lazy.sign_in(alice)
        await lazy.until_type("SNAPSHOT")
        lazy.ws.transport.pause_reading()
        for batch in range(1, 81):
            await house.fills(account, batch * 100, count=25)
            wanted = str(batch * 100 + 24)
            began_s = asyncio.get_running_loop().time()
            await keen.until(_is_fill(wanted))
            assert asyncio.get_running_loop().time() - began_s < 1.0, "somebody was delayed"
        await eventually(lambda: _sockets_are(1), "the lazy one was closed")
    assert len(keen.of("FILL")) == 80 * 25
    assert len(keen.of("SNAPSHOT")) == 1


async def test_a_client_that_reads_again_in_time_gets_a_fresh_snapshot(
    gateway: Running, house: House, alice: User, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.session.BLOCKED_TIMEOUT_S", 60.0)  # in time on any machine
    overflows = _overflows()
    async with slow_browser(gateway.url) as slow:
        await slow.sign_in(alice)
        await slow.until_type("SNAPSHOT")
        slow.ws.transport.pause_reading()
        for batch in range(1, 81):
            await house.fills(account, batch * 100, count=25)
        await house.position(account, 3)
        await eventually(lambda: _is_above(overflows), "its queue was thrown away")
        slow.ws.transport.resume_reading()
        await slow.until(lambda _: slow.positions == {(account.id, "MESZ6"): 3})
    assert len(slow.of("SNAPSHOT")) > 1
    assert len(slow.of("FILL")) < 80 * 25


@asynccontextmanager
async def slow_browser(url: str) -> AsyncIterator[Browser]:
    """With little room between it and the gateway, so that not reading is soon noticed."""
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    small.setblocking(False)
    host, _, port = url.removeprefix("ws://").partition(":")
    await asyncio.get_running_loop().sock_connect(small, (host, int(port)))
    async with browser(url, sock=small, max_queue=1) as client:
        yield client
        client.ws.transport.abort()


async def _sockets_are(count: int) -> bool:
    return registry.get_sample_value("tm_gateway_sockets_count") == count


def _overflows() -> float:
    return registry.get_sample_value("tm_gateway_overflows_total") or 0


async def _is_above(overflows: float) -> bool:
    return _overflows() > overflows


def _is_fill(fill_id: str) -> Callable[[dict[str, Any]], bool]:
    return lambda frame: frame["type"] == "FILL" and frame["data"]["fill_id"] == fill_id
