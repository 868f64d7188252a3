"""Exits that an order strategy owes and does not show: ended at the broker before the record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast
from uuid import uuid4

import pytest

from execution.logins import Logins
from execution.unshown import give_up_unshown
from shared.domain.ids import ConnectionId, IntentId, UserId
from shared.ports.broker import Accepted, NotSent, Outcome, Refused, Unknown
from shared.ports.ledger import Lease, Ledger

ENTRY, CONNECTION = IntentId(uuid4()), ConnectionId(1)
LEASES = [Lease(CONNECTION, UserId(1), 1)]


class _Ledger:
    def __init__(self) -> None:
        self.given_up: list[IntentId] = []

    async def unshown(
        self, held: Sequence[Lease], older_than_s: float
    ) -> list[tuple[ConnectionId, IntentId]]:
        return [(CONNECTION, ENTRY)]

    async def give_up_legs(self, entry: IntentId) -> None:
        self.given_up.append(entry)


class _Broker:
    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.interrupted: list[str] = []

    async def interrupt(self, client_id: str) -> Outcome:
        self.interrupted.append(client_id)
        return self.outcome


class _Logins:
    def __init__(self, broker: _Broker | None) -> None:
        self.broker = broker

    def get(self, connection: ConnectionId) -> _Logins | None:
        return None if self.broker is None else self


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
    await give_up_unshown(cast("Ledger", ledger), cast("Logins", _Logins(broker)), LEASES)
    assert broker.interrupted == [str(ENTRY)]
    assert ledger.given_up == given_up


async def test_a_login_that_is_not_ours_any_more_is_let_be() -> None:
    ledger = _Ledger()
    await give_up_unshown(cast("Ledger", ledger), cast("Logins", _Logins(None)), LEASES)
    assert ledger.given_up == []
