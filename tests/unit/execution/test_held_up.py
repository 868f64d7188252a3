"""While a login may place nothing, an exit waits and takes no leg away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import cast

from execution.held_up import by_rest
from execution.logins import Logins
from shared.domain.claim import Candidate, End, Send, Verdict, Wait, Working, judge
from shared.domain.held_up import HELD_UP, fenced, held_up
from shared.domain.ids import ConnectionId, UserId
from shared.domain.order import IntentState, OrderType, Role
from shared.ports.ledger import Lease
from tests.unit.domain.test_claim import ENTRY, EXIT, STOP, candidate, working

NOW = datetime(2026, 11, 2, 15, tzinfo=UTC)
LEG = replace(working(OrderType.STOP, IntentState.WORKING, 5), qty_contracts=2)
RESTING = replace(LEG, broker_order_id=8, role=Role.ENTRY, order_type=OrderType.LIMIT)


def judged(of: Candidate) -> Verdict:
    return held_up(of, judge(of, NOW, None))


def leaving(*orders: Working, net: int = 2, part: int = 0) -> Candidate:
    intent = replace(EXIT, role=Role.REDUCE, qty_contracts=part) if part else EXIT
    return replace(candidate(intent, net=net), working=orders)


def test_legs_stay_and_what_could_open_more_is_withdrawn() -> None:
    assert judge(leaving(LEG, RESTING), NOW, None) == Wait("working", (7, 8))
    assert judged(leaving(LEG, RESTING)) == Wait(HELD_UP, (8,))


def test_a_part_shrinks_no_leg() -> None:
    before = judge(leaving(LEG, part=1), NOW, None)
    assert isinstance(before, Wait)
    assert before.resize
    assert judged(leaving(LEG, part=1)) == Wait(HELD_UP)


def test_an_exit_whose_legs_are_gone_waits_too() -> None:
    assert isinstance(judge(leaving(), NOW, None), Send)
    assert judged(leaving()) == Wait(HELD_UP)


def test_where_nothing_is_held_there_is_nothing_to_keep() -> None:
    assert isinstance(judged(leaving(net=0)), End)
    assert judged(leaving(LEG, net=0)) == Wait("working", (7,))


def test_entries_are_judged_as_ever() -> None:
    entry = candidate(replace(ENTRY, expires_at=None), STOP, net=2)
    assert judged(entry) == judge(entry, NOW, None)


def test_a_login_that_rests_by_the_record_sends_nothing() -> None:
    judged_behind = fenced(lambda each: judge(each, NOW, None))
    entry = candidate(replace(ENTRY, expires_at=None))
    assert isinstance(judged_behind(entry), Send)
    assert judged_behind(replace(entry, rests=True)) == Wait(HELD_UP)
    assert judged_behind(replace(leaving(), rests=True)) == Wait(HELD_UP)
    assert judged_behind(replace(leaving(LEG, RESTING), rests=True)) == Wait(HELD_UP, (8,))
    late = replace(entry, intent=replace(ENTRY, expires_at=NOW), rests=True)
    assert isinstance(judged_behind(late), End)


@dataclass
class _Login:
    rests_s: float

    @property
    def broker(self) -> _Login:
        return self


class _Logins:
    def __init__(self, rests_s: Sequence[float]) -> None:
        self._logins = [_Login(each) for each in rests_s]

    def get(self, connection: ConnectionId) -> _Login | None:
        return self._logins[connection] if connection < len(self._logins) else None


def test_leases_part_by_whether_their_login_may_place_and_lost_ones_drop_out() -> None:
    leases = [Lease(ConnectionId(each), UserId(1), 1) for each in range(4)]
    parts = dict(by_rest(leases, cast("Logins", _Logins([0.0, 12.5, 0.0]))))
    assert parts == {False: [leases[0], leases[2]], True: [leases[1]]}
