"""Words and alarms as a client sees them: to whom they concern, and to all when all are meant."""

from __future__ import annotations

from shared.domain.controls import Word
from shared.domain.gates.controls import Scope
from tests.integration.gateway.browser import signed_in
from tests.integration.gateway.conftest import Running
from tests.integration.gateway.house import House, User
from tests.unit.notifier.test_alarms import (
    AGREED,
    DONE,
    DUE,
    ENDED,
    NO_ADD,
    PARTED,
    QUIET,
    REACHED,
    REFUSED,
)


async def test_each_alarm_is_a_numbered_frame_of_its_owner(
    gateway: Running, house: House, alice: User
) -> None:
    bob = await house.add_user("Bob")
    async with signed_in(gateway.url, alice) as client, signed_in(gateway.url, bob) as other:
        for body in (REACHED, REFUSED, NO_ADD, PARTED, AGREED, DUE, DONE, ENDED, QUIET):
            await house.tell_user(alice, body)
        await house.say(alice, Scope.USER, alice.id, Word.PAUSE)
        await client.until_type("CONTROL")
        assert sorted(frame["data"]["event"] for frame in client.of("NOTICE")) == [
            "drift_ended", "drift_found", "entry_refused", "exit_refused", "risk_reached",
            "roll_done", "roll_due", "strategy_quiet", "window_ended",
        ]  # fmt: skip
        (said,) = client.of("CONTROL")
        assert (said["data"]["word"], said["data"]["scope"]) == ("pause", "user")
        numbers = [frame["seq"] for frame in (*client.of("NOTICE"), said)]
        assert sorted(numbers) == list(range(min(numbers), min(numbers) + 10))
        await house.say(bob, Scope.USER, bob.id, Word.RESUME)
        await other.until_type("CONTROL")
        assert (len(other.of("CONTROL")), other.of("NOTICE")) == (1, [])


async def test_a_word_to_the_system_is_told_to_everybody(
    gateway: Running, house: House, alice: User
) -> None:
    bob = await house.add_user("Bob")
    async with signed_in(gateway.url, alice) as client, signed_in(gateway.url, bob) as other:
        await house.say(None, Scope.SYSTEM, 0, Word.KILL)
        for each in (client, other):
            frame = await each.until_type("CONTROL")
            assert (frame["data"]["word"], frame["data"]["scope"]) == ("kill", "system")
