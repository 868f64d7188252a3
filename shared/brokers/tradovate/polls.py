"""The login over REST alone: all of its lists, or only whether anything in them has changed.

    whole   8 to 12 lists, every fact            at once, on a timer, after every change
    news    2 lists while nothing has changed    each second, while no stream tells

A login may ask 75 times a minute and some 60 times more at once (`budget`): that is a look a second
for more than a minute, or a full read each second for a few seconds.
"""

from __future__ import annotations

from typing import Final

from shared.brokers.tradovate.cache import EntityStore
from shared.brokers.tradovate.reads import (
    ACCOUNT_MISSING,
    NO_ACCOUNTS,
    Marks,
    Reader,
    WholeRead,
    read_marks,
    read_snapshot,
)
from shared.domain.errors import BrokerUnavailable
from shared.ports.broker import Priority, Snapshot
from shared.ports.clock import Clock

# What a command brings about may come a moment after its answer, and a modification shows in
# neither of the two lists: for so long everything is read.
STIRRED_S: Final = 2.0
# Lists that prove nothing are asked for again before the next timer would: an open position waits
# for them. So often, until a read has succeeded.
_QUICK_TRIES: Final = 3
_QUICK_AFTER_S: Final = 0.25


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
        self._marked_at_row = 0  # of the stream's, when they were read
        self._quick_left = _QUICK_TRIES
        self._stirred_until_s = float("-inf")
        # Accounts in which something was held or worked, by the newest full read.
        self.held: frozenset[int] = frozenset()

    def stir(self) -> None:
        """A command has left: the next looks are full reads."""
        self._stirred_until_s = self._clock.monotonic() + STIRRED_S

    async def whole(self, priority: Priority, held: frozenset[int]) -> Snapshot:
        """Every fact. Raises BrokerUnavailable; `held` as of `check_accounts`."""
        at, began_s, row = self._clock.now(), self._clock.monotonic(), self._stream.rows_taken
        read = await self._believable(self._reader.first(priority), held)
        read.store.catch_up(self._stream)
        read.store.catch_up_fees(self._stream, row)
        read.store.catch_up(self._last)
        self._last = read.store
        self.held = read.store.held
        self._marks = read.marks if began_s >= self._stirred_until_s else None
        self._marked_at_row = row
        return Snapshot(tuple(read.store.facts()), at)

    async def _believable(self, reader: Reader, held: frozenset[int]) -> WholeRead:
        while True:
            try:
                read = await read_snapshot(reader, self._names, held)
            except BrokerUnavailable as error:
                if error.code not in (NO_ACCOUNTS, ACCOUNT_MISSING) or self._quick_left == 0:
                    raise
                self._quick_left -= 1
                await self._clock.sleep(_QUICK_AFTER_S)
            else:
                self._quick_left = _QUICK_TRIES
                return read

    async def news(self, held: frozenset[int]) -> Snapshot | None:
        """Every fact, or None: nothing has changed since the last full read.

        Two empty lists are believed no more than one: where something was, a full read asks again.
        So does it once the stream has told more than that read had shown.
        """
        if (
            self._stands()
            and await read_marks(self._reader.first(Priority.RESOLUTION)) == self._marks
        ):
            return None
        return await self.whole(Priority.RESOLUTION, held)

    def _stands(self) -> bool:
        """Whether the marks of the last full read are of what the record has by now."""
        stirred = self._clock.monotonic() < self._stirred_until_s
        told_more = self._marked_at_row != self._stream.rows_taken
        return self._marks is not None and not stirred and not told_more
