"""What happened in one account, numbered without gaps, written in the transaction that made it so.

Opening a journal locks the account's `risk_state` row: transactions about one account follow one
another, so the numbers of its events rise in the order they were committed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.envelope import Envelope
from shared.contracts.registry import EventBody
from shared.db.outbox import add_many, envelope_of
from shared.domain.ids import AccountId, SignalId, event_id

# Ascending ids: every transaction that locks several accounts locks them in the same order.
_LOCK: Final = text("""
    INSERT INTO risk_state (account_id, user_id)
    SELECT a.id, a.user_id FROM accounts a
    WHERE a.id = ANY (CAST(:accounts AS bigint[])) ORDER BY a.id
    ON CONFLICT (account_id) DO UPDATE SET updated_at = now()
    RETURNING account_id, user_id, intent_seq, event_seq, quarantine_code
""")
_ADVANCE: Final = text("""
    UPDATE risk_state r SET intent_seq = n.intent_seq, event_seq = n.event_seq
    FROM unnest(CAST(:accounts AS bigint[]), CAST(:intents AS bigint[]), CAST(:events AS bigint[]))
      AS n(account_id, intent_seq, event_seq)
    WHERE r.account_id = n.account_id
""")


@dataclass(slots=True)
class Counters:
    """The account's counters as they will be when this transaction commits."""

    user_id: int
    intent_seq: int
    event_seq: int
    quarantine_code: str | None


@dataclass(slots=True)
class Journal:
    """Collects the events of one transaction; `close` writes them and the counters."""

    connection: AsyncConnection
    now: datetime
    accounts: dict[int, Counters]
    events: list[Envelope] = field(default_factory=list)

    @classmethod
    async def open(
        cls, connection: AsyncConnection, accounts: Iterable[int], now: datetime
    ) -> Journal:
        """Lock these accounts until the transaction ends."""
        ids = sorted(set(accounts))
        rows = (await connection.execute(_LOCK, {"accounts": ids})).all() if ids else []
        counters = {
            row.account_id: Counters(
                row.user_id, row.intent_seq, row.event_seq, row.quarantine_code
            )
            for row in rows
        }
        return cls(connection, now, counters)

    def next_intent_seq(self, account: AccountId) -> int:
        counters = self.accounts[account]
        counters.intent_seq += 1
        return counters.intent_seq

    def tell(
        self, account: AccountId, body: EventBody, key: str, signal: SignalId | None, about: str
    ) -> None:
        """Add an event. `key` makes its id; `about` is its aggregate (`order:42`).

        A key is used once: the event of a second would be lost and its number missing.
        """
        counters = self.accounts[account]
        counters.event_seq += 1
        self.events.append(
            envelope_of(
                body,
                event_id=event_id(body.type, key),
                correlation_id=about if signal is None else str(signal),
                user_id=counters.user_id,
                account_id=account,
                seq=counters.event_seq,
                aggregate=about,
                occurred_at=self.now,
            )
        )

    def tell_again(self, account: AccountId, body: EventBody, key: str, about: str) -> None:
        """Add an event that may be said again word for word (a fee corrected back and forth).

        Its number in the account is part of its id.
        """
        number = self.accounts[account].event_seq + 1
        self.tell(account, body, f"{key}:{number}", None, about)

    async def close(self) -> list[Envelope]:
        """Write what was told; returns it for the bell."""
        if self.accounts:
            await self.connection.execute(_ADVANCE, self._counters())
        await add_many(self.connection, self.events)
        return self.events

    def _counters(self) -> dict[str, Any]:
        items: Sequence[tuple[int, Counters]] = tuple(self.accounts.items())
        return {
            "accounts": [account for account, _ in items],
            "intents": [counters.intent_seq for _, counters in items],
            "events": [counters.event_seq for _, counters in items],
        }
