"""Where the books have parted: looked for, named, held against entries, let go.

A look reads without a lock; only what would change something is looked at again under the locks
of its accounts, and written there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from execution.ledger import wishes
from execution.ledger.gifts import give
from execution.ledger.journal import Journal
from shared.contracts.drifts import DriftEnded, DriftFound
from shared.contracts.envelope import Envelope
from shared.domain.calendar import trade_date
from shared.domain.drift import (
    Change,
    Drift,
    DriftKind,
    Standing,
    drifts_of,
    followed,
    settle,
)
from shared.domain.drift_books import Shelf, target_side
from shared.domain.ids import AccountId, ConnectionId, StrategyId
from shared.domain.rules import StrategyRules
from shared.domain.rules.drift import DriftPolicy
from shared.domain.signal_json import signal_from_json
from shared.domain.symbols import root_of
from shared.ports.ledger import (
    FOREIGN_AFTER_S,
    GIVEN,
    MISSED_AFTER_S,
    NOT_GIVEN,
    NOT_RELEASED,
    RELEASED,
    Command,
    Nets,
)

_ACCOUNTS: Final = text("""
    SELECT a.id, a.connection_id, a.broker_account_id FROM accounts a
    WHERE a.connection_id = ANY (CAST(:connections AS bigint[])) ORDER BY a.id
""")
_HELD: Final = text("""
    SELECT account_id, contract, strategy_id, net_qty FROM positions
    WHERE account_id = ANY (CAST(:accounts AS bigint[])) AND net_qty <> 0
""")
_FOREIGN: Final = text("""
    SELECT account_id, contract, count(*) AS orders FROM orders
    WHERE account_id = ANY (CAST(:accounts AS bigint[])) AND intent_id IS NULL
      AND status IN ('Working', 'PendingNew', 'PendingReplace', 'PendingCancel', 'Suspended')
      AND as_of < clock_timestamp() - make_interval(secs => :foreign_after_s)
    GROUP BY account_id, contract
""")
# A fill taken back is told until its owner's next order has left: that one saw the smaller book.
_BUSTED: Final = text("""
    SELECT f.account_id, f.contract, f.strategy_id, sum(f.qty) AS qty
    FROM fills f JOIN intents i ON i.id = f.intent_id
    WHERE f.account_id = ANY (CAST(:accounts AS bigint[])) AND NOT f.active
      AND i.filled_qty < i.qty
      AND NOT EXISTS (
        SELECT 1 FROM intents n WHERE n.account_id = f.account_id AND n.contract = f.contract
          AND n.strategy_id = f.strategy_id AND n.parent_id IS NULL
          AND n.account_seq > i.account_seq
          AND (n.filled_qty > 0 OR n.state IN ('SENDING', 'UNKNOWN', 'ACCEPTED', 'WORKING')))
    GROUP BY f.account_id, f.contract, f.strategy_id
""")
# The newest alert of a strategy that names a position was carried out, nothing of its owner is
# under way, and nothing but that alert has traded since.
_ASKED: Final = text("""
    SELECT sa.account_id, sa.strategy_id, i.contract, s.content, t.rules
    FROM strategy_accounts sa
    JOIN strategies t ON t.id = sa.strategy_id AND t.deleted_at IS NULL
    JOIN LATERAL (
      SELECT n.id, n.content, n.received_at FROM signals n
      WHERE n.strategy_id = sa.strategy_id AND n.status = 'accepted' ORDER BY n.seq DESC LIMIT 1
    ) s ON s.content ->> 'kind' IN ('target', 'stand')
    JOIN signal_decisions d ON d.signal_id = s.id AND d.account_id = sa.account_id
      AND d.disposition IN ('FILLED', 'REJECTED', 'CANCELLED', 'EXPIRED', 'STALE', 'ABANDONED')
      AND d.ended_at < clock_timestamp() - make_interval(secs => :missed_after_s)
      AND d.detail = '{}'
    JOIN LATERAL (
      SELECT o.contract, o.root FROM intents o
      WHERE o.signal_id = s.id AND o.account_id = sa.account_id AND o.parent_id IS NULL
      ORDER BY o.account_seq DESC LIMIT 1
    ) i ON true
    WHERE sa.account_id = ANY (CAST(:accounts AS bigint[]))
      AND NOT EXISTS (
        SELECT 1 FROM intents o WHERE o.account_id = sa.account_id AND o.ended_at IS NULL
          AND o.strategy_id = sa.strategy_id AND o.root = i.root)
      AND NOT EXISTS (
        SELECT 1 FROM fills f LEFT JOIN intents o ON o.id = f.intent_id
        WHERE f.account_id = sa.account_id AND f.strategy_id = sa.strategy_id
          AND f.contract = i.contract AND f.recorded_at >= s.received_at
          AND (o.signal_id IS DISTINCT FROM s.id OR o.parent_id IS NOT NULL))
""")
_POLICIES: Final = text("""
    SELECT id, rules ->> 'drift' AS policy FROM strategies
    WHERE id = ANY (CAST(:strategies AS bigint[]))
""")
_STANDING: Final = text("""
    SELECT * FROM drifts WHERE account_id = ANY (CAST(:accounts AS bigint[])) AND ended_at IS NULL
    ORDER BY id
""")
_OPEN: Final = text("""
    INSERT INTO drifts (user_id, account_id, strategy_id, root, contract, code, message, compared,
      policy, found_at)
    VALUES (:user_id, :account_id, :strategy_id, :root, :contract, :code, :message,
      CAST(:compared AS jsonb), :policy, :now)
    RETURNING id
""")
_END: Final = text("""
    UPDATE drifts SET ended_at = :now, ending = :ending
    WHERE id = ANY (CAST(:ids AS bigint[])) AND ended_at IS NULL
    RETURNING id, account_id, strategy_id, contract, code
""")
_LOOKED: Final = text("""
    UPDATE drifts SET clean_looks = :looks, clean_at = :now WHERE id = :id AND ended_at IS NULL
""")
# Where the drift stands, if its owner trades the strategy in that account.
_MEANT: Final = text("""
    SELECT d.account_id, d.contract, s.id AS strategy_id FROM drifts d
    JOIN strategies s ON s.id = :strategy AND s.user_id = d.user_id AND s.deleted_at IS NULL
    JOIN strategy_accounts l ON l.strategy_id = s.id AND l.account_id = d.account_id
    WHERE d.id = :drift AND d.user_id = :user AND d.ended_at IS NULL
""")
_RELEASE: Final = text("""
    UPDATE drifts SET released_at = :now
    WHERE id = :id AND user_id = :user AND ended_at IS NULL AND released_at IS NULL
    RETURNING id
""")


async def look(
    connection: AsyncConnection,
    connections: list[int],
    told: Mapping[ConnectionId, Nets],
    now: datetime,
) -> list[Envelope]:
    """Name what has parted in these logins, and end what has not any more."""
    rows = list(await connection.execute(_ACCOUNTS, {"connections": connections}))
    nets = {
        AccountId(row.id): _nets_of(told[row.connection_id], row.broker_account_id)
        for row in rows
        if row.connection_id in told
    }
    first = await _change(connection, [AccountId(row.id) for row in rows], nets, now)
    if not first.accounts:
        return []
    journal = await Journal.open(connection, first.accounts, now)
    sure = await _change(connection, sorted(first.accounts), nets, now)
    await _end(journal, sure.changed, "changed")
    await _end(journal, sure.ended, "clean")
    ids = {drift: standing.id for standing, drift in sure.kept}
    for drift in sure.opened:
        ids[drift] = await _open(journal, drift)
    for drift in followed(sure.shown):
        if await give(journal, drift.account_id, drift.contract, drift.strategy_id):
            await _end(journal, [Standing(ids[drift], drift)], "followed")
    for standing, looks in sure.looks:
        parameters = {"id": standing.id, "looks": looks, "now": now}
        await connection.execute(_LOOKED, parameters)
    return await journal.close()


async def release(connection: AsyncConnection, command: Command, now: datetime) -> list[Envelope]:
    """Entries may go again while nothing else differs. The deed and its answer in one."""
    wanted = command.detail.get("drift_id")
    key = wanted if isinstance(wanted, int) else 0
    parameters = {"id": key, "user": command.user_id, "now": now}
    released = (await connection.execute(_RELEASE, parameters)).first() is not None
    return await wishes.answer(connection, command, *(RELEASED if released else NOT_RELEASED), now)


async def give_by_hand(
    connection: AsyncConnection, command: Command, now: datetime
) -> list[Envelope]:
    """All that others hold where a drift stands becomes a strategy's, as its owner says."""
    found = await _meant(connection, command)
    if found is None:
        return await wishes.answer(connection, command, *NOT_GIVEN, now)
    account, contract, strategy = found
    journal = await Journal.open(connection, [account], now)
    given = await give(journal, account, contract, strategy)
    events = await journal.close()
    told = await wishes.answer(connection, command, *(GIVEN if given else NOT_GIVEN), now)
    return [*events, *told]


async def _meant(
    connection: AsyncConnection, command: Command
) -> tuple[AccountId, str, StrategyId] | None:
    wanted = [command.detail.get(name) for name in ("drift_id", "strategy_id")]
    if not all(isinstance(each, int) for each in wanted):
        return None
    parameters = {"drift": wanted[0], "strategy": wanted[1], "user": command.user_id}
    row = (await connection.execute(_MEANT, parameters)).first()
    if row is None:
        return None
    return AccountId(row.account_id), row.contract, StrategyId(row.strategy_id)


def _nets_of(nets: Nets, broker_account: int) -> dict[str, int]:
    return {contract: net for (account, contract), net in nets.items() if account == broker_account}


async def _change(
    connection: AsyncConnection,
    accounts: Sequence[AccountId],
    nets: Mapping[AccountId, Mapping[str, int]],
    now: datetime,
) -> Change:
    of = {"accounts": list(accounts)}
    shelf = await _shelf(connection, of)
    for account in accounts:
        if account in nets:
            shelf.told(account, nets[account])
    today = trade_date(now)
    found = [
        drift
        for books in shelf.books(lambda contract: root_of(contract, today))
        for drift in drifts_of(books)
    ]
    standing = [_standing(row) for row in await connection.execute(_STANDING, of)]
    return settle(standing, found, now)


async def _shelf(connection: AsyncConnection, of: dict[str, list[AccountId]]) -> Shelf:
    held = list(await connection.execute(_HELD, of))
    busted = list(await connection.execute(_BUSTED, of))
    asked = list(await connection.execute(_ASKED, {**of, "missed_after_s": MISSED_AFTER_S}))
    owners = sorted({row.strategy_id for row in (*held, *busted, *asked)} - {0})
    policies = {
        row.id: DriftPolicy(row.policy)
        for row in (await connection.execute(_POLICIES, {"strategies": owners}) if owners else ())
        if row.policy is not None
    }
    shelf = Shelf(lambda strategy: policies.get(strategy, DriftPolicy.ALARM))
    for row in held:
        shelf.held(row.account_id, row.contract, row.strategy_id, row.net_qty)
    for row in busted:
        shelf.busted(row.account_id, row.contract, row.strategy_id, int(row.qty))
    for row in asked:
        rules = StrategyRules.model_validate(row.rules)
        side = target_side(signal_from_json(row.content), rules)
        if side is not None:
            shelf.asked(row.account_id, row.contract, row.strategy_id, side)
    parameters = {**of, "foreign_after_s": FOREIGN_AFTER_S}
    for row in await connection.execute(_FOREIGN, parameters):
        shelf.foreign(row.account_id, row.contract, row.orders)
    return shelf


def _standing(row: Any) -> Standing:
    drift = Drift(
        kind=DriftKind(row.code),
        account_id=AccountId(row.account_id),
        contract=row.contract,
        root=row.root,
        strategy_id=StrategyId(row.strategy_id),
        policy=DriftPolicy(row.policy),
        compared=tuple(sorted(row.compared.items())),
    )
    return Standing(row.id, drift, row.clean_looks, row.clean_at, row.released_at is not None)


async def _open(journal: Journal, drift: Drift) -> int:
    row = {
        "user_id": journal.accounts[drift.account_id].user_id,
        "account_id": drift.account_id,
        "strategy_id": drift.strategy_id,
        "root": drift.root,
        "contract": drift.contract,
        "code": drift.kind.value,
        "message": drift.message,
        "compared": json.dumps(dict(drift.compared)),
        "policy": drift.policy.value,
        "now": journal.now,
    }
    key = int((await journal.connection.execute(_OPEN, row)).scalar_one())
    body = DriftFound.of(key, drift)
    journal.tell(drift.account_id, body, str(key), None, f"drift:{key}")
    return key


async def _end(journal: Journal, some: Sequence[Standing], ending: str) -> None:
    ids = [each.id for each in some]
    if not ids:
        return
    parameters = {"ids": ids, "ending": ending, "now": journal.now}
    for row in await journal.connection.execute(_END, parameters):
        body = DriftEnded(
            drift_id=row.id,
            account_id=row.account_id,
            strategy_id=row.strategy_id,
            contract=row.contract,
            code=row.code,
            ending=ending,
        )
        journal.tell(AccountId(row.account_id), body, str(row.id), None, f"drift:{row.id}")
