"""Favourites, cards and settings of a user: one row, made when it is first changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from api.profiles.schemas import CardIn, CardOut, SettingsIn, SettingsOut, StatConfigIn
from api.security.sessions import SignedIn
from api.wire import invalid
from shared.db.tables.people import profiles
from shared.domain.statistics.catalogue import CARDS, STATS, USUAL

_USUAL: Final = tuple(CardIn(slot=slot, stat=stat) for slot, stat in enumerate(USUAL))


async def favorites(connection: AsyncConnection) -> list[str]:
    row = await _row(connection)
    return [] if row is None else list(row.favorites)


async def set_favorites(
    connection: AsyncConnection, user: SignedIn, names: Sequence[str]
) -> list[str]:
    """In the order given, each once."""
    once = list(dict.fromkeys(names))
    await _save(connection, user, favorites=once)
    return once


async def cards(connection: AsyncConnection) -> list[CardIn]:
    """Eight, in the order of their places."""
    row = await _row(connection)
    if row is None or row.stat_config is None:
        return list(_USUAL)
    return [CardIn.model_validate(each) for each in row.stat_config]


async def set_cards(connection: AsyncConnection, user: SignedIn, body: StatConfigIn) -> None:
    """Raises InvalidInput `stat_config.slots` unless each place has one card.

    Numbers alone change which statistic stands where, and keep the rest of a card.
    """
    before = await cards(connection)
    named = [
        each if isinstance(each, CardIn) else before[slot].model_copy(update={"stat": each})
        for slot, each in enumerate(body.stat_config)
    ]
    if sorted(card.slot for card in named) != list(range(CARDS)):
        raise invalid("stat_config.slots", "Each place has exactly one card.", "stat_config")
    placed = sorted(named, key=lambda card: card.slot)
    await _save(connection, user, stat_config=[card.model_dump() for card in placed])


def shown(card: CardIn) -> CardOut:
    stat = STATS[card.stat]
    return CardOut(order=card.slot, key=stat.key, label=stat.label, **card.model_dump())


async def settings(connection: AsyncConnection) -> SettingsOut:
    return SettingsOut(**(await _settings(connection)).model_dump())


async def set_settings(
    connection: AsyncConnection, user: SignedIn, body: SettingsIn
) -> SettingsOut:
    kept = await _settings(connection)
    named = {name: getattr(body, name) for name in body.model_fields_set}
    merged = kept.model_copy(update=named)
    beside = await _stored(connection)  # other things are remembered in the same document
    await _save(connection, user, settings={**beside, **merged.model_dump(mode="json")})
    return SettingsOut(**merged.model_dump())


async def _settings(connection: AsyncConnection) -> SettingsIn:
    """What is stored and not known any more is left out: a setting may be taken away."""
    stored = await _stored(connection)
    known = {name: value for name, value in stored.items() if name in SettingsIn.model_fields}
    return SettingsIn.model_validate(known)


async def remembered(connection: AsyncConnection, key: str) -> dict[str, Any]:
    """What `remember` kept under a key that is no setting's."""
    return dict((await _stored(connection)).get(key, {}))


async def remember(
    connection: AsyncConnection, user: SignedIn, key: str, value: Mapping[str, Any]
) -> None:
    beside = await _stored(connection)
    await _save(connection, user, settings={**beside, key: dict(value)})


async def _stored(connection: AsyncConnection) -> dict[str, Any]:
    row = await _row(connection)
    return {} if row is None else dict(row.settings)


async def _row(connection: AsyncConnection) -> Row[Any] | None:
    return (await connection.execute(select(profiles))).first()


async def _save(connection: AsyncConnection, user: SignedIn, **values: Any) -> None:
    fresh = insert(profiles).values(user_id=user.user_id, **values)
    changed = {"updated_at": func.now(), **values}
    await connection.execute(
        fresh.on_conflict_do_update(index_elements=[profiles.c.user_id], set_=changed)
    )
