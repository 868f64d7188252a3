"""What owners write on their closed trades: a note, and tags to find them by.

A note stays with where its trade began, so that a trade that is recorded anew, corrected or given
to another strategy keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    any_,
    delete,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from api.security.sessions import SignedIn
from api.trades.schemas import FacetOut, NoteOut
from shared.db import audit
from shared.db.tables.jobs import imported_trades
from shared.db.tables.records import recorded_positions, trade_notes, trades
from shared.domain.errors import NotFound

_TAGS_MAX: Final = 1_000
_note = trade_notes.c
_EMPTY: Final = NoteOut(note="", tags=[])


@dataclass(frozen=True, slots=True)
class Place:
    """Where a trade began: what its note is kept under."""

    account_id: int
    opening_id: int


async def read(connection: AsyncConnection, trade_id: int) -> NoteOut:
    """Empty where nothing was written. Raises NotFound `trade.unknown`."""
    return await _read(connection, await _place(connection, trade_id))


async def write(
    connection: AsyncConnection,
    user: SignedIn,
    trade_id: int,
    note: str | None,
    tags: Iterable[str] | None,
) -> NoteOut:
    """None leaves what is there. Raises NotFound `trade.unknown`.

    The audit log keeps which trade it was and how long the note is, not what it says.
    """
    place = await _place(connection, trade_id)
    before = await _read(connection, place)
    after = NoteOut(
        note=before.note if note is None else note,
        tags=before.tags if tags is None else sorted({tag.casefold() for tag in tags}),
    )
    if after != before:
        await _put(connection, user, place, after)
        told = {"trade_id": trade_id, "note_length": len(after.note), "tags": after.tags}
        await audit.note(connection, user.user_id, user.username, "trade.noted", told)
    return after


async def of_trades(connection: AsyncConnection, ids: Iterable[int]) -> Mapping[int, NoteOut]:
    """By trade, where something was written."""
    told = [*ids]
    mine = _any(trades.c.id, [each for each in told if each > 0])
    brought_in = _any(imported_trades.c.id, [-each for each in told if each < 0])
    return {
        row.id: NoteOut(note=row.note, tags=row.tags)
        for query in (_ours().where(mine), _theirs().where(brought_in))
        for row in await connection.execute(query)
    }


async def ids_of(connection: AsyncConnection, tag: str, words: str) -> list[int]:
    """Trades with this tag, and with these words in their note or among their tags."""
    found = [
        (await connection.execute(query.where(*_told(tag, words)))).scalars()
        for query in (_ours(), _theirs())
    ]
    return [row_id for ids in found for row_id in ids]


async def tags(connection: AsyncConnection) -> list[FacetOut]:
    """Every tag with the number of notes it stands on, most used first."""
    each = select(func.unnest(_note.tags).label("tag")).subquery()
    count = func.count().label("count")
    query = select(each.c.tag, count).group_by(each.c.tag).order_by(count.desc(), each.c.tag)
    rows = await connection.execute(query.limit(_TAGS_MAX))
    return [FacetOut(value=row.tag, trades=row._mapping["count"]) for row in rows]  # noqa: SLF001 - its public name


def _ours() -> Select[Any]:
    began = and_(
        recorded_positions.c.account_id == _note.account_id,
        recorded_positions.c.opening_fill_id == _note.opening_id,
    )
    return (
        select(trades.c.id, _note.note, _note.tags)
        .join_from(trade_notes, recorded_positions, began)
        .join(trades, trades.c.recorded_position_id == recorded_positions.c.id)
    )


def _theirs() -> Select[Any]:
    began = and_(_note.account_id == 0, imported_trades.c.id == _note.opening_id)
    shown = (literal(0, BigInteger) - imported_trades.c.id).label("id")
    return select(shown, _note.note, _note.tags).join_from(trade_notes, imported_trades, began)


def _told(tag: str, words: str) -> Iterator[ColumnElement[bool]]:
    if tag:
        yield literal(tag.casefold()) == any_(_note.tags)
    if words:
        wanted = words.lower()
        said = func.lower(_note.note), func.array_to_string(_note.tags, " ")
        yield or_(*(text.contains(wanted, autoescape=True) for text in said))


def _any(column: ColumnElement[int], ids: list[int]) -> ColumnElement[bool]:
    return column == any_(literal(ids, ARRAY(BigInteger)))


async def _place(connection: AsyncConnection, trade_id: int) -> Place:
    """Raises NotFound `trade.unknown`."""
    if trade_id < 0:
        query = select(literal(0), imported_trades.c.id).where(imported_trades.c.id == -trade_id)
    else:
        query = (
            select(recorded_positions.c.account_id, recorded_positions.c.opening_fill_id)
            .join(trades, trades.c.recorded_position_id == recorded_positions.c.id)
            .where(trades.c.id == trade_id)
        )
    row = (await connection.execute(query)).first()
    if row is None:
        raise NotFound("trade.unknown", "There is no such trade.")
    return Place(row[0], row[1])


async def _read(connection: AsyncConnection, place: Place) -> NoteOut:
    row = (await connection.execute(select(_note.note, _note.tags).where(*_at(place)))).first()
    return _EMPTY if row is None else NoteOut(note=row.note, tags=row.tags)


async def _put(connection: AsyncConnection, user: SignedIn, place: Place, after: NoteOut) -> None:
    if after == _EMPTY:
        await connection.execute(delete(trade_notes).where(*_at(place)))
        return
    fresh = insert(trade_notes).values(
        user_id=user.user_id,
        account_id=place.account_id,
        opening_id=place.opening_id,
        note=after.note,
        tags=after.tags,
    )
    said = {"note": fresh.excluded.note, "tags": fresh.excluded.tags, "updated_at": func.now()}
    keys = [_note.user_id, _note.account_id, _note.opening_id]
    await connection.execute(fresh.on_conflict_do_update(index_elements=keys, set_=said))


def _at(place: Place) -> Iterator[ColumnElement[bool]]:
    yield _note.account_id == place.account_id
    yield _note.opening_id == place.opening_id
