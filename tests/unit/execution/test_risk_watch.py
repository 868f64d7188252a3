"""The look at money: of all logins that are ours, at the prices of this process, told at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from execution.logins import Logins
from execution.prices import Prices
from execution.risk_watch import RiskWatch
from shared.domain.ids import ConnectionId, UserId
from shared.domain.order import Action
from shared.ports.broker import QuoteFact
from shared.ports.ledger import Closing, Lease, Ledger
from tests.unit.execution.fakes import FakeClock

OURS = [Lease(ConnectionId(1), UserId(1), 1)]


class _Ledger:
    def __init__(self) -> None:
        self.asked: list[tuple[list[Lease], Decimal | None]] = []

    async def watch_risk(self, held: Sequence[Lease], closing: Closing) -> list[Any]:
        self.asked.append((list(held), closing("NQZ6", Action.SELL)))
        return ["told"]


class _Logins:
    def __init__(self, leases: list[Lease]) -> None:
        self._leases = leases

    def leases(self) -> list[Lease]:
        return self._leases


async def _look(leases: list[Lease]) -> tuple[_Ledger, list[Any]]:
    ledger, prices = _Ledger(), Prices(FakeClock())
    rung: list[Any] = []
    at = datetime(2026, 11, 2, 15, tzinfo=UTC)
    prices.take(QuoteFact("NQZ6", Decimal(20000), Decimal(20001), None, at))
    watch = RiskWatch(
        cast(Ledger, ledger),
        cast(Logins, _Logins(leases)),
        prices,
        rung.extend,
    )
    await watch._round()
    return ledger, rung


async def test_a_round_sees_our_logins_at_our_prices_and_tells() -> None:
    ledger, rung = await _look(OURS)
    assert ledger.asked == [(OURS, Decimal(20000))]
    assert rung == ["told"]


async def test_without_a_login_nothing_is_asked() -> None:
    ledger, rung = await _look([])
    assert (ledger.asked, rung) == ([], [])
