"""What an entry is judged by when its turn has come: settings and books of this transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.controls import newest
from shared.db.drifts import HELD_ROOTS
from shared.db.scene_books import EMPTY, has_left, read_books
from shared.db.scenes import link_of, scene_of, strategy_of, surroundings_of
from shared.db.standings import kept_of, load_facts, seen_since
from shared.domain.claim_gates import EntryFacts
from shared.domain.ids import AccountId, IntentId, StrategyId, UserId
from shared.domain.order import OrderIntent
from shared.domain.risk.scope import (
    Scope,
    ScopeKind,
    Standings,
    scope_of_account,
    scope_of_strategy,
)
from shared.domain.strategy import AccountLink, Strategy

# A link that was taken away since counts as one that is switched off.
_SETTINGS: Final = text(f"""
    SELECT s.id, s.user_id, s.name, s.symbol, s.position_size, s.position_add, s.size_from,
           s.rules, s.active AND s.deleted_at IS NULL AS active,
           a.id AS account_id, a.rules AS account_rules, a.netting = 'exclusive' AS exclusive,
           coalesce(sa.enabled AND a.enabled AND c.enabled, false) AS enabled,
           coalesce(sa.multiplier, a.multiplier) AS multiplier,
           coalesce(sa.max_contracts, a.max_contracts) AS max_contracts,
           coalesce(sa.custom_ticker, a.custom_ticker) AS custom_ticker,
           c.environment <> 'paper' AS keeps_hours, {newest("s.id")} AS said,
           {HELD_ROOTS} AS held_roots,
           a.user_id AS account_user_id, ka.reached AS account_reached, ka.prop AS account_prop,
           ka.anchor_usd, ka.anchor_at, {seen_since("ka", "a")} AS account_seen_at,
           ks.reached AS strategy_reached, {seen_since("ks", "s")} AS strategy_seen_at
    FROM unnest(CAST(:strategies AS bigint[]), CAST(:accounts AS bigint[]))
      AS turn (strategy_id, account_id)
    JOIN strategies s ON s.id = turn.strategy_id
    JOIN accounts a ON a.id = turn.account_id
    JOIN broker_connections c ON c.id = a.connection_id
    LEFT JOIN strategy_accounts sa ON sa.strategy_id = s.id AND sa.account_id = a.id
    LEFT JOIN risk_standings ka ON ka.scope = 'account' AND ka.scope_id = a.id
    LEFT JOIN risk_standings ks ON ks.scope = 'strategy' AND ks.scope_id = s.id
""")


# Two claims may have entries of one strategy, in logins of their own, and each would see the room
# that the other is using up. So the entries of a strategy with a limit are judged by one claim at a
# time. The lock is only tried: a claim has exits in it, too, and waits for nobody.
_TRY: Final = text("""
    SELECT k FROM unnest(CAST(:strategies AS bigint[])) AS k
    WHERE NOT pg_try_advisory_xact_lock(9, CAST(k AS integer))
""")


@dataclass(frozen=True, slots=True)
class _Setting:
    row: Any
    strategy: Strategy
    link: AccountLink


@dataclass(slots=True)
class Facts:
    """Of the entries of one claim, judged one after the other.

    Entries that are `put_off` are left out: another claim is judging some of their strategy.
    """

    entries: dict[IntentId, EntryFacts]
    known: Standings = field(default_factory=Standings)
    put_off: bool = False

    def of(self, entry: IntentId) -> EntryFacts | None:
        """None for what is no entry, and for one whose strategy is not there any more."""
        found = self.entries.get(entry)
        return None if found is None else found.told(self.known)

    def sent(self, entry: OrderIntent, legs: Sequence[OrderIntent]) -> None:
        """It leaves: whoever is judged after it in this transaction is told so."""
        found = self.entries.get(entry.id)
        if found is not None:
            slippage_ticks = found.strategy.rules.slippage_ticks
            self.known = self.known.sent(found.root, (entry, *legs), slippage_ticks)


async def entry_facts(connection: AsyncConnection, entries: Sequence[Any], now: datetime) -> Facts:
    """In two statements, and two more where a rule of theirs concerns money."""
    if not entries:
        return Facts({})
    pairs = sorted({(row.strategy_id, row.account_id) for row in entries})
    parameters = {
        "strategies": [strategy for strategy, _ in pairs],
        "accounts": [account for _, account in pairs],
    }
    found = await connection.execute(_SETTINGS, parameters)
    settings = {
        (row.id, row.account_id): _Setting(row, strategy_of(row), link_of(row)) for row in found
    }
    # Before the books are read: they have to show what the claim before this one did.
    elsewhere = await _judged_elsewhere(connection, settings.values())
    accounts = sorted({AccountId(account) for _, account in pairs})
    books = await read_books(connection, accounts, has_left)
    out: dict[IntentId, EntryFacts] = {}
    for entry in entries:
        one = settings.get((entry.strategy_id, entry.account_id))
        if one is not None and one.strategy.id not in elsewhere:
            around = surroundings_of(one.row)
            here = books.get(one.link.account_id, EMPTY)
            scene = scene_of(here, one.strategy.id, around, now)
            out[IntentId(entry.id)] = EntryFacts(entry.root, one.strategy, one.link, scene)
    known = await _standings(connection, settings.values(), now)
    return Facts(out, known, put_off=bool(elsewhere))


async def _judged_elsewhere(
    connection: AsyncConnection, settings: Iterable[_Setting]
) -> frozenset[StrategyId]:
    """Strategies with a limit that another claim holds; the others are ours until we commit."""
    limited = {
        scope.id
        for one in settings
        for scope in _scopes(one)
        if scope.kind is ScopeKind.STRATEGY and scope.is_limited
    }
    if not limited:
        return frozenset()
    rows = await connection.execute(_TRY, {"strategies": sorted(limited)})
    return frozenset(StrategyId(row.k) for row in rows)


async def _standings(
    connection: AsyncConnection, settings: Iterable[_Setting], now: datetime
) -> Standings:
    scopes = {
        (each.kind, each.id): each for one in settings for each in _scopes(one) if each.is_limited
    }
    if not scopes:
        return Standings()
    accounts = [AccountId(key) for kind, key in scopes if kind is ScopeKind.ACCOUNT]
    strategies = [StrategyId(key) for kind, key in scopes if kind is ScopeKind.STRATEGY]
    facts = await load_facts(connection, accounts, strategies, scopes.values(), now)
    return Standings(scopes, facts)


def _scopes(one: _Setting) -> tuple[Scope, Scope]:
    row, link, strategy = one.row, one.link, one.strategy
    cash = row.anchor_usd, row.anchor_at
    kept = kept_of(row.account_reached, row.account_prop, *cash, row.account_seen_at)
    own = kept_of(row.strategy_reached, None, None, None, row.strategy_seen_at)
    user = UserId(row.account_user_id)
    return (
        scope_of_account(link.account_id, user, link.rules, kept),
        scope_of_strategy(strategy.id, strategy.user_id, strategy.rules, own),
    )
