"""What makes prices move: a walk or a replay, at a speed, paused or stepped by hand."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Final

from paper.prices import Walk
from paper.replay import Point, Replay
from paper.venue import Venue

TICK_S: Final = 0.25  # four trades a second for each family at speed 1
PRICE_NOTE_S: Final = 30.0
DAY_CHECK_S: Final = 1.0
STEPS_MAX: Final = 1_000_000
_WAIT_S_MIN: Final = 0.001
_PAUSED_S: Final = 0.1


class Feed:
    """Runs the tasks that need real time. A family walks from the moment somebody asks for it."""

    def __init__(self, venue: Venue) -> None:
        self.paused = venue.settings.paper_speed == 0
        self._venue = venue
        self._speed = venue.settings.paper_speed or 1.0
        self._walks: dict[str, Walk] = {}

    async def walk(self) -> None:
        """Every family in use takes a step at each turn, except one that is replayed."""
        while True:
            await asyncio.sleep(max(_WAIT_S_MIN, TICK_S / self._speed))
            if not self.paused:
                self.walk_once()

    def walk_once(self) -> None:
        for family in self._venue.market.families:
            if not self._is_replayed(family) and not self._venue.trading.rests(family):
                self._venue.trade(family, self._step(family))

    async def replay(self) -> None:
        """The trades of the file, until it ends; then the last price holds."""
        replay = self._venue.replay
        ended = replay is None
        while replay is not None and not ended:
            await asyncio.sleep(_PAUSED_S if self.paused else self._wait_s(replay))
            ended = not self.paused and self.step() is None
        await asyncio.Event().wait()

    async def keep_time(self) -> None:
        """Sessions end and days begin, and prices are noted now and then."""
        loop = asyncio.get_running_loop()
        noted = loop.time()
        while True:
            await asyncio.sleep(DAY_CHECK_S)
            self.on_time()
            if loop.time() - noted >= PRICE_NOTE_S:
                self._venue.note_prices()
                noted = loop.time()

    def on_time(self) -> None:
        self._venue.trading.on_time()
        self._venue.commit()

    def step(self) -> Point | None:
        """One trade of the replay; None at its end or without a file."""
        replay = self._venue.replay
        point = None if replay is None else replay.next()
        if replay is not None and point is not None:
            self._venue.trade(replay.family, point.price)
        return point

    def _step(self, family: str) -> Decimal:
        walk = self._walks.get(family)
        if walk is None:
            walk = self._walks[family] = Walk(family, self._venue.settings.paper_seed)
        return walk.next(self._venue.market.last(family))

    def _wait_s(self, replay: Replay) -> float:
        return max(_WAIT_S_MIN, replay.point_s / self._speed)

    def _is_replayed(self, family: str) -> bool:
        return self._venue.replay is not None and self._venue.replay.family == family
