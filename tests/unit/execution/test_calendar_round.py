"""The calendar is looked at once in each minute of the clock, and more often while a move is on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import cast

import pytest

from execution.calendar_round import CalendarRound
from execution.logins import Logins
from shared.contracts.envelope import Envelope
from shared.db.failures import DatabaseAway
from shared.domain.ids import ConnectionId, UserId
from shared.ports.agenda import Duty, Holding, Kept, News, RollExit, Watched
from shared.ports.ledger import Lease
from tests.unit.execution.fakes import FakeClock

NOTHING = Kept((), has_planned=False)
LEASE = Lease(ConnectionId(1), UserId(1), 1)
LOGINS = cast(
    "Logins",
    SimpleNamespace(
        sendable=lambda: [LEASE],
        get=lambda _: SimpleNamespace(row=SimpleNamespace(environment="demo")),
    ),
)


class _Agenda:
    """Counts the looks; `away` makes the next ones fail, a move takes `moving` looks."""

    def __init__(self, moving: int = 0, away: int = 0) -> None:
        self.kept = self.followed = self.watched = 0
        self.moving = moving
        self.away = away

    async def keep(self, held: Sequence[Lease], due: Callable[[Holding], Iterable[Duty]]) -> Kept:
        if self.away:
            self.away -= 1
            raise DatabaseAway("db.unreachable", "The database is away.")
        self.kept += 1
        return Kept((), has_planned=self.moving > 0)

    async def follow(self, held: Sequence[Lease], after: Callable[[RollExit], Duty | None]) -> Kept:
        self.followed += 1
        self.moving -= 1
        return Kept((), has_planned=False, is_waiting=self.moving > 0)

    async def watch(self, silent: Callable[[Watched], Iterable[News]]) -> list[Envelope]:
        self.watched += 1
        return []


async def looks(agenda: _Agenda, seconds: int, planned: Callable[[], None] = lambda: None) -> None:
    clock = FakeClock()
    clock.now_s = 1020.0  # a whole minute
    calendar = CalendarRound(agenda, LOGINS, lambda _: None, clock, planned=planned)
    for _ in range(seconds):
        try:
            await calendar._round()
        except DatabaseAway:
            assert agenda.watched == 0
        await clock.sleep(1)


@pytest.mark.parametrize(("seconds", "times"), [(1, 1), (60, 1), (61, 2), (180, 3)])
async def test_once_a_minute(seconds: int, times: int) -> None:
    agenda = _Agenda()
    await looks(agenda, seconds)
    assert (agenda.kept, agenda.followed, agenda.watched) == (times, times, times)


async def test_each_second_while_a_move_is_between_its_halves() -> None:
    agenda, woken = _Agenda(moving=5), []
    await looks(agenda, 60, lambda: woken.append(True))
    assert (agenda.kept, agenda.followed) == (1, 5)
    assert woken == [True]


async def test_what_failed_is_tried_again_a_second_later() -> None:
    agenda = _Agenda(away=3)
    await looks(agenda, 59)
    assert agenda.kept == 1
