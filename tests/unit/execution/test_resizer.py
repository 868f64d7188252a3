"""Legs are asked for another quantity in their order, each change once, with every field."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final, cast
from uuid import uuid4

from execution.logins import Logins
from execution.resizer import AGAIN_AFTER_S, Resizer
from shared.domain.ids import ConnectionId, IntentId
from shared.domain.order import OrderType, TimeInForce
from shared.ports.broker import Accepted, ModifyRequest, Outcome
from shared.ports.ledger import LegResize
from tests.unit.execution.fakes import FakeClock

TARGET: Final = LegResize(
    ConnectionId(1), IntentId(uuid4()), 7, OrderType.LIMIT, 2, Decimal(20005), None
)
STOP: Final = replace(
    TARGET,
    intent_id=IntentId(uuid4()),
    broker_order_id=8,
    order_type=OrderType.STOP,
    price=None,
    stop_price=Decimal(19990),
)


class _Login:
    """A login and its broker in one; `fails` is raised by the next call."""

    def __init__(self) -> None:
        self.broker = self
        self.modified: list[ModifyRequest] = []
        self.cancelled: list[int] = []
        self.fails: Exception | None = None

    def get(self, connection: ConnectionId) -> _Login | None:
        return self if connection == TARGET.connection_id else None

    async def modify(self, request: ModifyRequest) -> Outcome:
        self._fail()
        self.modified.append(request)
        return Accepted(request.order_id)

    async def cancel(self, order_id: int, client_id: str) -> Outcome:
        self._fail()
        self.cancelled.append(order_id)
        return Accepted(order_id)

    def _fail(self) -> None:
        if self.fails is not None:
            failed, self.fails = self.fails, None
            raise failed


def made() -> tuple[Resizer, _Login, FakeClock]:
    login, clock = _Login(), FakeClock()
    return Resizer(cast("Logins", login), clock), login, clock


async def test_every_field_is_repeated_and_nothing_left_is_a_cancel() -> None:
    resizer, login, _ = made()
    await resizer.ask([replace(TARGET, qty_contracts=None), STOP])
    assert login.cancelled == [TARGET.broker_order_id]
    (request,) = login.modified
    assert request == ModifyRequest(
        order_id=STOP.broker_order_id,
        client_id=str(STOP.intent_id),
        qty_contracts=2,
        order_type=OrderType.STOP,
        time_in_force=TimeInForce.GTC,
        price=None,
        stop_price=Decimal(19990),
    )


async def test_a_leg_is_not_asked_for_twice_within_a_second() -> None:
    resizer, _, clock = made()
    assert resizer.due([TARGET]) == [TARGET]
    assert resizer.due([TARGET, STOP]) == [STOP]
    await resizer.ask([TARGET, STOP])
    assert resizer.due([TARGET, STOP]) == []
    await clock.sleep(AGAIN_AFTER_S)
    assert resizer.due([TARGET, STOP]) == [TARGET, STOP]


async def test_another_quantity_is_asked_for_once_the_last_one_was_answered() -> None:
    resizer, login, clock = made()
    less = replace(TARGET, qty_contracts=1)
    assert resizer.due([TARGET]) == [TARGET]
    await clock.sleep(AGAIN_AFTER_S)
    assert resizer.due([less, TARGET]) == []
    await resizer.ask([TARGET])
    assert resizer.due([less]) == [less]
    login.fails = ConnectionError("gone")
    await resizer.ask([less])
    assert resizer.due([TARGET]) == [TARGET]


async def test_what_comes_after_a_failure_is_left_to_the_next_round() -> None:
    resizer, login, _ = made()
    login.fails = ConnectionError("gone")
    await resizer.ask([TARGET, STOP])
    assert login.modified == []


async def test_a_login_that_is_not_ours_any_more_is_asked_nothing() -> None:
    resizer, login, _ = made()
    await resizer.ask([replace(STOP, connection_id=ConnectionId(9))])
    assert login.modified == []
