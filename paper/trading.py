"""The floor: orders come in checked, books match them, scribe and cashier write what happened.

Everything here runs to its end without waiting, so a transaction is one call. Time comes from
the clock once per call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, assert_never

from msgspec.structs import replace

from paper.book import Book
from paper.book_values import (
    DEFAULT_RULES,
    BookEvent,
    Ended,
    Entry,
    Kind,
    Released,
    Resized,
    Rules,
    Side,
    Terms,
    Tif,
    Traded,
    Trail,
    Trailed,
    Triggered,
    Why,
)
from paper.cashier import Cashier
from paper.clock import Clock, replay_time
from paper.market import MEMBERS, Market
from paper.policy import DEFAULT_POLICY
from paper.reference import Reference
from paper.risk import LIQUIDATE, Risk
from paper.rows import CashBalance, Fill, Order, OrderVersion, Trigger
from paper.scribe import FINAL, VENUE, Changed, NewOrder, Scribe, Sender
from paper.store import Store
from paper.valuation import Valuation
from shared.domain.calendar import trade_date
from shared.domain.instruments import PRODUCTS
from shared.domain.sessions import is_open

_STATUS: Final = {Why.EXPIRED: "Expired", Why.WRONG_SIDE: "Rejected"}


class Trading:
    """All orders, positions and money of the venue."""

    def __init__(self, store: Store, reference: Reference, market: Market, clock: Clock) -> None:
        self.rules = DEFAULT_RULES
        self.cashier = Cashier(store, reference)
        self.risk = Risk(store, Valuation(self.cashier.ledger, market, reference), DEFAULT_POLICY)
        self.on_news: Callable[[int], None] = lambda _order_id: None
        self.scribe = Scribe(store)
        self._store = store
        self._reference = reference
        self._market = market
        self._clock = clock
        self._books: dict[int, Book] = {}
        self._books_of_root: dict[str, list[Book]] = {}
        self.on_replay_time: Callable[[], None] = lambda: None
        self._replays_at = replay_time(clock.now())
        self._day: date = trade_date(clock.now())
        self._news: dict[int, None] = {}
        self._settling = False

    # ---- commands

    def place(self, orders: Sequence[NewOrder]) -> None:
        """Write and match orders that belong together, a parent before its children."""
        self._begin()
        for new in orders:
            self.scribe.placed(new)
            self._keep_trail(new)
        for new in orders:
            self.scribe.accepted(new.id, waiting=new.parent_id is not None)
        book = self._book(orders[0].contract_id)
        self._write(book, book.place(*(_entry(new) for new in orders)))

    def refuse(self, orders: Sequence[NewOrder], reason: str, text: str) -> None:
        """Write orders that the risk check rejects: children with ParentRejected."""
        self._begin()
        for new in orders:
            self.scribe.placed(new)
        for new in orders:
            why = reason if new.parent_id is None else "ParentRejected"
            self.scribe.rejected(new.id, why, text)
            self._news[new.id] = None
        self._settle()

    def modify(self, change: Changed) -> int:
        """Replace the version of a live order; returns the command's id."""
        self._begin()
        order_id, terms = change.order_id, change.terms
        book = self._book_of(order_id)
        command_id = self.scribe.modified(change)
        entry = book.get(order_id)
        if entry is not None and entry.triggered and entry.forgets_trigger(terms):
            self._mark(order_id, hit=False, level=None)
        self._write(book, book.modify(order_id, terms))
        return command_id

    def refuse_change(self, change: Changed, reason: str, text: str) -> int:
        """Write a modification that the risk check rejects; returns the command's id."""
        self._begin()
        return self.scribe.change_rejected(change, reason, text)

    def cancel(self, order_id: int, sender: Sender) -> int:
        """End a live order and its unfilled children; returns the command's id."""
        self._begin()
        book = self._book_of(order_id)
        account_id = self._store.must(Order, order_id).account_id
        command_id = self.scribe.cancelled(order_id, sender, account_id)
        self._write(book, book.cancel(order_id))
        return command_id

    def liquidate(
        self, account_id: int, contract_id: int, sender: Sender, *, admin: bool
    ) -> int | None:
        """Cancel what works in a contract and close the position; None when there was none."""
        self._begin()
        book = self._book(contract_id)
        for entry in book.entries(account_id):
            if entry.id in book:
                self.cancel(entry.id, VENUE)
        net = self.cashier.net(account_id, contract_id)
        if net == 0:
            return None
        side = Side.SELL if net > 0 else Side.BUY
        ends_at = self._reference.must(contract_id).day_ends(self._clock.now())
        terms = Terms(abs(net), Kind.MARKET, Tif.DAY, expires_at=ends_at)
        order_id = self._store.next_id()
        self.place([NewOrder(order_id, account_id, contract_id, side, terms, sender, admin=admin)])
        return order_id

    def live(self, order_id: int) -> Entry | None:
        """The order as the book holds it, None when it is final or unknown."""
        order = self._store.get(Order, order_id)
        return None if order is None else self._book(order.contract_id).get(order_id)

    # ---- the market and the clock

    def trade(self, family: str, price: Decimal) -> None:
        """One trade of the market, matched against every order of the family's contracts.

        While the family rests its price may move, but no order trades and nobody is liquidated.
        """
        self._market.trade(family, price)
        now = self._begin()
        if self.rests(family):
            return
        for root in MEMBERS[family]:
            quote = self._market.quote(root)
            for book in self._books_of_root.get(root, ()):
                self._write(book, book.expire(now))
                self._write(book, book.tick(quote))
        if self.risk.policy.margin:
            self._liquidate_breached()

    def rests(self, family: str) -> bool:
        """Whether hours are kept and the family (whose members share them) does not trade now."""
        return self.risk.policy.sessions and not is_open(PRODUCTS[family], self._clock.now())

    def force_liquidation(self, account_id: int) -> list[int]:
        """The venue closes an account's positions itself; returns its orders' ids."""
        self.risk.mark(account_id, LIQUIDATE, self._begin())
        return self.flatten(account_id, VENUE, admin=True)

    def flatten(self, account_id: int, sender: Sender, *, admin: bool) -> list[int]:
        """Cancel every order of an account and close its positions; the closing orders' ids."""
        held = [c for (owner, c), x in self.cashier.ledger.holdings.items() if owner == account_id]
        live = [c for c, book in self._books.items() if book.entries(account_id)]
        closed = [
            self.liquidate(account_id, contract_id, sender, admin=admin)
            for contract_id in dict.fromkeys([*held, *live])
        ]
        return [order_id for order_id in closed if order_id is not None]

    def _liquidate_breached(self) -> None:
        holders = {owner for (owner, _), x in self.cashier.ledger.holdings.items() if x.lots}
        for account_id in self.risk.breached(sorted(holders)):
            self.force_liquidation(account_id)

    def bust(self, fill_id: int, price: Decimal | None = None) -> int | None:
        """Take a fill back, or make it again at `price`; returns the new fill's id.

        Raises KeyError for an unknown fill, ValueError for one that is busted already.
        """
        now, fill = self._begin(), self._store.must(Fill, fill_id)
        if not fill.active:
            raise ValueError("The fill is busted already.")
        account_id = self._store.account_of(Fill, fill_id)
        made = None
        if price is None:
            self.scribe.busted(fill)
            self.cashier.take_back(fill, account_id, now)
        else:
            self.scribe.take_out(fill)
            made = self.scribe.corrected(fill, price)
            self.cashier.take_back(fill, account_id, now)
            self.cashier.book(made, account_id, now)
        self.risk.note_margin(account_id, now)
        return None if made is None else made.id

    def on_time(self) -> None:
        """End what is over and begin the trading day that has come."""
        now = self._clock.now()
        self.scribe.at(now)
        for book in list(self._books.values()):
            self._write(book, book.expire(now))
        self._end_contracts(now)
        if now >= self._replays_at:
            self._replays_at = replay_time(now)
            self.on_replay_time()
        self._roll(now)

    def _end_contracts(self, now: datetime) -> None:
        """Beyond the end of a contract its orders expire and the venue closes what is held.

        The price of that is the last quote: no source tells how the broker settles.
        """
        holders: dict[int, list[int]] = {c: [] for c, book in self._books.items() if book.entries()}
        for (account_id, contract_id), holding in self.cashier.ledger.holdings.items():
            if holding.lots:
                holders.setdefault(contract_id, []).append(account_id)
        for contract_id, account_ids in holders.items():
            if self._reference.must(contract_id).ends_at <= now:
                book = self._book(contract_id)
                self._write(book, book.close())
                for account_id in account_ids:
                    self.liquidate(account_id, contract_id, VENUE, admin=True)

    def _roll(self, now: datetime) -> None:
        today = trade_date(now)
        if today != self._day:
            before, self._day = self._day, today
            self.cashier.roll(before, now)
            self.risk.lift(now)

    @property
    def day(self) -> date:
        """The trading day that is open, until `on_time` begins the next."""
        return self._day

    def set_rules(self, rules: Rules) -> None:
        self.rules = rules
        for book in self._books.values():
            book.rules = rules

    # ---- after a restart

    def restore(self) -> None:
        """Put the books, the money and the day back as the rows tell."""
        for fill in self._store.all(Fill):
            order = self._store.must(Order, fill.order_id)
            if fill.active or order.ord_status not in FINAL:
                self.scribe.restore(fill)
        self.cashier.restore()
        for balance in self._store.all(CashBalance):
            day = balance.trade_date
            self._day = date(day.year, day.month, day.day)
        live = [o for o in self._store.all(Order) if o.ord_status not in FINAL]
        for order in sorted(live, key=lambda order: order.id):
            self._book(order.contract_id).restore([self._restored(order)])

    def _restored(self, order: Order) -> Entry:
        version = self.scribe.version_of(order.id)
        trigger = self._store.get(Trigger, order.id)
        given_at = datetime.fromisoformat(self.scribe.command_of(order.id).timestamp)
        instrument = self._reference.must(order.contract_id)
        return Entry(
            id=order.id,
            account_id=order.account_id,
            side=Side(order.action),
            terms=_terms_of(version, instrument.day_ends(given_at), trigger),
            parent_id=order.parent_id,
            sibling_id=order.oco_id,
            waiting=order.ord_status == "Suspended",
            triggered=trigger is not None and trigger.hit,
            level=None if trigger is None else trigger.level,
            filled=self.scribe.filled_qty(order.id),
            sibling_filled=0 if order.oco_id is None else self.scribe.filled_qty(order.oco_id),
        )

    # ---- writing down what a book said

    def _write(self, book: Book, events: Iterable[BookEvent]) -> None:
        for event in events:
            self._news[event.order_id] = None
            match event:
                case Released(order_id):
                    self.scribe.released(order_id)
                case Triggered(order_id):
                    self._mark(order_id, hit=True)
                case Trailed(order_id, level):
                    self._mark(order_id, level=level)
                case Traded():
                    self._write_fill(event)
                case Resized(order_id):
                    self._write_size(book, order_id, event.qty)
                case Ended(order_id, why):
                    self._write_end(order_id, why)
                case _:
                    assert_never(event)
        self._settle()

    def _settle(self) -> None:
        """Tell who follows orders which ones changed, once all of a transaction is written."""
        if self._settling:
            return
        self._settling = True
        try:
            while self._news:
                order_id = next(iter(self._news))
                del self._news[order_id]
                self.on_news(order_id)
        finally:
            self._settling = False

    def _mark(self, order_id: int, **fields: Any) -> None:
        """Remember where a stop stands; the broker tells nobody."""
        account_id = self._store.must(Order, order_id).account_id
        known = self._store.get(Trigger, order_id) or Trigger(id=order_id, hit=False)
        self._store.put(replace(known, **fields), account_id)

    def _keep_trail(self, new: NewOrder) -> None:
        """How a strategy's stop trails stands in no version, so it is kept beside it."""
        trail = new.terms.trail
        if trail is not None and not new.terms.kind.trails:
            self._mark(new.id, peg=trail.distance, starts_at=trail.starts_at, step=trail.step)

    def _write_fill(self, event: Traded) -> None:
        fill = self.scribe.traded(event)
        account_id = self._store.must(Order, event.order_id).account_id
        now = self._clock.now()
        self.cashier.book(fill, account_id, now)
        self.risk.note_margin(account_id, now)
        if event.done:
            self.scribe.filled(event.order_id)

    def _write_size(self, book: Book, order_id: int, qty: int) -> None:
        entry = book.get(order_id)
        if entry is not None and entry.terms.qty == qty:  # else a later event says more
            self.scribe.resized(order_id, entry.terms)

    def _write_end(self, order_id: int, why: Why) -> None:
        status = _STATUS.get(why, "Canceled")
        reason = "InvalidPrice" if why is Why.WRONG_SIDE else None
        text = None if why is Why.REQUESTED else why.value
        self.scribe.ended(order_id, status, text, reason)

    # ---- bookkeeping

    def _begin(self) -> datetime:
        """Now; a trading day that has come begins before the first transaction of it."""
        now = self._clock.now()
        self.scribe.at(now)
        self._roll(now)
        return now

    def _book_of(self, order_id: int) -> Book:
        return self._book(self._store.must(Order, order_id).contract_id)

    def _book(self, contract_id: int) -> Book:
        book = self._books.get(contract_id)
        if book is None:
            product = self._reference.must(contract_id).product
            book = Book(product.tick_size, self._market.quote(product.root), self.rules)
            self._books[contract_id] = book
            self._books_of_root.setdefault(product.root, []).append(book)
        return book


def _entry(new: NewOrder) -> Entry:
    return Entry(
        id=new.id,
        account_id=new.account_id,
        side=new.side,
        terms=new.terms,
        parent_id=new.parent_id,
        sibling_id=new.oco_id,
        waiting=new.parent_id is not None,
    )


def _terms_of(version: OrderVersion, day_ends: datetime, trigger: Trigger | None) -> Terms:
    tif = Tif(version.time_in_force)
    ends = None if version.expire_time is None else datetime.fromisoformat(version.expire_time)
    return Terms(
        qty=version.order_qty,
        kind=Kind(version.order_type),
        tif=tif,
        price=version.price,
        stop_price=version.stop_price,
        expires_at=day_ends if tif is Tif.DAY else ends,
        trail=_trail_of(version, trigger),
    )


def _trail_of(version: OrderVersion, trigger: Trigger | None) -> Trail | None:
    if version.peg_difference is not None:
        return Trail(version.peg_difference)
    if trigger is None or trigger.peg is None:
        return None
    return Trail(trigger.peg, trigger.starts_at, trigger.step)
