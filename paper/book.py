"""The matching book of one contract: pure, so the same calls always give the same events.

    waiting --parent trades--> working --trades--> ... --> done
       '------------- Ended -----'---------- Ended

Market orders trade at the opposite quote, stops are triggered by the last trade and then trade
like market orders, resting limits trade at their own price when it is touched (or traded
through). Rules the sources leave open, as we chose them:

- A child may trade what its parent has filled so far, less what its sibling has filled.
- A filled order ends its OCO sibling; a partial fill takes the same quantity off it.
- A parent that ends short leaves its children with what it did fill, or ends them if nothing.
- An order trades at most `Rules.size_max_contracts` when it arrives and again at each tick.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from paper.book_values import (
    DEFAULT_RULES,
    BookEvent,
    Ended,
    Entry,
    Quote,
    Released,
    Resized,
    Rules,
    Side,
    Terms,
    Tif,
    Touch,
    Traded,
    Trail,
    Trailed,
    Triggered,
    Why,
    WrongSide,
)
from shared.domain.price import offset


class Book:
    """Live orders of one contract over all accounts, older orders first.

    Every method that may change orders returns what happened, in order. Nothing here knows time,
    ids or money.
    """

    def __init__(self, tick_size: Decimal, quote: Quote, rules: Rules = DEFAULT_RULES) -> None:
        self.quote = quote
        self.rules = rules
        self._tick_size = tick_size
        self._live: dict[int, Entry] = {}
        self._children: dict[int, list[int]] = {}
        self._events: list[BookEvent] = []

    def __contains__(self, order_id: int) -> bool:
        return order_id in self._live

    def get(self, order_id: int) -> Entry | None:
        return self._live.get(order_id)

    def entries(self, account_id: int | None = None) -> list[Entry]:
        return [e for e in self._live.values() if account_id is None or e.account_id == account_id]

    def restore(self, entries: Iterable[Entry]) -> None:
        """Put orders back as they were, without matching them."""
        for entry in entries:
            self._add(entry)

    def place(self, *entries: Entry) -> list[BookEvent]:
        """Add orders that belong together (a parent before its children), then match them."""
        for entry in entries:
            self._add(entry)
        for entry in entries:
            # An OCO partner that traded a moment ago may have ended this one already.
            if not entry.waiting and entry.id in self._live:
                self._arrive(entry)
        return self._told()

    def modify(self, order_id: int, terms: Terms) -> list[BookEvent]:
        """Replace the version. The quantity must exceed what is filled; raises KeyError if gone."""
        entry = self._live[order_id]
        grown = terms.qty - entry.terms.qty
        if entry.forgets_trigger(terms):
            entry.triggered, entry.level = False, None
        entry.terms = terms
        for child in self._children_of(order_id):
            if grown:
                self._resize(child, child.terms.qty + grown)
        if not entry.waiting and entry.id in self._live:
            self._arrive(entry)
        return self._told()

    def cancel(self, order_id: int) -> list[BookEvent]:
        """End an order and, unless it has filled, its children; raises KeyError if gone."""
        self._end(self._live[order_id], Why.REQUESTED)
        return self._told()

    def tick(self, quote: Quote) -> list[BookEvent]:
        """The market moved: match every working order, the oldest first."""
        self.quote = quote
        # Listed first: a child released by this very tick has been matched on its release.
        for entry in [e for e in self._live.values() if not e.waiting]:
            if entry.id in self._live:
                self._match(entry)
        return self._told()

    def expire(self, at: datetime) -> list[BookEvent]:
        """End the orders whose time is over."""
        for entry in list(self._live.values()):
            ends = entry.terms.expires_at
            if ends is not None and ends <= at and entry.id in self._live:
                self._end(entry, Why.EXPIRED)
        return self._told()

    def close(self) -> list[BookEvent]:
        """End every order: the contract trades no more."""
        for entry in list(self._live.values()):
            self._end(entry, Why.EXPIRED)
        return self._told()

    # ---- matching

    def _arrive(self, entry: Entry) -> None:
        """An order reaches the market: it may take the opposite quote, and only now if IOC."""
        self._follow(entry)
        if self._is_untriggered_stop(entry) and self._stop_hit(entry):
            if self.rules.wrong_side is WrongSide.REJECT:
                self._end(entry, Why.WRONG_SIDE)
                return
            self._trigger(entry)
        if not self._is_untriggered_stop(entry):
            self._take(entry)

    def _match(self, entry: Entry) -> None:
        self._follow(entry)
        if self._is_untriggered_stop(entry):
            if self._stop_hit(entry):
                self._trigger(entry)
                self._take(entry)
        elif entry.terms.kind.has_limit:
            if self._limit_reached(entry) and entry.limit is not None:
                self._trade(entry, entry.limit)
        else:
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        """Trade against the opposite quote if the limit allows; the rest of an IOC ends."""
        price = self._taking_price(entry)
        if price is not None and self._size_suffices(entry):
            self._trade(entry, price)
        if entry.terms.tif.immediate and entry.id in self._live:
            self._end(entry, Why.IMMEDIATE)

    def _taking_price(self, entry: Entry) -> Decimal | None:
        against, sign = self.quote.opposite(entry.side), entry.side.sign
        if not entry.terms.kind.has_limit:
            return offset(against, sign * self.rules.slippage_ticks, self._tick_size)
        limit = entry.limit
        return against if limit is not None and sign * (limit - against) >= 0 else None

    def _limit_reached(self, entry: Entry) -> bool:
        limit = entry.limit
        if limit is None:
            return False
        seen = (self.quote.last, self.quote.opposite(entry.side))
        best = min(seen) if entry.side is Side.BUY else max(seen)
        beyond = entry.side.sign * (limit - best)
        return beyond >= 0 if self.rules.touch is Touch.TOUCHED else beyond > 0

    def _stop_hit(self, entry: Entry) -> bool:
        stop = entry.trigger
        return stop is not None and entry.side.sign * (self.quote.last - stop) >= 0

    def _is_untriggered_stop(self, entry: Entry) -> bool:
        return entry.terms.kind.has_stop and not entry.triggered

    def _follow(self, entry: Entry) -> None:
        """Let a trailing stop come after the last trade, never back."""
        trail = entry.terms.trail
        if trail is None or entry.triggered or not _has_begun(entry, trail, self.quote.last):
            return
        level = self.quote.last + entry.side.sign * trail.distance
        stands = entry.trigger
        nearer = None if stands is None else entry.side.sign * (stands - level)
        if nearer is None or nearer >= (trail.step or self._tick_size):
            entry.level = level
            self._events.append(Trailed(entry.id, level))

    def _trigger(self, entry: Entry) -> None:
        entry.triggered = True
        self._events.append(Triggered(entry.id))

    def _size_suffices(self, entry: Entry) -> bool:
        most = self.rules.size_max_contracts
        return entry.terms.tif is not Tif.FOK or most is None or most >= self._leaves(entry)

    def _leaves(self, entry: Entry) -> int:
        """What may trade now; for a child of a live parent no more than the parent brought in."""
        whole = entry.terms.qty
        parent = self._live.get(entry.parent_id) if entry.parent_id is not None else None
        if parent is not None:
            whole = min(whole, parent.filled - entry.sibling_filled)
        return max(0, whole - entry.filled)

    # ---- consequences

    def _trade(self, entry: Entry, price: Decimal) -> None:
        qty, most = self._leaves(entry), self.rules.size_max_contracts
        if most is not None:
            qty = min(qty, most)
        if qty == 0:
            return
        entry.filled += qty
        done = entry.filled >= entry.terms.qty
        self._events.append(Traded(entry.id, qty, price, entry.filled, done))
        if done:
            del self._live[entry.id]
        self._tell_sibling(entry, qty, done=done)
        for child in self._children_of(entry.id):
            self._release(child)
        if done:
            self._children.pop(entry.id, None)

    def _tell_sibling(self, entry: Entry, qty: int, *, done: bool) -> None:
        sibling = self._live.get(entry.sibling_id) if entry.sibling_id is not None else None
        if sibling is None:
            return
        sibling.sibling_filled += qty
        if done:
            self._end(sibling, Why.SIBLING_FILLED)
        else:
            self._resize(sibling, sibling.terms.qty - qty, Why.SIBLING_FILLED)

    def _release(self, child: Entry) -> None:
        if child.id not in self._live:  # its sibling traded a moment ago and ended it
            return
        if child.waiting:
            child.waiting = False
            self._events.append(Released(child.id))
        self._arrive(child)

    def _resize(self, entry: Entry, qty: int, why: Why = Why.PARENT_ENDED) -> None:
        if qty <= entry.filled:
            self._end(entry, why)
        elif qty != entry.terms.qty:
            entry.terms = replace(entry.terms, qty=qty)
            self._events.append(Resized(entry.id, qty))

    def _end(self, entry: Entry, why: Why) -> None:
        if self._live.pop(entry.id, None) is None:
            return
        self._events.append(Ended(entry.id, why))
        for child in self._children_of(entry.id):
            most = entry.filled - child.sibling_filled
            self._resize(child, min(child.terms.qty, most))
        self._children.pop(entry.id, None)

    # ---- bookkeeping

    def _add(self, entry: Entry) -> None:
        self._live[entry.id] = entry
        if entry.parent_id is not None:
            self._children.setdefault(entry.parent_id, []).append(entry.id)

    def _children_of(self, order_id: int) -> list[Entry]:
        ids = self._children.get(order_id, ())
        return [child for i in ids if (child := self._live.get(i)) is not None]

    def _told(self) -> list[BookEvent]:
        events, self._events = self._events, []
        return events


def _has_begun(entry: Entry, trail: Trail, last: Decimal) -> bool:
    return trail.starts_at is None or entry.side.sign * (trail.starts_at - last) >= 0
