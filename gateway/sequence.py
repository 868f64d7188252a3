"""The order of one user's events: by number per account, whatever order they arrived in. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from shared.contracts.envelope import Envelope

# More than this waiting for one missing event: a fresh snapshot is cheaper than the queue.
HELD_MAX: Final = 5_000


class Hole(NamedTuple):
    """Events `first` to `last` of an account that are needed before others may be shown."""

    account_id: int
    first: int
    last: int


class Sequence:
    """Holds back what came early and drops what the snapshot already contains.

    `is_lost` is set when too much is held, or an event is of an account the snapshot did not show:
    only a new snapshot helps then.
    """

    def __init__(self, cursors: Mapping[int, int]) -> None:
        self._cursors = dict(cursors)
        self._held: dict[int, dict[int, Envelope]] = {}
        self._held_count = 0
        self.is_lost = False

    def knows(self, account_id: int) -> bool:
        return account_id in self._cursors

    def cursor(self, account_id: int) -> int:
        """Number of the last event that was let through."""
        return self._cursors[account_id]

    def offer(self, account_id: int, seq: int, envelope: Envelope) -> list[Envelope]:
        """What may be shown now, in order; often just this event, perhaps nothing."""
        last = self._cursors.get(account_id)
        if last is None:
            self.is_lost = True
            return []
        if seq <= last:
            return []
        if seq > last + 1:
            self._hold(account_id, seq, envelope)
            return []
        return [envelope, *self._released(account_id, seq)]

    def holes(self) -> list[Hole]:
        """What is missing, per account the first gap only: the others may close with it."""
        return [
            Hole(account_id, self._cursors[account_id] + 1, min(held) - 1)
            for account_id, held in self._held.items()
            if held
        ]

    def _hold(self, account_id: int, seq: int, envelope: Envelope) -> None:
        held = self._held.setdefault(account_id, {})
        if seq not in held:
            self._held_count += 1
            held[seq] = envelope
        if self._held_count > HELD_MAX:
            self.is_lost = True

    def _released(self, account_id: int, seq: int) -> list[Envelope]:
        held = self._held.get(account_id, {})
        released: list[Envelope] = []
        while (following := held.pop(seq + 1, None)) is not None:
            released.append(following)
            seq += 1
        self._cursors[account_id] = seq
        # Late copies of what was just passed.
        for old in [number for number in held if number <= seq]:
            del held[old]
            self._held_count -= 1
        self._held_count -= len(released)
        return released
