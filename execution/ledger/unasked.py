"""Entries that no alert asked for by itself: whoever holds the position is told of a refusal.

A refused alert leaves a decision. An add against the price, or the mending of a drift, has no alert
of its own, so its refusal is an event: once for each reason while it stands, however often a quote
asks again, and once when an entry that was planned ends without having left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from execution.ledger.journal import Journal
from shared.contracts.signals import EntryRefused
from shared.domain.ids import AccountId, Cause, event_id
from shared.domain.intents import Origin
from shared.domain.order import Role
from shared.domain.plan import Denied

_CAUSES: Final = frozenset({Cause.AVERAGE, Cause.HEAL})
_KNOWN: Final = text("SELECT EXISTS (SELECT FROM outbox WHERE event_id = :id)")


async def tell_refused(
    journal: Journal, origin: Origin, leg: str, contract: str, denied: Denied
) -> None:
    """In the transaction that refused it. A reason that was told already is not told again."""
    key = f"{origin.cause}:{origin.cause_id}:{origin.account_id}:{leg}:{denied.code}"
    known = await journal.connection.execute(_KNOWN, {"id": event_id(EntryRefused.type, key)})
    if known.scalar_one():
        return
    body = EntryRefused(
        strategy_id=origin.strategy_id,
        account_id=origin.account_id,
        contract=contract,
        cause=origin.cause,
        disposition=denied.disposition,
        code=denied.code,
        message=denied.message,
        compared=denied.detail,
    )
    about = f"{origin.cause}:{origin.cause_id}"
    journal.tell(origin.account_id, body, key, origin.signal_id, about)


def tell_ended(
    journal: Journal, ended: Iterable[Any], compared: Mapping[UUID, dict[str, str]]
) -> None:
    """Of these intents, which have just ended unsent, the entries that no alert asked for."""
    for row in sorted(ended, key=lambda each: (each.account_id, each.account_seq)):
        if row.cause not in _CAUSES or row.role != Role.ENTRY:
            continue
        body = EntryRefused(
            strategy_id=row.strategy_id,
            account_id=row.account_id,
            contract=row.contract,
            cause=row.cause,
            disposition=row.state,
            code=row.code,
            message=row.message,
            compared=compared.get(row.id, {}),
        )
        journal.tell(AccountId(row.account_id), body, f"{row.id}", None, f"intent:{row.id}")
