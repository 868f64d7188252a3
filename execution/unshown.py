"""Exits that an order strategy owes and does not show: without them a position has no stop.

The strategy is ended at the broker first: an exit that it had placed unseen would outlive the
position. Then its legs are given up, and the guard flattens what has no stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from execution.login import Login
from shared.domain.ids import IntentId
from shared.ports.broker import Accepted, Refused
from shared.ports.ledger import Ledger
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

# The exits come with the fill; a position waits for its stop no longer.
UNSHOWN_AFTER_S: Final = 1.5


async def give_up_unshown(ledger: Ledger, login: Login, entries: Sequence[IntentId]) -> None:
    """What could not be ended, or nobody knows whether, is tried again by the next round."""
    for entry in entries:
        outcome = await login.broker.interrupt(str(entry))
        _log.error("exits_not_shown", intent_id=str(entry), outcome=type(outcome).__name__)
        if isinstance(outcome, Accepted | Refused):
            await ledger.give_up_legs(entry)
