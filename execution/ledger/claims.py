"""The claim: the only fence between an intent and the broker.

In one transaction: pending intents whose turn it is are locked, judged by pure code, and the
numbers they may be sent with are written with state SENDING. A process without the lease's
epoch, or an intent somebody else took, simply is not in the result.

Turn: an entry goes when nothing earlier of its account is unsent, nothing of its root is UNKNOWN,
and what its owner was leaving there before has ended (flat is not enough: the rest of an exit that
fills in parts would close the entry); an exit, or a part, when nothing earlier of its owner in the
root is unsent and no other end of it is unresolved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from execution.ledger import legs as legs_of
from execution.ledger import protection, rungs, withdrawals
from execution.ledger.claim_facts import entry_facts
from execution.ledger.endings import Ending, end_intents
from execution.ledger.journal import Journal
from execution.ledger.rows import intent_of, tick_of
from shared.db.controls import FENCE
from shared.domain.claim import MARKET_ORDER_PATIENCE, Candidate, End, Send, Wait, stale
from shared.domain.held_up import fenced
from shared.domain.ids import EXTERNAL, AccountId, ConnectionId, IntentId, UserId
from shared.domain.order import IntentState, OrderIntent, Role
from shared.domain.position import external_left, still_held
from shared.ports.ledger import AccountRef, Cancel, Claimed, Claims, Judge, Lease

_AT_ONCE: Final = 200  # intents judged in one transaction; the next round takes the rest

# What the owner of an intent `i` holds, `p` being its position.
_HELD: Final = """coalesce(p.net_qty, 0) AS owner_net,
           coalesce((SELECT sum(abs(q.net_qty)) FROM positions q
             WHERE q.account_id = p.account_id AND q.contract = p.contract
               AND q.strategy_id <> 0 AND sign(q.net_qty) = sign(p.net_qty)), 0) AS same_side,
           coalesce((SELECT sum(abs(q.net_qty)) FROM positions q WHERE p.strategy_id = 0
             AND q.account_id = p.account_id AND q.contract = p.contract
             AND q.strategy_id <> 0 AND sign(q.net_qty) = -sign(p.net_qty)), 0) AS against,
           coalesce((SELECT q.net_qty FROM positions q WHERE q.account_id = p.account_id
             AND q.contract = p.contract AND q.strategy_id = 0), 0) AS external,
           coalesce((SELECT sum(f.qty) FROM fills f WHERE i.role = 'reduce'
             AND f.account_id = i.account_id AND f.contract = i.contract
             AND f.strategy_id = i.strategy_id AND f.active
             AND f.role IN ('take_profit', 'stop_loss')
             AND CASE WHEN f.event_seq IS NULL OR i.as_of_event IS NULL
               THEN f.recorded_at > i.created_at
               ELSE f.event_seq > i.as_of_event END), 0) AS closed_by_legs,
           (SELECT s.event_seq FROM risk_state s WHERE s.account_id = i.account_id) AS last_event"""
_OWN: Final = (
    "p.account_id = i.account_id AND p.contract = i.contract AND p.strategy_id = i.strategy_id"
)
_TURN: Final = text(f"""
    SELECT i.*, a.connection_id, a.broker_account_id, a.name AS account_name, l.epoch,
           before.state AS after_state, {_HELD},
           k.tick_size AS brokers_tick, {FENCE} AS nobody_says_stop,
           coalesce(s.rests_until > :now, false) AS rests
    FROM intents i
    JOIN accounts a ON a.id = i.account_id
    JOIN broker_connections c ON c.id = a.connection_id
    LEFT JOIN contracts k ON k.environment = c.environment AND k.name = i.contract
    LEFT JOIN broker_sessions s ON s.connection_id = a.connection_id
    JOIN leases l ON l.connection_id = a.connection_id
    JOIN unnest(CAST(:connections AS bigint[]), CAST(:epochs AS bigint[]))
      AS mine(connection_id, epoch) ON mine.connection_id = l.connection_id
        AND mine.epoch = l.epoch
    LEFT JOIN risk_state r ON r.account_id = i.account_id
    LEFT JOIN intents before ON before.id = i.after_id
    LEFT JOIN positions p ON {_OWN}
    WHERE i.ended_at IS NULL AND i.state = 'PENDING' AND i.parent_id IS NULL
      AND l.expires_at > clock_timestamp() AND i.code IS DISTINCT FROM 'entry.withdrawn'
      AND (i.not_before IS NULL OR i.not_before <= :now)
      AND CASE WHEN i.role = 'entry' THEN
        r.quarantined_at IS NULL AND NOT EXISTS (
          SELECT 1 FROM intents e WHERE e.account_id = i.account_id AND e.ended_at IS NULL
            AND e.parent_id IS NULL
            AND (e.account_seq < i.account_seq AND (e.state IN ('PENDING', 'SENDING')
                   OR e.role IN ('exit', 'reduce') AND e.strategy_id = i.strategy_id
                     AND e.root = i.root)
                 OR e.root = i.root AND e.state = 'UNKNOWN'))
      ELSE NOT EXISTS (
          SELECT 1 FROM intents e WHERE e.account_id = i.account_id AND e.ended_at IS NULL
            AND e.parent_id IS NULL AND e.strategy_id = i.strategy_id AND e.root = i.root
            AND e.id <> i.id
            AND (e.account_seq < i.account_seq AND e.state IN ('PENDING', 'SENDING')
                 OR e.role IN ('exit', 'reduce') AND e.state IN ('SENDING', 'UNKNOWN')))
      END
    ORDER BY i.account_id, i.account_seq
    LIMIT {_AT_ONCE}
    FOR UPDATE OF i SKIP LOCKED
""")
# A statement of its own, asked after what works: an order that works no more by then has its fills
# in here. In one glance with the turn an entry could fill between the two, and its exit would find
# neither a working order nor a position.
_HELD_NOW: Final = text(f"""
    SELECT i.id, {_HELD} FROM intents i LEFT JOIN positions p ON {_OWN}
    WHERE i.id = ANY (CAST(:ids AS uuid[]))
""")
_LEGS: Final = text("""
    SELECT * FROM intents WHERE parent_id = ANY (CAST(:parents AS uuid[])) AND ended_at IS NULL
    ORDER BY account_seq
""")
# The quantity of a part is as of its claim: should it come back, its legs are counted from there.
_CLAIM: Final = text("""
    UPDATE intents i SET state = 'SENDING', claimed_at = :now, claim_epoch = c.epoch,
      created_at = CASE WHEN i.role = 'reduce' THEN :now ELSE i.created_at END,
      as_of_event = CASE WHEN i.role = 'reduce' THEN c.as_of ELSE i.as_of_event END,
      action = c.action, qty = c.qty, price = c.price, stop_price = c.stop_price,
      reference_price = c.reference_price
    FROM unnest(CAST(:ids AS uuid[]), CAST(:epochs AS bigint[]), CAST(:actions AS text[]),
                CAST(:qtys AS integer[]), CAST(:prices AS numeric[]), CAST(:stops AS numeric[]),
                CAST(:references AS numeric[]), CAST(:as_ofs AS bigint[]))
      AS c(id, epoch, action, qty, price, stop_price, reference_price, as_of)
    WHERE i.id = c.id AND i.state = 'PENDING'
""")
_OVERDUE: Final = text("""
    SELECT i.id, i.account_id FROM intents i JOIN accounts a ON a.id = i.account_id
    WHERE a.connection_id = ANY (CAST(:connections AS bigint[])) AND i.ended_at IS NULL
      AND i.state = 'PENDING' AND i.expires_at <= :now
    ORDER BY i.account_id
    FOR UPDATE OF i SKIP LOCKED
""")
# An exit is never held up by an entry that cannot go: what its owner asked for before "be flat"
# and could not be sent (something of the root is UNKNOWN, an earlier exit does not come to its
# end, the account is quarantined) is over. A part is of what that entry makes: it waits for both.
_SUPERSEDED: Final = text("""
    SELECT i.id, i.account_id FROM intents i
    JOIN accounts a ON a.id = i.account_id
    LEFT JOIN risk_state r ON r.account_id = i.account_id
    WHERE a.connection_id = ANY (CAST(:connections AS bigint[])) AND i.ended_at IS NULL
      AND i.state = 'PENDING' AND i.role = 'entry'
      AND EXISTS (
        SELECT 1 FROM intents x WHERE x.account_id = i.account_id AND x.ended_at IS NULL
          AND x.strategy_id = i.strategy_id AND x.root = i.root AND x.role IN ('exit', 'reduce')
          AND x.state = 'PENDING' AND x.account_seq > i.account_seq
          AND (r.quarantined_at IS NOT NULL OR EXISTS (
            SELECT 1 FROM intents u WHERE u.account_id = i.account_id AND u.ended_at IS NULL
              AND u.root = i.root AND (u.state = 'UNKNOWN'
                OR x.role = 'exit' AND u.strategy_id = i.strategy_id
                  AND u.role IN ('exit', 'reduce') AND u.state IN ('ACCEPTED', 'WORKING')
                  AND u.claimed_at < :slow_since))))
    ORDER BY i.account_id
    FOR UPDATE OF i SKIP LOCKED
""")
_OVER: Final = End(
    IntentState.SKIPPED, "entry.superseded", "A later signal closed the strategy before it went."
)


async def claim(
    connection: AsyncConnection, leases: Sequence[Lease], judge: Judge, now: datetime
) -> Claims:
    parameters = {
        "connections": [lease.connection_id for lease in leases],
        "epochs": [lease.epoch for lease in leases],
        "now": now,
    }
    judge = fenced(judge)
    rows = list(await connection.execute(_TURN, parameters))
    endings = await _hopeless(connection, parameters["connections"], now)
    connections = [int(lease.connection_id) for lease in leases]
    orphans = [
        *await protection.orphans(connection, connections),
        *await withdrawals.cancels(connection, connections),
    ]
    pairs = await rungs.due(connection, parameters, judge)
    if not rows and not endings and not pairs:
        return Claims((), tuple(orphans), ())
    legs = await _legs(connection, [row.id for row in rows])
    ends = [row.id for row in rows if Role(row.role).ends]
    working = await legs_of.working_of(connection, ends)
    theirs = [row.id for row in rows if row.strategy_id == EXTERNAL]
    working |= await legs_of.foreign_of(connection, theirs)
    held = await _held_now(connection, ends)
    facts = await entry_facts(connection, [row for row in rows if row.role == "entry"], now)
    sends: list[tuple[Any, Send]] = []
    events_known = {each: row.last_event for each, row in held.items()}
    cancels: list[Cancel] = orphans
    resizes = []
    for row in rows:
        if row.role == "entry" and not (row.nobody_says_stop and row.id in facts.entries):
            continue  # something is being said, or sent, that we cannot see: the next claim will
        holds = held.get(row.id, row)
        candidate = _candidate(row, holds, legs.get(row.id, ()), working.get(row.id, ()))
        verdict = judge(replace(candidate, facts=facts.of(row.id)))
        if isinstance(verdict, Send):
            sends.append((row, verdict))
            facts.sent(verdict.intent, verdict.legs)
        elif isinstance(verdict, End):
            endings[IntentId(row.id)] = (AccountId(row.account_id), verdict)
        elif isinstance(verdict, Wait):
            connection_id = ConnectionId(row.connection_id)
            cancels += [Cancel(connection_id, order) for order in verdict.cancel]
            if verdict.resize:
                met = working.get(row.id, ())
                resizes.append(legs_of.resized(connection_id, verdict.resize, met))
    sends += [(turn.rows[0], turn.verdict) for turn in pairs if isinstance(turn.verdict, Send)]
    endings |= _over(pairs)
    await _freeze(connection, sends, events_known, now)
    events = await _end(connection, endings, now)
    claimed = tuple(_claimed(row, send) for row, send in sends)
    return Claims(claimed, tuple(cancels), tuple(events), tuple(resizes), put_off=facts.put_off)


def _over(pairs: Sequence[rungs.Turn]) -> dict[IntentId, tuple[AccountId, End]]:
    """Both legs of the pairs that will never go."""
    return {
        IntentId(row.id): (AccountId(row.account_id), turn.verdict)
        for turn in pairs
        if isinstance(turn.verdict, End)
        for row in turn.rows
    }


async def _hopeless(
    connection: AsyncConnection, connections: Any, now: datetime
) -> dict[IntentId, tuple[AccountId, End]]:
    """Pending entries that will never go, and why."""
    out: dict[IntentId, tuple[AccountId, End]] = {}
    parameters = {"connections": connections}
    slow = {"slow_since": now - MARKET_ORDER_PATIENCE}
    for row in await connection.execute(_SUPERSEDED, parameters | slow):
        out[IntentId(row.id)] = (AccountId(row.account_id), _OVER)
    for row in await connection.execute(_OVERDUE, {**parameters, "now": now}):
        out[IntentId(row.id)] = (AccountId(row.account_id), stale())
    return out | await withdrawals.unsent(connection, connections)


async def _end(
    connection: AsyncConnection, endings: dict[IntentId, tuple[AccountId, End]], now: datetime
) -> list[Any]:
    if not endings:
        return []
    journal = await Journal.open(connection, (account for account, _ in endings.values()), now)
    await end_intents(
        journal,
        [
            Ending(each, end.state, end.code, end.message, end.detail)
            for each, (_, end) in endings.items()
        ],
    )
    return await journal.close()


async def _legs(
    connection: AsyncConnection, parents: list[Any]
) -> dict[IntentId, tuple[OrderIntent, ...]]:
    out: dict[IntentId, tuple[OrderIntent, ...]] = {}
    for row in await connection.execute(_LEGS, {"parents": parents}):
        out[row.parent_id] = (*out.get(row.parent_id, ()), intent_of(row))
    return out


async def _held_now(connection: AsyncConnection, ids: list[Any]) -> dict[Any, Any]:
    if not ids:
        return {}
    return {row.id: row for row in await connection.execute(_HELD_NOW, {"ids": ids})}


def _candidate(
    row: Any, held: Any, legs: tuple[OrderIntent, ...], met: tuple[Any, ...]
) -> Candidate:
    return Candidate(
        intent=intent_of(row),
        legs=legs,
        tick=tick_of(row.root, row.brokers_tick),
        after_state=None if row.after_state is None else IntentState(row.after_state),
        owner_net=_owner_net(row.strategy_id, held),
        working=tuple(map(legs_of.working, met)),
        closed_by_legs=int(held.closed_by_legs),
        rests=row.rests,
    )


def _owner_net(owner: int, held: Any) -> int:
    if owner == EXTERNAL:
        return external_left(held.owner_net, int(held.against))
    return still_held(held.owner_net, int(held.same_side), held.external)


async def _freeze(
    connection: AsyncConnection,
    sends: list[tuple[Any, Send]],
    events_known: Mapping[Any, int],
    now: datetime,
) -> None:
    """Write the numbers that will be sent, for orders and their legs, in one statement."""
    if not sends:
        return
    frozen = [(row.epoch, intent) for row, send in sends for intent in (send.intent, *send.legs)]
    # A leg takes its entry's quantity: the broker takes it from there too.
    await connection.execute(
        _CLAIM,
        {
            "ids": [intent.id for _, intent in frozen],
            "epochs": [epoch for epoch, _ in frozen],
            "actions": [intent.action.value for _, intent in frozen],
            "qtys": [intent.qty_contracts for _, intent in frozen],
            "prices": [intent.price for _, intent in frozen],
            "stops": [intent.stop_price for _, intent in frozen],
            "references": [intent.reference_price for _, intent in frozen],
            "as_ofs": [events_known.get(intent.id) for _, intent in frozen],
            "now": now,
        },
    )


def _claimed(row: Any, send: Send) -> Claimed:
    account = AccountRef(
        AccountId(row.account_id), UserId(row.user_id), row.broker_account_id, row.account_name
    )
    tick = tick_of(row.root, row.brokers_tick)
    return Claimed(send.intent, send.legs, ConnectionId(row.connection_id), account, tick)
