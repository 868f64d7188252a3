"""How many contracts there are, at worst: held, and what may still be filled.

What is held may end at any moment (an exit, a target, a stop) and an entry under way may fill or
not. Each side of the market is therefore counted by itself: what is held on it, and every entry
under way to it. Exits and protective legs never help here, since each of them may fail; and what of
them may still fill beyond what is held counts to the other side, which it would open. So no order
that still works can carry a position over a limit, whichever of them fill.

Mini and micro are roots of their own, and so are counted one by one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
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

    The worst over every choice of what fills of all that is under way.

    `entering` is one more entry: its contract and signed quantity.
    """
    long: dict[str, int] = defaultdict(int)
    short: dict[str, int] = defaultdict(int)
    more = () if entering is None else (entering,)
    held = _held(book, root)
    for contract, qty in (*held, *_coming(book, root), *_beyond(book, root, dict(held)), *more):
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


def _beyond(book: Book, root: str, held: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Signed contracts that what closes, and has been sent, could open on the other side.

    A target and a stop end each other, so that only the larger sum of both may fill.
    """
    closing: Counter[tuple[str, int, Role]] = Counter()
    for each in book.open_intents:
        if each.root == root and each.role is not Role.ENTRY and each.state.in_flight:
            role = each.role if each.role.protective else Role.EXIT
            closing[each.contract, each.action.sign, role] += each.remaining_qty
    for contract, sign in sorted({(contract, sign) for contract, sign, _ in closing}):
        ends = closing[contract, sign, Role.EXIT]
        legs = (closing[contract, sign, role] for role in (Role.TAKE_PROFIT, Role.STOP_LOSS))
        left = ends + max(legs) - max(0, -sign * held.get(contract, 0))
        if left > 0:
            yield contract, sign * left
