"""A week of trading with everything that goes wrong in it, under a virtual clock.

The whole week takes a quarter of an hour (`make venue-week`); always lived through are three
stretches of it with all the troubles in them, the process being stopped in between.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import Final

import pytest
from msgspec.structs import replace

from shared.domain.ids import AccountId, SignalId
from shared.domain.login_health import Condition
from tests.simulation import week_story as story
from tests.simulation.rows import DecisionRow
from tests.simulation.virtual_loop import run_virtual
from tests.simulation.week_check import check, wrong_of
from tests.simulation.week_door import Asked
from tests.simulation.week_house import House
from tests.simulation.week_story import Chapter, Moment
from tests.simulation.world.quiet import quiet

ALL: Final = os.environ.get("TM_FULL") == "1"
SEED: Final = 7
RENEWAL: Final = "auth/renewaccesstoken"

SHORT: Final = (
    Chapter(
        "Thu 15:50",
        "Thu 17:10",
        (
            Moment("Thu 15:53", story.enter),
            Moment("Thu 15:54", story.token_expiry),
            Moment("Thu 15:55", story.enter),
            Moment("Thu 15:58", story.enter_where_flat),
            Moment("Thu 16:01", story.check_protected),
            Moment("Thu 16:02", story.enter),  # closed: refused with a code
            Moment("Thu 17:02", story.replay),
            Moment("Thu 17:05", story.enter),
        ),
    ),
    Chapter(
        "Fri 14:32",
        "Fri 16:10",
        (
            Moment("Fri 14:35", story.enter_where_flat),
            Moment("Fri 14:36", story.third_session),
            Moment("Fri 14:39", story.enter_where_flat),
            Moment("Fri 14:40", story.captcha),
            Moment("Fri 14:41", story.enter),
            Moment("Fri 15:46", story.enter_where_flat),
            Moment("Fri 15:47", story.storm_429),
            Moment("Fri 15:50", story.enter_where_flat),
            Moment("Fri 15:51", story.storm_of_sockets),
            Moment("Fri 15:57", story.enter_where_flat),
            Moment("Fri 16:02", story.check_protected),
            Moment("Fri 16:04", story.enter),
            Moment("Fri 16:06", story.leave_one),
            Moment("Fri 16:08", story.check_protected),
        ),
    ),
    Chapter(
        "SUN 16:52",
        "SUN 17:15",
        (
            Moment("SUN 16:55", story.check_protected),
            Moment("SUN 17:01", story.check_left),
            Moment("SUN 17:02", story.replay),
            Moment("SUN 17:05", story.enter),
            Moment("SUN 17:10", story.leave),
        ),
    ),
)


def _day(day: str, *moments: Moment) -> tuple[Moment, ...]:
    """Beside its trouble each day has its close, and its events told again after the roll."""
    return (
        *moments,
        Moment(f"{day} 15:57", story.enter_where_flat),
        Moment(f"{day} 16:01", story.check_protected),
        Moment(f"{day} 16:02", story.enter),
        Moment(f"{day} 17:02", story.replay),
    )


WHOLE: Final = (
    Chapter(
        "Sun 16:45",
        "SUN 17:30",
        (
            Moment("Sun 17:02", story.enter),
            *_day("Mon", Moment("Mon 09:58", story.enter), Moment("Mon 10:00", story.token_expiry)),
            *_day(
                "Tue",
                Moment("Tue 09:28", story.enter_where_flat),
                Moment("Tue 09:30", story.third_session),
            ),
            *_day(
                "Wed",
                Moment("Wed 10:58", story.enter_where_flat),
                Moment("Wed 11:00", story.captcha),
                Moment("Wed 11:01", story.enter),
            ),
            *_day(
                "Thu",
                Moment("Thu 12:58", story.enter_where_flat),
                Moment("Thu 13:00", story.storm_429),
                Moment("Thu 14:28", story.enter_where_flat),
                Moment("Thu 14:30", story.storm_of_sockets),
            ),
            Moment("Fri 15:57", story.enter_where_flat),
            Moment("Fri 16:02", story.check_protected),
            Moment("Fri 16:05", story.enter),
            Moment("Sat 12:00", story.enter),
            Moment("Sat 12:05", story.leave_one),
            Moment("Sat 22:00", story.outage),
            Moment("SUN 16:55", story.check_protected),
            Moment("SUN 17:01", story.check_left),
            Moment("SUN 17:02", story.replay),
            Moment("SUN 17:10", story.enter),
            Moment("SUN 17:20", story.leave),
        ),
    ),
)


@pytest.mark.timeout(600)  # sixteen seconds of work, on a machine that may be busy
def test_the_week_by_its_troubles() -> None:
    run_virtual(story.tell(SHORT, SEED, check_both))


async def check_both(house: House) -> None:
    """The week was right; and each of these lies about it would have been found."""
    await check(house)
    chronicle, now_s = house.chronicle, house.clock.monotonic()
    command = next(c for c in chronicle.commands.values() if c.command_type == "New")
    fill = next(iter(chronicle.fills.values()))
    words, down = house.health.words["ann"], Condition.SOCKET_DOWN
    lies: dict[str, Callable[[], object]] = {
        "was ordered 2 times": lambda: chronicle.commands.update({-1: command}),
        "is not": lambda: chronicle.fills.update({fill.id: replace(fill, price=fill.price + 1)}),
        "without its stop": lambda: chronicle.naked_s.update({(0, now_s): 9.0}),
        "renewals": lambda: house.door.asked.extend([Asked(now_s, "ann", RENEWAL)] * 13),
        "socket_down": lambda: words.append(dataclasses.replace(words.pop(), condition=down)),
        "order.lost": lambda: house.store.decisions.put(*_undecided(house)),
    }
    for complaint, lie in lies.items():
        lie()
        assert any(complaint in each for each in wrong_of(house)), complaint


def _undecided(house: House) -> tuple[tuple[SignalId, AccountId], DecisionRow]:
    row = house.store.decisions.rows()[0]
    lost = dataclasses.replace(row, ended_at=None, code="order.lost")
    return (row.signal_id, row.account_id), lost


@pytest.mark.skipif(not ALL, reason="a quarter of an hour long: make venue-week")
@pytest.mark.timeout(7_200)  # a quarter of an hour of work, on a machine that may be busy
def test_the_whole_week(capsys: pytest.CaptureFixture[str]) -> None:
    async def judge(house: House) -> None:
        with capsys.disabled():
            print("", *house.door.busiest(), sep="\n")
        await check(house)

    with quiet():
        run_virtual(story.tell(WHOLE, SEED, judge))
