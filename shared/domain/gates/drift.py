"""No entry where our books and the broker's have parted, until that is over or let go by a person.

The scene names the roots; `shared/domain/drift.py` says what a drift is and which of them hold.
"""

from __future__ import annotations

from typing import Final

from shared.domain.decision.entry import Entry
from shared.domain.drift import DriftKind
from shared.domain.gates.refusal import Refusal
from shared.domain.plan import Denied

_BY_CODE: Final = {
    kind.value: Refusal(
        kind.value,
        "the strategy's book, the trades of others and the broker's position",
        "{what} No entry in {root} until this is settled or released.",
    )
    for kind in DriftKind
}
REFUSALS: Final = tuple(_BY_CODE.values())


def parted(entry: Entry) -> Denied | None:
    """The oldest difference in the root is told."""
    for held in entry.scene.held_roots:
        if held.root == entry.root and held.code in _BY_CODE:
            return _BY_CODE[held.code].deny(root=held.root, what=held.message)
    return None
