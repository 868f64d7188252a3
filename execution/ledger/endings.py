"""Intents end, and with the last of them the decision they came from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from execution.ledger.journal import Journal
from execution.ledger.unasked import tell_ended
from shared.contracts.signals import SignalDecided
from shared.domain.ids import AccountId, IntentId, SignalId
from shared.domain.order import IntentState, states_before


@dataclass(frozen=True, slots=True)
class Ending:
    intent: IntentId
    state: IntentState
    code: str
    message: str
    detail: dict[str, str] = field(default_factory=dict)  # the values that were compared


# An intent ends only from a state its transition table allows; its unsent legs end with it.
_END: Final = text("""
    UPDATE intents i SET state = e.state, code = e.code, message = e.message, ended_at = :now
    FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS text[]), CAST(:codes AS text[]),
                CAST(:messages AS text[])) AS e(id, state, code, message)
    WHERE i.id = e.id AND i.state = ANY (CAST(:allowed AS text[]))
    RETURNING i.id, i.account_id, i.account_seq, i.strategy_id, i.contract, i.cause, i.role,
      i.state, i.code, i.message
""")
_END_LEGS: Final = text("""
    UPDATE intents SET state = 'CANCELLED', code = 'entry.not_placed', ended_at = :now
    WHERE parent_id = ANY (CAST(:parents AS uuid[])) AND ended_at IS NULL
      AND broker_order_id IS NULL
""")
# The last intent of a decision that was an order of its own (not a leg) gives its end. A filled
# one wins: a reverse whose exit was already flat and whose entry filled is FILLED.
_DECIDE: Final = text("""
    UPDATE signal_decisions d SET disposition = done.state, code = done.code, ended_at = :now,
      message = concat_ws(' ', nullif(done.message, ''), d.detail ->> 'withheld_message',
                          d.detail ->> 'warning')
    FROM (
      SELECT DISTINCT ON (i.signal_id, i.account_id) i.signal_id, i.account_id, i.state,
        coalesce(i.code, 'order.' || lower(i.state)) AS code, coalesce(i.message, '') AS message
      FROM intents i
      WHERE i.signal_id = ANY (CAST(:signals AS bigint[])) AND i.parent_id IS NULL
        AND i.account_id = ANY (CAST(:accounts AS bigint[]))
        AND NOT EXISTS (
          SELECT 1 FROM intents o WHERE o.signal_id = i.signal_id AND o.account_id = i.account_id
            AND o.parent_id IS NULL AND o.ended_at IS NULL)
      ORDER BY i.signal_id, i.account_id, (i.role = 'entry') DESC, (i.state = 'FILLED') DESC,
        i.account_seq DESC
    ) done
    WHERE d.signal_id = done.signal_id AND d.account_id = done.account_id AND d.ended_at IS NULL
    RETURNING d.signal_id, d.strategy_id, d.account_id, d.disposition, d.code, d.message
""")
_SIGNALS: Final = text("""
    SELECT DISTINCT signal_id FROM intents
    WHERE id = ANY (CAST(:ids AS uuid[])) AND signal_id IS NOT NULL
""")


_COMPARED: Final = text("""
    UPDATE signal_decisions d SET detail = d.detail || CAST(:detail AS jsonb)
    FROM intents i
    WHERE i.id = :id AND d.signal_id = i.signal_id AND d.account_id = i.account_id
      AND d.ended_at IS NULL
""")


async def end_intents(journal: Journal, endings: Sequence[Ending]) -> None:
    """End these intents (ends of one state at a time share a statement) and their decisions."""
    over: list[Any] = []
    for state in sorted({ending.state for ending in endings}):
        some = [ending for ending in endings if ending.state is state]
        ended = await journal.connection.execute(
            _END,
            {
                "ids": [ending.intent for ending in some],
                "states": [state.value] * len(some),
                "codes": [ending.code for ending in some],
                "messages": [ending.message for ending in some],
                "allowed": [before.value for before in states_before(state)],
                "now": journal.now,
            },
        )
        rows = ended.all()
        over += rows
        await journal.connection.execute(
            _END_LEGS, {"parents": [row.id for row in rows], "now": journal.now}
        )
    tell_ended(journal, over, {ending.intent: ending.detail for ending in endings})
    compared = [
        {"id": ending.intent, "detail": json.dumps(ending.detail)}
        for ending in endings
        if ending.detail
    ]
    if compared:
        await journal.connection.execute(_COMPARED, compared)
    await end_decisions(journal, [ending.intent for ending in endings])


async def end_decisions(journal: Journal, ended: Iterable[UUID]) -> None:
    """Give each decision whose intents have all ended its terminal disposition."""
    signals = await journal.connection.execute(_SIGNALS, {"ids": list(ended)})
    ids = [row.signal_id for row in signals]
    if not ids:
        return
    parameters = {"signals": ids, "accounts": list(journal.accounts), "now": journal.now}
    rows = await journal.connection.execute(_DECIDE, parameters)
    # Events are told in the order of the signals, not in the order of a plan of the database.
    for row in sorted(rows, key=lambda each: (each.signal_id, each.account_id)):
        _tell(journal, row)


def _tell(journal: Journal, row: Any) -> None:
    body = SignalDecided(
        signal_id=row.signal_id,
        strategy_id=row.strategy_id,
        account_id=row.account_id,
        disposition=row.disposition,
        code=row.code,
        message=row.message,
    )
    journal.tell(
        AccountId(row.account_id),
        body,
        f"{row.signal_id}:{row.account_id}:{row.disposition}",
        SignalId(row.signal_id),
        f"signal:{row.signal_id}",
    )
