"""What a decision needs to know: the strategy, its accounts, and what is held and open there.

The one reading of it: execution decides from it, and the API previews and explains from it.
Under row security a user's transaction finds the user's own rows only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.controls import halts_from, newest
from shared.db.drifts import HELD_ROOTS, held_roots_of
from shared.db.scene_books import EMPTY, AccountBooks, read_books
from shared.db.scene_history import read_histories
from shared.domain.calendar import trade_date
from shared.domain.decision.past import span_of
from shared.domain.decision.scene import Halt, RootHeld, Scene
from shared.domain.ids import AccountId, StrategyId, UserId
from shared.domain.rules import AccountRules, StrategyRules
from shared.domain.strategy import AccountLink, SizeFrom, Strategy

# Owns nothing anywhere; 0 is whoever is not ours.
UNSTORED: Final = StrategyId(-1)

_STRATEGY: Final = text("SELECT * FROM strategies WHERE id = :strategy")
_LINKS: Final = text("""
    SELECT a.id AS account_id, sa.enabled AND a.enabled AND c.enabled AS enabled,
           coalesce(sa.multiplier, a.multiplier) AS multiplier,
           coalesce(sa.max_contracts, a.max_contracts) AS max_contracts,
           coalesce(sa.custom_ticker, a.custom_ticker) AS custom_ticker,
           a.netting = 'exclusive' AS exclusive, a.rules AS account_rules
    FROM strategy_accounts sa
    JOIN accounts a ON a.id = sa.account_id
    JOIN broker_connections c ON c.id = a.connection_id
    WHERE sa.strategy_id = :strategy
    ORDER BY a.id
""")
_AROUND: Final = text(f"""
    SELECT a.id, c.environment <> 'paper' AS keeps_hours,
           {newest("CAST(:strategy AS bigint)")} AS said, {HELD_ROOTS} AS held_roots
    FROM accounts a JOIN broker_connections c ON c.id = a.connection_id
    WHERE a.id = ANY (CAST(:accounts AS bigint[]))
""")  # noqa: S608 - our own expressions only
# A follower sees strategies of its own user only, over all their accounts.
_FOLLOWED: Final = text("""
    SELECT s.id, coalesce((SELECT sum(p.net_qty) FROM positions p
      WHERE p.strategy_id = s.id AND p.net_qty <> 0), 0) AS net_qty
    FROM strategies s
    WHERE s.id = ANY (CAST(:followed AS bigint[])) AND s.user_id = :user AND s.deleted_at IS NULL
""")


@dataclass(frozen=True, slots=True)
class Setup:
    strategy: Strategy
    links: tuple[AccountLink, ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is true of an account whatever is held in it."""

    keeps_hours: bool
    halts: tuple[Halt, ...]
    held_roots: tuple[RootHeld, ...] = ()


async def load_setup(connection: AsyncConnection, strategy: StrategyId) -> Setup:
    """Raises `NoResultFound` for a strategy that is not there, or not the user's."""
    row = (await connection.execute(_STRATEGY, {"strategy": strategy})).one()
    links = await connection.execute(_LINKS, {"strategy": strategy})
    return Setup(strategy_of(row), tuple(link_of(each) for each in links))


async def load_scenes(
    connection: AsyncConnection, setup: Setup, now: datetime
) -> dict[AccountId, Scene]:
    """A scene per account of the setup, in at most four statements.

    What concerns money is not in it. A strategy that is not stored is `UNSTORED`.
    """
    me, accounts = setup.strategy.id, [link.account_id for link in setup.links]
    if not accounts:
        return {}
    books = await read_books(connection, accounts)
    around = await read_surroundings(connection, me, accounts)
    span = span_of(setup.strategy, setup.links)
    histories = await read_histories(connection, me, setup.strategy.user_id, accounts, span, now)
    followed = await _followed(connection, setup.strategy)
    return {
        account: replace(
            scene_of(books.get(account, EMPTY), me, around[account], now),
            history=histories[account][0],
            account_history=histories[account][1],
            followed=followed,
        )
        for account in accounts
    }


def scene_of(books: AccountBooks, me: StrategyId, around: Surroundings, now: datetime) -> Scene:
    """Without the past: what is held, under way and said in one account."""
    return Scene(
        book=books.of(me),
        now=now,
        on=trade_date(now),
        exposure=books.exposure,
        halts=around.halts,
        held_roots=around.held_roots,
        working=books.working,
        keeps_hours=around.keeps_hours,
    )


async def read_surroundings(
    connection: AsyncConnection, strategy: StrategyId, accounts: Sequence[AccountId]
) -> dict[AccountId, Surroundings]:
    parameters = {"strategy": strategy, "accounts": list(accounts)}
    rows = await connection.execute(_AROUND, parameters)
    return {AccountId(row.id): surroundings_of(row) for row in rows}


def surroundings_of(row: Any) -> Surroundings:
    return Surroundings(row.keeps_hours, halts_from(row.said), held_roots_of(row.held_roots))


async def _followed(connection: AsyncConnection, strategy: Strategy) -> dict[StrategyId, int]:
    wanted = [follow.strategy_id for follow in strategy.rules.follows]
    if not wanted:
        return {}
    parameters = {"followed": wanted, "user": strategy.user_id}
    rows = await connection.execute(_FOLLOWED, parameters)
    return {StrategyId(row.id): int(row.net_qty) for row in rows}


def strategy_of(row: Any) -> Strategy:
    return Strategy(
        id=StrategyId(row.id),
        user_id=UserId(row.user_id),
        name=row.name,
        symbol=row.symbol,
        active=row.active,
        position_size=row.position_size,
        position_add=row.position_add,
        size_from=SizeFrom(row.size_from),
        rules=StrategyRules.model_validate(row.rules),
    )


def link_of(row: Any) -> AccountLink:
    return AccountLink(
        account_id=AccountId(row.account_id),
        enabled=row.enabled,
        multiplier=row.multiplier,
        max_contracts=row.max_contracts,
        custom_ticker=row.custom_ticker,
        exclusive=row.exclusive,
        rules=AccountRules.model_validate(row.account_rules),
    )
