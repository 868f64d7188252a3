"""Pairs of earlier rungs: due once their entry is over, claimed like every other order.

The entry's first pair covers everything until such a pair works, so none of them is urgent, and
one that never leaves costs no protection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from execution.ledger.rows import intent_of, tick_of
from shared.domain.claim import Candidate, Send, Verdict
from shared.domain.leg_places import RungStand
from shared.domain.order import Action, OrderType
from shared.domain.position import still_held
from shared.ports.ledger import EMPTY_AFTER_S, Judge

# Whole pairs only; not while an exit is under way, nor while it is not known whether the first
# pair is at the broker. An entry that ended empty is waited for: its fills may be on their way.
_DUE: Final = text(f"""
    SELECT l.*, a.connection_id, a.broker_account_id, a.name AS account_name, ls.epoch,
      coalesce(s.rests_until > :now, false) AS rests, k.tick_size AS brokers_tick,
      e.action AS entry_action, e.order_type AS entry_type,
      e.price AS entry_limit, e.stop_price AS entry_trigger,
      e.fill_value / nullif(e.filled_qty, 0) AS average, e.qty AS entry_qty,
      e.filled_qty AS entry_filled,
      coalesce(p.net_qty, 0) AS net_qty,
      coalesce((SELECT sum(abs(q.net_qty)) FROM positions q
        WHERE q.account_id = p.account_id AND q.contract = p.contract
          AND q.strategy_id <> 0 AND sign(q.net_qty) = sign(p.net_qty)), 0) AS same_side,
      coalesce((SELECT q.net_qty FROM positions q WHERE q.account_id = p.account_id
        AND q.contract = p.contract AND q.strategy_id = 0), 0) AS external,
      (SELECT count(*) FROM intents o WHERE o.parent_id = e.id AND o.rung = l.rung
        AND o.ended_at IS NULL) AS in_pair,
      coalesce((SELECT sum(b.qty) FROM (SELECT DISTINCT ON (o.rung) o.qty FROM intents o
        WHERE o.parent_id = e.id AND o.rung BETWEEN 1 AND l.rung - 1
        ORDER BY o.rung, o.account_seq) b), 0) AS before_qty,
      (SELECT coalesce(sum(o.filled_qty), 0) FROM intents o WHERE o.parent_id = e.id) AS closed,
      coalesce((SELECT sum(b.qty) FROM (SELECT max(o.qty - o.filled_qty) AS qty FROM intents o
        WHERE o.parent_id = e.id AND o.rung > 0 AND o.ended_at IS NULL AND o.state <> 'PENDING'
        GROUP BY o.rung) b), 0) AS apart,
      coalesce((SELECT max(o.qty - o.filled_qty) FROM intents o WHERE o.parent_id = e.id
        AND o.rung = 0 AND o.ended_at IS NULL AND o.role = l.role), 0) AS covered
    FROM intents l
    JOIN intents e ON e.id = l.parent_id AND (e.ended_at IS NOT NULL AND e.filled_qty > 0
      OR e.ended_at < clock_timestamp() - make_interval(secs => {EMPTY_AFTER_S}))
    JOIN accounts a ON a.id = l.account_id
    JOIN broker_connections c ON c.id = a.connection_id
    LEFT JOIN contracts k ON k.environment = c.environment AND k.name = l.contract
    LEFT JOIN broker_sessions s ON s.connection_id = a.connection_id
    JOIN leases ls ON ls.connection_id = a.connection_id
    JOIN unnest(CAST(:connections AS bigint[]), CAST(:epochs AS bigint[]))
      AS mine(connection_id, epoch) ON mine.connection_id = ls.connection_id
        AND mine.epoch = ls.epoch
    LEFT JOIN positions p ON p.account_id = l.account_id AND p.contract = l.contract
      AND p.strategy_id = l.strategy_id
    WHERE l.ended_at IS NULL AND l.state = 'PENDING' AND l.rung > 0
      AND ls.expires_at > clock_timestamp() AND (l.not_before IS NULL OR l.not_before <= :now)
      AND NOT EXISTS (
        SELECT 1 FROM intents x WHERE x.account_id = l.account_id AND x.ended_at IS NULL
          AND x.strategy_id = l.strategy_id AND x.contract = l.contract
          AND x.role IN ('exit', 'reduce'))
      AND NOT EXISTS (
        SELECT 1 FROM intents m WHERE m.parent_id = e.id AND m.rung = 0
          AND m.ended_at IS NULL AND m.state IN ('SENDING', 'UNKNOWN'))
    ORDER BY l.account_id, l.parent_id, l.rung, l.role, l.account_seq
    FOR UPDATE OF l SKIP LOCKED
""")


@dataclass(frozen=True, slots=True)
class Turn:
    """A pair, the stop first where there is one, and what was judged of it."""

    rows: tuple[Any, ...]
    verdict: Verdict


async def due(
    connection: AsyncConnection, parameters: Mapping[str, object], judge: Judge
) -> list[Turn]:
    rows = list(await connection.execute(_DUE, parameters))
    entries = groupby(rows, lambda row: row.parent_id)
    return [turn for _, some in entries for turn in _of(some, judge)]


def _of(rows: Iterator[Any], judge: Judge) -> Iterator[Turn]:
    """The pairs of one entry, in turn: what one takes over, the next one cannot."""
    taken = 0
    for _, some in groupby(rows, lambda row: row.rung):
        pair = tuple(some)
        if len(pair) < pair[0].in_pair:
            continue  # its other leg is at the broker, in doubt, or being written
        verdict = judge(_candidate(pair, taken))
        if isinstance(verdict, Send):
            taken += verdict.intent.qty_contracts
        yield Turn(pair, verdict)


def _candidate(pair: tuple[Any, ...], taken: int) -> Candidate:
    row = pair[0]
    held = abs(still_held(row.net_qty, int(row.same_side), row.external))
    left = min(held, row.entry_filled - int(row.closed)) - int(row.apart)
    is_sized = row.not_before is not None  # it was claimed before and did not leave
    stand = RungStand(
        entry=Action(row.entry_action),
        entry_price=_measured_from(row),
        planned_contracts=row.entry_filled if is_sized else row.entry_qty,
        filled_contracts=row.entry_filled,
        before_contracts=int(row.before_qty),
        free_contracts=left - taken,
        covered_contracts=row.covered - taken,
    )
    return Candidate(
        intent=intent_of(row),
        legs=tuple(intent_of(each) for each in pair[1:]),
        tick=tick_of(row.root, row.brokers_tick),
        after_state=None,
        owner_net=held,
        stand=stand,
        rests=row.rests,
    )


def _measured_from(row: Any) -> Decimal:
    """Like the first pair: the exact price of an order that had one, else what it filled at."""
    if row.average is None:
        return Decimal(0)
    if OrderType(row.entry_type) is OrderType.MARKET:
        return Decimal(row.average)
    return Decimal(row.entry_trigger if row.entry_limit is None else row.entry_limit)
