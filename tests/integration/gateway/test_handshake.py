"""Who gets in, what they must say first, and how each refusal looks."""

from __future__ import annotations

import json
from dataclasses import replace

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from gateway import session
from tests.integration.gateway.browser import browser, signed_in
from tests.integration.gateway.conftest import Running
from tests.integration.gateway.house import Account, House, User


async def test_auth_is_answered_as_the_original_does(
    gateway: Running, alice: User, account: Account
) -> None:
    async with browser(gateway.url) as client:
        await client.sign_in(alice, name="aLICE")
        first = await client.next()
        assert first["type"] == "AUTH_OK"
        assert first["data"] == "Connection established."
        assert first["epoch"] == "e1"
        assert (await client.next())["data"] == {"status": "connected"}
        for wanted in (account.connection_id, account.id):
            await client.send(type="ACCSETUP", id=wanted, user=alice.name)
            done = await client.until_type("ACCSETUP_COMPLETE")
            assert done["status"] == "Success"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"\x00", 1003),
        ("{", 1007),
        ("[" * 60_000, 1007),
        ("7", 1008),
        ('{"type": 7}', 1008),
        ('{"type": "ACCSETUP", "id": 1}', 1008),
        ('{"type": "AUTH"}', 1008),
        ('{"type": "AUTH", "user": "Alice", "token": "' + "x" * 64 * 1024 + '"}', 1009),
        ('{"type": "AUTH", "user": "Alice", "token": "wrong"}', 4401),
    ],
    ids=["binary", "broken", "nested", "number", "type", "early", "lacking", "large", "token"],
)
async def test_a_bad_first_frame_ends_the_socket(
    gateway: Running, alice: User, message: str | bytes, code: int
) -> None:
    async with browser(gateway.url) as client:
        await client.ws.send(message)
        assert await client.closed() == code
    assert client.frames == []


async def test_the_token_of_another_user_is_refused(
    gateway: Running, house: House, alice: User
) -> None:
    mallory = await house.add_user("Mallory")
    async with browser(gateway.url) as client:
        await client.send(type="AUTH", user=mallory.name, token=alice.token)
        assert await client.closed() == 4401


async def test_silence_ends_the_socket(gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "AUTH_TIMEOUT_S", 0.1)
    async with browser(gateway.url) as client:
        assert await client.closed() == 4408


@pytest.mark.parametrize(
    ("message", "code"), [('{"type":"AUTH"}', 1008), ("{", 1007), (b"\x00", 1003), ("[]", 1008)]
)
async def test_a_bad_later_frame_ends_the_socket(
    gateway: Running, alice: User, message: str | bytes, code: int
) -> None:
    async with signed_in(gateway.url, alice) as client:
        await client.ws.send(message)
        assert await client.closed() == code


async def test_an_unknown_frame_is_told_so_and_harms_nothing(gateway: Running, alice: User) -> None:
    async with signed_in(gateway.url, alice) as client:
        await client.send(type="DANCE")
        assert (await client.until_type("ERROR"))["code"] == "ws.unknown_type"


async def test_too_many_frames_end_the_socket(gateway: Running, alice: User) -> None:
    async with signed_in(gateway.url, alice) as client:
        for _ in range(session.FRAMES_MAX + 1):
            await client.send(type="DANCE")
        assert await client.closed() == 1008


async def test_the_account_of_another_is_as_one_that_does_not_exist(
    gateway: Running, house: House, alice: User
) -> None:
    theirs = await house.add_account(await house.add_user("Bob"))
    async with signed_in(gateway.url, alice) as client:
        answers = []
        for wanted in (theirs.id + 1_000, theirs.connection_id, theirs.id):
            await client.send(type="ACCSETUP", id=wanted, user=alice.name)
            answers.append(await client.until_type("ACCSETUP_COMPLETE"))
        assert {answer["status"] for answer in answers} == {"Error"}
        assert len({answer["reason"] for answer in answers}) == 1


async def test_accsetup_in_another_name_is_an_error(
    gateway: Running, alice: User, account: Account
) -> None:
    async with signed_in(gateway.url, alice) as client:
        await client.send(type="ACCSETUP", id=account.id, user="Bob")
        assert (await client.until_type("ACCSETUP_COMPLETE"))["status"] == "Error"


@pytest.mark.parametrize(
    ("origin", "is_let_in"),
    [
        ("https://trade.example", True),
        ("http://127.0.0.1:5001", True),
        ("http://localhost:5001", True),
        (None, True),
        ("null", False),
        ("https://evil.example", False),
        ("https://trade.example.evil.example", False),
        ("http://trade.example", False),
    ],
)
async def test_origins(gateway: Running, alice: User, origin: str | None, is_let_in: bool) -> None:
    headers = {} if origin is None else {"Origin": origin}
    if is_let_in:
        async with signed_in(gateway.url, alice, additional_headers=headers):
            return
    with pytest.raises(InvalidStatus) as refused:
        async with browser(gateway.url, additional_headers=headers):
            pass
    assert refused.value.response.status_code == 403


async def test_two_origins_are_refused(gateway: Running) -> None:
    both = [("Origin", "https://trade.example"), ("Origin", "https://evil.example")]
    with pytest.raises(InvalidStatus) as refused:
        async with browser(gateway.url, additional_headers=both):
            pass
    assert refused.value.response.status_code == 403


async def test_a_session_has_64_sockets_and_not_one_more(
    gateway: Running, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.hub.SOCKETS_PER_SESSION_MAX", 2)
    async with signed_in(gateway.url, alice), signed_in(gateway.url, alice) as second:
        async with browser(gateway.url) as third:
            await third.sign_in(alice)
            assert await third.closed() == 4429
        await second.ws.close()
        async with signed_in(gateway.url, alice):
            pass


async def test_the_end_of_a_session_ends_its_sockets(
    gateway: Running, house: House, alice: User
) -> None:
    bob = await house.add_user("Bob")
    async with signed_in(gateway.url, alice) as hers, signed_in(gateway.url, bob) as his:
        await house.end_session(alice)
        assert await hers.closed() == 4401
        await house.execute("UPDATE users SET disabled_at = now() WHERE id = :id", id=bob.id)
        assert await his.closed() == 4401


async def test_s4_a_ticket_opens_one_socket_and_the_end_of_its_session_closes_it(
    gateway: Running, house: House, alice: User
) -> None:
    ticket = replace(alice, token=await house.add_ticket(alice))
    async with signed_in(gateway.url, ticket) as opened:
        async with browser(gateway.url) as second:
            await second.sign_in(ticket)
            assert await second.closed() == 4401
        await house.end_session(alice)
        assert await opened.closed() == 4401


async def test_s4_a_ticket_is_one_users_and_used_up_by_trying(
    gateway: Running, house: House, alice: User
) -> None:
    mallory = await house.add_user("Mallory")
    token = await house.add_ticket(alice)
    for name in (mallory.name, alice.name):
        async with browser(gateway.url) as client:
            await client.send(type="AUTH", user=name, token=token)
            assert await client.closed() == 4401


@pytest.mark.parametrize(
    "what",
    [
        "UPDATE ws_tickets SET expires_at = now()",
        "UPDATE sessions SET ended_at = now()",
        "UPDATE sessions SET expires_at = now()",
        "UPDATE users SET disabled_at = now()",
    ],
)
async def test_s4_a_ticket_is_worth_nothing_after(
    gateway: Running, house: House, alice: User, what: str
) -> None:
    token = await house.add_ticket(alice)
    await house.execute(what)
    async with browser(gateway.url) as client:
        await client.send(type="AUTH", user=alice.name, token=token)
        assert await client.closed() == 4401


async def test_an_old_token_opens_nothing(gateway: Running, house: House, alice: User) -> None:
    await house.execute(
        "UPDATE sessions SET ws_issued_at = now() - interval '21 minutes' WHERE id = :id",
        id=alice.session_id,
    )
    async with browser(gateway.url) as client:
        await client.sign_in(alice)
        assert await client.closed() == 4401


async def test_health_metrics_and_nothing_else_over_http(gateway: Running) -> None:
    async with httpx.AsyncClient(base_url=gateway.http, trust_env=False) as http:
        assert (await http.get("/healthz")).text == "alive\n"
        ready = await http.get("/readyz")
        assert ready.status_code == 200
        assert json.loads(ready.text)["ready"] is True
        assert "tm_gateway_sockets_count" in (await http.get("/metrics")).text
        assert (await http.get("/")).status_code == 404


async def test_a_restart_is_announced(gateway: Running, alice: User) -> None:
    async with signed_in(gateway.url, alice) as client:
        gateway.service.stopping.set()
        assert await client.closed() == 1012
