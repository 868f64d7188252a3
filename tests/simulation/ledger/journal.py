"""Events of one operation, numbered without gaps for each account."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.contracts.envelope import Envelope
from shared.contracts.registry import EventBody
from shared.db.outbox import envelope_of
from shared.domain.ids import AccountId, SignalId, UserId, event_id
from tests.simulation.rows import RiskRow
from tests.simulation.store import Store


@dataclass(slots=True)
class Journal:
    store: Store
    now: datetime
    accounts: list[AccountId]
    events: list[Envelope] = field(default_factory=list)

    @classmethod
    def open(cls, store: Store, accounts: Iterable[AccountId], now: datetime) -> Journal:
        """Counters of these accounts begin at their first journal."""
        known = [each for each in sorted(set(accounts)) if each in store.accounts]
        for each in known:
            if each not in store.risk:
                store.risk.put(each, RiskRow(each, store.accounts.one(each).user_id))
        return cls(store, now, known)

    def next_intent_seq(self, account: AccountId) -> int:
        risk = self.store.risk.one(account)
        risk = replace(risk, intent_seq=risk.intent_seq + 1)
        self.store.risk.put(account, risk)
        return risk.intent_seq

    def tell(
        self, account: AccountId, body: EventBody, key: str, signal: SignalId | None, about: str
    ) -> None:
        risk = self.store.risk.one(account)
        risk = replace(risk, event_seq=risk.event_seq + 1)
        self.store.risk.put(account, risk)
        self.events.append(
            envelope_of(
                body,
                event_id=event_id(body.type, key),
                correlation_id=about if signal is None else str(signal),
                user_id=risk.user_id,
                account_id=account,
                seq=risk.event_seq,
                aggregate=about,
                occurred_at=self.now,
            )
        )

    def tell_again(self, account: AccountId, body: EventBody, key: str, about: str) -> None:
        """For what may be said again word for word: its number is part of its id."""
        number = self.store.risk.one(account).event_seq + 1
        self.tell(account, body, f"{key}:{number}", None, about)

    def close(self) -> list[Envelope]:
        for event in self.events:
            write(self.store, event)
        return self.events


def write(store: Store, event: Envelope) -> None:
    """The same id twice is one event."""
    if event.id not in store.outbox:
        store.outbox.put(event.id, event)


def tell_user(
    store: Store, user: UserId, body: EventBody, key: str, about: str, now: datetime
) -> list[Envelope]:
    """An event that belongs to a user and to no account: it has no number."""
    event = envelope_of(
        body,
        event_id=event_id(body.type, key),
        correlation_id=about,
        user_id=user,
        aggregate=about,
        occurred_at=now,
    )
    write(store, event)
    return [event]
