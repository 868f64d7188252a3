"""Last trading days against dates that others printed, and what holds for every product."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from itertools import pairwise

import pytest

from shared.domain.business_days import is_business_day
from shared.domain.calendar import CHICAGO, last_trading_day
from shared.domain.instruments import PRODUCTS, Product, product_of
from shared.domain.sessions import session_of, trading_ends
from shared.domain.symbols import MONTH_LETTERS, parse_contract
from tests.unit.domain.expiry_sources import SOURCES, UNDATED, printed

ROWS = sorted(set(printed()))
TODAY = date(2026, 10, 5)


@pytest.mark.parametrize(("source", "contract", "day"), ROWS)
def test_we_agree_with_what_is_printed(source: str, contract: str, day: date) -> None:
    assert source in SOURCES
    known = parse_contract(contract, TODAY)
    assert last_trading_day(product_of(known.root), known.year, known.month) == day


def test_every_product_is_dated_or_named_as_undated() -> None:
    dated = {parse_contract(contract, TODAY).root for _, contract, _ in ROWS}
    assert dated | UNDATED == set(PRODUCTS)
    assert not dated & UNDATED


def test_every_source_is_used() -> None:
    assert {source for source, _, _ in ROWS} == set(SOURCES)


@pytest.mark.parametrize("product", PRODUCTS.values(), ids=list(PRODUCTS))
def test_from_2015_to_2030_it_is_a_trading_day_and_they_follow_each_other(
    product: Product,
) -> None:
    last_days = [
        last_trading_day(product, year, MONTH_LETTERS.index(letter) + 1)
        for year in range(2015, 2031)
        for letter in product.cycle
    ]
    assert all(is_business_day(day) for day in last_days)
    assert all(earlier < later for earlier, later in pairwise(last_days))
    for day in last_days:
        morning = session_of(product, _morning(day))
        assert morning is not None
        assert morning.trade_date == day


@pytest.mark.parametrize(
    ("contract", "ends"),
    [
        ("ESZ2026", "2026-12-18T14:30"),  # 08:30 in Chicago
        ("NQM2026", "2026-06-18T13:30"),  # in summer, and a day ahead of Juneteenth
        ("NKDZ2026", "2026-12-10T22:00"),
        ("ZNZ2026", "2026-12-21T18:01"),
        ("6EZ2026", "2026-12-14T15:16"),
        ("HGZ2026", "2026-12-29T18:00"),
        ("GCZ2026", "2026-12-29T22:00"),  # at the session's close
        ("ZCZ2026", "2026-12-14T19:20"),
        ("LEZ2026", "2026-12-31T18:00"),
        ("BTCX2026", "2026-11-27T16:00"),  # London
        ("BTCN2026", "2026-07-31T15:00"),  # London's summer
        ("VXZ2026", "2026-12-16T14:00"),
        ("GCX2025", "2025-11-25T22:00"),
        ("CLZ2026", "2026-11-20T22:00"),
    ],
)
def test_when_trading_ends(contract: str, ends: str) -> None:
    known = parse_contract(contract, TODAY)
    at = trading_ends(product_of(known.root), known.year, known.month)
    assert at == datetime.fromisoformat(ends).replace(tzinfo=UTC)


@pytest.mark.parametrize("product", PRODUCTS.values(), ids=list(PRODUCTS))
def test_trading_ends_on_the_last_trading_day(product: Product) -> None:
    for year in range(2015, 2031):
        for letter in product.cycle:
            month = MONTH_LETTERS.index(letter) + 1
            ends = trading_ends(product, year, month)
            assert ends.astimezone(CHICAGO).date() == last_trading_day(product, year, month)


def _morning(day: date) -> datetime:
    """Nine in Chicago, after the last opening and before every early close of a business day."""
    return datetime.combine(day, time(9), CHICAGO)
