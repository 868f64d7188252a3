from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.calendar import CHICAGO, trade_date
from shared.domain.instruments import PRODUCTS, Product, product_of
from shared.domain.sessions import (
    Session,
    is_open,
    next_open,
    session_end,
    session_of,
    sessions_on,
)
from shared.domain.special_days import SpecialDay, special_day, trading_day
from tests.oracles.differences import COLUMNS, HOURS, KNOWN, ours, reason
from tests.oracles.golden import golden_rows

products = st.sampled_from(list(PRODUCTS.values()))
instants = st.datetimes(
    min_value=datetime(2015, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2030, 12, 31),  # noqa: DTZ001 - same
    timezones=st.sampled_from([UTC, CHICAGO]),
)
DAYS = [date(2015, 1, 1) + timedelta(days=ahead) for ahead in range(16 * 365)]
NQ, CORN, CATTLE, DOLLAR, VIX = map(product_of, ("NQ", "ZC", "LE", "DX", "VX"))
ORDINARY = {"A": "17:00-16:00", "B": "19:00-13:20", "C": "08:30-13:05"}
ORDINARY |= {"D": "19:01-17:00", "E": "08:30-15:15"}


def chicago(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHICAGO)


# --- ordinary days -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("product", "at", "open_"),
    [
        (NQ, "2026-10-05T15:59:59", True),  # Monday
        (NQ, "2026-10-05T16:00:00", False),  # the daily break
        (NQ, "2026-10-05T16:59:59", False),
        (NQ, "2026-10-05T17:00:00", True),
        (NQ, "2026-10-09T16:00:00", False),  # Friday's close
        (NQ, "2026-10-09T17:00:00", False),
        (NQ, "2026-10-10T12:00:00", False),
        (NQ, "2026-10-11T16:59:00", False),
        (NQ, "2026-10-11T17:00:00", True),  # Sunday
        (CORN, "2026-10-05T19:00:00", True),
        (CORN, "2026-10-05T18:59:00", False),
        (CORN, "2026-10-06T07:44:59", True),
        (CORN, "2026-10-06T07:45:00", False),
        (CORN, "2026-10-06T08:30:00", True),
        (CORN, "2026-10-06T13:20:00", False),
        (CATTLE, "2026-10-06T08:29:00", False),
        (CATTLE, "2026-10-06T08:30:00", True),
        (CATTLE, "2026-10-06T13:05:00", False),
        (DOLLAR, "2026-10-05T19:00:00", False),
        (DOLLAR, "2026-10-05T19:01:00", True),
        (DOLLAR, "2026-10-06T16:59:00", True),
        (DOLLAR, "2026-10-06T17:00:00", False),
        (VIX, "2026-10-06T08:30:00", True),
        (VIX, "2026-10-06T15:15:00", False),
    ],
    ids=lambda value: value.root if isinstance(value, Product) else str(value),
)
def test_hours(product: Product, at: str, open_: bool) -> None:
    assert is_open(product, chicago(at)) is open_
    assert is_open(product, chicago(at).astimezone(UTC)) is open_


def test_a_session_is_told_in_utc_with_its_trade_date() -> None:
    assert session_of(NQ, chicago("2026-10-11T18:00")) == Session(
        opens_at=datetime(2026, 10, 11, 22, tzinfo=UTC),
        closes_at=datetime(2026, 10, 12, 21, tzinfo=UTC),
        trade_date=date(2026, 10, 12),
    )
    assert session_of(NQ, chicago("2026-10-10T18:00")) is None


@pytest.mark.parametrize(
    ("sunday", "opens", "closes"),
    [
        ("2026-03-01", "2026-03-01T23:00", "2026-03-02T22:00"),  # the week before the change
        ("2026-03-08", "2026-03-08T22:00", "2026-03-09T21:00"),  # clocks went forward at 02:00
        ("2026-10-25", "2026-10-25T22:00", "2026-10-26T21:00"),
        ("2026-11-01", "2026-11-01T23:00", "2026-11-02T22:00"),  # and back
    ],
)
def test_chicago_keeps_its_hours_over_both_clock_changes(
    sunday: str, opens: str, closes: str
) -> None:
    session = session_of(NQ, chicago(f"{sunday}T17:00"))
    assert session is not None
    assert session.opens_at == datetime.fromisoformat(opens).replace(tzinfo=UTC)
    assert session.closes_at == datetime.fromisoformat(closes).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("product", "at", "opens"),
    [
        (NQ, "2026-10-09T16:00", "2026-10-11T17:00"),
        (NQ, "2026-10-05T12:00", "2026-10-05T17:00"),  # also while open
        (NQ, "2026-10-05T17:00", "2026-10-06T17:00"),
        (CORN, "2026-10-06T07:45", "2026-10-06T08:30"),
        (CORN, "2026-10-09T13:20", "2026-10-11T19:00"),
        (NQ, "2026-12-24T12:15", "2026-12-27T17:00"),  # Christmas on a Friday
        (CATTLE, "2026-12-31T13:05", "2027-01-04T08:30"),
    ],
)
def test_the_next_opening(product: Product, at: str, opens: str) -> None:
    assert next_open(product, chicago(at)) == chicago(opens)


@pytest.mark.parametrize(
    ("product", "at", "ends"),
    [
        (NQ, "2026-10-05T12:00", "2026-10-05T16:00"),
        (NQ, "2026-10-05T16:30", "2026-10-06T16:00"),
        (NQ, "2026-10-09T20:00", "2026-10-12T16:00"),
        (CORN, "2026-10-05T20:00", "2026-10-06T13:20"),  # the day's second session
        (NQ, "2026-09-07T10:00", "2026-09-08T16:00"),  # Labor Day counts for Tuesday
        (NQ, "2026-11-27T10:00", "2026-11-27T12:15"),
    ],
)
def test_day_orders_end_with_the_trading_day(product: Product, at: str, ends: str) -> None:
    assert session_end(product, chicago(at)) == chicago(ends)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        is_open(NQ, datetime(2026, 10, 5, 12))  # noqa: DTZ001 - that is the point


# --- holidays ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        ("2026-01-01", SpecialDay.CLOSED),
        ("2026-01-19", SpecialDay.HOLIDAY),
        ("2026-04-03", SpecialDay.GOOD_FRIDAY_REPORT),
        ("2027-03-26", SpecialDay.GOOD_FRIDAY),
        ("2026-06-19", SpecialDay.HOLIDAY_FRIDAY),
        ("2026-07-02", None),
        ("2026-07-03", SpecialDay.HOLIDAY_FRIDAY),
        ("2024-07-03", SpecialDay.JULY_3),
        ("2024-07-04", SpecialDay.INDEPENDENCE),
        ("2027-07-05", SpecialDay.INDEPENDENCE),
        ("2026-11-26", SpecialDay.THANKSGIVING),
        ("2026-11-27", SpecialDay.DAY_AFTER_THANKSGIVING),
        ("2026-12-24", SpecialDay.CHRISTMAS_EVE),
        ("2027-12-24", SpecialDay.CLOSED),  # Christmas kept on Friday
        ("2022-12-26", SpecialDay.CLOSED),  # and on Monday
        ("2027-12-31", None),
        ("2023-01-02", SpecialDay.CLOSED),
        ("2022-12-24", None),  # a Saturday
        ("2025-01-09", SpecialDay.MOURNING_2025),
        ("2026-10-12", None),
    ],
)
def test_kinds_of_days(day: str, kind: SpecialDay | None) -> None:
    assert special_day(date.fromisoformat(day)) is kind


@pytest.mark.parametrize(
    ("at", "day"),
    [
        ("2026-09-06T17:00", "2026-09-08"),  # the evening before Labor Day
        ("2026-09-07T11:00", "2026-09-08"),
        ("2026-09-07T17:00", "2026-09-08"),
        ("2026-06-18T17:00", "2026-06-22"),  # Juneteenth on a Friday
        ("2026-11-25T18:00", "2026-11-27"),
        ("2026-04-03T08:00", "2026-04-03"),  # a morning with the employment report
        ("2024-03-29T08:00", "2024-04-01"),  # Good Friday without
        ("2025-01-09T08:00", "2025-01-09"),
    ],
)
def test_a_holidays_trades_belong_to_the_next_day(at: str, day: str) -> None:
    assert trade_date(chicago(at)) == date.fromisoformat(day)


def test_the_oracle_agrees_but_for_known_differences() -> None:
    met: set[tuple[str, SpecialDay | None]] = set()
    for day, theirs in golden_rows():
        for column in COLUMNS:
            mine = ours(column, HOURS[column], day)
            if mine != theirs[column]:
                assert reason(column, day) is not None, f"{column} {day}: {mine}, {theirs[column]}"
                met.add((column, special_day(day)))
    assert met == {*KNOWN, ("grains", None)}, "a difference that no longer is"


@pytest.mark.parametrize("column", COLUMNS)
def test_ordinary_weekdays_are_alike(column: str) -> None:
    plain = [
        day
        for day in DAYS
        if day.weekday() < 5 and not special_day(day) and not special_day(day - timedelta(days=1))
    ]
    assert {ours(column, HOURS[column], day) for day in plain} == {ORDINARY[HOURS[column]]}


# --- what holds for every product ----------------------------------------------------------


@pytest.mark.parametrize("column", COLUMNS)
def test_sessions_are_in_order_and_end_on_their_trade_date(column: str) -> None:
    sessions = [session for day in DAYS for session in sessions_on(column, HOURS[column], day)]

    assert all(session.opens_at < session.closes_at for session in sessions)
    assert all(one.closes_at <= two.opens_at for one, two in pairwise(sessions))
    assert all(one.trade_date <= two.trade_date for one, two in pairwise(sessions))
    last = {session.trade_date: session for session in sessions}
    assert all(
        session.closes_at.astimezone(CHICAGO).date() == day == trading_day(day)
        for day, session in last.items()
        if day <= DAYS[-1]
    )


@given(product=products, at=instants)
def test_one_instant_has_one_answer(product: Product, at: datetime) -> None:
    session = session_of(product, at)
    opening = next_open(product, at)

    assert is_open(product, at) is (session is not None)
    assert opening > at
    assert is_open(product, opening)
    assert not is_open(product, opening - timedelta(microseconds=1))
    assert session_end(product, at) > at
    if session is None:
        assert not is_open(product, (at + (opening - at) / 2).astimezone(UTC))
        return
    assert session.opens_at <= at < session.closes_at <= session_end(product, at)
    assert session.trade_date == trade_date(at)
    assert trade_date(session_end(product, at) - timedelta(microseconds=1)) == session.trade_date


def test_a_product_of_no_known_group_fails_loudly() -> None:
    with pytest.raises(KeyError):
        is_open(replace(NQ, hours="Z"), chicago("2026-10-05T12:00"))
