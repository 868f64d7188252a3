"""The seam for tests of clients: everything in one process, without a port."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest

from paper.faults import UNTIL_CLEARED, Fault
from paper.inprocess import InProcess, Line, LineClosedError
from paper.venue import Venue
from tests.unit.paper.test_long_life import timed
from tests.unit.paper.test_venue import begun, market

LOGIN = {"name": "paper", "password": "x"}
WAIT_S = 5


async def post(wire: InProcess, path: str, body: Any, token: str = "") -> Any:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    reply = await wire.request("POST", f"/v1/{path}", json.dumps(body).encode(), headers)
    assert reply.status == 200, reply
    return json.loads(reply.body)


async def until(line: Line, wanted: str) -> str:
    async with asyncio.timeout(WAIT_S):
        while wanted not in (frame := await line.recv()):
            pass
    return frame


async def synced(wire: InProcess, line: Line) -> dict[str, Any]:
    login: dict[str, Any] = await post(wire, "auth/accesstokenrequest", LOGIN)
    assert await line.recv() == "o"
    await line.send(f"authorize\n0\n\n{login['accessToken']}")
    await line.send(f'user/syncrequest\n1\n\n{{"users":[{login["userId"]}]}}')
    await until(line, '"i":1')
    return login


async def test_a_client_is_driven_without_a_port() -> None:
    venue, _ = begun()
    wire = InProcess(venue)
    async with wire.connect() as line:
        login = await synced(wire, line)
        venue.trade("NQ", Decimal(20000))
        answer = await post(wire, "order/placeorder", market(venue, "Buy"), login["accessToken"])
        assert f'"orderId":{answer["orderId"]}' in await until(line, '"ordStatus":"Filled"')
        venue.hub.shut_down("Maintenance", "Maintenance")
        await until(line, 'c[3000,"Go away!"]')
        with pytest.raises(LineClosedError) as ended:
            await line.recv()
        assert ended.value.code == 3000


async def test_lost_answers_and_refused_lines_look_as_on_the_wire() -> None:
    venue, _ = begun()
    wire = InProcess(venue)
    token = (await post(wire, "auth/accesstokenrequest", LOGIN))["accessToken"]
    venue.faults.arm(Fault.LOSE_ANSWER, 1, {})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await post(wire, "order/placeorder", market(venue, "Buy"), token)
    venue.faults.arm(Fault.STORM_429, UNTIL_CLEARED, {})
    async with wire.connect() as line:
        with pytest.raises(LineClosedError) as refused:
            await line.recv()
    assert refused.value.status == 429


async def frames_of(venue: Venue) -> list[str]:
    """Everything a client is told of one order, its events shuffled by a seed."""
    tokens = iter(range(1000))
    venue.sessions.new_token = lambda: f"token-{next(tokens)}"
    wire = InProcess(venue)
    frames: list[str] = []
    venue.faults.arm(Fault.SHUFFLE_EVENTS, UNTIL_CLEARED, {"seed": 7})
    async with wire.connect() as line:
        await synced(wire, line)
        venue.trade("NQ", Decimal(20000))
        body = market(venue, "Buy", "NQM6")
        await line.send(f"order/placeorder\n2\n\n{json.dumps(body)}")
        while not frames or '"i":2' not in frames[-1]:
            frames.append(await until(line, "a["))
    return frames


async def test_two_runs_under_a_manual_clock_tell_the_same_to_the_letter() -> None:
    one, two = [await frames_of(timed()) for _ in range(2)]
    assert one == two
    assert '"ordStatus":"Filled"' in "".join(one)
