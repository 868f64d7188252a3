"""Reading the figures of the cards, the lists of the filters, and what limits a user."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select, text, union
from sqlalchemy.ext.asyncio import AsyncConnection

from api.analytics.selection import Selection, figures, of_account
from api.connections.store import CONNECTIONS_MAX
from api.profiles import service
from api.profiles.schemas import AccountNameOut, LimitsOut, NamedOut, UserNameOut, WidgetOut
from api.resources import Resources
from api.security.sessions import SignedIn
from api.settings import ApiSettings
from api.users.keys import KEYS_MAX
from shared.db.tables.accounts import account_balances, accounts, broker_connections
from shared.db.tables.people import api_keys
from shared.db.tables.records import recorded_positions, trades
from shared.db.tables.signals import alerts
from shared.db.tables.strategies import strategies
from shared.db.uow import read_only
from shared.domain.money import Usd
from shared.domain.statistics.widget import Widget, widget

# What a list shows at most; a user with more works with a part of them.
_STRATEGIES_MAX: Final = 1_000
_ACCOUNTS_MAX: Final = 1_000
_NAMES_MAX: Final = 1_000
_MINUTE: Final = text("interval '1 minute'")
_SECONDS_A_MINUTE: Final = 60


async def widget_info(resources: Resources, user: SignedIn, selection: Selection) -> WidgetOut:
    """Figures of the filter; the lists are of everything, so that a filter can be changed."""
    async with read_only(resources.engine, user.user_id) as connection:
        capital_usd = await _capital(connection, selection)
        lists = await _lists(connection, user)
    make = partial(widget, capital_usd=capital_usd)
    return WidgetOut(**_figures(await figures(resources, user, selection, make)), **lists)


async def _lists(connection: AsyncConnection, user: SignedIn) -> dict[str, Any]:
    return {
        "strategies": [NamedOut(name=name) for name in await _strategies(connection)],
        "users": [UserNameOut(username=user.username)],
        "symbols": [NamedOut(name=name) for name in await _names(connection, "ticker")],
        "timeFrames": [NamedOut(name=name) for name in await _names(connection, "timeframe")],
        "accounts": await _accounts(connection),
    }


async def limits(connection: AsyncConnection, settings: ApiSettings) -> LimitsOut:
    counted = await connection.execute(
        select(
            _count(strategies, strategies.c.deleted_at.is_(None)).label("strategies"),
            _count(accounts).label("accounts"),
            _count(broker_connections, broker_connections.c.deleted_at.is_(None)).label("logins"),
            _count(api_keys, api_keys.c.revoked_at.is_(None)).label("keys"),
            _count(alerts, alerts.c.received_at > func.now() - _MINUTE).label("alerts"),
        )
    )
    used = counted.one()
    return LimitsOut(
        max_strategies=_STRATEGIES_MAX,
        used_strategies=used.strategies,
        max_accounts=_ACCOUNTS_MAX,
        used_accounts=used.accounts,
        max_connections=CONNECTIONS_MAX,
        used_connections=used.logins,
        max_api_keys=KEYS_MAX,
        used_api_keys=used.keys,
        max_webhooks_per_minute=int(settings.webhook_rate_per_s * _SECONDS_A_MINUTE),
        used_webhooks_last_minute=used.alerts,
    )


async def _capital(connection: AsyncConnection, selection: Selection) -> Usd | None:
    """What the user says; else what the accounts held before their recorded trades.

    None while the broker has not told the cash of one of them: a part would flatter the return.
    """
    told = (await service.settings(connection)).starting_balance_usd
    if told is not None:
        return told
    under: list[ColumnElement[bool]] = (
        [of_account(selection.account)] if selection.account else [accounts.c.enabled]
    )
    net = (
        select(func.coalesce(func.sum(trades.c.net_usd), Decimal(0)))
        .where(trades.c.account_id == accounts.c.id)
        .scalar_subquery()
    )
    query = (
        select(
            func.count().label("accounts"),
            func.count(account_balances.c.cash_usd).label("known"),
            func.sum(account_balances.c.cash_usd - net).label("capital_usd"),
        )
        .select_from(accounts)
        .outerjoin(account_balances, account_balances.c.account_id == accounts.c.id)
        .where(*under)
    )
    row = (await connection.execute(query)).one()
    return row.capital_usd if row.accounts and row.accounts == row.known else None


def _figures(found: Widget) -> dict[str, Any]:
    return {
        "cumulativeProfit": found.cumulative_profit,
        "wins": found.wins,
        "losses": found.losses,
        "winrate": found.winrate,
        "drawdown": found.max_dd,
        "maxDD": found.max_dd,
        "avgDD": found.avg_dd,
        "roi": found.roi,
        "avgTiT": found.avg_tit,
        "maxTiT": found.max_tit,
        "minTiT": found.min_tit,
        "pf": found.pf,
        "maxP": found.max_p,
        "avgP": found.avg_p,
        "maxL": found.max_l,
        "avgL": found.avg_l,
        "maxPos": found.max_pos,
        "avgPos": found.avg_pos,
        "days": found.days,
    }


async def _strategies(connection: AsyncConnection) -> list[str]:
    query = select(strategies.c.name).where(strategies.c.deleted_at.is_(None))
    return [*(await connection.execute(query.order_by(strategies.c.name))).scalars()]


async def _names(connection: AsyncConnection, column: str) -> list[str]:
    """The different values in what was recorded."""
    both = (trades, recorded_positions)
    found = union(
        *(
            select(table.c[column].label("name")).where(table.c[column].is_not(None))
            for table in both
        )
    ).subquery()
    query = select(found.c.name).order_by(found.c.name).limit(_NAMES_MAX)
    return [*(await connection.execute(query)).scalars()]


async def _accounts(connection: AsyncConnection) -> list[AccountNameOut]:
    query = (
        select(accounts.c.name, accounts.c.broker_account_id)
        .join(broker_connections, broker_connections.c.id == accounts.c.connection_id)
        .where(broker_connections.c.deleted_at.is_(None))
        .order_by(accounts.c.name, accounts.c.id)
        .limit(_ACCOUNTS_MAX)
    )
    return [
        AccountNameOut(name=row.name, value=str(row.broker_account_id))
        for row in await connection.execute(query)
    ]


def _count(table: object, *where: ColumnElement[bool]) -> ColumnElement[int]:
    counted = select(func.count()).select_from(table)  # type: ignore[arg-type] # one of our tables
    return counted.where(*where).scalar_subquery()
