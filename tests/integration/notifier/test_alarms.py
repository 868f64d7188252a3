"""Alarms on their way: by name, to whom they concern, and ahead of the news of trades."""

from __future__ import annotations

from pydantic import SecretStr

from notifier.settings import NotifierSettings
from shared.runtime.service import Service
from tests.fixtures.discord import DiscordServer
from tests.integration.notifier.conftest import House, running
from tests.integration.streams.helpers import eventually
from tests.unit.notifier.bodies import closed, opened
from tests.unit.notifier.test_alarms import ENDED, PARTED, QUIET, REACHED, SAID

SENT = ("sent", None)


async def people(house: House) -> tuple[tuple[int, str], tuple[int, str]]:
    """Two users; the first has account 1 and strategy 3, the names of the bodies."""
    ann, bob = await house.add_user(), await house.add_user()
    await house.execute(
        "INSERT INTO broker_connections (user_id, name, environment, login_name, device_id)"
        " VALUES (:u, 'Paper', 'paper', 'ann', 'd')",
        u=ann[0],
    )
    await house.execute(
        "INSERT INTO accounts (id, user_id, connection_id, broker_account_id, name)"
        " OVERRIDING SYSTEM VALUE SELECT 1, :u, id, 1, 'DEMO1' FROM broker_connections",
        u=ann[0],
    )
    await house.execute(
        "INSERT INTO strategies (id, user_id, name, name_key, webhook_key_hash)"
        " OVERRIDING SYSTEM VALUE VALUES (3, :u, 'Breakout', 'breakout', 'x')",
        u=ann[0],
    )
    return ann, bob


async def test_an_alarm_names_what_it_is_about_to_its_owner_only(
    notifier: Service, house: House, discord: DiscordServer
) -> None:
    (ann, reader), (bob, other) = await people(house)
    await house.say(ann, ENDED)
    await house.say(bob, ENDED.model_copy(update={"net_qty": -1}))  # not his: no name is told
    await eventually(lambda: house.are(SENT, SENT), "both sent")
    assert discord.seen_by(reader)[0].endswith("Breakout · DEMO1")
    assert "Breakout" not in discord.seen_by(other)[0]


async def test_a_drift_of_no_single_strategy_names_its_account(
    notifier: Service, house: House, discord: DiscordServer
) -> None:
    (ann, reader), _ = await people(house)
    await house.say(ann, PARTED.model_copy(update={"strategy_id": 0}))
    await eventually(lambda: house.are(SENT), "sent")
    (text,) = discord.seen_by(reader)
    assert text.startswith("**Closed by somebody else**: NQZ6")
    assert text.splitlines()[-1] == "DEMO1"


async def test_a_word_to_the_system_reaches_everybody_who_may_sign_in(
    notifier: Service, house: House, discord: DiscordServer
) -> None:
    (_, first), (_, second) = await people(house)
    gone, third = await house.add_user()
    await house.execute("UPDATE users SET disabled_at = now() WHERE id = :u", u=gone)
    await house.say_to_all(SAID.model_copy(update={"scope": "system", "scope_id": 0}))
    await eventually(lambda: house.are(SENT, SENT), "both sent")
    for reader in (first, second):
        assert "all trading of this installation" in discord.seen_by(reader)[0]
    assert discord.seen_by(third) == []


async def test_each_kind_can_be_switched_off(
    notifier: Service, house: House, discord: DiscordServer
) -> None:
    (ann, reader), _ = await people(house)
    await house.execute(
        "INSERT INTO notification_settings (user_id, kinds) VALUES (:u, '{\"quiet\": false}')",
        u=ann,
    )
    await house.say(ann, QUIET)
    await house.say(ann, SAID)
    await eventually(lambda: house.are(SENT), "the other one sent")
    assert "Killed" in discord.seen_by(reader)[0]


async def test_an_alarm_overtakes_what_waits(
    settings: NotifierSettings, house: House, discord: DiscordServer
) -> None:
    (ann, reader), _ = await people(house)
    unsent = settings.model_copy(update={"discord_bot_token": SecretStr("")})
    async with running(unsent):  # without a token everything is queued and nothing is sent
        await house.say(ann, opened())
        await house.say(ann, closed())
        await house.say(ann, REACHED)

        async def queued() -> bool:
            return len(await house.deliveries()) == 3

        await eventually(queued, "three are queued")
    async with running(settings):
        await eventually(lambda: house.are(SENT, SENT, SENT), "all sent")
    assert [line.split("**")[1] for line in discord.seen_by(reader)] == [
        "Daily loss limit reached", "Position opened", "Stop loss hit",
    ]  # fmt: skip
