"""The calendar is looked at once in each minute of the clock, and more often while a move is on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
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


PAPER = Lease(ConnectionId(2), UserId(1), 1)


def logins(sendable: Callable[[], list[Lease]] = lambda: [LEASE]) -> Logins:
    def get(connection: ConnectionId) -> SimpleNamespace:
        environment = "demo" if connection == LEASE.connection_id else "paper"
        return SimpleNamespace(row=SimpleNamespace(environment=environment))

    return cast("Logins", SimpleNamespace(sendable=sendable, get=get))


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
    calendar = CalendarRound(agenda, logins(), lambda _: None, clock, planned=planned)
    for _ in range(seconds):
        with suppress(DatabaseAway):
            await calendar._round()
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
    assert agenda.watched == 1
    assert woken == [True]


async def test_what_failed_is_tried_again_a_second_later() -> None:
    agenda = _Agenda(away=3)
    await looks(agenda, 59)
    assert agenda.kept == 1


async def test_a_login_that_comes_back_within_the_minute_is_looked_after_then() -> None:
    agenda, clock = _Agenda(), FakeClock()
    clock.now_s = 1020.0
    calendar = CalendarRound(
        agenda,
        logins(lambda: [LEASE] if clock.now_s >= 1050 else []),
        lambda _: None,
        clock,
        planned=lambda: None,
    )
    for kept in (0, 0, 0, 1, 1, 1, 2):
        await calendar._round()
        assert agenda.kept == kept
        await clock.sleep(10)
    assert agenda.watched == 2


async def test_a_move_at_one_kind_of_venue_is_not_forgotten_for_the_other() -> None:
    agenda, clock = _Split(), FakeClock()
    clock.now_s = 1020.0
    both = logins(lambda: [LEASE, PAPER])
    calendar = CalendarRound(agenda, both, lambda _: None, clock, planned=lambda: None)
    for _ in range(10):
        await calendar._round()
        await clock.sleep(1)
    assert agenda.asked == {LEASE.connection_id: 10, PAPER.connection_id: 1}


class _Split(_Agenda):
    """A move that never ends at one venue, and nothing at the other."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[ConnectionId] = Counter()

    async def follow(self, held: Sequence[Lease], after: Callable[[RollExit], Duty | None]) -> Kept:
        (login,) = [lease.connection_id for lease in held]
        self.asked[login] += 1
        return Kept((), has_planned=False, is_waiting=login == LEASE.connection_id)
