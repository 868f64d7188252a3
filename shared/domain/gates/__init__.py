"""Gates: each may refuse an entry, with a code, the compared values and a plain sentence.

Exits meet no gate. The first gate that refuses names the reason; their order is the table below.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from shared.domain.decision.entry import Entry
from shared.domain.gates.ownership import owned_by_another
from shared.domain.plan import Denied

Gate = Callable[[Entry], Denied | None]

GATES: Final[tuple[Gate, ...]] = (owned_by_another,)


def first_denial(entry: Entry) -> Denied | None:
    """Why this entry must not be made, or None."""
    return next((denied for gate in GATES if (denied := gate(entry)) is not None), None)
