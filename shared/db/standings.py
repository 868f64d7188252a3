"""How accounts and strategies stand towards their money rules, read for whoever decides.

Two statements: the rules with what was kept, and, only where a rule concerns money, the facts,
all of one instant: a fill moves a position, a rest and a result together, and must not be counted
in two of them or in none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.domain.calendar import trade_date
from shared.domain.ids import AccountId, IntentId, StrategyId, UserId
from shared.domain.instruments import PRODUCTS
from shared.domain.ladder import Offset
from shared.domain.leg_places import level_of
from shared.domain.money import Usd
from shared.domain.order import Action, Role
from shared.domain.risk.assess import Kept
from shared.domain.risk.books import Cash, anchor_of
from shared.domain.risk.facts import (
    FEES_TOLD,
    PRICE_FRESH,
    EntryFact,
    FillSeen,
    HeldFact,
    RiskFacts,
    StopFact,
    SumFact,
    ticks_to_stop,
)
from shared.domain.risk.limits import week_of
from shared.domain.risk.memory import prop_from_json, reached_from_json
from shared.domain.risk.said import SAID_FRESH, with_said
from shared.domain.risk.scope import (
    Scope,
    ScopeKind,
    Standings,
    scope_of_account,
    scope_of_strategy,
    standings,
)
from shared.domain.rules import AccountRules, StrategyRules


def seen_since(kept: str, ruled: str) -> str:
    """SQL: since when fills are news to a scope. None from before its settings changed are.

    `kept` is its row of `risk_standings`, `ruled` the one with its settings.
    """
    latest = f"greatest({kept}.seen_at, {ruled}.updated_at)"
    return f"CASE WHEN {kept}.seen_at IS NOT NULL THEN {latest} END"


_SCOPES: Final = text(f"""
    SELECT 'account' AS scope, a.id, a.user_id, a.rules,
      k.reached, k.prop, k.anchor_usd, k.anchor_at, {seen_since("k", "a")} AS seen_at
    FROM accounts a LEFT JOIN risk_standings k ON k.scope = 'account' AND k.scope_id = a.id
    WHERE a.id = ANY (CAST(:accounts AS bigint[])) AND a.rules <> '{{}}'
    UNION ALL
    SELECT 'strategy', s.id, s.user_id, s.rules, k.reached, k.prop, k.anchor_usd, k.anchor_at,
      {seen_since("k", "s")}
    FROM strategies s LEFT JOIN risk_standings k ON k.scope = 'strategy' AND k.scope_id = s.id
    WHERE s.id = ANY (CAST(:strategies AS bigint[])) AND s.rules <> '{{}}'
    ORDER BY scope, id
""")  # noqa: S608 - our own expressions only
# The accounts asked for, and all of the strategies asked for. Of fills, the running week, and those
# from shortly before it whose fees are not told yet. A stop covers nothing that is held before its
# own entry has begun to fill. Where no quote was seen, as in the first moment of a position, the
# account's own last fill in the contract is a price as well.
# Where neither is there, the broker's word on the whole account counts while nothing has changed.
# Fills from before a look that were told after it are no word on what lay between two looks: the
# floor may have moved on since.
_FACTS: Final = text("""
    WITH ours AS (
      SELECT unnest(CAST(:accounts AS bigint[])) AS id
      UNION SELECT account_id FROM strategy_accounts
        WHERE strategy_id = ANY (CAST(:strategies AS bigint[]))
      UNION SELECT account_id FROM positions
        WHERE strategy_id = ANY (CAST(:strategies AS bigint[])) AND net_qty <> 0
    )
    SELECT 'held' AS what, p.account_id, p.strategy_id, p.contract, p.root, p.net_qty AS qty,
      p.avg_price AS base,
      coalesce(CASE WHEN p.net_qty > 0 THEN k.bid ELSE k.ask END, own.price) AS price,
      CAST(NULL AS uuid) AS id, NULL AS action, CAST(NULL AS integer) AS offset_ticks,
      CAST(NULL AS numeric) AS offset_percent, false AS pending,
      coalesce(CAST(s.rules ->> 'slippage_ticks' AS integer), 0) AS slippage_ticks,
      CAST(NULL AS timestamptz) AS at, CAST(NULL AS timestamptz) AS last_fill_at,
      CAST(NULL AS bigint) AS fill_id
    FROM ours JOIN accounts a ON a.id = ours.id
    JOIN positions p ON p.account_id = a.id AND p.net_qty <> 0
    LEFT JOIN strategies s ON s.id = p.strategy_id
    LEFT JOIN risk_prices k ON k.connection_id = a.connection_id AND k.contract = p.contract
      AND k.seen_at > :fresh
    LEFT JOIN LATERAL (
      SELECT f.price FROM fills f WHERE f.account_id = p.account_id AND f.contract = p.contract
        AND f.active AND f.trade_date >= :monday AND f.filled_at > :fresh
      ORDER BY f.filled_at DESC, f.broker_fill_id DESC LIMIT 1
    ) own ON k.contract IS NULL
    UNION ALL
    SELECT 'stop', l.account_id, l.strategy_id, l.contract, l.root, l.qty - l.filled_qty,
      e.fill_value / e.filled_qty, l.stop_price, l.id, e.action, l.offset_ticks,
      l.offset_percent, false, 0, NULL, NULL, NULL
    FROM ours JOIN intents l ON l.account_id = ours.id AND l.ended_at IS NULL
      AND l.role = 'stop_loss'
    JOIN intents e ON e.id = l.parent_id AND e.filled_qty > 0
    UNION ALL
    SELECT 'entry', e.account_id, e.strategy_id, e.contract, e.root, e.qty - e.filled_qty,
      coalesce(e.price, e.stop_price, e.reference_price), l.stop_price, e.id, e.action,
      l.offset_ticks, l.offset_percent, e.state = 'PENDING',
      coalesce(CAST(s.rules ->> 'slippage_ticks' AS integer), 0), NULL, NULL, NULL
    FROM ours JOIN intents e ON e.account_id = ours.id AND e.ended_at IS NULL
      AND e.role = 'entry' AND e.qty > e.filled_qty
    LEFT JOIN strategies s ON s.id = e.strategy_id
    LEFT JOIN intents l ON l.parent_id = e.id AND l.role = 'stop_loss' AND l.ended_at IS NULL
    UNION ALL
    SELECT 'sum', f.account_id, f.strategy_id, '', f.root,
      coalesce(sum(f.qty) FILTER (WHERE f.fee_usd IS NULL), 0),
      coalesce(sum(f.realized_usd - coalesce(f.fee_usd, 0)) FILTER (WHERE f.trade_date >= :on), 0),
      coalesce(
        sum(f.realized_usd - coalesce(f.fee_usd, 0)) FILTER (WHERE f.trade_date >= :monday), 0),
      NULL, NULL, NULL, NULL, false, 0, NULL, NULL, NULL
    FROM fills f
    WHERE (f.account_id = ANY (ARRAY(SELECT id FROM ours))
        OR f.strategy_id = ANY (CAST(:strategies AS bigint[])))
      AND (f.trade_date >= :monday OR f.trade_date >= :told AND f.fee_usd IS NULL) AND f.active
    GROUP BY f.account_id, f.strategy_id, f.root
    UNION ALL
    SELECT 'fill', f.account_id, f.strategy_id, f.contract, f.root, f.qty, f.price,
      NULL, NULL, f.action, NULL, f.fee_usd, false, 0, f.filled_at, NULL, f.broker_fill_id
    FROM fills f  -- its fee stands where others have a distance
    WHERE (f.account_id = ANY (ARRAY(SELECT id FROM ours))
        OR f.strategy_id = ANY (CAST(:strategies AS bigint[])))
      AND f.trade_date = :on AND f.active AND f.filled_at > CAST(:since AS timestamptz)
      AND f.recorded_at > CAST(:since AS timestamptz)
    UNION ALL
    SELECT 'said', v.account_id, 0, '', '', 0, v.open_usd, NULL, NULL, NULL, NULL, NULL, false, 0,
      v.asked_at, NULL, NULL
    FROM ours JOIN risk_values v ON v.account_id = ours.id AND v.asked_at > :said_fresh
    WHERE NOT EXISTS (SELECT FROM positions p
      WHERE p.account_id = v.account_id AND p.updated_at >= v.asked_at)
    UNION ALL
    SELECT 'cash', b.account_id, 0, '', '', 0, b.cash_usd, since.usd, NULL, NULL, NULL,
      NULL, false, 0, b.as_of, since.last_fill_at, NULL
    FROM unnest(CAST(:anchored AS bigint[]), CAST(:anchors AS timestamptz[])) AS k(account_id, at)
    JOIN account_balances b ON b.account_id = k.account_id
    CROSS JOIN LATERAL (
      SELECT max(f.filled_at) AS last_fill_at,
        sum(f.realized_usd - coalesce(f.fee_usd, 0)) FILTER (WHERE f.filled_at > k.at) AS usd
      FROM fills f WHERE f.account_id = b.account_id AND f.active
        AND f.trade_date >= least(b.trade_date, CAST(k.at AS date) - 4)
    ) since
""")


async def load_standings(
    connection: AsyncConnection,
    accounts: Sequence[AccountId],
    strategies: Sequence[StrategyId],
    now: datetime,
) -> Standings:
    """How they stand at `now`, entries in flight counted. Under row security, the user's own."""
    scopes = await load_scopes(connection, accounts, strategies)
    if not scopes:
        return Standings()
    return standings(scopes, await load_facts(connection, accounts, strategies, scopes, now))


async def load_scopes(
    connection: AsyncConnection, accounts: Sequence[AccountId], strategies: Sequence[StrategyId]
) -> list[Scope]:
    """Those with a rule about money."""
    parameters = {"accounts": list(accounts), "strategies": list(strategies)}
    rows = await connection.execute(_SCOPES, parameters)
    return [scope for scope in map(_scope, rows) if scope.is_limited]


async def load_facts(
    connection: AsyncConnection,
    accounts: Sequence[AccountId],
    strategies: Sequence[StrategyId],
    scopes: Iterable[Scope],
    now: datetime,
) -> RiskFacts:
    on, firms = trade_date(now), [each for each in scopes if each.prop is not None]
    parameters = {
        "accounts": list(accounts),
        "strategies": list(strategies),
        "fresh": now - PRICE_FRESH,
        "said_fresh": now - SAID_FRESH,
        "on": on,
        "monday": week_of(on),
        "told": week_of(on) - FEES_TOLD,
        "since": min((at for each in scopes if (at := each.kept.seen_at)), default=None),
        "anchored": [each.id for each in firms],
        "anchors": [None if (a := each.kept.anchor) is None else a.as_of for each in firms],
    }
    rows = list(await connection.execute(_FACTS, parameters))
    said = {AccountId(row.account_id): row.base for row in rows if row.what == "said"}
    held = with_said([_held(row) for row in rows if row.what == "held"], said)
    anchors = {AccountId(each.id): each.kept.anchor for each in firms}
    return RiskFacts(
        on=on,
        held=held,
        stops=tuple(stop for row in rows if row.what == "stop" and (stop := _stop(row))),
        entries=_entries([row for row in rows if row.what == "entry"]),
        sums=tuple(_sum(row) for row in rows if row.what == "sum"),
        cash=_cash([row for row in rows if row.what == "cash"], anchors, held, now),
        fills=tuple(_fill(row) for row in rows if row.what == "fill"),
        said=said,
    )


def _scope(row: Any) -> Scope:
    kept = kept_of(row.reached, row.prop, row.anchor_usd, row.anchor_at, row.seen_at)
    if ScopeKind(row.scope) is ScopeKind.ACCOUNT:
        account = AccountRules.model_validate(row.rules)
        return scope_of_account(AccountId(row.id), UserId(row.user_id), account, kept)
    own = StrategyRules.model_validate(row.rules)
    return scope_of_strategy(StrategyId(row.id), UserId(row.user_id), own, kept)


def kept_of(
    reached: Any,
    prop_state: Any,
    anchor_usd: Usd | None,
    anchor_at: datetime | None,
    seen_at: datetime | None,
) -> Kept:
    """What a row of `risk_standings` keeps; of no row at all, nothing."""
    return Kept(
        frozenset() if reached is None else reached_from_json(reached),
        None if prop_state is None else prop_from_json(prop_state),
        None if anchor_usd is None or anchor_at is None else Cash(anchor_usd, anchor_at),
        seen_at,
    )


def _held(row: Any) -> HeldFact:
    return HeldFact(
        AccountId(row.account_id),
        StrategyId(row.strategy_id),
        row.contract,
        row.root,
        row.qty,
        row.base,
        row.price,
        row.slippage_ticks,
    )


def _stop(row: Any) -> StopFact | None:
    """None for a stop of which not even the distance from a fill is known."""
    price = row.price
    if price is None:
        away, tick = Offset(row.offset_ticks, row.offset_percent), PRODUCTS[row.root].tick_size
        level = level_of(Role.STOP_LOSS, Action(row.action), row.base, away, tick)
        price = None if level is None else level.stop_price
    if price is None:
        return None
    account, strategy = AccountId(row.account_id), StrategyId(row.strategy_id)
    return StopFact(account, strategy, row.contract, row.qty, price)


def _entries(rows: Sequence[Any]) -> tuple[EntryFact, ...]:
    """Of an entry with several stops the farthest counts; one that nobody can tell, above all."""
    out: dict[IntentId, EntryFact] = {}
    for row in rows:
        found = _entry(row)
        known = out.get(found.intent_id)
        if known is not None and (found.stop_ticks is None or known.stop_ticks is None):
            farthest = known if known.stop_ticks is None else found
        else:
            farthest = max(found, known or found, key=lambda each: each.stop_ticks or 0)
        out[found.intent_id] = farthest
    return tuple(out.values())


def _entry(row: Any) -> EntryFact:
    ticks = ticks_to_stop(row.root, row.offset_ticks, row.offset_percent, row.price, row.base)
    return EntryFact(
        IntentId(row.id),
        AccountId(row.account_id),
        StrategyId(row.strategy_id),
        row.root,
        row.qty,
        ticks,
        row.slippage_ticks,
        row.pending,
    )


def _sum(row: Any) -> SumFact:
    account, strategy = AccountId(row.account_id), StrategyId(row.strategy_id)
    return SumFact(account, strategy, row.root, row.base, row.price, row.qty)


def _fill(row: Any) -> FillSeen:
    return FillSeen(
        AccountId(row.account_id),
        StrategyId(row.strategy_id),
        row.contract,
        row.root,
        Action(row.action).sign * row.qty,
        row.base,
        _usd(row.offset_percent),
        row.at,
        row.fill_id,
    )


def _cash(
    rows: Sequence[Any],
    anchors: dict[AccountId, Cash | None],
    held: Sequence[HeldFact],
    now: datetime,
) -> dict[AccountId, Cash]:
    busy, out = {each.account_id for each in held}, {}
    for row in rows:
        account = AccountId(row.account_id)
        kept = anchors[account]
        since = None if kept is None else Cash(kept.amount_usd, kept.as_of, _usd(row.price))
        said, flat = Cash(row.base, row.at), account not in busy
        found = anchor_of(since, said, row.last_fill_at, now, flat=flat)
        if found is not None:
            out[account] = found
    return out


def _usd(amount: Decimal | None) -> Usd:
    return Usd(0) if amount is None else amount
