"""How the venue speaks: paths, tokens, sessions, frames, faults, prices."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.integration.paper.process import (
    PASSWORD,
    Json,
    Socket,
    VenueProcess,
    bearer,
    start_venue,
    venue,
)
from tests.integration.paper.test_trading import opened, order


@pytest.fixture(scope="module")
async def it() -> AsyncIterator[VenueProcess]:
    logins = json.dumps([{"user": "other", "password": "other-password", "accounts": 3}])
    async with venue(TM_PAPER_LOGINS=logins) as started:
        yield started


@pytest.mark.parametrize("path", ["auth/me", "AUTH/ME", "Auth/Me"])
async def test_paths_have_no_case_and_methods_do_not_matter(it: VenueProcess, path: str) -> None:
    token = (await it.login())["accessToken"]
    for method in ("GET", "POST"):
        response = await it.http.request(method, f"/V1/{path}", headers=bearer(f'"{token}"'))
        assert response.json()["name"] == "paper"
    assert (await it.post("no/suchthing", token=token)).status_code == 404
    assert (await it.http.get("/healthz")).status_code == 200


async def test_bad_credentials_are_a_200_with_a_text(it: VenueProcess) -> None:
    response = await it.post("auth/accesstokenrequest", {"name": "paper", "password": "wrong"})
    assert response.status_code == 200
    assert set(response.json()) == {"errorText"}
    assert (await it.post("auth/me", token="nonsense")).status_code == 401


async def test_empty_and_undefined_bodies_are_tolerated(it: VenueProcess) -> None:
    token = (await it.login())["accessToken"]
    for body in (b"", b"undefined"):
        response = await it.http.post("/v1/account/list", content=body, headers=bearer(token))
        assert [account["name"] for account in response.json()] == ["PAPER1", "PAPER2"]
    broken = await it.http.post("/v1/account/list", content=b"{", headers=bearer(token))
    assert broken.status_code == 400


async def test_a_login_sees_and_touches_its_own_accounts_only(it: VenueProcess) -> None:
    mine = (await it.login())["accessToken"]
    theirs = (await it.login("other", "other-password"))["accessToken"]
    account = (await it.get("account/list", mine))[0]["id"]
    assert len(await it.get("account/list", theirs)) == 3
    assert (await it.post(f"account/item?id={account}", token=theirs)).status_code == 404
    assert (await it.post("order/placeorder", order(account, "Buy"), theirs)).status_code == 401
    assert (await it.post("auth/me", token=PASSWORD)).status_code == 401


async def test_renewing_keeps_the_session_and_voids_the_old_token(it: VenueProcess) -> None:
    old = await it.login()
    renewed = await it.get("auth/renewaccesstoken", old["accessToken"])
    assert renewed["userId"] == old["userId"]
    assert (await it.post("auth/me", token=old["accessToken"])).status_code == 401
    assert (await it.get("auth/me", renewed["accessToken"]))["name"] == "paper"


async def test_a_third_session_ends_the_oldest(it: VenueProcess) -> None:
    oldest = await it.login()
    async with Socket.open(it.port) as socket:
        await socket.begin(oldest)
        await it.login()
        await it.login()
        message = await socket.until(lambda m: m.get("e") == "shutdown")
        assert message["d"]["reasonCode"] == "ConnectionQuotaReached"
        assert await socket.frame() == 'c[3000,"Go away!"]'
        with pytest.raises(ConnectionClosed):
            await socket.frame()
    statuses = [
        (await it.post("auth/me", token=oldest["accessToken"])).status_code for _ in range(3)
    ]
    assert statuses == [408, 401, 401]


async def test_a_token_ends_at_its_time() -> None:
    async with venue(TM_PAPER_CLOCK="manual", TM_PAPER_TOKEN_LIFE_S="60") as it:
        token = (await it.login())["accessToken"]
        await it.control("clock", advance_s=59)
        await it.get("auth/me", token)
        await it.control("clock", advance_s=2)
        response = await it.post("auth/me", token=token)
        assert (response.status_code, response.text) == (401, "Expired Access Token")


async def test_requests_before_authorising_and_bad_tokens_get_a_text(it: VenueProcess) -> None:
    async with Socket.open(it.port) as socket:
        assert await socket.ask("account/list") == {"s": 401, "i": 1, "d": "Access is denied"}
        await socket.send("authorize\n0\n\nnonsense")
        answer = await socket.until(lambda m: m.get("i") == 0)
        assert (answer["s"], answer["d"]) == (401, "Invalid access token")
        assert (await socket.ask("no/such"))["s"] == 404


async def test_heartbeats_come_when_idle_and_silence_is_closed() -> None:
    async with venue(TM_PAPER_HEARTBEAT_S="0.1", TM_PAPER_SILENCE_S="0.5") as it:
        login = await it.login()
        async with Socket.open(it.port) as socket:
            await socket.begin(login)
            beats = 0
            while beats < 10:  # a second: longer than silence would be borne
                beats += await socket.frame() == "h"
                await socket.send("[]")
            await socket.closed()
            assert socket.frames[-1] == 'c[3000,"Go away!"]'
        async with Socket.open(it.port) as stranger:
            await stranger.closed(saying="[]")


async def test_quotes_come_on_both_sockets_until_unsubscribed(it: VenueProcess) -> None:
    await it.price("20000")
    login = await it.login()
    for path, token in (("websocket", "accessToken"), ("md/websocket", "mdAccessToken")):
        async with Socket.open(it.port, path) as socket:
            await socket.authorize(login[token])
            await socket.do("md/subscribeQuote", {"symbol": "MNQZ6"})
            first = await socket.until(lambda m: m.get("e") == "md")
            last = first["d"]["quotes"][0]["entries"]["Trade"]["price"]
            await it.price(str(last + 5))
            expected = {"Bid": last + 4.75, "Offer": last + 5, "Trade": last + 5}
            await socket.until(partial(_quotes, expected))
            await socket.do("md/unsubscribequote", {"symbol": "MNQZ6"})
            await it.price("20000")
            seen = len(socket.inbox)
            await socket.ask("md/unsubscribequote", {"symbol": "MNQZ6"})
            assert all(m.get("e") != "md" for m in socket.inbox[seen:])


def _quotes(expected: dict[str, float], message: Json) -> bool:
    if message.get("e") != "md":
        return False
    entries = message["d"]["quotes"][0]["entries"]
    return expected == {name: entries[name]["price"] for name in expected}


async def test_an_order_whose_answer_is_lost_is_found_by_its_client_id(it: VenueProcess) -> None:
    token = (await it.login())["accessToken"]
    account = (await it.get("account/list", token))[0]["id"]
    await it.control("fault", name="lose_answer")
    asked = order(account, "Buy", "Limit", price=1000, clOrdId="LOST-1")
    with pytest.raises(httpx.ReadTimeout):
        await it.http.post("/v1/order/placeorder", json=asked, headers=bearer(token), timeout=0.3)
    commands = await it.get("command/list", token)
    assert [c["commandType"] for c in commands if c.get("clOrdId") == "LOST-1"] == ["New"]


async def test_faults_spoil_the_answer_and_not_the_order(it: VenueProcess) -> None:
    token = (await it.login())["accessToken"]
    account = (await it.get("account/list", token))[0]["id"]
    asked = order(account, "Buy", "Limit", price=1000, clOrdId="E500")
    await it.control("fault", name="error_after_accept")
    assert (await it.post("order/placeorder", asked, token)).status_code == 500
    await it.control("fault", name="delay_answer_ms", ms=50)
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert (await it.post("order/placeorder", asked, token)).status_code == 200
    assert loop.time() - began >= 0.05
    commands = await it.get("command/list", token)
    assert len([c for c in commands if c.get("clOrdId") == "E500"]) == 2


async def test_a_rejected_order_is_told_by_events_or_by_the_answer(it: VenueProcess) -> None:
    async with Socket.open(it.port) as socket:
        account = await opened(it, socket)
        await it.control("fault", name="reject_next", reason="NotEnoughLiquidity")
        answer = await socket.do("order/placeorder", order(account, "Buy"))
        await socket.event("order", id=answer["orderId"], ordStatus="Rejected")
        await socket.event("commandReport", rejectReason="NotEnoughLiquidity")
        rejection = {"name": "reject_next", "reason": "SessionClosed", "as": "answer"}
        await it.control("fault", **rejection)
        answer = await socket.do("order/placeorder", order(account, "Buy"))
        assert answer["failureReason"] == "SessionClosed"
        assert "orderId" not in answer


async def test_events_can_come_twice_and_shuffled_and_sockets_can_drop(it: VenueProcess) -> None:
    await it.price("20000")
    async with Socket.open(it.port) as socket:
        account = await opened(it, socket)
        await it.control("fault", name="duplicate_events")
        await socket.do("order/placeorder", order(account, "Buy"))
        fills = [row["id"] for kind, _, row in socket.told() if kind == "fill"]
        assert len(fills) == 2
        assert len(set(fills)) == 1
        await it.control("fault", name="shuffle_events", seed=1)
        before = len(socket.told())
        await socket.do("order/placeorder", order(account, "Sell"))
        kinds = [kind for kind, _, _ in socket.told()[before:]]
        assert kinds.index("command") != 0 or kinds.index("order") != 1
        assert (await it.control("fault", name="drop_sockets", user="paper"))["dropped"] == 1
        with pytest.raises(ConnectionClosed):
            await socket.frame()


async def test_a_manual_order_has_no_client_id_and_is_not_automated(it: VenueProcess) -> None:
    async with Socket.open(it.port) as socket:
        await opened(it, socket)
        answer = await it.control("manual", account="PAPER1", symbol="NQZ6", action="Buy", qty=1)
        command = await socket.event("command", orderId=answer["orderId"])
        assert command["isAutomated"] is False
        assert "clOrdId" not in command
        await it.control("manual", account="PAPER1", symbol="NQZ6", action="Sell", qty=1)


async def test_a_chart_is_replayed_step_by_step(tmp_path: Path) -> None:
    file = tmp_path / "CME_MINI_NQ1!, 5.csv"
    file.write_text(
        "time,open,high,low,close,Volume\n"
        "1772461800,20000,20010,19990,20005.25,10\n"
        "2026-03-02T14:35:00Z,20005.25,20007,20001,20002,11\n"
    )
    async with venue(TM_PAPER_PRICES=str(file)) as it:
        seen = [await it.control("step") for _ in range(4)]
        assert seen[0] == {"time": "2026-03-02T14:30:00.000Z", "price": "20000", "ended": False}
        assert {seen[1]["price"], seen[2]["price"]} == {"20010", "19990"}
        assert seen[3]["price"] == "20005.25"
        assert (await it.control("step", points=100))["price"] == "20002"
        assert await it.control("step") == {"ended": True}
        quote = await it.control_http.get("/quote?root=MNQ")
        assert quote.json()["last"] == "20002.00"


async def test_prices_walk_by_themselves_at_speed() -> None:
    async with venue(TM_PAPER_SPEED="50") as it:
        login = await it.login()
        async with Socket.open(it.port) as socket:
            await socket.authorize(login["accessToken"])
            await socket.do("md/subscribequote", {"symbol": "ESZ6"})
            seen: set[float] = set()
            while len(seen) < 3:
                await socket.frame()
                quotes = [m["d"]["quotes"][0] for m in socket.inbox if m.get("e") == "md"]
                seen = {quote["entries"]["Trade"]["price"] for quote in quotes}
            assert all(price * 4 == int(price * 4) for price in seen)


async def test_a_stop_ends_sockets_and_the_process_promptly(tmp_path: Path) -> None:
    it = await start_venue(TM_PAPER_DATA=str(tmp_path), TM_PAPER_ACCOUNTS="64")
    loop = asyncio.get_running_loop()
    async with Socket.open(it.port) as socket:
        snapshot = await socket.begin(await it.login())
        assert len(snapshot["accounts"]) == 64
        began = loop.time()
        assert await it.end() == 0
        assert loop.time() - began < 8
        await socket.closed()
