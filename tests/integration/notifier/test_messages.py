"""From an event to what the reader sees: once, in order, whatever breaks."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from notifier import delivery, store
from notifier.settings import NotifierSettings
from shared.runtime.service import Service
from shared.streams.publisher import xadd
from tests.fixtures.discord import DiscordServer
from tests.integration.notifier.conftest import House, running
from tests.integration.streams.helpers import eventually
from tests.integration.streams.servers import Valkey
from tests.unit.notifier.bodies import closed, opened, resized

SENT = ("sent", None)


async def test_each_kind_reaches_its_reader(
    notifier: Service, house: House, discord: DiscordServer
) -> None:
    user, reader = await house.add_user()
    await house.say(user, opened())
    await house.say(user, resized())
    await house.say(user, closed())
    await house.say(user, closed(recorded_position_id=8, exit_reason="Signal"))
    await eventually(lambda: house.are(SENT, SENT, SENT, SENT), "all sent")
    assert [line.split("**")[1] for line in discord.seen_by(reader)] == [
        "Position opened", "Take profit hit", "Stop loss hit", "Position closed",
    ]  # fmt: skip
    assert [row["kind"] for row in await house.deliveries()] == [
        "opened", "target_hit", "stop_hit", "closed",
    ]  # fmt: skip


async def test_an_event_delivered_often_is_told_once(
    notifier: Service, house: House, redis: Redis, discord: DiscordServer
) -> None:
    user, reader = await house.add_user()
    event = await house.say(user, opened())
    await xadd(redis, [event, event])
    await redis.flushall()
    await xadd(redis, [event])
    await house.say(user, closed())
    await eventually(lambda: house.are(SENT, SENT), "both sent")
    assert len(discord.seen_by(reader)) == 2
    assert discord.repeats == []


async def test_a_late_fee_is_no_second_closing(
    notifier: Service, house: House, discord: DiscordServer
) -> None:
    user, reader = await house.add_user()
    early = closed(fees_known=False, fees_usd=Decimal(0), net_usd=Decimal(-100))
    await house.say(user, early)
    await eventually(lambda: house.are(SENT), "sent without the fee")
    await house.say(user, closed(version=4))
    await house.say(user, closed(version=5, exit_reason="Manual"))
    await house.say(user, opened(recorded_position_id=8))
    await eventually(lambda: house.are(SENT, SENT), "the next one")
    assert len(discord.seen_by(reader)) == 2
    assert "a fee is not known yet" in discord.seen_by(reader)[0]


async def test_a_fee_that_comes_at_once_is_in_the_message(
    notifier: Service, house: House, discord: DiscordServer
) -> None:
    user, reader = await house.add_user()
    await house.say(user, closed(fees_known=False, fees_usd=Decimal(0), net_usd=Decimal(-100)))
    await house.say(user, closed(version=4))
    await eventually(lambda: house.are(SENT), "sent")
    (message,) = discord.seen_by(reader)
    assert "-$101.24 net" in message
    assert "not known" not in message


async def test_who_is_not_told(notifier: Service, house: House, discord: DiscordServer) -> None:
    unlinked, _ = await house.add_user(discord=None)
    silent, _ = await house.add_user(dms=False)
    choosy, _ = await house.add_user()
    await house.execute(
        "INSERT INTO notification_settings (user_id, kinds) VALUES (:u, '{\"opened\": false}')",
        u=choosy,
    )
    told, reader = await house.add_user()
    for user in (unlinked, silent, choosy, told):
        await house.say(user, opened())
    await eventually(lambda: house.are(SENT), "the one")
    assert [message.user_id for message in discord.messages] == [reader]


async def test_switching_off_stops_what_waits(
    settings: NotifierSettings, house: House, discord: DiscordServer
) -> None:
    user, _ = await house.add_user()
    async with running(settings.model_copy(update={"discord_bot_token": SecretStr("")})):
        await house.say(user, opened())
        await eventually(lambda: house.are(("pending", "discord.not_configured")), "queued")
    await house.execute("UPDATE users SET discord_dms_enabled = false")
    async with running(settings):
        await eventually(lambda: house.are(("failed", "notice.switched_off")), "dropped, visibly")
    assert discord.requests == []


async def test_without_a_token_messages_wait_and_say_why(
    settings: NotifierSettings, house: House, discord: DiscordServer
) -> None:
    user, reader = await house.add_user()
    async with running(settings.model_copy(update={"discord_bot_token": SecretStr("")})):
        await house.say(user, opened())
        await eventually(lambda: house.are(("pending", "discord.not_configured")), "it waits")
    (row,) = await house.deliveries()
    assert row["attempts"] == 0, "it does not spin"
    async with running(settings):
        await eventually(lambda: house.are(SENT), "sent once it can be")
    assert len(discord.seen_by(reader)) == 1


async def test_what_can_never_arrive_ends_visibly(
    notifier: Service, house: House, discord: DiscordServer
) -> None:
    shut, shut_reader = await house.add_user()
    gone, gone_reader = await house.add_user()
    broken, _ = await house.add_user(discord="nobody")
    discord.switches.closed_users.add(shut_reader)
    discord.switches.unknown_users.add(gone_reader)
    await house.say(shut, opened())
    await eventually(lambda: house.are(("failed", "discord.dms_closed")), "closed")
    await house.say(gone, opened())
    await house.say(broken, opened())
    await eventually(
        lambda: house.are(
            ("failed", "discord.dms_closed"),
            ("failed", "discord.unknown_user"),
            ("failed", "discord.unknown_user"),
        ),
        "all three",
    )
    assert len(discord.requests) == 3, "DM, message, DM: and no repeats"
    discord.problems.clear()
    discord.switches.closed_users.clear()
    await house.say(shut, closed())
    await eventually(lambda: _is_sent(house, 4), "the next one is not blocked by it")


async def test_a_bad_token_ends_visibly(
    notifier: Service, house: House, discord: DiscordServer
) -> None:
    discord.switches.token = "another"
    user, _ = await house.add_user()
    await house.say(user, opened())
    await eventually(lambda: house.are(("failed", "discord.unauthorized")), "refused")
    discord.problems.clear()


@pytest.mark.parametrize("fault", ["500", "502", "429", "global", "lost", "hang"])
async def test_trouble_that_passes_is_waited_out(
    notifier: Service, house: House, discord: DiscordServer, fault: str
) -> None:
    """`lost` is the wicked one: Discord has the message, and we cannot know."""
    user, reader = await house.add_user()
    discord.switches.next.extend([fault, fault])
    await house.say(user, opened())
    await house.say(user, closed())
    await eventually(lambda: house.are(SENT, SENT), "both, in the end", within_s=20)
    assert [line.split("**")[1] for line in discord.seen_by(reader)] == [
        "Position opened", "Stop loss hit",
    ]  # fmt: skip
    assert (len(discord.repeats) > 0) is (fault == "lost")


async def test_the_rate_limit_is_kept(
    notifier: Service, house: House, discord: DiscordServer
) -> None:
    discord.switches.set(message_limit=3, message_window_s=0.5)
    user, reader = await house.add_user()
    for number in range(8):
        await house.say(user, opened(recorded_position_id=number))
    await eventually(lambda: house.are(*[SENT] * 8), "all of them")
    assert len(discord.seen_by(reader)) == 8
    assert len(discord.requests) == 9, "one DM channel, eight messages, no 429"


async def test_giving_up_in_a_queue_does_not_block_it_for_ever(
    notifier: Service, house: House, discord: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """hikari keeps the place of a request that was cancelled while it waited for its bucket."""
    monkeypatch.setattr(delivery, "SEND_TIMEOUT_S", 0.3)
    discord.switches.set(message_limit=1, message_window_s=1.5)
    user, reader = await house.add_user()
    for number in range(4):
        await house.say(user, opened(recorded_position_id=number))
    await eventually(lambda: house.are(*[SENT] * 4), "all of them", within_s=20)
    assert len(discord.seen_by(reader)) == 4


async def test_one_unreachable_person_holds_up_nobody_else(
    notifier: Service, house: House, discord: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once their channels are known; hikari sends the very first ones one at a time."""
    monkeypatch.setattr(delivery, "SEND_TIMEOUT_S", 25.0)
    monkeypatch.setattr(store, "CLAIM_S", 60.0)
    slow, slow_reader = await house.add_user()
    quick, quick_reader = await house.add_user()
    for user in (slow, quick):
        await house.say(user, opened())
    await eventually(lambda: house.are(SENT, SENT), "the first ones")
    asked = len(discord.requests)
    discord.switches.next.append("hang")
    await house.say(slow, opened(recorded_position_id=8))
    await eventually(lambda: _asked(discord, asked + 1), "the slow one is being sent")
    await house.say(slow, closed())
    await house.say(quick, closed())
    await eventually(lambda: _has(discord, quick_reader, 2), "the quick one", within_s=20)
    assert len(discord.seen_by(slow_reader)) == 1, "nor is the order of the slow one changed"


async def test_without_redis_messages_still_go_out(
    settings: NotifierSettings, house: House, discord: DiscordServer, valkey_server: Valkey
) -> None:
    user, reader = await house.add_user()
    valkey_server.kill()
    try:
        house.rings = False
        async with running(settings):
            await house.say(user, opened())
            await eventually(lambda: _has(discord, reader, 1), "the sweep found it")
            await eventually(lambda: house.are(SENT), "marked")
    finally:
        valkey_server.start()


async def test_two_notifiers_send_once(
    settings: NotifierSettings, house: House, discord: DiscordServer
) -> None:
    discord.switches.set(message_limit=50)
    readers = [await house.add_user() for _ in range(5)]
    async with running(settings), running(settings):
        for number in range(6):
            for user, _ in readers:
                await house.say(user, opened(recorded_position_id=user * 100 + number))
        await eventually(lambda: house.are(*[SENT] * 30), "all sent", within_s=20)
    assert [len(discord.seen_by(reader)) for _, reader in readers] == [6] * 5
    assert discord.repeats == []


async def test_stopping_amid_a_send_loses_nothing(
    settings: NotifierSettings, house: House, discord: DiscordServer
) -> None:
    user, reader = await house.add_user()
    discord.switches.next.append("hang")
    async with running(settings):
        await house.say(user, opened())
        await eventually(lambda: _asked(discord, 2), "it is being sent")
    async with asyncio.timeout(15), running(settings):
        await eventually(lambda: house.are(SENT), "sent by the next process")
    assert len(discord.seen_by(reader)) == 1


async def _asked(discord: DiscordServer, count: int) -> bool:
    return len(discord.requests) >= count


async def _has(discord: DiscordServer, reader: str, count: int) -> bool:
    return len(discord.seen_by(reader)) == count


async def _is_sent(house: House, count: int) -> bool:
    states = await house.states()
    return len(states) == count and states[-1] == SENT
