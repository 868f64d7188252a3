"""The adapter against a scripted venue on loopback: what it sends, and what it makes of answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from shared.brokers.tradovate import limits
from shared.brokers.tradovate.adapter import TradovateBroker
from shared.domain.errors import BrokerUnavailable, CredentialsExpired, NotFound
from shared.domain.order import Action, BrokerStatus, OrderType, TimeInForce
from shared.ports.broker import (
    Accepted,
    ContractInfo,
    Fact,
    FeedLost,
    FillFact,
    LegRequest,
    ModifyRequest,
    NotSent,
    OrderFact,
    PlaceRequest,
    QuoteFact,
    Refused,
    Synced,
    Token,
    Unknown,
)
from tests.unit.brokers import rows
from tests.unit.brokers.venue import Line, MemoryTokens, Venue, running, token_answer

ENTRY = PlaceRequest(
    account=rows.ACCOUNT,
    account_name="DEMO1",
    client_id=rows.CLIENT_ID,
    contract="MESH6",
    action=Action.BUY,
    qty_contracts=2,
    order_type=OrderType.LIMIT,
    time_in_force=TimeInForce.DAY,
    price=Decimal("5020.25"),
)


class Facts:
    """Reads the fact stream beside the test."""

    def __init__(self, broker: TradovateBroker) -> None:
        self.seen: list[Fact] = []
        self._broker = broker
        self._more = asyncio.Event()

    async def read(self) -> None:
        async for fact in self._broker.facts():
            self.seen.append(fact)
            self._more.set()

    async def until(self, enough: Callable[[list[Fact]], bool], timeout_s: float = 5) -> None:
        async with asyncio.timeout(timeout_s):
            while not enough(self.seen):
                self._more.clear()
                await self._more.wait()

    async def synced(self, times: int = 1) -> None:
        await self.until(lambda seen: sum(isinstance(fact, Synced) for fact in seen) >= times)


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    venue = Venue()
    async with running(venue):
        yield venue


@asynccontextmanager
async def held(
    venue: Venue, tokens: MemoryTokens | None = None
) -> AsyncIterator[tuple[TradovateBroker, Facts]]:
    """A broker that runs until the end of the block."""
    broker = venue.broker(tokens)
    facts = Facts(broker)
    tasks = [asyncio.create_task(broker.run()), asyncio.create_task(facts.read())]
    try:
        yield broker, facts
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        await broker.aclose()


def answering(body: object, status: int = 200) -> Callable[[Line, int, Any], Awaitable[None]]:
    async def answer(line: Line, request_id: int, _: Any) -> None:
        await line.answer(request_id, body, status)

    return answer


async def hang_up(line: Line, _: int, __: Any) -> None:
    line.connection.transport.abort()


async def say_nothing(_: Line, __: int, ___: Any) -> None:
    return


def full_snapshot() -> dict[str, Any]:
    return {
        "users": [],
        "contracts": [rows.contract()],
        "orders": [rows.order("Filled")],
        "orderVersions": [rows.version()],
        "commands": [rows.command()],
        "fills": [rows.fill()],
        "fillFees": [rows.fee()],
        "positions": [rows.position()],
        "cashBalances": [rows.balance()],
    }


# --- the feed ---------------------------------------------------------------------------------
async def test_the_snapshot_is_told_then_synced(venue: Venue) -> None:
    venue.snapshot = [full_snapshot()]
    async with held(venue) as (broker, facts):
        await facts.synced()
        assert [type(fact).__name__ for fact in facts.seen] == [
            "OrderFact",
            "FillFact",
            "FeeFact",
            "PositionFact",
            "BalanceFact",
            "Synced",
        ]
        assert broker.ready
        assert 0 <= broker.age_s < 5
    assert venue.asked["authorize"] == ["access-1"]
    assert venue.asked["user/syncrequest"] == [{"splitResponses": True, "users": [15460]}]
    assert not broker.ready


async def test_the_parts_of_a_split_snapshot_are_all_told_before_synced(venue: Venue) -> None:
    whole = full_snapshot()
    venue.snapshot = [{"users": [], name: part} for name, part in whole.items() if name != "users"]
    venue.snapshot.reverse()
    async with held(venue) as (_, facts):
        await facts.synced()
        assert len(facts.seen) == 6


async def test_a_name_that_is_not_in_the_snapshot_is_fetched_before_synced(venue: Venue) -> None:
    venue.snapshot = [full_snapshot() | {"contracts": []}]
    venue.http["contract/items"] = [rows.contract()]
    async with held(venue) as (_, facts):
        await facts.synced()
        assert any(isinstance(fact, FillFact) for fact in facts.seen)
    assert venue.asked["contract/items"] == [{"ids": str(rows.CONTRACT)}]


async def test_a_snapshot_of_five_megabytes_is_taken(venue: Venue) -> None:
    venue.snapshot = [full_snapshot() | {"userPlugins": [{"padding": "x" * 5_000_000}]}]
    async with held(venue) as (_, facts):
        await facts.synced()
        assert len(facts.seen) == 6


async def test_a_redirect_is_not_followed(venue: Venue) -> None:
    """A token is shown to the address it belongs to, or to nobody."""
    elsewhere = Venue()

    def redirect(connection: ServerConnection, _: Request) -> Response:
        response = connection.respond(302, "")
        response.headers["Location"] = elsewhere.urls.socket
        return response

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running(elsewhere))
        server = await stack.enter_async_context(
            serve(venue.serve_line, "127.0.0.1", 0, process_request=redirect)
        )
        venue.port = next(iter(server.sockets)).getsockname()[1]
        _, facts = await stack.enter_async_context(held(venue))
        await facts.until(lambda seen: FeedLost("broker.socket_failed") in seen)
    assert elsewhere.lines == []


async def test_a_proxy_in_the_environment_is_not_used(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "ws_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.delenv("no_proxy", raising=False)
    async with held(venue) as (_, facts):
        await facts.synced()


async def test_a_new_contract_is_named_while_streaming(venue: Venue) -> None:
    venue.http["contract/items"] = [rows.contract()]
    async with held(venue) as (_, facts):
        await facts.synced()
        for kind, row in rows.filled_order():
            await venue.lines[0].event(kind, row)
        await facts.until(lambda seen: any(isinstance(fact, FillFact) for fact in seen))


async def test_an_order_nobody_sent_is_fetched_for_its_fill(venue: Venue) -> None:
    venue.snapshot = [{"users": [], "contracts": [rows.contract()]}]
    venue.http["order/items"] = [rows.order("Filled")]
    async with held(venue) as (_, facts):
        await facts.synced()
        await venue.lines[0].event("fill", rows.fill())
        await facts.until(lambda seen: any(isinstance(fact, FillFact) for fact in seen))


async def test_a_dropped_socket_is_lost_then_synced_again(venue: Venue) -> None:
    async with held(venue) as (broker, facts):
        await facts.synced()
        venue.snapshot = [full_snapshot()]
        venue.lines[0].connection.transport.abort()
        await facts.synced(2)
        assert isinstance(facts.seen[1], FeedLost)
        assert isinstance(facts.seen[-1], Synced)
        assert any(isinstance(fact, FillFact) for fact in facts.seen)
        assert broker.ready
    assert len(venue.asked["auth/accesstokenrequest"]) == 1


async def test_silence_is_death(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SILENCE_S", 0.8)
    venue.silent = True
    async with held(venue) as (_, facts):
        await facts.until(lambda seen: FeedLost("broker.silent") in seen)


async def test_our_heartbeat_goes_by_the_clock(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(limits, "SILENCE_S", 1.5)
    async with held(venue) as (_, facts):
        await facts.synced()
        async with asyncio.timeout(30):
            await venue.lines[0].many_beats.wait()  # 2 s: longer than the silence that kills
        assert len(venue.lines) == 1


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ('c[3000,"Go away!"]', "broker.closed_3000"),
        ('a[{"e":"shutdown","d":{"reasonCode":"Maintenance"}}]', "broker.shutdown_Maintenance"),
        ('a[{"e":"shutdown","d":{}}]', "broker.shutdown"),
        ("?", "broker.unreadable"),
        ('a[{"neither":1}]', "broker.unreadable"),
        ('a[{"e":"props","d":{"entityType":"order"}}]', "broker.unreadable"),
    ],
)
async def test_the_end_of_a_line_has_a_reason(venue: Venue, frame: str, reason: str) -> None:
    async with held(venue) as (_, facts):
        await facts.synced()
        await venue.lines[0].connection.send(frame)
        await facts.synced(2)
        assert FeedLost(reason) in facts.seen


async def test_an_unheard_of_status_leads_to_a_new_snapshot(venue: Venue) -> None:
    async with held(venue) as (_, facts):
        await facts.synced()
        await venue.lines[0].event("order", rows.order("Levitating"))
        await facts.synced(2)
        assert FeedLost("broker.unreadable") in facts.seen


async def test_a_refused_sync_is_asked_in_the_other_form(venue: Venue) -> None:
    async def only_by_account(line: Line, request_id: int, body: Any) -> None:
        if "users" in body:
            await line.answer(request_id, "entityTypes needed", 400)
        else:
            shown = {"accounts": [{"id": rows.ACCOUNT}]}
            await line.answer(request_id, full_snapshot() | shown)

    venue.on_socket["user/syncrequest"] = only_by_account
    venue.http["account/list"] = [{"id": rows.ACCOUNT, "name": "DEMO1"}]
    async with held(venue) as (_, facts):
        await facts.synced()
    body = venue.asked["user/syncrequest"][1]
    assert body["accounts"] == [rows.ACCOUNT]
    assert "fill" in body["entityTypes"]


async def test_a_socket_that_refuses_the_token_gets_another_one(venue: Venue) -> None:
    venue.refused_tokens = {"stale"}
    venue.http["auth/renewaccesstoken"] = (401, "Expired Access Token")
    later = datetime.now(UTC) + timedelta(hours=1)
    async with held(venue, MemoryTokens(Token("stale", None, later, 15460))) as (_, facts):
        await facts.synced()
    assert venue.asked["authorize"] == ["stale", "access-1"]


async def test_a_venue_that_returns_is_found_at_once() -> None:
    venue = Venue()
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(AsyncExitStack())
        await first.enter_async_context(running(venue))
        broker, facts = await stack.enter_async_context(held(venue))
        await facts.synced()
        await first.aclose()
        await facts.until(lambda seen: any(isinstance(fact, FeedLost) for fact in seen))
        assert not broker.ready
        await stack.enter_async_context(running(venue, venue.port))
        async with asyncio.timeout(30):
            await facts.synced(2)


async def test_a_second_reader_begins_with_a_snapshot(venue: Venue) -> None:
    venue.snapshot = [full_snapshot()]
    async with held(venue) as (broker, facts):
        await facts.synced()
        again = broker.facts()
        told = [await anext(again) for _ in range(6)]
        assert isinstance(told[0], OrderFact)
        assert isinstance(told[-1], Synced)


# --- orders over the socket -------------------------------------------------------------------
async def test_an_order_with_legs_is_sent_as_one_bracket(venue: Venue) -> None:
    answer = {"orderId": 11, "oso1Id": 12, "oso2Id": 13, "failureReason": "Success"}
    venue.on_socket["order/placeoso"] = answering(answer)
    stop = LegRequest("s" * 36, Action.SELL, OrderType.STOP, stop_price=Decimal("5010.5"))
    target = LegRequest("t" * 36, Action.SELL, OrderType.LIMIT, price=Decimal(5040))
    async with held(venue) as (broker, facts):
        await facts.synced()
        outcome = await broker.place(replace(ENTRY, legs=(stop, target)))
    assert outcome == Accepted(11, (12, 13))
    assert venue.asked["order/placeoso"] == [
        {
            "accountSpec": "DEMO1",
            "accountId": rows.ACCOUNT,
            "action": "Buy",
            "symbol": "MESH6",
            "orderQty": 2,
            "orderType": "Limit",
            "timeInForce": "Day",
            "clOrdId": rows.CLIENT_ID,
            "text": rows.CLIENT_ID,
            "customTag50": rows.CLIENT_ID,
            "isAutomated": True,
            "price": 5020.25,
            "bracket1": {
                "action": "Sell",
                "orderType": "Stop",
                "timeInForce": "GTC",
                "clOrdId": "s" * 36,
                "text": "s" * 36,
                "stopPrice": 5010.5,
            },
            "bracket2": {
                "action": "Sell",
                "orderType": "Limit",
                "timeInForce": "GTC",
                "clOrdId": "t" * 36,
                "text": "t" * 36,
                "price": 5040,
            },
        }
    ]


async def test_a_modification_repeats_every_field(venue: Venue) -> None:
    venue.on_socket["order/modifyorder"] = answering({"commandId": 99})
    request = ModifyRequest(
        11, rows.CLIENT_ID, 2, OrderType.STOP, TimeInForce.GTC, stop_price=Decimal("5011.25")
    )
    async with held(venue) as (broker, facts):
        await facts.synced()
        assert await broker.modify(request) == Accepted(11)
    assert venue.asked["order/modifyorder"] == [
        {
            "orderId": 11,
            "orderQty": 2,
            "orderType": "Stop",
            "timeInForce": "GTC",
            "clOrdId": rows.CLIENT_ID,
            "customTag50": rows.CLIENT_ID,
            "isAutomated": True,
            "stopPrice": 5011.25,
        }
    ]


async def test_liquidation_carries_no_tag(venue: Venue) -> None:
    venue.on_socket["order/liquidateposition"] = answering({"orderId": 5})
    async with held(venue) as (broker, facts):
        await facts.synced()
        assert await broker.liquidate(rows.ACCOUNT, rows.CONTRACT) == Accepted(5)
    assert "customTag50" not in venue.asked["order/liquidateposition"][0]


async def test_a_line_that_breaks_after_the_order_leaves_it_unknown(venue: Venue) -> None:
    venue.on_socket["order/placeorder"] = hang_up
    async with held(venue) as (broker, facts):
        await facts.synced()
        assert await broker.place(ENTRY) == Unknown("broker.connection_lost")
    assert len(venue.asked["order/placeorder"]) == 1  # and nothing over HTTP


async def test_an_answer_that_never_comes_is_unknown(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ORDER_TIMEOUT_S", 0.1)
    venue.on_socket["order/placeorder"] = say_nothing
    async with held(venue) as (broker, facts):
        await facts.synced()
        assert await broker.place(ENTRY) == Unknown("broker.timeout")
    assert len(venue.asked["order/placeorder"]) == 1


async def test_answers_find_their_requests_in_any_order(venue: Venue) -> None:
    waiting: list[tuple[Line, int, Any]] = []

    async def collect(line: Line, request_id: int, body: Any) -> None:
        waiting.append((line, request_id, body))
        if len(waiting) == 20:
            for line_, id_, body_ in reversed(waiting):
                await line_.answer(id_, {"orderId": body_["orderQty"]})

    venue.on_socket["order/placeorder"] = collect
    async with held(venue) as (broker, facts):
        await facts.synced()
        requests = [replace(ENTRY, qty_contracts=qty) for qty in range(1, 21)]
        outcomes = await asyncio.gather(*(broker.place(request) for request in requests))
    assert outcomes == [Accepted(qty) for qty in range(1, 21)]


async def test_a_penalized_order_takes_its_ticket_along(venue: Venue) -> None:
    venue.on_socket["order/placeorder"] = answering({"p-ticket": "T1", "p-time": 3})
    async with held(venue) as (broker, facts):
        await facts.synced()
        assert await broker.place(ENTRY) == NotSent("broker.penalty", 3.0)
        venue.on_socket["order/placeorder"] = answering({"orderId": 8})
        assert await broker.place(ENTRY) == Accepted(8)
    first, second = venue.asked["order/placeorder"]
    assert "p-ticket" not in first
    assert second["p-ticket"] == "T1"


async def test_more_than_two_legs_are_refused_before_anything_leaves(venue: Venue) -> None:
    leg = LegRequest("s" * 36, Action.SELL, OrderType.STOP, stop_price=Decimal(1))
    broker = venue.broker()
    with pytest.raises(ValueError, match="two legs"):
        await broker.place(replace(ENTRY, legs=(leg, leg, leg)))
    await broker.aclose()


# --- orders over HTTP -------------------------------------------------------------------------
@pytest.fixture
async def cold(venue: Venue) -> AsyncIterator[TradovateBroker]:
    """Signed in, without a socket."""
    broker = venue.broker()
    await broker.accounts()
    yield broker
    await broker.aclose()


async def test_without_a_socket_an_order_goes_over_http(
    venue: Venue, cold: TradovateBroker
) -> None:
    venue.http["order/placeorder"] = {"orderId": 21}
    assert await cold.place(ENTRY) == Accepted(21)


async def test_without_a_token_nothing_is_sent(venue: Venue) -> None:
    broker = venue.broker()
    assert await broker.place(ENTRY) == NotSent("broker.signed_out")
    assert "order/placeorder" not in venue.asked
    await broker.aclose()


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (httpx.ConnectError("no"), NotSent("broker.unreachable")),
        (httpx.ConnectTimeout("no"), NotSent("broker.unreachable")),
        (httpx.PoolTimeout("no"), NotSent("broker.unreachable")),
        (httpx.ReadTimeout("no"), Unknown("broker.timeout")),
        (httpx.WriteTimeout("no"), Unknown("broker.timeout")),
        (httpx.ReadError("no"), Unknown("broker.connection_lost")),
        (httpx.WriteError("no"), Unknown("broker.connection_lost")),
        (httpx.RemoteProtocolError("no"), Unknown("broker.connection_lost")),
        ((503, {"orderId": 1}), Unknown("broker.status_503")),
        ((307, {"orderId": 1}), Unknown("broker.status_307")),
    ],
)
async def test_every_fate_of_an_http_request(
    venue: Venue, cold: TradovateBroker, answer: object, outcome: object
) -> None:
    venue.http["order/placeorder"] = answer
    assert await cold.place(ENTRY) == outcome
    assert len(venue.asked["order/placeorder"]) == 1


async def test_a_refused_token_is_replaced_for_the_next_try(
    venue: Venue, cold: TradovateBroker
) -> None:
    venue.http["order/placeorder"] = (401, "Expired Access Token")
    venue.http["auth/renewaccesstoken"] = token_answer(access="access-2")
    assert await cold.place(ENTRY) == NotSent("broker.unauthorized")
    assert len(venue.asked["auth/renewaccesstoken"]) == 1


# --- cancel -----------------------------------------------------------------------------------
async def test_a_cancel_of_a_final_order_is_told_apart(venue: Venue, cold: TradovateBroker) -> None:
    venue.http["order/cancelorder"] = (401, "Access is denied")
    venue.http["order/item"] = rows.order("Filled")
    assert await cold.cancel(rows.ORDER, rows.CLIENT_ID) == Refused(
        "broker.order_final", "Access is denied"
    )
    assert "auth/renewaccesstoken" not in venue.asked


async def test_a_refused_cancel_of_a_working_order_may_be_sent_again(
    venue: Venue, cold: TradovateBroker
) -> None:
    venue.http["order/cancelorder"] = (401, "Access is denied")
    venue.http["order/item"] = rows.order("Working")
    assert await cold.cancel(rows.ORDER, rows.CLIENT_ID) == NotSent("broker.unauthorized")


async def test_a_cancel_is_accepted(venue: Venue) -> None:
    venue.on_socket["order/cancelorder"] = answering({"commandId": 31})
    async with held(venue) as (broker, facts):
        await facts.synced()
        assert await broker.cancel(11, rows.CLIENT_ID) == Accepted(11)


# --- reads ------------------------------------------------------------------------------------
async def test_lookup_finds_commands_then_texts(venue: Venue, cold: TradovateBroker) -> None:
    a, b, c = rows.CLIENT_ID, "b" * 36, "c" * 36
    venue.http["command/list"] = [
        rows.command(orderId=1),
        rows.command(7, "Modify", clOrdId=b, orderId=2),
        rows.command(8, clOrdId=None),
    ]
    venue.http["orderVersion/list"] = [rows.version(text=b, orderId=3), rows.version(text=a)]
    assert await cold.lookup(frozenset({a, b, c})) == {a: 1, b: 3}


async def test_a_lookup_that_fails_proves_nothing(venue: Venue, cold: TradovateBroker) -> None:
    venue.http["command/list"] = (500, {})
    with pytest.raises(BrokerUnavailable):
        await cold.lookup(frozenset({rows.CLIENT_ID}))
    venue.http["command/list"] = []
    venue.http["orderVersion/list"] = httpx.ReadTimeout("no")
    with pytest.raises(BrokerUnavailable):
        await cold.lookup(frozenset({rows.CLIENT_ID}))


async def test_the_rest_snapshot_tells_the_same_facts(venue: Venue, cold: TradovateBroker) -> None:
    whole = full_snapshot()
    for name, path in (
        ("orders", "order"),
        ("orderVersions", "orderVersion"),
        ("commands", "command"),
        ("fills", "fill"),
        ("fillFees", "fillFee"),
        ("positions", "position"),
        ("cashBalances", "cashBalance"),
    ):
        venue.http[f"{path}/list"] = whole[name]
    venue.http["contract/items"] = [rows.contract()]
    snapshot = await cold.snapshot()
    assert [type(fact).__name__ for fact in snapshot.facts] == [
        "OrderFact",
        "FillFact",
        "FeeFact",
        "PositionFact",
        "BalanceFact",
    ]
    order = snapshot.facts[0]
    assert isinstance(order, OrderFact)
    assert order.status is BrokerStatus.FILLED


@pytest.mark.parametrize("answer", [(500, {}), (404, "no"), {"errorText": "no"}, {"p-ticket": "x"}])
async def test_one_failing_list_fails_the_snapshot(
    venue: Venue, cold: TradovateBroker, answer: object
) -> None:
    venue.http["position/list"] = answer
    with pytest.raises(BrokerUnavailable):
        await cold.snapshot()


async def test_accounts_and_contracts(venue: Venue, cold: TradovateBroker) -> None:
    venue.http["account/list"] = [
        {"id": 1, "name": "DEMO1", "active": True, "nickname": "x"},
        {"id": 2, "name": "DEMO2"},
        {"id": 3, "name": "DEMO3", "closed": True},
    ]
    assert [(row.name, row.active) for row in await cold.accounts()] == [
        ("DEMO1", True),
        ("DEMO2", True),
        ("DEMO3", False),
    ]
    venue.http["contract/find"] = rows.contract()
    venue.http["contractMaturity/item"] = {
        "id": 41,
        "productId": 7,
        "expirationMonth": 202603,
        "expirationDate": "2026-03-21T03:59Z",  # the evening before in Chicago
    }
    venue.http["product/item"] = {"id": 7, "name": "MES", "tickSize": 0.25, "valuePerPoint": 5}
    last_day = date(2026, 3, 20)
    info = ContractInfo(rows.CONTRACT, "MESH6", "MES", Decimal("0.25"), Decimal(5), last_day)
    assert await cold.contract("MESH6") == info
    assert await cold.contract("MESH6") == info
    assert venue.asked["contract/find"] == [{"name": "MESH6"}]


async def test_an_unknown_contract_is_not_found(cold: TradovateBroker) -> None:
    with pytest.raises(NotFound):
        await cold.contract("NOPE")


async def test_a_read_with_a_dead_token_is_repeated_with_a_new_one(
    venue: Venue, cold: TradovateBroker
) -> None:
    venue.http["account/list"] = (401, "Expired Access Token")
    venue.http["auth/renewaccesstoken"] = token_answer(access="access-2")
    with pytest.raises(BrokerUnavailable):
        await cold.accounts()
    assert len(venue.asked["account/list"]) == 3  # the fixture's, the refused one, the repeated one


# --- quotes -----------------------------------------------------------------------------------
async def test_quotes_are_merged_and_survive_a_reconnect(venue: Venue) -> None:
    venue.http["contract/find"] = rows.contract()
    venue.http["contractMaturity/item"] = {"id": 41, "productId": 7}
    venue.http["product/item"] = {"id": 7, "name": "MES", "tickSize": 0.25, "valuePerPoint": 5}

    async def subscribed(line: Line, request_id: int, _: Any) -> None:
        await line.answer(request_id, {})
        for entries in ({"Bid": {"price": 5020.25}}, {"Offer": {"price": 5020.5, "size": 3}}):
            quote = {"contractId": rows.CONTRACT, "timestamp": rows.T0, "entries": entries}
            await line.say({"e": "md", "d": {"quotes": [quote]}})

    venue.on_socket["md/subscribequote"] = subscribed
    async with held(venue) as (broker, facts):
        await facts.synced()
        assert len(venue.lines) == 1
        await broker.subscribe("MESH6")
        await broker.subscribe("MESH6")
        quotes = broker.quotes()
        quote = await until_both_sides(quotes)
        assert (quote.bid, quote.ask, quote.last) == (Decimal("5020.25"), Decimal("5020.5"), None)
        venue.lines[1].connection.transport.abort()
        await until_both_sides(quotes)
    assert venue.asked["md/subscribequote"] == [{"symbol": "MESH6"}] * 2
    assert venue.asked["authorize"].count("md-access-1") == 2


async def until_both_sides(quotes: AsyncIterator[QuoteFact]) -> QuoteFact:
    async with asyncio.timeout(30):
        async for quote in quotes:
            if quote.bid is not None and quote.ask is not None:
                return quote
    raise AssertionError("the stream ended")


# --- people -----------------------------------------------------------------------------------
async def test_a_captcha_ends_the_run(venue: Venue) -> None:
    venue.http["auth/accesstokenrequest"] = {"p-ticket": "x", "p-time": 19, "p-captcha": True}
    broker = venue.broker()
    with pytest.raises(CredentialsExpired, match="captcha"):
        await broker.run()
    await broker.aclose()
    assert len(venue.asked["auth/accesstokenrequest"]) == 1


def test_nothing_shows_a_secret() -> None:
    text = repr(Venue().broker().__dict__) + repr(Venue().broker())
    assert "hunter2" not in text
    assert "shh" not in text
