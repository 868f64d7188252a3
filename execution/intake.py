"""Step 5 of a signal: the bell is heard.

An entry of `tm.signals` says only which strategy has something undecided; what it is, is read
from PostgreSQL. So an entry that is lost, doubled or late does no harm, and no inbox is needed:
the decision row is the mark that a signal was handled.
"""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError
from redis.exceptions import RedisError

from execution.commands import Commands
from execution.planner import Planner
from shared.contracts.commands import CommandRequested
from shared.contracts.envelope import Envelope
from shared.contracts.registry import parse
from shared.contracts.signals import SignalAccepted
from shared.contracts.streams import COMMANDS, SIGNALS
from shared.domain.ids import StrategyId
from shared.ports.clock import Clock
from shared.runtime.logging import get_logger
from shared.streams.group import Delivery, Group
from shared.streams.outage import Outage

_log = get_logger(__name__)

STREAMS: Final = (SIGNALS, COMMANDS)


class Intake:
    """Hands bells to the planner and to the commands, and acknowledges them at once."""

    def __init__(self, group: Group, planner: Planner, commands: Commands, clock: Clock) -> None:
        self._group = group
        self._planner = planner
        self._commands = commands
        self._outage = Outage("redis (intake)", clock)

    async def run(self) -> None:
        while True:
            try:
                deliveries = await self._group.next()
                for delivery in deliveries:
                    self._hear(delivery)
                await self._group.ack(deliveries)
                self._outage.worked()
            except (RedisError, OSError) as error:
                self._group.forget_position()
                self._outage.failed(error)
                await self._outage.pause()

    def _hear(self, delivery: Delivery) -> None:
        try:
            body = parse(Envelope.from_bytes(delivery.raw))
        except ValidationError:
            _log.warning("bell_unreadable", stream=delivery.stream, entry_id=delivery.entry_id)
            return
        if isinstance(body, SignalAccepted):
            self._planner.wake(StrategyId(body.strategy_id))
        elif isinstance(body, CommandRequested):
            self._commands.rounds.wake()
