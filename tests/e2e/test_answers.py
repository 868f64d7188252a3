"""What a sender is answered, what an owner then sees, and that resends never trade twice."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import pytest
import pytest_asyncio

from tests.e2e import verdict
from tests.e2e.house import House, connected, overload, running_house
from tests.e2e.story import ALPHA, BETA
from tests.fixtures.cut import deliver_and_leave
from tests.fixtures.waiting import eventually

pytestmark = pytest.mark.timeout(180)

PRICE: Final = "25000"
ANSWERED_WITHIN_S: Final = 3.0  # then TradingView gives up
BACK_WITHIN_S: Final = 40.0  # how soon is measured by the kills; here only that it is
CUTS_MAX: Final = 3
UNKNOWN_KEY: Final = "Q" * 35
_numbers = itertools.count(1)
_WAITING_FOR_A_LOCK: Final = """
    SELECT count(*) FROM pg_stat_activity WHERE usename = 'tm_api' AND wait_event_type = 'Lock'
"""


@pytest_asyncio.fixture(scope="module")
async def house() -> AsyncIterator[House]:
    async with running_house([PRICE]) as house:
        await house.venue.next_bar()
        yield house


@pytest_asyncio.fixture(autouse=True)
async def nothing_is_traded_twice(house: House) -> AsyncIterator[None]:
    """Whatever a test did, everybody agrees afterwards and no order went out a second time."""
    yield
    await house.quiet()
    await verdict.orders_are_placed_once(house)


def marked() -> str:
    """A comment that no other alert of this run has."""
    return f"case {next(_numbers)}"


def message(comment: str, **more: object) -> bytes:
    """An entry of Beta without any evidence of its moment."""
    fields = {"action": "buy", "quantity": 1, "symbol": "NQ1!", "price": PRICE}
    return json.dumps(fields | {"comment": comment} | more).encode()


async def seen(house: House, comment: str) -> list[dict[str, Any]]:
    """What the owner's list of deliveries shows of these alerts, oldest first."""
    page = await house.browser.get("/api/signals/", limit=500)
    found = [row for row in page["signals"] if comment in json.dumps([row["content"], row["body"]])]
    return list(reversed(found))


async def signals(house: House, comment: str) -> list[int]:
    """The different signals these alerts became."""
    found = {row["signal_id"] for row in await seen(house, comment)}
    return sorted(number for number in found if number is not None)


# ---- what can never become a signal


async def test_a_wrong_key_is_a_404_of_one_shape(house: House) -> None:
    url = house.stack.info["api_url"]
    comment = marked()
    tries = [
        await house.sender.post(f"{url}/webhook/{UNKNOWN_KEY}", message(comment)),
        await house.sender.post(f"{url}/webhook", message(comment)),
        await house.sender.post(f"{url}/webhook", message(comment, secret=UNKNOWN_KEY)),
    ]
    assert [(status, body["code"]) for status, body in tries] == [(404, "webhook.unknown")] * 3
    assert len({(frozenset(body), body["message"]) for _, body in tries}) == 1
    assert await seen(house, comment) == []


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        ("{comment} is no alert", "parse.unreadable"),
        ('{{"action": "buy", "comment": "{comment}", "symbol": ', "parse.unreadable"),
        ('{{"comment": "{comment}", "x": "' + 20_000 * "x" + '"}}', "parse.too_large"),
        (
            '{{"comment": "{comment}", "action": "{{{{strategy.order.action}}}}"}}',
            "parse.placeholder",
        ),
        ('{{"comment": "{comment}", "action": "buy", "symbol": "XYZ1!"}}', "symbol.unknown"),
    ],
)
async def test_a_refused_alert_is_shown_to_its_owner(house: House, shape: str, code: str) -> None:
    comment = marked()
    status, body = await house.sender.post(
        house.webhook(BETA), shape.format(comment=comment).encode()
    )
    assert (status, body["code"]) == (400, code)
    assert body["message"]

    async def unnoted() -> str | None:  # that we answered is noted after the answer
        (row,) = await seen(house, comment)
        return None if row["answered_status"] == 400 else "not noted as answered"

    await eventually(unnoted, within_s=BACK_WITHIN_S, what="the note of the answer")
    (row,) = await seen(house, comment)
    assert (row["verdict"], row["code"]) == ("refused", code)
    assert (row["strategy"], row["signal_id"], row["decisions"]) == (BETA, None, [])


async def test_a_disabled_strategy_takes_the_alert_and_trades_nothing(house: House) -> None:
    comment = marked()
    links = [{"account_id": number} for number in house.accounts]
    settings = {"name": "Gamma", "symbol": "NQ1!", "active": False, "accounts": links}
    made = await house.browser.post("/api/strategies/create/", settings)
    url = f"{house.stack.info['api_url']}/webhook/{made['webhook_key']}"
    orders = len((await house.venue.ledger()).orders)
    status, body = await house.sender.post(url, message(comment))
    assert (status, body["status"], body["code"]) == (202, "blocked", "strategy.disabled")
    (row,) = await seen(house, comment)
    assert (row["verdict"], row["code"]) == ("blocked", "strategy.disabled")
    await house.quiet()
    assert len((await house.venue.ledger()).orders) == orders


# ---- one alert or two


async def test_equal_bytes_with_their_moment_are_one_alert(house: House) -> None:
    comment = marked()
    alert = message(comment, timenow=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    answers = [await house.sender.post(house.webhook(BETA), alert) for _ in range(2)]
    assert [(status, body["status"]) for status, body in answers] == [
        (202, "accepted"),
        (202, "duplicate"),
    ]
    assert answers[0][1]["signal_id"] == answers[1][1]["signal_id"]
    assert [row["verdict"] for row in await seen(house, comment)] == ["accepted", "duplicate"]
    assert len(await signals(house, comment)) == 1


async def test_equal_bytes_without_any_instant_are_two_alerts(house: House) -> None:
    comment = marked()
    alert = message(comment, order_id="Long")
    answers = [await house.sender.post(house.webhook(BETA), alert) for _ in range(2)]
    assert [(status, body["status"]) for status, body in answers] == [(202, "accepted")] * 2
    assert len(await signals(house, comment)) == 2


# ---- resends, with the database away


async def test_four_deliveries_around_a_database_that_hangs_are_one_signal(house: House) -> None:
    """503, 503, an answer that was cut before it was written, 202."""
    comment = marked()
    alert = message(comment)
    before = await accepted(house)
    with house.stack.frozen("postgres"):
        for _ in range(2):
            assert await timed(house, alert) == 503
    await house.quiet(BACK_WITHIN_S)
    first = await cut(house, alert, comment)
    status, body = await house.sender.post(house.webhook(BETA), alert)
    assert (status, body) == (202, {"signal_id": first, "status": "duplicate"})
    await house.quiet()
    assert (await dispositions(house, before)) == {"FILLED"}


async def test_four_deliveries_around_a_database_that_dies_are_one_signal(house: House) -> None:
    """Cut, 503, 503, 202; and the alert that was taken just before trades once."""
    comment = marked()
    alert = message(comment)
    first = await cut(house, alert, comment)
    before = await accepted(house)
    house.stack.kill("postgres")
    began_s = time.monotonic()
    assert [await timed(house, alert) for _ in range(2)] == [503, 503]
    await eventually(lambda: back(house), within_s=BACK_WITHIN_S, what="PostgreSQL")
    status, body = await house.sender.post(house.webhook(BETA), alert)
    assert (status, body) == (202, {"signal_id": first, "status": "duplicate"})
    await house.quiet(BACK_WITHIN_S)
    print(f"right again {time.monotonic() - began_s:.1f} s after PostgreSQL was killed")
    assert (await dispositions(house, before)) == {"FILLED"}


async def accepted(house: House) -> int:
    """An alert of Alpha, answered 202 this moment; its signal."""
    alert = message(marked(), symbol="MNQ1!")
    status, body = await house.sender.post(house.webhook(ALPHA), alert)
    assert status == 202
    return int(body["signal_id"])


async def dispositions(house: House, signal: int) -> set[str]:
    story = await house.browser.get(f"/api/signals/{signal}/")
    assert len(story["decisions"]) == 2
    return {each["disposition"] for each in story["decisions"]}


async def timed(house: House, alert: bytes) -> int:
    """The status of one delivery, answered in time."""
    began_s = time.monotonic()
    status, _ = await house.sender.post(house.webhook(BETA), alert)
    assert time.monotonic() - began_s < ANSWERED_WITHIN_S * overload()
    return status


async def cut(house: House, alert: bytes, comment: str) -> int:
    """A delivery that is committed, by a sender who has left before the answer; its signal.

    The API gives up after a second behind a lock and has then committed nothing: a machine that
    slept so long between our two steps has shown nothing either, and the sender tries once more.
    """
    for _ in range(CUTS_MAX):
        await _cut_once(house, alert)
        if found := await signals(house, comment):
            (signal,) = found
            return signal
    raise AssertionError(f"none of {CUTS_MAX} cut deliveries was committed")


async def _cut_once(house: House, alert: bytes) -> None:
    """Its transaction waits for the strategy's row until the sender is gone."""
    holder = await connected(house.stack.info["database_url"])
    try:
        async with holder.transaction():
            await holder.execute("SELECT FROM strategies WHERE name = $1 FOR UPDATE", BETA)

            async def it_waits() -> None:
                with suppress(AssertionError):  # refused before anybody saw it wait: cut again
                    await eventually(
                        lambda: _waiting(house.database), within_s=ANSWERED_WITHIN_S, what="a lock"
                    )

            await deliver_and_leave(house.webhook(BETA), alert, it_waits)
    finally:
        await holder.close()
    await house.quiet()


async def _waiting(database: asyncpg.Connection) -> str | None:
    return None if await database.fetchval(_WAITING_FOR_A_LOCK) else "nobody waits"


async def back(house: House) -> str | None:
    try:
        await house.reconnect()
    except (OSError, asyncpg.PostgresError) as error:
        return str(error)
    return None
