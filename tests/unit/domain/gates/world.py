"""A shared account whose venue fills, refuses and delays at will, told as facts.

Everything a decision is told is folded from the facts, so a world may be thrown away at any
moment and made again from them. What may work at once follows the claim's rules: an exit first
ends its owner's earlier orders and then closes what is held; the entry of a reverse waits for its
exit and goes only if its owner is flat.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from shared.domain.alert_signal import Side, Signal, SignalKind
from shared.domain.calendar import trade_date
from shared.domain.decision.decide import decide
from shared.domain.decision.scene import History, PastEntry, Scene
from shared.domain.gates.exposure import exposure_of
from shared.domain.ids import IntentId, StrategyId
from shared.domain.order import Action, IntentState, Role
from shared.domain.plan import Book, Draft, Held, Plan
from shared.domain.position import OpenIntent
from shared.domain.strategy import AccountLink, Strategy


@dataclass(frozen=True, slots=True)
class Asked:
    """An alert of strategy number `who`; the side is None for a close."""

    at: datetime
    who: int
    side: Side | None
    qty: int
    root: str


@dataclass(frozen=True, slots=True)
class Order:
    """Signed contracts; an exit is 0 until it closes what is there."""

    at: datetime
    who: int
    role: Role
    contract: str
    root: str
    qty: int
    add: bool
    after: int | None


@dataclass(frozen=True, slots=True)
class Filled:
    at: datetime
    order: int
    qty: int


@dataclass(frozen=True, slots=True)
class Ended:
    order: int


Fact = Asked | Order | Filled | Ended


class World:
    """`strategies` by number, all linked to one account."""

    def __init__(self, strategies: tuple[Strategy, ...], link: AccountLink) -> None:
        self.strategies, self.link = strategies, link
        self.facts: list[Fact] = []
        self.orders: list[Order] = []
        self.remaining: dict[int, int] = {}  # of open orders, by number
        self.net: dict[tuple[int, str], int] = {}
        self.asked = [0] * len(strategies)
        self.flat_since: dict[int, datetime] = {}

    def again(self) -> World:
        """The same world, from its facts alone."""
        other = World(self.strategies, self.link)
        for fact in self.facts:
            other.tell(fact)
        return other

    def tell(self, fact: Fact) -> None:
        self.facts.append(fact)
        match fact:
            case Asked():
                self.asked[fact.who] += fact.side is not None
            case Order():
                self.orders.append(fact)
                self.remaining[len(self.orders) - 1] = fact.qty
            case Ended():
                del self.remaining[fact.order]
            case Filled():
                self._fill(fact)

    def _fill(self, fact: Filled) -> None:
        order = self.orders[fact.order]
        key = (order.who, order.contract)
        before = self.net.get(key, 0)
        self.net[key] = before + fact.qty
        if order.role is Role.ENTRY:
            self.remaining[fact.order] -= fact.qty
        self.flat_since.pop(order.who, None)
        if not any(qty for (who, _), qty in self.net.items() if who == order.who):
            self.flat_since[order.who] = fact.at

    # What happens.

    def alert(self, asked: Asked) -> Plan | None:
        """Decides, and commits what was planned. Returns the plan."""
        strategy = self.strategies[asked.who]
        signal = Signal(
            kind=SignalKind.CLOSE if asked.side is None else SignalKind.ORDER,
            dialect="test",
            side=asked.side,
            symbol=f"{asked.root}1!",
            quantity=None if asked.side is None else asked.qty,
        )
        scene = self.scene(asked.who, asked.at)
        verdict = decide(signal, strategy, self.link, scene)
        self.tell(asked)
        if not isinstance(verdict, Plan):
            return None
        legs: dict[str, int] = {}
        for draft in verdict.drafts:
            legs[draft.leg] = len(self.orders)
            self.tell(self._order(asked, draft, legs, add=verdict.code == "plan.add"))
        return verdict

    def _order(self, asked: Asked, draft: Draft, legs: dict[str, int], *, add: bool) -> Order:
        return Order(
            at=asked.at,
            who=asked.who,
            role=draft.role,
            contract=draft.contract,
            root=draft.root,
            qty=draft.action.sign * draft.qty_contracts,
            add=add,
            after=None if draft.after_leg is None else legs[draft.after_leg],
        )

    def fill(self, at: datetime, nth: int, qty: int) -> None:
        """The venue fills the `nth` open order, up to `qty` of it."""
        number = self._open(nth)
        if number is None:
            return
        order, left = self.orders[number], self.remaining[number]
        if order.role is Role.EXIT:
            self._cancel_before(number)
            held = self.net.get((order.who, order.contract), 0)
            if held:
                self.tell(Filled(at, number, -held))
            self.tell(Ended(number))
        elif order.after is None or order.after not in self.remaining:
            if order.after is not None and self._is_first_fill(number) and self._holds(order):
                self.tell(Ended(number))
                return
            part = min(abs(left), qty) * (1 if left > 0 else -1)
            self.tell(Filled(at, number, part))
            if part == left:
                self.tell(Ended(number))

    def end(self, nth: int) -> None:
        """The venue rejects or cancels the `nth` open order."""
        number = self._open(nth)
        if number is not None:
            if self.orders[number].role is Role.EXIT:
                self._cancel_before(number)
            self.tell(Ended(number))

    def _open(self, nth: int) -> int | None:
        numbers = sorted(self.remaining)
        return numbers[nth % len(numbers)] if numbers else None

    def _is_first_fill(self, number: int) -> bool:
        return self.remaining[number] == self.orders[number].qty

    def _holds(self, order: Order) -> bool:
        return self.net.get((order.who, order.contract), 0) != 0

    def _cancel_before(self, number: int) -> None:
        mine = self.orders[number]
        for each in sorted(self.remaining):
            other = self.orders[each]
            same = (other.who, other.contract) == (mine.who, mine.contract)
            if each < number and same and other.role is Role.ENTRY:
                self.tell(Ended(each))

    # What is known.

    def book(self, who: int) -> Book:
        held = tuple(
            Held(contract, contract[:2], qty)
            for (owner, contract), qty in sorted(self.net.items())
            if owner == who and qty
        )
        mine = [number for number in sorted(self.remaining) if self.orders[number].who == who]
        return Book(held=held, open_intents=tuple(self._intent(number) for number in mine))

    def _intent(self, number: int) -> OpenIntent:
        order = self.orders[number]
        return OpenIntent(
            id=IntentId(UUID(int=number)),
            role=order.role,
            action=Action.BUY if order.qty > 0 else Action.SELL,
            root=order.root,
            contract=order.contract,
            remaining_qty=abs(self.remaining[number]),
            state=IntentState.PENDING,
            account_seq=number,
        )

    def entries(self, who: int | None = None) -> list[Order]:
        made = [order for order in self.orders if order.role is Role.ENTRY]
        return [order for order in made if who is None or order.who == who]

    def scene(self, who: int, now: datetime) -> Scene:
        books = [self.book(each) for each in range(len(self.strategies))]
        others = {
            root: StrategyId(self.strategies[each].id)
            for each, known in enumerate(books)
            if each != who
            for root in {x.root for x in known.held} | {x.root for x in known.open_intents}
        }
        return Scene(
            replace(books[who], other_owners=others),
            now,
            trade_date(now),
            history=self._history(who),
            account_history=self._history(None),
            exposure=exposure_of(books),
        )

    def _history(self, who: int | None) -> History:
        made = self.entries(who)
        return History(
            last_entry_at=made[-1].at if made else None,
            flat_since=None if who is None else self.flat_since.get(who),
            asked_entries=0 if who is None else self.asked[who],
            since_review=len(made),
            recent=tuple(_past(order) for order in made),
        )


def _past(order: Order) -> PastEntry:
    action = Action.BUY if order.qty > 0 else Action.SELL
    return PastEntry(order.at, order.root, order.contract, action, abs(order.qty))
