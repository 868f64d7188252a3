"""Exits while a market is closed: not sent, because their way there would take the legs away.

An exit first cancels the legs of its position and is then refused; until the market opens the
position would stand bare, and the guard would knock in vain. So it ends with a code, the legs work
on, and the guard, to whom "be flat" was the owner's last word, closes at the open.

A paper venue trades at any hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from execution.logins import Logins
from shared.domain.calendar import trade_date
from shared.domain.claim import Candidate, End
from shared.domain.errors import TradeManagerError
from shared.domain.instruments import product_of
from shared.domain.order import IntentState, Role
from shared.domain.sessions import is_open
from shared.domain.symbols import root_of
from shared.ports.ledger import Lease

_ANY_HOUR: Final = "paper"
MARKET_CLOSED: Final = End(
    IntentState.BLOCKED,
    "market.closed",
    "The market is closed: stop and target work on, and the position is closed at the open.",
)
PART_CLOSED: Final = End(
    IntentState.BLOCKED,
    "market.closed",
    "The market is closed: nothing was closed, stop and target work on for all that is held.",
)


def by_hours(leases: Sequence[Lease], logins: Logins) -> Iterator[tuple[bool, list[Lease]]]:
    """The leases in at most two parts: whether their venue keeps hours, and which they are."""
    parts: dict[bool, list[Lease]] = {}
    for lease in leases:
        login = logins.get(lease.connection_id)
        if login is not None:
            parts.setdefault(login.row.environment != _ANY_HOUR, []).append(lease)
    yield from parts.items()


def rests(contract: str, now: datetime) -> bool:
    """Whether the contract's market is closed; of a foreign product nobody knows: False."""
    try:
        return not is_open(product_of(root_of(contract, trade_date(now))), now)
    except TradeManagerError:
        return False


def kept_back(candidate: Candidate, now: datetime) -> End | None:
    """The end of an exit that would be refused now; None: judge it."""
    intent = candidate.intent
    if not intent.role.ends or candidate.owner_net == 0 or not rests(intent.contract, now):
        return None
    return MARKET_CLOSED if intent.role is Role.EXIT else PART_CLOSED
