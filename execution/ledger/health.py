"""Does our book equal the broker's? Accounts that do not are quarantined: exits only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from execution.ledger.journal import Journal
from shared.contracts.accounts import AccountQuarantined
from shared.contracts.envelope import Envelope
from shared.domain.ids import AccountId, ConnectionId
from shared.ports.broker import Fact, PositionFact
from shared.ports.ledger import DRIFT, NAKED, STUCK

_NET: Final = text("""
    SELECT a.id, a.broker_account_id, p.contract, sum(p.net_qty) AS net
    FROM accounts a JOIN positions p ON p.account_id = a.id
    WHERE a.connection_id = :connection
    GROUP BY a.id, a.broker_account_id, p.contract
""")
_ACCOUNTS: Final = text("""
    SELECT a.id, a.broker_account_id, r.quarantine_code FROM accounts a
    LEFT JOIN risk_state r ON r.account_id = a.id WHERE a.connection_id = :connection
""")
_QUARANTINE: Final = text("""
    UPDATE risk_state SET quarantine_code = CAST(:code AS text),
      quarantined_at = CASE WHEN CAST(:code AS text) IS NULL THEN NULL
                            ELSE coalesce(quarantined_at, :now) END
    WHERE account_id = :account AND quarantine_code IS DISTINCT FROM CAST(:code AS text)
      -- It is lifted as soon as the exit is through, so it must not hide a cause that lasts.
      AND (quarantine_code IS NULL OR CAST(:code AS text) IS DISTINCT FROM :stuck)
    RETURNING account_id
""")
_STUCK: Final = text("""
    SELECT r.account_id FROM risk_state r JOIN accounts a ON a.id = r.account_id
    WHERE a.connection_id = ANY (CAST(:connections AS bigint[])) AND r.quarantine_code = :stuck
    ORDER BY r.account_id
""")
_CLEAN: Final = "The broker's position equals ours again."
_THROUGH: Final = "The exit has got through to the broker."
_WHY: Final = {
    DRIFT: "The broker's position differs from the sum of the fills we know.",
    NAKED: "A position stood without its stop and is being closed.",
    STUCK: "An exit does not get through to the broker.",
}


async def drifted(
    connection: AsyncConnection, login: ConnectionId, facts: Sequence[Fact]
) -> tuple[list[AccountId], list[AccountId]]:
    """(accounts that differ in some contract, quarantined accounts that do not any more).

    `facts` is a whole snapshot of the login. A contract the broker does not list is flat there.
    """
    accounts = list(await connection.execute(_ACCOUNTS, {"connection": login}))
    by_broker_id = {row.broker_account_id: row.id for row in accounts}
    net: dict[tuple[int, str], int] = {}
    for fact in facts:
        if isinstance(fact, PositionFact) and fact.account in by_broker_id:
            net[by_broker_id[fact.account], fact.contract] = fact.net_qty
    for row in await connection.execute(_NET, {"connection": login}):
        net[row.id, row.contract] = net.get((row.id, row.contract), 0) - row.net
    off = {account for (account, _), difference in net.items() if difference != 0}
    clean = [row.id for row in accounts if row.quarantine_code is not None and row.id not in off]
    return sorted(map(AccountId, off)), sorted(map(AccountId, clean))


async def quarantine(
    connection: AsyncConnection, account: AccountId, code: str | None, now: datetime
) -> list[Envelope]:
    journal = await Journal.open(connection, [account], now)
    await _set(journal, account, code, _CLEAN)
    return await journal.close()


async def lift_stuck(
    connection: AsyncConnection, connections: list[int], stuck: Sequence[AccountId], now: datetime
) -> list[Envelope]:
    rows = await connection.execute(_STUCK, {"connections": connections, "stuck": STUCK})
    through = [AccountId(row.account_id) for row in rows if row.account_id not in stuck]
    if not through:
        return []
    journal = await Journal.open(connection, through, now)
    # Their rows are ours now: who got another cause meanwhile keeps it.
    rows = await connection.execute(_STUCK, {"connections": connections, "stuck": STUCK})
    for row in rows:
        if row.account_id in through:
            await _set(journal, AccountId(row.account_id), None, _THROUGH)
    return await journal.close()


async def _set(journal: Journal, account: AccountId, code: str | None, ended: str) -> None:
    changed = await journal.connection.execute(
        _QUARANTINE, {"account": account, "code": code, "now": journal.now, "stuck": STUCK}
    )
    if changed.first() is not None:
        message = ended if code is None else _WHY[code]
        body = AccountQuarantined(account_id=account, code=code, message=message)
        key = f"{account}:{journal.now.isoformat()}"
        journal.tell_again(account, body, key, f"account:{account}")
