"""Killed between the send and the mark: the row is sent again, the reader sees it once."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from redis.asyncio import Redis

from cli.paths import ROOT
from notifier.settings import NotifierSettings
from tests.fixtures.discord import DiscordServer
from tests.integration.notifier.conftest import House, running
from tests.integration.streams.helpers import eventually
from tests.unit.notifier.bodies import opened


async def test_killed_between_send_and_mark(
    settings: NotifierSettings, house: House, redis: Redis, discord: DiscordServer
) -> None:
    user, reader = await house.add_user()
    await house.say(user, opened())
    discord.switches.next.append("hold")  # the send happens, and it never learns of it
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "notifier", env=_environ(settings, house), cwd=ROOT
    )
    try:
        await eventually(lambda: _seen(discord, reader, 1), "sent", within_s=30)
    finally:
        process.kill()
        await process.wait()
    assert (await house.states()) == [("pending", None)]
    # The claim of the dead one has to lapse; this test does not wait for that.
    await house.execute("UPDATE deliveries SET next_attempt_at = now()")
    async with running(settings):
        await eventually(lambda: house.are(("sent", None)), "sent again and marked")
    assert len(discord.seen_by(reader)) == 1
    assert len(discord.repeats) == 1


async def test_the_stand_in_as_a_process_keeps_a_ledger(tmp_path: Path) -> None:
    import aiohttp

    ledger = tmp_path / "ledger.jsonl"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "tests.fixtures.discord", "--ledger", str(ledger),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    headers = {"Authorization": "Bot test-bot", "User-Agent": "DiscordBot (test, 1)"}
    body = {"content": "hello", "nonce": "n", "enforce_nonce": True,
            "allowed_mentions": {"parse": []}}  # fmt: skip
    try:
        async with aiohttp.ClientSession(headers=headers) as http:
            asked = {"recipient_id": "2" * 18}
            async with http.post(f"{url}/users/@me/channels", json=asked) as answer:
                channel = (await answer.json())["id"]
            for _ in range(2):
                async with http.post(f"{url}/channels/{channel}/messages", json=body) as answer:
                    assert answer.status == 200
    finally:
        process.kill()
        await process.wait()
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert [(line["event"], line["content"]) for line in lines] == [
        ("message", "hello"), ("repeat", "hello"),
    ]  # fmt: skip
    assert lines[0]["id"] == lines[1]["id"]


def _environ(settings: NotifierSettings, _house: House) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "TM_ENV": "test",
        "TM_DATABASE_URL": settings.database_url.get_secret_value(),
        "TM_REDIS_URL": settings.redis_url.get_secret_value(),
        "DISCORD_BOT_TOKEN": settings.discord_bot_token.get_secret_value(),
        "TM_DISCORD_API_URL": settings.discord_api_url,
    }


async def _seen(discord: DiscordServer, reader: str, count: int) -> bool:
    return len(discord.seen_by(reader)) == count
