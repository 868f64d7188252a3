"""One call for one claim; whatever happens, its outcome is written."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import cast

import pytest

from execution.logins import Logins
from execution.placer import DEADLINE_S, Placer
from shared.domain.order import OrderType, Role
from shared.ports.broker import Accepted, Bracket, NotSent, Outcome, Refused, Unknown
from shared.ports.ledger import Ledger
from tests.unit.execution.fakes import FakeBroker, FakeClock, FakeLedger, FakeLogins, claimed


def placer(ledger: FakeLedger, broker: FakeBroker | None, clock: FakeClock) -> Placer:
    return Placer(cast("Ledger", ledger), cast("Logins", FakeLogins(broker)), clock)


@pytest.mark.parametrize(
    "outcome", [Accepted(7), Refused("x", "y"), Unknown("z"), NotSent("n", 1.0)]
)
async def test_the_outcome_is_written_as_it_was_told(outcome: Outcome) -> None:
    ledger, broker, clock, claim = FakeLedger(), FakeBroker(outcome), FakeClock(), claimed()
    await placer(ledger, broker, clock).place(claim, clock.monotonic())
    assert ledger.outcomes == [(claim.intent.id, outcome)]
    assert [request.client_id for request in broker.placed] == [str(claim.intent.id)]


async def test_legs_without_a_price_leave_as_distances_from_the_fill() -> None:
    ledger, broker, clock = FakeLedger(), FakeBroker(Accepted(7, is_strategy=True)), FakeClock()
    claim = claimed()
    stop = replace(claim.intent, role=Role.STOP_LOSS, order_type=OrderType.STOP, offset_ticks=10)
    target = replace(stop, role=Role.TAKE_PROFIT, order_type=OrderType.LIMIT, offset_ticks=21)
    claim = replace(claim, legs=(target, stop))
    await placer(ledger, broker, clock).place(claim, clock.monotonic())
    (request,) = broker.started
    assert broker.placed == []
    assert request.client_id == str(claim.intent.id)
    assert request.brackets == (Bracket(2, Decimal("5.25"), Decimal("2.5")),)


async def test_a_claim_past_its_deadline_is_not_sent() -> None:
    ledger, broker, clock = FakeLedger(), FakeBroker(), FakeClock()
    claimed_at_s = clock.monotonic()
    clock.now_s += DEADLINE_S + 0.01
    await placer(ledger, broker, clock).place(claimed(), claimed_at_s)
    assert broker.placed == []
    assert isinstance(ledger.outcomes[0][1], NotSent)


async def test_a_login_that_is_not_ours_any_more_sends_nothing() -> None:
    ledger, clock = FakeLedger(), FakeClock()
    await placer(ledger, None, clock).place(claimed(), clock.monotonic())
    assert isinstance(ledger.outcomes[0][1], NotSent)


async def test_an_accident_in_the_call_is_unknown_and_never_a_second_call() -> None:
    ledger, broker, clock = FakeLedger(), FakeBroker(RuntimeError("?")), FakeClock()
    await placer(ledger, broker, clock).place(claimed(), clock.monotonic())
    assert isinstance(ledger.outcomes[0][1], Unknown)
    assert len(broker.placed) == 1


async def test_the_outcome_waits_for_the_database_and_the_call_is_not_repeated() -> None:
    ledger, broker, clock = FakeLedger(), FakeBroker(Accepted(7)), FakeClock()
    ledger.away = 20
    await placer(ledger, broker, clock).place(claimed(), clock.monotonic())
    assert [outcome for _, outcome in ledger.outcomes] == [Accepted(7)]
    assert len(broker.placed) == 1
