"""Everything once more from the fills: to prove the stored records, or to repair them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from recorder import store
from recorder.projector import Cause, Projection, apply, compare
from recorder.record import Book
from shared.contracts.envelope import Envelope


@dataclass(frozen=True, slots=True)
class Difference:
    """A book whose stored records are not what its fills say."""

    book: Book
    changed: int
    gone: int
    unnoted: int


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """`differences` is empty exactly when the stored projection equals the rebuilt one."""

    books: int
    differences: tuple[Difference, ...]
    said: tuple[Envelope, ...] = ()


async def verify(connection: AsyncConnection, account_id: int | None = None) -> Rebuilt:
    """Compare all books (of one account) with their fills; writes nothing."""
    books = await store.all_books(connection, account_id)
    found = [await compare(connection, book, None) for book in books]
    return Rebuilt(len(books), _differing(found))


async def rebuild(
    connection: AsyncConnection,
    cause: Cause,
    account_id: int | None = None,
    *,
    silently: bool = False,
) -> Rebuilt:
    """Make all books (of one account) true, in the caller's transaction.

    Rows keep their ids and versions where nothing differs, so a rebuild of true records says
    nothing. `silently` is for records that were lost altogether: people were told long ago.
    """
    books = await store.all_books(connection, account_id)
    # All at once: a trade that is written locks what counts it, and a book's lock comes first.
    for book in books:
        await store.lock(connection, book)
    found: list[Projection | None] = []
    said: list[Envelope] = []
    for book in books:
        projection = await compare(connection, book, None)
        found.append(projection)
        if projection is not None:
            said += await apply(connection, projection, cause, silently=silently)
    return Rebuilt(len(books), _differing(found), tuple(said))


def _differing(found: list[Projection | None]) -> tuple[Difference, ...]:
    return tuple(
        Difference(each.book, len(each.changed), len(each.gone), len(each.unnoted))
        for each in found
        if each is not None and each.differences
    )
