"""Profiles: limits, favourites, the eight cards and what stands in them, settings."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final

from fastapi import Query

from api.access import SESSION, Router
from api.analytics.selection import Selection
from api.auth.schemas import MessageOut
from api.deps import CurrentUser, ReadConn, Resources, WriteConn
from api.profiles import queries, service
from api.profiles.schemas import (
    CardOut,
    FavoritesIn,
    FavoritesOut,
    LimitsOut,
    SettingsIn,
    SettingsOut,
    StatConfigIn,
    StatOut,
    StatsOut,
    WidgetOut,
)
from api.wire import ExactJson, QueryText
from shared.domain.statistics.catalogue import STATS

router = Router(SESSION, prefix="/api/profiles", tags=["profiles"])
settings = Router(SESSION, prefix="/api/user", tags=["profiles"])
ROUTERS: Final = (router, settings)

Day = Annotated[date | None, Query()]


@router.get("/get-limits/")
async def get_limits(_: CurrentUser, connection: ReadConn, resources: Resources) -> LimitsOut:
    return await queries.limits(connection, resources.settings)


@router.get("/get-favorites/")
async def get_favorites(_: CurrentUser, connection: ReadConn) -> FavoritesOut:
    return FavoritesOut(favorites=await service.favorites(connection))


@router.post("/set-favorites/")
async def set_favorites(
    user: CurrentUser, connection: WriteConn, body: FavoritesIn
) -> FavoritesOut:
    """The whole list, in the order in which it is shown."""
    kept = await service.set_favorites(connection, user, body.favorites)
    return FavoritesOut(favorites=kept)


@router.get("/get-stat-config/")
async def get_stat_config(
    _: CurrentUser, connection: ReadConn, expand: bool = False
) -> list[int] | list[CardOut]:
    """Eight numbers of `/api/profiles/statistics/`; with `expand=1` eight cards."""
    cards = await service.cards(connection)
    return [service.shown(card) for card in cards] if expand else [card.stat for card in cards]


@router.post("/update-stat-config/")
async def update_stat_config(
    user: CurrentUser, connection: WriteConn, body: StatConfigIn
) -> MessageOut:
    await service.set_cards(connection, user, body)
    return MessageOut(message="Cards updated.")


@router.get("/statistics/")
async def list_statistics(_: CurrentUser, wrap: bool = False) -> list[StatOut] | StatsOut:
    """What can stand in a card, by its number."""
    found = [
        StatOut(number=number, key=stat.key, label=stat.label, unit=stat.unit)
        for number, stat in enumerate(STATS)
    ]
    return StatsOut(statistics=found) if wrap else found


@router.get("/get-widget-info/", response_model=WidgetOut)
async def get_widget_info(
    who: CurrentUser,
    resources: Resources,
    user: QueryText = "",
    strategy: QueryText = "",
    symbol: QueryText = "",
    timeframe: QueryText = "",
    account: QueryText = "",
    since: Day = None,
    until: Day = None,
    usageType: QueryText = "",  # noqa: N803, ARG001 - the original's name; each strategy is both
) -> ExactJson:
    """All figures of the closed trades of a filter, and what can be filtered by."""
    selection = Selection(user, strategy, symbol, timeframe, account, since, until)
    return ExactJson(await queries.widget_info(resources, who, selection))


@settings.get("/settings/")
async def get_settings(_: CurrentUser, connection: ReadConn) -> SettingsOut:
    return await service.settings(connection)


@settings.post("/settings/")
@settings.put("/settings/")
async def set_settings(user: CurrentUser, connection: WriteConn, body: SettingsIn) -> SettingsOut:
    """Changes what is named and nothing else."""
    return await service.set_settings(connection, user, body)
