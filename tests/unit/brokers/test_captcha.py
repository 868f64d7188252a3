"""Orders that meet a captcha: nothing is placed for an hour, a person is told, then it goes on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared.brokers.tradovate.adapter import TradovateBroker
from shared.brokers.tradovate.health import HealthBoard
from shared.brokers.tradovate.limits import CAPTCHA_REST_S
from shared.brokers.tradovate.login import Urls
from shared.domain.order import Action, OrderType
from shared.ports.broker import Accepted, LoginState, NotSent, Priority, Token
from tests.unit.brokers.fake_clock import FakeClock
from tests.unit.brokers.test_adapter import ENTRY
from tests.unit.brokers.venue import LOGIN, MemoryTokens

ASKED_FOR = {"p-ticket": "T1", "p-time": 19, "p-captcha": True}
EXIT = replace(
    ENTRY,
    client_id=str(uuid4()),
    action=Action.SELL,
    order_type=OrderType.MARKET,
    price=None,
    priority=Priority.EXIT,
)


class Door:
    """Answers of the order endpoints over HTTP, and what was asked."""

    def __init__(self) -> None:
        self.answer: dict[str, object] = ASKED_FOR
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1/")
        self.asked.append((path, json.loads(request.content)))
        answer = {"commandId": 3} if path == "order/cancelorder" else self.answer
        return httpx.Response(200, json=answer)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
async def broker(clock: FakeClock, door: Door) -> AsyncIterator[TradovateBroker]:
    token = Token("access", None, clock.now() + timedelta(hours=9), 15460)
    broker = TradovateBroker(
        LOGIN,
        Urls.of("http://127.0.0.1:9/v1"),
        clock,
        MemoryTokens(token),
        Random(7),  # noqa: S311 - jitter, no secret
        transport=httpx.MockTransport(door),
    )
    await broker._auth.token()
    yield broker
    await broker.aclose()


async def test_nothing_is_placed_for_an_hour_and_cancels_go_on(
    broker: TradovateBroker, clock: FakeClock, door: Door
) -> None:
    assert await broker.place(ENTRY) == NotSent("broker.captcha", CAPTCHA_REST_S)
    clock.advance(600)
    for request in (ENTRY, EXIT):
        assert await broker.place(request) == NotSent("broker.captcha", CAPTCHA_REST_S - 600)
    assert len(door.asked) == 1
    assert await broker.cancel(11, str(uuid4())) == Accepted(11)


async def test_who_asks_knows_how_long_no_order_can_be_placed(
    broker: TradovateBroker, clock: FakeClock, door: Door
) -> None:
    assert broker.rests_s == 0
    door.answer = {"p-ticket": "T1", "p-time": 19}
    assert await broker.place(ENTRY) == NotSent("broker.penalty", 19)
    assert broker.rests_s == 19
    clock.advance(19)
    assert broker.rests_s == 0
    door.answer = ASKED_FOR
    await broker.place(EXIT)
    clock.advance(600)
    assert broker.rests_s == CAPTCHA_REST_S - 600
    clock.advance(CAPTCHA_REST_S)
    assert broker.rests_s == 0


async def test_who_takes_the_login_over_is_told_to_rest(
    broker: TradovateBroker, clock: FakeClock, door: Door
) -> None:
    broker.rest_until(clock.now() + timedelta(seconds=600))
    assert await broker.place(EXIT) == NotSent("broker.captcha", 600)
    assert (broker.rests_s, door.asked) == (600, [])
    clock.advance(600)
    door.answer = {"orderId": 8}
    assert await broker.place(EXIT) == Accepted(8)


async def test_a_rest_that_is_over_holds_nothing_and_none_is_longer_than_its_hour(
    broker: TradovateBroker, clock: FakeClock
) -> None:
    broker.rest_until(clock.now() - timedelta(seconds=1))
    assert broker.rests_s == 0
    broker.rest_until(clock.now() + timedelta(hours=7))
    assert broker.rests_s == CAPTCHA_REST_S


async def test_nobody_signed_in_places_nothing(clock: FakeClock, door: Door) -> None:
    broker = TradovateBroker(
        LOGIN,
        Urls.of("http://127.0.0.1:9/v1"),
        clock,
        MemoryTokens(),
        Random(7),  # noqa: S311 - jitter, no secret
        transport=httpx.MockTransport(door),
    )
    assert broker.rests_s > 0


async def test_after_the_hour_an_exit_is_tried_without_the_persons_ticket(
    broker: TradovateBroker, clock: FakeClock, door: Door
) -> None:
    assert await broker.place(EXIT) == NotSent("broker.captcha", CAPTCHA_REST_S)
    clock.advance(CAPTCHA_REST_S)
    door.answer = {"orderId": 8}
    assert await broker.place(EXIT) == Accepted(8)
    assert "p-ticket" not in door.asked[-1][1]


async def test_the_reason_is_shown_while_the_feed_goes_on(clock: FakeClock) -> None:
    board = HealthBoard(clock)
    board.streaming()
    board.rest("broker.captcha", CAPTCHA_REST_S)
    shown = board.now
    assert (shown.state, shown.code) == (LoginState.QUARANTINED, "broker.captcha")
    assert shown.next_attempt_at == clock.now() + timedelta(seconds=CAPTCHA_REST_S)
    clock.advance(60)
    board.down("broker.connection_lost", 1.0)
    board.streaming()  # the feed came back: orders still rest
    assert board.now.state is LoginState.QUARANTINED
    assert board.now.next_attempt_at == shown.next_attempt_at
    clock.advance(CAPTCHA_REST_S)
    board.streaming()
    assert (board.now.state, board.now.code) == (LoginState.STREAMING, None)


async def test_a_lost_feed_is_not_hidden_by_a_rest(clock: FakeClock) -> None:
    board = HealthBoard(clock)
    board.down("broker.connection_lost", 1.0)
    board.rest("broker.captcha", CAPTCHA_REST_S)
    assert (board.now.state, board.now.code) == (LoginState.CONNECTING, "broker.connection_lost")
