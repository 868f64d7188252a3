"""The net under a consumer: finds in the outbox what no stream brought."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from shared.contracts.envelope import Envelope
from shared.contracts.streams import SWEEP_LOOKBACK
from shared.streams.record import InboxPort

BATCH_MAX: Final = 200


class Sweep:
    """Pages of unhandled events in row order.

    The floor lives in memory: a new process looks back
    a day, which costs one larger query and finds what the old one left.
    """

    def __init__(self, inbox: InboxPort, streams: Sequence[str], types: Collection[str]) -> None:
        self._inbox = inbox
        self._streams = tuple(streams)
        self._types = types
        self._floor: int | None = None

    async def next(self) -> Sequence[Envelope]:
        """At most `BATCH_MAX` events; none when everything is handled."""
        if self._floor is None:
            self._floor = await self._inbox.start_floor(self._streams, SWEEP_LOOKBACK)
        missed, self._floor = await self._inbox.unhandled(
            self._streams, self._types, self._floor, BATCH_MAX
        )
        return missed
