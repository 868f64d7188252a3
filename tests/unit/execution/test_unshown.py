"""Exits that an order strategy owes and does not show: ended at the broker before the record."""

from __future__ import annotations

from typing import cast
from uuid import uuid4

import pytest

from execution.login import Login
from execution.unshown import give_up_unshown
from shared.domain.ids import IntentId
from shared.ports.broker import Accepted, NotSent, Outcome, Refused, Unknown
from shared.ports.ledger import Ledger

ENTRY = IntentId(uuid4())


class _Ledger:
    def __init__(self) -> None:
        self.given_up: list[IntentId] = []

    async def give_up_legs(self, entry: IntentId) -> None:
        self.given_up.append(entry)


class _Broker:
    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.interrupted: list[str] = []

    async def interrupt(self, client_id: str) -> Outcome:
        self.interrupted.append(client_id)
        return self.outcome


class _Login:
    def __init__(self, broker: _Broker) -> None:
        self.broker = broker


@pytest.mark.parametrize(
    ("outcome", "given_up"),
    [
        (Accepted(5, is_strategy=True), [ENTRY]),
        (Refused("broker.order_final", "ExecutionFinished"), [ENTRY]),
        (NotSent("broker.signed_out"), []),
        (Unknown("broker.timeout"), []),
    ],
)
async def test_legs_are_given_up_only_when_the_strategy_is_over(
    outcome: Outcome, given_up: list[IntentId]
) -> None:
    ledger, broker = _Ledger(), _Broker(outcome)
    await give_up_unshown(cast("Ledger", ledger), cast("Login", _Login(broker)), [ENTRY])
    assert broker.interrupted == [str(ENTRY)]
    assert ledger.given_up == given_up
