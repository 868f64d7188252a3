"""Which closed trades a figure is made of: the filters of the dashboard, as conditions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Text, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.security.sessions import SignedIn
from shared.db.tables.accounts import accounts
from shared.db.tables.records import trades
from shared.db.tables.strategies import strategies
from shared.domain.names import name_key
from shared.domain.statistics.closed import ClosedTrade

# Beyond it the newest are looked at: more than anybody trades by hand or by rule.
TRADES_MAX: Final = 200_000
_COLUMNS: Final = (
    trades.c.net_usd,
    trades.c.gross_usd,
    trades.c.fees_usd,
    trades.c.qty,
    trades.c.entry_at,
    trades.c.exit_at,
    trades.c.trade_date,
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Empty: not asked for. `since` and `until` are trading days, both within."""

    user: str = ""
    strategy: str = ""
    symbol: str = ""
    timeframe: str = ""
    account: str = ""
    since: date | None = None
    until: date | None = None
    strategy_id: int | None = None

    def is_of(self, user: SignedIn) -> bool:
        """Nobody sees another's: asked for them, there is nothing."""
        return not self.user or self.user.casefold() == user.username.casefold()


async def closed_trades(
    connection: AsyncConnection, user: SignedIn, selection: Selection
) -> list[ClosedTrade]:
    """Newest exit first."""
    if not selection.is_of(user):
        return []
    query: Select[Any] = select(*_COLUMNS).where(*_where(selection))
    query = query.order_by(trades.c.exit_at.desc(), trades.c.id.desc()).limit(TRADES_MAX)
    return [
        ClosedTrade(
            net_usd=row.net_usd,
            gross_usd=row.gross_usd,
            fees_usd=row.fees_usd,
            qty_contracts=row.qty,
            entry_at=row.entry_at,
            exit_at=row.exit_at,
            trade_date=row.trade_date,
        )
        for row in await connection.execute(query)
    ]


def of_account(account: str) -> ColumnElement[bool]:
    """By its name, or by the broker's number."""
    return or_(accounts.c.name == account, cast(accounts.c.broker_account_id, Text) == account)


def _where(selection: Selection) -> Iterator[ColumnElement[bool]]:
    if selection.strategy_id is not None:
        yield trades.c.strategy_id == selection.strategy_id
    if selection.strategy:
        named = select(strategies.c.id)
        yield trades.c.strategy_id.in_(
            named.where(strategies.c.name_key == name_key(selection.strategy))
        )
    if selection.symbol:
        symbol = selection.symbol.upper()
        columns = (func.upper(trades.c.ticker), trades.c.root, trades.c.contract)
        yield or_(*(column == symbol for column in columns))
    if selection.timeframe:
        yield trades.c.timeframe == selection.timeframe
    if selection.account:
        under = select(accounts.c.id).where(of_account(selection.account))
        yield trades.c.account_id.in_(under)
    if selection.since is not None:
        yield trades.c.trade_date >= selection.since
    if selection.until is not None:
        yield trades.c.trade_date <= selection.until
