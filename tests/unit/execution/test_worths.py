"""Who is asked what accounts are worth, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import cast

from execution.logins import Logins
from execution.worths import Worths
from shared.domain.errors import BrokerUnavailable
from shared.domain.ids import AccountId, ConnectionId, UserId
from shared.ports.ledger import Lease, Ledger, Unpriced
from tests.unit.execution.fakes import FakeClock

HERE = ConnectionId(1)
OURS = [Lease(HERE, UserId(1), 1)]
AT = datetime(2026, 11, 2, 15, tzinfo=UTC)
FOUND = Unpriced(HERE, AccountId(7), 9_000_000_007, AT)


class _Ledger:
    def __init__(self) -> None:
        self.kept: list[tuple[Unpriced, Decimal]] = []

    async def unpriced(self, held: Sequence[Lease]) -> list[Unpriced]:
        return [FOUND]

    async def value(self, found: Unpriced, open_usd: Decimal) -> None:
        self.kept.append((found, open_usd))


class _Broker:
    def __init__(self, *answers: Decimal | None) -> None:
        self.asked: list[int] = []
        self._answers = list(answers)

    async def open_pnl_usd(self, account: int) -> Decimal | None:
        self.asked.append(account)
        if not self._answers:
            raise BrokerUnavailable("broker.timeout", "No answer.")
        return self._answers.pop(0)


class _Logins:
    def __init__(self, broker: _Broker) -> None:
        self.broker = broker

    def sendable(self) -> list[Lease]:
        return OURS

    def get(self, connection: ConnectionId) -> _Logins:
        return self


async def _rounds(broker: _Broker, *after_s: float) -> _Ledger:
    ledger, clock = _Ledger(), FakeClock()
    worths = Worths(cast(Ledger, ledger), cast(Logins, _Logins(broker)), clock)
    async with asyncio.TaskGroup() as worths._abreast._tasks:
        for wait_s in after_s:
            clock.now_s += wait_s
            before = len(broker.asked)
            await worths._round()
            asked = asyncio.all_tasks() - {asyncio.current_task()}
            if asked:
                await asyncio.wait(asked)
            assert len(broker.asked) - before <= 1
    return ledger


async def test_what_the_broker_says_is_kept() -> None:
    broker = _Broker(Decimal(-20))
    assert (await _rounds(broker, 0)).kept == [(FOUND, Decimal(-20))]
    assert broker.asked == [FOUND.broker_account_id]


async def test_no_answer_and_no_word_keep_nothing_and_are_not_asked_for_at_once() -> None:
    broker = _Broker(None)
    assert (await _rounds(broker, 0, 1, 28, 1, 1, 30)).kept == []
    assert len(broker.asked) == 3
