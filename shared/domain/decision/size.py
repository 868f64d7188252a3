"""How many contracts an ask comes to in one account: settings, multiplier and cap, each once."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from shared.domain.decision.ask import Ask
from shared.domain.decision.words import Kind, Relation, Size, Stand
from shared.domain.strategy import AccountLink, SizeFrom, Strategy


@dataclass(frozen=True, slots=True)
class Sized:
    """`qty_contracts` is what an entry enters, or what a part closes; at least 0.

    `asked_contracts` is the number it was made from, before the account; None for a whole close
    or a percentage.
    """

    qty_contracts: int
    size: Size
    relation: Relation
    asked_contracts: int | None = None


def stand_of(ask: Ask, held: int) -> Stand:
    """Where `held` (signed, expected) lies, seen from the asked side."""
    if held == 0:
        return Stand.FLAT
    return Stand.SAME if ask.side == 0 or ask.side * held > 0 else Stand.OTHER


def size_of(ask: Ask, held: int, strategy: Strategy, link: AccountLink) -> Sized:
    """The contracts of `ask` in the account that holds `held` (signed, expected)."""
    stand = stand_of(ask, held)
    match ask.kind:
        case Kind.CLOSE | Kind.WITHDRAW:
            return Sized(abs(held), Size.SOME, Relation.NONE)
        case Kind.PART:
            return _part(ask, held if stand is Stand.SAME else 0, link)
        case Kind.TARGET:
            return _target(ask, held if stand is Stand.SAME else 0, link)
        case Kind.OPEN | Kind.ADD | Kind.STAND | Kind.REVERSE:
            return _entry(ask, held, strategy, link)
        case Kind.AVERAGE:
            return _added(ask, held, link)


def scaled(qty_contracts: int, link: AccountLink) -> int:
    """The only place where an account's multiplier meets a quantity. Rounds down."""
    return int((qty_contracts * link.multiplier).to_integral_value(rounding=ROUND_DOWN))


def capped(position_contracts: int, link: AccountLink) -> int:
    """At most what the account may hold for the strategy; a cap of 0 is none (M48)."""
    return min(position_contracts, link.max_contracts) if link.max_contracts else position_contracts


def _entry(ask: Ask, held: int, strategy: Strategy, link: AccountLink) -> Sized:
    told = ask.qty_contracts if strategy.size_from is SizeFrom.SIGNAL else None
    same = held * ask.side > 0
    own = strategy.position_add if same else strategy.position_size
    asked = own if told is None else told
    wanted = scaled(asked, link)
    if not same and ask.netted and told is not None:
        wanted = max(0, wanted - abs(held))
    base = abs(held) if same else 0
    qty = max(0, capped(base + wanted, link) - base)
    return Sized(qty, _size(qty, asked_zero=told == 0), Relation.NONE, asked)


def _added(ask: Ask, held: int, link: AccountLink) -> Sized:
    asked, base = ask.qty_contracts or 0, abs(held)
    qty = max(0, capped(base + scaled(asked, link), link) - base)
    return Sized(qty, _size(qty, asked_zero=False), Relation.NONE, asked)


def _target(ask: Ask, held: int, link: AccountLink) -> Sized:
    """What is missing to the target, or what is too much."""
    asked = ask.qty_contracts or 0
    goal = capped(scaled(asked, link), link)
    size = _size(goal, asked_zero=False)
    return Sized(abs(goal - abs(held)), size, _relation(goal, held), asked)


def _part(ask: Ask, held: int, link: AccountLink) -> Sized:
    asked = ask.qty_contracts
    if ask.percent is not None:
        share = abs(held) * ask.percent / 100
        qty = min(abs(held), int(share.to_integral_value(rounding=ROUND_DOWN)))
    else:
        asked = asked or 0
        qty = scaled(asked, link)
    zero = asked == 0 or ask.percent == Decimal(0)
    return Sized(qty, _size(qty, asked_zero=zero), _relation(qty, held), asked)


def _size(qty: int, *, asked_zero: bool) -> Size:
    if asked_zero:
        return Size.ZERO_ASKED
    return Size.SOME if qty else Size.ZERO_OWN


def _relation(qty: int, held: int) -> Relation:
    if held == 0:
        return Relation.NONE
    if qty == abs(held):
        return Relation.EQUAL
    return Relation.LESS if qty < abs(held) else Relation.MORE
