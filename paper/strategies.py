"""Bracket strategies: an entry, and exits that are placed as it fills.

    start -> ActiveStrategy --every order final--> ExecutionFinished
                  |---- entry refused --> ExecutionFailed, NotEnoughLiquidity
                  '---- interrupted ----> ExecutionInterrupted (orders cancelled, position stays)

Each fill of the entry gets exits of its own, at its own price: a target and a stop for each
bracket it reaches, linked as OCO. Nothing is remembered that the rows do not tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

from msgspec.structs import replace

from paper.book_values import Kind, Side, Terms, Tif, Trail
from paper.brackets import Bracket, read_params, share
from paper.clock import Clock
from paper.reference import Reference
from paper.rows import CommandReport, Fill, Order, OrderStrategy, OrderStrategyLink, stamp
from paper.scribe import FINAL, NewOrder, Sender
from paper.store import Store
from paper.strategy_rows import LIVE_STATUS
from paper.trading import Trading

ENTRY, TARGET, STOP = "Entry", "ProfitTarget", "StopLoss"


class Strategies:
    """Follows the orders of strategies through `Trading.on_news`."""

    def __init__(self, store: Store, trading: Trading, reference: Reference, clock: Clock) -> None:
        self._store = store
        self._trading = trading
        self._reference = reference
        self._clock = clock
        self._strategy_of: dict[int, int] = {}
        self._covered: dict[int, int] = {}
        trading.on_news = self._changed

    def start(self, row: OrderStrategy, entry: NewOrder, place: Callable[[], None]) -> None:
        """Write the strategy, then its entry by `place`."""
        self._store.put(row, row.account_id)
        self._covered[row.id] = 0
        self._link(row, entry.id, ENTRY)
        place()

    def interrupt(self, strategy_id: int, sender: Sender) -> None:
        """Stop it and cancel what works; the position stays."""
        row = self._store.must(OrderStrategy, strategy_id)
        if row.status != LIVE_STATUS:
            return
        self._end(row, "ExecutionInterrupted")
        for link in self._links(strategy_id):
            if self._trading.live(link.order_id) is not None:
                self._trading.cancel(link.order_id, sender)

    def restore(self) -> None:
        """Take up the strategies that the rows tell of."""
        for link in self._store.all(OrderStrategyLink):
            self._strategy_of[link.order_id] = link.order_strategy_id
            if link.label == ENTRY:
                filled = self._trading.scribe.filled_qty(link.order_id)
                self._covered[link.order_strategy_id] = filled

    # ---- what follows from an order's news

    def _changed(self, order_id: int) -> None:
        strategy_id = self._strategy_of.get(order_id)
        row = None if strategy_id is None else self._store.must(OrderStrategy, strategy_id)
        if row is None or row.status != LIVE_STATUS:
            return
        entry = self._store.get(Order, self._entry_id(row.id))
        if entry is None:
            return
        filled = self._trading.scribe.filled_qty(entry.id)
        if filled > self._covered[row.id]:
            self._cover(row, entry, filled)
        if all(self._is_final(link.order_id) for link in self._links(row.id)):
            self._finish(row, entry, filled)

    def _cover(self, row: OrderStrategy, entry: Order, filled: int) -> None:
        """Place the exits of what was filled since."""
        covered, self._covered[row.id] = self._covered[row.id], filled
        price = max(self._store.of_master(Fill, entry.id), key=lambda fill: fill.id).price
        side = Side(entry.action)
        instrument = self._reference.must(row.contract_id)
        brackets = read_params(row.params, side, instrument.product.tick_size).brackets
        for bracket, qty in share(brackets, covered, filled):
            self._place(row, entry, list(_legs(bracket, qty, side, price)))

    def _place(self, row: OrderStrategy, entry: Order, legs: list[tuple[str, Terms]]) -> None:
        ids = [self._store.next_id() for _ in legs]
        other = dict(zip(ids, reversed(ids), strict=True)) if len(ids) > 1 else {}
        orders = [
            NewOrder(
                id=order_id,
                account_id=row.account_id,
                contract_id=row.contract_id,
                side=Side(entry.action).opposite,
                terms=terms,
                sender=Sender(row.sender_id, row.user_session_id, is_automated=True),
                oco_id=other.get(order_id),
            )
            for order_id, (_, terms) in zip(ids, legs, strict=True)
        ]
        for order_id, (label, _) in zip(ids, legs, strict=True):
            self._link(row, order_id, label)
        self._trading.place(orders)

    def _finish(self, row: OrderStrategy, entry: Order, filled: int) -> None:
        if filled or entry.ord_status != "Rejected":
            self._end(row, "ExecutionFinished")
            return
        command = self._trading.scribe.command_of(entry.id)
        report = self._store.of_master(CommandReport, command.id)[-1]
        short = report.reject_reason == "NotEnoughLiquidity"
        self._end(row, "NotEnoughLiquidity" if short else "ExecutionFailed", report.text)

    def _end(self, row: OrderStrategy, status: str, message: str | None = None) -> None:
        ended = replace(
            row, status=status, failure_message=message, timestamp=stamp(self._clock.now())
        )
        self._store.put(ended, row.account_id)

    # ---- links

    def _link(self, row: OrderStrategy, order_id: int, label: str) -> None:
        self._strategy_of[order_id] = row.id
        link = OrderStrategyLink(
            id=self._store.next_id(), order_strategy_id=row.id, order_id=order_id, label=label
        )
        self._store.put(link, row.account_id)

    def _links(self, strategy_id: int) -> list[OrderStrategyLink]:
        return self._store.of_master(OrderStrategyLink, strategy_id)

    def _entry_id(self, strategy_id: int) -> int:
        return next(link.order_id for link in self._links(strategy_id) if link.label == ENTRY)

    def _is_final(self, order_id: int) -> bool:
        order = self._store.get(Order, order_id)
        return order is not None and order.ord_status in FINAL


def _legs(bracket: Bracket, qty: int, side: Side, price: Decimal) -> Iterator[tuple[str, Terms]]:
    if bracket.profit_target is not None:
        limit = price + bracket.profit_target
        yield TARGET, Terms(qty, Kind.LIMIT, Tif.GTC, price=limit)
    if bracket.stop_loss is not None:
        yield STOP, _stop(bracket.trail(side, price), bracket, qty, price + bracket.stop_loss)


def _stop(trail: Trail | None, bracket: Bracket, qty: int, level: Decimal) -> Terms:
    kind = Kind.TRAILING_STOP if bracket.trailing_stop else Kind.STOP
    return Terms(qty, kind, Tif.GTC, stop_price=level, trail=trail)
