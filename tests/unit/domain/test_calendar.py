from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.business_days import good_friday, holidays, is_business_day
from shared.domain.calendar import (
    CHICAGO,
    front_month,
    last_trading_day,
    listed,
    next_roll,
    roll_date,
    trade_date,
)
from shared.domain.instruments import PRODUCTS, Product, product_of
from shared.domain.symbols import ContractMonth, parse_contract

every_product = pytest.mark.parametrize("product", PRODUCTS.values(), ids=list(PRODUCTS))
products = st.sampled_from(list(PRODUCTS.values()))
days = st.dates(min_value=date(2015, 1, 1), max_value=date(2030, 12, 31))


def _delivery_months(product: Product) -> list[ContractMonth]:
    return [
        ContractMonth(product.root, year, "FGHJKMNQUVXZ".index(letter) + 1)
        for year in range(2015, 2031)
        for letter in product.cycle
    ]


def _last_day(contract: ContractMonth) -> date:
    return last_trading_day(product_of(contract.root), contract.year, contract.month)


# --- trading day ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chicago", "day"),
    [
        ("2026-10-05T16:59:59.999999", "2026-10-05"),  # a Monday
        ("2026-10-05T17:00:00", "2026-10-06"),
        ("2026-10-06T00:00:00", "2026-10-06"),
        ("2026-10-08T17:00:00", "2026-10-09"),
        ("2026-10-09T16:59:00", "2026-10-09"),  # Friday before the close
        ("2026-10-09T17:00:00", "2026-10-12"),  # Friday evening
        ("2026-10-10T12:00:00", "2026-10-12"),
        ("2026-10-10T18:00:00", "2026-10-12"),
        ("2026-10-11T16:00:00", "2026-10-12"),
        ("2026-10-11T17:00:00", "2026-10-12"),  # Sunday's opening
        ("2026-12-31T17:00:00", "2027-01-04"),
    ],
)
def test_the_trading_day_rolls_at_17_in_chicago(chicago: str, day: str) -> None:
    at = datetime.fromisoformat(chicago).replace(tzinfo=CHICAGO)
    assert trade_date(at) == date.fromisoformat(day)
    assert trade_date(at.astimezone(UTC)) == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("utc", "day"),
    [
        ("2026-07-01T21:59:59", "2026-07-01"),  # summer: 22:00 UTC
        ("2026-07-01T22:00:00", "2026-07-02"),
        ("2026-12-01T22:59:59", "2026-12-01"),  # winter: 23:00 UTC
        ("2026-12-01T23:00:00", "2026-12-02"),
    ],
)
def test_the_roll_follows_summer_time(utc: str, day: str) -> None:
    assert trade_date(datetime.fromisoformat(utc).replace(tzinfo=UTC)) == date.fromisoformat(day)


@given(
    at=st.datetimes(
        min_value=datetime(2015, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        max_value=datetime(2030, 12, 31),  # noqa: DTZ001 - same
        timezones=st.sampled_from([UTC, CHICAGO, ZoneInfo("Asia/Tokyo")]),
    ),
    later_s=st.integers(min_value=0, max_value=10**6),
)
def test_trading_days_are_weekdays_and_never_go_back(at: datetime, later_s: int) -> None:
    day = trade_date(at)
    assert day.weekday() < 5
    later = at.astimezone(UTC) + timedelta(seconds=later_s)
    assert day <= trade_date(later)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        trade_date(datetime(2026, 10, 5, 12))  # noqa: DTZ001 - that is the point


# --- business days -------------------------------------------------------------------------


def test_good_friday_as_printed_in_calendars() -> None:
    printed = [
        *("2015-04-03", "2016-03-25", "2017-04-14", "2018-03-30", "2019-04-19", "2020-04-10"),
        *("2021-04-02", "2022-04-15", "2023-04-07", "2024-03-29", "2025-04-18", "2026-04-03"),
        *("2027-03-26", "2028-04-14", "2029-03-30", "2030-04-19"),
    ]
    assert [good_friday(year).isoformat() for year in range(2015, 2031)] == printed


@pytest.mark.parametrize("year", range(1900, 2100))
def test_easter_falls_where_it_may(year: int) -> None:
    easter = good_friday(year) + timedelta(days=2)
    assert easter.weekday() == 6
    assert date(year, 3, 22) <= easter <= date(year, 4, 25)


def test_the_holidays_of_a_year() -> None:
    assert sorted(day.isoformat() for day in holidays(2026)) == [
        *("2026-01-01", "2026-01-19", "2026-02-16", "2026-04-03", "2026-05-25", "2026-06-19"),
        *("2026-07-03", "2026-09-07", "2026-11-26", "2026-12-25"),
    ]


@pytest.mark.parametrize(
    ("day", "open_"),
    [
        ("2021-06-18", True),  # before Juneteenth was kept
        ("2022-06-20", False),  # Juneteenth on a Sunday
        ("2021-07-05", False),  # Independence Day on a Sunday
        ("2021-12-24", False),  # Christmas on a Saturday
        ("2021-12-31", True),  # New Year's Day on a Saturday is not moved
        ("2023-01-02", False),  # New Year's Day on a Sunday is
        ("2026-10-10", False),  # a Saturday
        ("2026-10-12", True),  # banks rest, exchanges do not
    ],
)
def test_business_days(day: str, open_: bool) -> None:
    assert is_business_day(date.fromisoformat(day)) is open_


# --- last trading days ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contract", "last"),
    [
        ("ESZ2024", "2024-12-20"),
        ("ESM2026", "2026-06-18"),  # the third Friday is Juneteenth
        ("NKDZ2024", "2024-12-12"),
        ("CLK2020", "2020-04-21"),
        ("CLH2025", "2025-02-20"),  # over Presidents' Day
        ("CLF2025", "2024-12-19"),  # the 25th is Christmas
        ("MCLZ2024", "2024-11-19"),
        ("NGH2024", "2024-02-27"),
        ("HOF2025", "2024-12-31"),
        ("BZG2025", "2024-12-30"),
        ("BZF2025", "2024-11-29"),
        ("GCZ2024", "2024-12-27"),
        ("ZNZ2024", "2024-12-19"),
        ("ZFZ2024", "2024-12-31"),
        ("6EZ2024", "2024-12-16"),
        ("6EM2023", "2023-06-16"),  # Juneteenth on Monday
        ("6CZ2024", "2024-12-17"),
        ("ZCZ2024", "2024-12-13"),
        ("LEZ2024", "2024-12-31"),
        ("GFX2024", "2024-11-21"),  # before Thanksgiving
        ("GFK2025", "2025-05-22"),  # the week of Memorial Day does not count
        ("GFH2025", "2025-03-27"),
        ("HEN2024", "2024-07-15"),
        ("BTCZ2024", "2024-12-27"),
        ("BTCH2024", "2024-03-28"),  # Good Friday
        ("MBTZ2025", "2025-12-24"),  # Boxing Day in London, Christmas before it
        ("BTCZ2026", "2026-12-24"),
        ("DXZ2024", "2024-12-16"),
        ("VXZ2024", "2024-12-18"),
        ("VXM2024", "2024-06-18"),  # the Wednesday is Juneteenth
        ("VXK2026", "2026-05-19"),  # June's third Friday is
    ],
)
def test_last_trading_days_of_the_past(contract: str, last: str) -> None:
    known = parse_contract(contract, date(2026, 10, 5))
    assert _last_day(known) == date.fromisoformat(last)


@every_product
def test_last_trading_days_are_business_days_in_order(product: Product) -> None:
    contracts = _delivery_months(product)
    last_days = [_last_day(contract) for contract in contracts]

    assert all(is_business_day(day) for day in last_days)
    assert all(earlier < later for earlier, later in pairwise(last_days))
    # What `front_month` builds on: nothing trades beyond its delivery month.
    for contract, day in zip(contracts, last_days, strict=True):
        assert (day.year, day.month) <= (contract.year, contract.month)


# --- rolls ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contract", "rolls"),
    [
        ("NQZ2026", "2026-12-10"),  # Thursday, 8 days before
        ("6EZ2026", "2026-12-06"),
        ("CLX2026", "2026-10-14"),  # 4 business days before October 20
        ("ZNZ2026", "2026-11-24"),  # 3 before November 30, over Thanksgiving
        ("GCZ2026", "2026-11-24"),
        ("ZCZ2026", "2026-11-24"),
        ("HEZ2026", "2026-11-24"),
        ("BTCV2026", "2026-10-27"),
        ("VXV2026", "2026-10-16"),
    ],
)
def test_roll_dates(contract: str, rolls: str) -> None:
    known = parse_contract(contract, date(2026, 10, 5))
    assert roll_date(product_of(known.root), known) == date.fromisoformat(rolls)


@every_product
def test_rolls_come_before_the_end_and_in_order(product: Product) -> None:
    contracts = _delivery_months(product)
    rolls = [roll_date(product, contract) for contract in contracts]
    assert all(earlier < later for earlier, later in pairwise(rolls))
    assert all(roll < _last_day(contract) for roll, contract in zip(rolls, contracts, strict=True))


@pytest.mark.parametrize(
    ("on", "n", "name"),
    [
        ("2026-12-09", 1, "NQZ6"),
        ("2026-12-10", 1, "NQH7"),
        ("2026-12-09", 2, "NQH7"),
        ("2026-12-10", 4, "NQZ7"),
    ],
)
def test_the_front_switches_on_the_roll_date(on: str, n: int, name: str) -> None:
    assert front_month(product_of("NQ"), date.fromisoformat(on), n).name == name


@given(product=products, on=days, n=st.integers(min_value=1, max_value=9))
def test_the_front_is_the_first_contract_not_yet_rolled(product: Product, on: date, n: int) -> None:
    contracts = [front_month(product, on, rank) for rank in range(1, n + 1)]
    assert contracts == sorted(set(contracts))
    assert all(roll_date(product, contract) > on for contract in contracts)
    assert set(contracts) <= set(listed(product, on, n + 2))
    assert front_month(product, roll_date(product, contracts[0]), n) > contracts[-1]


@pytest.mark.parametrize(
    ("root", "on", "leaving", "entering", "date_"),
    [
        ("NQ", "2026-11-21", "NQZ6", "NQH7", "2026-12-10"),
        ("NQ", "2026-12-10", "NQH7", "NQM7", "2027-03-11"),  # the day of a roll looks ahead
        ("CL", "2026-10-13", "CLX6", "CLZ6", "2026-10-14"),
    ],
)
def test_the_next_roll_is_known_ahead(
    root: str, on: str, leaving: str, entering: str, date_: str
) -> None:
    roll = next_roll(product_of(root), date.fromisoformat(on))
    assert (roll.leaving.name, roll.entering.name) == (leaving, entering)
    assert roll.date == date.fromisoformat(date_)


@given(product=products, on=days)
def test_the_front_changes_on_the_day_of_the_roll(product: Product, on: date) -> None:
    roll = next_roll(product, on)
    assert on < roll.date
    assert front_month(product, roll.date - timedelta(days=1)) == roll.leaving
    assert front_month(product, roll.date) == roll.entering


@pytest.mark.parametrize("n", [0, -1])
def test_there_is_no_contract_before_the_front(n: int) -> None:
    with pytest.raises(ValueError, match="number 1"):
        front_month(product_of("NQ"), date(2026, 10, 5), n)


def test_there_is_no_contract_beyond_all_listings() -> None:
    assert front_month(product_of("NQ"), date(2026, 10, 5), 80).name == "NQU6"  # of 2046
    with pytest.raises(ValueError, match="no contract number 81"):
        front_month(product_of("NQ"), date(2026, 10, 5), 81)


def test_a_group_without_a_roll_rule_fails_loudly() -> None:
    stray = replace(product_of("NQ"), group="weather")  # type: ignore[arg-type] # a wrong group
    with pytest.raises(AssertionError):
        roll_date(stray, ContractMonth("NQ", 2026, 12))


def test_a_contract_is_listed_through_its_last_day() -> None:
    nq = product_of("NQ")
    assert [month.name for month in listed(nq, date(2026, 9, 18), 3)] == ["NQU6", "NQZ6", "NQH7"]
    assert [month.name for month in listed(nq, date(2026, 9, 19), 2)] == ["NQZ6", "NQH7"]
    assert listed(nq, date(2026, 9, 19), 0) == []
