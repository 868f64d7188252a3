"""How old an entry may become before it is no longer sent (O5), counted from the receipt.

No gate: the age of a pending entry grows after the decision. The intent carries the instant, and
the claim compares it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.domain.strategy import Strategy


def max_age_s(strategy: Strategy, default_s: float) -> float:
    """The strategy's own maximum age of an entry, or the installation's."""
    own = strategy.rules.entries.max_age_s
    return default_s if own is None else own


def expires_at(strategy: Strategy, received_at: datetime, default_s: float) -> datetime:
    """The first instant at which an entry of the signal is stale."""
    return received_at + timedelta(seconds=max_age_s(strategy, default_s))
