"""Reading strategies, in our form and in the original's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.security.sessions import SignedIn
from api.settings import ApiSettings
from api.strategies import links, original, shorthand
from api.strategies.schemas import (
    LogOut,
    NameOut,
    NamesOut,
    StrategyDetail,
    StrategyFull,
    StrategyItem,
    StrategyOut,
)
from api.strategies.service import names_of, unknown
from api.strategies.shorthand import Shorthand
from api.trades.source import closed_trades
from api.wire import as_text, invalid
from shared.db.tables.accounts import accounts
from shared.db.tables.signals import signal_decisions
from shared.db.tables.strategies import strategies, strategy_accounts
from shared.domain.names import name_key
from shared.domain.rules import StrategyRules
from shared.domain.rules.bracket import TrimUnit
from shared.domain.webhook_key import webhook_key

_LOG_ENTRIES: Final = 50
# A person's list; nobody has had a thousand.
_STRATEGIES_MAX: Final = 1_000
_DERIVED: Final = frozenset({"accounts", "rules", "take_profit", "stop_loss", "tpsl_units"})
_COLUMNS: Final = tuple(name for name in StrategyOut.model_fields if name not in _DERIVED)


async def list_items(
    connection: AsyncConnection, user: SignedIn, *, style: str, manual: bool
) -> list[StrategyItem]:
    """`style="at"`: those with an account. `manual`: those that take orders by hand.

    That is with an account, switched on, and not against what it is told.
    """
    where = []
    if manual:
        turns = strategies.c.rules["inverse"].astext
        where += [strategies.c.active, turns.is_distinct_from("true")]
    if manual or style == "at":
        linked = select(strategy_accounts.c.account_id)
        where.append(linked.where(strategy_accounts.c.strategy_id == strategies.c.id).exists())
    rows = await _rows(connection, *where)
    found = await links.links_of(connection, [row.id for row in rows])
    names = await names_of(connection)
    return [StrategyItem(**_item(row, found[row.id], user, names)) for row in rows]


async def list_names(connection: AsyncConnection) -> NamesOut:
    rows = await _rows(connection)
    return NamesOut(strategies=[NameOut(name=row.name) for row in rows])


async def detail(
    connection: AsyncConnection, user: SignedIn, settings: ApiSettings, strategy_id: int
) -> StrategyDetail:
    """Raises NotFound."""
    row = await _one(connection, strategies.c.id == strategy_id)
    found = await links.links_of(connection, [row.id])
    return StrategyDetail(
        **_item(row, found[row.id], user, await names_of(connection)),
        **_webhook(row, settings, user),
        log=await _log(connection, row),
    )


async def full(
    connection: AsyncConnection,
    user: SignedIn,
    settings: ApiSettings,
    strategy_id: int | None,
    name: str,
) -> StrategyFull:
    """By id, or by name. Raises NotFound, and InvalidInput `strategy.which` without either."""
    if strategy_id is not None:
        row = await _one(connection, strategies.c.id == strategy_id)
    elif name:
        row = await _one(connection, strategies.c.name_key == name_key(name))
    else:
        raise invalid("strategy.which", "Say which strategy: id or strat.", "id")
    found = (await links.links_of(connection, [row.id]))[row.id]
    profit = select(func.coalesce(func.sum(closed_trades.c.net_usd), Decimal(0)))
    profit = profit.where(closed_trades.c.strategy_id == row.id)
    net_usd = (await connection.execute(profit)).scalar_one()
    names = await names_of(connection)
    common = _common(row, found, user, names)
    return StrategyFull(**common, **_webhook(row, settings, user), **_as_texts(row, net_usd, names))


async def _rows(connection: AsyncConnection, *where: ColumnElement[bool]) -> Sequence[Row[Any]]:
    query = select(strategies).where(strategies.c.deleted_at.is_(None), *where)
    query = query.order_by(strategies.c.id).limit(_STRATEGIES_MAX)
    return (await connection.execute(query)).all()


async def _one(connection: AsyncConnection, which: ColumnElement[bool]) -> Row[Any]:
    rows = await _rows(connection, which)
    if not rows:
        raise unknown()
    return rows[0]


async def _log(connection: AsyncConnection, strategy: Row[Any]) -> list[LogOut]:
    query = (
        select(signal_decisions, accounts.c.name)
        .outerjoin(accounts, accounts.c.id == signal_decisions.c.account_id)
        .where(signal_decisions.c.strategy_id == strategy.id)
        .order_by(signal_decisions.c.id.desc())
        .limit(_LOG_ENTRIES)
    )
    return [
        LogOut(
            at=row.decided_at,
            signal_id=row.signal_id,
            account_id=row.account_id,
            account=row.name,
            disposition=row.disposition,
            code=row.code,
            message=row.message,
            detail=row.detail,
            ended_at=row.ended_at,
        )
        for row in await connection.execute(query)
    ]


def _webhook(row: Row[Any], settings: ApiSettings, user: SignedIn) -> dict[str, Any]:
    if not user.may_trade:  # the key is itself the right to trade
        return {"webhook_key": "", "webhook_url": ""}
    key = webhook_key(settings.secret, row.id, row.key_version)
    return {"webhook_key": key, "webhook_url": f"{settings.public_url}/webhook/{key}"}


def _common(
    row: Row[Any], found: Sequence[Row[Any]], user: SignedIn, names: Mapping[int, str]
) -> dict[str, Any]:
    rules, short = _rules(row, names)
    units = shorthand.UNITS[short.tpsl_units]
    ours = {name: getattr(row, name) for name in _COLUMNS}
    return ours | {
        "accounts": [links.link_out(each) for each in found],
        "rules": rules,
        "take_profit": list(short.take_profit),
        "stop_loss": short.stop_loss,
        "tpsl_units": units,
        "Strat_Name": row.name,
        "Strat_Type": row.strat_type,
        "Trim": list(short.trim),
        "TPSL_Units": units,
        "DirStrat": short.directional_strategy,
        "SubTicker": row.symbol or "",
        "SubTimeFrame": row.timeframe or "",
        "Enabled": row.active,
        "Owner": user.username,
        "Accounts": links.original_map(found),
    }


def _rules(row: Row[Any], names: Mapping[int, str]) -> tuple[StrategyRules, Shorthand]:
    rules = StrategyRules.model_validate(row.rules)
    return rules, shorthand.shown(rules, names)


def _item(
    row: Row[Any], found: Sequence[Row[Any]], user: SignedIn, names: Mapping[int, str]
) -> dict[str, Any]:
    common = _common(row, found, user, names)
    return (
        common
        | original.IN_LISTS
        | {
            "Stoploss": common["stop_loss"] or Decimal(0),
            "Position_Size": row.position_size,
            "Position_Add": row.position_add,
            "TakeProfit": common["take_profit"],
            "Days2Expo": row.days_to_expiry,
            "Strike_Offset": row.strike_offset,
        }
    )


def _as_texts(row: Row[Any], net_usd: Decimal, names: Mapping[int, str]) -> dict[str, Any]:
    _, short = _rules(row, names)
    stop = as_text(short.stop_loss or Decimal(0))
    return original.IN_FULL | {
        "Stoploss": stop,
        "Position_Size": str(row.position_size),
        "Position_Add": str(row.position_add),
        "TakeProfit": [as_text(each) for each in short.take_profit],
        "Days2Expo": str(row.days_to_expiry),
        "Strike_Offset": str(row.strike_offset),
        "Description": row.description,
        "SLTP_Data": _sltp(short, stop),
        "Recorder": row.recording_enabled,
        "Profit": as_text(net_usd),
        "TimeFilter": _time_filter(short.time_filter),
        "Delay_Add": str(short.add_delay_s),
        "Maxcons": str(short.max_position_contracts),
        "Inverse": short.inverse,
    }


def _sltp(short: Shorthand, stop: str) -> dict[str, str]:
    return {
        "sl": stop,
        "SL_Type": original.SL_TYPES[short.stop_trails],
        "SL_Units": shorthand.UNITS[short.stop_units],
        "Trim_Units": shorthand.TRIM_UNITS[short.trim_units or TrimUnit.CONTRACTS],
        "avgdn": as_text(short.average_down_step),
        "avgdnAmnt": str(short.average_down_contracts),
        "avgdnType": ""
        if short.average_down_units is None
        else shorthand.UNITS[short.average_down_units],
    }


def _time_filter(told: shorthand.TimeFilter) -> dict[str, str | None]:
    return {name: end and f"{end:%H:%M}" for name, end in asdict(told).items()}
