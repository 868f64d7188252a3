"""The matching book: prices, releases, OCO, partial fills."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper.book import Book
from paper.book_values import (
    BookEvent,
    Ended,
    Entry,
    Kind,
    Quote,
    Released,
    Resized,
    Rules,
    Side,
    Terms,
    Tif,
    Touch,
    Traded,
    Triggered,
    Why,
    WrongSide,
)

TICK = Decimal("0.25")


def quote(last: str, *, up: bool = True) -> Quote:
    price = Decimal(last)
    bid, ask = (price - TICK, price) if up else (price, price + TICK)
    return Quote(bid, ask, price)


def book(last: str = "100", **rules: object) -> Book:
    return Book(TICK, quote(last), Rules(**rules))  # type: ignore[arg-type] # switches by name


def market(qty: int = 1, **more: object) -> Terms:
    return Terms(qty, Kind.MARKET, **more)  # type: ignore[arg-type] # fields by name


def limit(price: str, qty: int = 1, tif: Tif = Tif.GTC) -> Terms:
    return Terms(qty, Kind.LIMIT, tif, price=Decimal(price))


def stop(price: str, qty: int = 1) -> Terms:
    return Terms(qty, Kind.STOP, stop_price=Decimal(price))


def buy(number: int, terms: Terms) -> Entry:
    return Entry(number, 7, Side.BUY, terms)


def sell(number: int, terms: Terms) -> Entry:
    return Entry(number, 7, Side.SELL, terms)


def bracket(qty: int, entry: Terms, target: str = "102", stop_at: str = "98") -> list[Entry]:
    """Order 1 with a target (2) and a stop (3) that wait for it and exclude each other."""
    return [
        buy(1, entry),
        Entry(2, 7, Side.SELL, limit(target, qty), parent_id=1, sibling_id=3, waiting=True),
        Entry(3, 7, Side.SELL, stop(stop_at, qty), parent_id=1, sibling_id=2, waiting=True),
    ]


def trades(events: list[BookEvent]) -> list[tuple[int, int, Decimal]]:
    return [(e.order_id, e.qty, e.price) for e in events if isinstance(e, Traded)]


def test_market_orders_take_the_opposite_quote_and_slip_against_us() -> None:
    assert trades(book().place(buy(1, market()))) == [(1, 1, Decimal(100))]
    assert trades(book().place(sell(1, market()))) == [(1, 1, Decimal("99.75"))]
    slipping = book(slippage_ticks=2)
    assert trades(slipping.place(buy(1, market()))) == [(1, 1, Decimal("100.50"))]
    assert trades(slipping.place(sell(2, market()))) == [(2, 1, Decimal("99.25"))]


@pytest.mark.parametrize(
    ("touch", "last", "fills"),
    [
        (Touch.TOUCHED, "99", True),
        (Touch.THROUGH, "99", False),
        (Touch.THROUGH, "98.75", True),
        (Touch.TOUCHED, "99.25", False),
    ],
)
def test_a_resting_limit_trades_at_its_own_price(touch: Touch, last: str, *, fills: bool) -> None:
    it = book(touch=touch)
    assert it.place(buy(1, limit("99"))) == []
    done = [(1, 1, Decimal(99))] if fills else []
    assert trades(it.tick(quote(last))) == done


def test_a_marketable_limit_trades_at_the_quote_not_at_its_limit() -> None:
    assert trades(book().place(buy(1, limit("105")))) == [(1, 1, Decimal(100))]


def test_a_stop_waits_for_the_last_trade_and_then_takes_the_quote() -> None:
    it = book()
    assert it.place(sell(1, stop("99"))) == []
    assert it.tick(quote("99.25")) == []
    events = it.tick(quote("98.50", up=False))
    assert events == [Triggered(1), Traded(1, 1, Decimal("98.50"), 1, done=True)]


def test_a_stop_limit_rests_at_its_limit_once_triggered() -> None:
    it = book()
    terms = Terms(1, Kind.STOP_LIMIT, price=Decimal(101), stop_price=Decimal(101))
    it.place(buy(1, terms))
    assert it.tick(quote("103")) == [Triggered(1)]
    assert trades(it.tick(quote("101"))) == [(1, 1, Decimal(101))]


def test_a_stop_on_the_wrong_side_is_triggered_or_rejected_by_switch() -> None:
    assert trades(book().place(sell(1, stop("101")))) == [(1, 1, Decimal("99.75"))]
    rejecting = book(wrong_side=WrongSide.REJECT)
    assert rejecting.place(sell(1, stop("101"))) == [Ended(1, Why.WRONG_SIDE)]


def test_immediate_orders_never_rest() -> None:
    assert book().place(buy(1, limit("99", tif=Tif.IOC))) == [Ended(1, Why.IMMEDIATE)]
    small = book(size_max_contracts=2)
    assert small.place(buy(1, limit("100", 3, Tif.FOK))) == [Ended(1, Why.IMMEDIATE)]
    part = small.place(buy(2, limit("100", 3, Tif.IOC)))
    assert part == [Traded(2, 2, Decimal(100), 2, done=False), Ended(2, Why.IMMEDIATE)]


def test_children_wait_for_the_parent_and_end_each_other() -> None:
    it = book()
    assert it.place(*bracket(1, limit("99"))) == []
    filled = it.tick(quote("99", up=False))
    assert filled[1:] == [Released(2), Released(3)]
    assert it.tick(quote("102")) == [
        Traded(2, 1, Decimal(102), 1, done=True),
        Ended(3, Why.SIBLING_FILLED),
    ]
    assert it.entries() == []


def test_a_partial_parent_fill_releases_only_what_it_brought_in() -> None:
    it = book(size_max_contracts=1)
    it.place(*bracket(3, market(3)))  # fills 1 of 3 at once
    it.rules = Rules()
    it.modify(1, limit("90", 3))  # the rest rests far away
    events = it.tick(quote("102"))
    assert trades(events) == [(2, 1, Decimal(102))]
    assert Resized(3, 2) in events
    assert it.cancel(1) == [
        Ended(1, Why.REQUESTED),
        Ended(2, Why.PARENT_ENDED),
        Ended(3, Why.PARENT_ENDED),
    ]


def test_a_parent_that_ends_short_leaves_children_for_what_it_filled() -> None:
    it = book(size_max_contracts=1)
    it.place(*bracket(3, market(3)))
    assert it.cancel(1) == [Ended(1, Why.REQUESTED), Resized(2, 1), Resized(3, 1)]
    assert trades(it.tick(quote("97"))) == [(3, 1, Decimal("96.75"))]
    assert it.entries() == []


def test_cancelling_an_unfilled_parent_ends_its_children() -> None:
    it = book()
    it.place(*bracket(1, limit("90")))
    assert [type(e) for e in it.cancel(1)] == [Ended, Ended, Ended]
    assert it.entries() == []


def test_a_grown_parent_grows_its_children() -> None:
    it = book()
    it.place(*bracket(1, limit("90")))
    assert it.modify(1, limit("90", 4)) == [Resized(2, 4), Resized(3, 4)]


def test_a_sibling_that_trades_on_release_is_not_released_twice() -> None:
    it = book()
    events = it.place(*bracket(1, market(), target="99"))
    assert events[1:] == [
        Released(2),
        Traded(2, 1, Decimal("99.75"), 1, done=True),
        Ended(3, Why.SIBLING_FILLED),
    ]


def test_orders_expire_at_their_instant() -> None:
    it, end = book(), datetime(2026, 3, 2, 22, tzinfo=UTC)
    it.place(buy(1, Terms(1, Kind.LIMIT, Tif.DAY, Decimal(90), None, end)), buy(2, limit("90")))
    assert it.expire(end.replace(hour=21)) == []
    assert it.expire(end) == [Ended(1, Why.EXPIRED)]


def test_an_oco_whose_first_order_trades_on_arrival_ends_the_second() -> None:
    first = Entry(1, 7, Side.SELL, limit("99"), sibling_id=2)
    second = Entry(2, 7, Side.SELL, stop("101"), sibling_id=1)
    events = book().place(first, second)
    assert trades(events) == [(1, 1, Decimal("99.75"))]
    assert events[1:] == [Ended(2, Why.SIBLING_FILLED)]


_walks = st.lists(st.integers(380, 420), min_size=1, max_size=60)


@given(
    walk=_walks, qty=st.integers(1, 6), size=st.none() | st.integers(1, 3), cut=st.integers(0, 9)
)
def test_a_bracket_never_sells_more_than_its_entry_bought(
    walk: list[int], qty: int, size: int | None, cut: int
) -> None:
    it = book(size_max_contracts=size)
    sold = bought = 0
    events = it.place(*bracket(qty, limit("100", qty), target="101", stop_at="99"))
    for step, price in enumerate(walk):
        if step == cut and 1 in it:
            events += it.cancel(1)
        for event in events:
            if isinstance(event, Traded):
                bought += event.qty if event.order_id == 1 else 0
                sold += event.qty if event.order_id != 1 else 0
            assert sold <= bought
        covered = max((e.terms.qty - e.filled for e in it.entries() if not e.waiting), default=0)
        assert 1 in it or covered == bought - sold  # what is held is covered, and no more
        events = it.tick(quote(str(price * TICK)))


@given(walk=_walks, qty=st.integers(1, 6), size=st.none() | st.integers(1, 3))
def test_an_oco_pair_never_trades_more_than_its_quantity(
    walk: list[int], qty: int, size: int | None
) -> None:
    it = book(size_max_contracts=size)
    events = it.place(
        Entry(1, 7, Side.SELL, limit("101", qty), sibling_id=2),
        Entry(2, 7, Side.SELL, stop("99", qty), sibling_id=1),
    )
    for price in walk:
        events += it.tick(quote(str(price * TICK)))
    traded = sum(event.qty for event in events if isinstance(event, Traded))
    assert traded <= qty
    assert (traded == qty) == (it.entries() == [])
