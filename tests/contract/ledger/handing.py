"""Hand-overs in both worlds."""

from __future__ import annotations

from typing import Protocol

from execution.ledger.handovers import HandoverBook
from shared.contracts.envelope import Envelope
from shared.ports.ledger import Command
from tests.contract.ledger.postgres_world import PostgresWorld
from tests.contract.ledger.twin_world import TwinWorld
from tests.contract.ledger.world import World
from tests.simulation.ledger.handovers import TwinHandovers


class Handovers(Protocol):
    async def carry_out(self, command: Command) -> list[Envelope]: ...


def handovers_of(world: World) -> Handovers:
    if isinstance(world, PostgresWorld):
        return HandoverBook(world.engine, world.clock)
    assert isinstance(world, TwinWorld)
    return TwinHandovers(world.store)
