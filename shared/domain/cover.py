"""How many contracts each protective leg may stand for: never more than its owner still holds.

A leg that covers too much would open the other side when it trades; one that covers too little
leaves a part naked. The contracts an owner still holds belong to its newest entries, because the
oldest are closed first, but never more to an entry than its legs have left of it: what its pairs
stand for too much would be missing where an older entry's legs give way for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.ids import IntentId
from shared.domain.order import Role


@dataclass(frozen=True, slots=True)
class Cover:
    """A working leg. `qty_contracts` counts what has filled of it, as the broker's order does.

    Legs with one `pair` end each other; legs with one `seq` are of one entry, the oldest of which
    has the lowest. `entry_left_contracts`: what that entry filled and its legs have not closed.
    """

    intent_id: IntentId
    broker_order_id: int
    role: Role
    qty_contracts: int
    filled_contracts: int
    pair: str
    seq: int
    entry_left_contracts: int

    @property
    def open_contracts(self) -> int:
        return self.qty_contracts - self.filled_contracts


@dataclass(frozen=True, slots=True)
class Resize:
    """The leg's new quantity, filled contracts included. None: cancel it, nothing is left of it."""

    leg: Cover
    qty_contracts: int | None

    @property
    def shrinks(self) -> bool:
        return self.qty_contracts is None or self.qty_contracts < self.leg.qty_contracts


def resizes(remainder: int, legs: Sequence[Cover]) -> tuple[Resize, ...]:
    """What must change so that the legs cover `remainder` contracts (absolute) of their owner.

    Targets shrink first, then stops, and only then does a stop grow: in between there is too
    much cover for a moment, never a stop that is missing.
    """
    wanted = _shares(remainder, legs)
    changes = [
        Resize(
            leg,
            None if wanted[leg.intent_id] == 0 else wanted[leg.intent_id] + leg.filled_contracts,
        )
        for leg in legs
        if wanted[leg.intent_id] != leg.open_contracts
    ]
    return tuple(sorted(changes, key=_turn))


def handed_over(legs: Sequence[Cover]) -> tuple[Resize, ...]:
    """What first pairs give up at once to pairs of earlier rungs that work.

    Of legs that are known to work, of entries that are filled whole, and while their fills may
    still be coming: nothing grows by this, and a pair of which one leg has ended takes nothing.
    """
    return tuple(change for entry in _entries(legs) for change in _given_up(_pairs(entry)))


def _given_up(pairs: Sequence[Sequence[Cover]]) -> list[Resize]:
    *rungs, first = pairs
    taken = sum(min(leg.open_contracts for leg in pair) for pair in rungs if len(pair) > 1)
    keeps = _left_of(first) - taken
    return [
        Resize(leg, keeps + leg.filled_contracts) for leg in first if 0 < keeps < leg.open_contracts
    ]


def remainder_of(held: int, legs: Sequence[Cover], gone: int = 0) -> int:
    """Contracts of `held` that these legs are to cover: no more than their entries have left.

    `gone` have entries left whose own stops have all ended: they are not to stay bare either.
    """
    return max(0, min(held, gone + sum(map(_left_of, _entries(legs)))))


def _turn(change: Resize) -> tuple[bool, bool, int]:
    return not change.shrinks, change.leg.role is Role.STOP_LOSS, change.leg.seq


def _shares(remainder: int, legs: Sequence[Cover]) -> dict[IntentId, int]:
    """Open contracts each leg should have: each entry's own from the newest on.

    What no stop of its own entry stands for is bare: another entry's does.
    """
    left, out = remainder, dict[IntentId, int]()
    for entry in _entries(legs):
        share = min(left, _left_of(entry))
        left -= share
        out |= _of_entry(share, _pairs(entry))
    stops = _stops([pair for entry in _entries(legs) for pair in _pairs(entry)])
    return out | _rest(remainder, stops, out)


def _of_entry(share: int, pairs: Sequence[Sequence[Cover]]) -> dict[IntentId, int]:
    """The pairs in turn, then what is left of the entry's share to its stops.

    What only a target of a pair covers is bare, too: another pair's stop stands for it. Such pairs
    are asked first, so that the same legs always share alike.
    """
    left, out = share, {}
    for pair in sorted(pairs, key=_has_stop):
        part = min(left, _claim(pair))
        left -= part
        for leg in pair:
            out[leg.intent_id] = min(part, leg.open_contracts) if _target(leg) else part
    return out | _rest(share, _stops(pairs), out)


def _rest(share: int, stops: Sequence[Cover], out: dict[IntentId, int]) -> dict[IntentId, int]:
    """What no pair's stop stands for: to stops that are as large already, then to the first."""
    bare, grown = share - sum(out[stop.intent_id] for stop in stops), {}
    for stop in stops:
        grown[stop.intent_id] = min(bare, max(0, stop.open_contracts - out[stop.intent_id]))
        bare -= grown[stop.intent_id]
    if stops:
        grown[stops[0].intent_id] += bare
    return {each: out[each] + more for each, more in grown.items()}


def _stops(pairs: Sequence[Sequence[Cover]]) -> list[Cover]:
    """Those beside a target first."""
    return [leg for pair in sorted(pairs, key=_lacks_target) for leg in pair if not _target(leg)]


def _claim(pair: Sequence[Cover]) -> int:
    """A stop may stand for more than its pair: its target says how much that is."""
    targets = [leg.open_contracts for leg in pair if _target(leg)]
    return max(targets or [leg.open_contracts for leg in pair])


def _has_stop(pair: Sequence[Cover]) -> bool:
    return not all(map(_target, pair))


def _lacks_target(pair: Sequence[Cover]) -> bool:
    return not any(map(_target, pair))


def _target(leg: Cover) -> bool:
    return leg.role is Role.TAKE_PROFIT


def _left_of(entry: Sequence[Cover]) -> int:
    return max(0, entry[0].entry_left_contracts)


def _entries(legs: Sequence[Cover]) -> list[list[Cover]]:
    """The legs of each entry, the newest first."""
    entries: dict[int, list[Cover]] = {}
    for leg in legs:
        entries.setdefault(leg.seq, []).append(leg)
    return [entries[seq] for seq in sorted(entries, reverse=True)]


def _pairs(entry: Sequence[Cover]) -> list[list[Cover]]:
    """The entry's first pair comes last: it covers what the later ones have not taken over."""
    pairs: dict[str, list[Cover]] = {}
    for leg in entry:
        pairs.setdefault(leg.pair, []).append(leg)
    return [pairs[name] for name in sorted(pairs, reverse=True)]
