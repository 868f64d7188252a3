"""A claim that met another one is made again in a moment, and not with the next sweep."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

from execution.lanes import Lanes
from execution.logins import Logins
from execution.placer import Placer
from execution.prices import Prices
from shared.domain.ids import ConnectionId, UserId
from shared.ports.clock import Clock
from shared.ports.ledger import Claims, Judge, Lease, Ledger
from tests.unit.brokers.virtual_time import VirtualClock, run

OURS = [Lease(ConnectionId(1), UserId(1), 1)]
SWEEP_S = 0.5
PUT_OFF = Claims((), (), (), put_off=True)


class _Ledger:
    """Puts off so many claims, and then none."""

    def __init__(self, clock: Clock, put_off: int) -> None:
        self._clock = clock
        self._left = put_off
        self.claimed_at_s: list[float] = []

    async def claim(self, held: Sequence[Lease], judge: Judge) -> Claims:
        self.claimed_at_s.append(self._clock.monotonic())
        self._left -= 1
        return PUT_OFF if self._left >= 0 else Claims((), (), ())


class _Logins:
    def sendable(self) -> list[Lease]:
        return OURS

    def get(self, connection: ConnectionId) -> SimpleNamespace:
        row, broker = SimpleNamespace(environment="paper"), SimpleNamespace(rests_s=0.0)
        return SimpleNamespace(row=row, broker=broker)


async def _claims(put_off: int) -> list[float]:
    clock = VirtualClock()
    ledger, logins = _Ledger(clock, put_off), cast(Logins, _Logins())
    placer, prices = cast(Placer, None), Prices(clock)
    lanes = Lanes(cast(Ledger, ledger), logins, placer, prices, lambda _: None, clock)
    lanes.wake()
    running = asyncio.create_task(lanes.run())
    await clock.sleep(0.9 * SWEEP_S)
    running.cancel()
    (ended,) = await asyncio.gather(running, return_exceptions=True)
    assert isinstance(ended, asyncio.CancelledError), ended
    return ledger.claimed_at_s


def test_what_was_put_off_is_claimed_again_at_once() -> None:
    first, second, third = run(_claims(2))
    assert second - first < 0.1
    assert third - second < 0.1


def test_what_was_not_waits_for_a_bell_or_the_sweep() -> None:
    assert len(run(_claims(0))) == 1
