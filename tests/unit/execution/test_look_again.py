"""A cancel is refused because its order has ended: everything is read, soon and not for ever."""

from __future__ import annotations

from decimal import Decimal
from typing import cast

import pytest

from execution.login import Login
from execution.logins import Logins
from execution.placer import Placer
from execution.prices import Prices
from shared.domain.errors import BrokerUnavailable
from shared.domain.ids import ConnectionId, UserId
from shared.ports.broker import Accepted, Broker, FeeFact, NotSent, Outcome, Refused, Snapshot
from shared.ports.ledger import Cancel, Lease, Ledger, LoginRow
from tests.unit.execution.fakes import FakeClock, FakeLedger

FACT = FeeFact(1, Decimal(1))
FINAL = Refused("broker.order_final", "Access is denied")
HERE = ConnectionId(1)


class Told:
    """A broker that answers every cancel alike, and remembers when it was read."""

    def __init__(self, clock: FakeClock, outcome: Outcome = FINAL) -> None:
        self._clock = clock
        self._outcome = outcome
        self.read_at_s: list[float] = []
        self.away = False

    async def cancel(self, order_id: int, client_id: str) -> Outcome:
        return self._outcome

    async def snapshot(self, *, urgent: bool = False) -> Snapshot:
        assert urgent
        self.read_at_s.append(self._clock.monotonic())
        if self.away:
            raise BrokerUnavailable("broker.no_accounts", "It shows none.")
        return Snapshot((FACT,), self._clock.now())


class Only:
    """One login, and it is ours."""

    def __init__(self, login: Login) -> None:
        self._login = login

    def get(self, connection: ConnectionId) -> Login:
        return self._login


def login_of(broker: Told, clock: FakeClock) -> Login:
    row = LoginRow(HERE, UserId(1), "tradovate", "demo", "ann", None, None, None, "device", None)
    return Login(
        Lease(HERE, UserId(1), 1),
        row,
        cast("Broker", broker),
        cast("Ledger", FakeLedger()),
        Prices(clock),
        lambda _: None,
        clock,
        changed=lambda: None,
    )


async def cancel(login: Login, clock: FakeClock) -> None:
    placer = Placer(cast("Ledger", FakeLedger()), cast("Logins", Only(login)), clock)
    await placer.cancel(Cancel(HERE, 77))


@pytest.mark.parametrize("outcome", [Accepted(77), NotSent("broker.rate_limited", 1.0)])
async def test_what_is_under_way_or_never_left_is_not_read_after(outcome: Outcome) -> None:
    clock = FakeClock()
    broker = Told(clock, outcome)
    await cancel(login_of(broker, clock), clock)
    assert broker.read_at_s == []


async def test_an_order_that_ended_unheard_is_read_at_once_and_told() -> None:
    clock = FakeClock()
    broker = Told(clock)
    login = login_of(broker, clock)
    await cancel(login, clock)
    await cancel(login, clock)  # the other leg of the pair, in the same moment
    assert broker.read_at_s == [clock.monotonic()]
    assert login.tracker._facts.get_nowait() == FACT


async def test_in_vain_it_is_read_ever_more_rarely_and_another_time_at_once() -> None:
    clock = FakeClock()
    broker = Told(clock)
    broker.away = True
    login, began_s = login_of(broker, clock), clock.monotonic()
    for _ in range(120):
        await cancel(login, clock)
        clock.now_s += 1.0
    assert [at_s - began_s for at_s in broker.read_at_s] == [0, 1, 3, 7, 15, 31, 61, 91]
    clock.now_s += 600.0
    for _ in range(2):
        await cancel(login, clock)
        clock.now_s += 1.0
    assert broker.read_at_s[-2:] == [clock.now_s - 2.0, clock.now_s - 1.0]
