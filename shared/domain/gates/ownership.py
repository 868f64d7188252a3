"""Who may enter a contract in an account (design: one owner of a root unless it is shared)."""

from __future__ import annotations

from shared.domain.decision.entry import Entry
from shared.domain.plan import Denied, blocked


def owned_by_another(entry: Entry) -> Denied | None:
    """In an exclusive account the first strategy with something open owns the root."""
    owner = entry.scene.book.other_owners.get(entry.root)
    if owner is None or not entry.link.exclusive:
        return None
    return blocked(
        "netting.owned_by",
        f"Another strategy holds {entry.root} in this account.",
        owner=str(owner),
    )
