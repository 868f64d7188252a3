"""Round trips: golden cases, and random books against a slow oracle in whole cents."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.ids import Cause
from shared.domain.order import Action, Role
from shared.domain.roundtrip import (
    BookedFill,
    ExitReason,
    RoundTrip,
    TripStatus,
    reason_of,
    round_trips,
)
from tests.unit.domain.slow_trips import Row, slow_trips

START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
DAY = date(2026, 3, 2)
TICK = Decimal("0.25")
POINT_VALUE = Decimal(50)
BUY, SELL = Action.BUY, Action.SELL


def fill(
    fill_id: int,
    action: Action,
    qty: int,
    price: str,
    fee: str | None = "1.00",
    role: Role | None = Role.ENTRY,
    cause: Cause | None = Cause.SIGNAL,
) -> BookedFill:
    return BookedFill(
        fill_id=fill_id,
        action=action,
        qty_contracts=qty,
        price=Decimal(price),
        at=START + timedelta(seconds=fill_id),
        trade_date=DAY,
        fee_usd=None if fee is None else Decimal(fee),
        role=role,
        cause=cause,
    )


usd = Decimal


def only(fills: list[BookedFill]) -> RoundTrip:
    [trip] = round_trips(fills, POINT_VALUE)
    return trip


def test_one_contract_in_and_out() -> None:
    trip = only([fill(1, BUY, 1, "5000"), fill(2, SELL, 1, "5002.50", role=Role.EXIT)])
    assert (trip.side, trip.qty_max, trip.open_qty) == (BUY, 1, 0)
    assert (trip.gross_usd, trip.fees_usd, trip.net_usd) == (usd("125"), usd("2"), usd("123"))
    assert trip.fees_known
    assert trip.exit_reason is ExitReason.SIGNAL
    assert trip.status is TripStatus.CLOSED
    assert trip.closing is not None
    assert trip.closing.fill_id == 2


def test_an_add_raises_the_size_and_averages_the_entry() -> None:
    trip = only([fill(1, BUY, 2, "5000"), fill(2, BUY, 1, "5003")])
    assert (trip.qty_max, trip.open_qty, trip.entry_price) == (3, 3, Decimal(5001))
    assert (trip.exit_price, trip.exit_reason, trip.closing) == (None, None, None)
    assert trip.status is TripStatus.OPEN
    assert trip.gross_usd == 0


def test_a_partial_target_then_the_stop_ends_stopped_out_and_keeps_both_exits() -> None:
    trip = only(
        [
            fill(1, SELL, 3, "5000"),
            fill(2, BUY, 1, "4990", role=Role.TAKE_PROFIT),
            fill(3, BUY, 2, "5005", role=Role.STOP_LOSS),
        ]
    )
    assert trip.status is TripStatus.STOPPED_OUT
    assert [(each.reason, each.gross_usd) for each in trip.exits] == [
        (ExitReason.TAKE_PROFIT, Decimal(500)),
        (ExitReason.STOP_LOSS, Decimal(-500)),
    ]
    assert trip.exit_price == Decimal(5000)
    assert trip.gross_usd == 0
    assert trip.net_usd == -3


def test_oldest_contracts_leave_first() -> None:
    trip = only([fill(1, BUY, 1, "5000"), fill(2, BUY, 1, "5010"), fill(3, SELL, 1, "5010")])
    assert trip.open_qty == 1
    assert trip.gross_usd == 500  # against 5000, not against the average
    [pair] = trip.pairs
    assert (pair.entry_fill_id, pair.exit_fill_id) == (1, 3)


def test_a_reverse_by_two_orders_is_two_trips() -> None:
    long, short = round_trips(
        [
            fill(1, BUY, 1, "5000"),
            fill(2, SELL, 1, "5001", role=Role.EXIT),
            fill(3, SELL, 1, "5001"),
        ],
        POINT_VALUE,
    )
    assert (long.status, long.gross_usd) == (TripStatus.CLOSED, usd("50"))
    assert (short.side, short.open_qty, short.opening.fill_id) == (SELL, 1, 3)


def test_a_flip_in_one_fill_closes_and_opens_and_shares_its_fee() -> None:
    long, short = round_trips([fill(1, BUY, 1, "5000"), fill(2, SELL, 3, "5002")], POINT_VALUE)
    assert (long.gross_usd, long.qty_max, long.fees_usd) == (usd("100"), 1, usd("1.34"))
    assert (short.open_qty, short.entry_price, short.fees_usd) == (2, usd("5002"), usd("0.66"))
    assert long.closing is short.opening
    assert long.fill_ids & short.fill_ids == {2}


def test_a_late_fee_is_missing_until_it_is_told() -> None:
    fills = [fill(1, BUY, 1, "5000"), fill(2, SELL, 1, "5001", fee=None)]
    before = only(fills)
    assert (before.fees_usd, before.fees_known) == (usd("1"), False)
    after = only([fills[0], replace(fills[1], fee_usd=Decimal(0))])
    assert (after.fees_usd, after.fees_known) == (usd("1"), True)  # zero is a fee


def test_without_a_busted_exit_the_trip_is_open_again() -> None:
    fills = [fill(1, BUY, 1, "5000"), fill(2, SELL, 1, "5001")]
    assert only(fills).status is TripStatus.CLOSED
    assert only(fills[:1]).status is TripStatus.OPEN


def test_equal_times_go_by_the_brokers_id() -> None:
    first = replace(fill(1, SELL, 1, "5000"), at=START)
    second = replace(fill(2, BUY, 1, "5001"), at=START)
    assert only([second, first]).side is SELL


def test_no_fills_no_trips() -> None:
    assert round_trips([], POINT_VALUE) == []


@pytest.mark.parametrize(
    ("role", "cause", "reason"),
    [
        (Role.TAKE_PROFIT, Cause.SIGNAL, ExitReason.TAKE_PROFIT),
        (Role.STOP_LOSS, Cause.GUARD, ExitReason.STOP_LOSS),
        (Role.EXIT, Cause.SIGNAL, ExitReason.SIGNAL),
        (Role.ENTRY, Cause.SIGNAL, ExitReason.SIGNAL),
        (Role.EXIT, Cause.COMMAND, ExitReason.MANUAL),
        (Role.EXIT, Cause.GUARD, ExitReason.RISK),
        (Role.EXIT, Cause.ROLL, ExitReason.ROLL),
        (Role.EXIT, Cause.WINDOW, ExitReason.WINDOW),
        (None, None, ExitReason.MANUAL),
        (Role.EXIT, None, ExitReason.MANUAL),
    ],
)
def test_the_closing_order_names_the_reason(
    role: Role | None, cause: Cause | None, reason: ExitReason
) -> None:
    assert reason_of(fill(1, SELL, 1, "1", role=role, cause=cause)) is reason


def as_fill(row: Row) -> BookedFill:
    return BookedFill(
        fill_id=row.fill_id,
        action=BUY if row.buys else SELL,
        qty_contracts=row.qty,
        price=row.ticks * TICK,
        at=START + timedelta(seconds=row.second),
        trade_date=DAY,
        fee_usd=None if row.fee_cents is None else Decimal(row.fee_cents) / 100,
    )


@st.composite
def books(draw: st.DrawFn) -> list[Row]:
    ids = draw(st.lists(st.integers(1, 10_000), unique=True, max_size=25))
    return [
        Row(
            fill_id=fill_id,
            second=draw(st.integers(0, 20)),
            buys=draw(st.booleans()),
            qty=draw(st.integers(1, 5)),
            ticks=draw(st.integers(-50, 24_000)),  # crude oil has been below zero
            fee_cents=draw(st.none() | st.integers(0, 1_000)),
        )
        for fill_id in ids
    ]


@given(books(), st.randoms(use_true_random=False))
def test_random_books_agree_with_the_oracle_in_any_order(rows: list[Row], random: object) -> None:
    shuffled = [as_fill(row) for row in rows]
    random.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis' Random
    trips = round_trips(shuffled, POINT_VALUE)
    slow = slow_trips(rows)
    assert [cents_of(trip) for trip in trips] == [
        (
            "Buy" if each.buys else "Sell",
            each.opening,
            each.largest,
            len(each.held),
            Decimal(each.gross_cents),
            Decimal(each.fee_cents),
            each.fees_known,
        )
        for each in slow
    ]
    for trip, each in zip(trips, slow, strict=True):
        assert is_average(trip.entry_price, each.entry_ticks)
        assert (trip.exit_price is None) == (each.exit_ticks == [])
        assert trip.exit_price is None or is_average(trip.exit_price, each.exit_ticks)


@given(books())
def test_nothing_is_lost_between_fills_and_trips(rows: list[Row]) -> None:
    trips = round_trips([as_fill(row) for row in rows], POINT_VALUE)
    net = sum(row.qty if row.buys else -row.qty for row in rows)
    assert sum(trip.side.sign * trip.open_qty for trip in trips) == net
    assert all(trip.open_qty == 0 for trip in trips[:-1])
    known = sum(row.fee_cents or 0 for row in rows)
    assert sum(trip.fees_usd for trip in trips) * 100 == known
    for trip in trips:
        assert sum(each.gross_usd for each in trip.exits) == trip.gross_usd
        assert sum(each.gross_usd for each in trip.pairs) == trip.gross_usd


def cents_of(trip: RoundTrip) -> tuple[str, int, int, int, Decimal, Decimal, bool]:
    return (
        trip.side.value,
        trip.opening.fill_id,
        trip.qty_max,
        trip.open_qty,
        trip.gross_usd * 100,
        trip.fees_usd * 100,
        trip.fees_known,
    )


def is_average(price: Decimal, ticks: list[int]) -> bool:
    """To ten decimals: the most that a price column keeps."""
    return abs(price * len(ticks) - sum(ticks) * TICK) <= Decimal("1E-10") * len(ticks)
