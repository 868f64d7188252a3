"""Refusals of entries that no alert asked for by itself, over the twin."""

from __future__ import annotations

from shared.contracts.signals import EntryRefused
from shared.domain.ids import Cause, event_id
from shared.domain.intents import Origin
from shared.domain.order import Role
from shared.domain.plan import Denied
from tests.simulation.ledger.journal import Journal
from tests.simulation.rows import IntentRow


def tell_refused(journal: Journal, origin: Origin, leg: str, contract: str, denied: Denied) -> None:
    """Once for each reason."""
    key = f"{origin.cause}:{origin.cause_id}:{origin.account_id}:{leg}:{denied.code}"
    if event_id(EntryRefused.type, key) in journal.store.outbox:
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


def tell_ended(journal: Journal, ended: list[tuple[IntentRow, dict[str, str]]]) -> None:
    """Of intents that have just ended unsent."""
    for row, compared in sorted(ended, key=lambda each: (each[0].account_id, each[0].account_seq)):
        if row.intent.cause not in (Cause.AVERAGE, Cause.HEAL) or row.role is not Role.ENTRY:
            continue
        body = EntryRefused(
            strategy_id=row.intent.strategy_id,
            account_id=row.account_id,
            contract=row.intent.contract,
            cause=row.intent.cause,
            disposition=row.state,
            code=row.code or "",
            message=row.message or "",
            compared=compared,
        )
        journal.tell(row.account_id, body, f"{row.id}", None, f"intent:{row.id}")
