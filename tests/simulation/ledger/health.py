"""Does the book equal the broker's? Accounts that do not are quarantined: exits only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from shared.contracts.accounts import AccountQuarantined
from shared.contracts.envelope import Envelope
from shared.domain.ids import AccountId, ConnectionId
from shared.ports.broker import Fact, PositionFact
from shared.ports.ledger import DRIFT, NAKED, STUCK
from tests.simulation.ledger.journal import Journal
from tests.simulation.store import Store

_CLEAN: Final = "The broker's position equals ours again."
_THROUGH: Final = "The exit has got through to the broker."
_WHY: Final = {
    DRIFT: "The broker's position differs from the sum of the fills we know.",
    NAKED: "A position stood without its stop and is being closed.",
    STUCK: "An exit does not get through to the broker.",
}


def drifted(
    store: Store, login: ConnectionId, facts: Sequence[Fact]
) -> tuple[list[AccountId], list[AccountId]]:
    """A contract the broker does not list is flat there."""
    accounts = [row for row in store.accounts.rows() if row.connection_id == login]
    ours = {row.broker_account_id: row.id for row in accounts}
    theirs = {
        (ours[fact.account], fact.contract): fact.net_qty
        for fact in facts
        if isinstance(fact, PositionFact) and fact.account in ours
    }
    difference = Counter(theirs)
    for row in store.positions.rows():
        if store.connection_of(row.account_id) == login:
            difference[row.account_id, row.contract] -= row.net_qty
    off = {account for (account, _), net in difference.items() if net != 0}
    clean = [
        row.id
        for row in accounts
        if (risk := store.risk.get(row.id)) is not None
        and risk.quarantine_code is not None
        and row.id not in off
    ]
    return sorted(off), sorted(clean)


def quarantine(store: Store, account: AccountId, code: str | None, now: datetime) -> list[Envelope]:
    journal = Journal.open(store, [account], now)
    _set(journal, account, code, _CLEAN)
    return journal.close()


def lift_stuck(
    store: Store,
    connections: Collection[ConnectionId],
    stuck: Collection[AccountId],
    now: datetime,
) -> list[Envelope]:
    through = [
        row.id
        for row in store.accounts.rows()
        if row.connection_id in connections
        and row.id not in stuck
        and (risk := store.risk.get(row.id)) is not None
        and risk.quarantine_code == STUCK
    ]
    if not through:
        return []
    journal = Journal.open(store, through, now)
    for account in sorted(through):
        _set(journal, account, None, _THROUGH)
    return journal.close()


def _set(journal: Journal, account: AccountId, code: str | None, ended: str) -> None:
    store, now = journal.store, journal.now
    risk = store.risk.get(account)
    if risk is None or risk.quarantine_code == code:
        return
    if code == STUCK and risk.quarantine_code is not None:
        return  # what is lifted by itself hides nothing that lasts
    since = now if risk.quarantined_at is None else risk.quarantined_at
    since_or_none = None if code is None else since
    store.risk.put(account, replace(risk, quarantine_code=code, quarantined_at=since_or_none))
    message = ended if code is None else _WHY[code]
    body = AccountQuarantined(account_id=account, code=code, message=message)
    key = f"{account}:{now.isoformat()}"
    journal.tell_again(account, body, key, f"account:{account}")
