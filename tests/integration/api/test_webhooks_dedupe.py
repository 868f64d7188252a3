"""When are two deliveries one alert? Only on evidence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from api.app import create_app
from api.resources import Resources
from api.webhooks import store
from shared.db.tables.strategies import strategies
from shared.db.uow import unit_of_work
from tests.integration.api.helpers import (
    BASE_URL,
    RecordingBell,
    Strategy,
    Town,
    eventually,
    serving,
)

PLAIN = json.dumps({"symbol": "NQ1!", "action": "buy", "order_id": "Long"}).encode()


def with_moment(**changes: Any) -> bytes:
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({"symbol": "NQ1!", "action": "buy", "timenow": moment} | changes).encode()


@pytest.fixture
async def strategy(town: Town) -> Strategy:
    return await town.strategy()


@pytest.fixture
async def second(resources: Resources) -> AsyncIterator[httpx.AsyncClient]:
    """Another API process: its own memory, the same database."""
    transport = httpx.ASGITransport(create_app(resources))
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as made:
        yield made


async def post(client: httpx.AsyncClient, strategy: Strategy, content: bytes) -> dict[str, Any]:
    answer = await client.post(strategy.url, content=content)
    assert answer.status_code == 202
    found: dict[str, Any] = answer.json()
    return found


async def cut(app: FastAPI, town: Town, strategy: Strategy, content: bytes) -> None:
    """A delivery whose sender is gone before the answer: committed, and not known answered."""
    before = len(await town.alerts())
    async with serving(app) as port, unit_of_work(town.owner) as holding:
        # The row's lock keeps the handler waiting until the sender has hung up.
        await holding.execute(select(strategies).with_for_update())
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST {strategy.url} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n\r\n"
        writer.write(head.encode() + content)
        await writer.drain()
        await eventually(lambda: waits_for_lock(town))
        writer.close()
        await writer.wait_closed()
        await holding.rollback()
        await eventually(lambda: has_alerts(town, before + 1))


async def waits_for_lock(town: Town) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    async with town.owner.connect() as connection:
        return bool((await connection.exec_driver_sql(query)).scalar_one())


async def has_alerts(town: Town, count: int) -> bool:
    return len(await town.alerts()) == count


async def test_equal_bytes_that_hold_their_moment_are_one_alert(
    client: httpx.AsyncClient, town: Town, strategy: Strategy, bell: RecordingBell
) -> None:
    content = with_moment()
    answers = [await post(client, strategy, content) for _ in range(4)]
    [signal] = await town.signals()
    assert [answer["status"] for answer in answers] == ["accepted"] + ["duplicate"] * 3
    assert {answer["signal_id"] for answer in answers} == {signal.id}
    log = await town.alerts()
    assert [alert.verdict for alert in log] == ["accepted"] + ["duplicate"] * 3
    assert {alert.signal_id for alert in log} == {signal.id}
    assert len(await town.events()) == len(bell.rung) == 1


async def test_another_moment_is_another_alert(
    client: httpx.AsyncClient, town: Town, strategy: Strategy
) -> None:
    await post(client, strategy, with_moment())
    await post(client, strategy, with_moment(timenow="2026-01-01T00:00:01Z"))
    assert len(await town.signals()) == 2


@pytest.mark.parametrize("field", ["alert_id", "signal_id", "dedupe_id"])
async def test_an_id_of_its_own_decides_whatever_else_the_alert_says(
    client: httpx.AsyncClient, town: Town, strategy: Strategy, field: str
) -> None:
    first = await post(client, strategy, with_moment(**{field: "a1"}))
    again = await post(client, strategy, with_moment(**{field: "a1"}, price="1.5"))
    other = await post(client, strategy, with_moment(**{field: "a2"}))
    assert again == {"signal_id": first["signal_id"], "status": "duplicate"}
    assert other["status"] == "accepted"


async def test_two_real_alerts_of_equal_text_are_two_signals(
    client: httpx.AsyncClient, town: Town, strategy: Strategy
) -> None:
    """Both were answered; Pine's order id is a name and no evidence."""
    for _ in range(2):
        assert (await post(client, strategy, PLAIN))["status"] == "accepted"
    assert [signal.seq for signal in await town.signals()] == [1, 2]


async def test_two_equal_alerts_at_once_are_two_signals(
    client: httpx.AsyncClient, town: Town, strategy: Strategy
) -> None:
    answers = await asyncio.gather(*(post(client, strategy, PLAIN) for _ in range(5)))
    assert [answer["status"] for answer in answers] == ["accepted"] * 5
    assert len(await town.signals()) == 5


async def test_two_equal_alerts_at_once_at_two_processes_are_two_signals(
    client: httpx.AsyncClient, second: httpx.AsyncClient, town: Town, strategy: Strategy
) -> None:
    answers = await asyncio.gather(
        *(post(one, strategy, PLAIN) for _ in range(3) for one in (client, second))
    )
    assert [answer["status"] for answer in answers] == ["accepted"] * 6


async def test_equal_deliveries_with_a_moment_at_once_are_one_signal(
    client: httpx.AsyncClient, second: httpx.AsyncClient, town: Town, strategy: Strategy
) -> None:
    content = with_moment()
    answers = await asyncio.gather(
        *(post(one, strategy, content) for _ in range(3) for one in (client, second))
    )
    assert sorted(answer["status"] for answer in answers) == ["accepted"] + ["duplicate"] * 5
    assert len(await town.signals()) == 1


async def test_a_cut_answer_and_its_resend_are_one_signal(
    app: FastAPI, client: httpx.AsyncClient, town: Town, strategy: Strategy
) -> None:
    await cut(app, town, strategy, PLAIN)
    [alert] = await town.alerts()
    assert (alert.verdict, alert.answered_status) == ("accepted", None)

    resend = await post(client, strategy, PLAIN)

    [signal] = await town.signals()
    assert resend == {"signal_id": signal.id, "status": "duplicate"}


async def test_the_resend_was_answered_so_the_next_equal_alert_is_new(
    app: FastAPI, client: httpx.AsyncClient, town: Town, strategy: Strategy
) -> None:
    await cut(app, town, strategy, PLAIN)
    assert (await post(client, strategy, PLAIN))["status"] == "duplicate"
    assert (await post(client, strategy, PLAIN))["status"] == "accepted"
    assert len(await town.signals()) == 2


async def test_four_deliveries_of_which_three_failed_are_one_signal(
    app: FastAPI, client: httpx.AsyncClient, town: Town, strategy: Strategy
) -> None:
    """503 before anything was stored, cut after the commit, 503 noted, and at last an answer."""
    async with unit_of_work(town.owner) as holding:
        await holding.execute(select(strategies).with_for_update())
        refused = await client.post(strategy.url, content=PLAIN)
    assert refused.status_code == 503
    assert await town.signals() == []

    await cut(app, town, strategy, PLAIN)
    await town.sql("UPDATE alerts SET answered_status = 503")
    await cut(app, town, strategy, PLAIN)
    last = await post(client, strategy, PLAIN)

    [signal] = await town.signals()
    assert last == {"signal_id": signal.id, "status": "duplicate"}
    assert [alert.verdict for alert in await town.alerts()] == [
        "accepted", "duplicate", "duplicate",
    ]  # fmt: skip


async def test_after_a_minute_an_unanswered_delivery_is_no_evidence(
    app: FastAPI, client: httpx.AsyncClient, town: Town, strategy: Strategy
) -> None:
    await cut(app, town, strategy, PLAIN)
    await town.sql("UPDATE alerts SET received_at = received_at - interval '61 seconds'")
    assert (await post(client, strategy, PLAIN))["status"] == "accepted"


@pytest.mark.parametrize(
    ("field", "window"),
    [("alert_id", timedelta(days=7)), ("timenow", timedelta(hours=24))],
)
async def test_a_key_is_free_again_after_its_window(
    client: httpx.AsyncClient, town: Town, strategy: Strategy, field: str, window: timedelta
) -> None:
    content = with_moment(**({"alert_id": "a1"} if field == "alert_id" else {}))
    await post(client, strategy, content)

    await town.sql(
        "UPDATE signals SET received_at = now() - CAST(:age AS interval)",
        age=window - timedelta(minutes=1),
    )
    assert (await post(client, strategy, content))["status"] == "duplicate"

    await town.sql(
        "UPDATE signals SET received_at = now() - CAST(:age AS interval)",
        age=window + timedelta(minutes=1),
    )
    assert (await post(client, strategy, content))["status"] == "accepted"
    old, new = await town.signals()
    assert old.dedupe_key is None
    assert new.dedupe_key is not None
    assert (await post(client, strategy, content))["signal_id"] == new.id


async def test_evidence_holds_for_one_strategy_only(
    client: httpx.AsyncClient, town: Town, strategy: Strategy
) -> None:
    other = await town.strategy(strategy.user_id, name="Another")
    content = with_moment(alert_id="a1")
    for one in (strategy, other):
        assert (await post(client, one, content))["status"] == "accepted"


async def test_a_blocked_signal_is_not_revived_by_its_resend(
    client: httpx.AsyncClient, town: Town
) -> None:
    strategy = await town.strategy(active=False)
    content = with_moment()
    first = await post(client, strategy, content)
    await town.sql("UPDATE strategies SET active = true")
    again = await post(client, strategy, content)
    assert again == {"signal_id": first["signal_id"], "status": "duplicate"}
    assert await town.events() == []


async def test_an_equal_delivery_waits_for_the_fate_of_the_first(
    client: httpx.AsyncClient, second: httpx.AsyncClient, town: Town, strategy: Strategy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The first one's answer is on its way while the second arrives at another process."""
    may_note, note = asyncio.Event(), store.note_answers

    async def late(*args: Any) -> None:
        await may_note.wait()
        await note(*args)

    monkeypatch.setattr(store, "note_answers", late)
    first = asyncio.create_task(post(client, strategy, PLAIN))
    await eventually(lambda: has_alerts(town, 1))
    later = asyncio.create_task(post(second, strategy, PLAIN))
    done, _ = await asyncio.wait({later}, timeout=0.3)
    assert not done
    may_note.set()
    assert (await first)["status"] == "accepted"
    assert (await later)["status"] == "accepted"
