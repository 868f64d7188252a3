"""The login over REST alone: all of its lists, or only whether anything in them has changed.

    whole   8 to 12 lists, every fact            at once, on a timer, after every change
    news    2 lists while nothing has changed    each second, while no stream tells

A login may ask 75 times a minute and some 60 times more at once (`budget`): that is a look a second
for more than a minute, or a full read each second for a few seconds.
"""

from __future__ import annotations

from typing import Final

from shared.brokers.tradovate.cache import EntityStore
from shared.brokers.tradovate.reads import Marks, Reader, read_marks, read_snapshot
from shared.ports.broker import Priority, Snapshot
from shared.ports.clock import Clock

# What a command brings about may come a moment after its answer, and a modification shows in
# neither of the two lists: for so long everything is read.
STIRRED_S: Final = 2.0


class Polls:
    """`stream` is what the stream has told by now; `names` are those of contracts, shared with it.

    A read may be overtaken by the stream, or by a read that began later: each order is told as it
    is known by then. Told as it was, it would stand wrong in the record until the next full read.
    """

    def __init__(
        self, reader: Reader, names: dict[int, str], stream: EntityStore, clock: Clock
    ) -> None:
        self._reader = reader
        self._names = names
        self._stream = stream
        self._last = EntityStore(names)
        self._clock = clock
        self._marks: Marks | None = None
        self._stirred_until_s = float("-inf")
        # Accounts in which something was held or worked, by the newest full read.
        self.held: frozenset[int] = frozenset()

    def stir(self) -> None:
        """A command has left: the next looks are full reads."""
        self._stirred_until_s = self._clock.monotonic() + STIRRED_S

    async def whole(self, priority: Priority, held: frozenset[int]) -> Snapshot:
        """Every fact. Raises BrokerUnavailable; `held` as of `check_accounts`."""
        at, began_s = self._clock.now(), self._clock.monotonic()
        read = await read_snapshot(self._reader.first(priority), self._names, held)
        read.store.catch_up(self._stream)
        read.store.catch_up(self._last)
        self._last = read.store
        self.held = read.store.held
        self._marks = read.marks if began_s >= self._stirred_until_s else None
        return Snapshot(tuple(read.store.facts()), at)

    async def news(self, held: frozenset[int]) -> Snapshot | None:
        """Every fact, or None: nothing has changed since the last full read.

        Two empty lists are believed no more than one: where something was, a full read asks again.
        """
        if self._clock.monotonic() >= self._stirred_until_s and self._marks is not None:
            marks, seen = self._marks, await read_marks(self._reader.first(Priority.RESOLUTION))
            if seen == marks:
                return None
        return await self.whole(Priority.RESOLUTION, held)
