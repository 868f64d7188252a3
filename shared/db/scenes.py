"""What a decision needs to know: the strategy, its accounts, and what is held and open there.

The one reading of it: execution decides from it, and the API previews and explains from it.
Under row security a user's transaction finds the user's own rows only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.domain.calendar import trade_date
from shared.domain.decision.scene import Scene
from shared.domain.ids import AccountId, IntentId, StrategyId, UserId
from shared.domain.order import Action, IntentState, Role
from shared.domain.plan import Book, Held
from shared.domain.position import OpenIntent
from shared.domain.rules import AccountRules, StrategyRules
from shared.domain.strategy import AccountLink, SizeFrom, Strategy

# Owns nothing anywhere; 0 is whoever is not ours.
UNSTORED: Final = StrategyId(-1)

_STRATEGY: Final = text("SELECT * FROM strategies WHERE id = :strategy")
_LINKS: Final = text("""
    SELECT a.id, sa.enabled AND a.enabled AND c.enabled AS enabled,
           coalesce(sa.multiplier, a.multiplier) AS multiplier,
           coalesce(sa.max_contracts, a.max_contracts) AS max_contracts,
           coalesce(sa.custom_ticker, a.custom_ticker) AS custom_ticker,
           a.netting = 'exclusive' AS exclusive, a.rules
    FROM strategy_accounts sa
    JOIN accounts a ON a.id = sa.account_id
    JOIN broker_connections c ON c.id = a.connection_id
    WHERE sa.strategy_id = :strategy
    ORDER BY a.id
""")
_LINKED: Final = text("""
    SELECT account_id FROM strategy_accounts WHERE strategy_id = :strategy ORDER BY account_id
""")
_HELD: Final = text("""
    SELECT account_id, strategy_id, contract, root, net_qty FROM positions
    WHERE account_id = ANY (CAST(:accounts AS bigint[])) AND net_qty <> 0
    ORDER BY account_id, contract, strategy_id
""")
_OPEN: Final = text("""
    SELECT id, account_id, strategy_id, role, action, root, contract, state, account_seq,
           qty - filled_qty AS remaining
    FROM intents
    WHERE account_id = ANY (CAST(:accounts AS bigint[])) AND ended_at IS NULL
    ORDER BY account_id, account_seq
""")


@dataclass(frozen=True, slots=True)
class Setup:
    strategy: Strategy
    links: tuple[AccountLink, ...]


async def load_setup(connection: AsyncConnection, strategy: StrategyId) -> Setup:
    """Raises `NoResultFound` for a strategy that is not there, or not the user's."""
    row = (await connection.execute(_STRATEGY, {"strategy": strategy})).one()
    links = await connection.execute(_LINKS, {"strategy": strategy})
    return Setup(_strategy(row), tuple(_link(each) for each in links))


async def load_scenes(
    connection: AsyncConnection,
    strategy: StrategyId,
    now: datetime,
    accounts: Sequence[AccountId] | None = None,
) -> dict[AccountId, Scene]:
    """A scene per account the strategy is linked to, or per one of `accounts`.

    A strategy that is not stored is `UNSTORED` and names its accounts.
    """
    if accounts is None:
        linked = await connection.execute(_LINKED, {"strategy": strategy})
        accounts = [AccountId(row.account_id) for row in linked]
    held = list(await connection.execute(_HELD, {"accounts": accounts}))
    open_intents = list(await connection.execute(_OPEN, {"accounts": accounts}))
    on = trade_date(now)
    return {
        account: Scene(_book(strategy, account, held, open_intents), now, on)
        for account in accounts
    }


def _book(me: StrategyId, account: AccountId, held: list[Any], open_intents: list[Any]) -> Book:
    here = [row for row in held if row.account_id == account]
    working = [row for row in open_intents if row.account_id == account]
    return Book(
        held=tuple(
            Held(row.contract, row.root, row.net_qty) for row in here if row.strategy_id == me
        ),
        open_intents=tuple(_open(row) for row in working if row.strategy_id == me),
        other_owners={
            row.root: StrategyId(row.strategy_id)
            for row in (*here, *working)
            if row.strategy_id != me
        },
    )


def _open(row: Any) -> OpenIntent:
    return OpenIntent(
        id=IntentId(row.id),
        role=Role(row.role),
        action=Action(row.action),
        root=row.root,
        contract=row.contract,
        remaining_qty=row.remaining,
        state=IntentState(row.state),
        account_seq=row.account_seq,
    )


def _strategy(row: Any) -> Strategy:
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


def _link(row: Any) -> AccountLink:
    return AccountLink(
        account_id=AccountId(row.id),
        enabled=row.enabled,
        multiplier=row.multiplier,
        max_contracts=row.max_contracts,
        custom_ticker=row.custom_ticker,
        exclusive=row.exclusive,
        rules=AccountRules.model_validate(row.rules),
    )
