"""How many contracts there are, at worst: held, and what may still be filled.

What is held may end at any moment (an exit, a target, a stop) and an entry under way may fill or
not. Each side of the market is therefore counted by itself: what is held on it, and every entry
under way to it. Exits and protective legs only shrink a position and never help here, since each
of them may fail. So no order that still works can carry a position over a limit.

Mini and micro are roots of their own, and so are counted one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from shared.domain.decision.exits import holdings
from shared.domain.decision.scene import Exposure
from shared.domain.order import Role
from shared.domain.plan import Book


def exposure_of(owners: Iterable[Book]) -> Exposure:
    """The exposure of an account, from one book for each owner; what is not ours is one too."""
    net: dict[str, int] = defaultdict(int)
    gross: dict[str, int] = defaultdict(int)
    for book in owners:
        for root in roots_of(book):
            net[root] += net_of(book, root)
            gross[root] += worst_of(book, root)
    return Exposure(net=dict(net), gross=dict(gross))


def roots_of(book: Book) -> frozenset[str]:
    return frozenset(each.root for each in book.held) | {each.root for each in book.open_intents}


def net_of(book: Book, root: str) -> int:
    """Signed contracts held, with every entry under way filled."""
    return sum(qty for _, qty in (*_held(book, root), *_coming(book, root)))


def worst_of(book: Book, root: str, entering: tuple[str, int] | None = None) -> int:
    """The most contracts one owner can come to hold in a root, over all its contracts.

    `entering` is one more entry: its contract and signed quantity.
    """
    long: dict[str, int] = defaultdict(int)
    short: dict[str, int] = defaultdict(int)
    more = () if entering is None else (entering,)
    for contract, qty in (*_held(book, root), *_coming(book, root), *more):
        (long if qty > 0 else short)[contract] += abs(qty)
    return sum(max(long[each], short[each]) for each in long.keys() | short.keys())


def once_exited(book: Book, root: str) -> Book:
    """The book behind a reverse: its entry leaves when what the plan closes is flat, or never."""
    gone = {each.contract for each in holdings(book, root)}
    return replace(
        book,
        held=tuple(each for each in book.held if each.contract not in gone),
        open_intents=tuple(each for each in book.open_intents if each.contract not in gone),
    )


def _held(book: Book, root: str) -> tuple[tuple[str, int], ...]:
    return tuple((each.contract, each.net_qty) for each in book.held if each.root == root)


def _coming(book: Book, root: str) -> tuple[tuple[str, int], ...]:
    return tuple(
        (each.contract, each.action.sign * each.remaining_qty)
        for each in book.open_intents
        if each.root == root and each.role is Role.ENTRY
    )
