"""The guard of a bare position asks at once, and ever more rarely when it asks in vain."""

from __future__ import annotations

from typing import cast

from execution.logins import Logins
from execution.protector import Protector
from shared.contracts.envelope import Envelope
from shared.domain.ids import AccountId, StrategyId
from shared.ports.ledger import Ledger, Naked
from tests.unit.domain.test_claim import ENTRY
from tests.unit.execution.fakes import FakeClock

ROUND_S = 0.5
BARE = Naked(AccountId(1), StrategyId(1), "NQZ6", ENTRY.id)


class _Ledger:
    """A position that stays bare, whatever the guard asks for."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.asked_s: list[float] = []

    async def guard_exit(self, found: Naked) -> list[Envelope]:
        assert found == BARE
        self.asked_s.append(self.clock.now_s)
        return []


async def test_what_is_refused_again_and_again_is_asked_for_more_rarely() -> None:
    clock = FakeClock()
    began_s, ledger = clock.now_s, _Ledger(clock)
    no_login = cast("Logins", None)
    protector = Protector(cast("Ledger", ledger), no_login, lambda _: None, clock)
    for _ in range(240):
        await protector._guard(BARE)
        await clock.sleep(ROUND_S)
    assert [at_s - began_s for at_s in ledger.asked_s] == [0, 1, 3, 7, 15, 31, 61, 91]
    await clock.sleep(60)
    await protector._guard(BARE)
    await clock.sleep(1)
    await protector._guard(BARE)
    assert [at_s - began_s for at_s in ledger.asked_s[-2:]] == [180, 181]
