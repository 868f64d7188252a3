"""Tickets for sockets: good once, for a minute, while their session lives."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from api.security import socket_ticket
from gateway import auth
from shared.contracts.ws import Auth
from shared.db.engine import make_engine
from shared.db.tables.people import ws_tickets
from tests.fixtures.servers import DatabaseUrls
from tests.integration.api.desk import Browser
from tests.integration.api.helpers import Town


@pytest.fixture
async def gate(fresh_database: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    """The gateway's own role: it may redeem a ticket, and read none."""
    made = make_engine(fresh_database.gateway, "tests-gateway", pool_size=2)
    yield made
    await made.dispose()


async def redeem(gate: AsyncEngine, ticket: str, user: str = "ada") -> int | None:
    found = await auth.sign_in(gate, Auth(type="AUTH", user=user, token=ticket))
    return None if found is None else found.user_id


async def test_s4_a_ticket_is_good_once_and_is_stored_nowhere(
    ada: Browser, town: Town, gate: AsyncEngine, log: io.StringIO
) -> None:
    answer = await ada.post("/api/auth/ws-ticket/")
    assert (answer["user"], answer["expires_in_s"]) == ("Ada", 60)
    [row] = await town.rows(select(ws_tickets))
    assert answer["ticket"].encode() not in row.ticket_hash
    assert answer["ticket"] not in log.getvalue()
    assert await redeem(gate, answer["ticket"]) == ada.person.id
    assert await redeem(gate, answer["ticket"]) is None


async def test_s4_logging_out_makes_tickets_worthless(ada: Browser, gate: AsyncEngine) -> None:
    ticket = (await ada.post("/api/auth/ws-ticket/"))["ticket"]
    await ada.post("/api/auth/logout/")
    assert await redeem(gate, ticket) is None


async def test_a_session_has_a_limited_number_of_tickets_and_the_dead_are_swept(
    ada: Browser, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_ticket, "LIVE_MAX", 2)
    for status in (200, 200, 429):
        await ada.post("/api/auth/ws-ticket/", None, status)
    await town.sql("UPDATE ws_tickets SET expires_at = now()")
    await ada.post("/api/auth/ws-ticket/")
    assert len(await town.rows(select(ws_tickets))) == 1
