"""A real venue process, driven by raw REST and WebSocket clients through the life of orders."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.paper.process import Socket, VenueProcess, start_venue, venue


@pytest.fixture(scope="module")
async def it() -> AsyncIterator[VenueProcess]:
    async with venue() as started:
        yield started


@pytest.fixture(autouse=True)
async def at_20000(request: pytest.FixtureRequest) -> None:
    if "it" in request.fixturenames:
        await request.getfixturevalue("it").price("20000")


def order(account_id: int, action: str, kind: str = "Market", **more: Any) -> dict[str, Any]:
    return {
        "accountId": account_id,
        "action": action,
        "symbol": "NQZ6",
        "orderQty": 1,
        "orderType": kind,
        "isAutomated": True,
    } | more


def bracket(key: str, *, target: str = "20010", stop: str = "19990") -> dict[str, Any]:
    gtc = {"action": "Sell", "timeInForce": "GTC"}
    first = {"orderType": "Limit", "price": float(target), "clOrdId": f"{key}-1", "text": "t"}
    second = {"orderType": "Stop", "stopPrice": float(stop), "clOrdId": f"{key}-2", "text": "s"}
    return {"clOrdId": key, "text": key, "bracket1": gtc | first, "bracket2": gtc | second}


async def opened(it: VenueProcess, socket: Socket) -> int:
    snapshot = await socket.begin(await it.login())
    return int(snapshot["accounts"][0]["id"])


async def test_one_market_order_is_told_in_the_order_of_the_broker(it: VenueProcess) -> None:
    async with Socket.open(it.port) as socket:
        account = await opened(it, socket)
        answer = await socket.do(
            "order/placeOrder", order(account, "Buy", clOrdId="K1", text="T1", customTag50="C1")
        )
        await socket.event("order", id=answer["orderId"], ordStatus="Filled")
        await socket.do("order/liquidateposition", await _position(socket, account))
        told = socket.told()
        assert [(kind, event) for kind, event, _ in told[:15]] == [
            ("command", "Created"),
            ("order", "Created"),
            ("orderVersion", "Created"),
            ("command", "Updated"),
            ("commandReport", "Created"),
            ("command", "Updated"),
            ("executionReport", "Created"),
            ("order", "Updated"),
            ("executionReport", "Created"),
            ("fill", "Created"),
            ("fillFee", "Created"),
            ("position", told[11][1]),  # created by whichever test trades first
            ("cashBalance", "Updated"),
            ("marginSnapshot", "Updated"),
            ("order", "Updated"),
        ]
        command, placed, version = told[0][2], told[1][2], told[2][2]
        assert (command["clOrdId"], command["customTag50"]) == ("K1", "C1")
        assert command["isAutomated"] is True
        assert (version["id"], version["text"]) == (command["id"], "T1")
        assert not {"clOrdId", "text", "orderQty", "price"} & set(placed)
        assert "clOrdId" not in version
        assert placed["id"] > 2**33


async def _position(socket: Socket, account_id: int) -> dict[str, Any]:
    position = await socket.event("position", accountId=account_id)
    return {"accountId": account_id, "contractId": position["contractId"], "admin": False}


async def test_a_bracket_takes_its_target_and_the_cash_is_exact(it: VenueProcess) -> None:
    before = await it.ledger()
    async with Socket.open(it.port) as socket:
        account = await opened(it, socket)
        asked = order(account, "Buy", "Limit", price=19999.5, orderQty=2) | bracket("B1")
        answer = await socket.do("order/placeoso", asked)
        parent, target, stop = answer["orderId"], answer["oso1Id"], answer["oso2Id"]
        child = await socket.event("order", id=target, ordStatus="Suspended")
        assert (child["parentId"], child["ocoId"]) == (parent, stop)
        await it.falls_to("19999.50")
        await socket.event("order", id=parent, ordStatus="Filled")
        await socket.event("order", id=target, ordStatus="Working")
        await socket.event("order", id=stop, ordStatus="Working")
        await it.price("20010")
        await socket.event("order", id=target, ordStatus="Filled")
        await socket.event("order", id=stop, ordStatus="Canceled")
        leg = await socket.event("command", orderId=stop, clOrdId="B1-2")
        assert leg["commandType"] == "New"
    after = await it.ledger()
    earned = Decimal("10.5") * 2 * 20 - 4 * Decimal("1.29")
    assert Decimal(after["balance"]) - Decimal(before["balance"]) == earned
    assert Decimal(after["balance"]) == Decimal(after["exact"])
    deltas = sum(Decimal(row["delta"]) for row in after["cash_log"])
    assert deltas == Decimal(after["balance"])


async def test_partial_fills_release_and_reduce(it: VenueProcess) -> None:
    await it.control("partial", max_size=1)
    async with Socket.open(it.port) as socket:
        account = await opened(it, socket)
        answer = await socket.do(
            "order/placeoso", order(account, "Buy", orderQty=2) | bracket("P1")
        )
        await socket.event("executionReport", orderId=answer["orderId"], cumQty=1)
        await it.price("20000.25")
        await socket.event("order", id=answer["orderId"], ordStatus="Filled")
        await it.price("20010")
        stop = await socket.event("orderVersion", orderId=answer["oso2Id"], orderQty=1)
        assert stop["text"] == "s"
        await it.price("20010.25")
        await socket.event("order", id=answer["oso2Id"], ordStatus="Canceled")
    await it.control("partial", max_size=None)
    ledger = await it.ledger()
    assert (
        sum(fill["qty"] if fill["action"] == "Buy" else -fill["qty"] for fill in ledger["fills"])
        == 0
    )


async def test_modify_and_cancel_answer_with_commands(it: VenueProcess) -> None:
    async with Socket.open(it.port) as socket:
        account = await opened(it, socket)
        placed = await socket.do("order/placeorder", order(account, "Buy", "Limit", price=19000))
        order_id = placed["orderId"]
        changed = {"orderId": order_id, "orderQty": 3, "orderType": "Limit", "price": 19001}
        command = (await socket.do("order/modifyorder", changed | {"clOrdId": "M"}))["commandId"]
        version = await socket.event("orderVersion", id=command)
        assert (version["orderQty"], version["price"]) == (3, 19001)
        assert (await socket.event("command", id=command))["clOrdId"] == "M"
        cancel = await socket.do("order/cancelorder", {"orderId": order_id, "clOrdId": "X"})
        assert (await socket.event("command", id=cancel["commandId"]))["commandType"] == "Cancel"
        await socket.event("order", id=order_id, ordStatus="Canceled")
        again = await socket.ask("order/cancelorder", {"orderId": order_id})
        assert (again["s"], again["d"]) == (401, "Access is denied")


@pytest.mark.parametrize(
    ("changed", "answer"),
    [
        ({"accountId": None}, "violations"),
        ({"action": None}, "violations"),
        ({"symbol": None}, "violations"),
        ({"orderQty": 0}, "violations"),
        ({"orderType": None}, "violations"),
        ({"orderType": "Limit", "price": 20000.1}, "InvalidPrice"),
        ({"orderType": "Limit"}, "InvalidPrice"),
        ({"orderType": "Stop"}, "InvalidPrice"),
        ({"orderType": "MIT", "price": 20000}, "Unsupported"),
        ({"symbol": "NQF7"}, "InvalidContract"),
        ({"symbol": "MNQ1!"}, "InvalidContract"),
    ],
)
async def test_what_is_wrong_is_refused_with_200(
    it: VenueProcess, changed: dict[str, Any], answer: str
) -> None:
    token = (await it.login())["accessToken"]
    account = (await it.get("account/list", token))[0]["id"]
    asked = order(account, "Buy") | changed
    response = await it.post("order/placeorder", asked, token)
    assert response.status_code == 200
    body = response.json()
    assert "orderId" not in body
    assert answer in body or body["failureReason"] == answer


async def test_a_killed_venue_remembers_everything(tmp_path: Path) -> None:
    first = await start_venue(TM_PAPER_DATA=str(tmp_path))
    try:
        await first.price("20000")
        login = await first.login()
        async with Socket.open(first.port) as socket:
            account = await opened_with(socket, login)
            answer = await socket.do("order/placeoso", order(account, "Buy") | bracket("R1"))
            await socket.event("order", id=answer["oso2Id"], ordStatus="Working")
        before = await first.control("ledger")
    finally:
        await first.end(signal.SIGKILL)
    async with venue(TM_PAPER_DATA=str(tmp_path)) as second:
        assert await second.control("ledger") == before
        token = login["accessToken"]
        assert {o["ordStatus"] for o in await second.get("order/list", token)} == {
            "Filled",
            "Working",
        }
        async with Socket.open(second.port) as socket:
            await opened_with(socket, login)
            await second.falls_to("19990")
            await socket.event("order", id=answer["oso2Id"], ordStatus="Filled")
            await socket.event("order", id=answer["oso1Id"], ordStatus="Canceled")
            newer = await socket.event("fill", orderId=answer["oso2Id"])
        assert newer["id"] > max(fill["id"] for fill in before["PAPER1"]["fills"])
        ledger = await second.ledger()
        assert Decimal(ledger["balance"]) == 100000 - 10 * 20 - 2 * Decimal("1.29")


async def opened_with(socket: Socket, login: Any) -> int:
    return int((await socket.begin(login))["accounts"][0]["id"])


async def test_a_day_ends_day_orders_and_begins_anew() -> None:
    # 15:00 Chicago on a Monday
    start = "2026-03-02T21:00:00+00:00"
    async with venue(TM_PAPER_CLOCK="manual", TM_PAPER_CLOCK_START=start) as it:
        await it.price("20000")
        async with Socket.open(it.port) as socket:
            account = await opened(it, socket)
            asked = order(account, "Buy", symbol="NQH6")
            await socket.do("order/placeorder", asked)
            await it.price("20001")
            await socket.do("order/placeorder", asked | {"action": "Sell", "orderQty": 2})
            resting = asked | {"orderType": "Limit", "price": 19000}
            day = await socket.do("order/placeorder", resting | {"timeInForce": "Day"})
            gtc = await socket.do("order/placeorder", resting | {"timeInForce": "GTC"})
            await it.control("clock", advance_s=3600)
            await socket.event("order", id=day["orderId"], ordStatus="Expired")
            await it.control("clock", advance_s=3600)
            tuesday = {"year": 2026, "month": 3, "day": 3}
            balance = await socket.event("cashBalance", tradeDate=tuesday)
            assert (balance["realizedPnL"], balance["weekRealizedPnL"]) == (0, 15)
            position = await socket.event("position", tradeDate=tuesday)
            assert (position["netPos"], position["prevPos"], position["bought"]) == (-1, -1, 0)
            row = await socket.do("order/item", query=f"id={gtc['orderId']}")
            assert row["ordStatus"] == "Working"
