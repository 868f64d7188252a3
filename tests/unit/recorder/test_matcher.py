"""Which trip inherits which record."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from recorder.matcher import Match, match
from recorder.record import Book, Facts, Labels, Stored, record_of, trade_of
from shared.domain.order import Action
from shared.domain.roundtrip import BookedFill, RoundTrip, round_trips

BOOK = Book(1, 2, "ESH6")
FACTS = Facts(1, "Breakout", "DEMO700", "ES", Decimal(50), recording_enabled=True)
BUY, SELL = Action.BUY, Action.SELL


def trips(*signed: tuple[int, int]) -> list[RoundTrip]:
    """From (fill id, signed quantity); a fill's time follows its id."""
    fills = [
        BookedFill(
            fill_id=fill_id,
            action=BUY if qty > 0 else SELL,
            qty_contracts=abs(qty),
            price=Decimal(5000),
            at=datetime(2026, 3, 2, tzinfo=UTC) + timedelta(seconds=fill_id),
            trade_date=date(2026, 3, 2),
        )
        for fill_id, qty in signed
    ]
    return round_trips(fills, Decimal(50))


def stored(*signed: tuple[int, int]) -> list[Stored]:
    records = [record_of(trip, BOOK, FACTS, Labels()) for trip in trips(*signed)]
    return [Stored(100 + index, 1, each, trade_of(each)) for index, each in enumerate(records)]


def matched(now: list[RoundTrip], before: list[Stored], left_out: set[int] | None = None) -> Match:
    return match(now, before, left_out or set(), recording_enabled=True)


def ids(result: Match) -> list[int | None]:
    return [None if row is None else row.id for _, row in result.kept]


def test_the_opening_fill_is_the_key() -> None:
    result = matched(trips((1, 1), (2, -1), (3, 1)), stored((1, 1), (2, -1)))
    assert ids(result) == [100, None]
    assert (result.gone, result.unrecorded) == ((), ())


def test_an_earlier_fill_takes_the_record_over() -> None:
    result = matched(trips((1, 1), (2, 1)), stored((2, 1)))
    assert ids(result) == [100]


def test_a_busted_opening_leaves_the_record_to_nobody() -> None:
    """What remains was an add; it has no record of its own, so it gets a new one."""
    result = matched(trips((2, 1)), stored((1, 1), (2, 1)))
    assert ids(result) == [None]
    assert [row.id for row in result.gone] == [100]


def test_two_trips_that_became_one_keep_the_first_record() -> None:
    result = matched(trips((1, 1), (3, 1)), stored((1, 1), (2, -1), (3, 1)))
    assert ids(result) == [100]
    assert [row.id for row in result.gone] == [101]


def test_an_entry_that_became_an_exit_is_no_heir() -> None:
    """Fill 2 opened a long; with the late short before it, it only closes that."""
    result = matched(trips((1, -1), (2, 1)), stored((2, 1)))
    assert ids(result) == [None]
    assert [row.id for row in result.gone] == [100]


def test_the_other_side_of_a_flip_is_no_heir() -> None:
    before = stored((2, 3))  # a long of three
    result = matched(trips((1, -1), (2, 3)), before)  # now one closes, two open
    assert ids(result) == [None, 100]


def test_with_recording_off_what_is_open_is_finished_and_nothing_opens() -> None:
    now = trips((1, 1), (2, -2))
    result = match(now, stored((1, 1)), set(), recording_enabled=False)
    assert ids(result) == [100]
    assert [trip.opening.fill_id for trip in result.unrecorded] == [2]


def test_what_was_left_out_stays_out() -> None:
    result = matched(trips((1, 1), (2, -1), (3, 1)), [], {1})
    assert [trip.opening.fill_id for trip, _ in result.kept] == [3]
    assert [trip.opening.fill_id for trip in result.unrecorded] == [1]


def test_a_left_out_flip_does_not_hide_the_trip_that_it_closed() -> None:
    result = matched(trips((1, 1), (2, -2)), stored((1, 1)), {2})
    assert ids(result) == [100]
    assert [trip.opening.fill_id for trip in result.unrecorded] == [2]
