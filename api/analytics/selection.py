"""Which closed trades a figure is made of: the filters of the dashboard, as conditions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Row, Select, Text, and_, cast, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.resources import Resources
from api.security.sessions import SignedIn
from api.trades.source import IMPORTED, closed_trades
from shared.db.tables.accounts import accounts
from shared.db.tables.strategies import strategies
from shared.db.uow import read_only
from shared.domain.errors import Unavailable
from shared.domain.names import name_key
from shared.domain.statistics.closed import ClosedTrade

# Beyond it the newest are looked at: more than anybody trades by hand or by rule.
TRADES_MAX: Final = 200_000
WAIT_S: Final = 20.0
_ROWS_AT_ONCE: Final = 1_000
_COLUMNS: Final = (
    closed_trades.c.net_usd,
    closed_trades.c.gross_usd,
    closed_trades.c.fees_usd,
    closed_trades.c.qty,
    closed_trades.c.entry_at,
    closed_trades.c.exit_at,
    closed_trades.c.trade_date,
)

Figures = TypeVar("Figures")


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
    side: str = ""
    exit_reason: str = ""

    def is_of(self, user: SignedIn) -> bool:
        """Nobody sees another's: asked for them, there is nothing."""
        return not self.user or self.user.casefold() == user.username.casefold()


async def figures(
    resources: Resources,
    user: SignedIn,
    selection: Selection,
    make: Callable[[list[ClosedTrade]], Figures],
) -> Figures:
    """What `make` makes of the closed trades, newest exit first.

    A hundred thousand of them take a second or two: they are read in parts and counted in a
    thread, so that the loop that answers alerts goes on. Who waits for a turn holds no connection
    of the database meanwhile. Raises Unavailable `figures.busy` after `WAIT_S`.
    """
    try:
        async with asyncio.timeout(WAIT_S):
            await resources.thinking.acquire()
    except TimeoutError as error:
        raise Unavailable("figures.busy", "Many figures are being made; try again.") from error
    try:
        async with read_only(resources.engine, user.user_id) as connection:
            found = await _closed_trades(connection, user, selection)
        return await asyncio.to_thread(make, found)
    finally:
        resources.thinking.release()


async def _closed_trades(
    connection: AsyncConnection, user: SignedIn, selection: Selection
) -> list[ClosedTrade]:
    if not selection.is_of(user):
        return []
    query: Select[Any] = select(*_COLUMNS).where(*conditions(selection))
    query = query.order_by(closed_trades.c.exit_at.desc(), closed_trades.c.id.desc()).limit(
        TRADES_MAX
    )
    found: list[ClosedTrade] = []
    rows = await connection.stream(query, execution_options={"yield_per": _ROWS_AT_ONCE})
    async for part in rows.partitions():
        found.extend(_trade(row) for row in part)
    return found


def _trade(row: Row[Any]) -> ClosedTrade:
    return ClosedTrade(
        net_usd=row.net_usd,
        gross_usd=row.gross_usd,
        fees_usd=row.fees_usd,
        qty_contracts=row.qty,
        entry_at=row.entry_at,
        exit_at=row.exit_at,
        trade_date=row.trade_date,
        # What its own fills show: nobody measures between them.
        drawdown_usd=row.gross_usd if row.gross_usd < 0 else None,
    )


def of_account(account: str) -> ColumnElement[bool]:
    """By its name, or by the broker's number."""
    return or_(accounts.c.name == account, cast(accounts.c.broker_account_id, Text) == account)


def under_account(column: Any, account: str) -> ColumnElement[bool]:
    """Of the accounts of that name; what was brought in has none, and is asked for by `IMPORTED`.

    `column` None: of a table of what was brought in.
    """
    brought_in = literal(value=account == IMPORTED)
    if column is None:
        return brought_in
    under = column.in_(select(accounts.c.id).where(of_account(account)))
    return or_(under, and_(column == 0, brought_in))


def under_strategy(column: Any, strategy: str) -> ColumnElement[bool]:
    named = select(strategies.c.id).where(strategies.c.name_key == name_key(strategy))
    found: ColumnElement[bool] = column.in_(named)
    return found


def conditions(selection: Selection, table: Any = closed_trades) -> Iterator[ColumnElement[bool]]:
    """Of the closed trades that are meant."""
    if selection.strategy_id is not None:
        yield table.c.strategy_id == selection.strategy_id
    if selection.strategy:
        yield under_strategy(table.c.strategy_id, selection.strategy)
    if selection.symbol:
        symbol = selection.symbol.upper()
        columns = (
            func.upper(table.c.ticker),
            table.c.root,
            table.c.contract,
        )
        yield or_(*(column == symbol for column in columns))
    if selection.timeframe:
        yield table.c.timeframe == selection.timeframe
    if selection.account:
        yield under_account(table.c.get("account_id"), selection.account)
    if selection.side:
        yield table.c.side == selection.side
    if selection.exit_reason:
        yield table.c.exit_reason == selection.exit_reason
    if selection.since is not None:
        yield table.c.trade_date >= selection.since
    if selection.until is not None:
        yield table.c.trade_date <= selection.until
