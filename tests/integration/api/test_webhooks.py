"""What a webhook answers, and what then stands in the database."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.resources import Resources
from api.webhooks.limits import Buckets
from shared.domain.ids import event_id
from shared.runtime.clock import SystemClock
from tests.integration.api.helpers import RecordingBell, Town

BUY: dict[str, Any] = {"symbol": "NQ1!", "action": "buy", "quantity": 1, "price": "21000.25"}


def body(**changes: Any) -> bytes:
    return json.dumps(BUY | changes).encode()


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain; charset=utf-8", None])
async def test_an_alert_is_committed_and_then_answered(
    client: httpx.AsyncClient, town: Town, bell: RecordingBell, slash: str, content_type: str | None
) -> None:
    strategy = await town.strategy()
    headers = {} if content_type is None else {"Content-Type": content_type}

    answer = await client.post(strategy.url + slash, content=body(), headers=headers)

    [signal], [alert], [event] = await town.signals(), await town.alerts(), await town.events()
    assert answer.status_code == 202
    assert answer.json() == {"signal_id": signal.id, "status": "accepted"}
    assert answer.headers["x-correlation-id"] == str(signal.id)
    assert (signal.user_id, signal.strategy_id, signal.seq) == (strategy.user_id, strategy.id, 1)
    assert (signal.status, signal.code) == ("accepted", None)
    assert signal.content["symbol"] == "NQ1!"
    assert signal.content["price"] == "21000.25"
    assert (alert.verdict, alert.signal_id, alert.body) == ("accepted", signal.id, body())
    assert alert.answered_status == 202
    assert alert.received_at == signal.received_at
    assert event.type == "signal.accepted.v1"
    assert event.stream == "tm.signals"
    assert event.event_id == event_id("signal.accepted.v1", str(signal.id))
    assert event.body == {"signal_id": signal.id, "strategy_id": strategy.id, "seq": 1}
    assert [envelope.id for envelope in bell.rung] == [event.event_id]


async def test_signals_of_a_strategy_are_numbered_without_gaps(
    client: httpx.AsyncClient, town: Town
) -> None:
    strategy = await town.strategy()
    for price in ("1.00", "bad", "2.00", "2.00"):
        await client.post(strategy.url, content=body(price=price, alert_id=price))
    assert [signal.seq for signal in await town.signals()] == [1, 2]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "parse.empty"),
        (b"hello", "parse.unreadable"),
        (b"[1]", "parse.not_object"),
        (b"\xff\xfe", "parse.encoding"),
        (body(strategy="{{strategy.strategy_name}}"), "parse.placeholder"),
        (body(action="wiggle"), "parse.action"),
        (body(quantity="NaN"), "parse.quantity"),
        (body(symbol="AAPL"), "symbol.unknown"),
        (body(symbol="NQ1!x"), "symbol.unknown"),
    ],
)
async def test_what_can_never_succeed_is_refused_and_kept_for_its_owner(
    client: httpx.AsyncClient, town: Town, content: bytes, code: str
) -> None:
    strategy = await town.strategy()

    answer = await client.post(strategy.url, content=content)

    [alert] = await town.alerts()
    assert answer.status_code == 400
    assert answer.json()["code"] == code
    assert answer.json()["message"] == alert.message
    assert answer.json()["correlation_id"]
    assert (alert.user_id, alert.strategy_id) == (strategy.user_id, strategy.id)
    assert (alert.verdict, alert.code, alert.body) == ("refused", code, content)
    assert await town.signals() == []
    assert await town.events() == []


@pytest.mark.parametrize("size_bytes", [16 * 1024 + 1, 60_000])
async def test_a_large_alert_is_kept_by_size_and_beginning(
    client: httpx.AsyncClient, town: Town, size_bytes: int
) -> None:
    strategy = await town.strategy()
    content = body().ljust(size_bytes)

    answer = await client.post(strategy.url, content=content)

    [alert] = await town.alerts()
    assert answer.status_code == 400
    assert answer.json()["code"] == "parse.too_large"
    assert alert.body_bytes == size_bytes
    assert alert.body == content[:2048]


async def test_the_largest_alert_is_taken(client: httpx.AsyncClient, town: Town) -> None:
    strategy = await town.strategy()
    answer = await client.post(strategy.url, content=body().ljust(16 * 1024))
    assert answer.status_code == 202


async def test_unknown_keys_and_bad_secrets_look_alike(
    client: httpx.AsyncClient, town: Town
) -> None:
    strategy = await town.strategy()
    wrong = "A" * 35
    answers = [
        await client.post(f"/webhook/{wrong}", content=body()),
        await client.post(f"/webhook/{strategy.id}", content=body()),
        await client.post(f"/webhook/{strategy.key.lower()}", content=body()),
        await client.post("/webhook", content=body()),
        await client.post("/webhook/", content=body(secret=wrong)),
        await client.post("/webhook", content=b"\xff"),
        await client.post("/webhook", content=body(secret=wrong).ljust(70_000)),
    ]
    shapes = {(a.status_code, a.json()["code"], a.json()["message"]) for a in answers}
    assert shapes == {(404, "webhook.unknown", "There is no such webhook.")}
    stored = await town.alerts()
    assert len(stored) == len(answers)
    assert {(alert.user_id, alert.verdict) for alert in stored} == {(None, "refused")}
    assert max(len(alert.body) for alert in stored) == 2048
    assert not any(wrong.encode() in alert.body for alert in stored)


async def test_a_guessing_stranger_cannot_fill_the_log(
    client: httpx.AsyncClient, town: Town
) -> None:
    for number in range(40):
        answer = await client.post(f"/webhook/{number}", content=body())
        assert answer.status_code == 404
    assert 20 <= len(await town.alerts()) <= 22


@pytest.mark.parametrize("field", ["secret", "key"])
@pytest.mark.parametrize("url", ["/webhook", "/webhook/"])
async def test_a_generic_alert_carries_its_key(
    client: httpx.AsyncClient, town: Town, field: str, url: str
) -> None:
    strategy = await town.strategy(name="My Strategy")
    content = body(strategy=" my  STRATEGY ", **{field: strategy.key})

    answer = await client.post(url, content=content)

    [signal], [alert] = await town.signals(), await town.alerts()
    assert answer.json() == {"signal_id": signal.id, "status": "accepted"}
    assert signal.strategy_id == strategy.id
    assert "name_mismatch" not in signal.content
    assert alert.body == content.replace(strategy.key.encode(), b"***")
    assert strategy.key not in json.dumps(signal.content)


async def test_a_generic_alert_that_cannot_be_read_still_finds_its_owner(
    client: httpx.AsyncClient, town: Town
) -> None:
    strategy = await town.strategy()
    content = body(secret=strategy.key, comment="{{plot_0}}")
    answer = await client.post("/webhook", content=content)
    [alert] = await town.alerts()
    assert (answer.status_code, answer.json()["code"]) == (400, "parse.placeholder")
    assert alert.user_id == strategy.user_id
    assert strategy.key.encode() not in alert.body


async def test_the_key_decides_when_the_name_says_otherwise(
    client: httpx.AsyncClient, town: Town
) -> None:
    person = await town.person()
    keyed = await town.strategy(person.id, name="Breakout")
    await town.strategy(person.id, name="Mean Reversion")
    answer = await client.post(keyed.url, content=body(strategy="Mean Reversion"))
    [signal] = await town.signals()
    assert answer.status_code == 202
    assert signal.strategy_id == keyed.id
    assert signal.content["name_mismatch"] == "Mean Reversion"


async def test_a_disabled_strategy_blocks_and_says_so(
    client: httpx.AsyncClient, town: Town, bell: RecordingBell
) -> None:
    strategy = await town.strategy(active=False)
    answer = await client.post(strategy.url, content=body())
    [signal] = await town.signals()
    assert answer.status_code == 202
    assert answer.json() == {
        "signal_id": signal.id, "status": "blocked", "code": "strategy.disabled",
    }  # fmt: skip
    assert (signal.status, signal.code) == ("blocked", "strategy.disabled")
    assert (await town.events(), bell.rung) == ([], [])


async def test_above_the_rate_alerts_are_blocked_not_refused(
    app: FastAPI, client: httpx.AsyncClient, town: Town
) -> None:
    app.state.door.webhooks._rate = Buckets(0.001, 2, SystemClock())
    strategy, other = await town.strategy(), await town.strategy()
    answers = [await client.post(strategy.url, content=body(alert_id=n)) for n in "abc"]
    assert [answer.json()["status"] for answer in answers] == ["accepted", "accepted", "blocked"]
    assert answers[2].json()["code"] == "alert.rate_limited"
    assert (await client.post(other.url, content=body())).json()["status"] == "accepted"
    assert [signal.code for signal in await town.signals()][2] == "alert.rate_limited"


async def test_a_deleted_strategy_is_unknown(client: httpx.AsyncClient, town: Town) -> None:
    strategy = await town.strategy()
    await town.sql("UPDATE strategies SET deleted_at = now()")
    assert (await client.post(strategy.url, content=body())).status_code == 404


async def test_both_keys_work_while_one_is_being_replaced(
    client: httpx.AsyncClient, town: Town
) -> None:
    strategy = await town.strategy()
    await town.sql(
        "UPDATE strategies SET webhook_prev_hash = webhook_key_hash, webhook_key_hash = '\\x01'"
    )
    assert (await client.post(strategy.url, content=body())).status_code == 202


async def test_no_cookie_no_token_and_no_origin_are_asked_for(
    client: httpx.AsyncClient, town: Town
) -> None:
    strategy = await town.strategy()
    answer = await client.post(
        strategy.url, content=body(), headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 202


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
async def test_only_post(client: httpx.AsyncClient, method: str) -> None:
    answer = await client.request(method, "/webhook/" + "A" * 35)
    assert answer.status_code == 405


async def test_the_door_forgets_its_turns(
    app: FastAPI, client: httpx.AsyncClient, town: Town, resources: Resources
) -> None:
    strategy = await town.strategy()
    for content in (body(), b"nonsense", body()):
        await client.post(strategy.url, content=content)
    await client.post("/webhook/nobody", content=body())
    assert len(app.state.door.turns) == 0
    assert resources.engine.pool.checkedout() == 0  # type: ignore[attr-defined] # QueuePool's own
