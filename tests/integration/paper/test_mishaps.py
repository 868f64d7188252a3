"""Faults that only show on the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from websockets.exceptions import InvalidStatus

from tests.integration.paper.process import Socket, VenueProcess, venue
from tests.integration.paper.test_trading import opened, order


@pytest.fixture(scope="module")
async def it() -> AsyncIterator[VenueProcess]:
    async with venue() as started:
        yield started


async def test_an_answer_may_come_before_its_events(it: VenueProcess) -> None:
    async with Socket.open(it.port) as socket:
        account = await opened(it, socket)
        await it.control("fault", name="answer_before_event")
        answer = await socket.do("order/placeorder", order(account, "Buy"))
        assert socket.told() == []
        await socket.event("order", id=answer["orderId"], ordStatus="Filled")


async def test_events_may_come_backwards(it: VenueProcess) -> None:
    async with Socket.open(it.port) as socket:
        account = await opened(it, socket)
        await it.control("fault", name="reverse_events")
        await socket.do("order/placeorder", order(account, "Buy"))
        await socket.event("command", commandStatus="Pending")
        kinds = [kind for kind, _, _ in socket.told()]
        assert (kinds[0], kinds[-1]) == ("order", "command")


async def test_a_storm_of_429_refuses_requests_and_upgrades(it: VenueProcess) -> None:
    login = await it.login()
    async with Socket.open(it.port) as socket:
        await socket.authorize(login["accessToken"])
        await it.control("fault", name="storm_429", count=3)
        response = await it.post("order/list", token=login["accessToken"])
        assert (response.status_code, response.content) == (429, b"")
        assert await socket.ask("order/list") == {"s": 429, "i": 1}
        with pytest.raises(InvalidStatus) as refused:
            async with Socket.open(it.port):
                pass
        assert refused.value.response.status_code == 429


async def test_maintenance_says_so_and_closes(it: VenueProcess) -> None:
    login = await it.login()
    async with Socket.open(it.port) as socket:
        await socket.begin(login)
        await it.control("fault", name="maintenance", s=60)
        message = await socket.until(lambda m: m.get("e") == "shutdown")
        assert message["d"]["reasonCode"] == "Maintenance"
        await socket.closed()
    assert (await it.post("order/list", token=login["accessToken"])).status_code == 503
    await it.control("fault", name="maintenance")
    assert (await it.post("order/list", token=login["accessToken"])).status_code == 200


async def test_the_policy_is_changed_and_shown(it: VenueProcess) -> None:
    account: int
    async with Socket.open(it.port) as socket:
        account = await opened(it, socket)
        assert (await it.control("policy", order_qty_max=2))["order_qty_max"] == 2
        refused = await socket.do("order/placeorder", order(account, "Buy", orderQty=3))
        assert refused["failureReason"] == "MaxOrderQtyLimitReached"
        for wrong in ({"order_qty_max": "two"}, {"no_such": 1}):
            answer = await it.control_http.post("/policy", json=wrong)
            assert answer.status_code == 400
        await it.control("policy", order_qty_max=None)
        await it.control("policy", position_max=1)
        taken = await socket.do("order/placeorder", order(account, "Buy", orderQty=50))
        await socket.event("commandReport", rejectReason="MaxPosLimitReached")
        await socket.event("order", id=taken["orderId"], ordStatus="Rejected")
        await it.control("policy", position_max=None)
